/*
 * templates.cpp: many template instantiations for the compilers to chew on, and a program whose
 * output is fixed. compile_test.py compares the object files and runs the result.
 */
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

/* Numbers as types: primes by trial division at compile time. */
template <unsigned N, unsigned D> struct divides_none {
    static constexpr bool value =
        (D * D > N) || (N % D != 0 && divides_none < N, (D * D > N) ? D : D + 1 > ::value);
};
template <unsigned N> struct divides_none<N, 200> { static constexpr bool value = true; };
template <unsigned N> struct is_prime {
    static constexpr bool value = N > 1 && divides_none<N, 2>::value;
};
template <unsigned... Ns> constexpr unsigned count_primes(std::integer_sequence<unsigned, Ns...>) {
    return ((is_prime<Ns>::value ? 1u : 0u) + ...);
}

/* Type lists, sorted at compile time by size. */
template <unsigned N> struct block { std::array<std::uint8_t, (N * 37) % 251 + 1> bytes; };
template <class... Ts> struct list {};
template <class T, class L> struct push;
template <class T, class... Ts> struct push<T, list<Ts...>> { using type = list<T, Ts...>; };
template <class T, class L> struct insert;
template <class T> struct insert<T, list<>> { using type = list<T>; };
template <class T, class U, class... Us> struct insert<T, list<U, Us...>> {
    using type = typename std::conditional_t<(sizeof(T) <= sizeof(U)), push<T, list<U, Us...>>,
                                             push<U, typename insert<T, list<Us...>>::type>>::type;
};
template <class L> struct sort;
template <> struct sort<list<>> { using type = list<>; };
template <class T, class... Ts> struct sort<list<T, Ts...>> {
    using type = typename insert<T, typename sort<list<Ts...>>::type>::type;
};
template <unsigned... Ns> list<block<Ns>...> make_blocks(std::integer_sequence<unsigned, Ns...>);
template <class... Ts> std::vector<unsigned> sizes(list<Ts...>) {
    return {unsigned(sizeof(Ts))...};
}

/* Containers of containers for many element types. */
template <class T> struct maker;
template <> struct maker<int> {
    static int make(int i) {
        return i * 7919 % 1009;
    }
};
template <> struct maker<double> {
    static double make(int i) {
        return i / 8.0;
    }
};
template <> struct maker<std::string> {
    static std::string make(int i) {
        return std::string(std::size_t(i % 60), 'a') + std::to_string(i);
    }
};
template <class A, class B> struct maker<std::pair<A, B>> {
    static std::pair<A, B> make(int i) {
        return {maker<A>::make(i), maker<B>::make(i + 1)};
    }
};
template <class... Ts> struct maker<std::tuple<Ts...>> {
    static std::tuple<Ts...> make(int i) {
        return std::tuple<Ts...>{maker<Ts>::make(i)...};
    }
};
template <class T> struct maker<std::vector<T>> {
    static std::vector<T> make(int i) {
        std::vector<T> out;
        for (int k = 0; k < i % 9; k++) {
            out.push_back(maker<T>::make(i + k));
        }
        return out;
    }
};

inline void mix(std::uint64_t &h, std::uint64_t v) {
    h = (h ^ v) * 1099511628211u;
}
template <class A, class B> void hash(std::uint64_t &h, const std::pair<A, B> &v);
template <class T> void hash(std::uint64_t &h, const std::vector<T> &v);
template <class... Ts> void hash(std::uint64_t &h, const std::tuple<Ts...> &v);
inline void hash(std::uint64_t &h, int v) {
    mix(h, std::uint64_t(v));
}
inline void hash(std::uint64_t &h, double v) {
    mix(h, std::uint64_t(v * 8));
}
inline void hash(std::uint64_t &h, const std::string &v) {
    for (char c : v) {
        mix(h, std::uint64_t(std::uint8_t(c)));
    }
}
template <class A, class B> void hash(std::uint64_t &h, const std::pair<A, B> &v) {
    hash(h, v.first);
    hash(h, v.second);
}
template <class T> void hash(std::uint64_t &h, const std::vector<T> &v) {
    mix(h, v.size());
    for (const T &e : v) {
        hash(h, e);
    }
}
template <class... Ts> void hash(std::uint64_t &h, const std::tuple<Ts...> &v) {
    std::apply([&h](const Ts &...e) { (hash(h, e), ...); }, v);
}

template <class T> std::uint64_t exercise(int n) {
    std::uint64_t h = 1469598103934665603u;
    std::map<T, std::vector<T>> by_value;
    std::list<T> order;
    std::deque<std::optional<T>> queue;
    std::set<T> seen;
    std::vector<std::unique_ptr<T>> owned;
    for (int i = 0; i < n; i++) {
        T value = maker<T>::make(i);
        by_value[maker<T>::make(i % 37)].push_back(value);
        order.push_back(value);
        queue.emplace_front(i % 3 ? std::optional<T>(value) : std::nullopt);
        seen.insert(value);
        owned.push_back(std::make_unique<T>(std::move(value)));
    }
    order.sort(std::greater<T>());
    std::stable_sort(owned.begin(), owned.end(),
                     [](const auto &a, const auto &b) { return *a < *b; });
    for (const auto &[key, values] : by_value) {
        hash(h, key);
        hash(h, values);
    }
    for (const T &v : order) {
        hash(h, v);
    }
    for (const auto &v : queue) {
        if (v) {
            hash(h, *v);
        }
    }
    for (const T &v : seen) {
        hash(h, v);
    }
    for (const auto &v : owned) {
        hash(h, *v);
    }
    return h;
}

template <class... Ts> void exercise_all(int n) {
    (std::printf("%016llx\n", (unsigned long long)exercise<Ts>(n)), ...);
}

using tree_value = std::variant<int, std::string, std::vector<double>>;
struct tree {
    tree_value value;
    std::vector<std::shared_ptr<tree>> kids;
};
static std::shared_ptr<tree> grow(int depth, int n) {
    auto node = std::make_shared<tree>();
    if (n % 3 == 0) {
        node->value = n;
    } else if (n % 3 == 1) {
        node->value = maker<std::string>::make(n);
    } else {
        node->value = maker<std::vector<double>>::make(n);
    }
    for (int i = 0; depth > 0 && i < 3; i++) {
        node->kids.push_back(grow(depth - 1, n * 3 + i));
    }
    return node;
}
static std::uint64_t walk(const tree &t) {
    std::uint64_t h = 7;
    std::visit([&h](const auto &v) { hash(h, v); }, t.value);
    for (const auto &k : t.kids) {
        mix(h, walk(*k));
    }
    return h;
}

int main() {
    std::printf("primes %u\n", count_primes(std::make_integer_sequence<unsigned, 250>{}));
    using sorted = sort<decltype(make_blocks(std::make_integer_sequence<unsigned, 40>{}))>::type;
    const auto s = sizes(sorted{});
    std::printf("sizes %u..%u %d\n", s.front(), s.back(), int(std::is_sorted(s.begin(), s.end())));
    using std::pair;
    using std::string;
    using std::tuple;
    using std::vector;
    exercise_all<double, vector<string>, pair<int, string>,
                 tuple<vector<int>, string, pair<int, int>>>(700);
    std::vector<std::thread> threads;
    std::vector<std::uint64_t> results(4);
    for (unsigned i = 0; i < results.size(); i++) {
        threads.emplace_back(
            [&results, i] { results[i] = exercise<tuple<string, vector<string>>>(500 + int(i)); });
    }
    for (auto &thread : threads) {
        thread.join();
    }
    for (auto r : results) {
        std::printf("%016llx\n", (unsigned long long)r);
    }
    std::printf("tree %016llx\n", (unsigned long long)walk(*grow(7, 1)));
    const std::string text = [] {
        std::ostringstream out;
        for (int i = 0; i < 2000; i++) {
            out << "key" << i % 50 << '=' << maker<std::string>::make(i) << ';';
        }
        return out.str();
    }();
    std::unordered_map<std::string, unsigned> counts;
    const std::regex pattern("key([0-9]+)=(a*)([0-9]+);");
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
        counts[(*it)[1]] += unsigned((*it)[2].length());
    }
    std::map<std::string, unsigned> ordered(counts.begin(), counts.end());
    for (const auto &[k, v] : ordered) {
        std::printf("%s:%u ", k.c_str(), v);
    }
    std::puts("");
    int caught = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            if (i % 2) {
                throw std::vector<std::string>(std::size_t(i % 40), "thrown");
            }
            (void)std::string(10, 'x').at(std::size_t(i));
            caught -= i < 10;
        } catch (const std::vector<std::string> &v) {
            caught += int(v.size());
        } catch (const std::out_of_range &) {
            caught++;
        }
    }
    std::printf("caught %d\n", caught);
    return 0;
}

/*
 * compile_input.cpp: something for a compiler to chew on.
 *
 * Holds: templates over the standard containers, a recursive variant and tuples of many types. It
 *        is compiled by the benchmark "compile-g++" and never run.
 */
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

struct Value;
using List = std::vector<Value>;
using Table = std::map<std::string, Value>;

struct Value {
    std::variant<std::monostate, bool, long, double, std::string, std::shared_ptr<List>,
                 std::shared_ptr<Table>>
        content;
};

struct Printer {
    std::ostringstream &out;
    void operator()(std::monostate) const {
        out << "null";
    }
    void operator()(bool value) const {
        out << (value ? "true" : "false");
    }
    void operator()(long value) const {
        out << value;
    }
    void operator()(double value) const {
        out << value;
    }
    void operator()(const std::string &value) const {
        out << '"' << value << '"';
    }
    void operator()(const std::shared_ptr<List> &list) const {
        out << '[';
        for (const Value &value : *list) {
            std::visit(*this, value.content);
            out << ',';
        }
        out << ']';
    }
    void operator()(const std::shared_ptr<Table> &table) const {
        out << '{';
        for (const auto &[key, value] : *table) {
            out << key << ':';
            std::visit(*this, value.content);
        }
        out << '}';
    }
};

template <int N> struct Tagged {
    std::vector<std::pair<long, std::string>> items;
    std::unordered_map<std::string, std::function<long(long)>> calls;

    long work(long seed) {
        items.emplace_back(seed * N, std::to_string(seed + N));
        calls[items.back().second] = [seed](long x) { return x * N + seed; };
        std::sort(items.begin(), items.end(), [](const auto &a, const auto &b) {
            return std::tie(a.second, a.first) < std::tie(b.second, b.first);
        });
        return std::accumulate(items.begin(), items.end(), 0L, [](long sum, const auto &item) {
            return sum + item.first % (N + 1);
        });
    }
};

template <int... N> long all(long seed, std::integer_sequence<int, N...>) {
    std::tuple<Tagged<N>...> parts;
    return (std::get<N>(parts).work(seed) + ...);
}

long compile_input(const std::string &text) {
    std::ostringstream out;
    Value value{std::make_shared<List>(List{Value{1L}, Value{std::string("two")}, Value{3.0}})};
    std::visit(Printer{out}, value.content);
    return all(static_cast<long>(out.str().size() + text.size()),
               std::make_integer_sequence<int, 6>());
}

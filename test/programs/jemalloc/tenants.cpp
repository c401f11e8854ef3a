/*
 * tenants.cpp: a C++ program that gives each tenant an arena of its own, and all of a tenant's memory
 * back by destroying it.
 *
 * Several threads serve several tenants, whose containers allocate from the tenant's arena. When a
 * tenant leaves, nothing of it is freed one by one: its arena goes. Checks that objects lie in the arena
 * asked for, that tenants do not disturb each other, and that the memory returns to the system.
 */
#include <jemalloc/jemalloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

namespace {

void check(bool condition, const std::string &what) {
    if (!condition) {
        std::printf("FAILED: %s\n", what.c_str());
        std::exit(1);
    }
}

template <typename Value> Value read_control(const std::string &name) {
    Value value{};
    size_t length = sizeof(value);
    check(mallctl(name.c_str(), &value, &length, nullptr, 0) == 0, "reading " + name);
    return value;
}

void act(const std::string &name) {
    check(mallctl(name.c_str(), nullptr, nullptr, nullptr, 0) == 0, name);
}

size_t resident() {
    std::FILE *file = std::fopen("/proc/self/statm", "r");
    unsigned long total = 0;
    unsigned long pages = 0;
    check(file != nullptr && std::fscanf(file, "%lu %lu", &total, &pages) == 2, "statm");
    std::fclose(file);
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

unsigned arena_of(const void *p) {
    unsigned arena = 0;
    size_t length = sizeof(arena);
    check(mallctl("arenas.lookup", &arena, &length, &p, sizeof(p)) == 0, "arenas.lookup");
    return arena;
}

/* An allocator for containers. */
template <typename T> struct InArena {
    using value_type = T;
    unsigned arena;

    explicit InArena(unsigned index) : arena(index) {
    }
    template <typename U> InArena(const InArena<U> &other) : arena(other.arena) {
    }

    int flags() const {
        return MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(alignof(T));
    }
    T *allocate(size_t count) {
        void *p = mallocx(count * sizeof(T), flags());
        if (p == nullptr) {
            throw std::bad_alloc();
        }
        return static_cast<T *>(p);
    }
    void deallocate(T *p, size_t count) {
        sdallocx(p, count * sizeof(T), flags());
    }
    template <typename U> bool operator==(const InArena<U> &other) const {
        return arena == other.arena;
    }
    template <typename U> bool operator!=(const InArena<U> &other) const {
        return arena != other.arena;
    }
};

using Text = std::basic_string<char, std::char_traits<char>, InArena<char>>;
using Table = std::unordered_map<unsigned, Text, std::hash<unsigned>, std::equal_to<unsigned>,
                                 InArena<std::pair<const unsigned, Text>>>;
using Blocks =
    std::list<std::vector<char, InArena<char>>, InArena<std::vector<char, InArena<char>>>>;

struct Tenant {
    unsigned arena;
    Table table;
    Blocks blocks;

    explicit Tenant(unsigned index)
        : arena(index), table(16, std::hash<unsigned>(), std::equal_to<unsigned>(),
                              InArena<std::pair<const unsigned, Text>>(index)),
          blocks(InArena<std::vector<char, InArena<char>>>(index)) {
    }

    void serve(unsigned count) {
        for (unsigned n = 0; n < count; n++) {
            table.emplace(
                n, Text(20 + n % 300, static_cast<char>('a' + n % 26), InArena<char>(arena)));
            if (n % 1000 == 0) {
                blocks.emplace_back(200000 + n, 'b', InArena<char>(arena));
            }
            if (n % 3 == 0) {
                table.erase(n / 2);
            }
        }
    }

    void verify() const {
        for (const auto &[key, text] : table) {
            check(text.size() == 20 + key % 300, "a text's length");
            check(text.find_first_not_of(static_cast<char>('a' + key % 26)) == Text::npos,
                  "a text");
            if (text.size() > 100 && key % 100 == 0) {
                check(arena_of(text.data()) == arena, "a text is in its tenant's arena");
            }
        }
        for (const auto &block : blocks) {
            check(arena_of(block.data()) == arena, "a block is in its tenant's arena");
        }
    }
};

/* A tenant that lives in its arena itself, so that destroying the arena is all there is to do. */
Tenant *move_in() {
    auto arena = read_control<unsigned>("arenas.create");
    void *p = mallocx(sizeof(Tenant), MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    check(p != nullptr && arena_of(p) == arena, "mallocx in a new arena");
    return new (p) Tenant(arena);
}

} // namespace

int main() {
    constexpr unsigned tenant_count = 8;
    constexpr unsigned rounds = 3;
    const size_t before = resident();
    std::vector<unsigned> seen;
    for (unsigned round = 0; round < rounds; round++) {
        std::vector<Tenant *> tenants;
        tenants.reserve(tenant_count);
        for (unsigned n = 0; n < tenant_count; n++) {
            tenants.push_back(move_in());
        }
        std::vector<std::thread> threads;
        threads.reserve(tenant_count);
        for (Tenant *tenant : tenants) {
            threads.emplace_back([tenant] { tenant->serve(20000); });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        const size_t full = resident();
        check(full > before + (tenant_count * 5UL << 20), "tenants take memory");
        for (unsigned n = 0; n < tenant_count; n++) {
            seen.push_back(tenants[n]->arena);
            act("arena." + std::to_string(tenants[n]->arena) + ".destroy");
            for (unsigned other = n + 1; other < tenant_count; other += 3) {
                tenants[other]->verify();
            }
        }
        // What destroyed arenas leave decays; nobody waits for that here.
        act("arena." STRING(MALLCTL_ARENAS_ALL) ".purge");
        const size_t after = resident();
        std::printf("round %u: %zu KiB, with tenants %zu KiB, without %zu KiB\n", round,
                    before >> 10, full >> 10, after >> 10);
        check(after < before + (full - before) / 10, "the memory goes back to the system");
    }
    std::sort(seen.begin(), seen.end());
    const auto distinct = std::unique(seen.begin(), seen.end()) - seen.begin();
    check(distinct <= 2 * static_cast<long>(tenant_count),
          "indices of destroyed arenas are used again");

    uint64_t epoch = 1;
    size_t length = sizeof(epoch);
    check(mallctl("epoch", &epoch, &length, &epoch, length) == 0, "epoch");
    check(read_control<uint64_t>("stats.arenas.4097.small.nmalloc") >
              uint64_t{rounds} * tenant_count * 20000,
          "what destroyed arenas served is still counted");
    return 0;
}

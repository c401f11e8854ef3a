/*
 * sized.cpp: what a C++ program asks for: operator new, delete with the size, and containers.
 *
 * Holds: sized delete in batches, strings and vectors, an ordered and a hashed map; unit of work:
 *        one object or one insertion.
 * Usage: bench.h. Linked with the C++ runtime; a preloaded allocator replaces the operators.
 */
#include "support/bench.h"

#include <map>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

void sized_delete(const bench_args *args) {
    constexpr unsigned count = 100;
    void *live[count];
    for (uint64_t done = 0; done < args->n; done += count) {
        for (unsigned i = 0; i < count; i++) {
            size_t size = 16 + (i & 15) * 16;
            live[i] = ::operator new(size);
            stamp_write(live[i], size, i);
        }
        for (unsigned i = 0; i < count; i++) {
            size_t size = 16 + (i & 15) * 16;
            stamp_check(live[i], size, i);
            ::operator delete(live[i], size);
        }
    }
}

void strings(const bench_args *args) {
    prng random = prng_make(args->seed, 0);
    std::vector<std::string> live(4096);
    size_t total = 0;
    for (uint64_t i = 0; i < args->n; i++) {
        std::string &text = live[prng_below(&random, 4096)];
        total += text.size();
        std::string grown;
        for (unsigned part = prng_below(&random, 6); part > 0; part--) {
            grown += "a part of a longer text, ";
        }
        text = grown + text.substr(0, 24);
    }
    if (total == 0 && args->n > 100000) {
        bench_fail("no string ever grew");
    }
}

void maps(const bench_args *args) {
    prng random = prng_make(args->seed, 0);
    std::map<uint32_t, std::vector<uint32_t>> ordered;
    std::unordered_map<uint32_t, std::string> hashed;
    for (uint64_t i = 0; i < args->n; i++) {
        uint32_t key = prng_below(&random, 50000);
        ordered[key].push_back(key);
        hashed[key] = "the value kept for one of many keys";
        uint32_t gone = prng_below(&random, 50000);
        auto found = ordered.find(gone);
        if (found != ordered.end()) {
            if (found->second.front() != gone) {
                bench_fail("a vector in the map lost its content");
            }
            ordered.erase(found);
            hashed.erase(gone);
        }
    }
}

const bench_mode modes[] = {
    {"cxx-sized-delete", sized_delete, 60000000, false, BENCH_WALL, BENCH_QUICK,
     "operator new and sized delete, batches of 100"},
    {"cxx-strings", strings, 7000000, false, BENCH_WALL, BENCH_FULL,
     "std::string growth among 4096 live strings"},
    {"cxx-maps", maps, 1500000, false, BENCH_WALL, BENCH_QUICK,
     "std::map and std::unordered_map insert and erase"},
};

} // namespace

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

/*
 * big_blocks.c: blocks of 5 to 25 MiB, written completely (malloc-large-like).
 *
 * Holds: 12 live blocks, a random one replaced each time; what is measured is whether freed pages
 *        are kept for the next block or given back and faulted in again. Unit of work: one block.
 * Usage: bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { NLIVE = 12, MIB = 1024 * 1024 };

static void malloc_large(const struct bench_args *args) {
    unsigned char *live[NLIVE] = {NULL};
    size_t sizes[NLIVE] = {0};
    struct prng prng = prng_make(args->seed, 0);
    for (uint64_t i = 0; i < args->n; i++) {
        uint32_t at = prng_below(&prng, NLIVE);
        if (live[at] != NULL) {
            stamp_check(live[at], sizes[at], at);
            free(live[at]);
        }
        sizes[at] = prng_between(&prng, (size_t)5 * MIB, (size_t)25 * MIB);
        live[at] = bench_got(malloc(sizes[at]));
        memset(live[at], (int)at, sizes[at]);
    }
    for (unsigned at = 0; at < NLIVE; at++) {
        free(live[at]);
    }
}

static const struct bench_mode modes[] = {
    {"malloc-large", malloc_large, 250, false, BENCH_WALL, BENCH_QUICK,
     "12 live blocks of 5 to 25 MiB, written completely"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

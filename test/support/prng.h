/*
 * prng.h: random numbers for tests, the same on every machine for the same seed.
 *
 * A counter put through the finaliser of splitmix64: any seed is good, streams of different seeds
 * are independent enough for tests, and a stream can be split off with prng_fork().
 * Locks: none; one struct prng belongs to one thread.
 */
#ifndef ASHLAR_TEST_SUPPORT_PRNG_H
#define ASHLAR_TEST_SUPPORT_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t state;
};

static inline uint64_t prng_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t prng_next(struct prng *prng) {
    prng->state += UINT64_C(0x9e3779b97f4a7c15);
    return prng_mix(prng->state);
}

/* Below n; n > 0. The bias of a remainder does not matter here. */
static inline size_t prng_below(struct prng *prng, size_t n) {
    return (size_t)(prng_next(prng) % n);
}

/* True once in n. */
static inline bool prng_one_in(struct prng *prng, size_t n) {
    return prng_below(prng, n) == 0;
}

static inline struct prng prng_fork(struct prng *prng, uint64_t stream) {
    return (struct prng){prng_next(prng) ^ prng_mix(stream + 1)};
}

/* At most max; every doubling equally likely, and often next to a boundary between size classes. */
static inline size_t prng_size(struct prng *prng, size_t max) {
    if (max == 0) {
        return 0;
    }
    unsigned doublings = 64u - (unsigned)__builtin_clzll(max);
    unsigned bits = (unsigned)prng_below(prng, doublings + 1);
    size_t size = bits == 0 ? 0 : prng_next(prng) & (((size_t)1 << bits) - 1);
    if (prng_one_in(prng, 4) && bits >= 3 && bits < 64) {
        size_t quarter = ((size_t)1 << bits) / 4;
        size = ((size_t)1 << bits) + prng_below(prng, 4) * quarter + prng_below(prng, 3) - 1;
    }
    return size > max ? max : size;
}

#endif

/*
 * bits.h: powers of two, bit scans, and runs of set bits in a 128-bit set.
 *
 * A 2 MiB chunk has 128 granules, so one bits128 describes a property of a whole chunk. Bit i stands
 * for granule i; a "run" is a maximal or requested series of adjacent set bits.
 */
#ifndef ASHLAR_BASE_BITS_H
#define ASHLAR_BASE_BITS_H

#include <stdbool.h>

#include "base/check.h"

__extension__ typedef unsigned __int128 bits128;

static inline bool is_power_of_two(size_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

/* Both need `alignment` to be a power of two; round_up wraps to 0 past SIZE_MAX. */
static inline size_t round_up(size_t n, size_t alignment) {
    return (n + alignment - 1) & ~(alignment - 1);
}

static inline size_t round_down(size_t n, size_t alignment) {
    return n & ~(alignment - 1);
}

/* floor(log2(n)), n > 0 */
static inline unsigned lg_floor(size_t n) {
    ASSERT(n != 0);
    return 63u - (unsigned)__builtin_clzll(n);
}

static inline size_t div_round_up(size_t n, size_t by) {
    return n / by + (n % by != 0);
}

/* n low bits set, 0 <= n <= 128 */
static inline bits128 bits128_low(unsigned n) {
    ASSERT(n <= 128);
    return n == 128 ? ~(bits128)0 : (((bits128)1 << n) - 1);
}

/* bits first .. first+n-1 */
static inline bits128 bits128_range(unsigned first, unsigned n) {
    ASSERT(first < 128 && first + n <= 128);
    return bits128_low(n) << first;
}

static inline unsigned bits128_count(bits128 set) {
    return (unsigned)__builtin_popcountll((uint64_t)set) +
           (unsigned)__builtin_popcountll((uint64_t)(set >> 64));
}

/* index of the lowest set bit; set != 0 */
static inline unsigned bits128_first(bits128 set) {
    ASSERT(set != 0);
    uint64_t low = (uint64_t)set;
    return low != 0 ? (unsigned)__builtin_ctzll(low)
                    : 64u + (unsigned)__builtin_ctzll((uint64_t)(set >> 64));
}

/* index of the highest set bit; set != 0 */
static inline unsigned bits128_last(bits128 set) {
    ASSERT(set != 0);
    uint64_t high = (uint64_t)(set >> 64);
    return high != 0 ? 127u - (unsigned)__builtin_clzll(high)
                     : 63u - (unsigned)__builtin_clzll((uint64_t)set);
}

/* Every bit at which a run of n set bits begins (1 <= n <= 128): shift-and doubling, 7 steps. Shifts by constants
 * take half the instructions. */
static inline bits128 bits128_run_starts(bits128 set, unsigned n) {
    ASSERT(n >= 1 && n <= 128);
    unsigned covered = 1;
#pragma GCC unroll 7
    for (unsigned lg = 0; lg < 7; lg++) {
        if (covered * 2 > n) {
            break;
        }
        set &= set >> (1u << lg);
        covered *= 2;
    }
    return set & set >> (n - covered);
}

/* Length of the longest run of set bits: where runs of 1, 2, 4 ... begin, and which of the last of these can be
 * continued by the lengths before it. */
static inline unsigned bits128_longest_run(bits128 set) {
    bits128 starts[8] = {set};
    unsigned lg = 0;
    if (set == 0 || set == ~(bits128)0) {
        return set == 0 ? 0 : 128;
    }
#pragma GCC unroll 7
    for (; lg < 7; lg++) {
        starts[lg + 1] = starts[lg] & starts[lg] >> (1u << lg);
        if (starts[lg + 1] == 0) {
            break;
        }
    }
    bits128 found = starts[lg];
    unsigned n = 1u << lg;
    while (lg-- > 0) {
        bits128 longer = found & starts[lg] >> n;
        n += longer != 0 ? 1u << lg : 0;
        found = longer != 0 ? longer : found;
    }
    return n;
}

/* Bits at multiples of `alignment` (a power of two, 1..128). */
static inline bits128 bits128_multiples(unsigned alignment) {
    bits128 set = 1;
    for (unsigned shift = alignment; shift < 128; shift *= 2) {
        set |= set << shift;
    }
    return set;
}

/* Length of the run of set bits that contains the set bit `at`; *first receives where it begins. */
static inline unsigned bits128_run_around(bits128 set, unsigned at, unsigned *first) {
    ASSERT(set >> at & 1);
    bits128 clear_below = ~set & bits128_low(at);
    bits128 clear_above = ~set & ~bits128_low(at);
    *first = clear_below == 0 ? 0 : bits128_last(clear_below) + 1;
    unsigned end = clear_above == 0 ? 128 : bits128_first(clear_above);
    return end - *first;
}

#endif

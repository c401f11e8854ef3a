/*
 * bitset.h: sets of small integers as arrays of 64-bit words, of any length.
 *
 * Used for the chunks of a region. Bits past the end of the set are zero. No locks here.
 */
#ifndef ASHLAR_BASE_BITSET_H
#define ASHLAR_BASE_BITSET_H

#include <stdbool.h>

#include "base/check.h"

static inline size_t bitset_words(size_t nbits) {
    return (nbits + 63) / 64;
}

static inline bool bitset_has(const uint64_t *set, size_t i) {
    return set[i / 64] >> (i % 64) & 1;
}

static inline void bitset_add(uint64_t *set, size_t i) {
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void bitset_remove(uint64_t *set, size_t i) {
    set[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static inline void bitset_add_range(uint64_t *set, size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        bitset_add(set, i);
    }
}

static inline void bitset_remove_range(uint64_t *set, size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        bitset_remove(set, i);
    }
}

/* First member (value true) or non-member (value false) at or after `from`; nbits when none. Members
 * of `except`, if it is not NULL, count as non-members. */
static inline size_t bitset_next(const uint64_t *set, const uint64_t *except, size_t nbits,
                                 size_t from, bool value) {
    while (from < nbits) {
        uint64_t word = set[from / 64] & (except != NULL ? ~except[from / 64] : ~(uint64_t)0);
        word = (value ? word : ~word) >> (from % 64);
        if (word != 0) {
            size_t found = from + (size_t)__builtin_ctzll(word);
            return found < nbits ? found : nbits;
        }
        from = (from / 64 + 1) * 64;
    }
    return nbits;
}

#endif

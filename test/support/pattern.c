/*
 * pattern.c: the patches of an object, one word at a time.
 */
#include "support/pattern.h"

#include <string.h>

#include "support/prng.h"

/* Covers [from, to) of an object; false ends the walk. */
typedef bool patch_visit(unsigned char *start, size_t from, size_t to, uint64_t seed,
                         size_t *where);

static uint64_t word_at(uint64_t seed, size_t offset) {
    return prng_mix(seed + offset);
}

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Of the same type as patch_compare. */
static bool patch_write(unsigned char *start, size_t from, size_t to, uint64_t seed,
                        size_t *where) { /* NOLINT(readability-non-const-parameter) */
    (void)where;
    for (size_t offset = from; offset < to; offset += 8) {
        uint64_t word = word_at(seed, offset);
        memcpy(start + offset, &word, min_size(8, to - offset));
    }
    return true;
}

static bool patch_compare(unsigned char *start, size_t from, size_t to, uint64_t seed,
                          size_t *where) {
    for (size_t offset = from; offset < to; offset += 8) {
        unsigned char wanted[8];
        uint64_t word = word_at(seed, offset);
        memcpy(wanted, &word, 8);
        size_t n = min_size(8, to - offset);
        if (memcmp(start + offset, wanted, n) != 0) {
            size_t i = 0;
            while (start[offset + i] == wanted[i]) {
                i++;
            }
            *where = offset + i;
            return false;
        }
    }
    return true;
}

/* Visits the patches of an object of `size` bytes, cut at `prefix`. All begin at multiples of 8. */
static bool walk(unsigned char *start, size_t size, size_t prefix, uint64_t seed, size_t *where,
                 patch_visit *visit) {
    if (size <= PATTERN_WHOLE) {
        return visit(start, 0, prefix, seed, where);
    }
    size_t tail = (size - PATTERN_EDGE) & ~(size_t)7;
    if (!visit(start, 0, min_size(PATTERN_EDGE, prefix), seed, where)) {
        return false;
    }
    for (size_t page = PATTERN_PAGE; page < min_size(tail, prefix); page += PATTERN_PAGE) {
        if (!visit(start, page, min_size(page + PATTERN_PATCH, prefix), seed, where)) {
            return false;
        }
    }
    return tail >= prefix || visit(start, tail, prefix, seed, where);
}

void pattern_write(void *start, size_t size, uint64_t seed) {
    (void)walk(start, size, size, seed, NULL, patch_write);
}

bool pattern_holds(const void *start, size_t size, size_t prefix, uint64_t seed, size_t *where) {
    /* The cast only lets both visitors have one type: this one does not write. */
    return walk((unsigned char *)(uintptr_t)start, size, prefix, seed, where, patch_compare);
}

bool pattern_is_filled(const void *start, size_t size, unsigned char value, size_t *where) {
    const unsigned char *bytes = start;
    if (size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0)) {
        return true;
    }
    size_t i = 0;
    while (bytes[i] == value) {
        i++;
    }
    *where = i;
    return false;
}

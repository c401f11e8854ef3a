/*
 * slots.c: from numbers of objects to slots of magazines. Odd numbers are rounded up.
 */
#include "cache/slots.h"

#include "opt/opt.h"
#include "opt/ranges.h"

enum { NSLOTS_SMALL_SIZE = 14336 }; /* the options of jemalloc call these sizes small */

static uint8_t half(size_t n) {
    size_t slots = n / 2 + n % 2;
    return (uint8_t)(slots < SLOTS_MAX ? slots : SLOTS_MAX);
}

static size_t ncached_small(unsigned class) {
    size_t n = sizeclasses[class].cache_slots * (size_t)2;
    int64_t steps = opts.lg_tcache_nslots_mul - 1;
    n = steps < 0 ? n >> -steps : n << steps;
    n = n > opts.tcache_nslots_small_min ? n : opts.tcache_nslots_small_min;
    return n < opts.tcache_nslots_small_max ? n : opts.tcache_nslots_small_max;
}

void slots_by_options(uint8_t slots[NCLASSES]) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (sizeclasses[class].size <= NSLOTS_SMALL_SIZE) {
            slots[class] = half(ncached_small(class));
        } else {
            size_t large = opts.tcache_nslots_large;
            slots[class] = large != 0 ? half(large) : sizeclasses[class].cache_slots;
        }
    }
    struct opt_text ranges = opts.tcache_ncached_max;
    if (ranges.length > 0) {
        slots_by_ranges(slots, ranges.text, ranges.text + ranges.length);
    }
}

void slots_by_ranges(uint8_t slots[NCLASSES], const char *ranges, const char *end) {
    struct size_range range;
    while (ranges < end && ranges_next(&ranges, end, &range)) {
        size_t last = range.last < SIZECLASS_MAX ? range.last : SIZECLASS_MAX;
        if (range.first > SIZECLASS_MAX) {
            continue;
        }
        for (unsigned class = sizeclass_of(range.first); class <= sizeclass_of(last); class ++) {
            slots[class] = half(range.number);
        }
    }
}

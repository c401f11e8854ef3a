/*
 * sizeclass.h: the sizes objects are rounded up to.
 *
 * Classes are 8, then 16, 32, 48, 64, then four per doubling: 80 96 112 128, 160 ..., up to 32 KiB.
 * Class 0 is no class: large objects, foreign memory, nothing. Larger requests are rounded to pages.
 * An object of a class is aligned to the lowest set bit of its size, up to a granule.
 */
#ifndef ASHLAR_HEAP_SIZECLASS_H
#define ASHLAR_HEAP_SIZECLASS_H

#include "base/bits.h"
#include "base/config.h"

enum {
    NCLASSES = 42,              /* class 0 included */
    SIZECLASS_TABLE_MAX = 1024, /* largest request that the table answers */
    SIZECLASS_MAX = 32768,      /* largest request that has a class */
    LARGE_ALIGNED_MIN = 16384,  /* usable size of any object aligned beyond what its class gives */
};

struct sizeclass {
    uint32_t size;         /* bytes of an object */
    uint32_t inverse;      /* ceil(2^32 / size): offset * inverse >> 32 is the slot, for any slab */
    uint16_t nslots;       /* slots in a slab */
    uint8_t slab_granules; /* granules of a slab */
    uint8_t cache_slots;   /* most objects in one magazine */
};

extern const struct sizeclass sizeclasses[NCLASSES];

/* Indexed by (request + 7) / 8. */
extern const uint8_t sizeclass_table[SIZECLASS_TABLE_MAX / 8 + 1];

/* Class of a request of 0 .. SIZECLASS_TABLE_MAX bytes. */
static ALWAYS_INLINE unsigned sizeclass_of_small(size_t request) {
    return sizeclass_table[(request + 7) >> 3];
}

/* Indexed by (request + 255) / 256: from 1280 up, all sizes are multiples of 256. */
extern const uint8_t sizeclass_medium_table[SIZECLASS_MAX / 256 + 1];

/* Class of a request of SIZECLASS_TABLE_MAX + 1 .. SIZECLASS_MAX bytes. */
static ALWAYS_INLINE unsigned sizeclass_of_medium(size_t request) {
    ASSERT(request > SIZECLASS_TABLE_MAX && request <= SIZECLASS_MAX);
    return sizeclass_medium_table[(request + 255) >> 8];
}

static inline unsigned sizeclass_of(size_t request) {
    return request <= SIZECLASS_TABLE_MAX ? sizeclass_of_small(request)
                                          : sizeclass_of_medium(request);
}

/* Class whose objects are at least `request` bytes and aligned to `alignment` (a power of two), or 0
 * when no class is: alignments past a granule, and past a page for sizes that are not multiples. */
static inline unsigned sizeclass_of_aligned(size_t request, size_t alignment) {
    if (alignment > GRANULE_SIZE || request > SIZECLASS_MAX) {
        return 0;
    }
    size_t size = round_up(request == 0 ? 1 : request, alignment);
    if (alignment > 4096 && size < LARGE_ALIGNED_MIN) {
        size = LARGE_ALIGNED_MIN;
    }
    if (size > SIZECLASS_MAX) {
        return 0;
    }
    unsigned class = sizeclass_of(size);
    return (sizeclasses[class].size & (alignment - 1)) == 0 ? class : 0;
}

#endif

/*
 * utilization.h: how well the memory around an object is used, for programs that move objects together.
 *
 * Objects in caches count as used. Locks: the bin's, shortly.
 */
#ifndef ASHLAR_HEAP_UTILIZATION_H
#define ASHLAR_HEAP_UTILIZATION_H

#include <stddef.h>

/* jemalloc's experimental.utilization.query has this layout. */
struct utilization {
    void *
        next_slab; /* of the object's arena and class: where the arena's next object comes from, or NULL */
    size_t nfree;     /* free slots in the object's slab; 0 for a large object */
    size_t nslots;    /* slots in it; 1 */
    size_t bytes;     /* of the slab, or of the large object's run */
    size_t bin_nfree; /* the same over all slabs of the arena and class; 0 */
    size_t bin_nslots;
};

/* p lies in a live object; all zero if it is none of ours. */
struct utilization utilization_of(const void *p);

#endif

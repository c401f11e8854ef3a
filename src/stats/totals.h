/*
 * totals.h: the allocator's numbers, collected without stopping anybody.
 *
 * Counters are read one by one while other threads go on, so sums of a totals may be off by what
 * happened meanwhile; in a quiet process they are exact:
 *   allocated + cached + (slabs' free slots and ends) = bytes of slabs and large objects = active
 */
#ifndef ASHLAR_STATS_TOTALS_H
#define ASHLAR_STATS_TOTALS_H

#include "heap/sizeclass.h"

struct class_totals {
    uint64_t nmalloc;   /* objects taken out of slabs */
    uint64_t ndalloc;   /* objects put back */
    uint64_t nrequests; /* allocations by the program */
    uint64_t nfills;
    uint64_t nflushes;
    uint64_t ncreated; /* slabs ever created */
    size_t nslabs;     /* now */
    size_t live;       /* objects in the program's hands */
    size_t cached;     /* objects in magazines */
};

struct totals {
    struct class_totals classes[NCLASSES];
    size_t allocated;   /* usable bytes in the program's hands */
    size_t small_bytes; /* of them, in size classes */
    size_t large_bytes; /* of them, in large objects */
    size_t large_live;  /* number of large objects */
    uint64_t large_nmalloc;
    uint64_t large_ndalloc;
    size_t large_cached;   /* bytes of runs that threads keep for their next large object */
    size_t cached_objects; /* in magazines of threads and depots */
    size_t cached_bytes;
    size_t active;   /* bytes of slabs and large objects */
    size_t dirty;    /* bytes unused and not yet given back */
    size_t muzzy;    /* bytes the system may take */
    size_t metadata; /* bytes of the allocator's own data */
    size_t resident; /* active + dirty + metadata: what can be in memory at most */
    size_t mapped;   /* active + dirty + muzzy + metadata */
    size_t retained; /* committed address space that holds nothing */
    size_t reserved; /* address space of all regions */
    uint64_t sweeps; /* purges since the start */
    uint64_t purge_calls;
    uint64_t purged; /* bytes */
    unsigned narenas;
    unsigned nthreads;
};

void totals_take(struct totals *totals);

/* Bytes given back to the system since the start. */
size_t totals_purged_bytes(void);

#endif

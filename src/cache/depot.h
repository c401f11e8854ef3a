/*
 * depot.h: magazines parked between threads, one depot per class.
 *
 * A thread that frees more than it allocates parks whole magazines here and one that allocates more
 * takes them, newest first: 124 objects change hands for one short lock, and nobody touches them.
 * Objects parked beyond a cap go home to their slabs, oldest first, which also restores their order.
 * Locks: each depot's own. Arenas are called without it.
 */
#ifndef ASHLAR_CACHE_DEPOT_H
#define ASHLAR_CACHE_DEPOT_H

#include "cache/magazine.h"
#include "sync/lock.h"

struct depot {
    struct lock lock;
    struct list magazines; /* newest first */
    size_t nobjects;       /* in all of them */
    size_t low_water;      /* least nobjects since the last trim */
    _Atomic size_t parked; /* = nobjects, to be read without the lock */
} ALIGNED(CACHE_LINE);

extern struct depot depots[NCLASSES];

void depots_init(void);

/* Parks a magazine with at least one object; some older ones may go home for it. */
void depot_park(unsigned class, struct magazine *magazine);
/* The magazine parked last, or NULL. */
struct magazine *depot_take(unsigned class);

/* Sends home what nobody asked for since the last trim (half of it), or everything. */
void depots_trim(bool all);

#endif

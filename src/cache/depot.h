/*
 * depot.h: magazines parked between threads, one depot per arena and class.
 *
 * A thread that frees more than it allocates parks whole magazines and one that allocates more takes them,
 * newest first: up to 252 objects change hands for one short lock, and nobody touches them. Who takes one leaves
 * an empty one for who parks the next, so that neither goes to the pool all threads share. Only threads of the
 * same arena share a depot: objects that lie side by side stay with the same few threads, which would
 * else write to each other's cache lines. A thread that has no use for what it frees parks with the arena the
 * objects come from. What is parked beyond a cap leaves, oldest first: magazines
 * of another arena's objects for that arena's depot, since its threads will want them, and the others
 * for their slabs, which restores the order of objects.
 * Locks: each depot's own. Arenas are called without it.
 */
#ifndef ASHLAR_CACHE_DEPOT_H
#define ASHLAR_CACHE_DEPOT_H

#include "cache/magazine.h"
#include "heap/arena.h"

/* Parks a magazine with at least one object for the arena's threads; some older ones may leave for it. */
void depot_park(struct arena *arena, unsigned class, struct magazine *magazine);
/* The same, and returns an empty magazine of its size; NULL: there is none at hand. */
struct magazine *depot_park_for_empty(struct arena *arena, unsigned class,
                                      struct magazine *magazine);
/* The arena that an object comes from. */
struct arena *depot_owner_of(const void *p);
/* The magazine parked last, or NULL. In the first case `empty`, if it is one, stays there. */
struct magazine *depot_take(struct arena *arena, unsigned class, struct magazine *empty);

/* The objects go to their slabs, the magazine to its pool. */
void depot_send_home(unsigned class, struct magazine *magazine);
/* Sends home what nobody asked for since the last trim (half of it), or everything. */
void depots_trim(struct arena *arena, bool all);

#endif

/*
 * magazine.h: a fixed stack of pointers to free objects of one class.
 *
 * Holds:      |links|count, capacity|NULL|slot 0|slot 1|...|    a block of 128 to 2048 bytes
 * Invariants: the word before slot 0 is always NULL; slots below count are non-NULL.
 * A magazine is in one place at a time: loaded in a thread, its spare, parked in a depot, or free.
 * While it is loaded the thread's top pointer says how many objects it holds, and count is stale.
 * Objects are never touched, only their addresses move.
 */
#ifndef ASHLAR_CACHE_MAGAZINE_H
#define ASHLAR_CACHE_MAGAZINE_H

#include "base/list.h"
#include "heap/sizeclass.h"
#include "meta/pool.h"

struct magazine {
    struct list link; /* in a depot */
    uint32_t count;
    uint32_t capacity;
    void *bottom; /* NULL: what popping finds when the magazine is empty */
    void *slot[];
};

enum { MAGAZINE_SIZES = 5, MAGAZINE_SMALLEST = 128 };

static inline unsigned magazine_slots(unsigned size_index) {
    return (unsigned)((((size_t)MAGAZINE_SMALLEST << size_index) - sizeof(struct magazine)) /
                      sizeof(void *));
}

/* An empty magazine with room for at least `slots`, or the largest there is; NULL without memory. */
struct magazine *magazine_get(unsigned slots);
void magazine_put(struct magazine *magazine);

/* For fork. */
extern struct pool magazine_pools[MAGAZINE_SIZES];

#endif

/*
 * cache_objects.h: real objects for tests of the cache, and magazines filled with them.
 *
 * Objects come from arena 0, as those of a thread without a cache do.
 */
#ifndef ASHLAR_TEST_UNIT_CACHE_OBJECTS_H
#define ASHLAR_TEST_UNIT_CACHE_OBJECTS_H

#include "unit/unit.h"

#include "cache/depot.h"
#include "heap/arenas.h"

static inline void *new_object(unsigned class) {
    void *object;
    assert_int_equal(arena_fill(arenas_get(0), class, &object, 1), 1);
    return object;
}

static inline struct magazine *new_magazine(unsigned class, unsigned count) {
    struct magazine *magazine = magazine_get(count);
    assert_non_null(magazine);
    assert_true(magazine->capacity >= count);
    for (unsigned i = 0; i < count; i++) {
        magazine->slot[i] = new_object(class);
    }
    magazine->count = count;
    return magazine;
}

/* The objects go home. */
static inline void drop_magazine(unsigned class, struct magazine *magazine) {
    arena_drain(class, magazine->slot, magazine->count);
    magazine_put(magazine);
}

/* Objects of a class outside slabs, all arenas together. */
static inline size_t objects_out(unsigned class) {
    uint64_t out = 0;
    const struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        out += arena->bins[class].nmalloc - arena->bins[class].ndalloc;
    }
    return (size_t)out;
}

/* Objects of a class in depots, all arenas together. */
static inline size_t objects_parked(unsigned class) {
    size_t parked = 0;
    const struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        parked += arena->depots[class].parked;
    }
    return parked;
}

static inline void trim_depots(bool all) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        depots_trim(arena, all);
    }
}

#endif

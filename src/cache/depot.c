/*
 * depot.c: parking, taking, and the way home.
 *
 * The cap is an eighth of the class's slabs, between 256 KiB and 16 MiB: about what fits a second-level
 * cache. Letting more wait was measured to be slower, because objects then come back out of order.
 */
#include "cache/depot.h"

#include "heap/arena.h"

enum { CAP_PART = 8, CAP_MIN = 256 << 10, CAP_MAX = 16 << 20, SENT_AT_ONCE = 16 };

struct depot depots[NCLASSES];

/* Only debug builds read ranks; without them the memory of unused depots stays untouched. */
void depots_init(void) {
    for (unsigned class = 0; config_debug && class < NCLASSES; class ++) {
        lock_init(&depots[class].lock, RANK_DEPOT);
    }
}

static size_t cap_objects(unsigned class) {
    size_t bytes = arena_class_bytes(class) / CAP_PART;
    bytes = bytes < CAP_MIN ? CAP_MIN : bytes > CAP_MAX ? CAP_MAX : bytes;
    return bytes / sizeclasses[class].size;
}

static void set_count(struct depot *depot, size_t nobjects) {
    depot->nobjects = nobjects;
    depot->low_water = nobjects < depot->low_water ? nobjects : depot->low_water;
    atomic_store_explicit(&depot->parked, nobjects, memory_order_relaxed);
}

static struct magazine *remove_locked(struct depot *depot, struct list *node) {
    struct magazine *magazine = list_entry(node, struct magazine, link);
    list_remove(node);
    set_count(depot, depot->nobjects - magazine->count);
    return magazine;
}

static void send_home(unsigned class, struct magazine *magazine) {
    arena_drain(class, magazine->slot, magazine->count);
    magazine_put(magazine);
}

void depot_park(unsigned class, struct magazine *magazine) {
    struct depot *depot = &depots[class];
    struct magazine *oldest[SENT_AT_ONCE];
    unsigned n = 0;
    size_t cap = cap_objects(class);
    ASSERT(magazine->count > 0);
    lock_acquire(&depot->lock);
    list_push_front(&depot->magazines, &magazine->link);
    set_count(depot, depot->nobjects + magazine->count);
    while (depot->nobjects > cap && n < SENT_AT_ONCE) {
        oldest[n++] = remove_locked(depot, depot->magazines.prev);
    }
    lock_release(&depot->lock);
    for (unsigned i = 0; i < n; i++) {
        send_home(class, oldest[i]);
    }
}

struct magazine *depot_take(unsigned class) {
    struct depot *depot = &depots[class];
    struct magazine *magazine = NULL;
    if (atomic_load_explicit(&depot->parked, memory_order_relaxed) == 0) {
        return NULL;
    }
    lock_acquire(&depot->lock);
    if (!list_is_empty(&depot->magazines)) {
        magazine = remove_locked(depot, depot->magazines.next);
    }
    lock_release(&depot->lock);
    return magazine;
}

static void trim(unsigned class, bool all) {
    struct depot *depot = &depots[class];
    size_t gone = 0;
    size_t target = 0;
    if (atomic_load_explicit(&depot->parked, memory_order_relaxed) == 0) {
        return;
    }
    for (;;) {
        struct magazine *magazine = NULL;
        lock_acquire(&depot->lock);
        if (gone == 0) {
            target = all ? depot->nobjects : (depot->low_water + 1) / 2;
            depot->low_water = depot->nobjects;
        }
        if (gone < target && !list_is_empty(&depot->magazines)) {
            magazine = remove_locked(depot, depot->magazines.prev);
        }
        lock_release(&depot->lock);
        if (magazine == NULL) {
            return;
        }
        gone += magazine->count;
        send_home(class, magazine);
    }
}

void depots_trim(bool all) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        trim(class, all);
    }
}

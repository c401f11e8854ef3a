/*
 * depot.c: parking, taking, and the way home.
 *
 * The cap is a 32nd of the arena's slabs of the class, between 192 KiB and 16 MiB: about what fits a
 * second-level cache. Letting more wait was measured to be slower, because objects then come back out of
 * order (decision 0019).
 */
#include "cache/depot.h"

#include "heap/arenas.h"

enum { CAP_PART = 32, CAP_MIN = 192 << 10, CAP_MAX = 16 << 20, SENT_AT_ONCE = 16 };

/* What is no object at all is reported when it goes home. */
struct arena *depot_owner_of(const void *p) {
    const struct chunk *chunk = chunk_find_at(p);
    return chunk != NULL && chunk->owner != NULL ? arena_of(chunk) : arenas_get(0);
}

/* Whose objects the magazine holds, judged by the one that was freed last. */
static struct arena *owner_of(const struct magazine *magazine) {
    return depot_owner_of(magazine->slot[magazine->count - 1]);
}

static size_t cap_bytes(const struct arena *arena, unsigned class) {
    size_t bytes = arena_class_bytes(arena, class) / CAP_PART;
    return bytes < CAP_MIN ? CAP_MIN : bytes > CAP_MAX ? CAP_MAX : bytes;
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

/* An empty magazine that somebody could use. */
struct wanted {
    unsigned slots; /* of what size; 0: none is wanted */
    struct magazine *found;
};

static void send_home(unsigned class, struct magazine *magazine, struct wanted *wanted) {
    arena_drain(class, magazine->slot, magazine->count);
    if (wanted->found == NULL && magazine->capacity == wanted->slots) {
        magazine->count = 0;
        wanted->found = magazine;
    } else {
        magazine_put(magazine);
    }
}

void depot_send_home(unsigned class, struct magazine *magazine) {
    struct wanted nothing = {0, NULL};
    send_home(class, magazine, &nothing);
}

static struct magazine *first_empty(const struct depot *depot) {
    return atomic_load_explicit(&depot->empties, memory_order_relaxed);
}

static void put_empty_locked(struct depot *depot, struct magazine *magazine) {
    struct magazine *first = first_empty(depot);
    magazine->link.next = first != NULL ? &first->link : NULL;
    atomic_store_explicit(&depot->empties, magazine, memory_order_relaxed);
}

/* The one left last, or NULL. */
static struct magazine *take_empty_locked(struct depot *depot) {
    struct magazine *magazine = first_empty(depot);
    if (magazine == NULL) {
        return NULL;
    }
    struct list *next = magazine->link.next;
    magazine->link.next = NULL;
    atomic_store_explicit(&depot->empties,
                          next != NULL ? list_entry(next, struct magazine, link) : NULL,
                          memory_order_relaxed);
    return magazine;
}

/* Those above the cap leave, oldest first. */
static unsigned push(struct arena *arena, unsigned class, struct magazine *magazine,
                     struct magazine *oldest[SENT_AT_ONCE], struct wanted *wanted) {
    struct depot *depot = &arena->depots[class];
    size_t cap = cap_bytes(arena, class);
    unsigned n = 0;
    lock_acquire(&depot->lock);
    const struct magazine *empty = first_empty(depot);
    if (wanted->found == NULL && empty != NULL && empty->capacity == wanted->slots) {
        wanted->found = take_empty_locked(depot);
    }
    list_push_front(&depot->magazines, &magazine->link);
    set_count(depot, depot->nobjects + magazine->count);
    while (depot->nobjects * sizeclasses[class].size > cap && n < SENT_AT_ONCE) {
        oldest[n++] = remove_locked(depot, depot->magazines.prev);
    }
    lock_release(&depot->lock);
    return n;
}

static void park(struct arena *arena, unsigned class, struct magazine *magazine,
                 struct wanted *wanted) {
    ASSERT(magazine->count > 0);
    struct magazine *oldest[SENT_AT_ONCE];
    unsigned n = push(arena, class, magazine, oldest, wanted);
    while (n-- > 0) {
        struct arena *owner = owner_of(oldest[n]);
        if (owner == arena) {
            send_home(class, oldest[n], wanted);
            continue;
        }
        struct magazine *theirs[SENT_AT_ONCE];
        unsigned m = push(owner, class, oldest[n], theirs, wanted);
        while (m-- > 0) {
            send_home(class, theirs[m], wanted);
        }
    }
}

void depot_park(struct arena *arena, unsigned class, struct magazine *magazine) {
    struct wanted nothing = {0, NULL};
    park(arena, class, magazine, &nothing);
}

struct magazine *depot_park_for_empty(struct arena *arena, unsigned class,
                                      struct magazine *magazine) {
    struct wanted wanted = {magazine->capacity, NULL};
    park(arena, class, magazine, &wanted);
    return wanted.found;
}

struct magazine *depot_take(struct arena *arena, unsigned class, struct magazine *empty) {
    struct depot *depot = &arena->depots[class];
    struct magazine *magazine = NULL;
    if (atomic_load_explicit(&depot->parked, memory_order_relaxed) == 0) {
        return NULL;
    }
    lock_acquire(&depot->lock);
    if (!list_is_empty(&depot->magazines)) {
        magazine = remove_locked(depot, depot->magazines.next);
        if (empty != NULL) {
            put_empty_locked(depot, empty);
        }
    }
    lock_release(&depot->lock);
    return magazine;
}

static void trim_empties(struct depot *depot) {
    while (first_empty(depot) != NULL) {
        lock_acquire(&depot->lock);
        struct magazine *empty = take_empty_locked(depot);
        lock_release(&depot->lock);
        if (empty != NULL) {
            magazine_put(empty);
        }
    }
}

static void trim(struct depot *depot, unsigned class, bool all) {
    trim_empties(depot);
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
        depot_send_home(class, magazine);
    }
}

void depots_trim(struct arena *arena, bool all) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        trim(&arena->depots[class], class, all);
    }
}

/*
 * exchange.c: loading and unloading magazines.
 *
 * Two magazines per class give a whole magazine of hysteresis, so a pattern that hovers around a
 * boundary does not travel to the depot each time. A class begins with a magazine of 128 bytes and gets
 * larger ones as it is used, up to its cache_slots.
 * A thread that only frees what others made keeps one small magazine, and the others go back where they are
 * used: what it parks in its own arena, nobody there would take (decision 0027).
 * The order of stores matters to fork: a magazine is taken from its old place before it is put into the
 * new one, so at worst it is in neither.
 */
#include "cache/exchange.h"

#include "cache/depot.h"

enum { SENT_HOME_MAX = 4, CONSUMED_BYTES = 16 << 10 };

static void load(struct thread *thread, unsigned class, struct magazine *magazine) {
    unsigned slots = thread->slots[class];
    slots = slots < magazine->capacity ? slots : magazine->capacity;
    ASSERT(magazine->bottom == NULL && magazine->count <= magazine->capacity);
    thread->loaded[class] = magazine;
    compiler_barrier();
    struct cache_bins *bins = thread->active;
    bins->limit[class] = magazine->slot + (slots > magazine->count ? slots : magazine->count);
    bins->top[class] = magazine->slot + magazine->count - 1;
}

/* The loaded magazine leaves its bin; the caller loads another right after. */
static struct magazine *unload(struct thread *thread, unsigned class) {
    struct magazine *magazine = thread->loaded[class];
    thread->loaded[class] = NULL;
    compiler_barrier();
    if (magazine != NULL) {
        magazine->count = (uint32_t)(thread->active->top[class] + 1 - magazine->slot);
    }
    return magazine;
}

static struct magazine *take_spare(struct thread *thread, unsigned class) {
    thread->exchanges++;
    if (atomic_load_explicit(&thread->spare[class], memory_order_relaxed) == NULL) {
        return NULL;
    }
    return atomic_exchange_explicit(&thread->spare[class], NULL, memory_order_acquire);
}

/* The place is empty: only its thread puts something there. */
static void put_spare(struct thread *thread, unsigned class, struct magazine *magazine) {
    atomic_store_explicit(&thread->spare[class], magazine, memory_order_release);
}

static bool fill(struct thread *thread, unsigned class, struct arena *arena,
                 struct magazine *magazine) {
    unsigned slots = thread->slots[class];
    unsigned want = 1u << thread->lg_want[class];
    if (want < slots) {
        thread->lg_want[class]++;
    } else {
        want = slots;
    }
    if (magazine == NULL || magazine->capacity < want) {
        struct magazine *larger = magazine_get(want);
        if (larger != NULL) {
            if (magazine != NULL) {
                magazine_put(magazine);
            }
            magazine = larger;
        }
    }
    if (magazine == NULL) {
        return false;
    }
    want = want < magazine->capacity ? want : magazine->capacity;
    magazine->count = arena_fill(arena, class, magazine->slot, want);
    thread->moved[class] -= magazine->count;
    load(thread, class, magazine);
    return magazine->count > 0;
}

bool exchange_refill_from(struct thread *thread, unsigned class, struct arena *arena) {
    struct magazine *empty = unload(thread, class);
    ASSERT(empty == NULL || empty->count == 0);
    struct magazine *spare = take_spare(thread, class);
    if (spare != NULL && spare->count > 0) {
        load(thread, class, spare);
        put_spare(thread, class, empty);
        return true;
    }
    struct magazine *surplus = empty != NULL ? spare : NULL;
    struct magazine *parked = thread->strict ? NULL : depot_take(arena, class, surplus);
    if (parked != NULL) {
        thread->moved[class] -= parked->count;
        load(thread, class, parked);
        put_spare(thread, class, empty != NULL ? empty : spare);
        return true;
    }
    put_spare(thread, class, spare);
    thread_load_dummy(thread, class);
    return fill(thread, class, arena, empty);
}

/* A fuller class gets the next larger magazine. */
static bool grow(struct thread *thread, unsigned class) {
    struct magazine *magazine = thread->loaded[class];
    struct magazine *larger = magazine_get(magazine->capacity + 1);
    if (larger == NULL || larger->capacity <= magazine->capacity) {
        if (larger != NULL) {
            magazine_put(larger);
        }
        return false;
    }
    unload(thread, class);
    for (uint32_t i = 0; i < magazine->count; i++) {
        larger->slot[i] = magazine->slot[i];
    }
    larger->count = magazine->count;
    load(thread, class, larger);
    magazine_put(magazine);
    return true;
}

/* A thread that has not used a class yet and frees another arena's object would hand that object out
 * next, and so share its cache line with neighbours that live in other threads. The first few go home
 * instead; a thread that goes on freeing is a consumer and needs a magazine. */
static bool belongs_elsewhere(struct thread *thread, unsigned class, const void *p) {
    if (thread->loaded[class] != NULL || thread->strict ||
        thread->sent_home[class] >= SENT_HOME_MAX) {
        return false;
    }
    if (depot_owner_of(p) == thread->arena) {
        return false;
    }
    thread->sent_home[class]++;
    return true;
}

/* Returns an empty magazine, or NULL. */
static struct magazine *send_away(struct thread *thread, unsigned class, struct arena *arena,
                                  struct magazine *magazine) {
    thread->moved[class] += magazine->count;
    if (!thread->strict) {
        return depot_park_for_empty(arena, class, magazine);
    }
    arena_drain(class, magazine->slot, magazine->count);
    magazine->count = 0;
    return magazine;
}

/* Whether the thread has no use for what it frees: others' objects, such as p, more than twice as many as it
 * asked for. */
static bool consumes(const struct thread *thread, unsigned class, const void *p) {
    int64_t surplus = thread->moved[class] + thread->loaded[class]->capacity;
    return !thread->strict && surplus > (int64_t)thread_requests(thread, class) &&
           depot_owner_of(p) != thread->arena;
}

/* What a consumer has in hand nobody can use, so it is not much. */
static bool may_grow(const struct thread *thread, unsigned class, bool consumer) {
    unsigned capacity = thread->loaded[class]->capacity;
    return capacity < thread->slots[class] &&
           (!consumer || 2 * (size_t)capacity * sizeclasses[class].size <= CONSUMED_BYTES);
}

bool exchange_make_room(struct thread *thread, unsigned class, const void *p) {
    if (belongs_elsewhere(thread, class, p)) {
        return false;
    }
    struct magazine *full = thread->loaded[class];
    bool consumer = full != NULL && consumes(thread, class, p);
    if (full != NULL && may_grow(thread, class, consumer) && grow(thread, class)) {
        return true;
    }
    struct arena *arena = consumer ? depot_owner_of(p) : thread->arena;
    struct magazine *fresh = take_spare(thread, class);
    if (fresh != NULL && fresh->count > 0) {
        fresh = send_away(thread, class, arena, fresh);
    }
    fresh = fresh != NULL ? fresh : magazine_get(full != NULL ? full->capacity : 1);
    if (fresh == NULL) {
        return false;
    }
    unload(thread, class);
    load(thread, class, fresh);
    put_spare(thread, class, consumer ? send_away(thread, class, arena, full) : full);
    return true;
}

/*
 * tcaches.c: numbers for explicit caches.
 */
#include "cache/tcaches.h"

#include "heap/arenas.h"
#include "meta/meta.h"
#include "meta/pool.h"

enum { NO_ID = TCACHES_MAX };

struct numbers {
    struct thread *_Atomic cache[TCACHES_MAX]; /* NULL: unused */
    uint16_t next[TCACHES_MAX];                /* of an unused number: the one freed before it */
    unsigned used;                             /* numbers below were given out at least once */
    unsigned newest;                           /* freed last, or NO_ID */
};

static struct numbers *_Atomic numbers; /* NULL until the first cache; then const */

static struct numbers *numbers_locked(void) {
    struct numbers *all = atomic_load_explicit(&numbers, memory_order_relaxed);
    if (all == NULL) {
        all = meta_alloc(sizeof(*all));
        if (all != NULL) {
            all->newest = NO_ID;
            atomic_store_explicit(&numbers, all, memory_order_release);
        }
    }
    return all;
}

static bool enter(struct thread *cache, unsigned *id) {
    lock_acquire(&threads_lock);
    struct numbers *all = numbers_locked();
    bool entered = all != NULL && (all->newest != NO_ID || all->used < TCACHES_MAX);
    if (entered) {
        if (all->newest != NO_ID) {
            *id = all->newest;
            all->newest = all->next[*id];
        } else {
            *id = all->used++;
        }
        atomic_store_explicit(&all->cache[*id], cache, memory_order_release);
    }
    lock_release(&threads_lock);
    return entered;
}

/* What it holds is charged to the arena of the thread that made it, unless that one may vanish. */
bool tcaches_create(unsigned *id) {
    struct thread *cache = pool_get(&thread_pool);
    if (cache == NULL) {
        return false;
    }
    struct thread *self = thread_enter();
    bool lasting = self != NULL && !arena_is_manual(self->arena);
    thread_set_up(cache, lasting ? self->arena : arenas_get(0));
    cache->explicit = true;
    cache->strict = true;
    cache->caching = true;
    thread_apply_slots(cache);
    if (!enter(cache, id)) {
        pool_put(&thread_pool, cache);
        return false;
    }
    thread_register(cache);
    return true;
}

struct thread *tcaches_get(unsigned id) {
    struct numbers *all = atomic_load_explicit(&numbers, memory_order_acquire);
    return all != NULL && id < TCACHES_MAX
               ? atomic_load_explicit(&all->cache[id], memory_order_acquire)
               : NULL;
}

bool tcaches_flush(unsigned id) {
    struct thread *cache = tcaches_get(id);
    if (cache != NULL) {
        thread_flush_home(cache);
    }
    return cache != NULL;
}

static struct thread *leave(unsigned id) {
    lock_acquire(&threads_lock);
    struct thread *cache = tcaches_get(id);
    if (cache != NULL) {
        struct numbers *all = atomic_load_explicit(&numbers, memory_order_relaxed);
        atomic_store_explicit(&all->cache[id], NULL, memory_order_relaxed);
        all->next[id] = (uint16_t)all->newest;
        all->newest = id;
    }
    lock_release(&threads_lock);
    return cache;
}

bool tcaches_destroy(unsigned id) {
    struct thread *cache = leave(id);
    if (cache == NULL) {
        return false;
    }
    thread_flush_home(cache);
    thread_hand_over_counters(cache);
    thread_unregister(cache);
    return true;
}

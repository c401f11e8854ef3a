/*
 * large_cache.c: taking, keeping and giving back single runs.
 *
 * A run of another length is not taken, even if it is longer: what the object does not use would stay
 * resident with it.
 */
#include "cache/large_cache.h"

static unsigned slot_of(unsigned ngranules) {
    return ngranules % LARGE_CACHE_SLOTS;
}

/* usable <= LARGE_CACHED_MAX */
static unsigned granules_of(size_t usable) {
    return (unsigned)(usable + GRANULE_SIZE - 1) >> LG_GRANULE;
}

static struct run *peek(const struct large_cache *cache, unsigned slot) {
    return atomic_load_explicit(&cache->slots[slot], memory_order_relaxed);
}

/* Any thread. */
static ALWAYS_INLINE struct run *empty_slot(struct large_cache *cache, unsigned slot) {
    if (peek(cache, slot) == NULL) {
        return NULL;
    }
    if (os_single_threaded()) {
        struct run *run = peek(cache, slot);
        atomic_store_explicit(&cache->slots[slot], NULL, memory_order_relaxed);
        return run;
    }
    return atomic_exchange_explicit(&cache->slots[slot], NULL, memory_order_acquire);
}

static unsigned length_in(const struct large_cache *cache, unsigned slot) {
    return atomic_load_explicit(&cache->lengths[slot], memory_order_relaxed);
}

/* A slot is entered once: the next run is mostly of the same length. */
static void enter(struct large_cache *cache, unsigned slot, unsigned length) {
    cache->filled |= (uint32_t)1 << slot;
    atomic_store_explicit(&cache->lengths[slot], (uint8_t)length, memory_order_relaxed);
}

static void strike_out(struct large_cache *cache, unsigned slot) {
    cache->filled &= ~((uint32_t)1 << slot);
    atomic_store_explicit(&cache->lengths[slot], 0, memory_order_relaxed);
}

static ALWAYS_INLINE void put(struct large_cache *cache, unsigned slot, struct run *run) {
    if (unlikely(length_in(cache, slot) != run->ngranules)) {
        enter(cache, slot, run->ngranules);
    }
    atomic_store_explicit(&cache->slots[slot], run, memory_order_release);
}

static void give_back(struct run *run) {
    pages_free(pages_of(run->chunk), run);
}

static ALWAYS_INLINE void *hand_out(struct large_cache *cache, struct run *run, size_t usable) {
    cache->granules -= run->ngranules;
    if (run->usable != usable) {
        run->usable = usable;
        run->class = (uint8_t)lextent_index(usable);
    }
    run->kind = RUN_LARGE;
    counter_add(&cache->tally.nmalloc[run->class], 1);
    gauge_add(&cache->tally.bytes, (ptrdiff_t)usable);
    return (void *)run_address(run);
}

void *large_cache_take(struct large_cache *cache, size_t usable) {
    unsigned n = granules_of(usable);
    unsigned slot = slot_of(n);
    struct run *run = length_in(cache, slot) == n ? empty_slot(cache, slot) : NULL;
    return run != NULL ? hand_out(cache, run, usable) : NULL;
}

void *large_cache_take_newest(struct large_cache *cache, struct arena *arena, size_t usable) {
    unsigned slot = cache->newest;
    struct run *run = empty_slot(cache, slot);
    if (run == NULL) {
        return NULL;
    }
    unsigned n = granules_of(usable);
    unsigned before = run->ngranules;
    if (n != before && !pages_resize(&arena->pages, run, n)) {
        put(cache, slot, run);
        return NULL;
    }
    cache->granules += n - before;
    return hand_out(cache, run, usable);
}

/* The slots with runs, and the sum of these. */
static void look_again(struct large_cache *cache) {
    cache->granules = 0;
    for (uint32_t rest = cache->filled; rest != 0; rest &= rest - 1) {
        unsigned slot = (unsigned)__builtin_ctz(rest);
        if (peek(cache, slot) == NULL) {
            strike_out(cache, slot);
        } else {
            cache->granules += length_in(cache, slot);
        }
    }
}

/* A slot that look_again() has found filled; somebody may have emptied it since. */
static void drop(struct large_cache *cache, unsigned slot) {
    cache->granules -= length_in(cache, slot);
    strike_out(cache, slot);
    struct run *run = empty_slot(cache, slot);
    if (run != NULL) {
        struct pages *pages = pages_of(run->chunk);
        counter_add(&cache->tally.drops, 1);
        give_back(run);
        purge_after_free(pages);
    }
}

/* The slot becomes empty, and others too until n more granules fit. false: they never will. */
static bool make_room(struct large_cache *cache, unsigned slot, unsigned n) {
    unsigned most = atomic_load_explicit(&cache->most, memory_order_relaxed);
    if (n > most) {
        return false;
    }
    look_again(cache);
    if ((cache->filled >> slot & 1) != 0) {
        drop(cache, slot);
    }
    if (cache->granules + n > most) {
        counter_add(&cache->tally.overfills, 1);
    }
    while (cache->granules + n > most) {
        drop(cache, lg_floor(cache->filled));
    }
    return true;
}

/* It has room. */
static ALWAYS_INLINE size_t keep(struct large_cache *cache, unsigned slot, struct run *run) {
    if (!run_become(run, RUN_LARGE, RUN_CACHED)) {
        return 0;
    }
    counter_add(&cache->tally.ndalloc[run->class], 1);
    size_t usable = run->usable;
    gauge_add(&cache->tally.bytes, -(ptrdiff_t)usable);
    put(cache, slot, run);
    cache->granules += run->ngranules;
    cache->newest = slot;
    if (!atomic_load_explicit(&cache->used, memory_order_relaxed)) {
        atomic_store_explicit(&cache->used, true, memory_order_relaxed);
    }
    return usable;
}

static COLD size_t make_room_and_keep(struct large_cache *cache, unsigned slot, struct run *run) {
    return make_room(cache, slot, run->ngranules) ? keep(cache, slot, run) : 0;
}

size_t large_cache_keep(struct large_cache *cache, const struct arena *arena, const void *p) {
    struct chunk *chunk = chunk_find_at(p);
    if (chunk == NULL || (uintptr_t)p % GRANULE_SIZE != 0 ||
        atomic_load_explicit(&chunk->kind, memory_order_relaxed) != CHUNK_CUT ||
        pages_of(chunk) != &arena->pages) {
        return 0;
    }
    struct run *run = &chunk->runs[((uintptr_t)p - chunk->base) >> LG_GRANULE];
    unsigned n = run->ngranules;
    unsigned slot = slot_of(n);
    if (run->kind != RUN_LARGE || n > LARGE_CACHED_MAX >> LG_GRANULE) {
        return 0;
    }
    bool fits = peek(cache, slot) == NULL &&
                cache->granules + n <= atomic_load_explicit(&cache->most, memory_order_relaxed);
    return likely(fits) ? keep(cache, slot, run) : make_room_and_keep(cache, slot, run);
}

void large_cache_limit(struct large_cache *cache, const struct arena *arena) {
    unsigned nthreads = atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
    unsigned most = LARGE_CACHED_GRANULES / (nthreads == 0 ? 1 : nthreads);
    atomic_store_explicit(&cache->most, arena_is_manual(arena) ? 0 : most, memory_order_relaxed);
}

void large_cache_empty(struct large_cache *cache) {
    for (unsigned slot = 0; slot < LARGE_CACHE_SLOTS; slot++) {
        struct run *run = empty_slot(cache, slot);
        if (run != NULL) {
            give_back(run);
        }
    }
}

size_t large_cache_bytes(const struct large_cache *cache) {
    size_t n = 0;
    for (unsigned slot = 0; slot < LARGE_CACHE_SLOTS; slot++) {
        n += peek(cache, slot) != NULL ? length_in(cache, slot) : 0;
    }
    return n << LG_GRANULE;
}

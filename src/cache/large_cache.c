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

static struct run *take_if_any(struct large_cache *cache, unsigned slot) {
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

static void put(struct large_cache *cache, unsigned slot, struct run *run) {
    atomic_store_explicit(&cache->slots[slot], run, memory_order_release);
}

static void give_back(struct run *run) {
    pages_free(pages_of(run->chunk), run);
}

static void *hand_out(struct large_cache *cache, struct run *run, size_t usable) {
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
    struct run *run = take_if_any(cache, slot);
    if (run == NULL) {
        return NULL;
    }
    if (unlikely(run->ngranules != n)) {
        put(cache, slot, run);
        return NULL;
    }
    return hand_out(cache, run, usable);
}

void *large_cache_take_newest(struct large_cache *cache, struct arena *arena, size_t usable) {
    unsigned slot = cache->newest;
    struct run *run = take_if_any(cache, slot);
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

/* Somebody may take a run and use its descriptor meanwhile: the sum was true a moment ago. */
static NO_SANITIZE_THREAD unsigned count_granules(const struct large_cache *cache) {
    unsigned n = 0;
    for (unsigned slot = 0; slot < LARGE_CACHE_SLOTS; slot++) {
        const struct run *run = peek(cache, slot);
        n += run != NULL ? run->ngranules : 0;
    }
    return n;
}

static void drop(struct large_cache *cache, unsigned slot) {
    struct run *run = take_if_any(cache, slot);
    if (run != NULL) {
        struct pages *pages = pages_of(run->chunk);
        cache->granules -= run->ngranules;
        counter_add(&cache->tally.drops, 1);
        give_back(run);
        purge_after_free(pages);
    }
}

/* The slot becomes empty, and others too until n more granules fit. false: they never will. */
static COLD bool make_room(struct large_cache *cache, unsigned slot, unsigned n) {
    unsigned most = atomic_load_explicit(&cache->most, memory_order_relaxed);
    if (n > most) {
        return false;
    }
    cache->granules = count_granules(cache);
    drop(cache, slot);
    if (cache->granules + n > most) {
        counter_add(&cache->tally.overfills, 1);
    }
    for (slot = LARGE_CACHE_SLOTS; slot-- > 0 && cache->granules + n > most;) {
        drop(cache, slot);
    }
    return true;
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
    if (!fits && !make_room(cache, slot, n)) {
        return 0;
    }
    if (!run_become(run, RUN_LARGE, RUN_CACHED)) {
        return 0;
    }
    counter_add(&cache->tally.ndalloc[run->class], 1);
    size_t usable = run->usable;
    gauge_add(&cache->tally.bytes, -(ptrdiff_t)usable);
    put(cache, slot, run);
    cache->granules += n;
    cache->newest = slot;
    if (!atomic_load_explicit(&cache->used, memory_order_relaxed)) {
        atomic_store_explicit(&cache->used, true, memory_order_relaxed);
    }
    return usable;
}

void large_cache_limit(struct large_cache *cache, const struct arena *arena) {
    unsigned nthreads = atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
    unsigned most = LARGE_CACHED_GRANULES / (nthreads == 0 ? 1 : nthreads);
    atomic_store_explicit(&cache->most, arena_is_manual(arena) ? 0 : most, memory_order_relaxed);
}

void large_cache_empty(struct large_cache *cache) {
    for (unsigned slot = 0; slot < LARGE_CACHE_SLOTS; slot++) {
        struct run *run = take_if_any(cache, slot);
        if (run != NULL) {
            give_back(run);
        }
    }
}

size_t large_cache_bytes(const struct large_cache *cache) {
    return (size_t)count_granules(cache) << LG_GRANULE;
}

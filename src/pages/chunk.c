/*
 * chunk.c: cutting a chunk into runs of granules.
 *
 * No trees, no headers among user data and no coalescing: a free run is a series of set bits, so
 * neighbours merge by themselves. Searching 128 bits for a run of n takes at most 7 shift-and steps.
 * Locks: the caller holds the lock of the chunk's owner.
 */
#include "pages/chunk.h"

#include "meta/pool.h"

struct pool chunk_runs_pool = POOL_INIT(CHUNK_GRANULES * sizeof(struct run));

static void set_run_start(struct chunk *chunk, unsigned granule, bool value) {
    _Atomic uint64_t *word = &chunk->run_start[granule / 64];
    uint64_t bit = (uint64_t)1 << (granule % 64);
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    atomic_store_explicit(word, value ? old | bit : old & ~bit, memory_order_relaxed);
}

bool chunk_begin_cut(struct chunk *chunk, struct page_owner *owner) {
    ASSERT(chunk->free == ALL_GRANULES);
    struct run *runs = pool_get(&chunk_runs_pool);
    if (runs == NULL) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        atomic_store_explicit(&chunk->run_start[i], 0, memory_order_relaxed);
    }
    chunk->runs = runs;
    atomic_store_explicit(&chunk->owner, owner, memory_order_relaxed);
    atomic_store_explicit(&chunk->kind, CHUNK_CUT, memory_order_relaxed);
    chunk->longest = CHUNK_GRANULES;
    return true;
}

void chunk_end_cut(struct chunk *chunk) {
    ASSERT(chunk->free == ALL_GRANULES);
    ASSERT(!list_is_member(&chunk->fill_link) && !list_is_member(&chunk->dirty_link));
    struct run *runs = chunk->runs;
    chunk->runs = NULL;
    atomic_store_explicit(&chunk->kind, CHUNK_FREE, memory_order_relaxed);
    pool_put(&chunk_runs_pool, runs);
}

int chunk_find(const struct chunk *chunk, unsigned n, unsigned alignment) {
    bits128 aligned = alignment == 1 ? ALL_GRANULES : bits128_multiples(alignment);
    bits128 starts = bits128_run_starts(chunk->free, n) & aligned;
    if (starts == 0) {
        return -1;
    }
    bits128 dirty = bits128_run_starts(chunk->dirty, n) & aligned;
    return (int)bits128_first(dirty != 0 ? dirty : starts);
}

struct run *chunk_take(struct chunk *chunk, unsigned first, unsigned n, enum run_kind kind,
                       bool *zeroed) {
    bits128 range = bits128_range(first, n);
    ASSERT((chunk->free & range) == range);
    *zeroed = ((chunk->dirty | chunk->muzzy) & range) == 0 && !chunk->unzeroed;
    chunk->free &= ~range;
    chunk->dirty &= ~range;
    chunk->muzzy &= ~range;
    struct run *run = &chunk->runs[first];
    *run = (struct run){.chunk = chunk, .kind = (uint8_t)kind, .ngranules = (uint8_t)n};
    set_run_start(chunk, first, true);
    return run;
}

void chunk_release(struct chunk *chunk, unsigned first, unsigned n) {
    bits128 range = bits128_range(first, n);
    ASSERT((chunk->free & range) == 0);
    chunk->free |= range;
    chunk->dirty |= range;
    unsigned begin;
    unsigned merged = bits128_run_around(chunk->free, first, &begin);
    if (merged > chunk->longest) {
        chunk->longest = (uint8_t)merged;
    }
}

void chunk_forget_run(struct chunk *chunk, struct run *run) {
    set_run_start(chunk, run_first_granule(run), false);
    run->kind = RUN_NONE;
}

/* Threads hand out and keep large runs without the lock: their kind may change meanwhile. */
NO_SANITIZE_THREAD void chunk_check(const struct chunk *chunk) {
    CHECK((chunk->dirty & ~chunk->free) == 0 && (chunk->muzzy & ~chunk->free) == 0);
    CHECK((chunk->dirty & chunk->muzzy) == 0);
    if (atomic_load_explicit(&chunk->kind, memory_order_relaxed) != CHUNK_CUT) {
        return;
    }
    bits128 starts = (bits128)chunk->run_start[1] << 64 | chunk->run_start[0];
    CHECK((starts & chunk->free) == 0);
    CHECK(chunk->longest == CHUNK_GRANULES ||
          bits128_run_starts(chunk->free, chunk->longest + 1u) == 0);
    bits128 used = 0;
    for (bits128 rest = starts; rest != 0; rest &= rest - 1) {
        const struct run *run = &chunk->runs[bits128_first(rest)];
        CHECK(run->kind != RUN_NONE && run->chunk == chunk && run->ngranules >= 1);
        bits128 range = bits128_range(bits128_first(rest), run->ngranules);
        CHECK((used & range) == 0 && (chunk->free & range) == 0);
        used |= range;
    }
}

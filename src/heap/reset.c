/*
 * reset.c: finding an arena's objects by its chunks.
 *
 * Full slabs are in no list, so the chunks of the space are walked for those the arena owns; a chunk's
 * run starts say what lies in it. One thread purges, trims or resets an arena at a time (purge.h), which
 * keeps slabs and chunks from vanishing on the way.
 */
#include "heap/reset.h"

#include "heap/large.h"
#include "pages/hooked.h"

/* The granules at which slabs and large objects begin. Tails of big objects end with their heads. */
static bits128 object_runs(struct arena *arena, const struct chunk *chunk) {
    bits128 found = 0;
    lock_acquire(&arena->pages.lock);
    bits128 starts = (bits128)chunk->run_start[1] << 64 | chunk->run_start[0];
    for (bits128 rest = starts; rest != 0; rest &= rest - 1) {
        unsigned kind = chunk->runs[bits128_first(rest)].kind;
        if (kind == RUN_SLAB || kind == RUN_LARGE) {
            found |= rest & -rest;
        }
    }
    lock_release(&arena->pages.lock);
    return found;
}

/* The chunk is the arena's own until its last run is gone. With a big object goes the chunk of its tail, if nothing
 * else is in it, and another arena may take that one at once: so chunks are found one at a time. */
static void reset_chunk(struct arena *arena, struct chunk *chunk) {
    if (atomic_load_explicit(&chunk->kind, memory_order_relaxed) == CHUNK_BIG) {
        large_free((struct large){chunk, NULL});
        return;
    }
    struct run *runs = chunk->runs;
    for (bits128 rest = object_runs(arena, chunk); rest != 0; rest &= rest - 1) {
        struct run *run = &runs[bits128_first(rest)];
        if (run->kind == RUN_SLAB) {
            arena_drop_slab(arena, run);
        } else {
            large_free((struct large){chunk, run});
        }
    }
}

static void reset_space(struct arena *arena, struct space *space) {
    struct chunk *chunk;
    struct space_walk walk = {0};
    while (space_find_owned(space, &arena->pages.owner, &walk, &chunk, 1) > 0) {
        reset_chunk(arena, chunk);
    }
}

static void reset_suspended(struct arena *arena) {
    reset_space(arena, &arena->own);
    reset_space(arena, arena->pages.common);
}

void arena_reset(struct arena *arena) {
    purge_suspend(&arena->pages);
    reset_suspended(arena);
    purge_resume(&arena->pages);
    purge_after_free(&arena->pages);
}

void arena_retire(struct arena *arena, struct arena *heir) {
    struct pages *pages = &arena->pages;
    purge_suspend(pages);
    reset_suspended(arena);
    pages_drop_empty(pages);
    ASSERT(pages->nchunks == 0 && pages->nactive == 0);
    space_adopt(pages->common, &pages->owner, &heir->pages.owner);
    if (pages_space(pages) == &arena->own) {
        hooked_end(&arena->own);
        pages_use_space(pages, pages->common);
        atomic_store_explicit(&arena->own.hooks.table, NULL, memory_order_release);
    }
    purge_resume(pages);
    purge_after_free(&heir->pages);
}

/* ---- counters of an arena that has ended ---------------------------------------------------------- */

static void move(_Atomic uint64_t *from, _Atomic uint64_t *to) {
    counter_add(to, atomic_exchange_explicit(from, 0, memory_order_relaxed));
}

static void move_lock(struct lock *from, struct lock *to) {
    move(&from->acquired, &to->acquired);
    move(&from->spun, &to->spun);
    move(&from->slept, &to->slept);
    move(&from->slept_ns, &to->slept_ns);
    move(&from->switches, &to->switches);
    uint32_t waiters = atomic_exchange_explicit(&from->waiters_max, 0, memory_order_relaxed);
    if (waiters > atomic_load_explicit(&to->waiters_max, memory_order_relaxed)) {
        atomic_store_explicit(&to->waiters_max, waiters, memory_order_relaxed);
    }
    uint64_t longest = atomic_exchange_explicit(&from->slept_max_ns, 0, memory_order_relaxed);
    if (longest > counter_read(&to->slept_max_ns)) {
        atomic_store_explicit(&to->slept_max_ns, longest, memory_order_relaxed);
    }
}

static void move_bin(struct bin *from, struct bin *to) {
    lock_acquire(&from->lock);
    move(&from->nmalloc, &to->nmalloc);
    move(&from->ndalloc, &to->ndalloc);
    move(&from->nfills, &to->nfills);
    move(&from->nflushes, &to->nflushes);
    move(&from->ncreated, &to->ncreated);
    move(&from->nopened, &to->nopened);
    move_lock(&from->lock, &to->lock);
    lock_release(&from->lock);
}

static void move_pages(struct pages *from, struct pages *to) {
    lock_acquire(&from->lock);
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        move(&from->large.nmalloc[i], &to->large.nmalloc[i]);
        move(&from->large.ndalloc[i], &to->large.ndalloc[i]);
    }
    move(&from->large.kept_hits, &to->large.kept_hits);
    move(&from->large.kept_misses, &to->large.kept_misses);
    move(&from->large.kept_frees, &to->large.kept_frees);
    move(&from->large.kept_drops, &to->large.kept_drops);
    move(&from->large.kept_overfills, &to->large.kept_overfills);
    move(&from->nruns, &to->nruns);
    move(&from->nrun_granules, &to->nrun_granules);
    for (unsigned state = 0; state < PAGE_STATES; state++) {
        move(&from->purged[state].sweeps, &to->purged[state].sweeps);
        move(&from->purged[state].calls, &to->purged[state].calls);
        move(&from->purged[state].granules, &to->purged[state].granules);
        move(&from->purged[state].returned, &to->purged[state].returned);
        move(&from->purged[state].slab_bytes, &to->purged[state].slab_bytes);
    }
    move_lock(&from->lock, &to->lock);
    lock_release(&from->lock);
}

void arena_move_counters(struct arena *arena, struct arena *totals) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        move(&arena->merged_requests[class], &totals->merged_requests[class]);
        move_bin(&arena->bins[class], &totals->bins[class]);
    }
    move_pages(&arena->pages, &totals->pages);
    purge_suspend(&arena->pages);
    move_lock(&arena->pages.purge_lock, &totals->pages.purge_lock);
    purge_resume(&arena->pages);
    lock_acquire(&arena->own.lock);
    move_lock(&arena->own.lock, &totals->own.lock);
    lock_release(&arena->own.lock);
}

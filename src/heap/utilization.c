/*
 * utilization.c: from an address to its slab or large object, and what their descriptors say.
 */
#include "heap/utilization.h"

#include "heap/arena.h"

static struct utilization of_slab(const struct run *slab) {
    struct arena *arena = arena_of(slab->chunk);
    struct bin *bin = &arena->bins[slab->class];
    size_t nslots = sizeclasses[slab->class].nslots;
    lock_acquire(&bin->lock);
    const struct run *next = bin_next_locked(bin);
    size_t all = gauge_read(&bin->nslabs) * nslots;
    struct utilization found = {
        .next_slab = next != NULL ? (void *)run_address(next) : NULL,
        .nfree = slab->nfree,
        .nslots = nslots,
        .bytes = slab->ngranules * GRANULE_SIZE,
        .bin_nfree = all - (size_t)(counter_read(&bin->nmalloc) - counter_read(&bin->ndalloc)),
        .bin_nslots = all,
    };
    lock_release(&bin->lock);
    return found;
}

static struct utilization of_large(size_t granules) {
    return (struct utilization){.nslots = 1, .bytes = granules << LG_GRANULE};
}

struct utilization utilization_of(const void *p) {
    struct utilization none = {0};
    struct chunk *chunk = chunk_find_at(p);
    if (chunk == NULL) {
        return none;
    }
    switch (atomic_load_explicit(&chunk->kind, memory_order_relaxed)) {
    case CHUNK_BIG:
        return of_large(big_granules(chunk));
    case CHUNK_BIG_BODY:
        return of_large(big_granules(chunk->head));
    case CHUNK_CUT: {
        const struct run *run = chunk_run_at(chunk, p);
        if (run == NULL || (uintptr_t)p - run_address(run) >= run->ngranules * GRANULE_SIZE) {
            return none;
        }
        return run->kind == RUN_SLAB    ? of_slab(run)
               : run->kind == RUN_LARGE ? of_large(run->ngranules)
                                        : none;
    }
    default:
        return none;
    }
}

/*
 * detail.c: walking chunks.
 *
 * Locks: the arena's page lock for WALK_BATCH chunks at a time, the space's inside it. The walk goes by
 * position, so chunks that come and go meanwhile do no harm.
 */
#include "stats/detail.h"

#include "base/bitset.h"
#include "opt/opt.h"

enum { WALK_BATCH = 32, LG_PAGE_CLASS_GROUP = 2 };

unsigned detail_page_class(size_t bytes) {
    size_t pages = (bytes + purge_page_size - 1) / purge_page_size;
    if (pages <= 4) {
        return pages == 0 ? 0 : (unsigned)pages - 1;
    }
    unsigned lg = lg_floor(pages - 1);
    unsigned class = 4 * (lg - 1) + (unsigned)((pages - 1) >> (lg - LG_PAGE_CLASS_GROUP) & 3);
    return class < NPAGE_CLASSES ? class : NPAGE_CLASSES - 1;
}

size_t detail_page_class_size(unsigned class) {
    size_t pages = class < 4 ? class + 1 : (size_t)(5 + class % 4) << (class / 4 - 1);
    return pages * purge_page_size;
}

enum state { DIRTY, MUZZY, RETAINED, PINNED, UNCOUNTED };

static enum state dirty_state(const struct chunk *chunk) {
    return chunk->pinned ? PINNED : DIRTY;
}

static void add_run(struct detail *detail, enum state state, size_t bytes) {
    struct extents_detail *of = &detail->extents[detail_page_class(bytes)];
    size_t *count[] = {&of->ndirty, &of->nmuzzy, &of->nretained, &of->npinned};
    size_t *sum[] = {&of->dirty_bytes, &of->muzzy_bytes, &of->retained_bytes, &of->pinned_bytes};
    ++*count[state];
    *sum[state] += bytes;
}

/* Adds each run of a set. Returns the length of the longest. */
static unsigned add_set(struct detail *detail, enum state state, bits128 set) {
    unsigned longest = 0;
    while (set != 0) {
        unsigned first;
        unsigned n = bits128_run_around(set, bits128_first(set), &first);
        if (state != UNCOUNTED) {
            add_run(detail, state, (size_t)n << LG_GRANULE);
        }
        longest = n > longest ? n : longest;
        set &= ~bits128_range(first, n);
    }
    return longest;
}

static void add_slab(struct slabs_detail *of, const struct chunk *chunk) {
    size_t free = bits128_count(chunk->free);
    size_t dirty = bits128_count(chunk->dirty);
    size_t unclean = dirty + bits128_count(chunk->muzzy);
    bool huge = chunk->huge || (opts.thp == THP_ALWAYS && space_of(chunk) == &arenas_space);
    *(huge ? &of->npageslabs_huge : &of->npageslabs_nonhuge) += 1;
    *(huge ? &of->active_bytes_huge : &of->active_bytes_nonhuge) += (CHUNK_GRANULES - free)
                                                                    << LG_GRANULE;
    *(huge ? &of->dirty_bytes_huge : &of->dirty_bytes_nonhuge) +=
        chunk->pinned ? 0 : dirty << LG_GRANULE;
    of->retained_bytes_nonhuge += huge ? 0 : (free - unclean) << LG_GRANULE;
}

static void add_cut(struct detail *detail, const struct chunk *chunk) {
    bits128 clean = chunk->free & ~(chunk->dirty | chunk->muzzy);
    add_set(detail, dirty_state(chunk), chunk->dirty);
    add_set(detail, MUZZY, chunk->muzzy);
    add_set(detail, RETAINED, clean);
    add_slab(&detail->slabs, chunk);
    if (chunk->free == 0) {
        add_slab(&detail->full, chunk);
    } else if (chunk->free == ALL_GRANULES) {
        add_slab(&detail->empty, chunk);
    } else {
        unsigned longest = add_set(detail, UNCOUNTED, chunk->free);
        unsigned class = detail_page_class((size_t)longest << LG_GRANULE);
        add_slab(&detail->nonfull[class < NONFULL_CLASSES ? class : NONFULL_CLASSES - 1], chunk);
    }
}

/* Whole free chunks: series of unclean ones on the arena's account; clean ones belong to arena 0, or to
 * the only arena of the space. */
static void add_free_chunks(struct detail *detail, const struct arena *arena, struct space *space) {
    bool takes_clean = arena->index == 0 || space != &arenas_space;
    lock_acquire(&space->lock);
    for (const struct region *region = space->regions; region != NULL; region = region->next) {
        size_t clean = 0;
        for (size_t i = 0; i < region->ncommitted; i++) {
            const struct chunk *chunk = &region->chunks[i];
            bool unused = bitset_has(region->free, i);
            bool unclean = unused && bitset_has(region->dirty, i);
            if (unclean &&
                atomic_load_explicit(&chunk->owner, memory_order_relaxed) == &arena->pages.owner) {
                add_set(detail, dirty_state(chunk), chunk->dirty);
                add_set(detail, MUZZY, chunk->muzzy);
                add_set(detail, RETAINED, ~(chunk->dirty | chunk->muzzy));
            }
            clean += unused && !unclean;
            if (clean > 0 && (!unused || unclean || i + 1 == region->ncommitted)) {
                if (takes_clean) {
                    add_run(detail, RETAINED, clean << LG_CHUNK);
                }
                clean = 0;
            }
        }
    }
    lock_release(&space->lock);
}

static void add_space(struct detail *detail, struct arena *arena, struct space *space) {
    struct chunk *chunks[WALK_BATCH];
    struct space_walk walk = {0};
    size_t n;
    do {
        lock_acquire(&arena->pages.lock);
        n = space_find_owned(space, &arena->pages.owner, &walk, chunks, WALK_BATCH);
        for (size_t i = 0; i < n; i++) {
            if (atomic_load_explicit(&chunks[i]->kind, memory_order_relaxed) == CHUNK_CUT) {
                add_cut(detail, chunks[i]);
            }
        }
        lock_release(&arena->pages.lock);
    } while (n > 0);
    add_free_chunks(detail, arena, space);
}

void detail_add(struct detail *detail, struct arena *arena) {
    add_space(detail, arena, &arenas_space);
    if (gauge_read(&arena->own.reserved_bytes) != 0) {
        add_space(detail, arena, &arena->own);
    }
}

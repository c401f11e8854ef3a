/*
 * large.c: large objects: allocation, growth in place, moves by page table, and reports.
 *
 * Page tables are moved only out of chunks into which none were moved before: a source in several
 * mappings is refused by older kernels, and may be left half moved by newer ones.
 * Memory that has not been written to since the system gave it is known to be zero, so calloc writes
 * nothing then.
 */
#include "heap/large.h"

#include <string.h>

#include "opt/opt.h"
#include "os/fatal.h"
#include "os/os.h"
#include "pages/hooked.h"

enum {
    MOVE_MIN = 8 << 20,   /* below this copying is cheaper than page-table work */
    MOVE_COUNT_MAX = 8192 /* each move may split kernel mappings, whose number is limited */
};

static _Atomic unsigned nmoves;

/* The option disable_large_size_classes: four sizes per doubling. */
COLD size_t large_class_size(size_t request) {
    size_t size = request <= SIZECLASS_MAX ? sizeclasses[sizeclass_of(request)].size
                                           : lextent_size(lextent_index(request));
    return size <= PTRDIFF_MAX ? size : request;
}

size_t large_usable_for(size_t request) {
    return large_round(request > LARGE_ALIGNED_MIN ? request : LARGE_ALIGNED_MIN);
}

static size_t granules_of(size_t usable) {
    return div_round_up(usable, GRANULE_SIZE);
}

/* The option calloc_madvise_threshold: used memory goes back to the system, which gives zeroed memory
 * where the program comes to write to it. What hooks gave may not come back zeroed. */
void *large_clear(void *object, size_t usable) {
    uintptr_t begin = (uintptr_t)object;
    uintptr_t end = begin + usable;
    uintptr_t pages = round_up(begin, purge_page_size); /* larger than a granule on some systems */
    uintptr_t pages_end = round_down(end, purge_page_size);
    bool replace = usable >= opts.calloc_madvise_threshold && pages < pages_end &&
                   !space_is_hooked(space_of(chunk_find_at(object)));
    if (replace && os_page_ops.purge((void *)pages, pages_end - pages)) {
        memset(object, 0, pages - begin);
        memset((void *)pages_end, 0, end - pages_end);
    } else {
        memset(object, 0, usable);
    }
    return object;
}

/* n granules, at least as many as `usable` bytes need. */
static void *alloc(struct arena *arena, size_t usable, size_t n, size_t alignment, bool zero) {
    size_t align_granules = alignment > GRANULE_SIZE ? alignment >> LG_GRANULE : 1;
    bool zeroed;
    void *object;
    if (n <= CHUNK_GRANULES && align_granules <= CHUNK_GRANULES) {
        struct run *run = pages_alloc_large(&arena->pages, usable, (unsigned)n,
                                            (unsigned)align_granules, &zeroed);
        if (run == NULL) {
            return NULL;
        }
        object = (void *)run_address(run);
    } else {
        size_t align_chunks = align_granules > CHUNK_GRANULES ? alignment >> LG_CHUNK : 1;
        struct chunk *head = pages_alloc_big(&arena->pages, n, align_chunks, &zeroed);
        if (head == NULL) {
            return NULL;
        }
        head->usable = usable;
        pages_count_large(&arena->pages, usable, 0);
        object = (void *)head->base;
    }
    if (zero && !zeroed) {
        large_clear(object, usable);
    }
    return object;
}

void *large_alloc(struct arena *arena, size_t request, size_t alignment, bool zero) {
    size_t usable = large_usable_for(request);
    return alloc(arena, usable, granules_of(usable), alignment, zero);
}

/* Whole chunks, so that nothing else comes to lie behind the object; one that fits into a chunk stays in one. */
void *large_alloc_growing(struct arena *arena, size_t request, size_t room) {
    size_t usable = large_usable_for(request);
    size_t n = granules_of(usable);
    size_t with_room = granules_of(usable + room);
    if (n > CHUNK_GRANULES) {
        with_room = round_up(with_room, CHUNK_GRANULES);
    } else if (with_room > CHUNK_GRANULES) {
        with_room = CHUNK_GRANULES;
    }
    void *object = alloc(arena, usable, with_room, 1, false);
    return object != NULL ? object : alloc(arena, usable, n, 1, false);
}

struct large large_find(const void *p) {
    struct large none = {NULL, NULL};
    struct chunk *chunk = chunk_find_at(p);
    if (chunk == NULL) {
        return none;
    }
    switch (atomic_load_explicit(&chunk->kind, memory_order_relaxed)) {
    case CHUNK_BIG:
        return chunk->base == (uintptr_t)p ? (struct large){chunk, NULL} : none;
    case CHUNK_CUT: {
        struct run *run = chunk_run_at(chunk, p);
        bool starts = run != NULL && run->kind == RUN_LARGE && run_address(run) == (uintptr_t)p;
        return starts ? (struct large){chunk, run} : none;
    }
    default:
        return none;
    }
}

size_t large_usable(struct large large) {
    return large.run != NULL ? large.run->usable : large.chunk->usable;
}

static void *address_of(struct large large) {
    return (void *)(large.run != NULL ? run_address(large.run) : large.chunk->base);
}

static void free_and_count(struct large large, bool clean) {
    struct arena *arena = arena_of(large.chunk);
    if (large.run != NULL) {
        pages_free_large(&arena->pages, large.run);
    } else {
        pages_count_large(&arena->pages, 0, large.chunk->usable);
        pages_free_big(&arena->pages, large.chunk, clean);
    }
    purge_after_free(&arena->pages);
}

void large_free(struct large large) {
    free_and_count(large, false);
}

static size_t held_granules(struct large large) {
    return large.run != NULL ? large.run->ngranules : big_granules(large.chunk);
}

bool large_resize(struct large large, size_t request) {
    struct arena *arena = arena_of(large.chunk);
    size_t usable = large_round(request);
    size_t n = granules_of(usable);
    size_t old = large_usable(large);
    if (request <= SIZECLASS_MAX) {
        return false; /* the object belongs into a size class now */
    }
    if (usable == old) {
        return true;
    }
    if (usable > old && n < held_granules(large)) {
        n = held_granules(large); /* it grows into its room, and keeps the rest */
    }
    if (large.run != NULL) {
        if (n > CHUNK_GRANULES || !pages_resize(&arena->pages, large.run, (unsigned)n)) {
            return false;
        }
        large.run->usable = usable;
        large.run->class = (uint8_t)lextent_index(usable);
    } else {
        if (n <= CHUNK_GRANULES || !pages_resize_big(&arena->pages, large.chunk, n)) {
            return false;
        }
        large.chunk->usable = usable;
    }
    pages_count_large(&arena->pages, usable, old);
    if (usable < old) {
        purge_after_free(&arena->pages);
    }
    return true;
}

/* Memory that hooks gave is not the kernel's plain kind. */
static bool may_move(struct large from, struct large to) {
    return !space_is_hooked(space_of(from.chunk)) && !space_is_hooked(space_of(to.chunk));
}

static bool is_torn(const struct chunk *head) {
    size_t n = head->nchunks + (head->tail_granules != 0);
    size_t first = chunk_index(head);
    size_t nplain = head->region->nplain; /* the mapping of the first chunks of all ends there */
    if (first < nplain && nplain < first + n) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (head[i].torn) {
            return true;
        }
    }
    return false;
}

static void tear(struct chunk *head, size_t bytes) {
    for (size_t i = 0; i < div_round_up(bytes, CHUNK_SIZE); i++) {
        head[i].torn = true;
    }
}

/* All granules of the object move, also what lies behind its usable end: its chunks are clean only if
 * nothing stays behind. */
bool large_move(struct large from, struct large to) {
    if (from.run != NULL || to.run != NULL) {
        return false;
    }
    size_t bytes = big_granules(from.chunk) << LG_GRANULE;
    if (bytes < MOVE_MIN || big_granules(to.chunk) << LG_GRANULE < bytes ||
        atomic_load_explicit(&nmoves, memory_order_relaxed) >= MOVE_COUNT_MAX) {
        return false;
    }
    if (is_torn(from.chunk) || !may_move(from, to) ||
        !os_page_ops.move(address_of(from), address_of(to), bytes)) {
        return false;
    }
    tear(to.chunk, bytes);
    atomic_fetch_add_explicit(&nmoves, 1, memory_order_relaxed);
    free_and_count(from, true);
    return true;
}

_Noreturn void large_report(const char *call, const void *p) {
    const char *what = "not an object of this allocator";
    struct chunk *chunk = chunk_find_at(p);
    if (chunk != NULL) {
        switch (atomic_load_explicit(&chunk->kind, memory_order_relaxed)) {
        case CHUNK_BIG:
        case CHUNK_BIG_BODY:
            what = "points into a large object, not to its start";
            break;
        case CHUNK_CUT: {
            struct run *run = chunk_run_at(chunk, p);
            bool inside = run != NULL && run->kind != RUN_CACHED &&
                          (uintptr_t)p - run_address(run) < run->ngranules * GRANULE_SIZE;
            what = inside ? "points into a large object, not to its start"
                          : "points to unused memory, probably freed before (double free)";
            break;
        }
        default:
            what = "points to unused memory, probably freed before (double free)";
        }
    }
    fatal_pointer(call, p, what);
}

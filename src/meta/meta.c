/*
 * meta.c: a bump allocator over mappings of its own.
 *
 * Holds:      |used ...... cursor|untouched ........ end|   the current mapping; older ones are full
 * Invariants: cursor is a multiple of CACHE_LINE; bytes from cursor to end have never been written.
 * Locks:      meta_lock guards everything here. A request of FIRST_MAPPING or more gets its own.
 */
#include "meta/meta.h"

#include "base/bits.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "os/os.h"

enum {
    SMALL_MAPPING = 64 << 10,
    FIRST_MAPPING = 256 << 10,
    LARGEST_MAPPING = 8 << 20,
    HUGE_PAGE = 2 << 20
};

struct lock meta_lock = {.rank = RANK_META};

static char *cursor;        /* guarded by meta_lock */
static char *end;           /* guarded by meta_lock */
static size_t next_mapping; /* guarded by meta_lock */
static _Atomic size_t allocated;
static _Atomic size_t huge_pages;

/* A mapping of huge pages, as far as `length` has them whole. */
static char *map_huge(size_t length) {
    char *block = os_page_ops.map(length + HUGE_PAGE);
    if (block == NULL) {
        return NULL;
    }
    char *base = (char *)round_up((uintptr_t)block, HUGE_PAGE);
    size_t before = (size_t)(base - block);
    if (before != 0) {
        os_page_ops.release(block, before);
    }
    os_page_ops.release(base + length, HUGE_PAGE - before);
    static bool warned; /* guarded by meta_lock */
    if (os_prefer_huge_pages(base, length)) {
        atomic_fetch_add_explicit(&huge_pages, length / HUGE_PAGE, memory_order_relaxed);
    } else if (!warned) {
        warned = true;
        warn("the system has no huge pages (metadata_thp)");
    }
    return base;
}

static char *map_block(size_t length) {
    bool huge = opts.metadata_thp != METADATA_THP_OFF && length >= HUGE_PAGE;
    char *block = huge ? map_huge(length) : NULL;
    return block != NULL ? block : os_page_ops.map(length);
}

/* Mappings double. The first ones are small, unless they shall be huge pages. */
static size_t next_length(void) {
    size_t least = opts.metadata_thp == METADATA_THP_ALWAYS ? HUGE_PAGE : FIRST_MAPPING;
    return next_mapping > least ? next_mapping : least;
}

/* What is left of the current mapping is given up: less than FIRST_MAPPING bytes. */
static bool map_more(size_t size) {
    size_t length = next_length();
    char *block = map_block(length);
    if (block == NULL) {
        length = round_up(size, SMALL_MAPPING);
        block = map_block(length);
    }
    if (block == NULL) {
        return false;
    }
    cursor = block;
    end = block + length;
    next_mapping = length < LARGEST_MAPPING ? 2 * length : LARGEST_MAPPING;
    return true;
}

void *meta_alloc(size_t size) {
    size = round_up(size, CACHE_LINE);
    void *block = NULL;
    lock_acquire(&meta_lock);
    if (size >= FIRST_MAPPING) {
        block = map_block(round_up(size, SMALL_MAPPING));
    } else if ((size_t)(end - cursor) >= size || map_more(size)) {
        block = cursor;
        cursor += size;
    }
    if (block != NULL) {
        atomic_fetch_add_explicit(&allocated, size, memory_order_relaxed);
    }
    lock_release(&meta_lock);
    return block;
}

size_t meta_allocated_bytes(void) {
    return atomic_load_explicit(&allocated, memory_order_relaxed);
}

size_t meta_huge_pages(void) {
    return atomic_load_explicit(&huge_pages, memory_order_relaxed);
}

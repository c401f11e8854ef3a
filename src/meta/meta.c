/*
 * meta.c: a bump allocator over mappings of its own.
 *
 * Holds:      |used ...... cursor|untouched ........ end|   the current mapping; older ones are full
 * Invariants: cursor is a multiple of CACHE_LINE; bytes from cursor to end have never been written.
 * Locks:      meta_lock guards everything here. A request of FIRST_MAPPING or more gets its own.
 */
#include "meta/meta.h"

#include "base/bits.h"
#include "os/os.h"

enum { SMALL_MAPPING = 64 << 10, FIRST_MAPPING = 256 << 10, LARGEST_MAPPING = 8 << 20 };

struct lock meta_lock = {.rank = RANK_META};

static char *cursor;        /* guarded by meta_lock */
static char *end;           /* guarded by meta_lock */
static size_t next_mapping; /* guarded by meta_lock */
static _Atomic size_t allocated;
static _Atomic size_t mapped;

static char *map_block(size_t length) {
    char *block = os_page_ops.map(length);
    if (block != NULL) {
        atomic_fetch_add_explicit(&mapped, length, memory_order_relaxed);
    }
    return block;
}

/* What is left of the current mapping is given up: less than FIRST_MAPPING bytes. */
static bool map_more(size_t size) {
    size_t length = next_mapping > FIRST_MAPPING ? next_mapping : FIRST_MAPPING;
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

size_t meta_mapped_bytes(void) {
    return atomic_load_explicit(&mapped, memory_order_relaxed);
}

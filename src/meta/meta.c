/*
 * meta.c: a bump allocator over mappings of its own.
 *
 * Holds:      |used ...... cursor|untouched ........ end|   the current mapping; older ones are full
 * Invariants: cursor is a multiple of CACHE_LINE; bytes from cursor to end have never been written.
 * Locks:      meta_lock guards everything here. A request larger than a mapping gets its own.
 */
#include "meta/meta.h"

#include "base/bits.h"
#include "os/os.h"

enum { FIRST_MAPPING = 256 << 10, LARGEST_MAPPING = 8 << 20 };

struct lock meta_lock = {.rank = RANK_META};

static char *cursor;        /* guarded by meta_lock */
static char *end;           /* guarded by meta_lock */
static size_t next_mapping; /* guarded by meta_lock */
static _Atomic size_t allocated;
static _Atomic size_t mapped;

static bool map_more(size_t size) {
    if (next_mapping == 0) {
        next_mapping = FIRST_MAPPING;
    }
    size_t length = round_up(size > next_mapping ? size : next_mapping, FIRST_MAPPING);
    char *block = os_page_ops.map(length);
    if (block == NULL && length > round_up(size, 65536)) {
        length = round_up(size, 65536);
        block = os_page_ops.map(length);
    }
    if (block == NULL) {
        return false;
    }
    cursor = block;
    end = block + length;
    atomic_fetch_add_explicit(&mapped, length, memory_order_relaxed);
    if (next_mapping < LARGEST_MAPPING) {
        next_mapping *= 2;
    }
    return true;
}

void *meta_alloc(size_t size) {
    size = round_up(size, CACHE_LINE);
    void *block = NULL;
    lock_acquire(&meta_lock);
    if ((size_t)(end - cursor) >= size || map_more(size)) {
        block = cursor;
        cursor += size;
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

/*
 * map.c: reserving and committing the two maps.
 *
 * One reservation holds both: |classes: 1 byte per 16 KiB|chunks: 8 bytes per 2 MiB|. For the 47 bits
 * of x86-64 that is 8 GiB + 512 MiB of address space, of which a 1 GiB heap touches 64 KiB + 4 KiB.
 * It is mapped readable, which no overcommit policy accounts, and made writable piece by piece.
 */
#include "pages/map.h"

#include "base/bits.h"
#include "os/os.h"

enum { LG_SMALLEST_SPAN = 32, LG_LIMITED_SPAN = 41 };

static _Atomic uint8_t no_class;
static struct chunk *_Atomic no_chunk;

bool map_is_short;
struct map map = {.classes = &no_class, .chunks = &no_chunk};

static size_t classes_bytes(unsigned lg_span) {
    return (size_t)1 << (lg_span - LG_GRANULE);
}

static size_t chunks_bytes(unsigned lg_span) {
    return ((size_t)1 << (lg_span - LG_CHUNK)) * sizeof(struct chunk *);
}

static char *reserve_tables(unsigned lg_span) {
    return os_page_ops.reserve_readable(classes_bytes(lg_span) + chunks_bytes(lg_span));
}

/* Where address space is short: four times what the process may have is enough to make collisions of
 * its regions rare, and costs it a few thousandths. */
static unsigned lg_limited_span(void) {
    size_t limit = os_address_space_limit();
    unsigned lg_span =
        limit >= (size_t)1 << (LG_LIMITED_SPAN - 2) ? LG_LIMITED_SPAN : lg_floor(limit | 1) + 3;
    return lg_span > LG_SMALLEST_SPAN ? lg_span : LG_SMALLEST_SPAN;
}

bool map_init(void) {
    if (map.granule_mask != 0) {
        return true;
    }
    unsigned lg_span = os_address_bits();
    char *table = reserve_tables(lg_span);
    if (table == NULL) {
        lg_span = lg_limited_span();
        table = reserve_tables(lg_span);
    }
    while (table == NULL && lg_span > LG_SMALLEST_SPAN) {
        lg_span--;
        table = reserve_tables(lg_span);
    }
    if (table == NULL) {
        return false;
    }
    /* A signal handler may be freeing a foreign pointer: the masks become valid after the tables. There is no other
     * thread yet, unless the first start failed for want of memory. */
    map.classes = (_Atomic uint8_t *)table;
    map.chunks = (struct chunk * _Atomic *)(table + classes_bytes(lg_span));
    atomic_thread_fence(memory_order_release);
    map.chunk_mask = chunks_bytes(lg_span) / sizeof(struct chunk *) - 1;
    map.granule_mask = classes_bytes(lg_span) - 1;
    map_is_short = lg_span < os_address_bits();
    return true;
}

/* Commits the pages of a table that hold entries first .. last, given as byte addresses. */
static bool commit_span(uintptr_t first_byte, uintptr_t last_byte) {
    size_t page = os_page_size();
    uintptr_t begin = round_down(first_byte, page);
    uintptr_t end = round_down(last_byte, page) + page;
    return os_page_ops.commit((void *)begin, end - begin);
}

/* A range may wrap around the end of short tables; then it is two spans. */
static bool commit_entries(uintptr_t table, size_t entry_size, size_t mask, size_t first,
                           size_t n) {
    if (n > mask) {
        return commit_span(table, table + (mask + 1) * entry_size - 1);
    }
    size_t begin = first & mask;
    size_t last = (first + n - 1) & mask;
    if (begin <= last) {
        return commit_span(table + begin * entry_size, table + (last + 1) * entry_size - 1);
    }
    return commit_span(table + begin * entry_size, table + (mask + 1) * entry_size - 1) &&
           commit_span(table, table + (last + 1) * entry_size - 1);
}

bool map_commit(uintptr_t address, size_t size) {
    return commit_entries((uintptr_t)map.classes, 1, map.granule_mask, address >> LG_GRANULE,
                          size >> LG_GRANULE) &&
           commit_entries((uintptr_t)map.chunks, sizeof(struct chunk *), map.chunk_mask,
                          address >> LG_CHUNK, size >> LG_CHUNK);
}

/*
 * map.h: from any address to what lies there, without locks.
 *
 * Holds:      classes  one byte per 16 KiB granule of the whole address space: the size class of the
 *                      slab there, or MAP_MANUAL if its arena is a manual one (heap/arenas.h); 0
 *                      for everything else (nothing, large objects, foreign memory).
 *             chunks   one pointer per 2 MiB: the descriptor of our chunk there, or NULL.
 * Invariants: a byte is nonzero exactly while its granule belongs to a slab; it is written before any
 *             object of the slab is handed out and cleared after the last one came back, so whoever
 *             rightfully holds an object reads its class with a plain relaxed load.
 * Both tables are reserved for all addresses a user pointer can have and committed as regions appear.
 * When address space is limited (ulimit -v) they are shorter and addresses wrap around by the mask;
 * chunks that would share entries with others are then not used (region.c).
 */
#ifndef ASHLAR_PAGES_MAP_H
#define ASHLAR_PAGES_MAP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/check.h"

struct chunk;

/* Slabs of manual arenas are told apart, so that freeing their objects misses every thread's cache. The
 * number after the last class; slab_class_of() (slab.h) knows which class it is. */
enum { MAP_MANUAL = 42 };

struct map {
    _Atomic uint8_t *classes;
    size_t granule_mask; /* number of entries in classes - 1 */
    struct chunk *_Atomic *chunks;
    size_t chunk_mask; /* number of entries in chunks - 1 */
};

/* Before map_init it answers 0 and NULL for every address. */
extern struct map map;
/* The tables do not cover the whole address space, and addresses wrap around. */
extern bool map_is_short;

/* Reserves the tables; false when even the smallest do not fit. Called once, at start. */
bool map_init(void);

/* Makes the entries of an address range writable; false when there is no memory. */
bool map_commit(uintptr_t address, size_t size);

/* The byte: a class, or MAP_MANUAL. */
static ALWAYS_INLINE unsigned map_class_of(const void *p) {
    size_t entry = ((uintptr_t)p >> LG_GRANULE) & map.granule_mask;
    return atomic_load_explicit(&map.classes[entry], memory_order_relaxed);
}

static inline void map_set_class(uintptr_t address, unsigned ngranules, unsigned class) {
    size_t first = (address >> LG_GRANULE) & map.granule_mask;
    for (unsigned i = 0; i < ngranules; i++) {
        atomic_store_explicit(&map.classes[first + i], (uint8_t) class, memory_order_relaxed);
    }
}

/* Pairs with the release in map_set_chunk: the descriptor's fields are visible. With short tables the
 * answer may be the chunk of another address; chunk_find_at() (chunk.h) compares the base. */
static inline struct chunk *map_chunk_at(uintptr_t address) {
    size_t entry = (address >> LG_CHUNK) & map.chunk_mask;
    return atomic_load_explicit(&map.chunks[entry], memory_order_acquire);
}

static inline void map_set_chunk(uintptr_t address, struct chunk *chunk) {
    size_t entry = (address >> LG_CHUNK) & map.chunk_mask;
    atomic_store_explicit(&map.chunks[entry], chunk, memory_order_release);
}

#endif

/*
 * large_cache.h: the runs of large objects that a thread freed a moment ago.
 *
 * Holds: runs of up to 1 MiB, still cut out of their chunks, which the next object of exactly their
 * length takes without a lock. Lengths of n and n + 32 granules share a slot. Runs are of the thread's
 * own arena; they count as active.
 * Invariants: a run in a slot has kind RUN_CACHED, and its length is in `lengths`. The length of a run that has left
 *        stays there until room is made.
 * Locks: none. The owner fills slots; anybody may empty one by an atomic exchange, and does so when the
 *        owner has not used its slots for a while.
 */
#ifndef ASHLAR_CACHE_LARGE_CACHE_H
#define ASHLAR_CACHE_LARGE_CACHE_H

#include "heap/arena.h"

enum {
    LARGE_CACHED_MAX = 1 << 20, /* bytes of the largest object */
    LARGE_CACHE_SLOTS = 32,
    LARGE_CACHED_GRANULES = 160 /* 2.5 MiB: shared by the threads of an arena */
};

struct large_cache {
    struct run *_Atomic slots[LARGE_CACHE_SLOTS];
    unsigned granules;     /* in the slots, or a little more */
    unsigned newest;       /* the slot filled last */
    _Atomic unsigned most; /* granules it may keep */
    _Atomic bool used;     /* since the last time somebody looked */
    struct large_tally tally;
    _Atomic uint8_t lengths[LARGE_CACHE_SLOTS]; /* of the runs in the slots; 0: of no run */
    uint32_t filled;                            /* slots whose length is not 0, a bit each */
};

/* An object of `usable` bytes, a multiple of the page size; NULL: none is kept. Its contents are what the
 * last owner left. */
void *large_cache_take(struct large_cache *cache, size_t usable);
/* The memory freed last, made to fit: for who writes all of it, since it is still in the processor's
 * caches. NULL: it cannot be made to fit. */
void *large_cache_take_newest(struct large_cache *cache, struct arena *arena, size_t usable);
/* The object that begins at p is freed and kept. Returns its usable bytes; 0: not kept, and nothing done. */
size_t large_cache_keep(struct large_cache *cache, const struct arena *arena, const void *p);

/* Sets how much the cache of one of the arena's threads may keep: of a manual arena's, nothing. */
void large_cache_limit(struct large_cache *cache, const struct arena *arena);
/* All runs go back to their arena, which may have something to purge then; any thread. */
void large_cache_empty(struct large_cache *cache);
/* Bytes in the slots; any thread. */
size_t large_cache_bytes(const struct large_cache *cache);

#endif

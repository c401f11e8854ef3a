/*
 * pages.h: runs of granules for the heap, one struct pages per arena.
 *
 * Sizes are in granules of 16 KiB. Up to a chunk's 128 granules make a run inside one chunk; more make
 * a big object: whole adjacent chunks, and a tail run in the chunk after them whose remainder serves
 * other runs, so that a big object is not rounded up to 2 MiB.
 * Freed granules stay dirty and are used again first; purge.h gives them back with time.
 * Locks: `lock` guards everything but what says otherwise. Order: bin, pages, space.
 */
#ifndef ASHLAR_PAGES_PAGES_H
#define ASHLAR_PAGES_PAGES_H

#include "pages/decay.h"
#include "pages/fill.h"
#include "pages/lextent.h"
#include "pages/region.h"

/* Unused memory: that decays, and what extent hooks gave as pinned, which does not. */
enum page_state { PAGES_DIRTY, PAGES_MUZZY, PAGE_STATES, PAGES_PINNED = PAGE_STATES };

/* Large objects, big ones included; written under the pages' lock, read without. */
struct large_counters {
    _Atomic uint64_t nmalloc[NLEXTENTS];
    _Atomic uint64_t ndalloc[NLEXTENTS];
    _Atomic size_t bytes; /* usable bytes of live ones */
    /* What threads that ended did with the runs they kept (cache/large_cache.h). */
    _Atomic uint64_t kept_hits;
    _Atomic uint64_t kept_misses;
    _Atomic uint64_t kept_frees;
    _Atomic uint64_t kept_drops;
    _Atomic uint64_t kept_overfills;
};

/* The part of them that a thread counts for its arena; written by the thread alone. */
struct large_tally {
    _Atomic uint64_t nmalloc[LEXTENTS_CACHED];
    _Atomic uint64_t ndalloc[LEXTENTS_CACHED];
    _Atomic size_t bytes; /* wraps around: a thread may free more than it allocates */
    _Atomic uint64_t misses;
    _Atomic uint64_t drops;     /* runs given back to make room */
    _Atomic uint64_t overfills; /* times all that was kept had become too much */
};

/* Since the start; written by whoever purges, read by anyone. */
struct purge_counters {
    _Atomic uint64_t sweeps;     /* passes that purged something */
    _Atomic uint64_t calls;      /* madvise calls */
    _Atomic uint64_t granules;   /* granules purged */
    _Atomic uint64_t returned;   /* of them, given back for good: not lazily */
    _Atomic uint64_t slab_bytes; /* given back from inside slabs (heap/scavenge.h) */
};

struct pages {
    struct page_owner owner; /* guarded by the space's lock */
    struct lock lock;
    struct space *_Atomic space; /* where new chunks come from */
    struct space *common;        /* the same, or where they come from while a hook runs; const */
    bool manual;                 /* slabs are MAP_MANUAL in the map */
    struct fill fill;
    struct list dirty_chunks; /* cut chunks with dirty or muzzy granules, oldest first */
    size_t nempty;            /* cut chunks whose granules are all free */
    struct large_counters large;
    _Atomic size_t nchunks;     /* chunks in use: cut, big and body */
    _Atomic size_t ncut;        /* of them, cut */
    _Atomic size_t ncut_active; /* granules in runs of cut chunks */
    _Atomic uint64_t nruns;     /* runs ever allocated, and their granules */
    _Atomic uint64_t nrun_granules;
    _Atomic size_t nactive;                 /* granules in runs and big objects */
    _Atomic size_t active_pages;            /* the same in pages, rounded down */
    _Atomic size_t nstate[PAGE_STATES + 1]; /* dirty, muzzy, pinned granules in cut chunks */
    _Atomic size_t noticed;                 /* dirty granules when purge_alarm was last heeded */
    _Atomic bool immediate;                 /* dirty_decay_ms is 0 */
    _Atomic uint64_t next_decay_ns;
    struct lock purge_lock; /* guards what follows, and writing the two above (purge.h) */
    struct decay decay[PAGE_STATES];
    struct purge_counters purged[PAGE_STATES];
};

/* *pages must be all zero. */
void pages_init(struct pages *pages, struct space *space, ssize_t dirty_ms, ssize_t muzzy_ms);
/* New chunks come from there from now on; chunks in use return to where they came from. */
void pages_use_space(struct pages *pages, struct space *space);

static inline struct space *pages_space(const struct pages *pages) {
    return atomic_load_explicit(&pages->space, memory_order_acquire);
}

/* Both curves begin anew; nobody may be purging. */
void pages_set_decay(struct pages *pages, ssize_t dirty_ms, ssize_t muzzy_ms);

/* n (1..128) granules at a multiple of `alignment` (a power of two, 1..128) granules; NULL when there
 * is no memory. *zeroed: they read as zero. */
struct run *pages_alloc(struct pages *pages, unsigned n, unsigned alignment, enum run_kind kind,
                        bool *zeroed);
void pages_free(struct pages *pages, struct run *run);
/* Makes a run n granules long where it stands; growing fails when the next granules are in use. */
bool pages_resize(struct pages *pages, struct run *run, unsigned n);

/* A run of n granules for one object of `usable` bytes, and its end. */
struct run *pages_alloc_large(struct pages *pages, size_t usable, unsigned n, unsigned alignment,
                              bool *zeroed);
void pages_free_large(struct pages *pages, struct run *run);

/* A big object of n granules at a multiple of `alignment` chunks. */
struct chunk *pages_alloc_big(struct pages *pages, size_t n, size_t alignment, bool *zeroed);
/* clean: the object's pages have just been moved away and read as zero. */
void pages_free_big(struct pages *pages, struct chunk *head, bool clean);
/* Resizes where it stands, n > 128. */
bool pages_resize_big(struct pages *pages, struct chunk *head, size_t n);

/* Gives all chunks without runs back to the space, also the one that is usually kept. */
void pages_drop_empty(struct pages *pages);

/* Granules of one state, those in the space included. */
size_t pages_unused(const struct pages *pages, enum page_state state);

/* A large object of so many usable bytes came, or went; both when one changed its size. 0: none. */
void pages_count_large(struct pages *pages, size_t allocated, size_t freed);
/* What a thread counted is added; its tally starts again at zero. */
void pages_merge_tally(struct pages *pages, struct large_tally *tally);

/* For purge.c: granules leave and re-enter the free set while they are purged without the lock. */
void pages_hide(struct pages *pages, struct chunk *chunk, bits128 range);
void pages_unhide(struct pages *pages, struct chunk *chunk, bits128 range, bits128 dirty,
                  bits128 muzzy);

void pages_check(struct pages *pages);

static inline struct pages *pages_of(const struct chunk *chunk) {
    struct page_owner *owner = atomic_load_explicit(&chunk->owner, memory_order_relaxed);
    return container_of(owner, struct pages, owner);
}

/* Granules of a big object, its tail included. */
static inline size_t big_granules(const struct chunk *head) {
    return (size_t)head->nchunks * CHUNK_GRANULES + head->tail_granules;
}

#endif

/*
 * chunk.h: one 2 MiB chunk of address space and the runs it is cut into.
 *
 * Holds: for a cut chunk, four sets of granules (free, dirty, muzzy, run starts) and 128 run
 * descriptors, used at the index of a run's first granule; for a big object, its extent.
 * Invariants (chunk_check):
 *   dirty and muzzy are disjoint subsets of free; a run start is never free;
 *   granules free and neither dirty nor muzzy read as zero, unless the chunk says `unzeroed`;
 *   longest is an upper bound of the longest run of free granules.
 * Locks: fields are guarded by the owner's lock (pages.h) while the chunk is cut or big, by the space
 * lock (region.h) while it is free. Descriptors are never unmapped. The lock-free lookups at the end
 * may be used by whoever holds a live object in the chunk.
 */
#ifndef ASHLAR_PAGES_CHUNK_H
#define ASHLAR_PAGES_CHUNK_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/list.h"
#include "os/os.h"
#include "pages/map.h"

enum run_kind {
    RUN_NONE,   /* not the start of a run */
    RUN_SLAB,   /* equal slots of one size class (heap/slab.h) */
    RUN_LARGE,  /* one object */
    RUN_CACHED, /* was one until just now, and may be one again at once (cache/large_cache.h) */
    RUN_TAIL,   /* the end of a big object that begins in an earlier chunk */
};

/* 64 bytes. The heap layer uses everything after ngranules. */
struct run {
    struct list link;    /* RUN_SLAB: in one of its bin's lists; guarded by the bin's lock */
    struct chunk *chunk; /* const while the chunk is cut */
    uint8_t kind;        /* enum run_kind */
    uint8_t ngranules;   /* 1..128 */
    uint8_t class;       /* RUN_SLAB: its size class, const while it is a slab; RUN_LARGE: its
                            class for statistics (lextent.h) */
    uint8_t fullness;    /* RUN_SLAB: which list holds it; guarded by the bin's lock */
    uint16_t nfree;      /* RUN_SLAB: free slots; guarded by the bin's lock */
    uint8_t hint;        /* RUN_SLAB: no free slot in words before this one; same guard */
    uint8_t rest;        /* of each granule of a slab: what was given back of it, and whether the
                            slab is quiet (heap/slab.h); same guard */
    union {
        uint64_t free_slots[4];    /* RUN_SLAB up to 256 slots: a set bit is a free slot */
        uint64_t *more_free_slots; /* RUN_SLAB of more slots: the same, elsewhere */
        size_t usable;             /* RUN_LARGE: bytes the object may use */
    };
};
static_assert(sizeof(struct run) == CACHE_LINE, "descriptors share no cache lines");

enum chunk_kind {
    CHUNK_UNUSED,   /* never used yet */
    CHUNK_FREE,     /* in the space, all granules free */
    CHUNK_CUT,      /* has runs; owned by one arena's pages */
    CHUNK_BIG,      /* the first chunk of a big object */
    CHUNK_BIG_BODY, /* a later, wholly used chunk of a big object */
};

/* Who a chunk's granules are charged to: the head of struct pages (pages.h). */
struct page_owner {
    _Atomic ptrdiff_t parked_dirty; /* dirty granules in chunks that went back to the space */
    _Atomic ptrdiff_t parked_muzzy;
    _Atomic ptrdiff_t
        parked_pinned; /* unused, of pinned regions; all are written under the space's lock */
};
struct region;

struct chunk {
    uintptr_t base;                   /* address, multiple of CHUNK_SIZE; 0 until first used */
    struct page_owner *_Atomic owner; /* CUT, BIG: owner; FREE: who dirtied its granules, or NULL */
    struct run *runs;                 /* CUT: 128 descriptors */
    struct region *region;            /* const once base is set */
    _Atomic uint64_t run_start[2];    /* CUT: set of granules at which a run begins */
    bits128 free;
    bits128 dirty;         /* free, written to since the system last gave it */
    bits128 muzzy;         /* free, and lazily purged: may hold anything */
    struct list fill_link; /* CUT with free granules: in the owner's fill lists (fill.h) */
    struct list
        dirty_link;        /* CUT with dirty or muzzy granules: in the owner's list, oldest first */
    _Atomic uint8_t kind;  /* enum chunk_kind */
    uint8_t longest;       /* CUT */
    bool unzeroed;         /* granules need not read as zero, even if neither dirty nor muzzy */
    bool pinned;           /* of a pinned region (hooks.h); const once base is set */
    bool torn;             /* its memory was moved here by page tables: mappings may end inside */
    bool huge;             /* was collapsed into a huge page, and not purged since (collapse.h) */
    uint8_t lg_patience;   /* how often to double the time until it is tried again; same */
    uint8_t tail_granules; /* BIG: granules used in the chunk after its whole chunks, 0..127 */
    uint32_t nchunks;      /* BIG: whole chunks, at least 1 */
    uint32_t dense_since_ms;  /* 0: it is not dense, or nobody looked yet (collapse.h) */
    size_t usable;            /* BIG: bytes the object may use */
    struct chunk *head;       /* BIG_BODY: the object's first chunk */
    uint32_t seen_ms;         /* FREE: when purge.c first saw it unused, 0: not yet (region.h) */
    _Atomic uint32_t nabsent; /* CUT: units of its slabs that were given back (heap/slab.h) */
};

#define ALL_GRANULES (~(bits128)0)

/* A chunk that just came from the space becomes one whose granules are all free to cut; dirty and
 * muzzy granules stay known. false: no memory for descriptors. */
bool chunk_begin_cut(struct chunk *chunk, struct page_owner *owner);
/* The opposite; every granule must be free. */
void chunk_end_cut(struct chunk *chunk);

/* First granule of `n` adjacent free ones at a multiple of `alignment` granules, dirty ones first
 * because they cost no page fault; -1 when there are none. */
int chunk_find(const struct chunk *chunk, unsigned n, unsigned alignment);

/* Makes n granules from `first` a run of this kind; *zeroed tells whether they read as zero. */
struct run *chunk_take(struct chunk *chunk, unsigned first, unsigned n, enum run_kind kind,
                       bool *zeroed);
/* Frees granules; they become dirty. Raises longest. */
void chunk_release(struct chunk *chunk, unsigned first, unsigned n);
/* A run that ends has no start any more; its descriptor is unused. */
void chunk_forget_run(struct chunk *chunk, struct run *run);

void chunk_check(const struct chunk *chunk);

/* Guards the pool of descriptor blocks in fork. */
extern struct pool chunk_runs_pool;

static inline unsigned run_first_granule(const struct run *run) {
    return (unsigned)(run - run->chunk->runs);
}

static inline uintptr_t run_address(const struct run *run) {
    return run->chunk->base + ((uintptr_t)run_first_granule(run) << LG_GRANULE);
}

/* Changes the kind of a run, for whoever does so first. */
static inline bool run_become(struct run *run, enum run_kind from, enum run_kind to) {
    uint8_t expected = (uint8_t)from;
    if (os_single_threaded()) {
        bool first = run->kind == expected;
        run->kind = first ? (uint8_t)to : run->kind;
        return first;
    }
    return __atomic_compare_exchange_n(&run->kind, &expected, (uint8_t)to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* Our chunk at an address, or NULL. */
static inline struct chunk *chunk_find_at(const void *p) {
    struct chunk *chunk = map_chunk_at((uintptr_t)p);
    if (chunk == NULL || chunk->base != round_down((uintptr_t)p, CHUNK_SIZE)) {
        return NULL;
    }
    return chunk;
}

/* The run of a CUT chunk that contains an address inside one of its runs, without a lock: bits of
 * run_start inside and at the start of a live run do not change. NULL when no run starts before. */
static inline struct run *chunk_run_at(struct chunk *chunk, const void *p) {
    unsigned granule = (unsigned)(((uintptr_t)p - chunk->base) >> LG_GRANULE);
    unsigned word = granule / 64;
    uint64_t starts = atomic_load_explicit(&chunk->run_start[word], memory_order_relaxed) &
                      (~(uint64_t)0 >> (63 - granule % 64));
    if (starts == 0 && word == 1) {
        word = 0;
        starts = atomic_load_explicit(&chunk->run_start[0], memory_order_relaxed);
    }
    if (starts == 0) {
        return NULL;
    }
    return &chunk->runs[word * 64 + 63 - (unsigned)__builtin_clzll(starts)];
}

#endif

/*
 * region.h: reserved address space, and whole chunks of it.
 *
 * Holds: a space is a list of regions; a region is a reservation of many chunks with one bit per
 * chunk for "free" and for "free and dirty or muzzy". Chunk descriptors of a region are one array, so
 * the chunk after c is c + 1 as long as both are in the region.
 * Invariants: dirty is a subset of free; chunks at or above ncommitted are not accessible yet; a free
 * chunk has all granules free, and its dirty and muzzy granules count in its owner's `parked`.
 * Locks: the space's own guards everything here. It is held over system calls only to grow and
 *        to release regions (retain:false).
 */
#ifndef ASHLAR_PAGES_REGION_H
#define ASHLAR_PAGES_REGION_H

#include "pages/chunk.h"
#include "pages/hooks.h"
#include "sync/lock.h"

struct space;

struct region {
    struct region *next;
    struct space *space; /* const */
    uintptr_t base;      /* multiple of CHUNK_SIZE */
    size_t nchunks;      /* const */
    size_t capacity;     /* descriptors there are; const, also when the descriptor serves again */
    size_t ncommitted;   /* chunks below this are readable and writable */
    size_t nfree;        /* members of free */
    size_t nplain;       /* chunks at the beginning that are kept from huge pages */
    size_t nusable;      /* chunks that can be used at all (see map.h on short tables) */
    uint64_t *free;      /* bitset of chunks */
    uint64_t *dirty;     /* bitset of chunks */
    /* Of a space with hooks only. */
    uint64_t *absent;     /* bitset of chunks that are decommitted; neither free nor in use */
    uint64_t *starts;     /* bitset of chunks at which an extent begins, as the hooks know them */
    uint64_t *gone;       /* bitset of chunks that the hooks took back */
    bool unzeroed;        /* what is new need not read as zero */
    bool pinned;          /* never purged or given back */
    struct chunk *chunks; /* descriptors */
    void *reservation;    /* as os_page_ops.reserve returned it */
    size_t reserved_bytes;
};

struct space {
    struct lock lock;
    struct region *regions;    /* oldest first */
    struct region *retired;    /* released ones, whose descriptors can serve again */
    size_t next_region_bytes;  /* grows with every region */
    struct region *watched;    /* where the walk of collapse.c goes on, NULL: at the beginning */
    size_t watched_next;       /* index there */
    _Atomic uint64_t watch_ns; /* when */
    struct hooks hooks;        /* where regions come from, if there are any (hooked.h) */
    _Atomic bool rearranging;  /* extents are told to hooks, and must stay as they are */
    _Atomic size_t next_hooked_bytes;
    _Atomic size_t grow_limit; /* most bytes to ask hooks for at once, but for a larger object */
    _Atomic size_t reserved_bytes;  /* of all regions */
    _Atomic size_t committed_bytes; /* readable and writable */
    _Atomic size_t nused;           /* chunks handed out */
    _Atomic size_t recent_peak;     /* the most there were, forgotten as time goes by */
    _Atomic uint64_t peak_ns;       /* when some of it was forgotten last */
    _Atomic size_t parked_dirty;    /* dirty granules in free chunks, of all arenas */
};

void space_init(struct space *space);

/* Ranges for which the system was asked for huge pages, refused, or was asked to use none. */
struct space_advice {
    _Atomic uint64_t given;
    _Atomic uint64_t refused;
    _Atomic uint64_t against;
};
extern struct space_advice space_advice;
/* How much to ask hooks for begins anew, without a limit. */
void space_forget_growth(struct space *space);
/* The space takes its regions from hooks from now on; `arena` is what they are told. */
void space_set_hooks(struct space *space, extent_hooks_t *hooks, unsigned arena);

/* n adjacent chunks, the first at a multiple of `alignment` chunks, or NULL when there is no memory.
 * A space with hooks does not grow by itself (hooked.h). Dirty chunks first, but before a dirty series
 * longer than n << lg_extent_max_active_fit is cut, clean ones are taken if there are any. */
struct chunk *space_take(struct space *space, size_t n, size_t alignment);

/* Dirty granules in free chunks that make all more than a part above the recent peak of what was in use,
 * and more than SPACE_DIRTY_MIN. */
enum { SPACE_DIRTY_MIN = (64 << 20) >> LG_GRANULE, SPACE_PART_ABOVE_PEAK = 2 };
size_t space_excess_dirty(const struct space *space);
/* Forgets a part of the peak, DECAY_STEPS of them in a decay's time; at most once per interval. */
void space_forget_peak(struct space *space, uint64_t now_ns, uint64_t interval_ns);

/* The n chunks beginning right at `first`, if all of them are free. */
bool space_take_at(struct space *space, struct region *region, size_t first, size_t n);

/* Chunks come back; their dirty and muzzy bits are as the giver left them, and are charged to
 * `owner`. */
void space_give(struct space *space, struct chunk *chunk, size_t n, struct page_owner *owner);

/* Which free chunks to purge. */
struct purgeable {
    bool muzzy;        /* with muzzy granules; otherwise dirty ones */
    uint32_t now_ms;   /* modulo 2^32, never 0 */
    uint32_t after_ms; /* only those that were seen so long ago, and not used since */
};

/* Such a chunk, charged to `owner`, taken out of the space so that it can be purged without the lock; NULL when
 * there is none. */
struct chunk *space_take_purgeable(struct space *space, const struct page_owner *owner,
                                   const struct purgeable *wanted);

/* A walk over the chunks in use, cut or big, of one owner; all zero at its beginning. */
struct space_walk {
    struct region *region;
    size_t next; /* index of the chunk to look at */
    bool done;
};
/* Up to `max` more of them; 0 at the end. Meanwhile others may give and take chunks, but not this
 * owner's. */
size_t space_find_owned(struct space *space, const struct page_owner *owner,
                        struct space_walk *walk, struct chunk **found, size_t max);

/* What is free and unclean on the account of `from` goes to the account of `to`. */
void space_adopt(struct space *space, struct page_owner *from, struct page_owner *to);

/* Gives regions back to the system that are wholly free and clean. */
void space_release_regions(struct space *space);

void space_check(struct space *space);

static inline struct space *space_of(const struct chunk *chunk) {
    return chunk->region->space;
}

static inline size_t chunk_index(const struct chunk *chunk) {
    return (chunk->base - chunk->region->base) >> LG_CHUNK;
}

#endif

/*
 * arena.h: an independent heap: one bin per size class, pages, and large objects.
 *
 * It fills and drains plain arrays of pointers, so it knows nothing of caches but where they park their
 * magazines; any thread may drain objects of any arena. Locks: the bins' and the pages' own.
 */
#ifndef ASHLAR_HEAP_ARENA_H
#define ASHLAR_HEAP_ARENA_H

#include "heap/bin.h"
#include "pages/purge.h"

enum { ARENA_NAME = 32 }; /* with the zero at its end */

struct magazine;

/* Where caches park objects of a class between threads (cache/depot.h). */
struct depot {
    struct lock lock;
    struct list magazines; /* newest first */
    size_t nobjects;       /* in all of them */
    size_t low_water;      /* least nobjects since the last trim */
    _Atomic size_t parked; /* = nobjects, to be read without the lock */
    /* Magazines without objects, for who parks the next one; linked by link.next. Same. */
    struct magazine *_Atomic empties;
} ALIGNED(CACHE_LINE);

/* Where the walk through the slabs is (scavenge.h); guarded by the pages' purge_lock. */
struct scavenger {
    _Atomic uint64_t next_ns; /* when to go on; 0: nobody has looked yet; anybody may read it */
    uint64_t begun_ns;        /* when the pass began */
    unsigned passes;          /* begun */
    uint64_t changes;         /* of the bin, when the walk came to it */
    unsigned class;           /* 0: no pass is under way */
    unsigned list;
    bool pending; /* the bin has slabs that may be quiet next time */
};

struct arena {
    struct pages pages;
    struct space own;  /* address space from extent hooks, once there are any */
    unsigned index;    /* const */
    bool manual;       /* made by arenas_create; const */
    _Atomic bool live; /* neither destroyed nor about to be; written under the arenas' lock */
    _Atomic unsigned nthreads; /* bound to it; written under the arenas' lock */
    struct arena *next_unused; /* a destroyed one, whose index can be used again; same guard */
    _Atomic uint64_t created_ns;
    char name[ARENA_NAME]; /* guarded by the arenas' lock */
    /* Requests of an automatic arena's threads from this size on are served by arenas_oversize();
     * 0: none. */
    _Atomic size_t oversize_threshold;
    struct scavenger scavenger;
    /* Requests per class that no living thread counts: of exited threads, and without a cache. */
    _Atomic uint64_t merged_requests[NCLASSES];
    struct bin bins[NCLASSES]; /* bins[0] is unused */
    struct depot depots[NCLASSES];
};

/* *arena must be all zero. */
void arena_init(struct arena *arena, unsigned index, struct space *space);

/* How long unused pages may stay, and what arenas created later begin with: -1 for ever, 0 not at all.
 * Setting purges what may not stay any more; false: out of range. Any thread. */
ssize_t arena_decay_ms(const struct arena *arena, enum page_state state);
bool arena_set_decay_ms(struct arena *arena, enum page_state state, ssize_t ms);
ssize_t arena_default_decay_ms(enum page_state state);
bool arena_set_default_decay_ms(enum page_state state, ssize_t ms);

/* Decay now; everything unused goes now, with slabs that are all free and unused pages in others. Both wait
 * for another purger. */
void arena_decay_now(struct arena *arena);
void arena_purge_now(struct arena *arena);

/* Extent hooks; hooks_default when there are none. */
extent_hooks_t *arena_hooks(const struct arena *arena);
/* From now on hooks give the arena its memory, and what older hooks gave is these hooks' too; what came
 * from the common space stays there. false: they cannot allocate. Serialised by the arenas' lock. */
bool arena_set_hooks(struct arena *arena, extent_hooks_t *hooks);

/* Most bytes that hooks are asked for at once, but for a larger object. */
size_t arena_grow_limit(const struct arena *arena);
void arena_set_grow_limit(struct arena *arena, size_t bytes);

/* A retired arena begins again, with the decay that new arenas have. */
void arena_restart(struct arena *arena);

/* Up to `want` objects of a class into slots[0..]; the last one has the lowest address. Returns how
 * many, 0 when there is no memory. */
unsigned arena_fill(struct arena *arena, unsigned class, void **slots, unsigned want);

/* Objects of one class go home, each to its own arena. A pointer that is no object of that class, or
 * one that is free already, is reported and ends the process. */
void arena_drain(unsigned class, void *const *slots, unsigned n);

/* Slabs that are in no bin any more go back to the pages. */
void arena_destroy_slabs(struct arena *arena, struct run *const *slabs, unsigned n);

/* A slab goes back to the pages, whatever it holds. */
void arena_drop_slab(struct arena *arena, struct run *slab);

/* Objects of such an arena never enter a cache that serves other arenas. */
static inline bool arena_is_manual(const struct arena *arena) {
    return arena->manual;
}

/* Gives slabs that are all free back to the pages: those beyond what bins keep, or all of them. */
void arena_trim(struct arena *arena, bool all);

/* Bytes of an arena's slabs of a class. */
size_t arena_class_bytes(const struct arena *arena, unsigned class);
/* Of all classes, those that were given back to the system and not used since (scavenge.h). */
size_t arena_absent(const struct arena *arena);

/* The arena of a chunk in use. */
static inline struct arena *arena_of(const struct chunk *chunk) {
    return container_of(pages_of(chunk), struct arena, pages);
}

void arena_check(struct arena *arena);

#endif

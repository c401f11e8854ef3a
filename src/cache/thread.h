/*
 * thread.h: what a thread keeps for itself, and its life.
 *
 * Holds: per class a loaded magazine, whose top is in `bins`, and a spare one. `this_thread` is the
 * library's only thread-local variable. It points at
 *   boot_thread   before the thread's first slow operation,
 *   a struct of its own while it runs,
 *   gone_thread   once its end began: every operation then goes to the arenas directly.
 * Invariants: a bin without a magazine points into `dummy`, which pops NULL and has no room, so that a
 *             thread that is not set up, is gone, or may not cache this class misses without a test of
 *             its own on the fast path.
 * Locks: threads_lock guards the registry. Everything else belongs to its thread, but for `spare`,
 *        which anybody may take by an atomic exchange.
 */
#ifndef ASHLAR_CACHE_THREAD_H
#define ASHLAR_CACHE_THREAD_H

#include "cache/large_cache.h"
#include "cache/magazine.h"
#include "heap/arena.h"

static_assert(NCLASSES <= (int)MAP_MANUAL,
              "the class map tells manual arenas by a bit of their own");

/* 24 bytes: the compiler reaches bin i with two address computations. */
struct cache_bin {
    void **top;    /* address of the next object to hand out, or of a NULL */
    void **limit;  /* one past the last slot that may be used */
    int32_t left;  /* requests until the next event, counted down by every malloc */
    int32_t armed; /* what `left` was last set to */
};

struct thread {
    /* Indexed by what the class map says. Those of manual arenas' slabs are all zero for ever, which has
     * no room either: their objects never enter a cache. */
    struct cache_bin bins[MAP_MANUAL + (int)NCLASSES];
    /* Everything below is for slow paths. */
    struct magazine *loaded[NCLASSES];
    struct magazine *_Atomic spare[NCLASSES];
    uint64_t requests[NCLASSES]; /* requests before `left` was last set */
    uint8_t lg_want[NCLASSES];   /* log2 of how many objects the next refill asks for */
    uint8_t sent_home[NCLASSES]; /* first frees of other arenas' objects (exchange.c) */
    unsigned last_cached;        /* largest class this thread caches; 0: none */
    unsigned ticks;              /* slow operations since the clock was last read */
    struct arena *arena;         /* where refills come from */
    struct large_cache large;    /* runs of large objects (large_cache.h) */
    struct list registry_link;   /* guarded by threads_lock */
};

extern TLS_INITIAL_EXEC struct thread *this_thread;
extern struct thread boot_thread;
extern struct thread gone_thread;
extern struct lock threads_lock;

/* Starts thread support; called once. false: no thread-specific key is left. */
bool threads_init(void);

/* The calling thread's struct, set up if it is not yet; gone_thread when that is impossible now. NULL
 * when the library could not be started for want of memory. */
struct thread *thread_enter_first(void);

static inline struct thread *thread_enter(void) {
    struct thread *thread = this_thread;
    return likely(thread != &boot_thread) ? thread : thread_enter_first();
}

/* For upcalls: a thread inside an extent hook works like one that is gone, which uses arena 0 without a
 * cache. A hook must not fork. */
void *thread_enter_hook(void);
void thread_leave_hook(void *state);
bool thread_in_hook(void);

/* The calling thread gives its objects away; its next operation may set it up again. */
void thread_flush(struct thread *thread);

/* Makes a bin miss: pops nothing, has no room. */
void thread_load_dummy(struct thread *thread, unsigned class);

/* Requests of a class by a thread so far; exact when asked by the thread itself. */
uint64_t thread_requests(const struct thread *thread, unsigned class);
/* Objects of a class in a thread's magazines; approximate for other threads. */
size_t thread_cached(const struct thread *thread, unsigned class);

/* Calls visit for every registered thread, with the registry locked. */
void threads_visit(void (*visit)(struct thread *thread, void *context), void *context);

/* In the child of a fork: threads that no longer exist give their objects back. */
void threads_after_fork(void);

/* For fork. */
extern struct pool thread_pool;

#endif

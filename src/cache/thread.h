/*
 * thread.h: what a thread keeps for itself, and its life.
 *
 * Holds: per class a loaded magazine, whose top is in `bins`, and a spare one. `this_thread` is the
 * library's only thread-local variable. It points at
 *   boot_thread   before the thread's first slow operation,
 *   freed_thread  after a free, when it has not asked for anything yet,
 *   a struct of its own while it runs,
 *   gone_thread   once its end began: every operation then goes to the arenas directly.
 * A thread whose every operation has to be seen (thread_control.h) has its bins in `shadow` instead, and
 * misses on the fast path. A cache that a program made itself (tcaches.h) is such a struct without a
 * thread.
 * Invariants: a bin without a magazine points into `dummy`, which pops NULL and has no room, so that a
 *             thread that is not set up, is gone, or may not cache this class misses without a test of
 *             its own on the fast path;
 *             objects freed into magazines = requests + cached + what left them otherwise (`moved`, `stolen`).
 * Locks: threads_lock guards the registry. Everything else belongs to its thread, but for `spare`,
 *        which anybody may take by an atomic exchange.
 */
#ifndef ASHLAR_CACHE_THREAD_H
#define ASHLAR_CACHE_THREAD_H

#include "cache/large_cache.h"
#include "cache/magazine.h"
#include "cache/thread_event.h"
#include "heap/arena.h"

/* Bins, indexed by what the class map says: arrays, since an element of 8 bytes is reached by one indexed load.
 * The last, of manual arenas' slabs, is all zero for ever, which has no room: their objects never enter a
 * cache by the hit path. */
struct cache_bins {
    void **top[NCLASSES + 1];    /* address of the next object to hand out, or of a NULL */
    void **limit[NCLASSES + 1];  /* one past the last slot that may be used */
    int32_t left[NCLASSES + 1];  /* requests until the next event, counted down by every malloc */
    int32_t armed[NCLASSES + 1]; /* what `left` was last set to */
};

struct thread {
    struct cache_bins bins;
    /* Everything below is for slow paths. */
    struct cache_bins *active; /* the bins in use: `bins`, or `shadow` */
    struct cache_bins *shadow; /* NULL until needed */
    struct magazine *loaded[NCLASSES];
    struct magazine *_Atomic spare[NCLASSES];
    uint64_t requests[NCLASSES]; /* requests before `left` was last set */
    int64_t moved[NCLASSES];     /* objects flushed or parked, less those filled or taken */
    /* Objects that others took out of `spare`, and `exchanges` then; guarded by threads_lock. */
    _Atomic uint64_t stolen[NCLASSES];
    unsigned exchanges_seen;
    unsigned exchanges;          /* of magazines, ever */
    uint8_t slots[NCLASSES];     /* most objects in a magazine of the class; 0: it is not cached */
    uint8_t lg_want[NCLASSES];   /* log2 of how many objects the next refill asks for */
    uint8_t sent_home[NCLASSES]; /* first frees of other arenas' objects (exchange.c) */
    uint8_t chosen_slots[NCLASSES]; /* `slots` of classes up to last_cached, while caching is on */
    uint8_t last_cached;            /* largest class that may be cached */
    bool caching;                   /* as the option tcache or thread.tcache.enabled say */
    bool keeps_large;               /* runs of large objects too */
    /* Its magazines do not travel through depots, and nobody else takes them: they may hold manual arenas' objects,
     * which a reset ends after their owner's flush. Changed under threads_lock. */
    bool strict;
    bool explicit;       /* a program's own cache, not a thread */
    bool armed;          /* `allocated` and `deallocated` are whole, and live */
    unsigned ticks;      /* slow operations since the clock was last read */
    unsigned polls;      /* how often it was (event.c) */
    struct arena *arena; /* where refills come from */
    uint64_t allocated;  /* usable bytes: what no bin counted, or everything once armed */
    uint64_t deallocated;
    uint64_t peak; /* the most `allocated - deallocated` was seen above peak_base */
    uint64_t peak_base;
    uint64_t through_magazines; /* not armed: their part of that difference, at the last look */
    uint64_t looked_ns;         /* when that was */
    struct large_cache large;   /* runs of large objects (large_cache.h) */
    struct list registry_link;  /* guarded by threads_lock */
    struct thread_events events;
};

extern TLS_INITIAL_EXEC struct thread *this_thread;
extern struct thread boot_thread;
extern struct thread freed_thread;
extern struct thread gone_thread;
extern struct lock threads_lock;

/* Starts thread support; called once. false: no thread-specific key is left. */
bool threads_init(void);

/* The calling thread's struct, set up if it is not yet; gone_thread when that is impossible now. NULL
 * when the library could not be started for want of memory. */
struct thread *thread_enter_first(void);

static inline bool thread_is_new(const struct thread *thread) {
    return thread == &boot_thread || thread == &freed_thread;
}

static inline struct thread *thread_enter(void) {
    struct thread *thread = this_thread;
    return likely(!thread_is_new(thread)) ? thread : thread_enter_first();
}

/* The same for who frees; NULL also for the first frees of a thread. */
struct thread *thread_enter_first_to_free(void);

static inline struct thread *thread_enter_to_free(void) {
    struct thread *thread = this_thread;
    return likely(!thread_is_new(thread)) ? thread : thread_enter_first_to_free();
}

/* For upcalls: a thread inside an extent hook works like one that is gone, which uses arena 0 without a
 * cache. A hook must not fork. */
void *thread_enter_hook(void);
void thread_leave_hook(void *state);
bool thread_in_hook(void);

/* What a new cache is: for threads, and for explicit ones. Not in the registry yet. */
void thread_set_up(struct thread *thread, struct arena *arena);
/* In the registry, and out of it: threads_visit sees it. The block goes back to the pool. */
void thread_register(struct thread *thread);
void thread_unregister(struct thread *thread);

/* The calling thread gives its objects away; its next operation may set it up again. */
void thread_flush(struct thread *thread);
/* The same, but nothing stays in depots: objects go to their slabs. */
void thread_flush_home(struct thread *thread);
void thread_flush_class_home(struct thread *thread, unsigned class);
/* What it counted becomes its arena's; it goes on from zero. */
void thread_hand_over_counters(struct thread *thread);

/* Sets `slots` from what was chosen; classes that are not cached any more must be flushed before. */
void thread_apply_slots(struct thread *thread);
/* From here on every operation is slow. false: no memory. */
bool thread_use_shadow(struct thread *thread);
void thread_leave_shadow(struct thread *thread);

/* Makes a bin miss: pops nothing, has no room. */
void thread_load_dummy(struct thread *thread, unsigned class);

/* A peak that nobody asked for yet is seen when this is called. Not for ending threads. */
static inline void thread_note_peak(struct thread *thread) {
    uint64_t above = thread->allocated - thread->deallocated + thread->through_magazines;
    above -= thread->peak_base;
    thread->peak = (int64_t)above > (int64_t)thread->peak ? above : thread->peak;
}

/* Objects came or went past the magazines. Ending threads share a struct, and count nothing. */
static inline void thread_count(struct thread *thread, size_t allocated, size_t deallocated) {
    if (likely(thread != &gone_thread)) {
        thread->allocated += allocated;
        thread->deallocated += deallocated;
        if (unlikely(thread->armed)) {
            thread_note_peak(thread);
        }
    }
}
/* They went through its magazines, which is only counted here when somebody looks. */
static inline void thread_count_armed(struct thread *thread, size_t allocated, size_t deallocated) {
    if (unlikely(thread->armed)) {
        thread_count(thread, allocated, deallocated);
    }
}

/* Usable bytes the calling thread, whose struct this is, allocated and freed so far: exact. */
uint64_t thread_allocated(const struct thread *thread);
uint64_t thread_deallocated(const struct thread *thread);

/* The same as thread_note_peak, with a new look at what is in magazines. */
void thread_look_at_peak(struct thread *thread);

/* Requests of a class since the counters were last handed over; exact when asked by the thread itself. */
uint64_t thread_requests(const struct thread *thread, unsigned class);
/* Objects of a class in a thread's magazines; approximate for other threads. */
size_t thread_cached(const struct thread *thread, unsigned class);

/* Full spare magazines of a thread that exchanged none since the last call, or of any thread if `all`; they are
 * linked into a list per class. To be called from threads_visit. */
void thread_steal_spares(struct thread *thread, bool all, struct list lists[NCLASSES]);

/* Calls visit for every registered thread, with the registry locked. */
void threads_visit(void (*visit)(struct thread *thread, void *context), void *context);

/* In the child of a fork: threads that no longer exist give their objects back. */
void threads_after_fork(void);

/* For fork. */
extern struct pool thread_pool;
extern struct pool shadow_pool;

#endif

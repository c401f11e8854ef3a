/*
 * lock.h: an adaptive mutex of 4 bytes, with counters beside it.
 *
 * Spins for a short while, because our critical sections are some tens of nanoseconds, then sleeps
 * in the kernel. Not recursive. All zero bytes (with its rank) is an unlocked lock.
 * While the process has a single thread, nobody can be met: plain stores do, which saves some 10 ns.
 * Counters are written by the holder only; readers without the lock see a recent value.
 */
#ifndef ASHLAR_SYNC_LOCK_H
#define ASHLAR_SYNC_LOCK_H

#include "base/atomic.h"
#include "base/check.h"
#include "os/os.h"
#include "sync/rank.h"

enum { LOCK_FREE, LOCK_HELD, LOCK_CONTENDED };

struct lock {
    _Atomic uint32_t word; /* LOCK_FREE, LOCK_HELD, or LOCK_CONTENDED: held and somebody sleeps */
    uint32_t rank;         /* enum lock_rank, const after lock_init */
    /* Counters since the start; guarded by the lock itself. */
    _Atomic uint64_t acquired;     /* acquisitions */
    _Atomic uint64_t spun;         /* acquisitions that had to spin but not to sleep */
    _Atomic uint64_t slept;        /* acquisitions that slept in the kernel */
    _Atomic uint64_t slept_ns;     /* total time from the first failure to the acquisition */
    _Atomic uint64_t slept_max_ns; /* longest such time */
    _Atomic uint64_t switches;     /* acquisitions by another thread than the one before */
    _Atomic uint32_t waiters_max;  /* most threads that waited at once */
    _Atomic uint32_t waiters;      /* threads that wait now; changed without the lock */
    uintptr_t owner;               /* token of the thread that acquired it last */
};

void lock_init(struct lock *lock, enum lock_rank rank);

/* Out of line: called when the word was not LOCK_FREE. */
void lock_acquire_slow(struct lock *lock);
/* The only thread asks for a lock it holds: a signal handler interrupted the allocator. Aborts. */
_Noreturn void lock_reentered(void);
void lock_wake(struct lock *lock);

/* What the holder counts. */
static inline void lock_count(struct lock *lock) {
    uintptr_t self = os_thread_token();
    if (unlikely(lock->owner != self)) {
        lock->owner = self;
        counter_add(&lock->switches, 1);
    }
    counter_add(&lock->acquired, 1);
}

static inline bool lock_try_acquire(struct lock *lock) {
    uint32_t expected = LOCK_FREE;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, LOCK_HELD,
                                                 memory_order_acquire, memory_order_relaxed)) {
        return false;
    }
    lock_count(lock);
    if (config_debug) {
        rank_tried((enum lock_rank)lock->rank);
    }
    return true;
}

static inline void lock_acquire(struct lock *lock) {
    uint32_t expected = LOCK_FREE;
    if (os_single_threaded()) {
        if (unlikely(atomic_load_explicit(&lock->word, memory_order_relaxed) != LOCK_FREE)) {
            lock_reentered();
        }
        atomic_store_explicit(&lock->word, LOCK_HELD, memory_order_relaxed);
    } else if (unlikely(!atomic_compare_exchange_strong_explicit(&lock->word, &expected, LOCK_HELD,
                                                                 memory_order_acquire,
                                                                 memory_order_relaxed))) {
        lock_acquire_slow(lock);
    }
    lock_count(lock);
    if (config_debug) {
        rank_acquired((enum lock_rank)lock->rank);
    }
}

static inline void lock_release(struct lock *lock) {
    if (config_debug) {
        rank_released((enum lock_rank)lock->rank);
    }
    if (os_single_threaded()) {
        atomic_store_explicit(&lock->word, LOCK_FREE, memory_order_relaxed);
        return;
    }
    uint32_t was = atomic_exchange_explicit(&lock->word, LOCK_FREE, memory_order_release);
    ASSERT(was != LOCK_FREE);
    if (unlikely(was == LOCK_CONTENDED)) {
        lock_wake(lock);
    }
}

static inline void lock_assert_held(const struct lock *lock) {
    ASSERT(atomic_load_explicit(&lock->word, memory_order_relaxed) != LOCK_FREE);
}

/* How often a taken lock is looked at before sleeping; negative: always again. */
extern _Atomic int64_t lock_max_spin;

/* All counters begin again. The caller holds the lock. */
void lock_forget_counts(struct lock *lock);

/* In the child of a fork: the lock is free again, whoever held or awaited it. */
static inline void lock_reset(struct lock *lock) {
    atomic_store_explicit(&lock->waiters, 0, memory_order_relaxed);
    atomic_store_explicit(&lock->word, LOCK_FREE, memory_order_relaxed);
}

#endif

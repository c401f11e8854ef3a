/*
 * lock.c: the contended half of the mutex.
 *
 * The word is LOCK_CONTENDED from the moment a thread goes to sleep until the lock is next released;
 * the releaser then wakes one sleeper, which takes the lock as contended again, because it cannot
 * know whether others sleep.
 */
#include "sync/lock.h"

#include "os/fatal.h"
#include "os/os.h"

_Atomic int64_t lock_max_spin = 100;

void lock_init(struct lock *lock, enum lock_rank rank) {
    *lock = (struct lock){.rank = (uint32_t)rank};
}

static bool spin(struct lock *lock) {
    int64_t rounds = atomic_load_explicit(&lock_max_spin, memory_order_relaxed);
    for (; rounds != 0; rounds--) {
        uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
        if (word == LOCK_FREE &&
            atomic_compare_exchange_weak_explicit(&lock->word, &word, LOCK_HELD,
                                                  memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
        cpu_relax();
    }
    return false;
}

void lock_acquire_slow(struct lock *lock) {
    if (spin(lock)) {
        counter_add(&lock->spun, 1);
        return;
    }
    uint64_t begin = os_clock_ns();
    uint32_t waiters = atomic_fetch_add_explicit(&lock->waiters, 1, memory_order_relaxed) + 1;
    while (atomic_exchange_explicit(&lock->word, LOCK_CONTENDED, memory_order_acquire) !=
           LOCK_FREE) {
        os_wait((const uint32_t *)&lock->word, LOCK_CONTENDED);
    }
    uint64_t waited = os_clock_ns() - begin;
    atomic_fetch_sub_explicit(&lock->waiters, 1, memory_order_relaxed);
    counter_add(&lock->slept, 1);
    counter_add(&lock->slept_ns, waited);
    if (waited > atomic_load_explicit(&lock->slept_max_ns, memory_order_relaxed)) {
        atomic_store_explicit(&lock->slept_max_ns, waited, memory_order_relaxed);
    }
    if (waiters > atomic_load_explicit(&lock->waiters_max, memory_order_relaxed)) {
        atomic_store_explicit(&lock->waiters_max, waiters, memory_order_relaxed);
    }
}

void lock_forget_counts(struct lock *lock) {
    lock_assert_held(lock);
    _Atomic uint64_t *counters[] = {&lock->acquired, &lock->spun,         &lock->slept,
                                    &lock->slept_ns, &lock->slept_max_ns, &lock->switches};
    for (unsigned i = 0; i < ARRAY_LEN(counters); i++) {
        atomic_store_explicit(counters[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&lock->waiters_max, 0, memory_order_relaxed);
}

_Noreturn void lock_reentered(void) {
    fatal("entered again while it was at work: a signal handler that interrupted malloc or free "
          "must not call them");
}

void lock_wake(struct lock *lock) {
    os_wake_one((const uint32_t *)&lock->word);
}

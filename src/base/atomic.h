/*
 * atomic.h: counters that one writer changes while anybody reads.
 *
 * The writer holds a lock or is the only thread concerned, so a load and a store do instead of an atomic
 * read-modify-write; readers see a recent value. Relaxed: nothing is published by a counter.
 */
#ifndef ASHLAR_BASE_ATOMIC_H
#define ASHLAR_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n) {
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint64_t counter_read(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A quantity that goes up and down. */
static inline void gauge_add(_Atomic size_t *gauge, ptrdiff_t change) {
    size_t old = atomic_load_explicit(gauge, memory_order_relaxed);
    atomic_store_explicit(gauge, old + (size_t)change, memory_order_relaxed);
}

static inline size_t gauge_read(const _Atomic size_t *gauge) {
    return atomic_load_explicit(gauge, memory_order_relaxed);
}

/* A sum of gauges of different writers, read one after the other: below zero, for a moment, is zero. */
static inline size_t gauge_positive(size_t sum) {
    return (ptrdiff_t)sum < 0 ? 0 : sum;
}

/* Between a write and a read of different variables by one thread, when another thread does the opposite
 * with the same two: at least one of the two threads sees what the other one wrote. */
static inline void full_fence(void) {
#ifdef __SANITIZE_THREAD__ /* knows no fences */
    static _Atomic int word;
    atomic_fetch_add_explicit(&word, 1, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif

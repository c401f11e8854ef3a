/*
 * fast.h: malloc and free when the thread's cache has what they need. Read from top to bottom.
 *
 * Budget (test/abi/fastpath.golden): malloc 19 instructions and 3 branches, free 15 and 1, no frame;
 * every miss is a tail-call. There is no test for a thread that is not set up, has ended or does not
 * cache: its bins point at a dummy that is empty and full at once, so it misses like any other.
 * The exact count of requests and the place where sampling begins are included: `left`.
 */
#ifndef ASHLAR_ALLOC_FAST_H
#define ASHLAR_ALLOC_FAST_H

#include "alloc/slow.h"
#include "cache/thread.h"

/* The object freed last, or NULL. */
static ALWAYS_INLINE void *cache_pop(struct cache_bins *bins, size_t class) {
    void **top = bins->top[class];
    void *object = *top;
    if (likely(object != NULL)) {
        bins->top[class] = top - 1;
    }
    return object;
}

/* false: no room; an all-zero bin has none. The object is stored before top moves, as a fork may happen in between. */
static ALWAYS_INLINE bool cache_push(struct cache_bins *bins, size_t class, void *object) {
    void **slot = bins->top[class] + 1;
    keep_in_register(class); /* a shared address would be one step more for each access */
    if (unlikely(slot >= bins->limit[class])) {
        return false;
    }
    *slot = object;
    compiler_barrier();
    bins->top[class] = slot;
    return true;
}

static ALWAYS_INLINE void *fast_malloc_class(size_t class) {
    struct cache_bins *bins = &this_thread->bins;
    void *object = cache_pop(bins, class);
    if (unlikely(object == NULL)) {
        return slow_malloc((unsigned)class);
    }
    int32_t *left = bins->left + class;
    if (unlikely(--*left < 0)) {
        return slow_event(object, (unsigned)class);
    }
    return object;
}

static ALWAYS_INLINE void *fast_malloc(size_t request) {
    if (unlikely(request > SIZECLASS_TABLE_MAX)) {
        return slow_malloc_medium(request);
    }
    return fast_malloc_class(sizeclass_of_small(request));
}

/* NULL, large objects and foreign pointers have class 0, whose bin is always the dummy. `slow` is slow_free,
 * or the one of slow.h that bears the caller's name. */
static ALWAYS_INLINE void fast_free_or(void *p, void (*slow)(void *p)) {
    size_t class = map_class_of(p);
    if (unlikely(!cache_push(&this_thread->bins, class, p))) {
        slow(p);
    }
}

static ALWAYS_INLINE void fast_free(void *p) {
    fast_free_or(p, slow_free);
}

#endif

/*
 * slow.c: allocation when the cache cannot serve it.
 *
 * A thread whose options forbid a cache, or that is ending, takes one object at a time from its arena.
 */
#include "alloc/slow.h"

#include <errno.h>
#include <string.h>

#include "alloc/fast.h"
#include "cache/event.h"
#include "cache/exchange.h"
#include "cache/thread_control.h"
#include "heap/arenas.h"
#include "heap/large.h"
#include "opt/opt.h"
#include "os/fatal.h"

enum { JUNK_ALLOC_BYTE = 0xa5 };

void *slow_no_memory(void) {
    if (opts.xmalloc) {
        fatal("out of memory (xmalloc:true); see MALLOC_CONF in the documentation");
    }
    errno = ENOMEM;
    return NULL;
}

void slow_dress(void *bytes, size_t n) {
    if (opts.zero) {
        memset(bytes, 0, n);
    } else if ((opts.junk & JUNK_ALLOC) != 0) {
        memset(bytes, JUNK_ALLOC_BYTE, n);
    }
}

void *slow_malloc_from(struct thread *thread, struct arena *arena, unsigned class) {
    void *object;
    if (arena_fill(arena, class, &object, 1) == 0) {
        event_trim_all();
        if (arena_fill(arena, class, &object, 1) == 0) {
            return slow_no_memory();
        }
    }
    atomic_fetch_add_explicit(&arena->merged_requests[class], 1, memory_order_relaxed);
    thread_count(thread, sizeclasses[class].size, 0);
    slow_dress(object, sizeclasses[class].size);
    event_tick(thread, 1);
    return object;
}

static inline void follow_cpu(struct thread *thread) {
    if (unlikely(opts.percpu_arena != PERCPU_OFF)) {
        thread_follow_cpu(thread);
    }
}

COLD NOINLINE void *slow_event(void *object, unsigned class) {
    event_arm(this_thread, class);
    event_poll();
    return object;
}

NOINLINE void *slow_malloc(unsigned class) {
    struct thread *thread = thread_enter();
    if (thread == NULL) {
        return slow_no_memory();
    }
    if (unlikely(thread->slots[class] == 0)) {
        return slow_malloc_from(thread, thread->arena, class);
    }
    unsigned tick = 0;
    /* It may be the shadow's, or brought by setting the thread up. */
    void *object = cache_pop(thread->active, class);
    if (object == NULL) {
        follow_cpu(thread);
        if (!exchange_refill(thread, class)) {
            return slow_malloc_from(thread, thread->arena, class);
        }
        object = cache_pop(thread->active, class);
        tick = 1;
    }
    thread_count_armed(thread, sizeclasses[class].size, 0);
    if (unlikely(--thread->active->left[class] < 0)) {
        return slow_event(object, class);
    }
    event_tick(thread, tick); /* last, since anything may happen here */
    return object;
}

NOINLINE void *slow_malloc_medium(size_t request) {
    if (unlikely(request > SIZECLASS_MAX)) {
        return slow_malloc_large(request);
    }
    return fast_malloc_class(sizeclass_of_medium(request));
}

static void *count_new(struct thread *thread, void *object, size_t request, bool zeroed) {
    size_t usable = large_usable_for(request);
    thread_count(thread, usable, 0);
    if (thread != &gone_thread) {
        thread_note_peak(thread);
    }
    if (!zeroed && unlikely(opts.zero || opts.junk != JUNK_OFF)) {
        slow_dress(object, usable);
    }
    event_tick(thread, EVENT_LARGE_WEIGHT);
    return object;
}

void *slow_malloc_large_from(struct thread *thread, struct arena *arena, size_t request,
                             size_t alignment, bool zero) {
    if (unlikely(request > PTRDIFF_MAX || alignment > PTRDIFF_MAX)) {
        return slow_no_memory();
    }
    if (alignment == 1 && request <= LARGE_CACHED_MAX && thread != &gone_thread) {
        counter_add(&thread->large.tally.misses, 1);
    }
    zero = zero || opts.zero;
    void *object = large_alloc(arena, request, alignment, zero);
    if (unlikely(object == NULL)) {
        event_trim_all();
        object = large_alloc(arena, request, alignment, zero);
        if (object == NULL) {
            return slow_no_memory();
        }
    }
    return count_new(thread, object, request, zero);
}

/* The option oversize_threshold, or what became of it. */
static struct arena *arena_for_large(const struct thread *thread, size_t request) {
    struct arena *arena = thread->arena;
    size_t threshold = gauge_read(&arena->oversize_threshold);
    if (unlikely(threshold != 0) && request >= threshold && !arena_is_manual(arena)) {
        struct arena *oversize = arenas_oversize();
        arena = oversize != NULL ? oversize : arena;
    }
    return arena;
}

static NOINLINE void *malloc_run(size_t request, size_t alignment, bool zero) {
    struct thread *thread = thread_enter();
    if (unlikely(thread == NULL)) {
        return slow_no_memory();
    }
    follow_cpu(thread);
    struct arena *arena = arena_for_large(thread, request);
    return slow_malloc_large_from(thread, arena, request, alignment, zero);
}

void *slow_malloc_large_growing(size_t request, size_t room) {
    struct thread *thread = thread_enter();
    if (unlikely(thread == NULL)) {
        return slow_no_memory();
    }
    follow_cpu(thread);
    void *object = large_alloc_growing(arena_for_large(thread, request), request, room);
    return object != NULL ? count_new(thread, object, request, false) : slow_malloc_large(request);
}

static inline void *count_kept(struct thread *thread, void *object, size_t usable) {
    thread_count(thread, usable, 0);
    event_tick(thread, 1);
    return object;
}

/* A run this thread freed a moment ago; threads keep none while the options zero and junk are on. */
NOINLINE void *slow_malloc_large(size_t request) {
    struct thread *thread = this_thread;
    if (unlikely(request > LARGE_CACHED_MAX)) {
        return malloc_run(request, 1, false);
    }
    size_t usable = large_round(request);
    void *object = large_cache_take(&thread->large, usable);
    return likely(object != NULL) ? count_kept(thread, object, usable)
                                  : malloc_run(request, 1, false);
}

NOINLINE void *slow_malloc_large_with(size_t request, size_t alignment, bool zero) {
    struct thread *thread = this_thread;
    if (alignment > 1 || request > LARGE_CACHED_MAX) {
        return malloc_run(request, alignment, zero);
    }
    if (!zero) {
        return slow_malloc_large(request);
    }
    size_t usable = large_round(request);
    void *object = large_cache_take_newest(&thread->large, thread->arena, usable);
    object = object != NULL ? object : large_cache_take(&thread->large, usable);
    if (object == NULL) {
        return malloc_run(request, 1, true);
    }
    return large_clear(count_kept(thread, object, usable), usable);
}

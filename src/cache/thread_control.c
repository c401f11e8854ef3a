/*
 * thread_control.c: changes of a thread's own struct, made by the thread between two of its operations.
 */
#include "cache/thread_control.h"

#include <string.h>

#include "cache/slots.h"
#include "heap/arenas.h"
#include "opt/ranges.h"

/* Threads of a manual arena must see each operation: what is freed may not be of their arena. */
static void choose_bins(struct thread *thread) {
    if (!thread->strict && !thread->armed) {
        thread_leave_shadow(thread);
    }
}

bool thread_bind(struct thread *thread, struct arena *arena) {
    struct arena *before = thread->arena;
    bool strict = arena_is_manual(arena);
    if (thread == &gone_thread) {
        return false;
    }
    if (arena == before) {
        return true;
    }
    if ((strict && !thread_use_shadow(thread)) || !arenas_bind_to(arena)) {
        choose_bins(thread);
        return false;
    }
    if (strict || thread->strict) {
        thread_flush(thread);
    } else {
        large_cache_empty(&thread->large);
    }
    thread_hand_over_counters(thread);
    lock_acquire(&threads_lock);
    thread->arena = arena;
    large_cache_limit(&thread->large, arena);
    thread->strict = strict;
    lock_release(&threads_lock);
    choose_bins(thread);
    arenas_unbind(before);
    return true;
}

void thread_follow_cpu(struct thread *thread) {
    if (thread != &gone_thread && !thread->strict) {
        struct arena *arena = arenas_of_cpu();
        if (arena != NULL) {
            thread_bind(thread, arena);
        }
    }
}

/* ---- the cache --------------------------------------------------------------------------------- */

/* Magazines are as the old limits allowed. */
static bool rebuild(struct thread *thread) {
    thread_flush_home(thread);
    thread_apply_slots(thread);
    return true;
}

bool thread_set_caching(struct thread *thread, bool on) {
    if (thread == &gone_thread) {
        return false;
    }
    if (on == thread->caching) {
        return true;
    }
    thread->caching = on;
    return rebuild(thread);
}

size_t thread_cache_max(const struct thread *thread) {
    return sizeclasses[thread->last_cached].size;
}

bool thread_set_cache_max(struct thread *thread, size_t size) {
    if (thread == &gone_thread) {
        return false;
    }
    thread->last_cached = (uint8_t)sizeclass_of(size < SIZECLASS_MAX ? size : SIZECLASS_MAX);
    return rebuild(thread);
}

unsigned thread_ncached_max(const struct thread *thread, unsigned class) {
    return 2u * thread->slots[class];
}

bool thread_set_ncached_max(struct thread *thread, const char *ranges) {
    const char *end = ranges + strlen(ranges);
    if (thread == &gone_thread || !ranges_are_valid(ranges, end)) {
        return false;
    }
    slots_by_ranges(thread->chosen_slots, ranges, end);
    return rebuild(thread);
}

/* ---- counters ---------------------------------------------------------------------------------- */

bool thread_arm(struct thread *thread) {
    if (thread->armed) {
        return true;
    }
    if (thread == &gone_thread || !thread_use_shadow(thread)) {
        return false;
    }
    lock_acquire(&threads_lock); /* nobody takes a spare, which counts in two places for a moment */
    thread_look_at_peak(thread);
    uint64_t allocated = thread_allocated(thread);
    thread->deallocated = thread_deallocated(thread);
    thread->allocated = allocated;
    thread->through_magazines = 0; /* what they count is in these now */
    thread->armed = true;
    lock_release(&threads_lock);
    return true;
}

uint64_t thread_read_peak(struct thread *thread) {
    if (!thread_arm(thread)) {
        int64_t now = (int64_t)(thread_allocated(thread) - thread_deallocated(thread));
        return now > 0 ? (uint64_t)now : 0;
    }
    return thread->peak;
}

void thread_reset_peak(struct thread *thread) {
    if (thread_arm(thread)) {
        thread->peak_base = thread->allocated - thread->deallocated;
        thread->peak = 0;
    }
}

void thread_idle(struct thread *thread) {
    if (thread == &gone_thread) {
        return;
    }
    thread_flush_home(thread);
    struct arena *arena = thread->arena;
    if (atomic_load_explicit(&arena->nthreads, memory_order_relaxed) == 1) {
        arena_trim(arena, true);
        purge_all(&arena->pages);
    }
}

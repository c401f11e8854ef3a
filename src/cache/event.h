/*
 * event.h: what has to happen now and then, driven by counts instead of clocks.
 *
 * Every malloc counts its class down (thread.h, `left`); when it reaches zero, and after every so many
 * slow operations, the thread looks at the clock and does what is due: decay of unused pages, and
 * trimming of depots and empty slabs. The countdown is also where sampling of allocations begins.
 */
#ifndef ASHLAR_CACHE_EVENT_H
#define ASHLAR_CACHE_EVENT_H

#include "cache/thread.h"
#include "cache/thread_event.h"

/* A large object costs as much as some exchanges of magazines. */
enum { EVENT_REQUESTS = 16384, EVENT_TICKS = 64, EVENT_LARGE_WEIGHT = 2 };

/* Accounts the requests counted so far and starts the next countdown. */
static inline void event_arm(struct thread *thread, unsigned class) {
    struct cache_bins *bins = thread->active;
    thread->requests[class] += (uint64_t)((int64_t)bins->armed[class] - bins->left[class]);
    bins->armed[class] = 0;
    bins->left[class] = 0;
    int32_t left = EVENT_REQUESTS;
    if (unlikely(atomic_load_explicit(&thread_events_generation, memory_order_relaxed) != 0)) {
        left = thread_events_countdown(thread, class, left);
    }
    bins->armed[class] = left;
    bins->left[class] = left;
}

/* Reads the clock and does what is due. What is called may allocate, and so use any bin. */
void event_poll(void);

/* Objects that nobody used for a while go home, once a second. */
void event_trim_if_due(uint64_t now_ns);

/* A slow operation worth `weight` happened. Ending threads share a struct, and leave this to others. */
static inline void event_tick(struct thread *thread, unsigned weight) {
    if (likely(thread != &gone_thread)) {
        thread->ticks += weight;
        if (unlikely(thread->ticks >= EVENT_TICKS)) {
            thread->ticks = 0;
            event_poll();
        }
    }
}

/* The calling thread's next slow operation polls. */
static inline void event_hasten(void) {
    struct thread *thread = this_thread;
    if (!thread_is_new(thread) && thread != &gone_thread) {
        thread->ticks = EVENT_TICKS;
    }
}

/* Flushes the calling thread, all depots and empty slabs, and purges all unused pages. */
void event_trim_all(void);

#endif

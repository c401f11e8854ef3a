/*
 * thread_event.c: when the next call of a thread is due.
 */
#include "cache/thread_event.h"

#include <errno.h>

#include "base/upcall.h"
#include "cache/event.h"
#include "cache/thread.h"

enum { REPORT_PARTS = 64 };

struct event {
    thread_event_call *call; /* const once it counts */
    uint64_t interval;
    bool is_alloc_only;
};

_Atomic unsigned thread_events_generation;

static struct event events[THREAD_EVENTS_MAX];
static _Atomic unsigned nevents; /* written under threads_lock */
static _Atomic uint64_t report_interval;
static _Atomic uint64_t told; /* bytes allocated since the last report */

static unsigned count_events(void) {
    return atomic_load_explicit(&nevents, memory_order_acquire);
}

static unsigned generation_now(void) {
    return atomic_load_explicit(&thread_events_generation, memory_order_acquire);
}

/* The next multiple of the interval. */
static uint64_t next_of(uint64_t counter, uint64_t interval) {
    uint64_t next = (counter / interval + 1) * interval;
    return next > counter ? next : UINT64_MAX;
}

/* What was added begins to count for this thread. */
static void learn(struct thread *thread) {
    struct thread_events *own = &thread->events;
    unsigned generation = generation_now();
    if (own->generation == generation) {
        return;
    }
    for (unsigned i = 0; i < count_events(); i++) {
        if (own->allocated_at[i] == 0) {
            own->allocated_at[i] = next_of(thread_allocated(thread), events[i].interval);
            own->deallocated_at[i] = next_of(thread_deallocated(thread), events[i].interval);
        }
    }
    own->generation = generation;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        event_arm(thread, class);
    }
}

/* The calling thread is the first to know. No call is made here: the caller may hold a lock. */
static void begin_generation(void) {
    atomic_fetch_add_explicit(&thread_events_generation, 1, memory_order_release);
    struct thread *thread = thread_enter();
    if (thread != NULL && thread != &gone_thread) {
        learn(thread);
        event_hasten();
    }
}

bool thread_event_add(thread_event_call *call, uint64_t interval, bool is_alloc_only) {
    if (call == NULL || interval == 0) {
        return false;
    }
    lock_acquire(&threads_lock);
    unsigned n = atomic_load_explicit(&nevents, memory_order_relaxed);
    bool fits = n < THREAD_EVENTS_MAX;
    if (fits) {
        events[n] = (struct event){call, interval, is_alloc_only};
        atomic_store_explicit(&nevents, n + 1, memory_order_release);
    }
    lock_release(&threads_lock);
    if (fits) {
        begin_generation();
    }
    return fits;
}

void thread_event_report_every(uint64_t interval) {
    atomic_store_explicit(&report_interval, interval, memory_order_relaxed);
    atomic_store_explicit(&told, 0, memory_order_relaxed);
    begin_generation();
}

/* Whether a counter has reached *at, which moves on then. */
static bool passes(uint64_t *at, uint64_t counter, uint64_t interval) {
    bool passed = counter >= *at;
    if (passed) {
        *at = next_of(counter, interval);
    }
    return passed;
}

static uint64_t part_of_report(void) {
    uint64_t interval = atomic_load_explicit(&report_interval, memory_order_relaxed);
    return interval == 0 ? UINT64_MAX : interval / REPORT_PARTS + 1;
}

/* Adds what is new to the sum. true: a report is due, and this thread writes it. */
static bool tell(struct thread_events *own, uint64_t allocated) {
    uint64_t interval = atomic_load_explicit(&report_interval, memory_order_relaxed);
    uint64_t news = allocated - own->told;
    own->told = allocated;
    if (interval == 0) {
        return false;
    }
    uint64_t sum = atomic_fetch_add_explicit(&told, news, memory_order_relaxed) + news;
    while (sum >= interval) {
        if (atomic_compare_exchange_weak_explicit(&told, &sum, sum % interval, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

int32_t thread_events_countdown(struct thread *thread, unsigned class, int32_t most) {
    const struct thread_events *own = &thread->events;
    uint64_t allocated = thread_allocated(thread);
    uint64_t next = part_of_report();
    next = next != UINT64_MAX ? own->told + next : next;
    for (unsigned i = 0; i < count_events(); i++) {
        uint64_t at = own->allocated_at[i];
        next = at != 0 && at < next ? at : next;
    }
    uint64_t left = next > allocated ? next - allocated : 0;
    uint64_t requests = left / ((uint64_t)NCLASSES * sizeclasses[class].size);
    return requests < (uint64_t)most ? (int32_t)requests : most;
}

void thread_events_run(struct thread *thread) {
    struct thread_events *own = &thread->events;
    if (own->is_busy) {
        return;
    }
    int saved = errno;
    own->is_busy = true;
    learn(thread);
    for (unsigned i = 0; i < count_events() && own->allocated_at[i] != 0; i++) {
        const struct event *event = &events[i];
        uint64_t allocated = thread_allocated(thread);
        if (passes(&own->allocated_at[i], allocated, event->interval)) {
            event->call(true, allocated, thread_deallocated(thread));
        }
        uint64_t deallocated = thread_deallocated(thread);
        if (passes(&own->deallocated_at[i], deallocated, event->interval) &&
            !event->is_alloc_only) {
            event->call(false, thread_allocated(thread), deallocated);
        }
    }
    uint64_t allocated = thread_allocated(thread);
    if (allocated - own->told >= part_of_report() && tell(own, allocated)) {
        upcalls.report();
    }
    own->is_busy = false;
    errno = saved;
}

void thread_events_end(struct thread *thread) {
    if (generation_now() != 0) {
        atomic_fetch_add_explicit(&told, thread_allocated(thread) - thread->events.told,
                                  memory_order_relaxed);
    }
}

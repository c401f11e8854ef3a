/*
 * thread_event.h: calls after so many bytes that a thread allocated or freed; and the report after so many
 * bytes that all of them allocated.
 *
 * Costs nothing while there is none. With one, threads look at their exact counters in every slow
 * operation, and the countdowns of their bins (event.h) are set so that a slow one comes in time: with a
 * 41st of what is left to the next call in any class, all classes together reach it at most once more.
 * So a call comes at the latest when twice the interval has been allocated, and at the first request that
 * reaches it when one class is used alone. Bytes freed are seen when a magazine is full or memory is
 * allocated. Other threads than the one that asked begin to count with their next slow operation.
 * Locks: threads_lock guards adding. A call is made without any lock; it may allocate and free, and no
 * other call of the same thread begins meanwhile.
 */
#ifndef ASHLAR_CACHE_THREAD_EVENT_H
#define ASHLAR_CACHE_THREAD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum { THREAD_EVENTS_MAX = 4 };

/* What the calling thread has allocated and freed since it began, in usable bytes. is_alloc: the former
 * has passed the next multiple of the interval; else the latter. */
typedef void thread_event_call(bool is_alloc, uint64_t allocated, uint64_t deallocated);

/* false: the interval is 0, call is NULL, or there are THREAD_EVENTS_MAX. They stay for ever. */
bool thread_event_add(thread_event_call *call, uint64_t interval, bool is_alloc_only);

/* From now on upcalls.report() is called every `interval` bytes that all threads allocate; late by what
 * threads have not told yet: a 64th of the interval each. 0 ends it. */
void thread_event_report_every(uint64_t interval);

/* ---- for the rest of this layer ---- */

struct thread;

/* A thread's part: zero means that nothing is known yet. */
struct thread_events {
    uint64_t allocated_at[THREAD_EVENTS_MAX]; /* when the next call is due */
    uint64_t deallocated_at[THREAD_EVENTS_MAX];
    uint64_t told;       /* of `allocated`, what is in the sum of all threads */
    unsigned generation; /* as of its countdowns */
    bool is_busy;        /* in a call */
};

extern _Atomic unsigned thread_events_generation; /* 0: there is nothing to do */

/* How many requests of a class the calling thread may make before it looks. */
int32_t thread_events_countdown(struct thread *thread, unsigned class, int32_t most);
/* Makes the calls that are due. */
void thread_events_run(struct thread *thread);
/* A thread ends: what it has not told yet. */
void thread_events_end(struct thread *thread);

#endif

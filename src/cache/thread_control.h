/*
 * thread_control.h: what a thread may see and change of itself: its arena, its cache, its counters.
 *
 * Usage:      `thread` is what thread_enter() said to the calling thread. A thread whose end began, or a
 *             hook at work, has gone_thread, of which nothing can be changed.
 * Armed:      once a thread asked for the address of its counters or for its peak, all its operations are
 *             slow ones (some 3 ns more each) and keep both exact after every call.
 * Locks:      the registry's, while the arena changes: others read it there.
 */
#ifndef ASHLAR_CACHE_THREAD_CONTROL_H
#define ASHLAR_CACHE_THREAD_CONTROL_H

#include "cache/slots.h"
#include "cache/thread.h"

/* Allocates from this arena from now on. Of a manual arena a thread gets that arena's objects alone, from
 * a cache that holds no others; what it frees of others goes home at once. false: the arena has just been
 * destroyed, there is no memory, or nothing can be changed. */
bool thread_bind(struct thread *thread, struct arena *arena);

/* Option percpu_arena: before new memory is taken, the thread goes to the arena of its CPU, unless it is
 * bound to a manual one. */
void thread_follow_cpu(struct thread *thread);

/* Caching on or off; off sends home what is cached. false: nothing can be changed. */
bool thread_set_caching(struct thread *thread, bool on);

/* Largest size that is cached, and setting it: rounded up to a class, SIZECLASS_MAX at most. */
size_t thread_cache_max(const struct thread *thread);
bool thread_set_cache_max(struct thread *thread, size_t size);

/* Most objects of a class that the thread caches: two magazines full, so an even number; 0: none. */
unsigned thread_ncached_max(const struct thread *thread, unsigned class);
/* Sets it for ranges of sizes (opt/ranges.h), rounded up to an even number, 2 * SLOTS_MAX at most;
 * sizes beyond SIZECLASS_MAX mean nothing. false, and nothing changed: that is no list of ranges, or
 * nothing can be changed. */
bool thread_set_ncached_max(struct thread *thread, const char *ranges);

/* thread->allocated and thread->deallocated are exact from here on. false: no memory, or gone. */
bool thread_arm(struct thread *thread);

/* The most that allocated - deallocated has been above what it was at the last reset, or at the thread's
 * begin. Exact from the first use of either function on; what was before that is not known. */
uint64_t thread_read_peak(struct thread *thread);
void thread_reset_peak(struct thread *thread);

/* The thread will do nothing for a while: its cache goes home and, if its arena serves no other thread,
 * so does all unused memory there. */
void thread_idle(struct thread *thread);

#endif

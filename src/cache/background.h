/*
 * background.h: helper threads that give unused memory back while the program sleeps.
 *
 * background_thread:auto   one helper. A thread that leaves unused memory starts it when the process has
 *                          several threads and much unused memory in all; it ends when those threads have ended.
 * background_thread:true   from the start: one at first, up to max_background_threads as arenas appear.
 * background_thread:false  none: threads give memory back by the way (event.h), idle ones do not.
 * While helpers run, other threads leave decay to them. A helper sleeps until there is something to do
 * on its arenas' decay curves or inside their slabs (scavenge.h); when nothing is, it sleeps until
 * purge_alarm or, while slabs change, housekeeping wakes it.
 * No helper survives a fork; in the child `true` has become `false`, and `auto` begins anew.
 * Locks: background_lock guards starting and stopping, and is held while a thread is created: that may
 * allocate, and then finds the lock taken and lets it be.
 */
#ifndef ASHLAR_CACHE_BACKGROUND_H
#define ASHLAR_CACHE_BACKGROUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages/pages.h"

/* auto: a helper costs a start of 60 us and some 20 KiB. To touch so much memory takes 50 times that. */
enum { BACKGROUND_START_GRANULES = (16 << 20) >> LG_GRANULE };
/* Less than this in an arena does not wake a helper. */
enum { BACKGROUND_WAKE_GRANULES = (1 << 20) >> LG_GRANULE };
enum { BACKGROUND_MAX = 4 };

extern struct lock background_lock;

/* Reads the options; called once. */
void background_init(void);

/* ---- for whoever steers ---- */

/* Whether helpers run: always with true, now and then with auto. */
bool background_enabled(void);
/* Starts or stops them; returns when they have stopped. false: the system gives no thread. */
bool background_set(bool enabled);
size_t background_max(void);
/* false: not within 1 .. opts.max_background_threads. */
bool background_set_max(size_t max);

struct background_counters {
    size_t nthreads;
    size_t nidle;             /* of them, those that rest until they are woken */
    uint64_t nruns;           /* wake-ups of all helpers so far */
    uint64_t run_interval_ns; /* mean time between them */
};
struct background_counters background_read(void);

/* ---- for the rest of this layer ---- */

extern _Atomic unsigned background_nhelpers; /* that run, or will at once */
extern _Atomic bool background_wanted;       /* somebody should call background_start() */

/* Whether decay is left to helpers. */
static inline bool background_is_active(void) {
    return atomic_load_explicit(&background_nhelpers, memory_order_relaxed) != 0;
}

/* Creates a thread if one is still wanted: call it where the program's own code could run as well. */
void background_start(void);

/* Asks for a helper where one is missing: from time to time, for what is unused in all arenas. */
void background_look(uint64_t now_ns);
/* The same after so many slow operations, for what one arena has, so that much that becomes unused within a
 * moment, after which all threads sleep, is not missed. */
struct arena;
void background_look_at(const struct arena *arena, uint64_t now_ns);

/* The target of upcalls.unused: memory of an arena became unused, or is to be looked at again. */
void background_notice(struct pages *pages, bool again);

/* Wakes a helper that rests although slabs of the arena, or of any, have changed. Threads ask for it now and
 * then: for the arena they allocate from, and less often for all, since what they free may be others'. */
void background_notice_slabs(const struct arena *arena);
void background_notice_all_slabs(void);

/* A thread registered, or ended; so many are registered now. */
void background_thread_began(unsigned nthreads);
void background_thread_ended(unsigned nthreads);

/* In the child of a fork. */
void background_after_fork(void);

#endif

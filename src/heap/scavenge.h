/*
 * scavenge.h: pages inside slabs go back to the system.
 *
 * After a change of sizes, slabs keep a few objects each for long. A pass looks at all slabs of an arena that
 * have free slots: one of which no slot was taken since the pass before is quiet, and its pages that hold
 * nothing but free slots are given back. Passes begin dirty_decay_ms / 32 apart, at least scavenge_least_ms, so
 * a page goes one to two such times after its slab last served; slots of less than 4 KiB are looked at eight times less
 * often. With dirty_decay_ms:-1 there are no passes.
 * A slab is in no list while its pages are given back (bin.h), so nobody takes slots of it.
 * Left alone are memory of extent hooks and pinned memory; by passes, but not by scavenge_all, everything
 * with thp:always, huge pages of thp:collapse, and with thp:collapse slabs that are not half empty.
 * Locks: the arena's purge_lock, one bin's lock at a time for a few slabs, none during a system call.
 */
#ifndef ASHLAR_HEAP_SCAVENGE_H
#define ASHLAR_HEAP_SCAVENGE_H

#include "heap/arena.h"

extern unsigned scavenge_least_ms; /* 250; tests do not wait so long; at least 1 */

/* What may be done in one go: looking at a slab counts 1, a system call SCAVENGE_CALL. */
enum { SCAVENGE_CALL = 8, SCAVENGE_EFFORT = 256, SCAVENGE_EFFORT_HELPER = 2048 };

/* Begins the next pass, or goes on with one, if it is time and nobody purges the arena; *effort is what may
 * be done, and then what is left of it. */
void scavenge_decayed(struct arena *arena, uint64_t now_ns, unsigned *effort);
/* When to call that again; UINT64_MAX: not before slots come or go, or the decay changes. Any thread. */
uint64_t scavenge_due_ns(const struct arena *arena);

/* Gives back all there is in one pass, waiting for another purger first; what the system refused before is
 * tried again. */
void scavenge_all(struct arena *arena);

/* After the decay changed: the time until the next pass begins anew. */
void scavenge_restart(struct arena *arena);
/* The same for an arena without slabs, whose counters begin anew; its purge_lock is held. */
void scavenge_forget_locked(struct arena *arena);

/* Whether scavenge_decayed will find something to look at, if not now, later. Any thread. */
bool scavenge_is_wanted(const struct arena *arena);

/* Bytes of free slots of an arena whose passes are on, whatever pages they are in, but for absent ones. Any thread. */
size_t scavenge_slack(const struct arena *arena);

#endif

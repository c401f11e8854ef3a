/*
 * collapse.h: chunks that stay dense become huge pages (thp:collapse).
 *
 * A chunk is dense while it is part of a big object, or all but COLLAPSE_FREE of its granules are in runs, the
 * free ones are dirty, and nothing inside its slabs was given back. One that was dense whenever somebody looked
 * for as long as dirty memory may stay, and nearly all of which is in memory, is collapsed. Whoever purges takes
 * such chunks last (purge.c).
 * Locks: a chunk is looked at under its arena's lock. During the system call, which takes about a
 * millisecond, only the arena's purge_lock is held, for which nobody waits who allocates or frees.
 */
#ifndef ASHLAR_PAGES_COLLAPSE_H
#define ASHLAR_PAGES_COLLAPSE_H

#include "opt/opt.h"
#include "pages/region.h"

enum {
    COLLAPSE_FREE = CHUNK_GRANULES / 16, /* granules of a dense chunk that may be free */
    COLLAPSE_ABSENT = CHUNK_SIZE / 32,   /* bytes of it that need not be in memory */
    COLLAPSE_LOOKS = 64,                 /* chunks looked at in one call */
    COLLAPSE_REFUSALS = 8, /* the system cannot, if it says so that often and never does it */
};

/* What one call may do: that of a helper, and of a thread of the program. */
enum { COLLAPSE_BUDGET_HELPER = 4, COLLAPSE_BUDGET = 1 };

/* Looks at some chunks, round and round, and collapses up to `budget`. Returns when to call again. */
uint64_t collapse_dense(struct space *space, uint64_t now_ns, unsigned budget);

/* With the owner's lock: a part of the chunk will be purged, and its huge page is no more. */
void collapse_forget(struct chunk *chunk);

static inline bool collapse_is_on(void) {
    return unlikely(opts.thp == THP_COLLAPSE);
}

#endif

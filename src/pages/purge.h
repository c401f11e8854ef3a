/*
 * purge.h: gives unused pages back to the system.
 *
 * dirty pages   --dirty_decay_ms-->  muzzy (MADV_FREE) when muzzy_decay_ms is not 0, else clean
 * muzzy pages   --muzzy_decay_ms-->  clean (MADV_DONTNEED)
 * Granules are hidden from the allocator while a system call is made for them.
 * Locks: one thread purges an arena at a time, with its purge_lock; nobody who only allocates or frees
 * waits for that one. Nothing else is held during a system call.
 */
#ifndef ASHLAR_PAGES_PURGE_H
#define ASHLAR_PAGES_PURGE_H

#include "base/upcall.h"
#include "pages/pages.h"

/* Purges what the decay curves no longer allow at now_ns. Returns at once when it is not yet time or
 * another thread purges. */
void purge_decayed(struct pages *pages, uint64_t now_ns);

/* The same, whether it is time or not, and after waiting for another purger. Returns when there will be
 * more to do: UINT64_MAX: not before more pages become unused. */
uint64_t purge_decay_now(struct pages *pages, uint64_t now_ns);

/* Purges everything unused, waiting for another purger first. */
void purge_all(struct pages *pages);

/* Begins a curve anew; 0 purges at once. false: ms is out of range, and nothing was done. From an extent hook while the
 * arena is purged only the time changes. */
bool purge_set_decay_ms(struct pages *pages, enum page_state state, ssize_t ms, uint64_t now_ns);

/* For fork: waits until nobody purges and keeps it so, until resumed. */
void purge_suspend(struct pages *pages);
void purge_resume(struct pages *pages);
/* The same for whoever else must be alone with an arena's unused memory. false: somebody is at it. */
bool purge_try_suspend(struct pages *pages);

/* Purges dirty pages; returns at once when another thread purges. */
void purge_dirty(struct pages *pages);

/* Purges whole chunks of the arena as far as its space has too many (space_excess_dirty), without waiting for
 * the decay: large objects that come and go in all sizes would otherwise leave many times what they use.
 * Returns at once when another thread purges. */
void purge_to_cap(struct pages *pages);

/* An arena with more dirty granules than this is worth an upcall. */
extern _Atomic size_t purge_alarm;

/* After memory was freed: purges it at once when dirty_decay_ms is 0, or when there is too much. */
static inline void purge_after_free(struct pages *pages) {
    if (unlikely(atomic_load_explicit(&pages->immediate, memory_order_relaxed))) {
        purge_dirty(pages);
    } else if (unlikely(gauge_read(&pages_space(pages)->parked_dirty) > SPACE_DIRTY_MIN)) {
        purge_to_cap(pages);
    }
    if (unlikely(pages_unused(pages, PAGES_DIRTY) >
                 atomic_load_explicit(&purge_alarm, memory_order_relaxed))) {
        upcalls.unused(pages, false);
    }
}

/* The page size that purging respects; set at start from the system or the option page_size. */
extern size_t purge_page_size;

#endif

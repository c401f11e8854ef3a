/*
 * decay.h: how many unused pages may stay, and until when. Pure arithmetic, no clock, no locks.
 *
 * Pages that became unused may stay for decay_ms, released along a smooth curve: of those that
 * appeared at time 0, the part 1 - s(1 - (1 - t / decay_ms)^4) may remain at time t, with the smootherstep
 * s(y) = 6y^5 - 15y^4 + 10y^3 (Perlin 2002): half of them for 0.16 of the time, a tenth for 0.3 of it. What
 * is used again mostly is so at once (decision 0025). Time is cut into DECAY_STEPS epochs; the backlog remembers
 * how many pages appeared in each, less those that were used again: otherwise every up and down of what a
 * program needs would add to the backlog, and what is never used again would stay as well.
 * Locks: the caller serialises calls on one struct decay.
 */
#ifndef ASHLAR_PAGES_DECAY_H
#define ASHLAR_PAGES_DECAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { DECAY_STEPS = 64 };

#define DECAY_MS_MAX INT64_C(18446744072000) /* 64 bits of nanoseconds */

struct decay {
    _Atomic ssize_t ms;          /* -1: keep for ever; 0: keep nothing; anybody may read it */
    uint64_t epoch_ns;           /* when the newest backlog entry began; 0: not started */
    size_t previous;             /* unused pages when the newest entry began */
    size_t backlog[DECAY_STEPS]; /* pages that appeared per epoch, oldest first */
};

/* The curve begins anew: pages that are there already count as just appeared. */
void decay_init(struct decay *decay, ssize_t ms);

static inline bool decay_is_valid(ssize_t ms) {
    return ms >= -1 && ms <= DECAY_MS_MAX;
}

static inline ssize_t decay_ms(const struct decay *decay) {
    return atomic_load_explicit(&decay->ms, memory_order_relaxed);
}

/* Length of an epoch in ns; 0 when ms <= 0. */
uint64_t decay_epoch_ns(const struct decay *decay);

/* Of `current` unused pages at time `now_ns`, how many may stay: 0..current. Advances the backlog. */
size_t decay_limit(struct decay *decay, uint64_t now_ns, size_t current);

/* When decay_limit() will be below `current` if nothing changes until then, or new pages enter the
 * backlog; UINT64_MAX: never, 0: it is now. */
uint64_t decay_due_ns(const struct decay *decay, size_t current);

/* After a purge: of the `current` pages of the last decay_limit() so many are left. */
void decay_purged(struct decay *decay, size_t left);

#endif

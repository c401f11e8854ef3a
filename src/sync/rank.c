/*
 * rank.c: checks the lock order in debug builds.
 *
 * Holds: per thread, how many locks of each rank it holds. Release builds compile this to nothing,
 * so that the library keeps its 8 bytes of static TLS.
 */
#include "sync/rank.h"

#include "base/check.h"

#ifdef ASHLAR_DEBUG
static TLS_INITIAL_EXEC unsigned char held[RANK_COUNT];
static TLS_INITIAL_EXEC bool equal_allowed;

void rank_acquired(enum lock_rank rank) {
    for (unsigned other = rank; other < RANK_COUNT; other++) {
        bool in_order = held[other] == 0 || (other == (unsigned)rank && equal_allowed);
        ASSERT(in_order);
    }
    rank_tried(rank);
}

void rank_tried(enum lock_rank rank) {
    if (held[rank] < 255) {
        held[rank]++;
    }
}

/* While fork holds more locks of a rank than the counter counts, it stays at its limit; the child
 * and the parent release all of them, which ends at zero through rank_allow_equal(false). */
void rank_released(enum lock_rank rank) {
    ASSERT(held[rank] > 0 || equal_allowed);
    if (held[rank] > 0) {
        held[rank]--;
    }
}

void rank_allow_equal(bool allowed) {
    equal_allowed = allowed;
    if (!allowed) {
        for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
            held[rank] = 0;
        }
    }
}
#else
void rank_acquired(enum lock_rank rank) {
    (void)rank;
}

void rank_tried(enum lock_rank rank) {
    (void)rank;
}

void rank_released(enum lock_rank rank) {
    (void)rank;
}

void rank_allow_equal(bool allowed) {
    (void)allowed;
}
#endif

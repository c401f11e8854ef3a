/*
 * rank.h: THE lock order.
 *
 * A thread may only acquire a lock of a higher rank than every lock it holds; several locks of equal
 * rank only in fork, in the order of their index. Debug builds check every acquisition (rank.c), and
 * api/fork.c takes all locks in this order.
 */
#ifndef ASHLAR_SYNC_RANK_H
#define ASHLAR_SYNC_RANK_H

#include <stdbool.h>

enum lock_rank {
    RANK_INIT,       /* start of the library, once */
    RANK_CTL,        /* changes through controls, one at a time */
    RANK_EPOCH,      /* the snapshot that controls show */
    RANK_BACKGROUND, /* starting and stopping helper threads */
    RANK_THREADS,    /* the registry of threads and the arena each one is bound to */
    RANK_ARENAS,     /* creation of arenas */
    RANK_PURGE,      /* who may give an arena's unused pages back */
    RANK_DEPOT,      /* one class of parked magazines */
    RANK_BIN,        /* one class of slabs in an arena */
    RANK_PAGES,      /* the granules of an arena's chunks */
    RANK_SPACE,      /* regions and whole chunks */
    RANK_POOL,       /* free list of one kind of metadata block */
    RANK_META,       /* the metadata allocator */
    RANK_COUNT,
};

/* Debug builds: note or forget a held lock, and abort on a wrong order. No-ops otherwise. */
void rank_acquired(enum lock_rank rank);
/* The same for a lock that was only tried: who does not wait may do so in any order. */
void rank_tried(enum lock_rank rank);
void rank_released(enum lock_rank rank);
/* In fork equal ranks may be held at once; the checker is told when that begins and ends. */
void rank_allow_equal(bool allowed);

#endif

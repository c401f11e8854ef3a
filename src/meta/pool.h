/*
 * pool.h: metadata blocks of one size that are used again.
 *
 * A block that went through the pool is NOT zeroed: its first 8 bytes held the free list, the rest is
 * as its last user left it. A block fresh from meta_alloc is zero. The user of a pool initialises.
 */
#ifndef ASHLAR_META_POOL_H
#define ASHLAR_META_POOL_H

#include <stddef.h>

#include "sync/lock.h"

struct pool {
    struct lock lock;
    size_t block_size;    /* const after start */
    void *free_list;      /* guarded by lock; linked through the blocks' first word */
    _Atomic size_t nfree; /* written under the lock, read without */
};

#define POOL_INIT(size)                                                                            \
    { .lock = {.rank = RANK_POOL}, .block_size = (size) }

/* A block, or NULL when the system has no memory. */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *block);

#endif

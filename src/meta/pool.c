/*
 * pool.c: last-in first-out free lists over meta_alloc.
 *
 * Locks: each pool's own, never held while memory is asked of the system.
 */
#include "meta/pool.h"

#include "meta/meta.h"

void *pool_get(struct pool *pool) {
    lock_acquire(&pool->lock);
    void *block = pool->free_list;
    if (block != NULL) {
        pool->free_list = *(void **)block;
        gauge_add(&pool->nfree, -1);
    }
    lock_release(&pool->lock);
    return block != NULL ? block : meta_alloc(pool->block_size);
}

void pool_put(struct pool *pool, void *block) {
    lock_acquire(&pool->lock);
    *(void **)block = pool->free_list;
    pool->free_list = block;
    gauge_add(&pool->nfree, 1);
    lock_release(&pool->lock);
}

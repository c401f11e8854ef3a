/*
 * meta.h: memory for the allocator's own data.
 *
 * Blocks are zeroed, aligned to a cache line, never given back and never unmapped, so a stale pointer
 * to one can always be read. What is used again goes through a pool (pool.h).
 * Metadata never lies among user memory, so an overflow of a user's object cannot reach it.
 */
#ifndef ASHLAR_META_META_H
#define ASHLAR_META_META_H

#include <stddef.h>

#include "sync/lock.h"

/* At least `size` zeroed bytes, or NULL when the system has no memory. */
void *meta_alloc(size_t size);

/* Bytes handed out by meta_alloc so far. */
size_t meta_allocated_bytes(void);
/* Huge pages that the system was asked for, for metadata. */
size_t meta_huge_pages(void);

/* For fork (api/fork.c). */
extern struct lock meta_lock;

#endif

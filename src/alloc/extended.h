/*
 * extended.h: allocation with wishes: alignment, zeroed memory, an arena, a cache.
 *
 * `flags` are those of jemalloc's mallocx(): the low 6 bits are log2 of the alignment, bit 6 asks for
 * zeroed memory, bits 8 to 19 are a cache's number + 2 (1: none; 0: the thread's own), bits 20 to 31 an
 * arena's number + 1 (0: the thread's own).
 * An arena that was asked for is where the object is, without exception: the thread's own cache is passed
 * by then, unless it belongs to that very arena. A request of 0 bytes is one of 1.
 * Functions that return NULL have set errno: ENOMEM, or EINVAL where there is no such arena or cache.
 * p is not NULL unless said otherwise. Any thread; an explicit cache only one at a time.
 */
#ifndef ASHLAR_ALLOC_EXTENDED_H
#define ASHLAR_ALLOC_EXTENDED_H

#include <stddef.h>

enum {
    EXTENDED_ALIGNMENT = 0x3f,
    EXTENDED_ZERO = 0x40,
    EXTENDED_LG_TCACHE = 8,
    EXTENDED_TCACHE = 0xfff << EXTENDED_LG_TCACHE,
    EXTENDED_LG_ARENA = 20,
};

/* Requests beyond it are never met; the size of the last large class. */
#define EXTENDED_MAX ((size_t)7 << 60)

void *extended_alloc(size_t request, int flags);

/* In place, if the alignment is met and the arena asked for holds p; else by moving. With EXTENDED_ZERO,
 * what lies behind the old usable size is zero. The old object stays when NULL is returned. */
void *extended_resize(void *p, size_t request, int flags);

/* In place or not at all: to request + extra bytes, or request, as large objects can; returns the usable
 * size afterwards. */
size_t extended_resize_here(void *p, size_t request, size_t extra, int flags);

/* NULL is allowed. With a cache that does not exist p goes home. */
void extended_free(void *p, int flags);

/* The usable size that extended_alloc would give; 0: never. */
size_t extended_usable_for(size_t request, int flags);

/* Up to n objects of one size, straight from an arena into the caller's array; returns how many there
 * are. A cache among the flags is passed by. */
size_t extended_alloc_batch(void **objects, size_t n, size_t request, int flags);

#endif

/*
 * object.h: what the public functions do with an existing object, or with special wishes.
 *
 * Sizes are in bytes. `call` is the public function's name, for reports. Functions that return NULL for
 * want of memory have set errno to ENOMEM. Any thread.
 */
#ifndef ASHLAR_ALLOC_OBJECT_H
#define ASHLAR_ALLOC_OBJECT_H

#include <stddef.h>

#include "heap/large.h"

/* Like object_usable, for what is not in a slab of an automatic arena. */
size_t object_usable_elsewhere(const void *p, const char *call);

/* Zeroed memory; memory the system just gave is not written to. */
void *object_alloc_zeroed(size_t size);
/* alignment: a power of two. */
void *object_alloc_aligned(size_t size, size_t alignment);
/* Resizes in place or by moving; p is not NULL. The old object stays when NULL is returned. */
void *object_resize(void *p, size_t size, const char *call);
/* Calls of realloc(pointer, 0). */
extern _Atomic size_t object_zero_reallocs;
/* A large object grows or shrinks where it is; false: that cannot be. */
bool object_resize_large(void *p, struct large large, size_t size);
/* Bytes the object may use; 0 for NULL. */
static ALWAYS_INLINE size_t object_usable(const void *p, const char *call) {
    unsigned byte = map_class_of(p);
    return likely(byte - 1 < MAP_MANUAL - 1) ? sizeclasses[byte].size
                                             : object_usable_elsewhere(p, call);
}

#endif

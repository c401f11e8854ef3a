/*
 * object.c: zeroed, aligned and resized objects.
 */
#include "alloc/object.h"

#include <errno.h>
#include <string.h>

#include "alloc/fast.h"
#include "alloc/foreign.h"
#include "heap/large.h"

_Atomic size_t object_zero_reallocs;

/* An object that outgrows its place by less than a part of its size probably goes on growing: it gets room for as
 * much, so that it is moved a constant number of times whenever it doubles. */
enum { INLINE_COPY_MAX = 256, GROWTH_PART = 4 };

void *object_alloc_zeroed(size_t size) {
    if (unlikely(size > SIZECLASS_MAX)) {
        return slow_malloc_large_with(size, 1, true);
    }
    unsigned class = sizeclass_of(size);
    void *object = fast_malloc_class(class);
    return likely(object != NULL) ? memset(object, 0, sizeclasses[class].size) : NULL;
}

void *object_alloc_aligned(size_t size, size_t alignment) {
    unsigned class = sizeclass_of_aligned(size, alignment);
    if (likely(class != 0)) {
        return fast_malloc_class(class);
    }
    return slow_malloc_large_with(size, alignment, false);
}

size_t object_usable_elsewhere(const void *p, const char *call) {
    unsigned class = slab_class_of(p);
    if (class != 0 || p == NULL) {
        return sizeclasses[class].size;
    }
    struct large large = large_find(p);
    if (large.chunk != NULL) {
        return large_usable(large);
    }
    size_t usable = foreign_usable(p);
    if (usable == 0) {
        large_report(call, p);
    }
    return usable;
}

static void *move(void *p, size_t old, size_t size) {
    void *object = fast_malloc(size);
    if (likely(object != NULL)) {
        memcpy(object, p, old < size ? old : size);
        fast_free(p);
    }
    return object;
}

/* A small object outgrows its class. Classes of up to 256 bytes are copied whole, 16 bytes at a time,
 * which costs less than calling memcpy. */
static void *grow_small(void *p, size_t old, unsigned class) {
    void *object = fast_malloc_class(class);
    if (likely(object != NULL)) {
        if (old == 8) {
            memcpy(object, p, 8);
        } else if (old <= INLINE_COPY_MAX) {
            for (size_t i = 0; i < old; i += 16) {
                memcpy((char *)object + i, (const char *)p + i, 16);
            }
        } else {
            memcpy(object, p, old);
        }
        fast_free(p);
    }
    return object;
}

/* As in jemalloc the new size counts as allocated, the old one as freed. */
bool object_resize_large(void *p, struct large large, size_t size) {
    size_t old = large_usable(large);
    if (size > PTRDIFF_MAX || !large_resize(large, size)) {
        return false;
    }
    size_t now = large_usable(large);
    if (now != old) {
        thread_count(thread_enter(), now, old);
    }
    if (now > old) {
        slow_dress((char *)p + old, now - old);
    }
    return true;
}

static void *resize_large(void *p, size_t size, struct large large) {
    if (size > PTRDIFF_MAX) {
        return slow_no_memory();
    }
    size_t old = large_usable(large);
    if (object_resize_large(p, large, size)) {
        return p;
    }
    if (size <= SIZECLASS_MAX || size <= old) {
        return move(p, old, size);
    }
    void *object = size - old < old / GROWTH_PART
                       ? slow_malloc_large_growing(size, old + old / GROWTH_PART - size)
                       : slow_malloc_large(size);
    if (object == NULL) {
        return NULL;
    }
    struct large to = large_find(object);
    if (large_move(large, to)) {
        thread_count(thread_enter(), 0, old);
        slow_dress((char *)object + old, large_usable(to) - old);
    } else {
        memcpy(object, p, old);
        fast_free(p);
    }
    return object;
}

void *object_resize(void *p, size_t size, const char *call) {
    unsigned class = slab_class_of(p);
    if (likely(class != 0)) {
        if (size <= SIZECLASS_MAX) {
            unsigned wanted = sizeclass_of(size);
            if (wanted == class) {
                return p;
            }
            if (wanted > class) {
                return grow_small(p, sizeclasses[class].size, wanted);
            }
        }
        return move(p, sizeclasses[class].size, size);
    }
    struct large large = large_find(p);
    if (large.chunk != NULL) {
        return resize_large(p, size, large);
    }
    void *resized;
    if (foreign_realloc(p, size, &resized)) {
        return resized;
    }
    large_report(call, p);
}

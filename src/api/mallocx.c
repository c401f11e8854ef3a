/*
 * mallocx.c: jemalloc's extended functions (include/jemalloc/jemalloc.h).
 *
 * Where jemalloc leaves a case undefined: size 0 is size 1, and freeing NULL does nothing. Failures set
 * errno. Sizes given to sdallocx are not needed to find the object.
 */
#include "alloc/extended.h"
#include "alloc/fast.h"
#include "alloc/object.h"
#include "api/names.h"

void *API(mallocx)(size_t size, int flags);
void *API(rallocx)(void *p, size_t size, int flags);
size_t API(xallocx)(void *p, size_t size, size_t extra, int flags);
size_t API(sallocx)(const void *p, int flags);
void API(dallocx)(void *p, int flags);
void API(sdallocx)(void *p, size_t size, int flags);
size_t API(nallocx)(size_t size, int flags);

EXPORT void *API(mallocx)(size_t size, int flags) {
    if (likely(flags == 0)) {
        return fast_malloc(size);
    }
    return extended_alloc(size, flags);
}

EXPORT void *API(rallocx)(void *p, size_t size, int flags) {
    size += size == 0;
    return likely(flags == 0) ? object_resize(p, size, "rallocx") : extended_resize(p, size, flags);
}

EXPORT size_t API(xallocx)(void *p, size_t size, size_t extra, int flags) {
    return extended_resize_here(p, size, extra, flags);
}

EXPORT size_t API(sallocx)(const void *p, int flags) {
    (void)flags;
    return object_usable(p, "sallocx");
}

/* The arena is the object's own, whatever the flags say. */
EXPORT void API(dallocx)(void *p, int flags) {
    if (likely((flags & EXTENDED_TCACHE) == 0)) {
        fast_free_or(p, slow_dallocx);
        return;
    }
    extended_free(p, flags);
}

EXPORT void API(sdallocx)(void *p, size_t size, int flags) {
    (void)size;
    if (likely((flags & EXTENDED_TCACHE) == 0)) {
        fast_free_or(p, slow_sdallocx);
        return;
    }
    extended_free(p, flags);
}

EXPORT size_t API(nallocx)(size_t size, int flags) {
    return extended_usable_for(size, flags);
}

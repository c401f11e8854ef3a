/*
 * extended.c: which of the many ways an allocation with wishes goes.
 */
#include "alloc/extended.h"

#include <errno.h>
#include <string.h>

#include "alloc/fast.h"
#include "alloc/object.h"
#include "cache/event.h"
#include "cache/exchange.h"
#include "cache/tcaches.h"
#include "heap/arenas.h"
#include "heap/large.h"

enum { TCACHE_OWN = 0, TCACHE_NONE = 1, TCACHE_FIRST = 2, ARENA_FIRST = 1 };

static size_t alignment_of(int flags) {
    return (size_t)1 << (flags & EXTENDED_ALIGNMENT);
}

static bool is_aligned(const void *p, int flags) {
    return ((uintptr_t)p & (alignment_of(flags) - 1)) == 0;
}

static unsigned tcache_of(int flags) {
    return ((unsigned)flags & EXTENDED_TCACHE) >> EXTENDED_LG_TCACHE;
}

static bool wants_arena(int flags) {
    return (unsigned)flags >> EXTENDED_LG_ARENA != 0;
}

/* Large objects begin on a granule anyhow. */
static size_t large_alignment(size_t alignment) {
    return alignment > GRANULE_SIZE ? alignment : 1;
}

/* Where an object is to come from. */
struct source {
    struct thread *thread;
    struct arena *arena;  /* to fill from */
    bool strict;          /* from this arena alone */
    bool own;             /* the thread's own cache may serve it */
    struct thread *cache; /* an explicit cache, or NULL */
};

static struct arena *arena_numbered(unsigned i) {
    return i < arenas_limit() ? arenas_auto(i) : arenas_get(i);
}

/* false, with errno set: the library could not start, or there is no such arena or cache. */
static bool find_source(struct source *source, int flags) {
    struct thread *thread = thread_enter();
    if (unlikely(thread == NULL)) {
        slow_no_memory();
        return false;
    }
    unsigned tcache = tcache_of(flags);
    *source = (struct source){.thread = thread, .arena = thread->arena};
    source->strict = wants_arena(flags);
    if (source->strict) {
        source->arena = arena_numbered(((unsigned)flags >> EXTENDED_LG_ARENA) - ARENA_FIRST);
    }
    if (tcache >= TCACHE_FIRST) {
        source->cache = tcaches_get(tcache - TCACHE_FIRST);
    }
    if (source->arena == NULL || (tcache >= TCACHE_FIRST && source->cache == NULL)) {
        errno = EINVAL;
        return false;
    }
    /* The cache of a thread that is bound to a manual arena holds objects of that arena alone. */
    bool only = thread->strict && thread->arena == source->arena;
    source->own = tcache == TCACHE_OWN && (!source->strict || only);
    return true;
}

/* ---- allocation -------------------------------------------------------------------------------- */

static bool is_right(const struct source *source, const void *object) {
    return !source->strict || arena_of(chunk_find_at(object)) == source->arena;
}

/* What is on top of an explicit cache, which may mix arenas. If it is not of the arena asked for, the class
 * is sent home, so that filling brings others. */
static void *pop_right(const struct source *source, unsigned class) {
    struct cache_bins *bins = source->cache->active;
    void *object = cache_pop(bins, class);
    if (object != NULL && !is_right(source, object)) {
        cache_push(bins, class, object);
        thread_flush_class_home(source->cache, class);
        object = NULL;
    }
    return object;
}

static void *alloc_from_cache(const struct source *source, unsigned class) {
    struct thread *cache = source->cache;
    void *object;
    while ((object = pop_right(source, class)) == NULL) {
        event_tick(source->thread, 1);
        if (cache->slots[class] == 0 || !exchange_refill_from(cache, class, source->arena)) {
            return slow_malloc_from(source->thread, source->arena, class);
        }
    }
    thread_count(source->thread, sizeclasses[class].size, 0);
    if (unlikely(--cache->active->left[class] < 0)) {
        event_arm(cache, class);
    }
    return object;
}

static void *alloc_small(const struct source *source, unsigned class) {
    if (source->own) {
        return fast_malloc_class(class);
    }
    return source->cache != NULL ? alloc_from_cache(source, class)
                                 : slow_malloc_from(source->thread, source->arena, class);
}

static void *alloc_large(const struct source *source, size_t request, size_t alignment, bool zero) {
    if (source->own) {
        return slow_malloc_large_with(request, alignment, zero);
    }
    return slow_malloc_large_from(source->thread, source->arena, request, alignment, zero);
}

void *extended_alloc(size_t request, int flags) {
    size_t alignment = alignment_of(flags);
    unsigned class = sizeclass_of_aligned(request, alignment);
    bool zero = (flags & EXTENDED_ZERO) != 0;
    struct source source;
    if (class != 0 && (flags & ~EXTENDED_ALIGNMENT) == 0) {
        return fast_malloc_class(class);
    }
    if (!find_source(&source, flags)) {
        return NULL;
    }
    if (class == 0) {
        return alloc_large(&source, request, large_alignment(alignment), zero);
    }
    void *object = alloc_small(&source, class);
    return object != NULL && zero ? memset(object, 0, sizeclasses[class].size) : object;
}

size_t extended_usable_for(size_t request, int flags) {
    size_t alignment = alignment_of(flags);
    unsigned class = sizeclass_of_aligned(request, alignment);
    if (class != 0) {
        return sizeclasses[class].size;
    }
    return request > EXTENDED_MAX || alignment > EXTENDED_MAX ? 0 : large_usable_for(request);
}

/* ---- the end of an object ---------------------------------------------------------------------- */

static void free_past_cache(struct thread *thread, void *p, unsigned class) {
    if (class != 0) {
        slow_free_small_uncached(thread, class, p);
    } else {
        slow_free_large_uncached(thread, p, "dallocx");
    }
}

void extended_free(void *p, int flags) {
    unsigned tcache = tcache_of(flags);
    if (tcache == TCACHE_OWN || p == NULL) {
        fast_free_or(p, slow_dallocx);
        return;
    }
    struct thread *thread = thread_enter();
    struct thread *cache = tcache >= TCACHE_FIRST ? tcaches_get(tcache - TCACHE_FIRST) : NULL;
    unsigned class = slab_class_of(p);
    if (class != 0 && cache != NULL && cache->slots[class] != 0 && slow_cache(cache, class, p)) {
        thread_count(thread, 0, sizeclasses[class].size);
    } else {
        free_past_cache(thread, p, class);
    }
}

/* ---- resizing ---------------------------------------------------------------------------------- */

static void zero_behind(void *p, size_t old, size_t now, int flags) {
    if ((flags & EXTENDED_ZERO) != 0 && now > old) {
        memset((char *)p + old, 0, now - old);
    }
}

/* An object that p is and that stays where it is. */
static bool resize_here(void *p, size_t request, size_t alignment) {
    unsigned class = slab_class_of(p);
    unsigned wanted = sizeclass_of_aligned(request, alignment);
    if (class != 0 || wanted != 0) {
        return class == wanted;
    }
    struct large large = large_find(p);
    return large.chunk != NULL && (large_usable_for(request) == large_usable(large) ||
                                   object_resize_large(p, large, request));
}

static bool is_elsewhere(const struct source *source, const void *p) {
    const struct chunk *chunk = chunk_find_at(p);
    return source->strict && (chunk == NULL || arena_of(chunk) != source->arena);
}

/* Whether realloc would give what the flags ask for. */
static bool is_plain(size_t request, int flags) {
    size_t alignment = alignment_of(flags);
    if ((flags & ~EXTENDED_ALIGNMENT) != 0 || alignment > GRANULE_SIZE) {
        return false;
    }
    return request > SIZECLASS_MAX ||
           sizeclass_of_aligned(request, alignment) == sizeclass_of(request);
}

void *extended_resize(void *p, size_t request, int flags) {
    size_t alignment = alignment_of(flags);
    struct source source;
    if (is_plain(request, flags)) {
        return object_resize(p, request, "rallocx");
    }
    size_t old = object_usable(p, "rallocx");
    if (!find_source(&source, flags)) {
        return NULL;
    }
    if (is_aligned(p, flags) && !is_elsewhere(&source, p) && resize_here(p, request, alignment)) {
        zero_behind(p, old, object_usable(p, "rallocx"), flags);
        return p;
    }
    void *object = extended_alloc(request, flags);
    if (object != NULL) {
        memcpy(object, p, old < request ? old : request);
        extended_free(p, flags);
    }
    return object;
}

size_t extended_resize_here(void *p, size_t request, size_t extra, int flags) {
    size_t old = object_usable(p, "xallocx");
    struct large large = large_find(p);
    if (slab_class_of(p) != 0 || large.chunk == NULL || request > EXTENDED_MAX ||
        !is_aligned(p, flags)) {
        return old;
    }
    extra = extra < EXTENDED_MAX - request ? extra : EXTENDED_MAX - request;
    size_t most = request + extra;
    size_t least = request > SIZECLASS_MAX ? request : SIZECLASS_MAX + 1;
    if (most <= SIZECLASS_MAX) {
        return old;
    }
    bool grows = large_round(most) > old;
    if (grows || large_round(most) < old) {
        bool done = object_resize_large(p, large, most);
        if (!done && large_round(least) > old) {
            object_resize_large(p, large, least);
        }
    }
    size_t now = large_usable(large);
    zero_behind(p, old, now, flags);
    return now;
}

/* ---- many at once ------------------------------------------------------------------------------ */

static size_t fill(const struct source *source, unsigned class, void **objects, size_t n) {
    size_t done = 0;
    size_t size = sizeclasses[class].size;
    while (done < n) {
        unsigned want = n - done < UINT16_MAX ? (unsigned)(n - done) : UINT16_MAX;
        unsigned got = arena_fill(source->arena, class, objects + done, want);
        if (got == 0) {
            break;
        }
        done += got;
    }
    atomic_fetch_add_explicit(&source->arena->merged_requests[class], done, memory_order_relaxed);
    thread_count(source->thread, done * size, 0);
    event_tick(source->thread, 1);
    return done;
}

size_t extended_alloc_batch(void **objects, size_t n, size_t request, int flags) {
    size_t alignment = alignment_of(flags);
    unsigned class = sizeclass_of_aligned(request, alignment);
    bool zero = (flags & EXTENDED_ZERO) != 0;
    size_t done = 0;
    struct source source;
    if (!find_source(&source, flags)) {
        return 0;
    }
    if (class != 0) {
        done = fill(&source, class, objects, n);
        for (size_t i = 0; i < done; i++) {
            slow_dress(objects[i], sizeclasses[class].size);
            if (zero) {
                memset(objects[i], 0, sizeclasses[class].size);
            }
        }
        return done;
    }
    for (; done < n; done++) {
        objects[done] = slow_malloc_large_from(source.thread, source.arena, request,
                                               large_alignment(alignment), zero);
        if (objects[done] == NULL) {
            break;
        }
    }
    return done;
}

/*
 * free.c: free when the cache cannot take the object: large objects, full magazines, bad pointers.
 *
 * errno is kept: nothing below changes it (os.h).
 */
#include <string.h>

#include "alloc/fast.h"
#include "alloc/foreign.h"
#include "cache/event.h"
#include "cache/exchange.h"
#include "heap/large.h"
#include "opt/opt.h"

enum { JUNK_FREE_BYTE = 0x5a };

static NOINLINE void free_large(void *p, const char *call) {
    struct thread *thread = thread_enter();
    if (likely(thread != NULL && thread->keeps_large)) {
        size_t usable = large_cache_keep(&thread->large, thread->arena, p);
        if (likely(usable != 0)) {
            thread_count(thread, 0, usable);
            event_tick(thread, 1);
            return;
        }
    }
    slow_free_large_uncached(thread, p, call);
}

void slow_free_large_uncached(struct thread *thread, void *p, const char *call) {
    struct large large = large_find(p);
    if (large.chunk == NULL) {
        if (!foreign_free(p)) {
            large_report(call, p);
        }
        return;
    }
    size_t usable = large_usable(large);
    if (unlikely((opts.junk & JUNK_FREE) != 0)) {
        memset(p, JUNK_FREE_BYTE, usable);
    }
    large_free(large);
    if (thread != NULL) {
        thread_count(thread, 0, usable);
        event_tick(thread, EVENT_LARGE_WEIGHT);
    }
}

/* A thread's cache takes what its arena could hand out: of automatic arenas anything, since they mix. One
 * that is bound to a manual arena takes that arena's alone. */
static bool takes(const struct thread *thread, unsigned byte, const void *p) {
    return byte != MAP_MANUAL ? !thread->strict
                              : thread->strict && arena_of(chunk_find_at(p)) == thread->arena;
}

static NOINLINE void free_small(void *p, unsigned byte) {
    unsigned class = slab_class_of(p);
    struct thread *thread = thread_enter_to_free();
    if (thread == NULL || thread->slots[class] == 0 || !takes(thread, byte, p) ||
        !slow_cache(thread, class, p)) {
        slow_free_small_uncached(thread, class, p);
    }
}

bool slow_cache(struct thread *cache, unsigned class, void *p) {
    unsigned tick = 0;
    if (!cache_push(cache->active, class, p)) {
        if (!exchange_make_room(cache, class, p) || !cache_push(cache->active, class, p)) {
            return false;
        }
        tick = 1;
    }
    thread_count_armed(cache, 0, sizeclasses[class].size);
    event_tick(cache, tick); /* last, since anything may happen here */
    return true;
}

void slow_free_small_uncached(struct thread *thread, unsigned class, void *p) {
    size_t size = sizeclasses[class].size;
    if (unlikely((opts.junk & JUNK_FREE) != 0)) {
        memset(p, JUNK_FREE_BYTE, size);
    }
    if (thread != NULL) {
        thread_count(thread, 0, size);
    }
    arena_drain(class, &p, 1);
    if (thread != NULL) {
        event_tick(thread, 1);
    }
}

static NOINLINE void free_for(void *p, const char *call) {
    unsigned byte = map_class_of(p);
    if (byte != 0) {
        free_small(p, byte);
    } else if (p != NULL) {
        free_large(p, call);
    }
}

void slow_free(void *p) {
    free_for(p, "free");
}

void slow_free_sized(void *p) {
    free_for(p, "free_sized");
}

void slow_free_aligned_sized(void *p) {
    free_for(p, "free_aligned_sized");
}

void slow_realloc_to_zero(void *p) {
    free_for(p, "realloc");
}

void slow_delete(void *p) {
    free_for(p, "operator delete");
}

void slow_dallocx(void *p) {
    free_for(p, "dallocx");
}

void slow_sdallocx(void *p) {
    free_for(p, "sdallocx");
}

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

static NOINLINE void free_large(void *p) {
    struct thread *thread = thread_enter();
    if (likely(thread != NULL && thread->last_cached != 0 &&
               large_cache_keep(&thread->large, thread->arena, p))) {
        return;
    }
    struct large large = large_find(p);
    if (large.chunk == NULL) {
        if (!foreign_free(p)) {
            large_report("free", p);
        }
        return;
    }
    if (unlikely((opts.junk & JUNK_FREE) != 0)) {
        memset(p, JUNK_FREE_BYTE, large_usable(large));
    }
    large_free(large);
    if (thread != NULL) {
        event_tick(thread, EVENT_LARGE_WEIGHT);
    }
}

static NOINLINE void free_small(void *p, unsigned byte) {
    unsigned class = byte & MAP_CLASS_MASK;
    struct thread *thread = thread_enter();
    if (thread != NULL && byte <= thread->last_cached) { /* not those of manual arenas */
        event_tick(thread, 1);
        if (cache_push(&thread->bins[class], p) ||
            (exchange_make_room(thread, class, p) && cache_push(&thread->bins[class], p))) {
            return;
        }
    }
    if (unlikely((opts.junk & JUNK_FREE) != 0)) {
        memset(p, JUNK_FREE_BYTE, sizeclasses[class].size);
    }
    arena_drain(class, &p, 1);
}

NOINLINE void slow_free(void *p) {
    unsigned byte = map_class_of(p);
    if (byte != 0) {
        free_small(p, byte);
    } else if (p != NULL) {
        free_large(p);
    }
}

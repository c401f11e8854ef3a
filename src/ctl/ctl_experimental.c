/*
 * ctl_experimental.c: controls that jemalloc calls experimental.
 */
#include <stdatomic.h>

#include "alloc/extended.h"
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "os/fatal.h"

int ctl_pactivep(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    c->out.pointer = arena != NULL ? (void *)&arena->pages.active_pages : NULL;
    return arena != NULL ? 0 : ENOENT;
}

int ctl_batch_alloc(struct ctl_call *c) {
    if (c->in == NULL) {
        return EINVAL;
    }
    const struct ctl_batch *batch = &c->in->batch;
    c->out.size = extended_alloc_batch(batch->objects, batch->n, batch->request, batch->flags);
    return 0;
}

int ctl_safety_check_abort(struct ctl_call *c) {
    atomic_store_explicit(&fatal_hook, c->in->hook, memory_order_release);
    return 0;
}

/*
 * ctl_experimental.c: controls that jemalloc calls experimental.
 */
#include <stdatomic.h>
#include <string.h>

#include "alloc/extended.h"
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "heap/utilization.h"
#include "os/fatal.h"

int ctl_utilization(struct ctl_call *c) {
    const void *p;
    struct utilization of;
    if (c->oldp == NULL || c->oldlenp == NULL || *c->oldlenp != sizeof(of) || c->newp == NULL ||
        c->newlen != sizeof(p)) {
        return EINVAL;
    }
    memcpy(&p, c->newp, sizeof(p));
    of = utilization_of(p);
    memcpy(c->oldp, &of, sizeof(of));
    return 0;
}

/* What the batch has of each object. */
struct slab_utilization {
    size_t nfree;
    size_t nslots;
    size_t bytes;
};

int ctl_utilization_batch(struct ctl_call *c) {
    size_t n = c->newlen / sizeof(void *);
    if (c->oldp == NULL || c->oldlenp == NULL || c->newp == NULL || n == 0 ||
        c->newlen % sizeof(void *) != 0 || *c->oldlenp != n * sizeof(struct slab_utilization)) {
        return EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        const void *p;
        memcpy(&p, (const char *)c->newp + i * sizeof(p), sizeof(p));
        struct utilization of = utilization_of(p);
        struct slab_utilization answer = {of.nfree, of.nslots, of.bytes};
        memcpy((char *)c->oldp + i * sizeof(answer), &answer, sizeof(answer));
    }
    return 0;
}

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

int ctl_thread_event(struct ctl_call *c) {
    const struct ctl_thread_event *event = &c->in->event;
    return thread_event_add(event->call, event->interval, event->is_alloc_only) ? 0 : EINVAL;
}

int ctl_safety_check_abort(struct ctl_call *c) {
    atomic_store_explicit(&fatal_hook, c->in->hook, memory_order_release);
    return 0;
}

/*
 * ctl_thread.c: controls of the calling thread, and of caches that a program makes itself.
 *
 * Nothing of a thread whose end began can be changed, nor of one in an extent hook: EFAULT.
 */
#include "cache/tcaches.h"
#include "cache/thread_control.h"
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"

/* 0 when it was done. */
static int unless(bool done) {
    return done ? 0 : EFAULT;
}

/* A thread that follows its CPU would leave the arena soon. From a manual one it may go back to that. */
static bool may_choose(const struct thread *thread, unsigned i) {
    return opts.percpu_arena == PERCPU_OFF || i >= arenas_limit() ||
           (thread->arena != NULL && arena_is_manual(thread->arena));
}

int ctl_thread_arena(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    c->out.u = thread->arena != NULL ? thread->arena->index : 0;
    if (c->in == NULL) {
        return 0;
    }
    if (!may_choose(thread, c->in->u)) {
        return EPERM;
    }
    struct arena *arena = arenas_auto(c->in->u);
    arena = arena != NULL ? arena : arenas_get(c->in->u);
    return unless(arena != NULL && thread_bind(thread, arena));
}

int ctl_thread_allocated(struct ctl_call *c) {
    c->out.u64 = thread_allocated(thread_enter());
    return 0;
}

int ctl_thread_deallocated(struct ctl_call *c) {
    c->out.u64 = thread_deallocated(thread_enter());
    return 0;
}

int ctl_thread_allocatedp(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    c->out.pointer = &thread->allocated;
    return unless(thread_arm(thread));
}

int ctl_thread_deallocatedp(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    c->out.pointer = &thread->deallocated;
    return unless(thread_arm(thread));
}

int ctl_thread_peak_read(struct ctl_call *c) {
    c->out.u64 = thread_read_peak(thread_enter());
    return 0;
}

int ctl_thread_peak_reset(struct ctl_call *c) {
    (void)c;
    thread_reset_peak(thread_enter());
    return 0;
}

int ctl_thread_idle(struct ctl_call *c) {
    (void)c;
    thread_idle(thread_enter());
    return 0;
}

/* ---- its cache --------------------------------------------------------------------------------- */

int ctl_thread_tcache_enabled(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    c->out.b = thread->caching;
    return c->in == NULL ? 0 : unless(thread_set_caching(thread, c->in->b));
}

int ctl_thread_tcache_max(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    c->out.size = thread_cache_max(thread);
    return c->in == NULL ? 0 : unless(thread_set_cache_max(thread, c->in->size));
}

int ctl_thread_tcache_flush(struct ctl_call *c) {
    (void)c;
    struct thread *thread = thread_enter();
    if (!thread->caching) {
        return EFAULT;
    }
    thread_flush_home(thread);
    return 0;
}

int ctl_thread_ncached_max(struct ctl_call *c) {
    if (c->in == NULL || c->in->size > SIZECLASS_MAX) {
        return EINVAL;
    }
    c->out.size = thread_ncached_max(thread_enter(), sizeclass_of(c->in->size));
    return 0;
}

int ctl_thread_set_ncached_max(struct ctl_call *c) {
    struct thread *thread = thread_enter();
    if (!thread->caching) {
        return ENOENT;
    }
    return c->in->text != NULL && thread_set_ncached_max(thread, c->in->text) ? 0 : EINVAL;
}

/* ---- caches with numbers ----------------------------------------------------------------------- */

int ctl_tcache_create(struct ctl_call *c) {
    return unless(tcaches_create(&c->out.u));
}

int ctl_tcache_flush(struct ctl_call *c) {
    return unless(tcaches_flush(c->in->u));
}

int ctl_tcache_destroy(struct ctl_call *c) {
    return unless(tcaches_destroy(c->in->u));
}

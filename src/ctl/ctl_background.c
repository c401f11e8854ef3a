/*
 * ctl_background.c: controls of the helper threads that give memory back.
 *
 * Not under ctl_lock: stopping waits for helpers, which may be in a hook that uses controls.
 */
#include "cache/background.h"
#include "ctl/ctl_internal.h"

int ctl_background_thread(struct ctl_call *c) {
    c->out.b = background_enabled();
    return c->in == NULL || background_set(c->in->b) ? 0 : EFAULT;
}

int ctl_max_background_threads(struct ctl_call *c) {
    c->out.size = background_max();
    return c->in == NULL || background_set_max(c->in->size) ? 0 : EINVAL;
}

int ctl_background_nthreads(struct ctl_call *c) {
    c->out.size = background_read().nthreads;
    return 0;
}

int ctl_background_nruns(struct ctl_call *c) {
    c->out.u64 = background_read().nruns;
    return 0;
}

int ctl_background_interval(struct ctl_call *c) {
    c->out.u64 = background_read().run_interval_ns;
    return 0;
}

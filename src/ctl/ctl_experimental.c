/*
 * ctl_experimental.c: controls that jemalloc calls experimental.
 */
#include <stdatomic.h>

#include "ctl/ctl_internal.h"
#include "os/fatal.h"

int ctl_safety_check_abort(struct ctl_call *c) {
    atomic_store_explicit(&fatal_hook, c->in->hook, memory_order_release);
    return 0;
}

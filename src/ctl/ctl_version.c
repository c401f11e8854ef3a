/*
 * ctl_version.c: the control `version`, apart because the public header has other types by the names of
 * ours.
 */
#include <jemalloc/jemalloc.h>

#include "ctl/ctl_internal.h"

int ctl_version(struct ctl_call *c) {
    c->out.text = JEMALLOC_VERSION;
    return 0;
}

/*
 * ctl_stats.c: controls that show numbers, those of the last snapshot and those of this moment.
 */
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"

int ctl_active(struct ctl_call *c) {
    for (unsigned i = 0; i < arenas_count(); i++) {
        c->out.size += gauge_read(&arenas_get(i)->pages.nactive) << LG_GRANULE;
    }
    return 0;
}

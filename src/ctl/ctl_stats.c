/*
 * ctl_stats.c: controls that show numbers, those of the last snapshot and those of this moment.
 */
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"

int ctl_active(struct ctl_call *c) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        c->out.size += gauge_read(&arena->pages.nactive) << LG_GRANULE;
    }
    return 0;
}

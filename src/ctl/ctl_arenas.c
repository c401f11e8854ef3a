/*
 * ctl_arenas.c: controls of arenas: what sizes there are, creating, changing and ending one.
 */
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "heap/sizeclass.h"
#include "pages/lextent.h"

unsigned ctl_arenas_end(void) {
    unsigned limit = arenas_limit();
    unsigned count = arenas_count();
    return limit > count ? limit : count;
}

int ctl_narenas(struct ctl_call *c) {
    c->out.u = ctl_arenas_end();
    return 0;
}

int ctl_page(struct ctl_call *c) {
    c->out.size = purge_page_size;
    return 0;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

int ctl_tcache_max(struct ctl_call *c) {
    c->out.size = sizeclasses[sizeclass_of(opts.tcache_max)].size;
    return 0;
}

int ctl_nhbins(struct ctl_call *c) {
    c->out.u = sizeclass_of(opts.tcache_max);
    return 0;
}

/* Class 0 is no class, so bin i is class i + 1. */
static const struct sizeclass *class_of(const struct ctl_call *c) {
    return &sizeclasses[c->index + 1];
}

int ctl_bin_size(struct ctl_call *c) {
    c->out.size = class_of(c)->size;
    return 0;
}

int ctl_bin_nregs(struct ctl_call *c) {
    c->out.u32 = class_of(c)->nslots;
    return 0;
}

int ctl_bin_slab_size(struct ctl_call *c) {
    c->out.size = (size_t)class_of(c)->slab_granules << LG_GRANULE;
    return 0;
}

int ctl_lextent_size(struct ctl_call *c) {
    c->out.size = lextent_size(c->index);
    return 0;
}

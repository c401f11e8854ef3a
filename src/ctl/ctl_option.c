/*
 * ctl_option.c: controls that show what was fixed when the library was built or started: the version,
 * config.* and opt.*.
 */
#include <string.h>

#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "os/os.h"
#include "pages/hooks.h" /* <jemalloc/jemalloc.h> */

int ctl_version(struct ctl_call *c) {
    c->out.text = JEMALLOC_VERSION;
    return 0;
}

int ctl_constant(struct ctl_call *c) {
    c->out.u64 = c->row->offset;
    return 0;
}

int ctl_config_debug(struct ctl_call *c) {
    c->out.b = config_debug;
    return 0;
}

int ctl_config_malloc_conf(struct ctl_call *c) {
    c->out.text = ASHLAR_BUILD_MALLOC_CONF;
    return 0;
}

int ctl_option_source(struct ctl_call *c) {
    c->out.text = opt_source_texts[c->row->offset];
    return c->out.text != NULL ? 0 : ENOENT;
}

static void put_number(union ctl_value *out, enum ctl_type type, int64_t value) {
    switch (ctl_types[type].out) {
    case sizeof(bool):
        out->b = value != 0;
        break;
    case sizeof(uint32_t):
        out->u32 = (uint32_t)value;
        break;
    default:
        out->i64 = value;
        break;
    }
}

/* There may be no huge pages. The number of arenas is computed from the CPUs unless it was given.
 * background_thread has a third value, which does not start a thread by itself. */
int ctl_option(struct ctl_call *c) {
    const struct opt_row *row = c->option;
    enum ctl_type type = ctl_option_type(row);
    if ((row->flags & OPT_NOT_BUILT) != 0) {
        return ENOENT;
    }
    if (row->offset == offsetof(struct opts, thp) &&
        strcmp(os_huge_page_mode(), "not supported") == 0) {
        c->out.text = "not supported";
    } else if (row->offset == offsetof(struct opts, narenas)) {
        c->out.u = arenas_limit();
    } else if (row->offset == offsetof(struct opts, background_thread)) {
        c->out.b = opts.background_thread == BACKGROUND_TRUE;
    } else if (type == CTL_STRING) {
        c->out.text = opt_string(&opts, row);
    } else {
        put_number(&c->out, type, opt_number(&opts, row));
    }
    return 0;
}

/*
 * ctl_option.c: controls that show what was fixed when the library was built or started: config.*
 * and opt.*.
 */
#include <string.h>

#include "ctl/ctl_internal.h"
#include "heap/arenas.h"

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

static const char *word_of(const struct opt_row *row, unsigned value) {
    for (const struct opt_word *word = row->words; word->text != NULL; word++) {
        if (word->value == value) {
            return word->text;
        }
    }
    return "";
}

/* The number of arenas is computed from the CPUs unless it was given; background_thread has a third
 * value, which does not start a thread by itself. */
int ctl_option(struct ctl_call *c) {
    const struct opt_row *row = c->option;
    const char *field = (const char *)&opts + row->offset;
    enum ctl_type type = ctl_option_type(row);
    if (row->offset == offsetof(struct opts, narenas)) {
        c->out.u = arenas_limit();
    } else if (row->offset == offsetof(struct opts, background_thread)) {
        c->out.b = opts.background_thread == BACKGROUND_TRUE;
    } else if (type == CTL_STRING) {
        c->out.text = word_of(row, *(const unsigned *)(const void *)field);
    } else {
        memcpy(&c->out, field, ctl_types[type].out);
    }
    return 0;
}

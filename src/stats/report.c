/*
 * report.c: totals, then a table of the classes in use.
 */
#include "stats/report.h"

#include "base/fmt.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "stats/totals.h"

enum { LINE = 256, NAME_WIDTH = 24 };

static void line_total(const char *name, size_t bytes, const char *meaning) {
    char text[LINE];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_str(&out, "  ");
    fmt_str(&out, name);
    fmt_pad(&out, 12);
    size_t start = out.length;
    fmt_u64(&out, bytes);
    fmt_right(&out, start, 16);
    start = out.length;
    fmt_size(&out, bytes);
    fmt_right(&out, start, 12);
    fmt_str(&out, "  ");
    fmt_str(&out, meaning);
    fmt_str(&out, "\n");
    message_write(text);
}

static void column(struct fmt *out, uint64_t value, size_t width) {
    size_t start = out->length;
    fmt_u64(out, value);
    fmt_right(out, start, width);
}

static void write_totals(const struct totals *now) {
    line_total("allocated", now->allocated, "in the program's hands");
    line_total("cached", now->cached_bytes + now->large_cached,
               "free memory kept by threads and depots");
    line_total("active", now->active, "in slabs and large objects");
    line_total("dirty", now->dirty, "unused, not yet given back");
    line_total("muzzy", now->muzzy, "unused, the system may take it");
    line_total("metadata", now->metadata, "the allocator's own data");
    line_total("resident", now->resident, "active + dirty + metadata");
    line_total("retained", now->retained, "address space without memory");
    line_total("purged", now->purged, "given back since the start");
    char text[LINE];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_str(&out, "  arenas: ");
    fmt_u64(&out, now->narenas);
    fmt_str(&out, ", threads: ");
    fmt_u64(&out, now->nthreads);
    fmt_str(&out, ", purge sweeps: ");
    fmt_u64(&out, now->sweeps);
    fmt_str(&out, " in ");
    fmt_u64(&out, now->purge_calls);
    fmt_str(&out, " calls\n  large: ");
    fmt_u64(&out, now->large_live);
    fmt_str(&out, " objects of ");
    fmt_u64(&out, now->large_bytes);
    fmt_str(&out, " bytes; allocated ");
    fmt_u64(&out, now->large_nmalloc);
    fmt_str(&out, " times, freed ");
    fmt_u64(&out, now->large_ndalloc);
    fmt_str(&out, " times\n");
    message_write(text);
}

static void write_class(const struct class_totals *of, unsigned class) {
    char text[LINE];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    column(&out, sizeclasses[class].size, 8);
    column(&out, of->nrequests, 14);
    column(&out, of->live, 12);
    column(&out, of->cached, 10);
    column(&out, of->nslabs, 8);
    uint64_t slots = (uint64_t)of->nslabs * sizeclasses[class].nslots;
    column(&out, slots == 0 ? 0 : of->live * 100 / slots, 8);
    column(&out, of->nfills, 12);
    column(&out, of->nflushes, 12);
    fmt_str(&out, "\n");
    message_write(text);
}

static void write_options(void) {
    message_write("options that differ from their defaults:");
    struct opts defaults;
    opts_set_defaults(&defaults);
    bool any = false;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        if ((row->flags & (OPT_ACTION | OPT_OTHER_NAME)) != 0) {
            continue;
        }
        char value[LINE];
        char usual[LINE];
        struct fmt out;
        fmt_init(&out, value, sizeof(value));
        opt_write(&out, row, &opts);
        size_t length = out.length;
        fmt_init(&out, usual, sizeof(usual));
        opt_write(&out, row, &defaults);
        bool same = length == out.length;
        for (size_t at = 0; same && at < length; at++) {
            same = value[at] == usual[at];
        }
        if (!same) {
            char text[2 * LINE];
            fmt_init(&out, text, sizeof(text));
            fmt_str(&out, " ");
            fmt_str(&out, row->name);
            fmt_str(&out, ":");
            fmt_str(&out, value);
            message_write(text);
            any = true;
        }
    }
    message_write(any ? "\n" : " none\n");
}

void report_write(void) {
    struct totals now;
    totals_take(&now);
    message_write("___ Begin ashlar statistics ___\nversion: " ASHLAR_VERSION "\n");
    write_options();
    message_write("bytes:\n");
    write_totals(&now);
    message_write("classes:\n    size      requests        live    cached   slabs  util %"
                  "       fills     flushes\n");
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (now.classes[class].nmalloc != 0) {
            write_class(&now.classes[class], class);
        }
    }
    message_write("--- End ashlar statistics ---\n");
}

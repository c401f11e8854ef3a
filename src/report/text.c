/*
 * text.c: the statistics for people, in the sections, under the labels and in the columns that readers
 * of jemalloc's report know.
 *
 * Tables skip rows of sizes that were never used; a line of dashes stands for each series of them.
 */
#include "report/report.h"

#include <string.h>

#include "base/compiler.h"
#include "opt/opt.h"
#include "os/os.h"

enum { LABEL = 21, WIDE = 16, COUNT = 13, SIZE = 20, INDEX = 4, NAME = 40, NS_PER_S = 1000000000 };

/* One number per row of a table; with `rate`, how many there were each second follows. */
struct column {
    char control[24];
    uint8_t width;
    uint8_t rate;
    char title[16]; /* empty: the control's name */
};

static const struct column mutex_columns[] = {
    {"num_ops", 16, 8, "n_lock_ops"},
    {"num_wait", 16, 8, "n_waiting"},
    {"num_spin_acq", 16, 8, "n_spin_acq"},
    {"num_owner_switch", 16, 8, "n_owner_switch"},
    {"total_wait_time", 16, 10, "total_wait_ns"},
    {"max_wait_time", 16, 0, "max_wait_ns"},
    {"max_num_thds", 12, 0, "max_n_thds"},
};
static const struct column object_columns[] = {
    {"allocated", 16, 0, ""},  {"nmalloc", 16, 10, ""},     {"ndalloc", 16, 10, ""},
    {"nrequests", 16, 10, ""}, {"nfills", 16, 10, "nfill"}, {"nflushes", 16, 10, "nflush"},
};
static const struct column bin_requests[] = {
    {"nmalloc", 13, 8, ""},
    {"ndalloc", 13, 8, ""},
    {"nrequests", 13, 10, ""},
};
static const struct column bin_state[] = {
    {"curregs", 13, 0, ""},
    {"curslabs", 13, 0, ""},
    {"nonfull_slabs", 15, 0, ""},
};
static const struct column bin_moves[] = {
    {"nfills", 13, 8, ""},
    {"nflushes", 13, 8, ""},
    {"nslabs", 13, 0, ""},
    {"nreslabs", 13, 8, ""},
};
static const struct column large_columns[] = {
    {"nmalloc", 13, 8, ""},
    {"ndalloc", 13, 8, ""},
    {"nrequests", 13, 8, ""},
    {"curlextents", 13, 0, ""},
};
static const struct column extent_columns[] = {
    {"ndirty", 13, 0, ""},    {"dirty_bytes", 13, 0, "dirty"},
    {"nmuzzy", 13, 0, ""},    {"muzzy_bytes", 13, 0, "muzzy"},
    {"nretained", 13, 0, ""}, {"retained_bytes", 13, 0, "retained"},
    {"npinned", 13, 0, ""},   {"pinned_bytes", 13, 0, "pinned"},
};
static const struct column slab_columns[] = {
    {"npageslabs_huge", 16, 0, ""},   {"nactive_huge", 16, 0, ""},
    {"ndirty_huge", 16, 0, ""},       {"npageslabs_nonhuge", 20, 0, ""},
    {"nactive_nonhuge", 20, 0, ""},   {"ndirty_nonhuge", 20, 0, ""},
    {"nretained_nonhuge", 20, 0, ""},
};
static const struct column run_columns[] = {
    {"min_extents", 16, 0, ""},
    {"max_extents", 16, 0, ""},
    {"extents", 16, 0, ""},
    {"ps", 16, 0, ""},
    {"pages_per_ps", 16, 0, ""},
    {"extents_per_ps", 16, 0, ""},
    {"total_elapsed_ns_per_ps", 26, 0, ""},
};

struct text {
    struct writer *w;
    struct path path; /* what the controls of columns are below */
    uint64_t seconds; /* the arena's age */
    bool locks;       /* bins show theirs */
    bool gap;         /* rows were skipped */
};

/* ---- pieces ------------------------------------------------------------------------------------- */

static void quoted(struct writer *w, const struct ctl_answer *answer) {
    const char *quote = answer->kind == CTL_ANSWER_TEXT ? "\"" : "";
    writer_text(w, quote);
    writer_answer(w, answer);
    writer_text(w, quote);
}

/* `before`, the value of a control, `after`; nothing if there is no such control. */
static void valued(struct writer *w, const char *before, const char *control, const char *after) {
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, control);
    if (path_read(&path, &answer)) {
        writer_text(w, before);
        quoted(w, &answer);
        writer_text(w, after);
    }
}

/* `before` and a number below the path. */
static void named(struct text *t, const char *before, const char *control) {
    writer_text(t->w, before);
    writer_u64(t->w, path_u64(&t->path, control));
}

/* The next word of a list, as text. */
static bool next_name(const char **list, char name[NAME]) {
    struct word word;
    struct fmt out;
    fmt_init(&out, name, NAME);
    if (!word_next(list, &word)) {
        return false;
    }
    fmt_strn(&out, word.key, word.key_length);
    return true;
}

static void titles(struct writer *w, const struct column *columns, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        const char *title = columns[i].title;
        writer_right(w, *title != '\0' ? title : columns[i].control, columns[i].width);
        if (columns[i].rate != 0) {
            writer_right(w, "(#/sec)", columns[i].rate);
        }
    }
}

static void cell(struct text *t, const struct column *column, uint64_t value) {
    writer_right_u64(t->w, value, column->width);
    if (column->rate != 0) {
        writer_right_u64(t->w, t->seconds == 0 ? value : value / t->seconds, column->rate);
    }
}

static void cells(struct text *t, const struct column *columns, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        cell(t, &columns[i], path_u64(&t->path, columns[i].control));
    }
}

#define TITLES(w, columns) titles(w, columns, ARRAY_LEN(columns))
#define CELLS(t, columns) cells(t, columns, ARRAY_LEN(columns))

/* A row of sizes that is not shown, or that is. */
static bool skip_row(struct text *t, bool unused) {
    if (!unused && t->gap) {
        writer_text(t->w, "                     ---\n");
    }
    t->gap = unused;
    return unused;
}

typedef void row_function(struct text *t, unsigned i);

/* A row, or none, for each of path.control.<0 .. n - 1>. */
static void rows(struct text *t, const char *control, uint64_t n, row_function *row) {
    size_t before = path_add(&t->path, control);
    for (unsigned i = 0; i < n; i++) {
        size_t inner = path_add_index(&t->path, i);
        row(t, i);
        path_cut(&t->path, inner);
    }
    skip_row(t, false);
    path_cut(&t->path, before);
}

/* The first columns of a row. */
static void class_columns(struct text *t, uint64_t size, uint64_t index) {
    writer_right_u64(t->w, size, SIZE);
    writer_right_u64(t->w, index, INDEX);
}

/* A number that says what class i of a table is. */
static uint64_t of_class(const char *table, unsigned i, const char *field) {
    struct path path;
    path_begin(&path, table);
    path_add_index(&path, i);
    return path_u64(&path, field);
}

/* ---- what is fixed ------------------------------------------------------------------------------ */

static void option(struct writer *w, const char *name) {
    static const char changing[][2][24] = {
        {"background_thread", "background_thread"},
        {"dirty_decay_ms", "arenas.dirty_decay_ms"},
        {"muzzy_decay_ms", "arenas.muzzy_decay_ms"},
        {"prof_active", "prof.active"},
        {"prof_thread_active_init", "prof.thread_active_init"},
        {"lg_prof_sample", "prof.lg_sample"},
    };
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, "opt");
    path_add(&path, name);
    if (!path_read(&path, &answer)) {
        return;
    }
    writer_text(w, "  ");
    writer_text(w, path.text);
    writer_text(w, ": ");
    quoted(w, &answer);
    for (unsigned i = 0; i < ARRAY_LEN(changing); i++) {
        if (strcmp(name, changing[i][0]) == 0) {
            char before[NAME];
            struct fmt out;
            fmt_init(&out, before, sizeof(before));
            fmt_str(&out, " (");
            fmt_str(&out, changing[i][1]);
            fmt_str(&out, ": ");
            valued(w, before, changing[i][1], ")");
        }
    }
    writer_text(w, "\n");
}

static void options(struct writer *w) {
    valued(w, "  Global variable malloc_conf: ", "opt.malloc_conf.global_var", "\n");
    valued(w, "  Symbolic link malloc.conf: ", "opt.malloc_conf.symlink", "\n");
    valued(w, "  Environment variable MALLOC_CONF: ", "opt.malloc_conf.env_var", "\n");
    valued(w, "  Global variable malloc_conf_2_conf_harder: ",
           "opt.malloc_conf.global_var_2_conf_harder", "\n");
    const char *names = report_options;
    char name[NAME];
    while (next_name(&names, name)) {
        option(w, name);
    }
    for (size_t i = 0; i < opt_nrows; i++) {
        if ((opt_rows[i].flags & OPT_OURS) != 0) {
            option(w, opt_rows[i].name);
        }
    }
}

static void lines(struct writer *w, const char *prefix, const char *names) {
    char name[NAME];
    while (next_name(&names, name)) {
        struct path path;
        char before[NAME];
        struct fmt out;
        path_begin(&path, prefix);
        path_add(&path, name);
        fmt_init(&out, before, sizeof(before));
        fmt_str(&out, "  ");
        fmt_str(&out, path.text);
        fmt_str(&out, ": ");
        valued(w, before, path.text, "\n");
    }
}

static void general(struct writer *w) {
    valued(w, "Version: ", "version", "\n");
    writer_text(w, "Build-time option settings\n");
    lines(w, "config", report_config);
    writer_text(w, "System configuration\n  system.thp_mode: \"");
    writer_text(w, os_huge_page_mode());
    writer_text(w, "\"\nRun-time option settings\n");
    options(w);
    if (report_number("config.prof") != 0) {
        writer_text(w, "Profiling settings\n");
        lines(w, "prof", report_prof);
    }
    valued(w, "Arenas: ", "arenas.narenas", "\n");
    valued(w, "Quantum size: ", "arenas.quantum", "\n");
    valued(w, "Page size: ", "arenas.page", "\n");
    valued(w, "Hugepage size: ", "arenas.hugepage", "\n");
    valued(w, "Maximum thread-cached size class: ", "arenas.tcache_max", "\n");
    valued(w, "Number of bin size classes: ", "arenas.nbins", "\n");
    valued(w, "Number of thread-cache bin size classes: ", "arenas.nhbins", "\n");
    valued(w, "Number of large size classes: ", "arenas.nlextents", "\n");
}

/* ---- the process -------------------------------------------------------------------------------- */

static void mutexes(struct text *t, const char *names) {
    char name[NAME];
    struct ctl_answer answer;
    size_t before = path_add(&t->path, "mutexes");
    writer_left(t->w, "", LABEL);
    TITLES(t->w, mutex_columns);
    writer_text(t->w, "\n");
    while (next_name(&names, name)) {
        size_t lock = path_add(&t->path, name);
        if (path_ask(&t->path, "num_ops", &answer)) {
            writer_left(t->w, name, LABEL);
            CELLS(t, mutex_columns);
            writer_text(t->w, "\n");
        }
        path_cut(&t->path, lock);
    }
    path_cut(&t->path, before);
}

static void process(struct writer *w, const struct report_parts *parts) {
    struct text t = {.w = w, .seconds = report_number("stats.arenas.0.uptime") / NS_PER_S};
    path_begin(&t.path, "stats");
    named(&t, "Allocated: ", "allocated");
    named(&t, ", active: ", "active");
    named(&t, ", metadata: ", "metadata");
    named(&t, " (n_thp ", "metadata_thp");
    named(&t, ", edata ", "metadata_edata");
    named(&t, ", rtree ", "metadata_rtree");
    named(&t, "), resident: ", "resident");
    named(&t, ", mapped: ", "mapped");
    named(&t, ", retained: ", "retained");
    named(&t, ", pinned: ", "pinned");
    named(&t, "\nCount of realloc(non-null-ptr, 0) calls: ", "zero_reallocs");
    named(&t, "\nBackground threads: ", "background_thread.num_threads");
    named(&t, ", num_runs: ", "background_thread.num_runs");
    named(&t, ", run_interval: ", "background_thread.run_interval");
    writer_text(w, " ns\n");
    valued(w, "Given back inside slabs: ", "ashlar.stats.absent", "\n");
    if (parts->hpa) {
        valued(w, "Backed by huge pages: ", "ashlar.live.huge_bytes", "\n");
    }
    if (parts->mutexes) {
        mutexes(&t, report_mutexes);
    }
}

/* ---- an arena ----------------------------------------------------------------------------------- */

static void decay_row(struct text *t, const char *name, const char *const controls[5]) {
    struct ctl_answer answer;
    writer_right(t->w, name, 9);
    if (path_ask(&t->path, controls[0], &answer) && answer.i64 >= 0) {
        writer_right_u64(t->w, (uint64_t)answer.i64, 6);
    } else {
        writer_right(t->w, "N/A", 6);
    }
    for (unsigned i = 1; i < 5; i++) {
        writer_right_u64(t->w, path_u64(&t->path, controls[i]), COUNT);
    }
    writer_text(t->w, "\n");
}

static void decays(struct text *t) {
    static const char *const dirty[] = {"dirty_decay_ms", "pdirty", "dirty_npurge",
                                        "dirty_nmadvise", "dirty_purged"};
    static const char *const muzzy[] = {"muzzy_decay_ms", "pmuzzy", "muzzy_npurge",
                                        "muzzy_nmadvise", "muzzy_purged"};
    writer_text(t->w, "decaying:  time       npages       sweeps     madvises       purged\n");
    decay_row(t, "dirty:", dirty);
    decay_row(t, "muzzy:", muzzy);
}

static uint64_t objects_of(struct text *t, const char *part, const char *control) {
    size_t before = path_add(&t->path, part);
    uint64_t value = path_u64(&t->path, control);
    path_cut(&t->path, before);
    return value;
}

static void objects(struct text *t) {
    static const char rows[][8] = {"small:", "large:", "total:"};
    writer_left(t->w, "", LABEL);
    TITLES(t->w, object_columns);
    writer_text(t->w, "\n");
    for (unsigned row = 0; row < ARRAY_LEN(rows); row++) {
        writer_left(t->w, rows[row], LABEL);
        for (unsigned i = 0; i < ARRAY_LEN(object_columns); i++) {
            const struct column *column = &object_columns[i];
            uint64_t small = objects_of(t, "small", column->control);
            uint64_t large = objects_of(t, "large", column->control);
            cell(t, column, row == 0 ? small : row == 1 ? large : small + large);
        }
        writer_text(t->w, "\n");
    }
    writer_text(t->w, "\n");
}

static void one_value_row(struct text *t, const char *name, uint64_t value) {
    char label[NAME];
    struct fmt out;
    fmt_init(&out, label, sizeof(label));
    fmt_str(&out, name);
    fmt_char(&out, ':');
    writer_left(t->w, label, LABEL);
    writer_right_u64(t->w, value, WIDE);
    writer_text(t->w, "\n");
}

static void one_value_rows(struct text *t) {
    one_value_row(t, "active", path_u64(&t->path, "pactive") * report_number("arenas.page"));
    const char *names = report_arena_bytes;
    char name[NAME];
    while (next_name(&names, name)) {
        one_value_row(t, name, path_u64(&t->path, name));
    }
}

/* How full slabs are, cut off after three decimals. */
static void utilization(struct writer *w, uint64_t regs, uint64_t room) {
    char text[NAME];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    if (room == 0 || regs == room) {
        fmt_str(&out, "1");
    } else if (regs > room) {
        fmt_str(&out, " race");
    } else {
        fmt_fixed(&out, regs * 1000 / room, 3);
    }
    writer_right(w, text, 7);
}

static void bin_row(struct text *t, unsigned i) {
    if (skip_row(t, path_u64(&t->path, "nslabs") == 0)) {
        return;
    }
    uint64_t size = of_class("arenas.bin", i, "size");
    uint64_t nregs = of_class("arenas.bin", i, "nregs");
    uint64_t pages = of_class("arenas.bin", i, "slab_size") / report_number("arenas.page");
    uint64_t curregs = path_u64(&t->path, "curregs");
    class_columns(t, size, i);
    writer_right_u64(t->w, curregs * size, COUNT);
    CELLS(t, bin_requests);
    writer_right_u64(t->w, of_class("arenas.bin", i, "nshards"), 9);
    CELLS(t, bin_state);
    writer_right_u64(t->w, nregs, 5);
    writer_right_u64(t->w, pages, 4);
    utilization(t->w, curregs, nregs * path_u64(&t->path, "curslabs"));
    CELLS(t, bin_moves);
    if (t->locks) {
        size_t lock = path_add(&t->path, "mutex");
        CELLS(t, mutex_columns);
        path_cut(&t->path, lock);
    }
    writer_text(t->w, "\n");
}

static void bins(struct text *t) {
    writer_text(t->w, "bins:           size ind    allocated");
    TITLES(t->w, bin_requests);
    writer_text(t->w, "  nshards");
    TITLES(t->w, bin_state);
    writer_text(t->w, " regs pgs   util");
    TITLES(t->w, bin_moves);
    if (t->locks) {
        TITLES(t->w, mutex_columns);
    }
    writer_text(t->w, "\n");
    rows(t, "bins", report_number("arenas.nbins"), bin_row);
}

static void large_row(struct text *t, unsigned i) {
    if (skip_row(t, path_u64(&t->path, "nmalloc") == 0)) {
        return;
    }
    uint64_t size = of_class("arenas.lextent", i, "size");
    class_columns(t, size, report_number("arenas.nbins") + i);
    writer_right_u64(t->w, size * path_u64(&t->path, "curlextents"), COUNT);
    CELLS(t, large_columns);
    writer_text(t->w, "\n");
}

static void large(struct text *t) {
    writer_text(t->w, "large:          size ind    allocated");
    TITLES(t->w, large_columns);
    writer_text(t->w, "\n");
    rows(t, "lextents", report_number("arenas.nlextents"), large_row);
}

static void extent_row(struct text *t, unsigned i) {
    uint64_t sums[2] = {0};
    for (unsigned column = 0; column < ARRAY_LEN(extent_columns); column++) {
        sums[column % 2] += path_u64(&t->path, extent_columns[column].control);
    }
    if (skip_row(t, sums[0] == 0)) {
        return;
    }
    class_columns(t, detail_page_class_size(i), i);
    CELLS(t, extent_columns);
    writer_right_u64(t->w, sums[0], COUNT);
    writer_right_u64(t->w, sums[1], COUNT);
    writer_text(t->w, "\n");
}

static void extents(struct text *t) {
    writer_text(t->w, "extents:        size ind");
    TITLES(t->w, extent_columns);
    writer_text(t->w, "       ntotal        total\n");
    rows(t, "extents", NPAGE_CLASSES, extent_row);
}

/* ---- chunks: jemalloc's huge-page allocator ------------------------------------------------------ */

static void per_second(struct text *t, const char *before, const char *control) {
    uint64_t value = path_u64(&t->path, control);
    writer_text(t->w, before);
    writer_u64(t->w, value);
    writer_text(t->w, " (");
    writer_u64(t->w, t->seconds == 0 ? value : value / t->seconds);
    writer_text(t->w, " / sec)\n");
}

static void slabs(struct text *t, const char *title, const char *control) {
    size_t before = path_add(&t->path, control);
    writer_text(t->w, title);
    named(t, "      npageslabs: ", "npageslabs_huge");
    named(t, " huge, ", "npageslabs_nonhuge");
    named(t, " nonhuge\n      nactive: ", "nactive_huge");
    named(t, " huge, ", "nactive_nonhuge");
    named(t, " nonhuge\n      ndirty: ", "ndirty_huge");
    named(t, " huge, ", "ndirty_nonhuge");
    named(t, " nonhuge\n      nretained: 0 huge, ", "nretained_nonhuge");
    writer_text(t->w, " nonhuge\n");
    path_cut(&t->path, before);
}

static void nonfull_row(struct text *t, unsigned i) {
    uint64_t n = path_u64(&t->path, "npageslabs_huge");
    if (!skip_row(t, n + path_u64(&t->path, "npageslabs_nonhuge") == 0)) {
        class_columns(t, detail_page_class_size(i), i);
        CELLS(t, slab_columns);
        writer_text(t->w, "\n");
    }
}

static void nonfull_slabs(struct text *t) {
    writer_text(t->w, "  In nonfull slabs:\n                size ind");
    TITLES(t->w, slab_columns);
    writer_text(t->w, "\n");
    rows(t, "nonfull_slabs", NONFULL_CLASSES, nonfull_row);
}

static void run_row(struct text *t, unsigned i) {
    writer_right_u64(t->w, i, SIZE);
    CELLS(t, run_columns);
    writer_text(t->w, "\n");
}

static void chunks(struct text *t) {
    named(t, "Bytes in small extent cache: ", "hpa_sec_bytes");
    named(t, "\nHits in small extent cache: ", "hpa_sec_hits");
    named(t, "\nMisses in small extent cache: ", "hpa_sec_misses");
    named(t, "\nFrees kept in small extent cache: ", "hpa_sec_dalloc_noflush");
    named(t, "\nFrees that flushed small extent cache: ", "hpa_sec_dalloc_flush");
    named(t, "\nOverfills of small extent cache: ", "hpa_sec_overfills");
    size_t before = path_add(&t->path, "hpa_shard");
    named(t, "\nHPA shard stats:\n  Pageslabs: ", "npageslabs");
    named(t, "\n  Active pages: ", "nactive");
    named(t, "\n  Dirty pages: ", "ndirty");
    per_second(t, "\n  Purge passes: ", "npurge_passes");
    per_second(t, "  Purges: ", "npurges");
    per_second(t, "  Hugeifies: ", "nhugifies");
    per_second(t, "  Hugify failures: ", "nhugify_failures");
    per_second(t, "  Dehugifies: ", "ndehugifies");
    writer_text(t->w, "\n  Extents per allocation:\n                   n");
    TITLES(t->w, run_columns);
    writer_text(t->w, "\n");
    rows(t, "alloc", REPORT_HPA_ALLOCS, run_row);
    slabs(t, "\n  In full slabs:\n", "full_slabs");
    slabs(t, "  In empty slabs:\n", "empty_slabs");
    nonfull_slabs(t);
    path_cut(&t->path, before);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void arena(struct writer *w, unsigned index, const struct report_parts *parts) {
    struct text t = {.w = w, .locks = parts->mutexes};
    path_begin(&t.path, "stats.arenas");
    path_add_index(&t.path, index);
    t.seconds = path_u64(&t.path, "uptime") / NS_PER_S;
    named(&t, "assigned threads: ", "nthreads");
    named(&t, "\nuptime: ", "uptime");
    size_t before = path_add(&t.path, "dss");
    valued(w, "\ndss allocation precedence: ", t.path.text, "\n");
    path_cut(&t.path, before);
    decays(&t);
    objects(&t);
    one_value_rows(&t);
    if (parts->mutexes) {
        mutexes(&t, report_arena_mutexes);
    }
    if (parts->bins) {
        bins(&t);
    }
    if (parts->large) {
        large(&t);
    }
    if (parts->extents) {
        extents(&t);
    }
    if (parts->hpa) {
        chunks(&t);
    }
}

static void single_arena(struct writer *w, unsigned index, const struct report_parts *parts) {
    char name[REPORT_ARENA_NAME];
    writer_text(w, "arenas[");
    writer_u64(w, index);
    writer_text(w, "]:\n");
    if (report_arena_name(index, name)) {
        writer_text(w, "name: \"");
        writer_text(w, name);
        writer_text(w, "\"\n");
    }
    arena(w, index, parts);
}

void report_text(struct writer *w, const struct report_parts *parts) {
    writer_text(w, "___ Begin jemalloc statistics ___\n");
    if (parts->general) {
        general(w);
    }
    process(w, parts);
    if (report_wants_merged(parts)) {
        writer_text(w, "Merged arenas stats:\n");
        arena(w, MALLCTL_ARENAS_ALL, parts);
    }
    if (parts->destroyed && report_has_arena(MALLCTL_ARENAS_DESTROYED)) {
        writer_text(w, "Destroyed arenas stats:\n");
        arena(w, MALLCTL_ARENAS_DESTROYED, parts);
    }
    unsigned end = parts->arenas ? report_narenas() : 0;
    for (unsigned i = 0; i < end; i++) {
        if (report_has_arena(i)) {
            single_arena(w, i, parts);
        }
    }
    writer_text(w, "--- End jemalloc statistics ---\n");
}

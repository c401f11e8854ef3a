/*
 * text.c: the statistics for people, in the sections and under the labels that readers of jemalloc's
 * report know.
 *
 * Tables skip rows of sizes that were never used; a line of dashes stands for each series of them.
 */
#include "report/report.h"

#include "opt/opt.h"
#include "os/os.h"

#define MUTEX_HEADER                                                                               \
    "      n_lock_ops  (#/sec)       n_waiting  (#/sec)      n_spin_acq  (#/sec)  n_owner_switch"  \
    "  (#/sec)   total_wait_ns    (#/sec)     max_wait_ns  max_n_thds\n"

enum { LABEL = 21, WIDE = 16, RATE = 8, WAIT_RATE = 10, THREADS = 12, COUNT = 13, SIZE = 20 };

struct text {
    struct writer *w;
    struct path path;
    uint64_t seconds; /* the arena's age */
};

static void label(struct writer *w, const char *name, unsigned width) {
    unsigned n = 0;
    for (; name[n] != '\0'; n++) {
    }
    writer_text(w, name);
    for (; n < width; n++) {
        writer_text(w, " ");
    }
}

static void answer_text(struct writer *w, const struct ctl_answer *answer) {
    switch (answer->kind) {
    case CTL_ANSWER_BOOL:
        writer_text(w, answer->u64 != 0 ? "true" : "false");
        break;
    case CTL_ANSWER_UNSIGNED:
        writer_u64(w, answer->u64);
        break;
    case CTL_ANSWER_SIGNED:
        writer_i64(w, answer->i64);
        break;
    case CTL_ANSWER_TEXT:
        writer_text(w, "\"");
        writer_text(w, answer->text);
        writer_text(w, "\"");
        break;
    }
}

/* "  prefix.name: value", and what it is now if it can be changed. */
static void line(struct writer *w, const char *prefix, const char *name) {
    static const char *const changing[][2] = {
        {"background_thread", "background_thread"},
        {"dirty_decay_ms", "arenas.dirty_decay_ms"},
        {"muzzy_decay_ms", "arenas.muzzy_decay_ms"},
    };
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, prefix);
    path_add(&path, name);
    if (!path_read(&path, &answer)) {
        return;
    }
    writer_text(w, "  ");
    writer_text(w, path.text);
    writer_text(w, ": ");
    answer_text(w, &answer);
    for (unsigned i = 0; i < ARRAY_LEN(changing); i++) {
        struct path now;
        path_begin(&now, "opt");
        path_add(&now, changing[i][0]);
        bool same = now.out.length == path.out.length && __builtin_strcmp(now.text, path.text) == 0;
        path_begin(&now, changing[i][1]);
        if (same && path_read(&now, &answer)) {
            writer_text(w, " (");
            writer_text(w, now.text);
            writer_text(w, ": ");
            answer_text(w, &answer);
            writer_text(w, ")");
        }
    }
    writer_text(w, "\n");
}

static void lines(struct writer *w, const char *prefix, const char *names) {
    struct word word;
    while (word_next(&names, &word)) {
        char name[PATH_MAX_LENGTH];
        struct fmt out;
        fmt_init(&out, name, sizeof(name));
        fmt_strn(&out, word.key, word.key_length);
        line(w, prefix, name);
    }
}

static void labelled(struct writer *w, const char *name, const char *control) {
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, control);
    if (path_read(&path, &answer)) {
        writer_text(w, name);
        answer_text(w, &answer);
        writer_text(w, "\n");
    }
}

static void general(struct writer *w) {
    labelled(w, "Version: ", "version");
    writer_text(w, "Build-time option settings\n");
    lines(w, "config",
          "cache_oblivious debug fill lazy_lock malloc_conf opt_safety_checks prof prof_libgcc "
          "prof_libunwind prof_frameptr stats utrace xmalloc");
    writer_text(w, "System configuration\n  system.thp_mode: \"");
    writer_text(w, os_huge_page_mode());
    writer_text(w, "\"\nRun-time option settings\n");
    labelled(w, "  Global variable malloc_conf: ", "opt.malloc_conf.global_var");
    labelled(w, "  Symbolic link malloc.conf: ", "opt.malloc_conf.symlink");
    labelled(w, "  Environment variable MALLOC_CONF: ", "opt.malloc_conf.env_var");
    labelled(w, "  Global variable malloc_conf_2_conf_harder: ",
             "opt.malloc_conf.global_var_2_conf_harder");
    for (size_t i = 0; i < opt_nrows; i++) {
        line(w, "opt", opt_rows[i].name);
    }
    labelled(w, "Arenas: ", "arenas.narenas");
    labelled(w, "Quantum size: ", "arenas.quantum");
    labelled(w, "Page size: ", "arenas.page");
    labelled(w, "Hugepage size: ", "arenas.hugepage");
    labelled(w, "Maximum thread-cached size class: ", "arenas.tcache_max");
    labelled(w, "Number of bin size classes: ", "arenas.nbins");
    labelled(w, "Number of thread-cache bin size classes: ", "arenas.nhbins");
    labelled(w, "Number of large size classes: ", "arenas.nlextents");
}

static uint64_t rate(const struct text *t, uint64_t value) {
    return t->seconds == 0 ? value : value / t->seconds;
}

static void counted(struct text *t, const char *name, unsigned width) {
    uint64_t value = path_u64(&t->path, name);
    writer_column_u64(t->w, value, width);
    writer_column_u64(t->w, rate(t, value), RATE);
}

/* The counters of the lock at the path. */
static void mutex(struct text *t) {
    counted(t, "num_ops", WIDE);
    counted(t, "num_wait", WIDE);
    counted(t, "num_spin_acq", WIDE);
    counted(t, "num_owner_switch", WIDE);
    uint64_t waited = path_u64(&t->path, "total_wait_time");
    writer_column_u64(t->w, waited, WIDE);
    writer_column_u64(t->w, rate(t, waited), WAIT_RATE);
    writer_column_u64(t->w, path_u64(&t->path, "max_wait_time"), WIDE);
    writer_column_u64(t->w, path_u64(&t->path, "max_num_thds"), THREADS);
    writer_text(t->w, "\n");
}

static void mutexes(struct text *t, const char *names) {
    struct word word;
    struct ctl_answer answer;
    size_t before = path_add(&t->path, "mutexes");
    label(t->w, "", LABEL);
    writer_text(t->w, MUTEX_HEADER);
    while (word_next(&names, &word)) {
        char name[32];
        struct fmt out;
        fmt_init(&out, name, sizeof(name));
        fmt_strn(&out, word.key, word.key_length);
        size_t lock = path_add(&t->path, name);
        size_t probe = path_add(&t->path, "num_ops");
        bool there = path_read(&t->path, &answer);
        path_cut(&t->path, probe);
        if (there) {
            label(t->w, name, LABEL);
            mutex(t);
        }
        path_cut(&t->path, lock);
    }
    path_cut(&t->path, before);
}

static void named(struct writer *w, const char *text, uint64_t value) {
    writer_text(w, text);
    writer_u64(w, value);
}

static void process(struct writer *w, const struct report_parts *parts) {
    struct text t = {.w = w};
    path_begin(&t.path, "stats");
    named(w, "Allocated: ", path_u64(&t.path, "allocated"));
    named(w, ", active: ", path_u64(&t.path, "active"));
    named(w, ", metadata: ", path_u64(&t.path, "metadata"));
    named(w, " (n_thp ", path_u64(&t.path, "metadata_thp"));
    named(w, ", edata ", path_u64(&t.path, "metadata_edata"));
    named(w, ", rtree ", path_u64(&t.path, "metadata_rtree"));
    named(w, "), resident: ", path_u64(&t.path, "resident"));
    named(w, ", mapped: ", path_u64(&t.path, "mapped"));
    named(w, ", retained: ", path_u64(&t.path, "retained"));
    named(w, ", pinned: ", path_u64(&t.path, "pinned"));
    named(w, "\nCount of realloc(non-null-ptr, 0) calls: ", path_u64(&t.path, "zero_reallocs"));
    named(w, "\nBackground threads: ", path_u64(&t.path, "background_thread.num_threads"));
    named(w, ", num_runs: ", path_u64(&t.path, "background_thread.num_runs"));
    named(w, ", run_interval: ", path_u64(&t.path, "background_thread.run_interval"));
    writer_text(w, " ns\n");
    if (parts->mutexes) {
        struct path first;
        path_begin(&first, "stats.arenas.0");
        t.seconds = path_u64(&first, "uptime") / 1000000000u;
        mutexes(&t, "background_thread max_per_bg_thd ctl prof prof_thds_data prof_dump "
                    "prof_recent_alloc prof_recent_dump prof_stats");
    }
}

static void decay_row(struct text *t, const char *name, const char *pages, const char *word) {
    struct ctl_answer answer;
    char control[32];
    struct fmt out;
    label(t->w, name, 12);
    fmt_init(&out, control, sizeof(control));
    fmt_str(&out, word);
    fmt_str(&out, "_decay_ms");
    size_t before = path_add(&t->path, control);
    bool there = path_read(&t->path, &answer) && answer.i64 >= 0;
    path_cut(&t->path, before);
    if (there) {
        writer_column_u64(t->w, (uint64_t)answer.i64, 7);
    } else {
        writer_column(t->w, "N/A", 7);
    }
    writer_column_u64(t->w, path_u64(&t->path, pages), COUNT);
    static const char *const counters[] = {"_npurge", "_nmadvise", "_purged"};
    for (unsigned i = 0; i < ARRAY_LEN(counters); i++) {
        fmt_init(&out, control, sizeof(control));
        fmt_str(&out, word);
        fmt_str(&out, counters[i]);
        writer_column_u64(t->w, path_u64(&t->path, control), COUNT);
    }
    writer_text(t->w, "\n");
}

static void objects_row(struct text *t, const char *name, const char *a, const char *b) {
    static const char *const counters[] = {"nmalloc", "ndalloc", "nrequests", "nfills", "nflushes"};
    const char *const parts[] = {a, b};
    uint64_t sums[1 + ARRAY_LEN(counters)] = {0};
    for (unsigned part = 0; part < 2 && parts[part] != NULL; part++) {
        size_t before = path_add(&t->path, parts[part]);
        sums[0] += path_u64(&t->path, "allocated");
        for (unsigned i = 0; i < ARRAY_LEN(counters); i++) {
            sums[i + 1] += path_u64(&t->path, counters[i]);
        }
        path_cut(&t->path, before);
    }
    label(t->w, name, LABEL);
    writer_column_u64(t->w, sums[0], WIDE);
    for (unsigned i = 1; i < ARRAY_LEN(sums); i++) {
        writer_column_u64(t->w, sums[i], WIDE);
        writer_column_u64(t->w, rate(t, sums[i]), RATE);
    }
    writer_text(t->w, "\n");
}

static void one_value_rows(struct text *t) {
    struct path page;
    path_begin(&page, "arenas");
    uint64_t page_size = path_u64(&page, "page");
    label(t->w, "active:", LABEL);
    writer_column_u64(t->w, path_u64(&t->path, "pactive") * page_size, WIDE);
    writer_text(t->w, "\n");
    const char *names = "mapped retained pinned base internal metadata_edata metadata_rtree "
                        "metadata_thp tcache_bytes tcache_stashed_bytes resident abandoned_vm "
                        "extent_avail";
    struct word word;
    while (word_next(&names, &word)) {
        char name[32];
        struct fmt out;
        fmt_init(&out, name, sizeof(name));
        fmt_strn(&out, word.key, word.key_length);
        uint64_t value = path_u64(&t->path, name);
        fmt_char(&out, ':');
        label(t->w, name, LABEL);
        writer_column_u64(t->w, value, WIDE);
        writer_text(t->w, "\n");
    }
}

/* Counts rows that are not shown. */
struct gap {
    unsigned n;
};

static void skip_row(struct gap *gap) {
    gap->n++;
}

static void close_gap(struct writer *w, struct gap *gap) {
    if (gap->n > 0) {
        writer_text(w, "                     ---\n");
    }
    gap->n = 0;
}

static uint64_t of_class(const char *table, unsigned i, const char *field) {
    struct path path;
    path_begin(&path, table);
    path_add_index(&path, i);
    return path_u64(&path, field);
}

static void columns(struct text *t, const char *names, unsigned width) {
    struct word word;
    while (word_next(&names, &word)) {
        char name[32];
        struct fmt out;
        fmt_init(&out, name, sizeof(name));
        fmt_strn(&out, word.key, word.key_length);
        writer_column_u64(t->w, path_u64(&t->path, name), width);
    }
}

static void headers(struct writer *w, const char *names, unsigned width) {
    struct word word;
    while (word_next(&names, &word)) {
        char name[32];
        struct fmt out;
        fmt_init(&out, name, sizeof(name));
        fmt_strn(&out, word.key, word.key_length);
        writer_column(w, name, width);
    }
}

/* curregs / (nregs * curslabs), cut off after three decimals. */
static void utilization(struct writer *w, uint64_t regs, uint64_t room) {
    char text[16];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    if (room == 0 || regs == room) {
        fmt_str(&out, "1");
    } else if (regs > room) {
        fmt_str(&out, "race");
    } else {
        fmt_fixed(&out, regs * 1000 / room, 3);
    }
    writer_column(w, text, 6);
}

static void bins(struct text *t, bool locks) {
    struct path path;
    path_begin(&path, "arenas");
    unsigned nbins = (unsigned)path_u64(&path, "nbins");
    uint64_t page = path_u64(&path, "page");
    label(t->w, "bins:", 5);
    headers(t->w, "size ind", 8);
    headers(t->w, "allocated nmalloc ndalloc nrequests nshards curregs curslabs nonfull_slabs",
            COUNT);
    headers(t->w, "regs pgs util", 6);
    headers(t->w, "nfills nflushes nslabs nreslabs", COUNT);
    writer_text(t->w, locks ? MUTEX_HEADER : "\n");
    struct gap gap = {0};
    size_t before = path_add(&t->path, "bins");
    for (unsigned i = 0; i < nbins; i++) {
        size_t inner = path_add_index(&t->path, i);
        if (path_u64(&t->path, "nslabs") == 0) {
            skip_row(&gap);
        } else {
            close_gap(t->w, &gap);
            uint64_t size = of_class("arenas.bin", i, "size");
            uint64_t nregs = of_class("arenas.bin", i, "nregs");
            uint64_t curregs = path_u64(&t->path, "curregs");
            label(t->w, "", 5);
            writer_column_u64(t->w, size, 8);
            writer_column_u64(t->w, i, 8);
            writer_column_u64(t->w, curregs * size, COUNT);
            columns(t, "nmalloc ndalloc nrequests", COUNT);
            writer_column_u64(t->w, of_class("arenas.bin", i, "nshards"), COUNT);
            columns(t, "curregs curslabs nonfull_slabs", COUNT);
            writer_column_u64(t->w, nregs, 6);
            writer_column_u64(t->w, of_class("arenas.bin", i, "slab_size") / page, 6);
            utilization(t->w, curregs, nregs * path_u64(&t->path, "curslabs"));
            columns(t, "nfills nflushes nslabs nreslabs", COUNT);
            if (locks) {
                size_t lock = path_add(&t->path, "mutex");
                mutex(t);
                path_cut(&t->path, lock);
            } else {
                writer_text(t->w, "\n");
            }
        }
        path_cut(&t->path, inner);
    }
    close_gap(t->w, &gap);
    path_cut(&t->path, before);
}

static void large(struct text *t) {
    struct path path;
    path_begin(&path, "arenas");
    unsigned n = (unsigned)path_u64(&path, "nlextents");
    unsigned nbins = (unsigned)path_u64(&path, "nbins");
    label(t->w, "large:", 6);
    headers(t->w, "size", SIZE);
    headers(t->w, "ind", 4);
    headers(t->w, "allocated nmalloc ndalloc nrequests curlextents", COUNT);
    writer_text(t->w, "\n");
    struct gap gap = {0};
    size_t before = path_add(&t->path, "lextents");
    for (unsigned i = 0; i < n; i++) {
        size_t inner = path_add_index(&t->path, i);
        if (path_u64(&t->path, "nmalloc") == 0) {
            skip_row(&gap);
        } else {
            close_gap(t->w, &gap);
            uint64_t size = of_class("arenas.lextent", i, "size");
            label(t->w, "", 6);
            writer_column_u64(t->w, size, SIZE);
            writer_column_u64(t->w, nbins + i, 4);
            writer_column_u64(t->w, size * path_u64(&t->path, "curlextents"), COUNT);
            columns(t, "nmalloc ndalloc nrequests curlextents", COUNT);
            writer_text(t->w, "\n");
        }
        path_cut(&t->path, inner);
    }
    close_gap(t->w, &gap);
    path_cut(&t->path, before);
}

static void extents(struct text *t) {
    static const char names[] =
        "ndirty dirty_bytes nmuzzy muzzy_bytes nretained retained_bytes npinned pinned_bytes";
    label(t->w, "extents:", 8);
    headers(t->w, "ind", 4);
    headers(t->w, names, WIDE);
    headers(t->w, "ntotal bytes", WIDE);
    writer_text(t->w, "\n");
    struct gap gap = {0};
    size_t before = path_add(&t->path, "extents");
    for (unsigned i = 0; i < REPORT_PAGE_CLASSES; i++) {
        size_t inner = path_add_index(&t->path, i);
        uint64_t n = path_u64(&t->path, "ndirty") + path_u64(&t->path, "nmuzzy") +
                     path_u64(&t->path, "nretained") + path_u64(&t->path, "npinned");
        if (n == 0) {
            skip_row(&gap);
        } else {
            close_gap(t->w, &gap);
            label(t->w, "", 8);
            writer_column_u64(t->w, i, 4);
            columns(t, names, WIDE);
            writer_column_u64(t->w, n, WIDE);
            writer_column_u64(
                t->w,
                path_u64(&t->path, "dirty_bytes") + path_u64(&t->path, "muzzy_bytes") +
                    path_u64(&t->path, "retained_bytes") + path_u64(&t->path, "pinned_bytes"),
                WIDE);
            writer_text(t->w, "\n");
        }
        path_cut(&t->path, inner);
    }
    close_gap(t->w, &gap);
    path_cut(&t->path, before);
}

static void slabs_line(struct text *t, const char *title, const char *control) {
    size_t before = path_add(&t->path, control);
    writer_text(t->w, title);
    named(t->w, "\n  npageslabs: ", path_u64(&t->path, "npageslabs_huge"));
    named(t->w, " huge, ", path_u64(&t->path, "npageslabs_nonhuge"));
    named(t->w, " nonhuge\n  nactive: ", path_u64(&t->path, "nactive_huge"));
    named(t->w, " huge, ", path_u64(&t->path, "nactive_nonhuge"));
    named(t->w, " nonhuge\n  ndirty: ", path_u64(&t->path, "ndirty_huge"));
    named(t->w, " huge, ", path_u64(&t->path, "ndirty_nonhuge"));
    named(t->w, " nonhuge\n  nretained: 0 huge, ", path_u64(&t->path, "nretained_nonhuge"));
    writer_text(t->w, " nonhuge\n");
    path_cut(&t->path, before);
}

static void chunks(struct text *t) {
    named(t->w, "Bytes in small extent cache: ", path_u64(&t->path, "hpa_sec_bytes"));
    named(t->w, "\nHPA shard stats:\n  Pageslabs: ", path_u64(&t->path, "hpa_shard.npageslabs"));
    named(t->w, "\n  Active pages: ", path_u64(&t->path, "hpa_shard.nactive"));
    named(t->w, "\n  Dirty pages: ", path_u64(&t->path, "hpa_shard.ndirty"));
    named(t->w, "\n  Purge passes: ", path_u64(&t->path, "hpa_shard.npurge_passes"));
    named(t->w, "\n  Purges: ", path_u64(&t->path, "hpa_shard.npurges"));
    named(t->w, "\n  Hugeifies: ", path_u64(&t->path, "hpa_shard.nhugifies"));
    named(t->w, "\n  Hugify failures: ", path_u64(&t->path, "hpa_shard.nhugify_failures"));
    named(t->w, "\n  Dehugifies: ", path_u64(&t->path, "hpa_shard.ndehugifies"));
    writer_text(t->w, "\n");
    slabs_line(t, "In full slabs:", "hpa_shard.full_slabs");
    slabs_line(t, "In empty slabs:", "hpa_shard.empty_slabs");
}

static void arena_title(struct writer *w, unsigned arena) {
    char name[32];
    char *to = name;
    size_t size = sizeof(to);
    struct path path;
    path_begin(&path, "arena");
    path_add_index(&path, arena);
    path_add(&path, "name");
    named(w, "arenas[", arena);
    writer_text(w, "]:\n");
    if (ctl_by_name(path.text, (void *)&to, &size, NULL, 0) == 0) {
        writer_text(w, "name: \"");
        writer_text(w, name);
        writer_text(w, "\"\n");
    }
}

static void arena(struct writer *w, unsigned number, const struct report_parts *parts) {
    struct text t = {.w = w};
    path_begin(&t.path, "stats.arenas");
    path_add_index(&t.path, number);
    uint64_t uptime = path_u64(&t.path, "uptime");
    t.seconds = uptime / 1000000000u;
    named(w, "assigned threads: ", path_u64(&t.path, "nthreads"));
    named(w, "\nuptime: ", uptime);
    writer_text(w, "\n");
    size_t dss = path_add(&t.path, "dss");
    labelled(w, "dss allocation precedence: ", t.path.text);
    path_cut(&t.path, dss);
    writer_text(w, "decaying:      time       npages       sweeps     madvises       purged\n");
    decay_row(&t, "   dirty:", "pdirty", "dirty");
    decay_row(&t, "   muzzy:", "pmuzzy", "muzzy");
    label(w, "", LABEL);
    writer_column(w, "allocated", WIDE);
    headers(w, "nmalloc ndalloc nrequests nfill nflush", WIDE + 1 + RATE);
    writer_text(w, "\n");
    objects_row(&t, "small:", "small", NULL);
    objects_row(&t, "large:", "large", NULL);
    objects_row(&t, "total:", "small", "large");
    writer_text(w, "\n");
    one_value_rows(&t);
    if (parts->mutexes) {
        mutexes(&t, "large extent_avail extents_dirty extents_muzzy extents_retained "
                    "extents_pinned decay_dirty decay_muzzy base tcache_list hpa_shard "
                    "hpa_shard_grow hpa_sec");
    }
    if (parts->bins) {
        bins(&t, parts->mutexes);
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

void report_text(struct writer *w, const struct report_parts *parts) {
    unsigned narenas = report_narenas();
    unsigned nlive = 0;
    for (unsigned i = 0; i < narenas; i++) {
        nlive += report_has_arena(i);
    }
    writer_text(w, "___ Begin jemalloc statistics ___\n");
    if (parts->general) {
        general(w);
    }
    process(w, parts);
    if (parts->merged && (nlive > 1 || !parts->arenas)) {
        writer_text(w, "\nMerged arenas stats:\n");
        arena(w, CTL_ARENAS_ALL, parts);
    }
    if (parts->destroyed && report_has_arena(CTL_ARENAS_DESTROYED)) {
        writer_text(w, "\nDestroyed arenas stats:\n");
        arena(w, CTL_ARENAS_DESTROYED, parts);
    }
    for (unsigned i = 0; parts->arenas && i < narenas; i++) {
        if (report_has_arena(i)) {
            writer_text(w, "\n");
            arena_title(w, i);
            arena(w, i, parts);
        }
    }
    writer_text(w, "--- End jemalloc statistics ---\n");
}

/*
 * openmetrics.c: the statistics as OpenMetrics text, which Prometheus reads.
 *
 * Source of the format: OpenMetrics 1.0 (prometheus/OpenMetrics, specification/OpenMetrics.md): families
 * in one piece each, names of counters end in _total and those of quantities in their unit, the text ends
 * in "# EOF".
 */
#include "report/report.h"

#include "base/compiler.h"

enum kind { GAUGE, COUNTER };
enum unit { NUMBER, BYTES, SECONDS /* of a control in nanoseconds */ };

struct family {
    char name[36];
    char control[40];
    uint8_t kind;
    uint8_t unit;
    char help[72];
};

static const struct family of_process[] = {
    {"ashlar_allocated_bytes", "stats.allocated", GAUGE, BYTES, "Live objects of the program."},
    {"ashlar_active_bytes", "stats.active", GAUGE, BYTES, "Pages that hold objects."},
    {"ashlar_metadata_bytes", "stats.metadata", GAUGE, BYTES, "The allocator's own data."},
    {"ashlar_resident_bytes", "stats.resident", GAUGE, BYTES, "What may be in memory, at most."},
    {"ashlar_absent_bytes", "ashlar.stats.absent", GAUGE, BYTES,
     "Of active pages, given back inside slabs."},
    {"ashlar_mapped_bytes", "stats.mapped", GAUGE, BYTES, "Address space in use."},
    {"ashlar_retained_bytes", "stats.retained", GAUGE, BYTES, "Address space kept for later."},
    {"ashlar_pinned_bytes", "stats.pinned", GAUGE, BYTES, "Unused, and not to be given back."},
    {"ashlar_zero_reallocs", "stats.zero_reallocs", COUNTER, NUMBER, "Calls of realloc(p, 0)."},
    {"ashlar_background_threads", "stats.background_thread.num_threads", GAUGE, NUMBER,
     "Helper threads that give memory back."},
    {"ashlar_background_runs", "stats.background_thread.num_runs", COUNTER, NUMBER,
     "Times they woke up."},
};

static const struct family of_huge_pages = {"ashlar_huge_bytes", "ashlar.live.huge_bytes", GAUGE,
                                            BYTES, "Backed by huge pages, says the kernel."};

static const struct family of_arena[] = {
    {"ashlar_arena_threads", "nthreads", GAUGE, NUMBER, "Threads bound to the arena."},
    {"ashlar_arena_uptime_seconds", "uptime", GAUGE, SECONDS, "Age of the arena."},
    {"ashlar_arena_active_pages", "pactive", GAUGE, NUMBER, "Pages that hold objects."},
    {"ashlar_arena_dirty_pages", "pdirty", GAUGE, NUMBER, "Unused pages not yet given back."},
    {"ashlar_arena_muzzy_pages", "pmuzzy", GAUGE, NUMBER, "Unused pages the system may take."},
    {"ashlar_arena_cached_bytes", "tcache_bytes", GAUGE, BYTES, "Free objects in caches."},
    {"ashlar_arena_cached_large_bytes", "hpa_sec_bytes", GAUGE, BYTES,
     "Freed large objects that threads keep."},
    {"ashlar_arena_metadata_bytes", "base", GAUGE, BYTES, "The allocator's own data."},
    {"ashlar_arena_resident_bytes", "resident", GAUGE, BYTES, "What may be in memory, at most."},
    {"ashlar_arena_retained_bytes", "retained", GAUGE, BYTES, "Address space kept for later."},
    {"ashlar_arena_small_allocated_bytes", "small.allocated", GAUGE, BYTES,
     "Objects out of their slabs, those in caches too."},
    {"ashlar_arena_small_requests", "small.nrequests", COUNTER, NUMBER,
     "Allocations of small objects."},
    {"ashlar_arena_cache_fills", "small.nfills", COUNTER, NUMBER, "Times a cache was filled."},
    {"ashlar_arena_cache_flushes", "small.nflushes", COUNTER, NUMBER,
     "Times a cache gave objects back."},
    {"ashlar_arena_large_allocated_bytes", "large.allocated", GAUGE, BYTES, "Large objects."},
    {"ashlar_arena_large_requests", "large.nrequests", COUNTER, NUMBER,
     "Allocations of large objects."},
    {"ashlar_arena_purged_pages", "dirty_purged", COUNTER, NUMBER, "Dirty pages given back."},
    {"ashlar_arena_purge_calls", "dirty_nmadvise", COUNTER, NUMBER,
     "System calls that gave them back."},
};

static const struct family of_bin[] = {
    {"ashlar_class_requests", "nrequests", COUNTER, NUMBER, "Allocations, by size class."},
    {"ashlar_class_objects", "curregs", GAUGE, NUMBER, "Objects out of their slabs."},
    {"ashlar_class_slabs", "curslabs", GAUGE, NUMBER, "Slabs, by size class."},
};

static const struct family of_lextent[] = {
    {"ashlar_large_requests", "nrequests", COUNTER, NUMBER, "Allocations, by large class."},
    {"ashlar_large_objects", "curlextents", GAUGE, NUMBER, "Large objects, by class."},
};

static const struct family of_lock[] = {
    {"ashlar_lock_acquisitions", "num_ops", COUNTER, NUMBER, "Acquisitions of locks."},
    {"ashlar_lock_spins", "num_spin_acq", COUNTER, NUMBER, "Of them, those that had to spin."},
    {"ashlar_lock_sleeps", "num_wait", COUNTER, NUMBER, "Of them, those that slept."},
    {"ashlar_lock_owner_changes", "num_owner_switch", COUNTER, NUMBER,
     "Of them, those by another thread than before."},
    {"ashlar_lock_wait_seconds", "total_wait_time", COUNTER, SECONDS, "Time slept for locks."},
    {"ashlar_lock_longest_wait_seconds", "max_wait_time", GAUGE, SECONDS, "Longest such time."},
    {"ashlar_lock_waiters", "max_num_thds", GAUGE, NUMBER, "Most threads that waited at once."},
};

/* Locks under what they are called here, those of arenas all together. */
static const struct {
    char name[12];
    char control[44];
} locks[] = {
    {"controls", "stats.mutexes.ctl"},
    {"background", "stats.mutexes.background_thread"},
    {"threads", "stats.arenas.4096.mutexes.tcache_list"},
    {"purge", "stats.arenas.4096.mutexes.decay_dirty"},
    {"depots", "stats.arenas.4096.mutexes.hpa_sec"},
    {"pages", "stats.arenas.4096.mutexes.hpa_shard"},
    {"space", "stats.arenas.4096.mutexes.extents_retained"},
    {"runs", "stats.arenas.4096.mutexes.extent_avail"},
    {"metadata", "stats.arenas.4096.mutexes.base"},
};
static_assert(MALLCTL_ARENAS_ALL == 4096, "as the names above say");

static void line(struct writer *w, const char *keyword, const char *name, const char *text) {
    writer_text(w, keyword);
    writer_text(w, name);
    writer_text(w, " ");
    writer_text(w, text);
    writer_text(w, "\n");
}

static void head(struct writer *w, const struct family *family) {
    line(w, "# TYPE ", family->name, family->kind == COUNTER ? "counter" : "gauge");
    if (family->unit != NUMBER) {
        line(w, "# UNIT ", family->name, family->unit == BYTES ? "bytes" : "seconds");
    }
    line(w, "# HELP ", family->name, family->help);
}

/* The family's control below `path`, labelled label="value" unless that is NULL. Nothing if there is no
 * such control. */
static void sample(struct writer *w, const struct family *family, struct path *path,
                   const char *label, const char *value) {
    struct ctl_answer answer;
    if (!path_ask(path, family->control, &answer)) {
        return;
    }
    writer_text(w, family->name);
    writer_text(w, family->kind == COUNTER ? "_total" : "");
    if (label != NULL) {
        writer_text(w, "{");
        writer_text(w, label);
        writer_text(w, "=\"");
        writer_text(w, value);
        writer_text(w, "\"}");
    }
    char text[32];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_fixed(&out, answer.u64, family->unit == SECONDS ? 9 : 0);
    line(w, "", "", text);
}

/* With a number as the label's value. */
static void numbered(struct writer *w, const struct family *family, struct path *path,
                     const char *label, uint64_t value) {
    char text[32];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_u64(&out, value);
    sample(w, family, path, label, text);
}

static void process(struct writer *w, const struct report_parts *parts) {
    struct path path;
    path_begin(&path, "");
    for (unsigned i = 0; i < ARRAY_LEN(of_process); i++) {
        head(w, &of_process[i]);
        sample(w, &of_process[i], &path, NULL, NULL);
    }
    if (parts->hpa) {
        head(w, &of_huge_pages);
        sample(w, &of_huge_pages, &path, NULL, NULL);
    }
}

static void arenas(struct writer *w) {
    unsigned end = report_narenas();
    for (unsigned i = 0; i < ARRAY_LEN(of_arena); i++) {
        head(w, &of_arena[i]);
        for (unsigned arena = 0; arena < end; arena++) {
            struct path path;
            path_begin(&path, "stats.arenas");
            path_add_index(&path, arena);
            numbered(w, &of_arena[i], &path, "arena", arena);
        }
    }
}

/* All classes of one kind that were used, all arenas together. */
static void classes(struct writer *w, const struct family *families, unsigned nfamilies,
                    const char *sizes, const char *counts, uint64_t nclasses) {
    for (unsigned i = 0; i < nfamilies; i++) {
        head(w, &families[i]);
        for (unsigned class = 0; class < nclasses; class ++) {
            struct path path;
            path_begin(&path, sizes);
            path_add_index(&path, class);
            uint64_t size = path_u64(&path, "size");
            path_begin(&path, "stats.arenas");
            path_add_index(&path, MALLCTL_ARENAS_ALL);
            path_add(&path, counts);
            path_add_index(&path, class);
            if (path_u64(&path, "nmalloc") != 0) {
                numbered(w, &families[i], &path, "size", size);
            }
        }
    }
}

static void locks_of_all(struct writer *w) {
    for (unsigned i = 0; i < ARRAY_LEN(of_lock); i++) {
        head(w, &of_lock[i]);
        for (unsigned lock = 0; lock < ARRAY_LEN(locks); lock++) {
            struct path path;
            path_begin(&path, locks[lock].control);
            sample(w, &of_lock[i], &path, "lock", locks[lock].name);
        }
    }
}

void report_openmetrics(struct writer *w, const struct report_parts *parts) {
    process(w, parts);
    if (parts->arenas) {
        arenas(w);
    }
    if (parts->bins) {
        classes(w, of_bin, ARRAY_LEN(of_bin), "arenas.bin", "bins", report_number("arenas.nbins"));
    }
    if (parts->large) {
        classes(w, of_lextent, ARRAY_LEN(of_lextent), "arenas.lextent", "lextents",
                report_number("arenas.nlextents"));
    }
    if (parts->mutexes) {
        locks_of_all(w);
    }
    writer_text(w, "# EOF\n");
}

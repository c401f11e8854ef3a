/*
 * openmetrics.c: the statistics as OpenMetrics text, which Prometheus reads.
 *
 * Source of the format: OpenMetrics 1.0 (prometheus/OpenMetrics, specification/OpenMetrics.md): families
 * in one piece each, counters end in _total, the text ends in "# EOF".
 */
#include "report/report.h"

#include "base/compiler.h"

struct family {
    char name[36];
    char control[40];
    bool counter;
    char help[72];
};

static const struct family of_process[] = {
    {"ashlar_allocated_bytes", "stats.allocated", false, "Bytes in live objects of the program."},
    {"ashlar_active_bytes", "stats.active", false, "Bytes of pages that hold objects."},
    {"ashlar_metadata_bytes", "stats.metadata", false, "Bytes of the allocator's own data."},
    {"ashlar_resident_bytes", "stats.resident", false, "Bytes that may be in memory, at most."},
    {"ashlar_mapped_bytes", "stats.mapped", false, "Bytes of address space in use."},
    {"ashlar_retained_bytes", "stats.retained", false, "Bytes of address space kept for later."},
    {"ashlar_zero_reallocs", "stats.zero_reallocs", true, "Calls of realloc with size 0."},
};

static const struct family of_arena[] = {
    {"ashlar_arena_threads", "nthreads", false, "Threads bound to the arena."},
    {"ashlar_arena_dirty_pages", "pdirty", false, "Unused pages not yet given back."},
    {"ashlar_arena_muzzy_pages", "pmuzzy", false, "Unused pages the system may take."},
    {"ashlar_arena_active_pages", "pactive", false, "Pages that hold objects."},
    {"ashlar_arena_cached_bytes", "tcache_bytes", false, "Bytes of free objects in caches."},
    {"ashlar_arena_resident_bytes", "resident", false, "Bytes that may be in memory, at most."},
    {"ashlar_arena_small_allocated_bytes", "small.allocated", false, "Bytes taken out of slabs."},
    {"ashlar_arena_small_requests", "small.nrequests", true, "Allocations of small objects."},
    {"ashlar_arena_large_allocated_bytes", "large.allocated", false, "Bytes of large objects."},
    {"ashlar_arena_large_requests", "large.nrequests", true, "Allocations of large objects."},
    {"ashlar_arena_purged_pages", "dirty_purged", true, "Dirty pages given back."},
    {"ashlar_arena_purge_calls", "dirty_nmadvise", true, "System calls to give pages back."},
};

static const struct family of_bin[] = {
    {"ashlar_class_requests", "nrequests", true, "Allocations, by size class."},
    {"ashlar_class_objects", "curregs", false, "Objects out of their slabs, by size class."},
    {"ashlar_class_slabs", "curslabs", false, "Slabs, by size class."},
};

static void head(struct writer *w, const struct family *family) {
    writer_text(w, "# TYPE ");
    writer_text(w, family->name);
    writer_text(w, family->counter ? " counter\n# HELP " : " gauge\n# HELP ");
    writer_text(w, family->name);
    writer_text(w, " ");
    writer_text(w, family->help);
    writer_text(w, "\n");
}

static void sample(struct writer *w, const struct family *family, const char *label,
                   uint64_t label_value, uint64_t value) {
    writer_text(w, family->name);
    writer_text(w, family->counter ? "_total" : "");
    if (label != NULL) {
        writer_text(w, "{");
        writer_text(w, label);
        writer_text(w, "=\"");
        writer_u64(w, label_value);
        writer_text(w, "\"}");
    }
    writer_text(w, " ");
    writer_u64(w, value);
    writer_text(w, "\n");
}

static void process(struct writer *w) {
    struct path path;
    path_begin(&path, "");
    for (unsigned i = 0; i < ARRAY_LEN(of_process); i++) {
        head(w, &of_process[i]);
        sample(w, &of_process[i], NULL, 0, path_u64(&path, of_process[i].control));
    }
}

static void arenas(struct writer *w) {
    unsigned narenas = report_narenas();
    for (unsigned i = 0; i < ARRAY_LEN(of_arena); i++) {
        head(w, &of_arena[i]);
        for (unsigned arena = 0; arena < narenas; arena++) {
            struct path path;
            path_begin(&path, "stats.arenas");
            path_add_index(&path, arena);
            if (report_has_arena(arena)) {
                sample(w, &of_arena[i], "arena", arena, path_u64(&path, of_arena[i].control));
            }
        }
    }
}

static void bins(struct writer *w) {
    struct path path;
    path_begin(&path, "arenas");
    unsigned nbins = (unsigned)path_u64(&path, "nbins");
    for (unsigned i = 0; i < ARRAY_LEN(of_bin); i++) {
        head(w, &of_bin[i]);
        for (unsigned bin = 0; bin < nbins; bin++) {
            path_begin(&path, "arenas.bin");
            path_add_index(&path, bin);
            uint64_t size = path_u64(&path, "size");
            path_begin(&path, "stats.arenas");
            path_add_index(&path, CTL_ARENAS_ALL);
            path_add(&path, "bins");
            path_add_index(&path, bin);
            sample(w, &of_bin[i], "size", size, path_u64(&path, of_bin[i].control));
        }
    }
}

void report_openmetrics(struct writer *w, const struct report_parts *parts) {
    process(w);
    if (parts->arenas) {
        arenas(w);
    }
    if (parts->bins) {
        bins(w);
    }
    writer_text(w, "# EOF\n");
}

/*
 * json.c: the statistics as one JSON object, compact, with the keys and the order of jemalloc's.
 *
 * The lists name the keys of an object; the controls under the object's path have the same names, or
 * stand behind a `=`. A key whose control does not exist or is not built is left out.
 */
#include "report/report.h"

#include <string.h>

#include "os/os.h"

#define MUTEX_KEYS                                                                                 \
    "num_ops num_wait num_spin_acq num_owner_switch total_wait_time max_wait_time max_num_thds"
#define SLABS_KEYS                                                                                 \
    "npageslabs_huge nactive_huge ndirty_huge npageslabs_nonhuge nactive_nonhuge ndirty_nonhuge "  \
    "nretained_nonhuge"
#define OBJECTS_KEYS "allocated nmalloc ndalloc nrequests nfills nflushes"

struct json {
    struct writer *w;
    struct path path;
    bool comma; /* before the next member */
};

static void separate(struct json *j) {
    if (j->comma) {
        writer_text(j->w, ",");
    }
    j->comma = true;
}

static void quoted(struct json *j, const char *text, size_t length) {
    static const char digits[] = "0123456789abcdef";
    writer_text(j->w, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15], '\0'};
        char plain[] = {(char)c, '\0'};
        if (c == '"' || c == '\\') {
            writer_text(j->w, "\\");
        }
        writer_text(j->w, c < 0x20 ? escaped : plain);
    }
    writer_text(j->w, "\"");
}

static void key(struct json *j, const char *name, size_t length) {
    separate(j);
    quoted(j, name, length);
    writer_text(j->w, ":");
}

/* An object or array begins as a member, or, with an empty name, as an element. */
static void begin(struct json *j, const char *name, const char *bracket) {
    if (name[0] != '\0') {
        key(j, name, strlen(name));
    } else {
        separate(j);
    }
    writer_text(j->w, bracket);
    j->comma = false;
}

static void end(struct json *j, const char *bracket) {
    writer_text(j->w, bracket);
    j->comma = true;
}

static void value(struct json *j, const struct ctl_answer *answer) {
    if (answer->kind == CTL_ANSWER_TEXT) {
        quoted(j, answer->text, strlen(answer->text));
    } else {
        writer_answer(j->w, answer);
    }
}

static void fields(struct json *j, const char *keys) {
    struct word word;
    struct ctl_answer answer;
    while (word_next(&keys, &word)) {
        size_t before = path_add_n(&j->path, word.control, word.control_length);
        if (path_read(&j->path, &answer)) {
            key(j, word.key, word.key_length);
            value(j, &answer);
        }
        path_cut(&j->path, before);
    }
}

/* An object whose members are controls below path.control. */
static void object(struct json *j, const char *name, const char *control, const char *keys) {
    size_t before = path_add(&j->path, control);
    begin(j, name, "{");
    fields(j, keys);
    end(j, "}");
    path_cut(&j->path, before);
}

/* For n elements: path.control.<i>. */
static void array(struct json *j, const char *name, const char *control, uint64_t n,
                  const char *keys) {
    size_t before = path_add(&j->path, control);
    begin(j, name, "[");
    for (unsigned i = 0; i < n; i++) {
        size_t inner = path_add_index(&j->path, i);
        begin(j, "", "{");
        fields(j, keys);
        end(j, "}");
        path_cut(&j->path, inner);
    }
    end(j, "]");
    path_cut(&j->path, before);
}

/* One object per lock in the list, for those that exist. */
static void mutexes(struct json *j, const char *names) {
    struct word word;
    struct ctl_answer answer;
    size_t before = path_add(&j->path, "mutexes");
    begin(j, "mutexes", "{");
    while (word_next(&names, &word)) {
        size_t lock = path_add_n(&j->path, word.control, word.control_length);
        if (path_ask(&j->path, "num_ops", &answer)) {
            key(j, word.key, word.key_length);
            writer_text(j->w, "{");
            j->comma = false;
            fields(j, MUTEX_KEYS);
            end(j, "}");
        }
        path_cut(&j->path, lock);
    }
    end(j, "}");
    path_cut(&j->path, before);
}

static void options(struct json *j) {
    path_begin(&j->path, "opt");
    begin(j, "opt", "{");
    fields(j, "global_var=malloc_conf.global_var symlink=malloc_conf.symlink "
              "env_var=malloc_conf.env_var "
              "global_var_2_conf_harder=malloc_conf.global_var_2_conf_harder");
    fields(j, report_options);
    end(j, "}");
}

static void general(struct json *j) {
    path_begin(&j->path, "");
    fields(j, "version");
    object(j, "config", "config", report_config);
    begin(j, "system", "{");
    key(j, "thp_mode", 8);
    const char *mode = os_huge_page_mode();
    quoted(j, mode, strlen(mode));
    end(j, "}");
    options(j);
    path_begin(&j->path, "");
    if (report_number("config.prof") != 0) {
        object(j, "prof", "prof", report_prof);
    }
    path_begin(&j->path, "arenas");
    begin(j, "arenas", "{");
    fields(j,
           "narenas dirty_decay_ms muzzy_decay_ms quantum page hugepage tcache_max nbins nhbins");
    array(j, "bin", "bin", report_number("arenas.nbins"), "size nregs slab_size nshards");
    fields(j, "nlextents");
    array(j, "lextent", "lextent", report_number("arenas.nlextents"), "size");
    end(j, "}");
}

static void process(struct json *j, const struct report_parts *parts) {
    path_begin(&j->path, "stats");
    begin(j, "stats", "{");
    fields(j,
           "allocated active metadata metadata_edata metadata_rtree metadata_thp resident mapped "
           "retained pinned zero_reallocs");
    object(j, "background_thread", "background_thread", "num_threads num_runs run_interval");
    if (parts->mutexes) {
        mutexes(j, report_mutexes);
    }
    end(j, "}");
}

static void bins(struct json *j, bool locks) {
    size_t before = path_add(&j->path, "bins");
    begin(j, "bins", "[");
    for (unsigned i = 0; i < report_number("arenas.nbins"); i++) {
        size_t inner = path_add_index(&j->path, i);
        begin(j, "", "{");
        fields(j, "nmalloc ndalloc curregs nrequests nfills nflushes nreslabs curslabs "
                  "nonfull_slabs");
        if (locks) {
            object(j, "mutex", "mutex", MUTEX_KEYS);
        }
        end(j, "}");
        path_cut(&j->path, inner);
    }
    end(j, "]");
    path_cut(&j->path, before);
}

static void chunks(struct json *j) {
    begin(j, "hpa_shard", "{");
    fields(j, "sec_bytes=hpa_sec_bytes sec_hits=hpa_sec_hits sec_misses=hpa_sec_misses "
              "sec_dalloc_noflush=hpa_sec_dalloc_noflush sec_dalloc_flush=hpa_sec_dalloc_flush "
              "sec_overfills=hpa_sec_overfills");
    size_t before = path_add(&j->path, "hpa_shard");
    fields(j, "npageslabs nactive ndirty npurge_passes npurges nhugifies nhugify_failures "
              "ndehugifies");
    object(j, "slabs", "slabs",
           "npageslabs_nonhuge nactive_nonhuge ndirty_nonhuge nretained_nonhuge npageslabs_huge "
           "nactive_huge ndirty_huge");
    array(j, "extent_allocation_distribution", "alloc", REPORT_HPA_ALLOCS,
          "min_extents max_extents extents ps pages_per_ps extents_per_ps total_elapsed_ns_per_ps");
    object(j, "full_slabs", "full_slabs", SLABS_KEYS);
    object(j, "empty_slabs", "empty_slabs", SLABS_KEYS);
    array(j, "nonfull_slabs", "nonfull_slabs", NONFULL_CLASSES, SLABS_KEYS);
    path_cut(&j->path, before);
    end(j, "}");
}

static void arena_name(struct json *j, unsigned arena) {
    char name[REPORT_ARENA_NAME];
    if (report_arena_name(arena, name)) {
        key(j, "name", 4);
        quoted(j, name, strlen(name));
    }
}

static void arena(struct json *j, const char *name, unsigned number_of_arena, bool single,
                  const struct report_parts *parts) {
    path_begin(&j->path, "stats.arenas");
    path_add_index(&j->path, number_of_arena);
    begin(j, name, "{");
    if (single) {
        arena_name(j, number_of_arena);
    }
    fields(j, "nthreads uptime_ns=uptime dss dirty_decay_ms muzzy_decay_ms pactive pdirty pmuzzy "
              "dirty_npurge dirty_nmadvise dirty_purged muzzy_npurge muzzy_nmadvise muzzy_purged");
    object(j, "small", "small", OBJECTS_KEYS);
    object(j, "large", "large", OBJECTS_KEYS);
    fields(j, report_arena_bytes);
    if (parts->mutexes) {
        mutexes(j, report_arena_mutexes);
    }
    if (parts->bins) {
        bins(j, parts->mutexes);
    }
    if (parts->large) {
        array(j, "lextents", "lextents", report_number("arenas.nlextents"), "curlextents");
    }
    if (parts->extents) {
        array(
            j, "extents", "extents", NPAGE_CLASSES,
            "ndirty nmuzzy nretained npinned dirty_bytes muzzy_bytes retained_bytes pinned_bytes");
    }
    if (parts->hpa) {
        chunks(j);
    }
    end(j, "}");
}

static void arenas(struct json *j, const struct report_parts *parts) {
    begin(j, "stats.arenas", "{");
    if (report_wants_merged(parts)) {
        arena(j, "merged", MALLCTL_ARENAS_ALL, false, parts);
    }
    if (parts->destroyed && report_has_arena(MALLCTL_ARENAS_DESTROYED)) {
        arena(j, "destroyed", MALLCTL_ARENAS_DESTROYED, false, parts);
    }
    unsigned end_of_arenas = parts->arenas ? report_narenas() : 0;
    for (unsigned i = 0; i < end_of_arenas; i++) {
        if (report_has_arena(i)) {
            char name[16];
            struct fmt out;
            fmt_init(&out, name, sizeof(name));
            fmt_u64(&out, i);
            arena(j, name, i, true, parts);
        }
    }
    end(j, "}");
}

void report_json(struct writer *w, const struct report_parts *parts) {
    struct json j = {.w = w};
    writer_text(w, "{");
    begin(&j, "jemalloc", "{");
    if (parts->general) {
        general(&j);
    }
    process(&j, parts);
    if (parts->merged || parts->destroyed || parts->arenas) {
        arenas(&j, parts);
    }
    end(&j, "}");
    writer_text(w, "}");
}

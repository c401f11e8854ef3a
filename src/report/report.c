/*
 * report.c: what a report consists of.
 */
#include "report/report.h"

#include <string.h>

#include "base/compiler.h"
#include "os/fatal.h"

const char report_config[] =
    "cache_oblivious debug fill lazy_lock malloc_conf opt_safety_checks prof prof_libgcc "
    "prof_libunwind prof_frameptr stats utrace xmalloc";

const char report_options[] =
    "abort abort_conf cache_oblivious confirm_conf experimental_hpa_start_huge_if_thp_always "
    "experimental_hpa_enforce_hugify retain dss narenas percpu_arena oversize_threshold hpa "
    "hpa_slab_max_alloc hpa_hugification_threshold hpa_hugify_delay_ms hpa_hugify_sync "
    "hpa_min_purge_interval_ms experimental_hpa_max_purge_nhp hpa_dirty_mult hpa_purge_threshold "
    "hpa_min_purge_delay_ms hpa_hugify_style hpa_sec_nshards hpa_sec_max_alloc hpa_sec_max_bytes "
    "huge_arena_pac_thp metadata_thp mutex_max_spin background_thread dirty_decay_ms "
    "muzzy_decay_ms lg_extent_max_active_fit junk zero utrace xmalloc "
    "experimental_infallible_new experimental_tcache_gc tcache tcache_max "
    "tcache_nslots_small_min tcache_nslots_small_max tcache_nslots_large lg_tcache_nslots_mul "
    "tcache_gc_incr_bytes tcache_gc_delay_bytes lg_tcache_flush_small_div "
    "lg_tcache_flush_large_div debug_double_free_max_scan thp prof prof_bt_max prof_prefix "
    "prof_active prof_thread_active_init lg_prof_sample prof_accum lg_prof_interval prof_gdump "
    "prof_final prof_leak prof_leak_error stats_print stats_print_opts stats_interval "
    "stats_interval_opts zero_realloc process_madvise_max_batch disable_large_size_classes";

const char report_prof[] = "thread_active_init active gdump interval lg_sample";

const char report_mutexes[] = "background_thread max_per_bg_thd ctl prof prof_thds_data prof_dump "
                              "prof_recent_alloc prof_recent_dump prof_stats";

const char report_arena_mutexes[] =
    "large extent_avail extents_dirty extents_muzzy extents_retained extents_pinned decay_dirty "
    "decay_muzzy base tcache_list hpa_shard hpa_shard_grow hpa_sec";

const char report_arena_bytes[] =
    "mapped retained pinned base internal metadata_edata metadata_rtree metadata_thp tcache_bytes "
    "tcache_stashed_bytes resident abandoned_vm extent_avail";

static void to_message(void *opaque, const char *text) {
    (void)opaque;
    message_write(text);
}

static bool has(const char *letters, char letter) {
    return letters != NULL && strchr(letters, letter) != NULL;
}

static struct report_parts parse(const char *letters) {
    return (struct report_parts){.json = has(letters, 'J'),
                                 .openmetrics = has(letters, 'o'),
                                 .general = !has(letters, 'g'),
                                 .merged = !has(letters, 'm'),
                                 .destroyed = !has(letters, 'd'),
                                 .arenas = !has(letters, 'a'),
                                 .bins = !has(letters, 'b'),
                                 .large = !has(letters, 'l'),
                                 .mutexes = !has(letters, 'x'),
                                 .extents = !has(letters, 'e'),
                                 .hpa = !has(letters, 'h')};
}

uint64_t report_number(const char *control) {
    struct path path;
    path_begin(&path, "");
    return path_u64(&path, control);
}

unsigned report_narenas(void) {
    return (unsigned)report_number("arenas.narenas");
}

bool report_has_arena(unsigned arena) {
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, "stats.arenas");
    path_add_index(&path, arena);
    return path_ask(&path, "nthreads", &answer);
}

bool report_wants_merged(const struct report_parts *parts) {
    unsigned end = report_narenas();
    unsigned found = 0;
    for (unsigned i = 0; i < end && found < 2; i++) {
        found += report_has_arena(i);
    }
    return parts->merged && (found > 1 || !parts->arenas);
}

bool report_arena_name(unsigned arena, char name[REPORT_ARENA_NAME]) {
    char *to = name;
    size_t size = sizeof(to);
    struct path path;
    path_begin(&path, "arena");
    path_add_index(&path, arena);
    path_add(&path, "name");
    return ctl_by_name(path.text, (void *)&to, &size, NULL, 0) == 0;
}

void report_print(write_function *write, void *opaque, const char *letters) {
    struct report_parts parts = parse(letters);
    struct writer w;
    uint64_t epoch = 1;
    if (ctl_by_name("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0) {
        message_write("<ashlar>: no memory for statistics\n");
        return;
    }
    writer_begin(&w, write != NULL ? write : to_message, opaque);
    if (parts.json) {
        report_json(&w, &parts);
    } else if (parts.openmetrics) {
        report_openmetrics(&w, &parts);
    } else {
        report_text(&w, &parts);
    }
    writer_flush(&w);
}

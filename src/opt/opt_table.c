/*
 * opt_table.c: one row per option, and what can be done with a row without parsing anything.
 *
 * The parser, the help text, the reports, docs/options.md and the tests read these rows. A new
 * option is a field in struct opts and a row here; tools/gen-docs then rewrites the document.
 * Invariants: opt_rows and opt_foreign_keys are sorted by name and share no name; a row's default
 *             is one of its words or within its range. Checked by test/unit/opt/opt_table_test.c.
 * Locks:      none; the tables are constant.
 */
#include "opt/opt.h"

#include <limits.h>
#include <string.h>

#include "base/compiler.h"

#define FIELD(name) offsetof(struct opts, name)

/* The last values that fit 64 bits of nanoseconds, and the most arenas there can be. */
#define DECAY_MS_MAX INT64_C(18446744072000)
#define NARENAS_MAX 4094

static const struct opt_word bool_words[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
static const struct opt_word background_words[] = {
    {"true", BACKGROUND_TRUE},
    {"false", BACKGROUND_FALSE},
    {"auto", BACKGROUND_AUTO},
    {NULL, 0},
};
static const struct opt_word narenas_words[] = {{"default", 0}, {NULL, 0}};
static const struct opt_word junk_words[] = {
    {"true", JUNK_BOTH}, {"false", JUNK_OFF}, {"alloc", JUNK_ALLOC}, {"free", JUNK_FREE}, {NULL, 0},
};
static const struct opt_word page_size_words[] = {
    {"0", 0}, {"4096", 4096}, {"16384", 16384}, {"65536", 65536}, {NULL, 0},
};
static const struct opt_word percpu_words[] = {
    {"disabled", PERCPU_OFF},
    {"percpu", PERCPU_EACH},
    {"phycpu", PERCPU_PHYSICAL},
    {NULL, 0},
};
static const struct opt_word zero_realloc_words[] = {
    {"alloc", ZERO_REALLOC_ALLOC},
    {"free", ZERO_REALLOC_FREE},
    {"abort", ZERO_REALLOC_ABORT},
    {NULL, 0},
};

/* clang-format off */
const struct opt_row opt_rows[] = {
    {"abort_conf", OPT_BOOL, FIELD(abort_conf), 0, 1, 0, OPT_STRICT, bool_words,
     "Abort at the end of the first source of options that had an error."},
    {"background_thread", OPT_WORD, FIELD(background_thread), 0, BACKGROUND_AUTO, BACKGROUND_AUTO,
     OPT_STRICT, background_words,
     "Helper threads that give unused memory back while the program sleeps: from the start (true), "
     "when a process with several threads has much unused memory (auto), or never (false)."},
    {"confirm_conf", OPT_BOOL, FIELD(confirm_conf), 0, 1, 0, OPT_STRICT, bool_words,
     "Print every source of options and every setting taken from it."},
    {"dirty_decay_ms", OPT_I64, FIELD(dirty_decay_ms), -1, DECAY_MS_MAX, 10000, OPT_STRICT, NULL,
     "Milliseconds over which unused dirty pages go back to the system; 0 at once, -1 never."},
    {"help", OPT_BOOL, FIELD(help), 0, 1, 0, OPT_OURS | OPT_ACTION, bool_words,
     "Print this list when the program starts."},
    {"junk", OPT_WORD, FIELD(junk), 0, JUNK_BOTH, JUNK_OFF, OPT_STRICT, junk_words,
     "Fill memory with 0xa5 when it is allocated (alloc), with 0x5a when it is freed (free), "
     "or both (true)."},
    {"lg_extent_max_active_fit", OPT_SIZE, FIELD(lg_extent_max_active_fit), 0, 64, 6, OPT_STRICT,
     NULL,
     "Do not cut up dirty memory that is more than 2^n times the size asked for."},
    {"lg_tcache_max", OPT_LG_SIZE, FIELD(tcache_max), 0, 15, 15, OPT_CLIP | OPT_OTHER_NAME, NULL,
     "Sets tcache_max to 2^n bytes."},
    {"max_background_threads", OPT_SIZE, FIELD(max_background_threads), 1, 4, 4, OPT_CLIP, NULL,
     "How many helper threads there may be with background_thread:true; auto starts one."},
    {"muzzy_decay_ms", OPT_I64, FIELD(muzzy_decay_ms), -1, DECAY_MS_MAX, 0, OPT_STRICT, NULL,
     "Milliseconds pages spend lazily purged before they are given up for good; 0 skips that "
     "stage, -1 never."},
    {"narenas", OPT_UNSIGNED, FIELD(narenas), 1, NARENAS_MAX, 0, OPT_CLIP, narenas_words,
     "Number of arenas; by default computed from the CPUs the process may use."},
    {"oversize_threshold", OPT_SIZE, FIELD(oversize_threshold), 0, PTRDIFF_MAX, 0, OPT_STRICT, NULL,
     "Objects of so many bytes and more, but not below 32 KiB, come from an arena of their own that "
     "keeps nothing dirty; 0 for none."},
    {"page_size", OPT_WORD_SIZE, FIELD(page_size), 0, 65536, 0, OPT_OURS, page_size_words,
     "Page size in bytes to work with, for tests; 0 asks the system."},
    {"percpu_arena", OPT_WORD, FIELD(percpu_arena), 0, PERCPU_PHYSICAL, PERCPU_OFF, OPT_STRICT,
     percpu_words,
     "Arenas belong to CPUs, and a thread takes new memory from that of the CPU it runs on (percpu), "
     "or of a pair of CPUs that are one core (phycpu)."},
    {"retain", OPT_BOOL, FIELD(retain), 0, 1, 1, OPT_STRICT, bool_words,
     "Keep address space that is no longer used instead of unmapping it."},
    {"stats_print", OPT_BOOL, FIELD(stats_print), 0, 1, 0, OPT_STRICT, bool_words,
     "Print statistics when the program exits."},
    {"tcache", OPT_BOOL, FIELD(tcache), 0, 1, 1, OPT_STRICT, bool_words,
     "Give every thread a cache."},
    {"tcache_max", OPT_SIZE, FIELD(tcache_max), 0, 32768, 32768, OPT_CLIP, NULL,
     "Largest object in bytes that thread caches hold, rounded up to a size class."},
    {"xmalloc", OPT_BOOL, FIELD(xmalloc), 0, 1, 0, OPT_STRICT, bool_words,
     "Print a message and abort where an allocation would fail."},
    {"zero", OPT_BOOL, FIELD(zero), 0, 1, 0, OPT_STRICT, bool_words,
     "Zero memory when it is allocated."},
    {"zero_realloc", OPT_WORD, FIELD(zero_realloc), 0, ZERO_REALLOC_ABORT, ZERO_REALLOC_FREE,
     OPT_STRICT, zero_realloc_words,
     "What realloc(pointer, 0) does: give a smallest object (alloc), free it (free), or abort "
     "(abort)."},
};
/* clang-format on */
const size_t opt_nrows = ARRAY_LEN(opt_rows);

/* Known, so that a program's settings for jemalloc are told apart from typing errors. */
const char *const opt_foreign_keys[] = {
    "abort",
    "bin_shards",
    "cache_oblivious",
    "calloc_madvise_threshold",
    "debug_double_free_max_scan",
    "disable_large_size_classes",
    "dss",
    "experimental_hpa_enforce_hugify",
    "experimental_hpa_max_purge_nhp",
    "experimental_hpa_start_huge_if_thp_always",
    "experimental_infallible_new",
    "experimental_tcache_gc",
    "hpa",
    "hpa_dirty_mult",
    "hpa_hugification_threshold",
    "hpa_hugification_threshold_ratio",
    "hpa_hugify_delay_ms",
    "hpa_hugify_style",
    "hpa_hugify_sync",
    "hpa_min_purge_delay_ms",
    "hpa_min_purge_interval_ms",
    "hpa_purge_threshold",
    "hpa_purge_threshold_ratio",
    "hpa_sec_max_alloc",
    "hpa_sec_max_bytes",
    "hpa_sec_nshards",
    "hpa_slab_max_alloc",
    "huge_arena_pac_thp",
    "lg_prof_interval",
    "lg_prof_sample",
    "lg_san_uaf_align",
    "lg_tcache_flush_large_div",
    "lg_tcache_flush_small_div",
    "lg_tcache_nslots_mul",
    "log",
    "metadata_thp",
    "mutex_max_spin",
    "narenas_ratio",
    "process_madvise_max_batch",
    "prof",
    "prof_accum",
    "prof_active",
    "prof_bt_max",
    "prof_final",
    "prof_gdump",
    "prof_leak",
    "prof_leak_error",
    "prof_log",
    "prof_pid_namespace",
    "prof_prefix",
    "prof_recent_alloc_max",
    "prof_stats",
    "prof_sys_thread_name",
    "prof_thread_active_init",
    "prof_time_resolution",
    "prof_unbias",
    "san_guard_large",
    "san_guard_small",
    "slab_sizes",
    "stats_interval",
    "stats_interval_opts",
    "stats_print_opts",
    "tcache_gc_delay_bytes",
    "tcache_gc_incr_bytes",
    "tcache_ncached_max",
    "tcache_nslots_large",
    "tcache_nslots_small_max",
    "tcache_nslots_small_min",
    "thp",
    "trust_madvise",
    "utrace",
};
const size_t opt_nforeign_keys = ARRAY_LEN(opt_foreign_keys);

static bool key_is(const char *name, const char *key, size_t length) {
    return strlen(name) == length && memcmp(name, key, length) == 0;
}

const struct opt_row *opt_find(const char *key, size_t length) {
    for (size_t i = 0; i < opt_nrows; i++) {
        if (key_is(opt_rows[i].name, key, length)) {
            return &opt_rows[i];
        }
    }
    return NULL;
}

bool opt_is_foreign(const char *key, size_t length) {
    for (size_t i = 0; i < opt_nforeign_keys; i++) {
        if (key_is(opt_foreign_keys[i], key, length)) {
            return true;
        }
    }
    return false;
}

void opt_store(struct opts *to, const struct opt_row *row, int64_t value) {
    char *field = (char *)to + row->offset;
    switch (row->kind) {
    case OPT_BOOL:
        *(bool *)field = value != 0;
        break;
    case OPT_UNSIGNED:
    case OPT_WORD:
        *(unsigned *)(void *)field = (unsigned)value;
        break;
    case OPT_SIZE:
    case OPT_WORD_SIZE:
        *(size_t *)(void *)field = (size_t)value;
        break;
    case OPT_I64:
        *(int64_t *)(void *)field = value;
        break;
    case OPT_LG_SIZE:
        *(size_t *)(void *)field = (size_t)1 << value;
        break;
    }
}

static int64_t load(const struct opts *from, const struct opt_row *row) {
    const char *field = (const char *)from + row->offset;
    switch (row->kind) {
    case OPT_BOOL:
        return *(const bool *)field;
    case OPT_UNSIGNED:
    case OPT_WORD:
        return *(const unsigned *)(const void *)field;
    case OPT_I64:
        return *(const int64_t *)(const void *)field;
    case OPT_SIZE:
    case OPT_WORD_SIZE:
        return (int64_t) * (const size_t *)(const void *)field;
    case OPT_LG_SIZE:
        break;
    }
    size_t size = *(const size_t *)(const void *)field;
    return size == 0 ? 0 : 63 - __builtin_clzll(size);
}

void opts_set_defaults(struct opts *to) {
    memset(to, 0, sizeof(*to));
    for (size_t i = 0; i < opt_nrows; i++) {
        if ((opt_rows[i].flags & OPT_OTHER_NAME) == 0) {
            opt_store(to, &opt_rows[i], opt_rows[i].value);
        }
    }
}

void opt_write(struct fmt *out, const struct opt_row *row, const struct opts *from) {
    int64_t value = load(from, row);
    for (const struct opt_word *word = row->words; word != NULL && word->text != NULL; word++) {
        if (word->value == value) {
            fmt_str(out, word->text);
            return;
        }
    }
    fmt_i64(out, value);
}

void opt_write_accepted(struct fmt *out, const struct opt_row *row) {
    const char *separator = "";
    for (const struct opt_word *word = row->words; word != NULL && word->text != NULL; word++) {
        fmt_str(out, separator);
        fmt_str(out, word->text);
        separator = ", ";
    }
    if (row->kind == OPT_BOOL || row->kind == OPT_WORD || row->kind == OPT_WORD_SIZE) {
        return;
    }
    fmt_str(out, separator);
    fmt_i64(out, row->min);
    fmt_str(out, "..");
    fmt_i64(out, row->max);
}

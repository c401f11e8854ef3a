/*
 * opt_table.c: one row per option, and what can be done with a row without parsing anything.
 *
 * The parser, the help text, the reports, the controls opt.*, docs/options.md and the tests read these
 * rows. A new option is a field in struct opts and a row here; tools/gen-docs then rewrites the
 * document. Every option of jemalloc has a row, also those that mean nothing here.
 * Invariants: opt_rows is sorted by name; a row's default is one of its words or within its range.
 *             Checked by test/unit/opt/opt_table_test.c.
 * Locks:      none; the table is constant.
 */
#include "opt/opt.h"

#include <limits.h>
#include <string.h>

#include "base/compiler.h"

#define FIELD(name) offsetof(struct opts, name)
#define NONE 0

/* The last values that fit 64 bits of nanoseconds, and the most arenas and cache slots there can be. */
#define DECAY_MS_MAX INT64_C(18446744072000)
#define SIZE_LIMIT INT64_C(0x7000000000000000)
#define NARENAS_MAX 4094
#define NSLOTS_MAX 504
#define HUGE_PAGE (2 << 20)
#define CALLOC_PURGE_MIN (32 << 20)

#define BOOL "false\0true"
#define LETTERS "Jogmdablxeh"

/* Why several options have no meaning. */
#define ONE_PAGE_ALLOCATOR                                                                         \
    "there is one page allocator, and its 2 MiB chunks are what huge pages are made of."
#define CACHES_SHRINK_BY_TIME                                                                      \
    "what caches do not use goes home once a second, not after so many bytes."
#define HALF_A_CACHE "a full cache always gives away half of what it holds, as a whole."
#define PROFILER "the heap profiler."
#define HARDENING "quarantine and guard pages."

/* clang-format off */
const struct opt_row opt_rows[] = {
    {"abort", OPT_BOOL, OPT_STRICT, FIELD(abort), BOOL, 0, 1, 0,
     "Abort after a warning, such as a lack of huge pages that were asked for."},
    {"abort_conf", OPT_BOOL, OPT_STRICT, FIELD(abort_conf), BOOL, 0, 1, 0,
     "Abort at the end of the first source of options that had an error."},
    {"background_thread", OPT_WORD, OPT_STRICT, FIELD(background_thread), BOOL "\0auto", 0,
     BACKGROUND_AUTO, BACKGROUND_AUTO,
     "Helper threads that give unused memory back while the program sleeps: from the start "
     "(true), when a process with several threads has much unused memory (auto), or never "
     "(false)."},
    {"bin_shards", OPT_RANGES, OPT_NO_MEANING | OPT_HIDDEN, NONE, "", 0, 0, 0,
     "threads rarely meet at the bin of a class: they exchange whole magazines."},
    {"cache_oblivious", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     "large objects begin where their memory begins, and so take no page more."},
    {"calloc_madvise_threshold", OPT_SIZE, OPT_HIDDEN, FIELD(calloc_madvise_threshold),
     "", 0, SIZE_LIMIT, CALLOC_PURGE_MIN,
     "Bytes from which calloc has used memory replaced by the system instead of zeroing it."},
    {"confirm_conf", OPT_BOOL, OPT_STRICT, FIELD(confirm_conf), BOOL, 0, 1, 0,
     "Print every source of options and every setting taken from it."},
    {"debug_double_free_max_scan", OPT_UNSIGNED, OPT_NO_MEANING, NONE, "", 0, UINT_MAX, 0,
     "double frees are found when objects go home to their slabs, without looking through "
     "caches."},
    {"dirty_decay_ms", OPT_SSIZE, OPT_STRICT, FIELD(dirty_decay_ms), "", -1, DECAY_MS_MAX, 10000,
     "Milliseconds over which unused dirty pages go back to the system, and after which those inside "
     "slabs have gone; 0 at once (inside slabs within a second or two), -1 never."},
    {"disable_large_size_classes", OPT_BOOL, OPT_STRICT, FIELD(disable_large_size_classes), BOOL,
     0, 1, 1,
     "Round objects above 32 KiB up to pages; else to four sizes per doubling, as small ones "
     "are."},
    {"dss", OPT_WORD, OPT_NO_MEANING, NONE, "disabled\0primary\0secondary", 0, 2, 0,
     "memory never comes from sbrk."},
    {"experimental_hpa_enforce_hugify", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     ONE_PAGE_ALLOCATOR},
    {"experimental_hpa_max_purge_nhp", OPT_SSIZE, OPT_NO_MEANING, NONE, "", -1, INT64_MAX, -1,
     ONE_PAGE_ALLOCATOR},
    {"experimental_hpa_start_huge_if_thp_always", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 1,
     ONE_PAGE_ALLOCATOR},
    {"experimental_infallible_new", OPT_BOOL, OPT_STRICT, FIELD(experimental_infallible_new),
     BOOL, 0, 1, 0,
     "Print a message and abort where operator new would fail, without calling the new "
     "handler."},
    {"experimental_tcache_gc", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     CACHES_SHRINK_BY_TIME},
    {"help", OPT_BOOL, OPT_OURS | OPT_ACTION, FIELD(help), BOOL, 0, 1, 0,
     "Print this list when the program starts."},
    {"hpa", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     ONE_PAGE_ALLOCATOR},
    {"hpa_dirty_mult", OPT_FIXED, OPT_NO_MEANING, NONE, "", -1, UINT32_MAX, OPT_FIXED_ONE / 4,
     ONE_PAGE_ALLOCATOR},
    {"hpa_hugification_threshold", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "",
     4096, HUGE_PAGE, 1992294,
     ONE_PAGE_ALLOCATOR},
    {"hpa_hugification_threshold_ratio", OPT_FIXED, OPT_NO_MEANING | OPT_OTHER_NAME, NONE, "", 0,
     OPT_FIXED_ONE, 0,
     ONE_PAGE_ALLOCATOR},
    {"hpa_hugify_delay_ms", OPT_U64, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, INT64_MAX, 10000,
     ONE_PAGE_ALLOCATOR},
    {"hpa_hugify_style", OPT_WORD, OPT_NO_MEANING, NONE, "auto\0none\0eager\0lazy", 0, 3, 3,
     ONE_PAGE_ALLOCATOR},
    {"hpa_hugify_sync", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     ONE_PAGE_ALLOCATOR},
    {"hpa_min_purge_delay_ms", OPT_U64, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, INT64_MAX, 0,
     ONE_PAGE_ALLOCATOR},
    {"hpa_min_purge_interval_ms", OPT_U64, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, INT64_MAX,
     5000,
     ONE_PAGE_ALLOCATOR},
    {"hpa_purge_threshold", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "", 4096,
     HUGE_PAGE, 4096,
     ONE_PAGE_ALLOCATOR},
    {"hpa_purge_threshold_ratio", OPT_FIXED, OPT_NO_MEANING | OPT_OTHER_NAME, NONE, "", 0,
     OPT_FIXED_ONE, 0,
     ONE_PAGE_ALLOCATOR},
    {"hpa_sec_max_alloc", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "", 4096, 32768,
     32768,
     ONE_PAGE_ALLOCATOR},
    {"hpa_sec_max_bytes", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "", 262144,
     PTRDIFF_MAX, 262144,
     ONE_PAGE_ALLOCATOR},
    {"hpa_sec_nshards", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, PTRDIFF_MAX, 2,
     ONE_PAGE_ALLOCATOR},
    {"hpa_slab_max_alloc", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "", 4096,
     HUGE_PAGE, 65536,
     ONE_PAGE_ALLOCATOR},
    {"huge_arena_pac_thp", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     "the option thp is about all arenas."},
    {"junk", OPT_WORD, OPT_STRICT, FIELD(junk), "false\0" "alloc\0free\0true", 0, JUNK_BOTH,
     JUNK_OFF,
     "Fill memory with 0xa5 when it is allocated (alloc), with 0x5a when it is freed (free), "
     "or both (true)."},
    {"lg_extent_max_active_fit", OPT_SIZE, OPT_STRICT, FIELD(lg_extent_max_active_fit), "", 0, 64,
     6,
     "Do not cut up a series of unused dirty chunks of 2 MiB that is more than 2^n times as long as "
     "what is asked for, while there are clean ones."},
    {"lg_prof_interval", OPT_SSIZE, OPT_NOT_BUILT, NONE, "", -1, 63, -1,
     PROFILER},
    {"lg_prof_sample", OPT_SIZE, OPT_NOT_BUILT | OPT_CLIP, NONE, "", 0, 63, 19,
     PROFILER},
    {"lg_san_uaf_align", OPT_SSIZE, OPT_NOT_BUILT | OPT_CLIP, NONE, "", -1, 63, -1,
     HARDENING},
    {"lg_tcache_flush_large_div", OPT_UNSIGNED, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "",
     1, 16, 1,
     HALF_A_CACHE},
    {"lg_tcache_flush_small_div", OPT_UNSIGNED, OPT_NO_MEANING | OPT_CLIP | OPT_RAISE, NONE, "",
     1, 16, 1,
     HALF_A_CACHE},
    {"lg_tcache_max", OPT_LG_SIZE, OPT_CLIP | OPT_OTHER_NAME, FIELD(tcache_max), "", 0, 15, 15,
     "Sets tcache_max to 2^n bytes."},
    {"lg_tcache_nslots_mul", OPT_SSIZE, OPT_STRICT, FIELD(lg_tcache_nslots_mul), "", -16, 16, 1,
     "Caches of objects up to 14336 bytes hold twice as many for each step above 1, half as "
     "many for each below, within the next two bounds."},
    {"log", OPT_TEXT, OPT_NO_MEANING | OPT_HIDDEN, NONE, "", 0, 0, 0,
     "the allocator writes no trace of what it does."},
    {"max_background_threads", OPT_SIZE, OPT_CLIP | OPT_RAISE, FIELD(max_background_threads), "",
     1, 4, 4,
     "How many helper threads there may be with background_thread:true; auto starts one."},
    {"metadata_thp", OPT_WORD, OPT_STRICT, FIELD(metadata_thp), "disabled\0auto\0always", 0,
     METADATA_THP_ALWAYS, METADATA_THP_OFF,
     "Huge pages for the allocator's own data: once there are 2 MiB of it (auto), or from the "
     "start (always)."},
    {"mutex_max_spin", OPT_I64, OPT_STRICT, FIELD(mutex_max_spin), "", -1, INT64_MAX, 100,
     "How often a thread looks at a taken lock before it sleeps; -1: it never sleeps."},
    {"muzzy_decay_ms", OPT_SSIZE, OPT_STRICT, FIELD(muzzy_decay_ms), "", -1, DECAY_MS_MAX, 0,
     "Milliseconds pages spend lazily purged before they are given up for good; 0 skips that "
     "stage, -1 never."},
    {"narenas", OPT_UNSIGNED, OPT_CLIP, FIELD(narenas), "default", 1, NARENAS_MAX, 0,
     "Number of arenas; by default computed from the CPUs the process may use."},
    {"narenas_ratio", OPT_FIXED, OPT_HIDDEN, FIELD(narenas_ratio), "", 0, UINT32_MAX,
     INT64_C(2) * OPT_FIXED_ONE,
     "Arenas per CPU where narenas and percpu_arena do not say how many; at least one in all."},
    {"oversize_threshold", OPT_SIZE, OPT_STRICT, FIELD(oversize_threshold), "", 0, PTRDIFF_MAX, 0,
     "Objects of so many bytes and more, but not below 32 KiB, come from an arena of their own"
     " that keeps nothing dirty; 0 for none."},
    {"page_size", OPT_NUMERAL, OPT_OURS, FIELD(page_size), "0\0" "4096\0" "16384\0" "65536", 0,
     65536, 0,
     "Page size in bytes to work with, for tests; 0 asks the system."},
    {"percpu_arena", OPT_WORD, OPT_STRICT, FIELD(percpu_arena), "disabled\0percpu\0phycpu", 0,
     PERCPU_PHYSICAL, PERCPU_OFF,
     "Arenas belong to CPUs, and a thread takes new memory from that of the CPU it runs on "
     "(percpu), or of a pair of CPUs that are one core (phycpu)."},
    {"process_madvise_max_batch", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, 128, 0,
     "each range of unused memory is given back with a call of its own."},
    {"prof", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_accum", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_active", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 1,
     PROFILER},
    {"prof_bt_max", OPT_UNSIGNED, OPT_NOT_BUILT | OPT_CLIP | OPT_RAISE, NONE, "", 1, UINT_MAX,
     128,
     PROFILER},
    {"prof_final", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_gdump", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_leak", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_leak_error", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_log", OPT_BOOL, OPT_NOT_BUILT | OPT_HIDDEN, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_pid_namespace", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_prefix", OPT_TEXT, OPT_NOT_BUILT, NONE, "jeprof", 0, 0, 0,
     PROFILER},
    {"prof_recent_alloc_max", OPT_SSIZE, OPT_NOT_BUILT, NONE, "", -1, INT64_MAX, 0,
     PROFILER},
    {"prof_stats", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_sys_thread_name", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 0,
     PROFILER},
    {"prof_thread_active_init", OPT_BOOL, OPT_NOT_BUILT, NONE, BOOL, 0, 1, 1,
     PROFILER},
    {"prof_time_resolution", OPT_WORD, OPT_NOT_BUILT, NONE, "default\0high", 0, 1, 0,
     PROFILER},
    {"prof_unbias", OPT_BOOL, OPT_NOT_BUILT | OPT_HIDDEN, NONE, BOOL, 0, 1, 1,
     PROFILER},
    {"retain", OPT_BOOL, OPT_STRICT, FIELD(retain), BOOL, 0, 1, 1,
     "Keep address space that is no longer used instead of unmapping it."},
    {"san_guard_large", OPT_SIZE, OPT_NOT_BUILT | OPT_CLIP | OPT_HIDDEN, NONE, "", 0, PTRDIFF_MAX,
     0,
     HARDENING},
    {"san_guard_small", OPT_SIZE, OPT_NOT_BUILT | OPT_CLIP | OPT_HIDDEN, NONE, "", 0, PTRDIFF_MAX,
     0,
     HARDENING},
    {"slab_sizes", OPT_RANGES, OPT_NO_MEANING | OPT_HIDDEN, NONE, "default", 0, 0, 0,
     "slabs have the size that fits their class best, which is fixed when the library is "
     "built."},
    {"stats_interval", OPT_I64, OPT_STRICT, FIELD(stats_interval), "", -1, INT64_MAX, -1,
     "Print statistics after so many bytes were allocated, again and again; -1: do not."},
    {"stats_interval_opts", OPT_LETTERS, OPT_STRICT, FIELD(stats_interval_opts), LETTERS, 0, 0, 0,
     "What stats_interval prints, in letters of malloc_stats_print."},
    {"stats_print", OPT_BOOL, OPT_STRICT, FIELD(stats_print), BOOL, 0, 1, 0,
     "Print statistics when the program exits; in vain if it has closed stderr by then, as "
     "coreutils do."},
    {"stats_print_opts", OPT_LETTERS, OPT_STRICT, FIELD(stats_print_opts), LETTERS, 0, 0, 0,
     "What stats_print prints, in letters of malloc_stats_print."},
    {"tcache", OPT_BOOL, OPT_STRICT, FIELD(tcache), BOOL, 0, 1, 1,
     "Give every thread a cache."},
    {"tcache_gc_delay_bytes", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, PTRDIFF_MAX, 0,
     CACHES_SHRINK_BY_TIME},
    {"tcache_gc_incr_bytes", OPT_SIZE, OPT_NO_MEANING | OPT_CLIP, NONE, "", 0, PTRDIFF_MAX, 0,
     CACHES_SHRINK_BY_TIME},
    {"tcache_max", OPT_SIZE, OPT_CLIP, FIELD(tcache_max), "", 0, 32768, 32768,
     "Largest object in bytes that thread caches hold, rounded up to a size class."},
    {"tcache_ncached_max", OPT_RANGES, OPT_HIDDEN, FIELD(tcache_ncached_max), "", 0, 0, 0,
     "How many objects of which sizes a thread's cache holds, such as 16-64:100|1024-32768:0; "
     "even numbers up to 504. Other sizes stay as the options tcache_nslots_* say."},
    {"tcache_nslots_large", OPT_UNSIGNED, OPT_CLIP | OPT_RAISE, FIELD(tcache_nslots_large), "default", 1,
     NSLOTS_MAX, 0,
     "Objects of 16 to 32 KiB that a cache holds of each class, made even; by default 8 or 16."},
    {"tcache_nslots_small_max", OPT_UNSIGNED, OPT_CLIP | OPT_RAISE,
     FIELD(tcache_nslots_small_max), "", 1, NSLOTS_MAX, NSLOTS_MAX,
     "The most objects up to 14336 bytes that a cache holds of a class, made even."},
    {"tcache_nslots_small_min", OPT_UNSIGNED, OPT_CLIP | OPT_RAISE,
     FIELD(tcache_nslots_small_min), "", 1, NSLOTS_MAX, 16,
     "The least such number; tcache_nslots_small_max counts more."},
    {"thp", OPT_WORD, OPT_STRICT, FIELD(thp), "default\0always\0never\0collapse", 0, THP_COLLAPSE,
     THP_DEFAULT,
     "Huge pages for the program's memory: as the system is set (default), wherever possible "
     "(always), none (never), or for chunks of 2 MiB that stay in use for dirty_decay_ms "
     "(collapse). Not in arenas with extent hooks."},
    {"trust_madvise", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 1,
     "memory that was given back is always taken to be zero."},
    {"utrace", OPT_BOOL, OPT_NO_MEANING, NONE, BOOL, 0, 1, 0,
     "FreeBSD alone has utrace."},
    {"xmalloc", OPT_BOOL, OPT_STRICT, FIELD(xmalloc), BOOL, 0, 1, 0,
     "Print a message and abort where an allocation would fail."},
    {"zero", OPT_BOOL, OPT_STRICT, FIELD(zero), BOOL, 0, 1, 0,
     "Zero memory when it is allocated."},
    {"zero_realloc", OPT_WORD, OPT_STRICT, FIELD(zero_realloc), "alloc\0free\0abort", 0,
     ZERO_REALLOC_ABORT, ZERO_REALLOC_FREE,
     "What realloc(pointer, 0) does: give a smallest object (alloc), free it (free), or abort "
     "(abort)."},
};
/* clang-format on */
const size_t opt_nrows = ARRAY_LEN(opt_rows);

const struct opt_row *opt_find(const char *key, size_t length) {
    for (size_t i = 0; i < opt_nrows; i++) {
        const char *name = opt_rows[i].name;
        if (strncmp(name, key, length) == 0 && name[length] == '\0') {
            return &opt_rows[i];
        }
    }
    return NULL;
}

const char *opt_next_word(const struct opt_row *row, const char *word) {
    word = word == NULL ? row->words : word + strlen(word) + 1;
    return word < row->words + sizeof(row->words) && *word != '\0' ? word : NULL;
}

static const char *word_at(const struct opt_row *row, int64_t position) {
    const char *word = opt_next_word(row, NULL);
    while (word != NULL && position-- > 0) {
        word = opt_next_word(row, word);
    }
    return word;
}

void opt_store(struct opts *to, const struct opt_row *row, int64_t value) {
    void *field = (char *)to + row->offset;
    if ((row->flags & OPT_NO_FIELD) != 0) {
        return;
    }
    switch ((enum opt_kind)row->kind) {
    case OPT_BOOL:
        *(bool *)field = value != 0;
        break;
    case OPT_UNSIGNED:
    case OPT_WORD:
    case OPT_FIXED:
        *(uint32_t *)field = (uint32_t)value;
        break;
    case OPT_SIZE:
    case OPT_NUMERAL:
    case OPT_SSIZE:
    case OPT_I64:
    case OPT_U64:
        *(int64_t *)field = value;
        break;
    case OPT_LG_SIZE:
        *(size_t *)field = (size_t)1 << value;
        break;
    case OPT_LETTERS:
    case OPT_RANGES:
    case OPT_TEXT:
        break;
    }
}

static void add_letters(char *field, const char *known, struct opt_text letters) {
    size_t n = strlen(field);
    for (size_t i = 0; i < letters.length; i++) {
        char letter = letters.text[i];
        if (letter != '\0' && strchr(known, letter) != NULL && strchr(field, letter) == NULL) {
            field[n++] = letter;
        }
    }
}

void opt_store_text(struct opts *to, const struct opt_row *row, struct opt_text value) {
    char *field = (char *)to + row->offset;
    if ((row->flags & OPT_NO_FIELD) != 0) {
        return;
    }
    if (row->kind == OPT_LETTERS) {
        add_letters(field, row->words, value);
    } else if (row->kind == OPT_RANGES) {
        *(struct opt_text *)(void *)field = value;
    }
}

int64_t opt_number(const struct opts *from, const struct opt_row *row) {
    const void *field = (const char *)from + row->offset;
    if ((row->flags & OPT_NO_FIELD) != 0) {
        return row->value;
    }
    switch ((enum opt_kind)row->kind) {
    case OPT_BOOL:
        return *(const bool *)field;
    case OPT_UNSIGNED:
    case OPT_WORD:
    case OPT_FIXED:
        return *(const uint32_t *)field;
    case OPT_SIZE:
    case OPT_NUMERAL:
    case OPT_SSIZE:
    case OPT_I64:
    case OPT_U64:
        return *(const int64_t *)field;
    case OPT_LG_SIZE:
        return 63 - __builtin_clzll(*(const size_t *)field | 1);
    case OPT_LETTERS:
    case OPT_RANGES:
    case OPT_TEXT:
        break;
    }
    return 0;
}

const char *opt_string(const struct opts *from, const struct opt_row *row) {
    if (row->kind == OPT_LETTERS) {
        return (const char *)from + row->offset;
    }
    const char *word = word_at(row, opt_number(from, row));
    return word != NULL ? word : "";
}

/* The rows' defaults that are not zero, once more, so that a process whose options nobody sets does not
 * touch the table. */
static const struct opts defaults = {
    .dirty_decay_ms = 10000,
    .mutex_max_spin = 100,
    .stats_interval = -1,
    .lg_tcache_nslots_mul = 1,
    .tcache_max = 32768,
    .lg_extent_max_active_fit = 6,
    .max_background_threads = 4,
    .calloc_madvise_threshold = CALLOC_PURGE_MIN,
    .narenas_ratio = 2 * OPT_FIXED_ONE,
    .tcache_nslots_small_min = 16,
    .tcache_nslots_small_max = NSLOTS_MAX,
    .zero_realloc = ZERO_REALLOC_FREE,
    .background_thread = BACKGROUND_AUTO,
    .tcache = true,
    .retain = true,
    .disable_large_size_classes = true,
};

void opts_set_defaults(struct opts *to) {
    *to = defaults;
}

/* ---- values as text ---------------------------------------------------------------------------- */

/* Five decimals tell all fractions apart, and are read back as what they were. */
static void write_fixed(struct fmt *out, int64_t value) {
    if (value < 0) {
        fmt_i64(out, value);
        return;
    }
    uint64_t hundred_thousandths = ((uint64_t)value * 100000 + OPT_FIXED_ONE / 2) / OPT_FIXED_ONE;
    unsigned decimals = 5;
    while (decimals > 1 && hundred_thousandths % 10 == 0) {
        hundred_thousandths /= 10;
        decimals--;
    }
    fmt_fixed(out, hundred_thousandths, decimals);
}

static void write_number(struct fmt *out, const struct opt_row *row, int64_t value) {
    if (row->kind == OPT_FIXED) {
        write_fixed(out, value);
    } else {
        fmt_i64(out, value);
    }
}

static struct opt_text text_of(const struct opts *from, const struct opt_row *row) {
    if (row->kind == OPT_RANGES && (row->flags & OPT_NO_FIELD) == 0) {
        return *(const struct opt_text *)(const void *)((const char *)from + row->offset);
    }
    const char *text = opt_string(from, row);
    return (struct opt_text){text, strlen(text)};
}

void opt_write(struct fmt *out, const struct opt_row *row, const struct opts *from) {
    if (row->kind == OPT_RANGES || row->kind == OPT_LETTERS || row->kind == OPT_TEXT) {
        struct opt_text value = text_of(from, row);
        fmt_strn(out, value.length != 0 ? value.text : "", value.length);
        return;
    }
    int64_t value = opt_number(from, row);
    const char *word = row->kind != OPT_NUMERAL ? word_at(row, value) : NULL;
    if (word != NULL) {
        fmt_str(out, word);
    } else {
        write_number(out, row, value);
    }
}

void opt_write_accepted(struct fmt *out, const struct opt_row *row) {
    if (row->kind == OPT_LETTERS) {
        fmt_str(out, "letters of ");
        fmt_str(out, row->words);
        return;
    }
    const char *separator = "";
    for (const char *word = NULL; (word = opt_next_word(row, word)) != NULL;) {
        fmt_str(out, separator);
        fmt_str(out, word);
        separator = ", ";
    }
    switch ((enum opt_kind)row->kind) {
    case OPT_BOOL:
    case OPT_WORD:
    case OPT_NUMERAL:
    case OPT_TEXT:
        break;
    case OPT_RANGES:
        fmt_str(out, separator);
        fmt_str(out, "FROM-TO:N and more with |");
        break;
    default:
        fmt_str(out, separator);
        write_number(out, row, row->min);
        fmt_str(out, "..");
        write_number(out, row, row->max);
    }
}

/*
 * ctl_internal.h: a row of the table of controls, and one use of a control.
 *
 * A control is a field of a statistics snapshot, found by adding up the offsets of the rows along its
 * path, or a function. Levels that recur (a lock's counters) are shared by the rows that point there.
 */
#ifndef ASHLAR_CTL_CTL_INTERNAL_H
#define ASHLAR_CTL_CTL_INTERNAL_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/config.h"
#include "cache/thread_event.h"
#include "ctl/ctl.h"
#include "opt/opt.h"

/* What a value is; ctl_types says how large. */
enum ctl_type {
    CTL_NODE, /* not a control: there are more words */
    CTL_VOID, /* an action, or a hook: no value */
    CTL_BOOL,
    CTL_UNSIGNED,
    CTL_U32,
    CTL_U64,
    CTL_I64,
    CTL_SIZE,
    CTL_SSIZE,
    CTL_STRING,
    CTL_POINTER,
    CTL_INDEX_OF_POINTER, /* in: a pointer; out: an unsigned */
    CTL_CONFIG,           /* in: a struct ctl_arena_config; out: an unsigned */
    CTL_BATCH,            /* in: a struct ctl_batch; out: a size_t */
    CTL_THREAD_EVENT,     /* in: a struct ctl_thread_event */
    CTL_OWN_SIZES,        /* the function looks at the sizes itself */
    CTL_NTYPES,
};

struct ctl_type_sizes {
    uint8_t out;
    uint8_t in;
};
extern const struct ctl_type_sizes ctl_types[CTL_NTYPES];

enum ctl_flags {
    CTL_READ = 1,
    CTL_WRITE = 2,
    CTL_CREATES = 4, /* a read with a wrong length creates nothing and sets the length to 0 */
    CTL_UNLOCKED =
        8, /* concerns the calling thread alone, changes nothing, or waits for an arena's purge, which may be
                       * in a hook that uses controls */
    /* How far it is to be relied on, for the documentation. */
    CTL_EXPERIMENTAL = 16,
    CTL_INTERNAL = 32,
    CTL_OURS = 64, /* not a control of jemalloc */

    CTL_IN_PAGES = 128, /* a field in bytes, shown in whole pages */
};

/* In the order of ctl_levels. */
enum ctl_level_id {
    LEVEL_ROOT,
    LEVEL_THREAD,
    LEVEL_THREAD_TCACHE,
    LEVEL_THREAD_NCACHED_MAX,
    LEVEL_THREAD_PEAK,
    LEVEL_TCACHE,
    LEVEL_THREAD_PROF,
    LEVEL_CONFIG,
    LEVEL_OPT,
    LEVEL_OPT_SOURCES,
    LEVEL_ARENA,
    LEVEL_ARENAS,
    LEVEL_ARENAS_BIN,
    LEVEL_ARENAS_LEXTENT,
    LEVEL_PROF,
    LEVEL_PROF_STATS,
    LEVEL_PROF_BIN,
    LEVEL_PROF_LEXTENT,
    LEVEL_STATS,
    LEVEL_STATS_BACKGROUND,
    LEVEL_STATS_MUTEXES,
    LEVEL_STATS_ARENAS,
    LEVEL_STATS_OBJECTS,
    LEVEL_STATS_BIN,
    LEVEL_STATS_LEXTENT,
    LEVEL_STATS_EXTENT,
    LEVEL_STATS_ARENA_MUTEXES,
    LEVEL_STATS_HPA,
    LEVEL_STATS_HPA_ALLOC,
    LEVEL_STATS_HPA_SLABS,
    LEVEL_STATS_HPA_NONFULL,
    LEVEL_MUTEX,
    LEVEL_OURS,
    LEVEL_OURS_STATS,
    LEVEL_OURS_LIVE,
    LEVEL_APPROXIMATE,
    LEVEL_EXPERIMENTAL,
    LEVEL_UTILIZATION,
    LEVEL_EXPERIMENTAL_ARENAS,
    LEVEL_HOOKS,
    LEVEL_PROF_RECENT,
    CTL_NLEVELS,
};

/* In the order of `functions` in ctl.c. */
enum ctl_function_id {
    DO_FIELD,     /* a field of a snapshot at the row's offset */
    DO_CONSTANT,  /* the row's offset is the value */
    DO_NOT_BUILT, /* a part of jemalloc that this version has not: ENOENT */
    DO_VERSION,
    DO_CONFIG_DEBUG,
    DO_CONFIG_MALLOC_CONF,
    DO_OPTION,
    DO_OPTION_SOURCE,
    DO_THREAD_ARENA,
    DO_THREAD_ALLOCATED,
    DO_THREAD_DEALLOCATED,
    DO_THREAD_ALLOCATEDP,
    DO_THREAD_DEALLOCATEDP,
    DO_THREAD_PEAK_READ,
    DO_THREAD_PEAK_RESET,
    DO_THREAD_IDLE,
    DO_THREAD_TCACHE_ENABLED,
    DO_THREAD_TCACHE_MAX,
    DO_THREAD_TCACHE_FLUSH,
    DO_THREAD_NCACHED_MAX,
    DO_THREAD_SET_NCACHED_MAX,
    DO_TCACHE_CREATE,
    DO_TCACHE_FLUSH,
    DO_TCACHE_DESTROY,
    DO_ARENA_INITIALIZED,
    DO_ARENA_DECAY,
    DO_ARENA_PURGE,
    DO_ARENA_RESET,
    DO_ARENA_DESTROY,
    DO_ARENA_DSS,
    DO_ARENA_DECAY_MS,
    DO_ARENA_HOOKS,
    DO_ARENA_GROW_LIMIT,
    DO_ARENA_OVERSIZE,
    DO_ARENA_NAME,
    DO_DEFAULT_DECAY_MS,
    DO_ARENAS_CREATE,
    DO_ARENAS_LOOKUP,
    DO_NARENAS,
    DO_PAGE,
    DO_TCACHE_MAX,
    DO_NHBINS,
    DO_BIN_SIZE,
    DO_BIN_NREGS,
    DO_BIN_SLAB_SIZE,
    DO_LEXTENT_SIZE,
    DO_EPOCH,
    DO_LIVE_FIELD,
    DO_STATS_DSS,
    DO_DETAIL,
    DO_RUN_HISTOGRAM,
    DO_MUTEXES_RESET,
    DO_ZERO_REALLOCS,
    DO_HUGE_BYTES,
    DO_BACKGROUND_THREAD,
    DO_MAX_BACKGROUND_THREADS,
    DO_BACKGROUND_NTHREADS,
    DO_BACKGROUND_NRUNS,
    DO_BACKGROUND_INTERVAL,
    DO_ACTIVE,
    DO_UTILIZATION,
    DO_UTILIZATION_BATCH,
    DO_PACTIVEP,
    DO_BATCH_ALLOC,
    DO_SAFETY_CHECK_ABORT,
    DO_THREAD_EVENT,
    CTL_NFUNCTIONS,
};

/* The text is for tools/gen-docs, which defines CTL_DOCUMENTED; the library does without. */
#ifdef CTL_DOCUMENTED
#define CTL_HELP(text) text
#else
#define CTL_HELP(text)
#endif

/* 40 bytes without pointers, so that the table is constant and untouched until somebody asks. */
struct ctl_row {
    char name[29];
    uint8_t type;  /* enum ctl_type */
    uint8_t flags; /* of enum ctl_flags */
    uint8_t next;  /* CTL_NODE: the enum ctl_level_id below; else an enum ctl_function_id */
    uint32_t offset;
#ifdef CTL_DOCUMENTED
    const char *help;
#endif
};

/* stats.arenas.<i>.hpa_shard.alloc.<j> of jemalloc has so many rows. */
enum { CTL_HPA_ALLOC_ROWS = 9 };

/* What the numbers of a level with an index count. */
enum ctl_index {
    INDEX_NONE,
    INDEX_ARENA, /* an arena there could be, or all, or those destroyed */
    INDEX_BIN,
    INDEX_LEXTENT,
    INDEX_EXTENT,
    INDEX_HPA_ALLOC,
    INDEX_HPA_NONFULL,
};

struct ctl_level {
    const struct ctl_row *rows;
    uint16_t nrows;
    uint8_t index;   /* enum ctl_index: a number comes before the rows' names */
    uint32_t stride; /* bytes of a snapshot between fields of one number and the next */
};
extern const struct ctl_level ctl_levels[CTL_NLEVELS];

/* What experimental.arenas_create_ext is given. */
struct ctl_arena_config {
    void *hooks; /* an extent_hooks_t * */
    bool metadata_use_hooks;
};

/* What experimental.batch_alloc is given. */
struct ctl_batch {
    void **objects;
    size_t n;
    size_t request;
    int flags;
};

/* What experimental.hooks.thread_event is given. */
struct ctl_thread_event {
    thread_event_call *call;
    uint64_t interval;
    bool is_alloc_only;
};

union ctl_value {
    bool b;
    unsigned u;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    size_t size;
    ssize_t ssize;
    const char *text;
    void *pointer;
    void (*hook)(const char *text);
    struct ctl_batch batch;
    struct ctl_thread_event event;
    struct ctl_arena_config config; /* `hooks` is where `pointer` is */
};

/* One use of a control. */
struct ctl_call {
    const struct ctl_row *row;
    const struct opt_row *option; /* of opt.* */
    unsigned arena;               /* the first number of the path, if it is an arena */
    unsigned index;               /* the last number of the path */
    size_t offset;                /* in the snapshot of the arena, or of the process */
    bool of_arena;
    const union ctl_value *in; /* to be written, = &given; NULL: only read */
    union ctl_value given;
    union ctl_value out; /* the answer */
    /* What the program gave, for CTL_OWN_SIZES. */
    void *oldp;
    size_t *oldlenp;
    const void *newp;
    size_t newlen;
};

/* Carries out a control: c->in if that is not NULL, then c->out. 0 or an errno. */
typedef int ctl_function(struct ctl_call *c);

/* ---- ctl_table.c ---- */

extern const struct ctl_row ctl_option_row; /* of every control opt.* */
/* The option that the control opt.<word> shows, or NULL. */
const struct opt_row *ctl_option_find(const char *word, size_t length);
enum ctl_type ctl_option_type(const struct opt_row *row);

/* ---- ctl_option.c: what was fixed at start or before ---- */

ctl_function ctl_version, ctl_constant, ctl_config_debug, ctl_config_malloc_conf, ctl_option,
    ctl_option_source;

/* ---- ctl_thread.c ---- */

ctl_function ctl_thread_arena, ctl_thread_allocated, ctl_thread_deallocated, ctl_thread_allocatedp,
    ctl_thread_deallocatedp, ctl_thread_peak_read, ctl_thread_peak_reset, ctl_thread_idle,
    ctl_thread_tcache_enabled, ctl_thread_tcache_max, ctl_thread_tcache_flush,
    ctl_thread_ncached_max, ctl_thread_set_ncached_max, ctl_tcache_create, ctl_tcache_flush,
    ctl_tcache_destroy;

/* ---- ctl_arenas.c ---- */

ctl_function ctl_arena_initialized, ctl_arena_decay, ctl_arena_purge, ctl_arena_reset,
    ctl_arena_destroy, ctl_arena_dss, ctl_arena_name, ctl_arenas_create, ctl_arenas_lookup;
ctl_function ctl_arena_oversize, ctl_arena_decay_ms, ctl_default_decay_ms, ctl_arena_hooks,
    ctl_arena_grow_limit;
ctl_function ctl_narenas, ctl_page, ctl_tcache_max, ctl_nhbins, ctl_bin_size, ctl_bin_nregs,
    ctl_bin_slab_size, ctl_lextent_size;
/* ---- ctl_stats.c ---- */

ctl_function ctl_field, ctl_epoch, ctl_live_field, ctl_stats_dss, ctl_detail, ctl_run_histogram,
    ctl_mutexes_reset, ctl_zero_reallocs, ctl_huge_bytes, ctl_active;

/* ---- ctl_background.c ---- */

ctl_function ctl_background_thread, ctl_max_background_threads, ctl_background_nthreads,
    ctl_background_nruns, ctl_background_interval;

/* ---- ctl_experimental.c ---- */

ctl_function ctl_utilization, ctl_utilization_batch, ctl_pactivep, ctl_batch_alloc,
    ctl_thread_event, ctl_safety_check_abort;

/* Arenas that exist, or will when threads need them, have numbers below. */
unsigned ctl_arenas_end(void);

#endif

/*
 * ctl.c: from a name to a row of the table, and the rules that hold for all controls.
 *
 * A length that is not the value's copies what fits and reports EINVAL, but changes nothing: jemalloc's
 * order of steps differs from one control to the next; here values are checked first.
 * Locks: ctl_lock, whose holder is remembered because a hook may come back here.
 */
#include "ctl/ctl.h"

#include <string.h>

#include "cache/thread.h"
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "stats/detail.h"

struct lock ctl_lock = {.rank = RANK_CTL};
static struct thread *const *_Atomic holder; /* whose this_thread; NULL: nobody's */

static ctl_function *const functions[CTL_NFUNCTIONS] = {
    [DO_FIELD] = ctl_field,
    [DO_CONSTANT] = ctl_constant,
    [DO_VERSION] = ctl_version,
    [DO_CONFIG_DEBUG] = ctl_config_debug,
    [DO_CONFIG_MALLOC_CONF] = ctl_config_malloc_conf,
    [DO_OPTION] = ctl_option,
    [DO_OPTION_SOURCE] = ctl_option_source,
    [DO_THREAD_ARENA] = ctl_thread_arena,
    [DO_THREAD_ALLOCATED] = ctl_thread_allocated,
    [DO_THREAD_DEALLOCATED] = ctl_thread_deallocated,
    [DO_THREAD_ALLOCATEDP] = ctl_thread_allocatedp,
    [DO_THREAD_DEALLOCATEDP] = ctl_thread_deallocatedp,
    [DO_THREAD_PEAK_READ] = ctl_thread_peak_read,
    [DO_THREAD_PEAK_RESET] = ctl_thread_peak_reset,
    [DO_THREAD_IDLE] = ctl_thread_idle,
    [DO_THREAD_TCACHE_ENABLED] = ctl_thread_tcache_enabled,
    [DO_THREAD_TCACHE_MAX] = ctl_thread_tcache_max,
    [DO_THREAD_TCACHE_FLUSH] = ctl_thread_tcache_flush,
    [DO_THREAD_NCACHED_MAX] = ctl_thread_ncached_max,
    [DO_THREAD_SET_NCACHED_MAX] = ctl_thread_set_ncached_max,
    [DO_TCACHE_CREATE] = ctl_tcache_create,
    [DO_TCACHE_FLUSH] = ctl_tcache_flush,
    [DO_TCACHE_DESTROY] = ctl_tcache_destroy,
    [DO_ARENA_INITIALIZED] = ctl_arena_initialized,
    [DO_ARENA_DECAY] = ctl_arena_decay,
    [DO_ARENA_PURGE] = ctl_arena_purge,
    [DO_ARENA_RESET] = ctl_arena_reset,
    [DO_ARENA_DESTROY] = ctl_arena_destroy,
    [DO_ARENA_DSS] = ctl_arena_dss,
    [DO_ARENA_DECAY_MS] = ctl_arena_decay_ms,
    [DO_DEFAULT_DECAY_MS] = ctl_default_decay_ms,
    [DO_ARENA_HOOKS] = ctl_arena_hooks,
    [DO_ARENA_GROW_LIMIT] = ctl_arena_grow_limit,
    [DO_ARENA_OVERSIZE] = ctl_arena_oversize,
    [DO_ARENA_NAME] = ctl_arena_name,
    [DO_ARENAS_CREATE] = ctl_arenas_create,
    [DO_ARENAS_LOOKUP] = ctl_arenas_lookup,
    [DO_NARENAS] = ctl_narenas,
    [DO_PAGE] = ctl_page,
    [DO_TCACHE_MAX] = ctl_tcache_max,
    [DO_NHBINS] = ctl_nhbins,
    [DO_BIN_SIZE] = ctl_bin_size,
    [DO_BIN_NREGS] = ctl_bin_nregs,
    [DO_BIN_SLAB_SIZE] = ctl_bin_slab_size,
    [DO_LEXTENT_SIZE] = ctl_lextent_size,
    [DO_EPOCH] = ctl_epoch,
    [DO_LIVE_FIELD] = ctl_live_field,
    [DO_STATS_DSS] = ctl_stats_dss,
    [DO_DETAIL] = ctl_detail,
    [DO_RUN_HISTOGRAM] = ctl_run_histogram,
    [DO_MUTEXES_RESET] = ctl_mutexes_reset,
    [DO_ZERO_REALLOCS] = ctl_zero_reallocs,
    [DO_HUGE_BYTES] = ctl_huge_bytes,
    [DO_BACKGROUND_THREAD] = ctl_background_thread,
    [DO_MAX_BACKGROUND_THREADS] = ctl_max_background_threads,
    [DO_BACKGROUND_NTHREADS] = ctl_background_nthreads,
    [DO_BACKGROUND_NRUNS] = ctl_background_nruns,
    [DO_BACKGROUND_INTERVAL] = ctl_background_interval,
    [DO_ACTIVE] = ctl_active,
    [DO_UTILIZATION] = ctl_utilization,
    [DO_UTILIZATION_BATCH] = ctl_utilization_batch,
    [DO_PACTIVEP] = ctl_pactivep,
    [DO_BATCH_ALLOC] = ctl_batch_alloc,
    [DO_SAFETY_CHECK_ABORT] = ctl_safety_check_abort,
    [DO_THREAD_EVENT] = ctl_thread_event,
};

/* ---- paths ------------------------------------------------------------------------------------- */

/* Where a walk along a path stands. */
struct place {
    const struct ctl_level *level; /* NULL: at a control */
    bool number;                   /* the level's number comes next */
};

static bool take_arena(struct ctl_call *c, size_t number) {
    unsigned end = ctl_arenas_end();
    if (number > end && number != MALLCTL_ARENAS_ALL && number != MALLCTL_ARENAS_DESTROYED) {
        return false;
    }
    c->arena = number == end ? MALLCTL_ARENAS_ALL : (unsigned)number; /* the old way to say all */
    c->of_arena = true;
    return true;
}

static bool take_number(struct ctl_call *c, const struct ctl_level *level, size_t number) {
    static const unsigned ends[] = {
        [INDEX_BIN] = NCLASSES - 1,
        [INDEX_LEXTENT] = NLEXTENTS,
        [INDEX_EXTENT] = NPAGE_CLASSES,
        [INDEX_HPA_ALLOC] = CTL_HPA_ALLOC_ROWS,
        [INDEX_HPA_NONFULL] = NONFULL_CLASSES,
    };
    if (level->index == INDEX_ARENA) {
        return take_arena(c, number);
    }
    c->index = (unsigned)number;
    c->offset += number * level->stride;
    return number < ends[level->index];
}

/* One step down; false when there is no such way. */
static bool step(struct place *at, struct ctl_call *c, size_t element) {
    const struct ctl_level *level = at->level;
    if (level == NULL) {
        return false;
    }
    if (at->number) {
        at->number = false;
        return take_number(c, level, element);
    }
    if (element < level->nrows) {
        c->row = &level->rows[element];
    } else if (level == &ctl_levels[LEVEL_OPT] && element - level->nrows < opt_nrows) {
        c->row = &ctl_option_row;
        c->option = &opt_rows[element - level->nrows];
    } else {
        return false;
    }
    c->offset += c->row->offset;
    at->level = c->row->type == CTL_NODE ? &ctl_levels[c->row->next] : NULL;
    at->number = at->level != NULL && at->level->index != INDEX_NONE;
    return true;
}

/* Decimal digits only; -1 when it is no number or beyond all that count anything here. */
static ptrdiff_t number_of(const char *word, size_t length) {
    ptrdiff_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (word[i] < '0' || word[i] > '9' || number > UINT16_MAX) {
            return -1;
        }
        number = 10 * number + (word[i] - '0');
    }
    return number;
}

static ptrdiff_t position_of(const struct ctl_level *level, const char *word, size_t length) {
    for (unsigned i = 0; i < level->nrows; i++) {
        const char *name = level->rows[i].name;
        if (name[0] == word[0] && strncmp(name, word, length) == 0 && name[length] == '\0') {
            return i;
        }
    }
    if (level == &ctl_levels[LEVEL_OPT]) {
        const struct opt_row *option = ctl_option_find(word, length);
        return option != NULL ? level->nrows + (option - opt_rows) : -1;
    }
    return -1;
}

/* The numbers of a name; how many, or 0 when there is nothing of that name. */
static unsigned path_of(const char *name, size_t path[CTL_DEPTH_MAX]) {
    struct place at = {&ctl_levels[LEVEL_ROOT], false};
    struct ctl_call c = {0};
    unsigned depth = 0;
    for (;;) {
        size_t length = strcspn(name, ".");
        if (length == 0 || at.level == NULL) {
            return 0;
        }
        ptrdiff_t element =
            at.number ? number_of(name, length) : position_of(at.level, name, length);
        if (element < 0 || !step(&at, &c, (size_t)element)) {
            return 0;
        }
        path[depth++] = (size_t)element;
        if (name[length] == '\0') {
            return depth;
        }
        name += length + 1;
    }
}

int ctl_name_to_mib(const char *name, size_t *mib, size_t *depth) {
    size_t path[CTL_DEPTH_MAX];
    size_t found = path_of(name, path);
    if (found == 0) {
        return ENOENT;
    }
    *depth = found < *depth ? found : *depth;
    memcpy(mib, path, *depth * sizeof(path[0]));
    return 0;
}

/* ---- one use ----------------------------------------------------------------------------------- */

/* Runs the row's function, alone if it changes something. */
static int carry_out(struct ctl_call *c) {
    ctl_function *function = functions[c->row->next];
    bool changes = c->in != NULL || c->row->type == CTL_VOID || c->row->type == CTL_OWN_SIZES ||
                   (c->row->flags & CTL_CREATES) != 0;
    bool ours = atomic_load_explicit(&holder, memory_order_relaxed) == &this_thread;
    if (!changes || ours || (c->row->flags & CTL_UNLOCKED) != 0) {
        return function(c);
    }
    lock_acquire(&ctl_lock);
    atomic_store_explicit(&holder, &this_thread, memory_order_relaxed);
    int error = function(c);
    atomic_store_explicit(&holder, NULL, memory_order_relaxed);
    lock_release(&ctl_lock);
    return error;
}

/* EPERM, ENOENT or EINVAL when the control cannot be used like this at all. */
static int refuse(const struct ctl_call *c, const struct ctl_type_sizes *sizes) {
    unsigned flags = c->row->flags;
    if (c->row->next == DO_NOT_BUILT) {
        return ENOENT;
    }
    if (((flags & CTL_WRITE) == 0 && (c->newp != NULL || c->newlen != 0)) ||
        ((flags & CTL_READ) == 0 && (c->oldp != NULL || c->oldlenp != NULL))) {
        return EPERM;
    }
    if (c->row->type == CTL_OWN_SIZES) {
        return 0;
    }
    bool must_write = (flags & CTL_WRITE) != 0 && (flags & CTL_READ) == 0;
    bool bad = c->newp != NULL ? c->newlen != sizes->in : must_write;
    return bad ? EINVAL : 0;
}

static int use(struct ctl_call *c) {
    enum ctl_type type = c->option != NULL ? ctl_option_type(c->option) : c->row->type;
    const struct ctl_type_sizes *sizes = &ctl_types[type];
    int error = refuse(c, sizes);
    if (error != 0) {
        return error;
    }
    bool reads = c->oldp != NULL && c->oldlenp != NULL && type != CTL_OWN_SIZES;
    bool bad_length = reads && *c->oldlenp != sizes->out;
    if ((c->row->flags & CTL_CREATES) != 0 && (!reads || bad_length)) {
        if (reads) {
            *c->oldlenp = 0;
        }
        return EINVAL;
    }
    if (c->newp != NULL && !bad_length && type != CTL_OWN_SIZES) {
        memcpy(&c->given, c->newp, sizes->in);
        c->in = &c->given;
    }
    error = carry_out(c);
    if (error == 0 && reads) {
        *c->oldlenp = *c->oldlenp < sizes->out ? *c->oldlenp : sizes->out;
        memcpy(c->oldp, &c->out, *c->oldlenp);
    }
    return error != 0 ? error : bad_length ? EINVAL : 0;
}

int ctl_by_mib(const size_t *mib, size_t depth, void *oldp, size_t *oldlenp, const void *newp,
               size_t newlen) {
    struct ctl_call c = {.oldp = oldp, .newp = newp, .newlen = newlen};
    c.oldlenp = oldlenp;
    struct place at = {&ctl_levels[LEVEL_ROOT], false};
    for (size_t i = 0; i < depth; i++) {
        if (!step(&at, &c, mib[i])) {
            return ENOENT;
        }
    }
    return at.level == NULL ? use(&c) : ENOENT;
}

int ctl_by_name(const char *name, void *oldp, size_t *oldlenp, const void *newp, size_t newlen) {
    size_t path[CTL_DEPTH_MAX];
    unsigned depth = path_of(name, path);
    return depth != 0 ? ctl_by_mib(path, depth, oldp, oldlenp, newp, newlen) : ENOENT;
}

static bool find(struct ctl_call *c, const char *name) {
    size_t path[CTL_DEPTH_MAX];
    unsigned depth = path_of(name, path);
    struct place at = {&ctl_levels[LEVEL_ROOT], false};
    for (unsigned i = 0; i < depth; i++) {
        if (!step(&at, c, path[i])) {
            return false;
        }
    }
    return depth != 0 && at.level == NULL && (c->row->flags & CTL_READ) != 0;
}

static bool convert(struct ctl_answer *answer, enum ctl_type type, const union ctl_value *value) {
    answer->kind = CTL_ANSWER_UNSIGNED;
    switch (type) {
    case CTL_BOOL:
        answer->kind = CTL_ANSWER_BOOL;
        answer->u64 = value->b;
        return true;
    case CTL_UNSIGNED:
    case CTL_U32:
        answer->u64 = value->u32;
        return true;
    case CTL_SIZE:
    case CTL_U64:
        answer->u64 = value->u64;
        return true;
    case CTL_SSIZE:
    case CTL_I64:
        answer->kind = CTL_ANSWER_SIGNED;
        answer->i64 = value->i64;
        return true;
    case CTL_STRING:
        answer->kind = CTL_ANSWER_TEXT;
        answer->text = value->text != NULL ? value->text : "";
        return true;
    default:
        return false;
    }
}

int ctl_ask(const char *name, struct ctl_answer *answer) {
    struct ctl_call c = {0};
    if (!find(&c, name)) {
        return ENOENT;
    }
    if (c.option != NULL && c.option->kind == OPT_FIXED) {
        /* A decimal, as jemalloc's reports show it. */
        struct fmt out;
        fmt_init(&out, answer->room, sizeof(answer->room));
        opt_write(&out, c.option, &opts);
        answer->kind = CTL_ANSWER_TEXT;
        answer->text = answer->room;
        return 0;
    }
    enum ctl_type type = c.option != NULL ? ctl_option_type(c.option) : c.row->type;
    union ctl_value value = {0};
    size_t size = ctl_types[type].out;
    if (size == 0 || type == CTL_OWN_SIZES || !convert(answer, type, &value)) {
        return ENOENT;
    }
    c.oldp = &value;
    c.oldlenp = &size;
    int error = use(&c);
    return error != 0 || !convert(answer, type, &value) ? error : 0;
}

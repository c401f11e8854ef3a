/*
 * arenas.c: creating arenas, ending them, and spreading threads over them.
 */
#include "heap/arenas.h"

#include "base/fmt.h"
#include "heap/reset.h"
#include "heap/scavenge.h"
#include "meta/meta.h"
#include "opt/opt.h"
#include "os/cpus.h"
#include "os/os.h"

struct space arenas_space;
struct lock arenas_lock = {.rank = RANK_ARENAS};

static struct arena *_Atomic table[ARENAS_MAX];
static _Atomic unsigned count; /* written under arenas_lock */
static _Atomic unsigned limit; /* 0: not computed yet; written once */
static struct arena *unused;   /* destroyed ones, the last one first; guarded by arenas_lock */
static struct arena *_Atomic destroyed;
static struct arena *_Atomic oversize;

static bool is_live(const struct arena *arena) {
    return atomic_load_explicit(&arena->live, memory_order_acquire);
}

struct arena *arenas_next_raw(unsigned *i) {
    struct arena *arena = NULL;
    while (arena == NULL && *i < arenas_count()) {
        arena = atomic_load_explicit(&table[(*i)++], memory_order_acquire);
    }
    return arena;
}

struct arena *arenas_next(unsigned *i) {
    struct arena *arena;
    do {
        arena = arenas_next_raw(i);
    } while (arena != NULL && !is_live(arena));
    return arena;
}

struct arena *arenas_next_around(unsigned first, unsigned *n) {
    struct arena *arena = NULL;
    unsigned all = arenas_count();
    while (arena == NULL && *n < all) {
        arena = arenas_get((first + (*n)++) % all);
    }
    return arena;
}

struct arena *arenas_get(unsigned i) {
    struct arena *arena = NULL;
    if (i < ARENAS_MAX) {
        arena = atomic_load_explicit(&table[i], memory_order_acquire);
    }
    return arena != NULL && is_live(arena) ? arena : NULL;
}

unsigned arenas_count(void) {
    return atomic_load_explicit(&count, memory_order_acquire);
}

static unsigned default_narenas(unsigned ncpus) {
    switch (opts.percpu_arena) {
    case PERCPU_EACH:
        return ncpus;
    case PERCPU_PHYSICAL:
        return (ncpus + 1) / 2;
    default:
        break;
    }
    uint64_t n = ((uint64_t)ncpus * opts.narenas_ratio + OPT_FIXED_ONE / 2) / OPT_FIXED_ONE;
    n = n < ARENAS_MAX ? n : ARENAS_MAX - 1;
    return ncpus == 1 || n == 0 ? 1 : (unsigned)n;
}

/* Asking for the CPUs costs system calls, so it waits until a second thread appears. */
unsigned arenas_limit(void) {
    unsigned n = atomic_load_explicit(&limit, memory_order_relaxed);
    if (n == 0) {
        n = opts.narenas != 0 ? opts.narenas : default_narenas(os_cpu_count());
        n = n < ARENAS_MAX ? n : ARENAS_MAX - 1;
        unsigned first = 0;
        if (!atomic_compare_exchange_strong_explicit(&limit, &first, n, memory_order_relaxed,
                                                     memory_order_relaxed)) {
            n = first; /* of a thread that may run on other CPUs */
        }
    }
    return n;
}

/* ---- creation and destruction ------------------------------------------------------------------- */

static void rename_locked(struct arena *arena, const char *name) {
    struct fmt out;
    fmt_init(&out, arena->name, sizeof(arena->name));
    fmt_str(&out, name);
}

static void name_by_number(struct arena *arena) {
    struct fmt out;
    fmt_init(&out, arena->name, sizeof(arena->name));
    fmt_str(&out, arena->manual ? "manual_" : "auto_");
    fmt_u64(&out, arena->index);
}

static void begin_locked(struct arena *arena) {
    atomic_store_explicit(&arena->created_ns, os_coarse_clock_ns(), memory_order_relaxed);
    name_by_number(arena);
    atomic_store_explicit(&arena->live, true, memory_order_release);
}

static struct arena *create_locked(unsigned index, bool manual) {
    lock_assert_held(&arenas_lock);
    struct arena *arena = index < ARENAS_MAX ? meta_alloc(sizeof(*arena)) : NULL;
    if (arena == NULL) {
        return NULL;
    }
    arena_init(arena, index, &arenas_space);
    arena->manual = manual;
    arena->pages.manual = manual;
    begin_locked(arena);
    atomic_store_explicit(&table[index], arena, memory_order_release);
    if (index >= arenas_count()) {
        atomic_store_explicit(&count, index + 1, memory_order_release);
    }
    return arena;
}

bool arenas_init(void) {
    if (arenas_count() != 0) {
        return true;
    }
    space_init(&arenas_space);
    lock_acquire(&arenas_lock);
    bool created = create_locked(0, false) != NULL;
    lock_release(&arenas_lock);
    return created;
}

struct arena *arenas_auto(unsigned i) {
    struct arena *arena = arenas_get(i);
    if (arena == NULL && i < arenas_limit()) {
        lock_acquire(&arenas_lock);
        arena = arenas_get(i);
        if (arena == NULL) {
            arena = create_locked(i, false);
        }
        lock_release(&arenas_lock);
    }
    return arena != NULL && !arena->manual ? arena : NULL;
}

/* Above the numbers of automatic ones. */
static struct arena *create_extra_locked(bool manual) {
    unsigned first = arenas_limit();
    return create_locked(arenas_count() > first ? arenas_count() : first, manual);
}

struct arena *arenas_oversize(void) {
    struct arena *arena = atomic_load_explicit(&oversize, memory_order_acquire);
    if (arena != NULL) {
        return arena;
    }
    lock_acquire(&arenas_lock);
    arena = atomic_load_explicit(&oversize, memory_order_relaxed);
    if (arena == NULL) {
        arena = create_extra_locked(false);
        if (arena != NULL) {
            arena_set_decay_ms(arena, PAGES_DIRTY, 0);
            arena_set_decay_ms(arena, PAGES_MUZZY, 0);
            rename_locked(arena, "auto_oversize");
            atomic_store_explicit(&oversize, arena, memory_order_release);
        }
    }
    lock_release(&arenas_lock);
    return arena;
}

/* NULL: a new one with a new number. */
static struct arena *restart_unused_locked(void) {
    struct arena *arena = unused;
    if (arena != NULL) {
        unused = arena->next_unused;
        arena_restart(arena);
        begin_locked(arena);
    }
    return arena;
}

struct arena *arenas_create(extent_hooks_t *hooks) {
    if (hooks != NULL && hooks->alloc == NULL) {
        return NULL;
    }
    lock_acquire(&arenas_lock);
    struct arena *arena = restart_unused_locked();
    if (arena == NULL) {
        arena = create_extra_locked(true);
    }
    if (arena != NULL && hooks != NULL) {
        arena_set_hooks(arena, hooks);
    }
    lock_release(&arenas_lock);
    return arena;
}

bool arenas_set_hooks(struct arena *arena, extent_hooks_t *hooks, extent_hooks_t **old) {
    lock_acquire(&arenas_lock);
    extent_hooks_t *before = arena_hooks(arena);
    bool set = arena_set_hooks(arena, hooks);
    lock_release(&arenas_lock);
    if (set && old != NULL) {
        *old = before;
    }
    return set;
}

static struct arena *totals_locked(void) {
    struct arena *totals = atomic_load_explicit(&destroyed, memory_order_relaxed);
    if (totals == NULL) {
        totals = meta_alloc(sizeof(*totals));
        if (totals != NULL) {
            arena_init(totals, ARENAS_MAX, &arenas_space);
            pages_use_space(&totals->pages,
                            &totals->own); /* whose lock has the hooked ones' counts */
            atomic_store_explicit(&totals->created_ns, os_coarse_clock_ns(), memory_order_relaxed);
            atomic_store_explicit(&destroyed, totals, memory_order_release);
        }
    }
    return totals;
}

const struct arena *arenas_destroyed(void) {
    return atomic_load_explicit(&destroyed, memory_order_acquire);
}

/* Others may destroy arenas at the same time, but the counters move under the lock. */
bool arenas_destroy(struct arena *arena) {
    lock_acquire(&arenas_lock);
    struct arena *totals = totals_locked();
    bool may = totals != NULL && arena->manual && is_live(arena) &&
               atomic_load_explicit(&arena->nthreads, memory_order_relaxed) == 0;
    if (may) {
        atomic_store_explicit(&arena->live, false, memory_order_release);
    }
    lock_release(&arenas_lock);
    if (!may) {
        return false;
    }
    arena_retire(arena, arenas_get(0));
    lock_acquire(&arenas_lock);
    arena_move_counters(arena, totals);
    arena->next_unused = unused;
    unused = arena;
    lock_release(&arenas_lock);
    return true;
}

/* ---- what an arena is called, and what is its ------------------------------------------------------ */

void arenas_read_name(const struct arena *arena, char name[ARENA_NAME]) {
    lock_acquire(&arenas_lock);
    for (unsigned i = 0; i < ARENA_NAME; i++) {
        name[i] = arena->name[i];
    }
    lock_release(&arenas_lock);
}

void arenas_rename(struct arena *arena, const char *name) {
    lock_acquire(&arenas_lock);
    rename_locked(arena, name);
    lock_release(&arenas_lock);
}

struct arena *arenas_of_pointer(const void *p) {
    struct chunk *chunk = chunk_find_at(p);
    if (chunk == NULL) {
        return NULL;
    }
    switch (atomic_load_explicit(&chunk->kind, memory_order_relaxed)) {
    case CHUNK_BIG:
    case CHUNK_BIG_BODY:
        return arena_of(chunk);
    case CHUNK_CUT: {
        const struct run *run = chunk_run_at(chunk, p);
        bool inside = run != NULL && run->kind != RUN_NONE && run->kind != RUN_CACHED &&
                      (uintptr_t)p - run_address(run) < run->ngranules * GRANULE_SIZE;
        return inside ? arena_of(chunk) : NULL;
    }
    default:
        return NULL;
    }
}

/* ---- threads ------------------------------------------------------------------------------------ */

static unsigned nthreads_of(const struct arena *arena) {
    return atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
}

struct arena *arenas_bind(void) {
    lock_acquire(&arenas_lock);
    struct arena *best = arenas_get(0);
    unsigned missing = 0; /* the lowest number without an arena */
    for (unsigned i = 1; nthreads_of(best) > 0 && i < arenas_limit(); i++) {
        struct arena *arena = arenas_get(i);
        if (arena == NULL) {
            missing = missing == 0 ? i : missing;
        } else if (nthreads_of(arena) < nthreads_of(best)) {
            best = arena;
        }
    }
    if (nthreads_of(best) > 0 && missing != 0) {
        struct arena *created = create_locked(missing, false);
        best = created != NULL ? created : best;
    }
    atomic_fetch_add_explicit(&best->nthreads, 1, memory_order_relaxed);
    lock_release(&arenas_lock);
    return best;
}

struct arena *arenas_of_cpu(void) {
    return arenas_auto(os_current_cpu() % arenas_limit());
}

bool arenas_bind_to(struct arena *arena) {
    lock_acquire(&arenas_lock);
    bool live = is_live(arena);
    if (live) {
        atomic_fetch_add_explicit(&arena->nthreads, 1, memory_order_relaxed);
    }
    lock_release(&arenas_lock);
    return live;
}

void arenas_unbind(struct arena *arena) {
    lock_acquire(&arenas_lock);
    atomic_fetch_sub_explicit(&arena->nthreads, 1, memory_order_relaxed);
    lock_release(&arenas_lock);
}

void arenas_unbind_all(void) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        atomic_store_explicit(&arena->nthreads, 0, memory_order_relaxed);
    }
}

void arenas_rebind(struct arena *arena) {
    atomic_fetch_add_explicit(&arena->nthreads, 1, memory_order_relaxed);
}

/* Begins with another arena each time: one that always has enough to do would leave no effort for others. */
void arenas_decay(uint64_t now_ns) {
    static _Atomic unsigned turn;
    unsigned first = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);
    struct arena *arena;
    unsigned effort = SCAVENGE_EFFORT;
    for (unsigned n = 0; (arena = arenas_next_around(first, &n)) != NULL;) {
        purge_decayed(&arena->pages, now_ns);
        scavenge_decayed(arena, now_ns, &effort);
    }
}

void arenas_sum_spaces(size_t *reserved, size_t *committed) {
    *reserved = gauge_read(&arenas_space.reserved_bytes);
    *committed = gauge_read(&arenas_space.committed_bytes);
    const struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        *reserved += gauge_read(&arena->own.reserved_bytes);
        *committed += gauge_read(&arena->own.committed_bytes);
    }
}

static uint64_t returned_bytes(const struct arena *arena) {
    const struct purge_counters *purged = arena->pages.purged;
    uint64_t granules =
        counter_read(&purged[PAGES_DIRTY].returned) + counter_read(&purged[PAGES_MUZZY].returned);
    return (granules << LG_GRANULE) + counter_read(&purged[PAGES_DIRTY].slab_bytes);
}

uint64_t arenas_returned_bytes(void) {
    const struct arena *arena = arenas_destroyed();
    uint64_t bytes = arena != NULL ? returned_bytes(arena) : 0;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        bytes += returned_bytes(arena);
    }
    return bytes;
}

void arenas_check(void) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        arena_check(arena);
    }
    space_check(&arenas_space);
}

/*
 * snapshot.c: collecting a snapshot: arenas, then threads on their arenas' parts, then sums.
 */
#include "stats/snapshot.h"

#include <string.h>

#include "cache/magazine.h"
#include "cache/thread.h"
#include "meta/meta.h"
#include "os/os.h"

struct pool snapshot_pools[2] = {POOL_INIT(sizeof(struct snapshot)),
                                 POOL_INIT(sizeof(struct arena_snapshot))};
struct lock *snapshot_locks[GLOBAL_MUTEXES];

static void *get_zeroed(unsigned pool) {
    void *block = pool_get(&snapshot_pools[pool]);
    return block != NULL ? memset(block, 0, snapshot_pools[pool].block_size) : NULL;
}

static size_t less(size_t a, size_t b) {
    return a > b ? a - b : 0;
}

static size_t in_bytes(uint64_t granules) {
    return (size_t)(granules << LG_GRANULE);
}

static size_t used_bytes(const struct arena_snapshot *of) {
    return of->active_bytes + of->dirty_bytes + of->muzzy_bytes + of->pinned;
}

/* ---- locks ------------------------------------------------------------------------------------- */

static void add_lock_counts(struct lock_snapshot *to, const struct lock_snapshot *from) {
    to->num_ops += from->num_ops;
    to->num_wait += from->num_wait;
    to->num_spin_acq += from->num_spin_acq;
    to->num_owner_switch += from->num_owner_switch;
    to->total_wait_time += from->total_wait_time;
    if (from->max_wait_time > to->max_wait_time) {
        to->max_wait_time = from->max_wait_time;
    }
    if (from->max_num_thds > to->max_num_thds) {
        to->max_num_thds = from->max_num_thds;
    }
}

static void read_lock(const struct lock *lock, struct lock_snapshot *to) {
    struct lock_snapshot now = {
        .num_ops = counter_read(&lock->acquired),
        .num_wait = counter_read(&lock->slept),
        .num_spin_acq = counter_read(&lock->spun),
        .num_owner_switch = counter_read(&lock->switches),
        .total_wait_time = counter_read(&lock->slept_ns),
        .max_wait_time = counter_read(&lock->slept_max_ns),
        .max_num_thds = atomic_load_explicit(&lock->waiters_max, memory_order_relaxed),
    };
    add_lock_counts(to, &now);
}

/* Which lock of ours has the part of one of jemalloc's; NULL: its depots' locks, all together. */
static struct lock *lock_of(struct arena *arena, enum arena_mutex mutex) {
    switch (mutex) {
    case MUTEX_EXTENT_AVAIL:
        return &chunk_runs_pool.lock;
    case MUTEX_EXTENTS_RETAINED:
    case MUTEX_EXTENTS_PINNED:
    case MUTEX_HPA_SHARD_GROW:
        return &pages_space(&arena->pages)->lock;
    case MUTEX_DECAY_DIRTY:
    case MUTEX_DECAY_MUZZY:
        return &arena->pages.purge_lock;
    case MUTEX_BASE:
        return &meta_lock;
    case MUTEX_TCACHE_LIST:
        return &threads_lock;
    case MUTEX_HPA_SEC:
        return NULL;
    default:
        return &arena->pages.lock;
    }
}

/* Locks that arenas share are arena 0's, so that sums are right. */
static void read_locks(struct arena_snapshot *to, struct arena *arena) {
    for (unsigned i = 0; i < ARENA_MUTEXES; i++) {
        const struct lock *lock = lock_of(arena, (enum arena_mutex)i);
        bool own = (uintptr_t)lock - (uintptr_t)arena < sizeof(*arena);
        if (own || (lock != NULL && arena == arenas_get(0))) {
            read_lock(lock, &to->mutexes[i]);
        }
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        read_lock(&arena->depots[class].lock, &to->mutexes[MUTEX_HPA_SEC]);
    }
}

static void forget(struct lock *lock) {
    if (lock != NULL) {
        lock_acquire(lock);
        lock_forget_counts(lock);
        lock_release(lock);
    }
}

void snapshot_reset_locks(void) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        for (unsigned mutex = 0; mutex < ARENA_MUTEXES; mutex++) {
            forget(lock_of(arena, (enum arena_mutex)mutex));
        }
        for (unsigned class = 1; class < NCLASSES; class ++) {
            forget(&arena->bins[class].lock);
            forget(&arena->depots[class].lock);
        }
    }
    for (unsigned i = 0; i < GLOBAL_MUTEXES; i++) {
        if (i != MUTEX_CTL) { /* its holder asks for this */
            forget(snapshot_locks[i]);
        } else if (snapshot_locks[i] != NULL) {
            lock_forget_counts(snapshot_locks[i]);
        }
    }
}

/* ---- arenas ------------------------------------------------------------------------------------ */

static void read_bin(struct bin_snapshot *to, const struct arena *arena, unsigned class) {
    const struct bin *bin = &arena->bins[class];
    to->ndalloc = counter_read(&bin->ndalloc);
    to->nmalloc = counter_read(&bin->nmalloc);
    to->curregs = less(to->nmalloc, to->ndalloc);
    to->nrequests = counter_read(&arena->merged_requests[class]);
    to->nfills = counter_read(&bin->nfills);
    to->nflushes = counter_read(&bin->nflushes);
    to->nslabs = counter_read(&bin->ncreated);
    to->nreslabs = less(counter_read(&bin->nopened), to->nslabs);
    to->curslabs = gauge_read(&bin->nslabs);
    to->nonfull_slabs = less(to->curslabs, gauge_read(&bin->nfull));
    read_lock(&bin->lock, &to->mutex);
}

static void read_purges(struct purge_snapshot *to, const struct purge_counters *from) {
    to->npurge = counter_read(&from->sweeps);
    to->nmadvise = counter_read(&from->calls);
    to->purged_bytes = in_bytes(counter_read(&from->granules)) + counter_read(&from->slab_bytes);
}

static void read_pages(struct arena_snapshot *to, const struct pages *pages) {
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        to->lextents[i].ndalloc = counter_read(&pages->large.ndalloc[i]);
        to->lextents[i].nmalloc = counter_read(&pages->large.nmalloc[i]);
    }
    to->large.allocated = gauge_read(&pages->large.bytes);
    to->active_bytes = in_bytes(gauge_read(&pages->nactive));
    to->dirty_bytes = in_bytes(pages_unused(pages, PAGES_DIRTY));
    to->muzzy_bytes = in_bytes(pages_unused(pages, PAGES_MUZZY));
    read_purges(&to->dirty, &pages->purged[PAGES_DIRTY]);
    read_purges(&to->muzzy, &pages->purged[PAGES_MUZZY]);
    to->kept_hits = counter_read(&pages->large.kept_hits);
    to->kept_misses = counter_read(&pages->large.kept_misses);
    to->kept_noflush = counter_read(&pages->large.kept_frees);
    to->kept_flush = counter_read(&pages->large.kept_drops);
    to->kept_overfills = counter_read(&pages->large.kept_overfills);
    to->cut_chunks = gauge_read(&pages->ncut);
    to->cut_active_bytes = in_bytes(gauge_read(&pages->ncut_active));
    to->cut_dirty_bytes = in_bytes(gauge_read(&pages->nstate[PAGES_DIRTY]));
    to->nruns = counter_read(&pages->nruns);
    to->run_bytes = in_bytes(counter_read(&pages->nrun_granules));
    to->metadata_edata = to->cut_chunks * CHUNK_GRANULES * sizeof(struct run) +
                         gauge_read(&pages->nchunks) * sizeof(struct chunk);
}

static void add_cached(struct arena_snapshot *to, unsigned class, size_t nobjects) {
    to->tcache_objects += nobjects;
    to->tcache_bytes += nobjects * sizeclasses[class].size;
}

static void read_arena(struct arena_snapshot *to, struct arena *arena) {
    to->nthreads = atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
    to->uptime = os_coarse_clock_ns() - counter_read(&arena->created_ns);
    to->dirty_decay_ms = arena_decay_ms(arena, PAGES_DIRTY);
    to->muzzy_decay_ms = arena_decay_ms(arena, PAGES_MUZZY);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        read_bin(&to->bins[class - 1], arena, class);
        add_cached(to, class, gauge_read(&arena->depots[class].parked));
    }
    to->absent = arena_absent(arena);
    read_pages(to, &arena->pages);
    read_locks(to, arena);
    to->base = sizeof(struct arena) + to->metadata_edata;
    to->pinned = in_bytes(pages_unused(&arena->pages, PAGES_PINNED));
    to->retained = less(gauge_read(&arena->own.committed_bytes), used_bytes(to));
}

/* ---- threads ------------------------------------------------------------------------------------ */

/* A magazine may change its owner meanwhile; its block stays one. */
NO_SANITIZE_THREAD static size_t magazine_bytes(const struct magazine *magazine) {
    return magazine == NULL ? 0 : sizeof(*magazine) + magazine->capacity * sizeof(void *);
}

NO_SANITIZE_THREAD static void add_magazines(struct arena_snapshot *to, const struct thread *thread,
                                             unsigned class) {
    add_cached(to, class, thread_cached(thread, class));
    to->internal +=
        magazine_bytes(thread->loaded[class]) +
        magazine_bytes(atomic_load_explicit(&thread->spare[class], memory_order_acquire));
}

static void add_large(struct arena_snapshot *to, const struct large_cache *from) {
    const struct large_tally *tally = &from->tally;
    for (unsigned i = 0; i < LEXTENTS_CACHED; i++) {
        uint64_t frees = counter_read(&tally->ndalloc[i]);
        uint64_t hits = counter_read(&tally->nmalloc[i]);
        to->lextents[i].ndalloc += frees;
        to->lextents[i].nmalloc += hits;
        to->kept_hits += hits;
        to->kept_noflush += frees;
    }
    to->large.allocated += gauge_read(&tally->bytes);
    to->kept_bytes += large_cache_bytes(from);
    to->kept_misses += counter_read(&tally->misses);
    to->kept_flush += counter_read(&tally->drops);
    to->kept_overfills += counter_read(&tally->overfills);
}

static void add_thread(struct thread *thread, void *context) {
    struct snapshot *snapshot = context;
    unsigned index = thread->arena->index;
    struct arena_snapshot *to = index < snapshot->narena_parts ? snapshot->parts[index] : NULL;
    snapshot->nthreads += !thread->explicit;
    if (to == NULL) {
        return; /* bound to an arena that came up a moment ago */
    }
    to->internal += sizeof(struct thread);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        to->bins[class - 1].nrequests += thread_requests(thread, class);
        add_magazines(to, thread, class);
    }
    add_large(to, &thread->large);
}

/* ---- sums --------------------------------------------------------------------------------------- */

static void sum_objects(struct arena_snapshot *of) {
    for (unsigned i = 0; i < NCLASSES - 1; i++) {
        const struct bin_snapshot *bin = &of->bins[i];
        of->small.allocated += bin->curregs * sizeclasses[i + 1].size;
        of->small.nmalloc += bin->nmalloc;
        of->small.ndalloc += bin->ndalloc;
        of->small.nrequests += bin->nrequests;
        of->small.nfills += bin->nfills;
        of->small.nflushes += bin->nflushes;
    }
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        struct lextent_snapshot *extent = &of->lextents[i];
        extent->nrequests = extent->nmalloc;
        extent->curlextents = less(extent->nmalloc, extent->ndalloc);
        of->large.nmalloc += extent->nmalloc;
        of->large.ndalloc += extent->ndalloc;
    }
    of->large.allocated = gauge_positive(of->large.allocated);
    of->large.nrequests = of->large.nmalloc;
    of->large.nfills = of->large.nmalloc;
    of->large.nflushes = of->kept_flush;
    of->kept_noflush = less(of->kept_noflush, of->kept_flush);
}

/* What arena 0 answers for: metadata of no arena, and address space without memory. */
static void charge_rest(struct snapshot *snapshot, struct arena_snapshot *first) {
    size_t others = 0;
    size_t used = 0;
    for (unsigned i = 0; i < snapshot->narena_parts; i++) {
        const struct arena_snapshot *part = snapshot->parts[i];
        if (part != NULL) {
            others += (part != first ? part->base : 0) + part->internal;
            used += used_bytes(part) + (part != first ? part->retained : 0);
        }
    }
    size_t committed;
    arenas_sum_spaces(&snapshot->reserved, &committed);
    size_t tables =
        snapshot->reserved / GRANULE_SIZE + snapshot->reserved / CHUNK_SIZE * sizeof(void *);
    first->metadata_thp = meta_huge_pages();
    first->nhugifies = counter_read(&space_advice.given);
    first->nhugify_failures = counter_read(&space_advice.refused);
    first->ndehugifies = counter_read(&space_advice.against);
    first->metadata_rtree = tables;
    first->base = less(meta_allocated_bytes() + tables, others);
    first->extent_avail = gauge_read(&chunk_runs_pool.nfree);
    first->retained = less(committed, used);
    first->abandoned_vm = gauge_read(&os_abandoned_bytes);
}

static void finish_arena(struct arena_snapshot *of) {
    sum_objects(of);
    of->mapped = used_bytes(of);
    of->active_bytes = less(of->active_bytes, of->absent);
    of->resident = less(of->mapped, of->muzzy_bytes + of->absent) + of->base + of->internal;
}

/* Adds the counts of a struct up to a field, all of them size_t or uint64_t. */
static void add_counts(void *to, const void *from, size_t bytes) {
    static_assert(sizeof(size_t) == sizeof(uint64_t), "counts have one size");
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t a;
        uint64_t b;
        memcpy(&a, (char *)to + i, sizeof(a));
        memcpy(&b, (const char *)from + i, sizeof(b));
        a += b;
        memcpy((char *)to + i, &a, sizeof(a));
    }
}

static void merge(struct arena_snapshot *to, const struct arena_snapshot *from) {
    const size_t first = offsetof(struct arena_snapshot, active_bytes);
    to->nthreads += from->nthreads;
    to->uptime = from->uptime > to->uptime ? from->uptime : to->uptime;
    add_counts((char *)to + first, (const char *)from + first,
               offsetof(struct arena_snapshot, mutexes) - first);
    add_counts(to->lextents, from->lextents, sizeof(to->lextents));
    for (unsigned i = 0; i < NCLASSES - 1; i++) {
        add_counts(&to->bins[i], &from->bins[i], offsetof(struct bin_snapshot, mutex));
        add_lock_counts(&to->bins[i].mutex, &from->bins[i].mutex);
    }
    for (unsigned i = 0; i < ARENA_MUTEXES; i++) {
        add_lock_counts(&to->mutexes[i], &from->mutexes[i]);
    }
}

/* Helpers have no locks; what they meet each other and threads at are arenas' purge locks. */
static void choose_helper_lock(struct snapshot *snapshot, const struct arena_snapshot *part) {
    struct lock_snapshot *most = &snapshot->mutexes[MUTEX_MAX_PER_BG_THD];
    const struct lock_snapshot *lock = &part->mutexes[MUTEX_DECAY_DIRTY];
    if (lock->num_ops > most->num_ops) {
        *most = *lock;
    }
}

static void sum_process(struct snapshot *snapshot) {
    const struct arena_snapshot *all = snapshot->merged;
    snapshot->allocated = less(all->small.allocated, all->tcache_bytes) + all->large.allocated;
    snapshot->cached = all->tcache_bytes + all->kept_bytes;
    snapshot->active = all->active_bytes;
    snapshot->metadata = all->base + all->internal;
    snapshot->metadata_edata = all->metadata_edata;
    snapshot->metadata_rtree = all->metadata_rtree;
    snapshot->metadata_thp = all->metadata_thp;
    snapshot->resident = all->resident;
    snapshot->absent = all->absent;
    snapshot->mapped = all->mapped + snapshot->metadata;
    snapshot->retained = all->retained;
    snapshot->pinned = all->pinned;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static bool collect_arenas(struct snapshot *snapshot) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        struct arena_snapshot *part = get_zeroed(1);
        if (part == NULL) {
            return false;
        }
        read_arena(part, arena);
        snapshot->parts[arena->index] = part;
        snapshot->narena_parts = arena->index + 1;
        snapshot->narenas++;
    }
    arena = (struct arena *)(uintptr_t)arenas_destroyed();
    if (arena != NULL) {
        snapshot->destroyed = get_zeroed(1);
        if (snapshot->destroyed == NULL) {
            return false;
        }
        read_arena(snapshot->destroyed, arena);
        snapshot->destroyed->base = 0;
        snapshot->destroyed->dirty_decay_ms = -1;
        snapshot->destroyed->muzzy_decay_ms = -1;
        finish_arena(snapshot->destroyed);
    }
    snapshot->merged = get_zeroed(1);
    return snapshot->merged != NULL;
}

struct snapshot *snapshot_take(void) {
    struct snapshot *snapshot = get_zeroed(0);
    if (snapshot == NULL) {
        return NULL;
    }
    if (!collect_arenas(snapshot)) {
        snapshot_drop(snapshot);
        return NULL;
    }
    threads_visit(add_thread, snapshot);
    struct arena_snapshot *first = snapshot->parts[0];
    CHECK(first != NULL);
    charge_rest(snapshot, first);
    for (unsigned i = 0; i < snapshot->narena_parts; i++) {
        if (snapshot->parts[i] != NULL) {
            finish_arena(snapshot->parts[i]);
            merge(snapshot->merged, snapshot->parts[i]);
            choose_helper_lock(snapshot, snapshot->parts[i]);
        }
    }
    snapshot->merged->dirty_decay_ms = -1;
    snapshot->merged->muzzy_decay_ms = -1;
    sum_process(snapshot);
    for (unsigned i = 0; i < GLOBAL_MUTEXES; i++) {
        if (snapshot_locks[i] != NULL) {
            read_lock(snapshot_locks[i], &snapshot->mutexes[i]);
        }
    }
    return snapshot;
}

static void drop_part(struct arena_snapshot *part) {
    if (part != NULL) {
        pool_put(&snapshot_pools[1], part);
    }
}

void snapshot_drop(struct snapshot *snapshot) {
    if (snapshot == NULL) {
        return;
    }
    for (unsigned i = 0; i < snapshot->narena_parts; i++) {
        drop_part(snapshot->parts[i]);
    }
    drop_part(snapshot->destroyed);
    drop_part(snapshot->merged);
    pool_put(&snapshot_pools[0], snapshot);
}

const struct arena_snapshot *snapshot_arena(const struct snapshot *snapshot, unsigned arena) {
    return arena == MALLCTL_ARENAS_ALL         ? snapshot->merged
           : arena == MALLCTL_ARENAS_DESTROYED ? snapshot->destroyed
           : arena < snapshot->narena_parts    ? snapshot->parts[arena]
                                               : NULL;
}

/*
 * snapshot.h: all numbers of one moment, arena by arena, in the shape in which controls and reports show
 * them. What each field means here is said in docs/controls.md, which is made from ctl/ctl_table.c.
 *
 * Collecting one stops nobody: counters are read one by one while other threads go on, so sums may be
 * off by what happened meanwhile; in a quiet process they are exact. Memory is counted in bytes, which
 * need not make up whole pages of purge_page_size.
 * Invariants: the arenas' fields sum up to the process's, arena 0 being charged with what belongs to
 *             none: metadata, and address space that several share.
 * Locks: a snapshot belongs to whoever took it. The registry of threads is locked while one is taken.
 */
#ifndef ASHLAR_STATS_SNAPSHOT_H
#define ASHLAR_STATS_SNAPSHOT_H

#include "heap/arenas.h"

struct lock_snapshot {
    uint64_t num_ops;
    uint64_t num_wait;
    uint64_t num_spin_acq;
    uint64_t num_owner_switch;
    uint64_t total_wait_time; /* ns */
    uint64_t max_wait_time;   /* ns */
    uint32_t max_num_thds;
};

/* All but the lock: size_t or uint64_t, as in the three structs below. */
struct bin_snapshot {
    uint64_t nmalloc;
    uint64_t ndalloc;
    uint64_t nrequests;
    size_t curregs;
    uint64_t nfills;
    uint64_t nflushes;
    uint64_t nslabs;
    uint64_t nreslabs;
    size_t curslabs;
    size_t nonfull_slabs;
    struct lock_snapshot mutex;
};

struct lextent_snapshot {
    uint64_t nmalloc;
    uint64_t ndalloc;
    uint64_t nrequests;
    size_t curlextents;
};

/* Of all bins, or of all large classes. */
struct objects_snapshot {
    size_t allocated;
    uint64_t nmalloc;
    uint64_t ndalloc;
    uint64_t nrequests;
    uint64_t nfills;
    uint64_t nflushes;
};

struct purge_snapshot {
    uint64_t npurge;
    uint64_t nmadvise;
    uint64_t purged_bytes;
};

/* jemalloc's names of an arena's locks, and ours: see lock_of in snapshot.c. */
enum arena_mutex {
    MUTEX_LARGE,
    MUTEX_EXTENT_AVAIL,
    MUTEX_EXTENTS_DIRTY,
    MUTEX_EXTENTS_MUZZY,
    MUTEX_EXTENTS_RETAINED,
    MUTEX_EXTENTS_PINNED,
    MUTEX_DECAY_DIRTY,
    MUTEX_DECAY_MUZZY,
    MUTEX_BASE,
    MUTEX_TCACHE_LIST,
    MUTEX_HPA_SHARD,
    MUTEX_HPA_SHARD_GROW,
    MUTEX_HPA_SEC,
    ARENA_MUTEXES,
};

struct arena_snapshot {
    unsigned nthreads;
    uint64_t uptime; /* ns */
    ssize_t dirty_decay_ms;
    ssize_t muzzy_decay_ms;
    /* From here to the locks: size_t or uint64_t, and summed up over arenas. */
    size_t active_bytes;
    size_t dirty_bytes;
    size_t muzzy_bytes;
    struct purge_snapshot dirty;
    struct purge_snapshot muzzy;
    size_t mapped;
    size_t retained;
    size_t pinned;
    size_t extent_avail;
    size_t base;
    size_t internal;
    size_t metadata_edata;
    size_t metadata_rtree;
    size_t metadata_thp;
    size_t tcache_bytes;
    size_t tcache_objects;
    size_t tcache_stashed_bytes;
    size_t resident;
    size_t absent; /* of slabs, given back to the system and not used since */
    size_t abandoned_vm;
    /* Runs of large objects that threads keep. */
    size_t kept_bytes;
    uint64_t kept_hits;
    uint64_t kept_misses;
    uint64_t kept_noflush;
    uint64_t kept_flush;
    uint64_t kept_overfills;
    /* Chunks that are cut into runs. */
    size_t cut_chunks;
    size_t cut_active_bytes;
    size_t cut_dirty_bytes;
    uint64_t nruns; /* runs ever allocated */
    uint64_t run_bytes;
    /* Advice about huge pages, all of it with arena 0. */
    uint64_t nhugifies;
    uint64_t nhugify_failures;
    uint64_t ndehugifies;
    struct objects_snapshot small;
    struct objects_snapshot large;
    struct lock_snapshot mutexes[ARENA_MUTEXES];
    struct bin_snapshot bins[NCLASSES - 1]; /* class 1 is bin 0 */
    struct lextent_snapshot lextents[NLEXTENTS];
};

/* Locks that are not an arena's. A lock whose part is not built is absent. */
enum global_mutex {
    MUTEX_BACKGROUND_THREAD,
    MUTEX_MAX_PER_BG_THD,
    MUTEX_CTL,
    MUTEX_PROF,
    MUTEX_PROF_THDS_DATA,
    MUTEX_PROF_DUMP,
    MUTEX_PROF_RECENT_ALLOC,
    MUTEX_PROF_RECENT_DUMP,
    MUTEX_PROF_STATS,
    GLOBAL_MUTEXES,
};

/* Higher layers enter their locks here while the library starts; NULL: not built, or no single lock. */
extern struct lock *snapshot_locks[GLOBAL_MUTEXES];

struct snapshot {
    size_t allocated; /* usable bytes in the program's hands, exactly: what lies in caches is not */
    size_t active;
    size_t metadata;
    size_t metadata_edata;
    size_t metadata_rtree;
    size_t metadata_thp;
    size_t resident;
    size_t absent;
    size_t mapped;
    size_t retained;
    size_t pinned;
    size_t cached; /* bytes of free objects and runs in caches */
    size_t reserved;
    unsigned nthreads;
    unsigned narenas;
    struct lock_snapshot mutexes[GLOBAL_MUTEXES];
    unsigned narena_parts; /* parts[0 .. narena_parts - 1] may be there */
    struct arena_snapshot *merged;
    struct arena_snapshot *destroyed; /* NULL: none ever was */
    struct arena_snapshot *parts[ARENAS_MAX];
};

/* NULL: no memory for it. Any thread; no lock of a rank from RANK_THREADS up may be held. */
struct snapshot *snapshot_take(void);
void snapshot_drop(struct snapshot *snapshot);

/* The part of one arena, of MALLCTL_ARENAS_ALL or MALLCTL_ARENAS_DESTROYED (<jemalloc/jemalloc.h>);
 * NULL: there was no such arena. */
const struct arena_snapshot *snapshot_arena(const struct snapshot *snapshot, unsigned arena);

/* All counters of all locks begin again. The caller holds that of MUTEX_CTL. */
void snapshot_reset_locks(void);

/* For fork. */
extern struct pool snapshot_pools[2];

#endif

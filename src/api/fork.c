/*
 * fork.c: all locks are taken in the order of rank.h before a fork, so the child's copy of the heap is
 * whole; in the child they are simply free again.
 *
 * Threads other than the forking one do not exist in the child: what their magazines held goes to the
 * depots. One that was in the middle of moving magazines or slabs may lose those in the child.
 */
#include "api/fork.h"

#include <pthread.h>

#include "base/bitset.h"
#include "cache/background.h"
#include "cache/thread.h"
#include "ctl/ctl.h"
#include "heap/arenas.h"
#include "meta/meta.h"
#include "meta/pool.h"
#include "os/fatal.h"
#include "pages/hooked.h"
#include "stats/snapshot.h"

typedef void lock_action(struct lock *lock);

static void for_pools(lock_action *action) {
    for (unsigned i = 0; i < SLAB_POOLS; i++) {
        action(&slab_pools[i].lock);
    }
    for (unsigned i = 0; i < MAGAZINE_SIZES; i++) {
        action(&magazine_pools[i].lock);
    }
    for (unsigned i = 0; i < ARRAY_LEN(snapshot_pools); i++) {
        action(&snapshot_pools[i].lock);
    }
    action(&chunk_runs_pool.lock);
    action(&thread_pool.lock);
    action(&shadow_pool.lock);
}

static void for_arenas(lock_action *action, bool bins) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        for (unsigned class = 1; bins && class < NCLASSES; class ++) {
            action(&arena->bins[class].lock);
        }
        if (!bins) {
            action(&arena->pages.lock);
        }
    }
}

static void for_depots(lock_action *action) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        for (unsigned class = 1; class < NCLASSES; class ++) {
            action(&arena->depots[class].lock);
        }
    }
}

static void for_own_spaces(lock_action *action) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        action(&arena->own.lock);
    }
}

/* The locks of the library in the order of rank.h, in two parts. */
static void for_outer(lock_action *action) {
    action(&init_lock);
    action(&ctl_lock);
    action(&ctl_epoch_lock);
    action(&background_lock);
    action(&threads_lock);
    action(&arenas_lock);
}

static void for_inner(lock_action *action) {
    for_depots(action);
    for_arenas(action, true);
    for_arenas(action, false);
    for_own_spaces(action);
    action(&arenas_space.lock);
    for_pools(action);
    action(&meta_lock);
}

static void acquire(struct lock *lock) {
    lock_acquire(lock);
}

static void release(struct lock *lock) {
    lock_release(lock);
}

/* A purge that is in an extent hook is not waited for, since the hook may wait for what this thread's other fork
 * handlers have locked. What it has hidden stays so in the child. */
static bool suspend(struct arena *arena) {
    if (space_is_hooked(pages_space(&arena->pages))) {
        return purge_try_suspend(&arena->pages);
    }
    purge_suspend(&arena->pages);
    return true;
}

/* Arenas that a purge goes on in; guarded by arenas_lock. */
static uint64_t purging[ARENAS_MAX / 64 + 1];

/* Once arenas_lock is held, no arena can appear whose purging was not suspended. */
static void before(void) {
    rank_allow_equal(true);
    for_outer(acquire);
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        if (!suspend(arena)) {
            bitset_add(purging, arena->index);
        }
    }
    for_inner(acquire);
}

static void after(lock_action *action) {
    for_inner(action);
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        if (!bitset_has(purging, arena->index)) {
            purge_resume(&arena->pages);
            continue;
        }
        bitset_remove(purging, arena->index);
        if (action == lock_reset) {
            lock_reset(&arena->pages.purge_lock);
        }
    }
    for_outer(action);
    rank_allow_equal(false);
}

static void after_in_parent(void) {
    after(release);
}

static void after_in_child(void) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        atomic_store_explicit(&arena->own.rearranging, false, memory_order_relaxed);
    }
    after(lock_reset);
    background_after_fork();
    threads_after_fork();
}

void fork_register(void) {
    if (pthread_atfork(before, after_in_parent, after_in_child) != 0) {
        warn("no memory to prepare for fork: children of this process may hang");
    }
}

/*
 * event.c: the housekeeping that allocating threads do by the way.
 *
 * Whoever finds work due does it; nobody waits for it. No lock is held here.
 */
#include "cache/event.h"

#include "cache/background.h"
#include "cache/depot.h"
#include "heap/arenas.h"
#include "heap/scavenge.h"
#include "os/os.h"
#include "pages/collapse.h"
#include "pages/hooked.h"

static const uint64_t trim_interval_ns = 1000000000;

static const uint64_t decay_interval_ns = 10000000;

enum { POLLS_PER_LOOK = 2 };

static _Atomic uint64_t next_trim_ns;
static _Atomic uint64_t next_decay_ns;

struct look {
    bool all;
    struct list spares[NCLASSES];
};

static void give_up_unused(struct thread *thread, void *context) {
    struct look *look = context;
    bool used = atomic_exchange_explicit(&thread->large.used, false, memory_order_relaxed);
    if (!used || look->all) {
        large_cache_empty(&thread->large);
    } else {
        large_cache_limit(&thread->large, thread->arena);
    }
    thread_steal_spares(thread, look->all, look->spares);
}

/* What threads keep and do not use: runs for large objects, and magazines. */
static void look_at_threads(bool all) {
    struct look look = {.all = all};
    threads_visit(give_up_unused, &look);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        while (!list_is_empty(&look.spares[class])) {
            struct list *node = list_first(&look.spares[class]);
            list_remove(node);
            depot_send_home(class, list_entry(node, struct magazine, link));
        }
    }
}

/* Whether it is time, for one thread only. */
static bool is_due(_Atomic uint64_t *next_ns, uint64_t now_ns, uint64_t interval_ns) {
    uint64_t due = atomic_load_explicit(next_ns, memory_order_relaxed);
    return now_ns >= due &&
           atomic_compare_exchange_strong_explicit(next_ns, &due, now_ns + interval_ns,
                                                   memory_order_relaxed, memory_order_relaxed);
}

void event_trim_if_due(uint64_t now_ns) {
    if (!is_due(&next_trim_ns, now_ns, trim_interval_ns)) {
        return;
    }
    look_at_threads(false);
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        depots_trim(arena, false);
        arena_trim(arena, false);
        purge_after_free(&arena->pages); /* the caches' runs */
    }
    background_notice_all_slabs();
}

/* Looking at all magazines is for once in a tick of the clock. */
static void look_at_peak(struct thread *thread, uint64_t now_ns) {
    if (!thread->armed && thread->looked_ns != now_ns) {
        thread->looked_ns = now_ns;
        thread_look_at_peak(thread);
    }
}

/* What helpers do where there are any. */
static void look_at_arenas(uint64_t now_ns) {
    if (background_is_active()) {
        background_notice_all_slabs();
        return;
    }
    background_look(now_ns);
    arenas_decay(now_ns);
    if (collapse_is_on()) {
        collapse_dense(&arenas_space, now_ns, COLLAPSE_BUDGET);
    }
}

void event_poll(void) {
    uint64_t now_ns = os_coarse_clock_ns();
    event_trim_if_due(now_ns);
    if (is_due(&next_decay_ns, now_ns, decay_interval_ns)) {
        look_at_arenas(now_ns);
    }
    struct thread *thread = this_thread;
    bool known = !thread_is_new(thread) && thread != &gone_thread;
    if (known) {
        background_notice_slabs(thread->arena);
        if (++thread->polls % POLLS_PER_LOOK == 0) {
            background_look_at(thread->arena, now_ns);
        }
    }
    if (unlikely(atomic_load_explicit(&background_wanted, memory_order_relaxed))) {
        background_start();
    }
    if (known) {
        look_at_peak(thread, now_ns);
        if (unlikely(atomic_load_explicit(&thread_events_generation, memory_order_relaxed) != 0)) {
            thread_events_run(thread);
            event_hasten(); /* look in every slow operation */
        }
    }
    if (config_debug) {
        arenas_check();
    }
}

/* Inside an extent hook an arena's purge lock is held, maybe: what would wait is left out. */
void event_trim_all(void) {
    struct thread *thread = this_thread;
    bool waits = !thread_in_hook();
    if (!thread_is_new(thread) && waits) {
        thread_flush(thread);
    }
    if (waits) {
        look_at_threads(true);
    }
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        depots_trim(arena, true); /* objects of any arena */
    }
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        arena_trim(arena, true);
        /* Another thread's hook may wait for a lock that the caller holds. */
        if (waits && !space_is_hooked(pages_space(&arena->pages))) {
            scavenge_all(arena);
            purge_all(&arena->pages);
        } else {
            purge_dirty(&arena->pages);
        }
    }
}

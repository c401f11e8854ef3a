/*
 * background.c: when helpers start, what they do, when they sleep, and how they end.
 *
 * Helpers are detached and keep nothing alive: the last thread of the program that ends wakes them to
 * end too, and a process that exits just stops them. They never enter the cache themselves.
 * Helper k of n serves the arenas whose numbers are k modulo n. n only matters for who does the work: an
 * arena's purge_lock keeps two of them apart.
 * Waking: a thread makes memory unused, then reads the helper's state; the helper says that it is idle,
 * then reads the amount of unused memory. Fences on both sides keep one of the two from being missed.
 */
#include "cache/background.h"

#include "cache/event.h"
#include "heap/arenas.h"
#include "heap/scavenge.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "os/os.h"
#include "pages/collapse.h"

static const uint64_t least_sleep_ns = 10000000;
static const uint64_t longest_sleep_ns =
    1000000000; /* with auto: threads may have ended meanwhile */
static const uint64_t linger_ns = 100000000;
static const uint64_t retry_ns = 60000000000;

enum state { AWAKE, ASLEEP, IDLE }; /* asleep: until a time; idle: until woken */

struct helper {
    _Atomic uint32_t state;   /* enum state; waited on */
    _Atomic uint32_t exists;  /* 1 from before its creation until its end; waited on */
    _Atomic uint64_t nruns;   /* written by the helper */
    _Atomic uint64_t rest_ns; /* slept so far; same */
    _Atomic bool poked;       /* somebody wants it to look at everything again */
    uint64_t lonely_ns;       /* since when it is alone with one thread; 0: it is not */
    unsigned turn;            /* the arena it begins with */
};

struct lock background_lock = {.rank = RANK_BACKGROUND};
_Atomic unsigned background_nhelpers; /* written under background_lock */
_Atomic bool background_wanted;

static struct helper helpers[BACKGROUND_MAX];
static _Atomic unsigned mode;       /* enum opt_background; written under background_lock */
static _Atomic unsigned most;       /* helpers there may be; same */
static _Atomic uint64_t not_before; /* when starting may be tried again, after it failed */
static _Atomic int home;            /* the process that may start helpers; 0: not known yet */
static _Atomic int seccomp;         /* its seccomp mode when it got its second thread */
static _Atomic unsigned nregistered;
static _Atomic bool deserted; /* all threads have ended */

static unsigned mode_now(void) {
    return atomic_load_explicit(&mode, memory_order_relaxed);
}

static unsigned nhelpers(void) {
    return atomic_load_explicit(&background_nhelpers, memory_order_relaxed);
}

static unsigned nthreads(void) {
    return atomic_load_explicit(&nregistered, memory_order_relaxed);
}

static void set_nhelpers_locked(unsigned n) {
    lock_assert_held(&background_lock);
    atomic_store_explicit(&background_nhelpers, n, memory_order_relaxed);
    size_t alarm = n > 0 || mode_now() != BACKGROUND_FALSE ? BACKGROUND_WAKE_GRANULES : SIZE_MAX;
    atomic_store_explicit(&purge_alarm, alarm, memory_order_relaxed);
}

static void wake(struct helper *helper, enum state from) {
    uint32_t state = from;
    /* All threads come by here, mostly for nothing: who only reads leaves the cache line where it is. */
    if (atomic_load_explicit(&helper->state, memory_order_seq_cst) == from &&
        atomic_compare_exchange_strong_explicit(&helper->state, &state, AWAKE, memory_order_seq_cst,
                                                memory_order_relaxed)) {
        os_wake_one((const uint32_t *)&helper->state);
    }
}

static bool is_idle(const struct helper *helper) {
    return atomic_load_explicit(&helper->state, memory_order_seq_cst) == IDLE;
}

static void poke(struct helper *helper) {
    atomic_store_explicit(&helper->poked, true, memory_order_seq_cst);
    wake(helper, IDLE);
    wake(helper, ASLEEP);
}

static void poke_all(void) {
    for (unsigned k = 0; k < BACKGROUND_MAX; k++) {
        poke(&helpers[k]);
    }
}

/* ---- what a helper does ---- */

static bool is_deserted(void) {
    return atomic_load_explicit(&deserted, memory_order_relaxed);
}

/* Granules on decay curves. */
static size_t decaying(const struct pages *pages) {
    size_t n = 0;
    for (unsigned state = 0; state < PAGE_STATES; state++) {
        if (decay_ms(&pages->decay[state]) >= 0) {
            n += pages_unused(pages, (enum page_state)state);
        }
    }
    return n;
}

static bool serves(unsigned k, const struct arena *arena) {
    unsigned n = nhelpers();
    return n != 0 && arena->index % n == k;
}

/* Returns when there will be more to do; UINT64_MAX: not before memory becomes unused, or slabs change.
 * Begins with another arena each time (see arenas_decay). */
static uint64_t work(unsigned k, uint64_t now_ns) {
    uint64_t due = UINT64_MAX;
    unsigned effort = SCAVENGE_EFFORT_HELPER;
    unsigned first = helpers[k].turn++;
    struct arena *arena;
    for (unsigned n = 0; (arena = arenas_next_around(first, &n)) != NULL;) {
        if (!serves(k, arena)) {
            continue;
        }
        scavenge_decayed(arena, now_ns, &effort);
        uint64_t next = scavenge_due_ns(arena);
        due = next < due ? next : due;
        if (decaying(&arena->pages) > 0) {
            next = purge_decay_now(&arena->pages, now_ns);
            due = next < due ? next : due;
        }
    }
    return due;
}

static bool is_work_left(unsigned k) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        if (serves(k, arena) &&
            (decaying(&arena->pages) > BACKGROUND_WAKE_GRANULES || scavenge_is_wanted(arena))) {
            return true;
        }
    }
    return false;
}

static void rest(unsigned k, uint64_t now_ns, uint64_t until_ns) {
    struct helper *helper = &helpers[k];
    bool idle = until_ns == UINT64_MAX;
    enum state state = idle ? IDLE : ASLEEP;
    atomic_store_explicit(&helper->state, state, memory_order_seq_cst);
    full_fence();
    if (!atomic_exchange_explicit(&helper->poked, false, memory_order_seq_cst) &&
        !(idle && is_work_left(k))) {
        os_wait_until((const uint32_t *)&helper->state, state, until_ns);
    }
    atomic_store_explicit(&helper->state, AWAKE, memory_order_relaxed);
    counter_add(&helper->nruns, 1);
    counter_add(&helper->rest_ns, os_coarse_clock_ns() - now_ns);
}

/* The program's threads have ended, or with auto, all but one: since a while, because others may start
 * any moment. */
static bool is_useless(struct helper *helper, uint64_t now_ns) {
    if (mode_now() != BACKGROUND_AUTO || nthreads() > 1) {
        helper->lonely_ns = 0;
    } else if (helper->lonely_ns == 0) {
        helper->lonely_ns = now_ns;
    }
    return is_deserted() || (helper->lonely_ns != 0 && now_ns - helper->lonely_ns >= linger_ns);
}

static bool ends(unsigned k, uint64_t now_ns) {
    if (k >= nhelpers()) {
        return true;
    }
    if (!is_useless(&helpers[k], now_ns) || !lock_try_acquire(&background_lock)) {
        return false;
    }
    bool useless = is_useless(&helpers[k], now_ns); /* nobody else starts or stops any now */
    if (useless) {
        set_nhelpers_locked(0);
    }
    lock_release(&background_lock);
    return useless;
}

static uint64_t next_look(const struct helper *helper, uint64_t now_ns, uint64_t due_ns) {
    if (is_deserted() || atomic_load_explicit(&background_wanted, memory_order_relaxed)) {
        due_ns = now_ns; /* somebody had the lock */
    } else if (helper->lonely_ns != 0 && due_ns > helper->lonely_ns + linger_ns) {
        due_ns = helper->lonely_ns + linger_ns;
    } else if (due_ns != UINT64_MAX && mode_now() == BACKGROUND_AUTO &&
               due_ns > now_ns + longest_sleep_ns) {
        due_ns = now_ns + longest_sleep_ns;
    }
    return due_ns > now_ns + least_sleep_ns ? due_ns : now_ns + least_sleep_ns;
}

static void *help(void *argument) {
    struct helper *helper = argument;
    unsigned k = (unsigned)(helper - helpers);
    os_name_thread("ashlar_bg");
    uint64_t now_ns = os_coarse_clock_ns();
    while (!ends(k, now_ns)) {
        if (k == 0) {
            event_trim_if_due(now_ns);
            background_start(); /* more of them */
        }
        uint64_t due_ns = work(k, now_ns);
        if (k == 0 && collapse_is_on()) {
            uint64_t next_ns = collapse_dense(&arenas_space, now_ns, COLLAPSE_BUDGET_HELPER);
            due_ns = next_ns < due_ns ? next_ns : due_ns;
        }
        rest(k, now_ns, next_look(helper, now_ns, due_ns));
        now_ns = os_coarse_clock_ns();
    }
    atomic_store_explicit(&helper->exists, 0, memory_order_release);
    os_wake_one((const uint32_t *)&helper->exists);
    return NULL;
}

/* ---- starting and stopping ---- */

/* One that ends may still be on its way. */
static void await_end(struct helper *helper) {
    while (atomic_load_explicit(&helper->exists, memory_order_acquire) != 0) {
        os_wait((const uint32_t *)&helper->exists, 1);
    }
}

static bool start_one_locked(void) {
    unsigned k = nhelpers();
    struct helper *helper = &helpers[k];
    await_end(helper);
    helper->lonely_ns = 0;
    atomic_store_explicit(&helper->state, AWAKE, memory_order_relaxed);
    atomic_store_explicit(&helper->exists, 1, memory_order_relaxed);
    set_nhelpers_locked(k + 1);
    void *self = thread_enter_hook(); /* what this allocates is no event */
    bool started = os_start_thread(help, helper);
    thread_leave_hook(self);
    if (started) {
        poke_all(); /* arenas change hands */
        return true;
    }
    atomic_store_explicit(&helper->exists, 0, memory_order_relaxed);
    set_nhelpers_locked(k);
    return false;
}

static void stop_locked(unsigned left) {
    set_nhelpers_locked(left);
    poke_all();
    for (unsigned k = left; k < BACKGROUND_MAX; k++) {
        await_end(&helpers[k]);
    }
}

/* How many there should be now. */
static unsigned nwanted(void) {
    unsigned n = nhelpers();
    if (mode_now() == BACKGROUND_AUTO) {
        return n == 0 && nthreads() > 1 ? 1 : n;
    }
    unsigned narenas = arenas_count();
    unsigned limit = (unsigned)background_max();
    return mode_now() == BACKGROUND_FALSE ? 0 : narenas < limit ? narenas : limit;
}

/* A child of vfork runs in its parent's memory. A program that has locked itself in since it got its
 * second thread may be killed for a third one. */
static bool may_start(void) {
    int process = atomic_load_explicit(&home, memory_order_acquire);
    return process == os_process_id() &&
           (mode_now() != BACKGROUND_AUTO ||
            atomic_load_explicit(&seccomp, memory_order_relaxed) == os_seccomp_mode());
}

void background_start(void) {
    bool wanted = nwanted() > nhelpers() &&
                  os_coarse_clock_ns() >= atomic_load_explicit(&not_before, memory_order_relaxed);
    bool locked = wanted && lock_try_acquire(&background_lock);
    atomic_store_explicit(&background_wanted, wanted && !locked, memory_order_relaxed);
    if (!locked) {
        return; /* somebody starts or stops them, or forks: another time */
    }
    bool done = true;
    bool failed = false;
    while (done && nwanted() > nhelpers()) {
        bool may = may_start();
        done = may && start_one_locked();
        failed = may && !done;
    }
    if (!done) {
        atomic_store_explicit(&not_before, os_coarse_clock_ns() + retry_ns, memory_order_relaxed);
        if (nhelpers() == 0) {
            atomic_store_explicit(&purge_alarm, SIZE_MAX, memory_order_relaxed);
        }
    }
    lock_release(&background_lock);
    if (failed && mode_now() == BACKGROUND_TRUE) {
        warn("cannot start a helper thread (background_thread:true)");
    }
}

static bool may_help(void) {
    return mode_now() == BACKGROUND_TRUE || nthreads() > 1;
}

static size_t unused_granules(const struct arena *arena) {
    return decaying(&arena->pages) + (scavenge_slack(arena) >> LG_GRANULE);
}

/* Enough for the first helper. */
static bool is_much_unused(void) {
    if (mode_now() == BACKGROUND_TRUE) {
        return true;
    }
    size_t unused = 0;
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        unused += unused_granules(arena);
    }
    return unused > BACKGROUND_START_GRANULES;
}

static bool is_one_missing(uint64_t now_ns) {
    return nhelpers() == 0 && mode_now() != BACKGROUND_FALSE && may_help() &&
           now_ns >= atomic_load_explicit(&not_before, memory_order_relaxed);
}

void background_look(uint64_t now_ns) {
    if (is_one_missing(now_ns) && is_much_unused()) {
        atomic_store_explicit(&background_wanted, true, memory_order_relaxed);
    }
}

void background_look_at(const struct arena *arena, uint64_t now_ns) {
    if (is_one_missing(now_ns) && unused_granules(arena) > BACKGROUND_START_GRANULES) {
        atomic_store_explicit(&background_wanted, true, memory_order_relaxed);
    }
}

/* What is unused is added up only when an arena's share has changed a lot since it was last. */
static bool is_news(struct pages *pages) {
    size_t now = pages_unused(pages, PAGES_DIRTY);
    size_t noticed = atomic_load_explicit(&pages->noticed, memory_order_relaxed);
    if ((now > noticed ? now - noticed : noticed - now) < BACKGROUND_WAKE_GRANULES) {
        return false;
    }
    atomic_store_explicit(&pages->noticed, now, memory_order_relaxed);
    return true;
}

/* Whom to tell about an arena, after what there is to tell was stored; NULL: nobody. */
static struct helper *helper_of(const struct arena *arena) {
    if (likely(nhelpers() == 0)) {
        return NULL;
    }
    full_fence();
    unsigned n = nhelpers();
    return n != 0 ? &helpers[arena->index % n] : NULL;
}

void background_notice(struct pages *pages, bool again) {
    if (decay_ms(&pages->decay[PAGES_DIRTY]) < 0 && !again) {
        return;
    }
    struct helper *helper = helper_of(container_of(pages, struct arena, pages));
    if (helper != NULL) {
        if (again) {
            poke(helper);
        } else {
            wake(helper, IDLE);
        }
    } else if (!again && may_help() && is_news(pages) && is_much_unused()) {
        atomic_store_explicit(&background_wanted, true, memory_order_relaxed);
        event_hasten();
    }
}

void background_notice_slabs(const struct arena *arena) {
    struct helper *helper = helper_of(arena);
    if (helper != NULL && is_idle(helper) && scavenge_is_wanted(arena)) {
        wake(helper, IDLE);
    }
}

void background_notice_all_slabs(void) {
    full_fence();
    bool idle = false;
    for (unsigned k = nhelpers(); k-- > 0;) {
        idle = idle || is_idle(&helpers[k]);
    }
    struct arena *arena;
    for (unsigned i = 0; idle && (arena = arenas_next(&i)) != NULL;) {
        background_notice_slabs(arena);
    }
}

void background_thread_began(unsigned n) {
    atomic_store_explicit(&nregistered, n, memory_order_relaxed);
    atomic_store_explicit(&deserted, false, memory_order_relaxed);
    if (n > 1 && unlikely(atomic_load_explicit(&home, memory_order_relaxed) == 0)) {
        atomic_store_explicit(&seccomp, os_seccomp_mode(), memory_order_relaxed);
        atomic_store_explicit(&home, os_process_id(), memory_order_release);
    }
}

void background_thread_ended(unsigned n) {
    atomic_store_explicit(&nregistered, n, memory_order_relaxed);
    atomic_store_explicit(&deserted, n == 0, memory_order_relaxed);
    if (n == 0 && background_is_active()) {
        poke_all();
    } else if (n == 1 && background_is_active()) { /* one that is asleep will look soon enough */
        atomic_store_explicit(&helpers[0].poked, true, memory_order_seq_cst);
        wake(&helpers[0], IDLE);
    }
}

static size_t largest(void) {
    return opts.max_background_threads < BACKGROUND_MAX ? opts.max_background_threads
                                                        : BACKGROUND_MAX;
}

void background_init(void) {
    lock_acquire(&background_lock);
    atomic_store_explicit(&mode, opts.background_thread, memory_order_relaxed);
    atomic_store_explicit(&most, (unsigned)largest(), memory_order_relaxed);
    if (opts.background_thread == BACKGROUND_TRUE) {
        atomic_store_explicit(&home, os_process_id(), memory_order_relaxed);
        atomic_store_explicit(&background_wanted, true, memory_order_relaxed);
    }
    set_nhelpers_locked(0);
    lock_release(&background_lock);
}

/* ---- controls ---- */

bool background_enabled(void) {
    return mode_now() == BACKGROUND_TRUE || nhelpers() != 0;
}

bool background_set(bool enabled) {
    lock_acquire(&background_lock);
    bool done = true;
    if (enabled) {
        unsigned before = mode_now();
        atomic_store_explicit(&mode, BACKGROUND_TRUE, memory_order_relaxed);
        atomic_store_explicit(&home, os_process_id(), memory_order_relaxed);
        if (nhelpers() == 0 && !start_one_locked()) {
            atomic_store_explicit(&mode, before, memory_order_relaxed);
            set_nhelpers_locked(0);
            done = false;
        }
    } else {
        atomic_store_explicit(&mode, BACKGROUND_FALSE, memory_order_relaxed);
        stop_locked(0);
    }
    lock_release(&background_lock);
    poke_all(); /* the first one starts others, once nobody has the lock */
    return done;
}

size_t background_max(void) {
    return atomic_load_explicit(&most, memory_order_relaxed);
}

bool background_set_max(size_t n) {
    if (n < 1 || n > largest()) {
        return false;
    }
    lock_acquire(&background_lock);
    atomic_store_explicit(&most, (unsigned)n, memory_order_relaxed);
    if (nhelpers() > n) {
        stop_locked((unsigned)n);
    }
    lock_release(&background_lock);
    poke_all();
    return true;
}

struct background_counters background_read(void) {
    struct background_counters counters = {.nthreads = nhelpers()};
    uint64_t rest_ns = 0;
    for (unsigned k = 0; k < BACKGROUND_MAX; k++) {
        counters.nidle += k < counters.nthreads && is_idle(&helpers[k]);
        counters.nruns += counter_read(&helpers[k].nruns);
        rest_ns += counter_read(&helpers[k].rest_ns);
    }
    counters.run_interval_ns = counters.nruns != 0 ? rest_ns / counters.nruns : 0;
    return counters;
}

void background_after_fork(void) {
    for (unsigned k = 0; k < BACKGROUND_MAX; k++) {
        helpers[k] = (struct helper){0};
    }
    if (mode_now() == BACKGROUND_TRUE) {
        atomic_store_explicit(&mode, BACKGROUND_FALSE, memory_order_relaxed);
    }
    atomic_store_explicit(&background_wanted, false, memory_order_relaxed);
    atomic_store_explicit(&home, 0, memory_order_relaxed);
    atomic_store_explicit(&not_before, 0, memory_order_relaxed);
    lock_acquire(&background_lock);
    set_nhelpers_locked(0);
    lock_release(&background_lock);
}

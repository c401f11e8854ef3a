/*
 * init.c: the order in which the library starts, and what happens when the process ends.
 *
 * The first allocation of any thread starts the library; a constructor does so at the latest before
 * main. Starting allocates nothing from itself.
 * Locks: init_lock; a thread that allocates while it starts the library itself (a malloc_message that
 * allocates, which is forbidden) gets NULL.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/fork.h"
#include "api/names.h"
#include "base/upcall.h"
#include "cache/background.h"
#include "cache/thread.h"
#include "cache/thread_event.h"
#include "ctl/ctl.h"
#include "heap/arenas.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "os/os.h"
#include "report/report.h"
#include "stats/snapshot.h"

enum { LINK_TEXT = 4096, VARIABLE_TEXT = 4096, STDERR = 2 };

/* Documented in include/ashlar.h. */
EXPORT WEAK const char *API(malloc_conf);
EXPORT WEAK const char *API(malloc_conf_2_conf_harder);
EXPORT void (*API(malloc_message))(void *opaque, const char *text);

static void message(const char *text) {
    void (*sink)(void *, const char *) = API(malloc_message);
    if (sink != NULL) {
        sink(NULL, text);
    } else {
        os_write(STDERR, text, strlen(text));
    }
}

static void opt_sink(void *opaque, const char *text) {
    (void)opaque;
    message(text);
}

struct lock init_lock = {.rank = RANK_INIT};
static _Atomic bool started;
static pthread_t starter; /* valid while init_lock is held; guarded by it */
static _Atomic bool starting;

/* Options and controls show this text later, when the program may have written its name, or another
 * environment, over it. What does not fit stays where it is. */
static const char *copy_variable(const char *text) {
    static char copy[VARIABLE_TEXT];
    size_t length = text != NULL ? strlen(text) : sizeof(copy);
    return length < sizeof(copy) ? memcpy(copy, text, length + 1) : text;
}

static void read_options(void) {
    static char link[LINK_TEXT];
    struct opt_sources sources = {.message = opt_sink};
    sources.text[OPT_FROM_BUILD] = ASHLAR_BUILD_MALLOC_CONF;
    sources.text[OPT_FROM_VARIABLE] = API(malloc_conf);
    sources.text[OPT_FROM_SYMLINK] =
        os_read_link(ASHLAR_CONF_LINK, link, sizeof(link)) ? link : NULL;
    sources.text[OPT_FROM_ENVIRONMENT] = copy_variable(os_environment(ASHLAR_CONF_VARIABLE));
    sources.text[OPT_FROM_OVERRIDE] = API(malloc_conf_2_conf_harder);
    if (!opts_init(&sources)) {
        os_abort();
    }
}

/* May be called again after it failed for want of memory; what was done is not done twice. */
static bool start_locked(void) {
    read_options();
    atomic_store_explicit(&warnings_abort, opts.abort, memory_order_relaxed);
    atomic_store_explicit(&lock_max_spin, opts.mutex_max_spin, memory_order_relaxed);
    size_t page = os_page_size();
    purge_page_size = opts.page_size > page ? opts.page_size : page;
    if (!map_init() || !arenas_init() || !threads_init()) {
        return false;
    }
    snapshot_locks[MUTEX_CTL] = &ctl_lock;
    snapshot_locks[MUTEX_BACKGROUND_THREAD] = &background_lock;
    background_init();
    if (opts.stats_interval >= 0) {
        thread_event_report_every((uint64_t)(opts.stats_interval > 0 ? opts.stats_interval : 1));
    }
    fork_register();
    return true;
}

static bool start(void) {
    if (likely(atomic_load_explicit(&started, memory_order_acquire))) {
        return true;
    }
    if (atomic_load_explicit(&starting, memory_order_acquire) &&
        pthread_equal(starter, pthread_self())) {
        return false;
    }
    lock_acquire(&init_lock);
    bool done = atomic_load_explicit(&started, memory_order_relaxed);
    if (!done) {
        starter = pthread_self();
        atomic_store_explicit(&starting, true, memory_order_release);
        done = start_locked();
        atomic_store_explicit(&starting, false, memory_order_release);
        atomic_store_explicit(&started, done, memory_order_release);
    }
    lock_release(&init_lock);
    return done;
}

static void print_at_interval(void) {
    report_print(NULL, NULL, opts.stats_interval_opts);
}

const struct upcalls upcalls = {
    .message = message,
    .start = start,
    .enter_hook = thread_enter_hook,
    .leave_hook = thread_leave_hook,
    .in_hook = thread_in_hook,
    .unused = background_notice,
    .report = print_at_interval,
};

static void print_statistics(void) {
    report_print(NULL, NULL, opts.stats_print_opts);
}

__attribute__((constructor)) static void start_before_main(void) {
    if (start()) {
        background_start();
        if (opts.stats_print) {
            atexit(print_statistics);
        }
    }
}

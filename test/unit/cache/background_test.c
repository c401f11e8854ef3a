/*
 * background_test.c: when helper threads start and end, that they give memory back and then sleep, and
 * that forks, exits and refusals do not disturb them.
 *
 * Every test plays in a child process of its own, which has one thread and no helper at first.
 */
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "cache/background.h"
#include "cache/event.h"
#include "heap/arenas.h"
#include "heap/scavenge.h"
#include "opt/opt.h"
#include "os/os.h"

#define MIB ((size_t)1 << 20)

enum { PATIENCE_MS = 20000, IDLERS = 3 };

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

/* A child of many threads goes on; see forking.c. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "die_after_fork=0:atexit_sleep_ms=0";
}

#define NEED(condition)                                                                            \
    if (!(condition)) {                                                                            \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
        return false;                                                                              \
    }

static void pause_ms(unsigned ms) {
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Reads a file of /proc without allocating; "" when it is gone. */
static const char *read_text(const char *path, char *text, size_t capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, capacity - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* How many threads have a helper's name; *task is one of them. */
static unsigned helpers_seen(int *task) {
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;
    struct dirent *entry;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char path[64], name[32];
        snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", entry->d_name);
        if (strcmp(read_text(path, name, sizeof(name)), "ashlar_bg\n") == 0) {
            n++;
            *task = atoi(entry->d_name);
        }
    }
    closedir(tasks);
    return n;
}

/* Whether there will be n helpers within reason. */
static bool wait_for_helpers(unsigned n) {
    int task;
    for (unsigned ms = 0; helpers_seen(&task) != n; ms += 5) {
        if (ms > PATIENCE_MS) {
            fprintf(stderr, "%u helpers, not %u\n", helpers_seen(&task), n);
            return false;
        }
        pause_ms(5);
    }
    return true;
}

/* With `true` there is one per arena, up to the maximum. */
static bool wait_for_helpers_of_all(void) {
    unsigned narenas = arenas_count();
    unsigned most = (unsigned)background_max();
    return wait_for_helpers(narenas < most ? narenas : most);
}

static size_t unused(void) {
    size_t n = 0;
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        n += pages_unused(&arena->pages, PAGES_DIRTY) + pages_unused(&arena->pages, PAGES_MUZZY);
    }
    return n << LG_GRANULE;
}

/* Parts of pages that are larger than granules cannot go, and then helpers try it now and then. */
static bool is_clean(void) {
    return unused() <= (purge_page_size > GRANULE_SIZE ? 2 * MIB : 0);
}

static bool wait_for_clean(void) {
    for (unsigned ms = 0; !is_clean(); ms += 5) {
        if (ms > PATIENCE_MS) {
            fprintf(stderr, "%zu bytes unused\n", unused());
            return false;
        }
        pause_ms(5);
    }
    return true;
}

static bool is_work_left(void) {
    bool left = !is_clean();
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        left = left || scavenge_is_wanted(arena);
    }
    return left;
}

/* Until helpers have nothing to do and know it; *nruns is what they have done by then. */
static bool wait_for_rest(uint64_t *nruns) {
    unsigned ms = 0;
    unsigned quiet = 0;
    *nruns = 0;
    while (quiet < 5) {
        struct background_counters now = background_read();
        bool idle = now.nidle == now.nthreads || unused() > 0;
        bool rests = idle && now.nruns == *nruns && !is_work_left();
        quiet = rests ? quiet + 1 : 0;
        *nruns = now.nruns;
        ms += 5;
        NEED(ms < PATIENCE_MS);
        pause_ms(5);
    }
    return true;
}

static bool wait_for_run(uint64_t nruns) {
    for (unsigned ms = 0; background_read().nruns == nruns; ms += 5) {
        NEED(ms < PATIENCE_MS);
        pause_ms(5);
    }
    return true;
}

static void set_decay_ms(ssize_t ms) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        arena_set_decay_ms(arena, PAGES_DIRTY, ms);
    }
    arena_set_default_decay_ms(PAGES_DIRTY, ms);
}

static void make_dirty(size_t bytes) {
    void *p = ashlar_malloc(bytes);
    memset(p, 1, bytes);
    ashlar_free(p);
}

/* ---- threads that allocate something and then do nothing ---- */

struct idlers {
    pthread_t threads[IDLERS];
    pthread_barrier_t begun;
    pthread_barrier_t over;
    size_t bytes;
};

static void *idle(void *argument) {
    struct idlers *idlers = argument;
    make_dirty(idlers->bytes);
    pthread_barrier_wait(&idlers->begun);
    pthread_barrier_wait(&idlers->over);
    return NULL;
}

static void idlers_start(struct idlers *idlers, size_t bytes) {
    idlers->bytes = bytes;
    pthread_barrier_init(&idlers->begun, NULL, IDLERS + 1);
    pthread_barrier_init(&idlers->over, NULL, IDLERS + 1);
    for (unsigned i = 0; i < IDLERS; i++) {
        assert_int_equal(pthread_create(&idlers->threads[i], NULL, idle, idlers), 0);
    }
    pthread_barrier_wait(&idlers->begun);
}

static void idlers_stop(struct idlers *idlers) {
    pthread_barrier_wait(&idlers->over);
    for (unsigned i = 0; i < IDLERS; i++) {
        pthread_join(idlers->threads[i], NULL);
    }
}

/* Runs a part in a child of its own, also out of another part. */
static bool play_part(bool (*part)(void *), void *context) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        _exit(part(context) ? 0 : 1);
    }
    int status = -1;
    for (unsigned ms = 0; waitpid(child, &status, WNOHANG) == 0; ms++) {
        pause_ms(1);
        if (ms > 3 * PATIENCE_MS) {
            kill(child, SIGKILL);
        }
    }
    if (status != 0) {
        fprintf(stderr, "child ended with status %#x\n", (unsigned)status);
        return false;
    }
    return true;
}

static void play(bool (*part)(void *)) {
    assert_true(play_part(part, NULL));
}

/* ---- auto ---- */

/* A process with one thread gives memory back on its own activity, and never gets a helper. */
static bool single_threaded(void *context) {
    (void)context;
    set_decay_ms(100);
    int task;
    for (unsigned i = 0; i < 20; i++) {
        make_dirty(40 * MIB);
        ashlar_free(ashlar_malloc(100 * 1000));
        pause_ms(1);
        event_poll();
        NEED(helpers_seen(&task) == 0);
    }
    for (unsigned ms = 0; unused() > 0 && ms < PATIENCE_MS; ms += 11) {
        pause_ms(11);
        event_poll();
    }
    NEED(unused() == 0);
    NEED(!background_enabled());
    return true;
}

/* Little unused memory starts none, much does, and it all goes while everybody sleeps. Then the helper
 * sleeps as well; it ends after the threads. */
static bool starts_and_ends(void *context) {
    (void)context;
    set_decay_ms(300);
    struct idlers idlers;
    int task = 0;
    idlers_start(&idlers, 2 * MIB);
    event_poll();
    NEED(helpers_seen(&task) == 0);
    idlers_stop(&idlers);
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1));
    NEED(background_enabled());
    NEED(background_read().nthreads == 1);
    NEED(wait_for_clean());
    idlers_stop(&idlers);
    NEED(wait_for_helpers(0));
    NEED(background_read().nthreads == 0 && !background_enabled());
    return true;
}

static void *free_and_wait(void *argument) {
    enum { COUNT = 500, SIZE = 100000 };
    static void *objects[COUNT];
    pthread_barrier_t *over = argument;
    for (unsigned i = 0; i < COUNT; i++) {
        objects[i] = ashlar_malloc(SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        ashlar_free(objects[i]);
    }
    pthread_barrier_wait(over);
    return NULL;
}

/* What is freed last is kept by the thread, which then does nothing any more. */
static bool starts_while_large_objects_are_kept(void *context) {
    (void)context;
    set_decay_ms(50);
    pthread_barrier_t over;
    pthread_t thread;
    pthread_barrier_init(&over, NULL, 2);
    NEED(pthread_create(&thread, NULL, free_and_wait, &over) == 0);
    NEED(wait_for_helpers(1) && wait_for_clean());
    pthread_barrier_wait(&over);
    pthread_join(thread, NULL);
    return true;
}

/* No arena has enough for a helper, but all of them together have. */
static bool starts_for_a_sum(void *context) {
    (void)context;
    set_decay_ms(50);
    struct idlers idlers;
    idlers_start(&idlers, 7 * MIB);
    NEED(wait_for_helpers(1) && wait_for_clean());
    idlers_stop(&idlers);
    return true;
}

static uint64_t field_of(int task, const char *name, int base) {
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", task);
    const char *at = strstr(read_text(path, text, sizeof(text)), name);
    return at != NULL ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* Nothing to do: no wake-up. Little to do does not wake it either, more does. */
static bool sleeps(void *context) {
    (void)context;
    set_decay_ms(50);
    struct idlers idlers;
    int task = 0;
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1) && wait_for_clean());
    uint64_t later;
    NEED(wait_for_rest(&later));
    helpers_seen(&task);
    uint64_t switches = field_of(task, "\nvoluntary_ctxt_switches:", 10);
    NEED(switches > 0);
    make_dirty(BACKGROUND_WAKE_GRANULES << LG_GRANULE >> 1);
    pause_ms(300);
    NEED(field_of(task, "\nvoluntary_ctxt_switches:", 10) == switches);
    NEED(background_read().nruns == later);
    uint64_t blocked = field_of(task, "\nSigBlk:", 16);
    NEED((blocked >> (SIGTERM - 1) & 1) == 1 && (blocked >> (SIGALRM - 1) & 1) == 1);
    make_dirty(30 * MIB);
    NEED(wait_for_clean());
    NEED(background_read().nruns > later);
    NEED(background_read().run_interval_ns > 0);
    idlers_stop(&idlers);
    return true;
}

static size_t absent(void) {
    size_t n = 0;
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        n += arena_absent(arena);
    }
    return n;
}

/* Frees seven objects of eight, in slabs of eight. */
static void make_holes(unsigned count) {
    enum { MOST = 4096, SIZE = 14336 };
    static void *objects[MOST];
    for (unsigned i = 0; i < count; i++) {
        objects[i] = ashlar_malloc(SIZE);
        memset(objects[i], 1, SIZE);
    }
    for (unsigned i = 0; i < count; i++) {
        if (i % 8 != 0) {
            ashlar_free(objects[i]);
        }
    }
}

static bool wait_for_absent(size_t bytes) {
    for (unsigned ms = 0; absent() < bytes; ms += 10) {
        if (ms > PATIENCE_MS) {
            fprintf(stderr, "%zu bytes absent\n", absent());
            return false;
        }
        pause_ms(10);
    }
    return true;
}

/* Free slots are unused memory, too: enough of them start a helper, and wake one that rests. */
static bool looks_into_slabs(void *context) {
    (void)context;
    set_decay_ms(3600000);
    struct idlers idlers;
    idlers_start(&idlers, 0);
    make_holes(4096); /* in no time, and then nobody does anything */
    NEED(wait_for_helpers(1));
    set_decay_ms(100);
    NEED(wait_for_absent(16 * MIB));
    event_trim_all(); /* so that nothing parked goes home later */
    uint64_t later;
    NEED(wait_for_rest(&later));
    event_poll(); /* what is for once a second has just been done */
    void *object;
    NEED(arena_fill(this_thread->arena, 30, &object, 1) == 1);
    event_poll();
    NEED(wait_for_run(later));
    arena_drain(30, &object, 1);
    make_holes(2048); /* in part where it was absent */
    NEED(wait_for_absent(3 * MIB));
    NEED(background_read().nruns > later);
    idlers_stop(&idlers);
    return true;
}

/* A thread changes slabs of an arena that is not its own, and sleeps soon after. */
static bool looks_into_slabs_of_others(void *context) {
    (void)context;
    set_decay_ms(100);
    struct idlers idlers;
    void *objects[64];
    struct arena *other = arenas_create(NULL);
    for (unsigned n = 0; n < ARRAY_LEN(objects);) {
        n += arena_fill(other, 21, objects + n, 1);
    }
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1));
    event_trim_all();
    uint64_t later;
    NEED(wait_for_rest(&later));
    event_poll(); /* what is for once a second has been done */
    NEED(wait_for_rest(&later));
    for (unsigned i = 0; i < ARRAY_LEN(objects); i++) {
        if (i % 16 != 0) {
            arena_drain(21, &objects[i], 1);
        }
    }
    pause_ms(20);
    event_poll();
    NEED(wait_for_run(later) && wait_for_rest(&later));
    NEED(purge_page_size > 4096 || arena_absent(other) == 4 * 12288);
    idlers_stop(&idlers);
    return true;
}

/* A curve that is made steeper counts at once for a helper that sleeps until the old one ends. */
static bool hears_of_new_curves(void *context) {
    (void)context;
    set_decay_ms(3600000);
    struct idlers idlers;
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1));
    pause_ms(50);
    NEED(unused() >= 40 * MIB);
    set_decay_ms(100);
    NEED(wait_for_clean());
    idlers_stop(&idlers);
    return true;
}

/* With decay switched off there is nothing to help with. */
static bool not_without_decay(void *context) {
    (void)context;
    set_decay_ms(-1);
    struct idlers idlers;
    int task;
    idlers_start(&idlers, 50 * MIB);
    event_poll();
    NEED(helpers_seen(&task) == 0);
    idlers_stop(&idlers);
    return true;
}

/* The system gives no thread: allocation goes on, threads purge by themselves. */
static bool refused(void *context) {
    (void)context;
    set_decay_ms(100);
    struct idlers idlers;
    int task;
    make_dirty(20 * MIB);
    idlers_start(&idlers, MIB);
    char text[64];
    size_t pages = strtoull(read_text("/proc/self/statm", text, sizeof(text)), NULL, 10);
    struct rlimit limit = {pages * os_page_size() + 65536, RLIM_INFINITY};
    NEED(setrlimit(RLIMIT_AS, &limit) == 0);
    errno = 0;
    make_dirty(18 * MIB);
    NEED(errno == 0);
    NEED(helpers_seen(&task) == 0);
    NEED(!background_enabled());
    NEED(!background_set(true));
    NEED(!background_enabled());
    for (unsigned ms = 0; unused() > 0 && ms < PATIENCE_MS; ms += 11) {
        pause_ms(11);
        event_poll();
    }
    NEED(unused() == 0);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
    NEED(background_set(true));
    NEED(wait_for_helpers(1));
    idlers_stop(&idlers);
    return true;
}

static void test_auto(void **state) {
    (void)state;
    assert_int_equal(opts.background_thread, BACKGROUND_AUTO);
    play(single_threaded);
    play(starts_and_ends);
    play(starts_while_large_objects_are_kept);
    play(starts_for_a_sum);
    play(sleeps);
    play(looks_into_slabs);
    play(looks_into_slabs_of_others);
    play(hears_of_new_curves);
    play(not_without_decay);
}

static void test_refused(void **state) {
    (void)state;
    if (!UNIT_SLOW) { /* sanitizers need address space */
        play(refused);
    }
}

/* ---- switching ---- */

static bool switches(void *context) {
    (void)context;
    int task;
    for (unsigned i = 0; i < 20; i++) {
        NEED(background_set(true));
        NEED(background_enabled());
        NEED(background_set(true)); /* nothing changes */
        NEED(wait_for_helpers_of_all());
        NEED(background_set(false));
        NEED(!background_enabled());
        NEED(background_read().nthreads == 0);
        NEED(wait_for_helpers(0));
    }
    struct idlers idlers; /* false is not auto */
    idlers_start(&idlers, 50 * MIB);
    event_poll();
    NEED(helpers_seen(&task) == 0);
    idlers_stop(&idlers);
    return true;
}

/* Helpers come with arenas, up to the maximum, and every arena is served however many there are. */
static bool several(void *context) {
    (void)context;
    set_decay_ms(20);
    for (unsigned i = 0; i < 6; i++) {
        NEED(arenas_create(NULL) != NULL);
    }
    NEED(background_max() == BACKGROUND_MAX);
    NEED(!background_set_max(0) && !background_set_max(BACKGROUND_MAX + 1));
    NEED(background_set(true));
    static const size_t limits[] = {4, 2, 1, 3, 4};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        NEED(background_set_max(limits[i]));
        NEED(background_max() == limits[i]);
        struct arena *arena;
        for (unsigned k = 0; (arena = arenas_next(&k)) != NULL;) {
            bool zeroed;
            pages_free_big(&arena->pages, pages_alloc_big(&arena->pages, 256, 1, &zeroed), false);
            purge_after_free(&arena->pages);
        }
        NEED(wait_for_clean());
        NEED(wait_for_helpers((unsigned)limits[i]));
    }
    return true;
}

static void test_switching(void **state) {
    (void)state;
    play(switches);
    play(several);
}

/* ---- forks and ends ---- */

static bool child_of_true(void *context) {
    (void)context;
    int task;
    NEED(!background_enabled());
    NEED(helpers_seen(&task) == 0);
    make_dirty(20 * MIB);
    if (!UNIT_SLOW) { /* ThreadSanitizer takes new threads for old ones */
        NEED(background_set(true));
        NEED(wait_for_helpers_of_all());
    }
    return true;
}

/* The child of an auto process begins anew: first with one thread, then with several. */
static bool child_of_auto(void *context) {
    (void)context;
    int task;
    make_dirty(40 * MIB);
    NEED(helpers_seen(&task) == 0);
    event_trim_all();
    return UNIT_SLOW || starts_and_ends(NULL);
}

static bool forks(void *context) {
    (void)context;
    set_decay_ms(300);
    struct idlers idlers;
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1));
    NEED(play_part(child_of_auto, NULL));
    NEED(background_set(true));
    NEED(play_part(child_of_true, NULL));
    NEED(wait_for_helpers_of_all());
    make_dirty(30 * MIB);
    NEED(wait_for_clean());
    idlers_stop(&idlers);
    return true;
}

static _Atomic bool stop;

static void *churn(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        make_dirty(prng_size(&prng, 3 * MIB));
    }
    return NULL;
}

/* On, off, other curves, forks: while threads allocate. */
static bool storm(void *context) {
    (void)context;
    pthread_t threads[3];
    atomic_store(&stop, false);
    for (uintptr_t i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
    }
    struct prng prng = unit_prng();
    for (unsigned i = 0; i < unit_steps(60); i++) {
        switch (prng_below(&prng, 4)) {
        case 0:
            background_set(prng_one_in(&prng, 2));
            break;
        case 1:
            background_set_max(1 + prng_below(&prng, BACKGROUND_MAX));
            break;
        case 2:
            set_decay_ms((ssize_t)prng_below(&prng, 30) - 1);
            break;
        default:
            NEED(i % 4 != 0 || play_part(child_of_true, NULL));
        }
        pause_ms(1);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    NEED(background_set(true));
    set_decay_ms(10);
    NEED(wait_for_clean());
    arenas_check();
    return true;
}

static void test_forks(void **state) {
    (void)state;
    play(forks);
    play(storm);
}

/* The process exits in the middle of a purge. */
static bool exits(void *context) {
    unsigned delay_us = *(unsigned *)context;
    set_decay_ms(1);
    background_set(true);
    struct idlers idlers;
    idlers_start(&idlers, 3 * MIB);
    os_sleep_us(delay_us);
    exit(0);
}

/* The first thread ends before the others; the last thread of all ends the process, helper or not. */
static bool first_thread_ends(void *context) {
    (void)context;
    static struct idlers idlers;
    idlers_start(&idlers, 50 * MIB);
    NEED(wait_for_helpers(1));
    pthread_barrier_wait(&idlers.over);
    pthread_exit(NULL);
}

static bool first_thread_ends_with_true(void *context) {
    (void)context;
    NEED(background_set(true));
    make_dirty(50 * MIB);
    NEED(wait_for_helpers_of_all());
    pthread_exit(NULL);
}

static void test_ends(void **state) {
    (void)state;
    for (unsigned i = 0; i < unit_steps(200); i++) {
        unsigned delay_us = i * 37 % 3000;
        assert_true(play_part(exits, &delay_us));
    }
    if (!UNIT_SLOW) { /* ThreadSanitizer has a thread of its own */
        play(first_thread_ends);
        play(first_thread_ends_with_true);
    }
}

int main(void) {
    unit_start();
    unit_need_address_space();
    scavenge_least_ms = 30;
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_auto),
        cmocka_unit_test(test_switching), cmocka_unit_test(test_forks),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

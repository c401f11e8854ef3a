/*
 * thread_test.c: threads that begin and end: their counters, what becomes of their objects, and what
 * still works after their end.
 */
#include "unit/cache/cache_objects.h"

#include <pthread.h>

#include "alloc/fast.h"
#include "cache/depot.h"
#include "cache/event.h"
#include "cache/thread.h"
#include "meta/meta.h"
#include "opt/opt.h"

void *ashlar_malloc(size_t size);
void *ashlar_calloc(size_t count, size_t size);
void ashlar_free(void *p);

enum { THREADS = 4 };

static void join(void *(*function)(void *), void *argument) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void count_thread(struct thread *thread, void *context) {
    (void)thread;
    ++*(unsigned *)context;
}

static unsigned registered(void) {
    unsigned n = 0;
    threads_visit(count_thread, &n);
    return n;
}

static unsigned bound(void) {
    unsigned n = 0;
    for (unsigned i = 0; i < arenas_count(); i++) {
        n += arenas_get(i)->nthreads;
    }
    return n;
}

static uint64_t merged(unsigned class) {
    uint64_t n = 0;
    for (unsigned i = 0; i < arenas_count(); i++) {
        n += arenas_get(i)->merged_requests[class];
    }
    return n;
}

/* ---- states ---- */

static void *look_at_states(void *argument) {
    (void)argument;
    assert_true(this_thread == &boot_thread);
    for (unsigned i = 0; i < NCLASSES; i++) { /* any class misses */
        assert_null(cache_pop(&this_thread->bins, i));
        assert_false(cache_push(&this_thread->bins, i, &i));
    }
    unsigned before = registered();
    ashlar_free(NULL);
    assert_true(this_thread == &boot_thread); /* that alone needs no thread */
    void *p = ashlar_malloc(100);
    assert_true(this_thread != &boot_thread && this_thread != &gone_thread);
    assert_ptr_equal(thread_enter(), this_thread);
    assert_int_equal(registered(), before + 1);
    assert_int_equal(thread_requests(this_thread, sizeclass_of(100)), 1);
    assert_true(thread_cached(this_thread, sizeclass_of(100)) > 0);
    ashlar_free(p);
    return NULL;
}

static void test_states(void **state) {
    (void)state;
    unsigned threads = registered();
    unsigned users = bound();
    assert_int_equal(threads, users);
    join(look_at_states, NULL);
    assert_int_equal(registered(), threads);
    assert_int_equal(bound(), users);
}

/* ---- counters ---- */

static void *allocate_counted(void *argument) {
    uint64_t *wanted = argument;
    struct prng prng = {wanted[0]};
    uint64_t mine[NCLASSES] = {0};
    void *held[64] = {NULL};
    for (unsigned i = 0; i < unit_steps(200000); i++) {
        void **slot = &held[prng_below(&prng, 64)];
        if (*slot != NULL) {
            ashlar_free(*slot);
            *slot = NULL;
            continue;
        }
        size_t size = prng_size(&prng, prng_one_in(&prng, 30) ? SIZECLASS_MAX : 600);
        *slot = prng_one_in(&prng, 8) ? ashlar_calloc(1, size) : ashlar_malloc(size);
        if (*slot == NULL) {
            abort();
        }
        mine[sizeclass_of(size)]++;
        if (i % 5000 == 0 &&
            thread_requests(this_thread, sizeclass_of(size)) != mine[sizeclass_of(size)]) {
            abort(); /* exact when asked by the thread itself */
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        ashlar_free(held[i]);
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (thread_requests(this_thread, class) != mine[class]) {
            abort();
        }
        wanted[class] = mine[class];
    }
    return NULL;
}

/* Several times around the countdown, and after the threads' end. */
static void test_requests_are_exact(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static uint64_t wanted[THREADS][NCLASSES];
    uint64_t before[NCLASSES];
    for (unsigned class = 1; class < NCLASSES; class ++) {
        before[class] = merged(class);
    }
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        wanted[i][0] = prng_next(&prng);
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_counted, wanted[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            sum += wanted[i][class];
        }
        assert_int_equal(merged(class) - before[class], sum);
    }
}

static void test_countdown(void **state) {
    (void)state;
    enum { CLASS = 3 };
    struct thread *thread = thread_enter();
    uint64_t before = thread_requests(thread, CLASS);
    for (unsigned i = 1; i <= 3 * EVENT_REQUESTS + 10; i++) {
        ashlar_free(ashlar_malloc(20));
        if (i % 64 == 0 || i % EVENT_REQUESTS < 4) {
            assert_int_equal(thread_requests(thread, CLASS) - before, i);
        }
        assert_true(thread->bins.left[CLASS] >= 0);
    }
}

/* ---- memory of ended threads ---- */

static void *use_and_end(void *argument) {
    (void)argument;
    void *held[300];
    for (unsigned i = 0; i < 300; i++) {
        held[i] = ashlar_malloc(1 + i * 7 % 3000);
        memset(held[i], 1, 1 + i * 7 % 3000);
    }
    for (unsigned i = 0; i < 300; i++) {
        ashlar_free(held[i]);
    }
    return NULL;
}

static void test_threads_come_and_go(void **state) {
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        join(use_and_end, NULL);
    }
    size_t metadata = meta_allocated_bytes();
    size_t reserved = arenas_space.reserved_bytes;
    size_t active = 0;
    for (unsigned i = 0; i < arenas_count(); i++) {
        active += arenas_get(i)->pages.nactive;
    }
    for (unsigned i = 0; i < 300; i++) {
        join(use_and_end, NULL);
    }
    size_t now = 0;
    for (unsigned i = 0; i < arenas_count(); i++) {
        now += arenas_get(i)->pages.nactive;
    }
    assert_int_equal(meta_allocated_bytes(), metadata);
    assert_int_equal(arenas_space.reserved_bytes, reserved);
    assert_true(now <= active + 8);
    event_trim_all();
    arenas_check();
}

enum { INHERITED = 20, HEIRLOOMS = 50 }; /* class, number */

static void *park_and_end(void *argument) {
    void **held = argument;
    for (unsigned i = 0; i < HEIRLOOMS; i++) {
        held[i] = ashlar_malloc(sizeclasses[INHERITED].size);
    }
    for (unsigned i = 0; i < HEIRLOOMS; i++) {
        ashlar_free(held[i]);
    }
    return NULL;
}

/* A later thread of the same arena, which had none for a while. */
static void *inherit(void *argument) {
    void **held = argument;
    size_t parked = this_thread == &boot_thread ? objects_parked(INHERITED) : 0;
    assert_true(parked >= HEIRLOOMS);
    unsigned known = 0;
    for (size_t i = 0; i < parked; i++) {
        const void *p = ashlar_malloc(sizeclasses[INHERITED].size);
        for (unsigned k = 0; k < HEIRLOOMS; k++) {
            known += held[k] == p;
        }
    }
    assert_int_equal(known, HEIRLOOMS);
    return NULL;
}

/* What an ended thread had cached is what the next one gets. */
static void test_objects_are_inherited(void **state) {
    (void)state;
    void *held[HEIRLOOMS];
    event_trim_all();
    join(park_and_end, held);
    join(inherit, held);
}

static void test_flush(void **state) {
    (void)state;
    struct thread *thread = thread_enter();
    for (unsigned class = 1; class <= thread->last_cached; class ++) {
        ashlar_free(ashlar_malloc(sizeclasses[class].size));
        assert_true(thread_cached(thread, class) > 0);
    }
    thread_flush(thread);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(thread_cached(thread, class), 0);
        assert_null(thread->loaded[class]);
        assert_null(thread->spare[class]);
        assert_null(cache_pop(&thread->bins, class));
    }
    thread_flush(thread);
    void *p = ashlar_malloc(10); /* goes on working */
    assert_non_null(p);
    ashlar_free(p);
}

/* ---- after the end ---- */

static pthread_key_t late_key;
static _Atomic unsigned late_runs;

/* Runs again and again, in the rounds of destructors after ours as well. */
static void late_destructor(void *value) {
    uintptr_t round = (uintptr_t)value;
    void *held[40];
    if (round < 4) {
        pthread_setspecific(late_key, (void *)(round + 1));
    }
    for (unsigned i = 0; i < 40; i++) {
        held[i] = ashlar_malloc(i * 100);
        if (held[i] == NULL) {
            abort();
        }
        memset(held[i], 1, i * 100);
    }
    for (unsigned i = 0; i < 40; i++) {
        ashlar_free(held[i]);
    }
    late_runs++;
    if (round > 1 && this_thread != &gone_thread) {
        abort();
    }
}

static void *end_late(void *argument) {
    (void)argument;
    pthread_setspecific(late_key, (void *)1);
    ashlar_free(ashlar_malloc(1));
    return NULL;
}

static void test_after_the_end(void **state) {
    (void)state;
    assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
    unsigned threads = registered();
    uint64_t before = merged(sizeclass_of(100));
    join(end_late, NULL);
    assert_true(late_runs >= 3);
    assert_int_equal(merged(sizeclass_of(100)) - before, late_runs);
    assert_int_equal(registered(), threads);
    assert_int_equal(bound(), threads);
    for (unsigned class = 1; class < NCLASSES; class ++) { /* the dummy is still a dummy */
        assert_null(*gone_thread.bins.top[class]);
        assert_ptr_equal(gone_thread.bins.limit[class], gone_thread.bins.top[class] + 1);
    }
    pthread_key_delete(late_key);
}

/* ---- options ---- */

/* Classes up to the largest that is cached, and no others, stay in the thread; *argument is its size. */
static void *look_at_cache(void *argument) {
    size_t *largest = argument;
    thread_enter();
    unsigned last = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        last = this_thread->slots[class] != 0 ? class : last;
    }
    *largest = sizeclasses[last].size;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        uint64_t before = merged(class);
        void *p = ashlar_malloc(sizeclasses[class].size);
        memset(p, 1, sizeclasses[class].size);
        ashlar_free(p);
        bool cached = class <= last;
        if ((thread_cached(this_thread, class) > 0) != cached ||
            thread_requests(this_thread, class) != cached || merged(class) - before != !cached) {
            abort();
        }
    }
    return NULL;
}

static void test_options(void **state) {
    (void)state;
    struct opts saved = opts;
    static const size_t limits[] = {8, 1000, 4096, SIZECLASS_MAX, SIZE_MAX};
    size_t largest;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        opts.tcache_max = limits[i];
        join(look_at_cache, &largest);
        size_t wanted = limits[i] < SIZECLASS_MAX ? limits[i] : SIZECLASS_MAX;
        assert_int_equal(largest, sizeclasses[sizeclass_of(wanted)].size);
    }
    opts.tcache = false;
    join(look_at_cache, &largest);
    assert_int_equal(largest, 0);
    opts = saved;
    opts.zero = true;
    join(look_at_cache, &largest);
    assert_int_equal(largest, 0);
    opts = saved;
    opts.junk = JUNK_BOTH;
    join(look_at_cache, &largest);
    assert_int_equal(largest, 0);
    opts = saved;
}

/* ---- fork ---- */

static void *churn(void *argument) {
    _Atomic bool *stop = argument;
    while (!*stop) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, use_and_end, NULL) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

/* In the child there is one thread, so one user of an arena, and no lock is held. */
static bool child_is_sound(void *context) {
    (void)context;
    struct thread *thread = this_thread;
    if (registered() != 1 || thread == &boot_thread) {
        return false;
    }
    for (unsigned i = 0; i < 200; i++) {
        ashlar_free(ashlar_malloc(i * 50));
    }
    event_trim_all();
    arenas_check();
    if (bound() != 1) {
        fprintf(stderr, "in the child %u threads are bound to arenas\n", bound());
    }
    return bound() == 1;
}

static void test_fork(void **state) {
    (void)state;
    static _Atomic bool stop;
    pthread_t threads[THREADS];
    ashlar_free(ashlar_malloc(1));
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)&stop), 0);
    }
    unsigned bad = 0;
    for (unsigned i = 0; i < (UNIT_SLOW ? 60u : 300u); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(20);
            _exit(child_is_sound(NULL) ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        bad += status != 0;
    }
    stop = true;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(bad, 0);
    assert_int_equal(bound(), registered());
    arenas_check();
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_countdown),
        cmocka_unit_test(test_requests_are_exact),
        cmocka_unit_test(test_threads_come_and_go),
        cmocka_unit_test(test_objects_are_inherited),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_after_the_end), /* after test_options: a race detector loses sight of
                                                 threads in their last round of destructors */
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

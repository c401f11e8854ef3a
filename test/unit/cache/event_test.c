/*
 * event_test.c: when housekeeping happens, and what trimming everything leaves.
 */
#include "unit/cache/cache_objects.h"

#include <pthread.h>

#include "cache/depot.h"
#include "cache/event.h"
#include "opt/opt.h"

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

static void test_arm(void **state) {
    (void)state;
    static struct thread thread = {.active = &thread.bins};
    event_arm(&thread, 7);
    assert_int_equal(thread.requests[7], 0);
    assert_int_equal(thread.bins.left[7], EVENT_REQUESTS);
    assert_int_equal(thread_requests(&thread, 7), 0);
    thread.bins.left[7] -= 10;
    assert_int_equal(thread_requests(&thread, 7), 10);
    event_arm(&thread, 7); /* early */
    assert_int_equal(thread_requests(&thread, 7), 10);
    thread.bins.left[7] = -1; /* the countdown has ended */
    assert_int_equal(thread_requests(&thread, 7), 10 + EVENT_REQUESTS + 1);
    event_arm(&thread, 7);
    assert_int_equal(thread_requests(&thread, 7), 10 + EVENT_REQUESTS + 1);
    assert_int_equal(thread.bins.left[7], EVENT_REQUESTS);
}

static void test_ticks(void **state) {
    (void)state;
    static struct thread thread;
    for (unsigned i = 1; i <= 3 * EVENT_TICKS; i++) {
        event_tick(&thread, 1);
        assert_int_equal(thread.ticks, i % EVENT_TICKS);
    }
    event_tick(&thread, EVENT_TICKS - 1);
    event_tick(&thread, 8);
    assert_int_equal(thread.ticks, 0);
}

/* Decay needs no thread of its own: slow operations of any kind drive it. */
static void test_decay_by_use(void **state) {
    (void)state;
    struct arena *arena = arenas_get(0);
    assert_true(opts.dirty_decay_ms > 0);
    decay_init(&arena->pages.decay[PAGES_DIRTY], 100);
    arena->pages.next_decay_ns = 0;
    void *p = ashlar_malloc((size_t)20 << 20);
    memset(p, 1, (size_t)20 << 20);
    ashlar_free(p);
    assert_true(pages_unused(&arena->pages, PAGES_DIRTY) >= 20 * 64);
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        ashlar_free(ashlar_malloc(100000));
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (pages_unused(&arena->pages, PAGES_DIRTY) > 64 && now.tv_sec - begin.tv_sec < 4);
    assert_true(pages_unused(&arena->pages, PAGES_DIRTY) <= 64);
    decay_init(&arena->pages.decay[PAGES_DIRTY], opts.dirty_decay_ms);
}

static void test_trim_all(void **state) {
    (void)state;
    void *held[2000];
    event_trim_all();
    size_t active = arenas_get(0)->pages.nactive;
    for (unsigned i = 0; i < 2000; i++) {
        held[i] = ashlar_malloc(i * 11);
        memset(held[i], 1, i * 11);
    }
    assert_true(arenas_get(0)->pages.nactive > active + 100);
    for (unsigned i = 0; i < 2000; i++) {
        ashlar_free(held[i]);
    }
    event_trim_all();
    assert_int_equal(arenas_get(0)->pages.nactive, active);
    assert_int_equal(active, 0);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(objects_parked(class), 0);
        assert_int_equal(objects_out(class), 0);
        assert_int_equal(thread_cached(this_thread, class), 0);
    }
    for (unsigned i = 0; i < arenas_count(); i++) {
        assert_int_equal(pages_unused(&arenas_get(i)->pages, PAGES_DIRTY), 0);
    }
    arenas_check();
}

/* Objects that wait in another arena's depot, of a higher number, come home before slabs are looked at. */
static void test_trim_all_depots(void **state) {
    (void)state;
    struct arena *other = arenas_create(NULL);
    assert_non_null(other);
    event_trim_all();
    depot_park(other, 21, new_magazine(21, 10));
    assert_true(arenas_get(0)->pages.nactive > 0);
    event_trim_all();
    assert_int_equal(arenas_get(0)->pages.nactive, 0);
    assert_int_equal(pages_unused(&arenas_get(0)->pages, PAGES_DIRTY), 0);
    assert_true(arenas_destroy(other));
}

static void *trim(void *argument) {
    (void)argument;
    event_trim_all(); /* before the thread has anything */
    if (this_thread != &boot_thread) {
        abort();
    }
    ashlar_free(ashlar_malloc(1));
    event_trim_all();
    event_poll();
    return NULL;
}

static void test_new_thread(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, trim, NULL), 0);
    pthread_join(thread, NULL);
}

enum { SLEEPERS_CLASS = 10, SLEEPERS_OBJECTS = 400 };

static pthread_barrier_t asleep;

/* Fills both magazines of a class, waits to be robbed, and counts what it freed. */
static void *sleep_full(void *argument) {
    (void)argument;
    size_t size = sizeclasses[SLEEPERS_CLASS].size;
    void *held[SLEEPERS_OBJECTS];
    for (unsigned i = 0; i < SLEEPERS_OBJECTS; i++) {
        held[i] = ashlar_malloc(size);
    }
    for (unsigned i = 0; i < SLEEPERS_OBJECTS; i++) {
        ashlar_free(held[i]);
    }
    const struct thread *thread = this_thread;
    size_t cached = thread_cached(thread, SLEEPERS_CLASS);
    unsigned loaded = thread->loaded[SLEEPERS_CLASS]->capacity;
    pthread_barrier_wait(&asleep);
    pthread_barrier_wait(&asleep);
    bool robbed = cached > loaded && thread_cached(thread, SLEEPERS_CLASS) <= loaded;
    bool exact = thread_deallocated(thread) == SLEEPERS_OBJECTS * size &&
                 thread_allocated(thread) == SLEEPERS_OBJECTS * size;
    return robbed && exact ? &asleep : NULL;
}

/* The spare magazines of a thread that does nothing go home: at the second look, since it was busy before
 * the first, or when everything is trimmed. */
static void test_idle_thread(void **state) {
    (void)state;
    for (unsigned all = 0; all < 2; all++) {
        pthread_t thread;
        void *good = NULL;
        event_trim_all();
        assert_int_equal(pthread_barrier_init(&asleep, NULL, 2), 0);
        assert_int_equal(pthread_create(&thread, NULL, sleep_full, NULL), 0);
        pthread_barrier_wait(&asleep);
        if (all) {
            event_trim_all();
        } else {
            uint64_t later = os_coarse_clock_ns() + UINT64_C(2000000000);
            size_t out = objects_out(SLEEPERS_CLASS) - objects_parked(SLEEPERS_CLASS);
            event_trim_if_due(later);
            assert_int_equal(objects_out(SLEEPERS_CLASS) - objects_parked(SLEEPERS_CLASS), out);
            event_trim_if_due(later + UINT64_C(2000000000));
            assert_true(objects_out(SLEEPERS_CLASS) - objects_parked(SLEEPERS_CLASS) < out);
        }
        pthread_barrier_wait(&asleep);
        pthread_join(thread, &good);
        assert_ptr_equal(good, &asleep);
        pthread_barrier_destroy(&asleep);
    }
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arm),          cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_trim_all),     cmocka_unit_test(test_trim_all_depots),
        cmocka_unit_test(test_decay_by_use), cmocka_unit_test(test_new_thread),
        cmocka_unit_test(test_idle_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

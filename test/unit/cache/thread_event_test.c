/*
 * thread_event_test.c: calls after bytes allocated and freed come neither early nor too late, and never
 * inside one another; the report comes as often as it should.
 *
 * The first part replaces nothing but the calls; the report is counted by malloc_message.
 */
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>

#include "cache/event.h"
#include "cache/thread_event.h"

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);
extern void (*ashlar_malloc_message)(void *opaque, const char *text);

enum { SMALL = 100 * 1000, BIG = 3 << 20, HELD = 400, THREADS = 4 };

/* Of the thread that runs the test. */
static _Thread_local struct record {
    uint64_t ncalls[2];    /* frees, allocations */
    uint64_t last[2];      /* counter at the last call */
    uint64_t most_late[2]; /* beyond the multiple that was passed */
    unsigned depth;
} records[2];

static void note(struct record *record, uint64_t interval, bool is_alloc, uint64_t allocated,
                 uint64_t deallocated) {
    uint64_t counter = is_alloc ? allocated : deallocated;
    if (record->depth++ != 0) {
        abort();
    }
    if (allocated != thread_allocated(this_thread) ||
        deallocated != thread_deallocated(this_thread) ||
        counter / interval == record->last[is_alloc] / interval) {
        abort(); /* not what was counted, or the same multiple again */
    }
    /* What was missed is the first multiple after the last call. */
    uint64_t late = counter - (record->last[is_alloc] / interval + 1) * interval;
    if (late > record->most_late[is_alloc]) {
        record->most_late[is_alloc] = late;
    }
    record->last[is_alloc] = counter;
    record->ncalls[is_alloc]++;
    ashlar_free(ashlar_malloc(500)); /* calls may allocate, and change errno */
    errno = EDOM;
    record->depth--;
}

static void on_small(bool is_alloc, uint64_t allocated, uint64_t deallocated) {
    note(&records[0], SMALL, is_alloc, allocated, deallocated);
}

static void on_big(bool is_alloc, uint64_t allocated, uint64_t deallocated) {
    if (!is_alloc) {
        abort();
    }
    note(&records[1], BIG, is_alloc, allocated, deallocated);
}

static void begin_records(void) {
    memset(records, 0, sizeof(records));
    for (unsigned i = 0; i < 2; i++) {
        records[i].last[0] = thread_deallocated(this_thread);
        records[i].last[1] = thread_allocated(this_thread);
    }
}

static void restart_records(void) {
    for (unsigned i = 0; i < 2; i++) {
        memset(records[i].ncalls, 0, sizeof(records[i].ncalls));
        memset(records[i].most_late, 0, sizeof(records[i].most_late));
    }
}

/* One class alone: every multiple is hit by the request that reaches it. */
static void test_one_class(void **state) {
    (void)state;
    static const size_t sizes[] = {16, 64, 1000, 30000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        ashlar_free(ashlar_malloc(sizes[i]));
        restart_records();
        uint64_t begin = thread_allocated(this_thread);
        for (size_t sum = 0; sum < 40 * (size_t)SMALL; sum += sizes[i]) {
            void *p = ashlar_malloc(sizes[i]);
            assert_non_null(p);
            errno = ERANGE;
            ashlar_free(p);
            assert_int_equal(errno, ERANGE);
        }
        uint64_t now = thread_allocated(this_thread);
        uint64_t passed = now / SMALL - begin / SMALL;
        assert_in_range(records[0].ncalls[1], passed - 1, passed);
        /* The request that reaches it, and those of a thousand bytes that calls make. */
        assert_in_range(records[0].most_late[1], 0, 3 * (sizes[i] + 1024));
        uint64_t freed = thread_deallocated(this_thread) / SMALL;
        assert_in_range(records[0].ncalls[0], passed / 2, passed + 1);
        assert_true(freed > 0);
    }
}

/* Any mix: a call is at most an interval late, plus the object that was too large. */
static void *mix(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    static _Thread_local void *held[HELD];
    memset(held, 0, sizeof(held));
    ashlar_free(ashlar_malloc(1));
    begin_records();
    uint64_t begin = thread_allocated(this_thread);
    size_t largest = 0;
    for (unsigned i = 0; i < unit_steps(60000); i++) {
        unsigned k = (unsigned)prng_below(&prng, HELD);
        ashlar_free(held[k]);
        size_t size = prng_size(&prng, prng_one_in(&prng, 100) ? 300000 : 5000);
        largest = size > largest ? size : largest;
        held[k] = ashlar_malloc(size);
    }
    for (unsigned k = 0; k < HELD; k++) {
        ashlar_free(held[k]);
    }
    uint64_t allocated = thread_allocated(this_thread) - begin;
    if (records[0].most_late[1] > SMALL + largest + 4096 ||
        records[1].most_late[1] > BIG + largest || records[1].ncalls[1] > allocated / BIG + 1 ||
        records[1].ncalls[1] < allocated / BIG / 2 || records[0].ncalls[0] == 0) {
        fprintf(stderr, "late %llu and %llu, %llu calls for %llu bytes\n",
                (unsigned long long)records[0].most_late[1],
                (unsigned long long)records[1].most_late[1],
                (unsigned long long)records[1].ncalls[1], (unsigned long long)allocated);
        abort();
    }
    return NULL;
}

static void test_mix(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        void *seed = (void *)(uintptr_t)prng_next(&prng);
        assert_int_equal(pthread_create(&threads[i], NULL, mix, seed), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void test_adding(void **state) {
    (void)state;
    assert_false(thread_event_add(NULL, 1, false));
    assert_false(thread_event_add(on_small, 0, false));
    begin_records();
    assert_true(thread_event_add(on_small, SMALL, false));
    assert_true(thread_event_add(on_big, BIG, true));
}

static void test_slots(void **state) {
    (void)state;
    assert_true(thread_event_add(on_big, (uint64_t)1 << 60, true));
    assert_true(thread_event_add(on_big, UINT64_MAX, true));
    assert_false(thread_event_add(on_big, 1, true));
}

static _Atomic unsigned nreports;

static void count_reports(void *opaque, const char *text) {
    (void)opaque;
    if (strstr(text, "___ Begin ") != NULL) {
        atomic_fetch_add(&nreports, 1);
    }
}

static void *allocate_much(void *argument) {
    for (size_t sum = 0; sum < *(size_t *)argument; sum += 1000) {
        ashlar_free(ashlar_malloc(1000));
    }
    return NULL;
}

/* Of all threads together, late by what they have not told yet. */
static void test_report(void **state) {
    (void)state;
    enum { INTERVAL = 4 << 20, TIMES = 20 };
    ashlar_malloc_message = count_reports;
    thread_event_report_every(INTERVAL);
    pthread_t threads[THREADS];
    size_t each = (size_t)INTERVAL * TIMES / THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_much, &each), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_in_range(nreports, TIMES - 2, TIMES + 2);
    thread_event_report_every(0);
    unsigned before = nreports;
    allocate_much(&each);
    assert_int_equal(nreports, before);
    ashlar_malloc_message = NULL;
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),    cmocka_unit_test(test_adding),
        cmocka_unit_test(test_one_class), cmocka_unit_test(test_mix),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

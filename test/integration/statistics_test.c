/*
 * statistics_test.c: what the statistics say is what the program did, and what the system sees.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/api.h"
#include "support/prng.h"
#include "support/resident.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

enum { OBJECTS = 20000 };

static void *objects[OBJECTS];

static size_t get(const char *name) {
    size_t value;
    size_t length = sizeof(value);
    assert_int_equal(t_mallctl(name, &value, &length, NULL, 0), 0);
    return value;
}

static void refresh(void) {
    uint64_t epoch = 1;
    assert_int_equal(t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)), 0);
}

static void purge(void) {
    assert_int_equal(t_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
    assert_int_equal(t_mallctl("arena.4096.purge", NULL, NULL, NULL, 0), 0);
}

/* Bytes the program asked for, all of them written. */
static size_t allocate_all(struct prng *prng) {
    size_t sum = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        size_t size =
            1 + (prng_one_in(prng, 20) ? prng_below(prng, 200 * KIB) : prng_below(prng, 2000));
        objects[i] = t_malloc(size);
        assert_non_null(objects[i]);
        memset(objects[i], 1, size);
        sum += t_malloc_usable_size(objects[i]);
    }
    return sum;
}

static void free_all(void) {
    for (unsigned i = 0; i < OBJECTS; i++) {
        t_free(objects[i]);
    }
}

/* stats.allocated is exact: objects in caches do not count. */
static void test_allocated(void **state) {
    (void)state;
    struct prng prng = {1};
    refresh();
    size_t before = get("stats.allocated");
    size_t sum = allocate_all(&prng);
    refresh();
    assert_int_equal(get("stats.allocated") - before, sum);
    for (unsigned i = 0; i < OBJECTS; i += 2) {
        sum -= t_malloc_usable_size(objects[i]);
        t_free(objects[i]);
        objects[i] = NULL;
    }
    assert_int_equal(get("ashlar.live.allocated") - before, sum);
    free_all();
    refresh();
    assert_int_equal(get("stats.allocated"), before);
}

/* The system may have pages that were never counted (huge ones), and may lack those of slabs' ends. */
static void test_resident(void **state) {
    (void)state;
    if (get("arenas.page") > (size_t)sysconf(_SC_PAGESIZE)) {
        skip(); /* the kernel counts smaller pages than are counted here */
    }
    struct prng prng = {2};
    purge();
    refresh();
    size_t resident = get("stats.resident");
    size_t seen = resident_bytes();
    size_t sum = allocate_all(&prng);
    refresh();
    size_t grown = get("stats.resident") - resident;
    size_t grown_seen = resident_bytes() - seen;
    size_t reserve = get("stats.retained");
    assert_true(grown >= sum);
    assert_true(grown_seen >= sum / 100 * 95);
    assert_true(grown_seen <= grown + reserve + MIB);
    assert_true(grown <= sum / 100 * 115 + MIB);
    free_all();
    purge();
    refresh();
    size_t left = get("stats.resident");
    size_t left_seen = resident_bytes();
    assert_true(left <= resident + 4 * MIB);
    assert_true(left_seen <= seen + 4 * MIB);
    assert_int_equal(get("stats.active") + get("stats.metadata") + get("stats.pinned"), left);
}

/* Numbers stay as they were at the last epoch; those of ashlar.live do not. */
static void test_epoch(void **state) {
    (void)state;
    refresh();
    size_t before = get("stats.allocated");
    assert_int_equal(get("ashlar.live.allocated"), before);
    void *object = t_malloc(100 * KIB);
    size_t usable = t_malloc_usable_size(object);
    assert_int_equal(get("stats.allocated"), before);
    assert_int_equal(get("ashlar.live.allocated"), before + usable);
    refresh();
    assert_int_equal(get("stats.allocated"), before + usable);
    t_free(object);
}

static atomic_uint nliving;
static atomic_bool may_end;

static void *live_without_memory(void *unused) {
    while (!atomic_load(&may_end)) {
        usleep(1000);
    }
    atomic_fetch_sub(&nliving, 1);
    return unused;
}

static void run_threads_without_memory(unsigned n) {
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    atomic_store(&may_end, false);
    for (unsigned i = 0; i < n; i++) {
        pthread_t thread;
        atomic_fetch_add(&nliving, 1);
        assert_int_equal(pthread_create(&thread, &detached, live_without_memory, NULL), 0);
    }
    atomic_store(&may_end, true);
    while (atomic_load(&nliving) > 0) {
        usleep(1000);
    }
    usleep(100000);
    pthread_attr_destroy(&detached);
}

/* The C library gives back what it had for threads after all their destructors: with more stacks than it
 * keeps, in threads that never asked for anything. */
static void test_threads_without_memory(void **state) {
    (void)state;
    unsigned nthreads;
    size_t length = sizeof(nthreads);
    for (unsigned i = 0; i < 3; i++) {
        run_threads_without_memory(60);
    }
    refresh();
    assert_int_equal(t_mallctl("stats.arenas.4096.nthreads", &nthreads, &length, NULL, 0), 0);
    assert_in_range(nthreads, 1,
                    30); /* one, a helper, and what the C library did in some as the last thing */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocated),
        cmocka_unit_test(test_resident),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_threads_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

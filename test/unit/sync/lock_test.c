/*
 * lock_test.c: mutual exclusion, sleeping and waking, and the counters.
 */
#include "unit/unit.h"

#include <pthread.h>
#include <unistd.h>

#include "sync/lock.h"

enum { THREADS = 4 };

static struct lock lock;
static uint64_t shared; /* guarded by lock, so never updated twice at once */
static unsigned inside; /* guarded by lock: holders */
static unsigned rounds;

static void *increment(void *argument) {
    unsigned through_try = 0;
    bool try = argument != NULL;
    for (unsigned i = 0; i < rounds; i++) {
        if (try && lock_try_acquire(&lock)) {
            through_try++;
        } else {
            lock_acquire(&lock);
        }
        lock_assert_held(&lock);
        if (inside++ != 0) {
            abort();
        }
        shared++;
        if (i % 1024 == 0) {
            usleep(20); /* others give up spinning and sleep */
        }
        inside--;
        lock_release(&lock);
    }
    return NULL;
}

static void test_exclusion(void **state) {
    (void)state;
    rounds = unit_steps(100000);
    lock_init(&lock, RANK_META);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, increment, i % 2 ? &lock : NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(shared, (uint64_t)rounds * THREADS);
    assert_int_equal(lock.acquired, (uint64_t)rounds * THREADS);
    assert_true(lock.spun + lock.slept <= lock.acquired);
    assert_true(lock.slept_max_ns <= lock.slept_ns);
    assert_int_equal(lock.word, LOCK_FREE);
}

static void *acquire_once(void *argument) {
    (void)argument;
    lock_acquire(&lock);
    lock_release(&lock);
    return NULL;
}

static void test_sleeping(void **state) {
    (void)state;
    lock_init(&lock, RANK_META);
    lock_acquire(&lock);
    assert_int_equal(lock.word, LOCK_HELD);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, acquire_once, NULL), 0);
    }
    usleep(50000);
    assert_int_equal(lock.word, LOCK_CONTENDED);
    assert_false(lock_try_acquire(&lock));
    lock_release(&lock);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL); /* nobody is forgotten */
    }
    assert_int_equal(lock.word, LOCK_FREE);
    assert_int_equal(lock.acquired, 1 + THREADS);
    assert_true(lock.slept >= 1 && lock.slept <= THREADS);
    assert_true(lock.slept_max_ns >= 10000000);
    assert_true(lock.slept_ns >= lock.slept_max_ns);
}

/* Without spinning everybody who meets a taken lock sleeps; with endless spinning nobody does. */
static void test_max_spin(void **state) {
    (void)state;
    static const int64_t limits[] = {0, -1};
    for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
        lock_init(&lock, RANK_META);
        atomic_store(&lock_max_spin, limits[k]);
        lock_acquire(&lock);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, acquire_once, NULL), 0);
        usleep(20000);
        assert_int_equal(lock.word, limits[k] == 0 ? LOCK_CONTENDED : LOCK_HELD);
        lock_release(&lock);
        pthread_join(thread, NULL);
        assert_int_equal(lock.acquired, 2);
        assert_int_equal(lock.slept, limits[k] == 0);
        assert_int_equal(lock.spun, limits[k] != 0);
    }
    atomic_store(&lock_max_spin, 100);
}

static void test_uncontended(void **state) {
    (void)state;
    lock_init(&lock, RANK_POOL);
    assert_int_equal(lock.rank, RANK_POOL);
    for (unsigned i = 0; i < 10; i++) {
        lock_acquire(&lock);
        lock_release(&lock);
        assert_true(lock_try_acquire(&lock));
        assert_false(lock_try_acquire(&lock));
        lock_release(&lock);
    }
    assert_int_equal(lock.acquired, 20);
    assert_int_equal(lock.spun, 0);
    assert_int_equal(lock.slept, 0);
    assert_int_equal(lock.slept_ns, 0);
}

static bool lock_works_after_reset(void *context) {
    struct lock *held = context;
    lock_reset(held);
    bool free = lock_try_acquire(held);
    lock_release(held);
    return free;
}

static void test_reset_in_child(void **state) {
    (void)state;
    struct lock own = {.rank = RANK_INIT};
    lock_acquire(&own);
    own.word = LOCK_CONTENDED;
    unit_expect_in_child(lock_works_after_reset, &own);
    lock_reset(&own); /* fork made the checker of ranks forget it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncontended),    cmocka_unit_test(test_exclusion),
        cmocka_unit_test(test_max_spin),       cmocka_unit_test(test_sleeping),
        cmocka_unit_test(test_reset_in_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

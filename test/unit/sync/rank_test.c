/*
 * rank_test.c: the checker of the lock order. Only debug builds have one.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "sync/lock.h"

static struct lock locks[RANK_COUNT];
static struct lock second[RANK_COUNT];

static int setup(void **state) {
    (void)state;
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
        lock_init(&locks[rank], (enum lock_rank)rank);
        lock_init(&second[rank], (enum lock_rank)rank);
    }
    return 0;
}

static void test_in_order(void **state) {
    (void)state;
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
        lock_acquire(&locks[rank]);
    }
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) { /* any order of release */
        lock_release(&locks[rank]);
    }
    lock_acquire(&locks[RANK_META]);
    lock_release(&locks[RANK_META]);
    lock_acquire(&locks[RANK_INIT]);
    lock_release(&locks[RANK_INIT]);
}

struct pair {
    struct lock *outer;
    struct lock *inner;
};

static void acquire_pair(void *context) {
    const struct pair *pair = context;
    lock_acquire(pair->outer);
    lock_acquire(pair->inner);
}

static void test_wrong_order(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
        struct pair equal = {&locks[rank], &second[rank]};
        unit_expect_abort(acquire_pair, &equal, "in_order");
        if (rank > 0) {
            struct pair next = {&locks[rank], &locks[rank - 1]};
            unit_expect_abort(acquire_pair, &next, "in_order");
            struct pair far = {&locks[rank], &locks[0]};
            unit_expect_abort(acquire_pair, &far, "in_order");
        }
    }
}

/* Trying waits for nobody, but what is held then counts. */
static void acquire_below_tried(void *context) {
    (void)context;
    lock_acquire(&locks[RANK_BIN]);
    lock_try_acquire(&locks[RANK_META]);
    lock_acquire(&locks[RANK_POOL]);
}

static void test_try(void **state) {
    (void)state;
    lock_acquire(&locks[RANK_BIN]);
    assert_true(lock_try_acquire(&second[RANK_BIN]));
    assert_true(lock_try_acquire(&locks[RANK_INIT]));
    lock_release(&locks[RANK_INIT]);
    lock_release(&second[RANK_BIN]);
    lock_release(&locks[RANK_BIN]);
    if (config_debug) {
        unit_expect_abort(acquire_below_tried, NULL, "in_order");
    }
}

static void release_unheld(void *context) {
    (void)context;
    rank_released(RANK_BIN);
}

static void test_unheld(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    unit_expect_abort(release_unheld, NULL, "held");
}

/* More locks of one rank than the counter counts, as a fork with many arenas has. */
static void test_equal_allowed(void **state) {
    (void)state;
    enum { MANY = 700 };
    static struct lock many[MANY];
    rank_allow_equal(true);
    for (unsigned i = 0; i < MANY; i++) {
        lock_init(&many[i], RANK_BIN);
        lock_acquire(&many[i]);
    }
    lock_acquire(&locks[RANK_META]);
    for (unsigned i = 0; i < MANY; i++) {
        lock_release(&many[i]);
    }
    lock_release(&locks[RANK_META]);
    rank_allow_equal(false);
    lock_acquire(&locks[RANK_INIT]); /* nothing counts as held any more */
    lock_release(&locks[RANK_INIT]);
}

static void *other_thread(void *argument) {
    (void)argument;
    lock_acquire(&locks[RANK_INIT]);
    lock_release(&locks[RANK_INIT]);
    return NULL;
}

static void test_each_thread_has_its_own(void **state) {
    (void)state;
    pthread_t thread;
    lock_acquire(&locks[RANK_META]);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    pthread_join(thread, NULL);
    lock_release(&locks[RANK_META]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),      cmocka_unit_test(test_wrong_order),
        cmocka_unit_test(test_try),           cmocka_unit_test(test_unheld),
        cmocka_unit_test(test_equal_allowed), cmocka_unit_test(test_each_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

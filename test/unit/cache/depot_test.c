/*
 * depot_test.c: parking and taking magazines, the cap, the way home, and trimming.
 */
#include "unit/cache/cache_objects.h"

#include <pthread.h>

#include "cache/depot.h"

enum { THREADS = 4, CAP_MIN_BYTES = 192 << 10 };

static void check(unsigned class, size_t nobjects) {
    struct depot *depot = &arenas_get(0)->depots[class];
    size_t sum = 0;
    for (struct list *node = list_first(&depot->magazines); node != &depot->magazines;
         node = node->next) {
        const struct magazine *magazine = list_entry(node, struct magazine, link);
        assert_true(magazine->count > 0 && magazine->count <= magazine->capacity);
        sum += magazine->count;
    }
    assert_int_equal(sum, nobjects);
    assert_int_equal(depot->nobjects, nobjects);
    assert_int_equal(depot->parked, nobjects);
    assert_true(depot->low_water <= nobjects);
    assert_int_equal(depot->lock.word, LOCK_FREE);
}

static void test_newest_first(void **state) {
    (void)state;
    enum { CLASS = 9, N = 5 };
    struct magazine *magazines[N];
    assert_null(depot_take(arenas_get(0), CLASS, NULL));
    size_t sum = 0;
    for (unsigned i = 0; i < N; i++) {
        magazines[i] = new_magazine(CLASS, 10 + i);
        depot_park(arenas_get(0), CLASS, magazines[i]);
        sum += 10 + i;
        check(CLASS, sum);
    }
    for (unsigned i = N; i-- > 0;) {
        assert_ptr_equal(depot_take(arenas_get(0), CLASS, NULL), magazines[i]);
        assert_int_equal(magazines[i]->count, 10 + i);
        assert_false(list_is_member(&magazines[i]->link));
        sum -= 10 + i;
        check(CLASS, sum);
        drop_magazine(CLASS, magazines[i]);
    }
    assert_null(depot_take(arenas_get(0), CLASS, NULL));
    assert_int_equal(objects_out(CLASS), 0);
}

/* Beyond the cap the oldest go home. */
static void test_cap(void **state) {
    (void)state;
    enum { CLASS = 29, FULL = 12 }; /* 4 KiB, so 48 objects make the least cap */
    size_t cap = CAP_MIN_BYTES / sizeclasses[CLASS].size;
    for (unsigned i = 0; i < 40; i++) {
        depot_park(arenas_get(0), CLASS, new_magazine(CLASS, FULL));
        assert_true(objects_parked(CLASS) <= cap);
        assert_true(i < 3 || objects_parked(CLASS) + FULL > cap);
        check(CLASS, objects_parked(CLASS));
        assert_int_equal(objects_out(CLASS), objects_parked(CLASS));
    }
    trim_depots(true);
    check(CLASS, 0);
    assert_int_equal(objects_out(CLASS), 0);
}

/* The cap holds as well when the oldest magazines have few objects and those that follow many. */
static void test_cap_with_small_magazines(void **state) {
    (void)state;
    enum { CLASS = 29, FULL = 12 };
    size_t cap = CAP_MIN_BYTES / sizeclasses[CLASS].size;
    for (unsigned i = 0; i < cap; i++) {
        depot_park(arenas_get(0), CLASS, new_magazine(CLASS, 1));
    }
    for (unsigned i = 0; i < 40; i++) {
        depot_park(arenas_get(0), CLASS, new_magazine(CLASS, FULL));
        if (objects_parked(CLASS) > cap + FULL) {
            size_t parked = objects_parked(CLASS);
            trim_depots(true);
            fail_msg("%zu objects parked, the cap is %zu", parked, cap);
        }
    }
    trim_depots(true);
    check(CLASS, 0);
}

/* Objects of another arena go on to that arena's depot, and home when there is no room either. */
static void test_guests(void **state) {
    (void)state;
    enum { CLASS = 29, FULL = 12, N = 20 };
    struct arena *other = arenas_create(NULL);
    size_t cap = CAP_MIN_BYTES / sizeclasses[CLASS].size;
    for (unsigned i = 0; i < N; i++) {
        depot_park(other, CLASS, new_magazine(CLASS, FULL));
        assert_true(other->depots[CLASS].parked <= cap);
    }
    assert_true(other->depots[CLASS].parked + FULL > cap);
    size_t here = arenas_get(0)->depots[CLASS].parked;
    assert_true(here <= cap && here + FULL > cap);
    assert_int_equal(objects_out(CLASS), here + other->depots[CLASS].parked);
    depots_trim(other, true);
    assert_int_equal(other->depots[CLASS].parked, 0);
    assert_int_equal(objects_out(CLASS), here);
    trim_depots(true);
    assert_int_equal(objects_out(CLASS), 0);
}

static size_t free_magazines(void) {
    size_t sum = 0;
    for (unsigned i = 0; i < MAGAZINE_SIZES; i++) {
        sum += gauge_read(&magazine_pools[i].nfree);
    }
    return sum;
}

/* Who takes a magazine leaves an empty one for who parks the next of its size. */
static void test_empties(void **state) {
    (void)state;
    enum { CLASS = 9, N = 3 };
    struct arena *arena = arenas_get(0);
    struct magazine *empties[N];
    for (unsigned i = 0; i < N; i++) {
        empties[i] = magazine_get(28);
    }
    assert_null(depot_take(arena, CLASS, empties[0])); /* nothing there: it is not left either */
    assert_null(depot_park_for_empty(arena, CLASS, new_magazine(CLASS, 20)));
    for (unsigned i = 0; i < N; i++) {
        depot_park(arena, CLASS, new_magazine(CLASS, 20));
    }
    for (unsigned i = 0; i < N; i++) {
        drop_magazine(CLASS, depot_take(arena, CLASS, empties[i]));
    }
    size_t nfree = free_magazines();
    assert_null(depot_park_for_empty(arena, CLASS, new_magazine(CLASS, 60))); /* of another size */
    assert_ptr_equal(depot_park_for_empty(arena, CLASS, new_magazine(CLASS, 28)), empties[2]);
    assert_int_equal(empties[2]->count, 0);
    assert_false(list_is_member(&empties[2]->link));
    assert_ptr_equal(depot_park_for_empty(arena, CLASS, new_magazine(CLASS, 13)), empties[1]);
    assert_true(free_magazines() <= nfree);
    nfree = free_magazines();
    trim_depots(false);
    assert_int_equal(free_magazines(), nfree + 1); /* empties[0] */
    magazine_put(empties[1]);
    magazine_put(empties[2]);
    trim_depots(true);
    check(CLASS, 0);
    assert_int_equal(objects_out(CLASS), 0);
}

/* One that goes home because of the cap is empty then, and serves at once. */
static void test_empties_beyond_the_cap(void **state) {
    (void)state;
    enum { CLASS = 29, FULL = 12 };
    size_t cap = CAP_MIN_BYTES / sizeclasses[CLASS].size;
    struct magazine *oldest = new_magazine(CLASS, FULL);
    assert_null(depot_park_for_empty(arenas_get(0), CLASS, oldest));
    for (size_t n = FULL; n + FULL <= cap; n += FULL) {
        assert_null(depot_park_for_empty(arenas_get(0), CLASS, new_magazine(CLASS, FULL)));
    }
    assert_ptr_equal(depot_park_for_empty(arenas_get(0), CLASS, new_magazine(CLASS, FULL)), oldest);
    assert_int_equal(oldest->count, 0);
    magazine_put(oldest);
    trim_depots(true);
    assert_int_equal(objects_out(CLASS), 0);
}

/* Half of what nobody asked for since the last time goes, oldest first. */
static void test_trim(void **state) {
    (void)state;
    enum { CLASS = 5, N = 16, EACH = 10 };
    trim_depots(false);
    for (unsigned i = 0; i < N; i++) {
        depot_park(arenas_get(0), CLASS, new_magazine(CLASS, EACH));
    }
    trim_depots(false); /* all of it is new: it was not there a while ago */
    check(CLASS, N * EACH);
    struct magazine *busy[4]; /* a few are in use now and then */
    for (unsigned i = 0; i < 4; i++) {
        busy[i] = depot_take(arenas_get(0), CLASS, NULL);
    }
    for (unsigned i = 4; i-- > 0;) {
        depot_park(arenas_get(0), CLASS, busy[i]);
    }
    trim_depots(false);
    check(CLASS, N * EACH - (N - 4) * EACH / 2);
    assert_ptr_equal(list_entry(arenas_get(0)->depots[CLASS].magazines.next, struct magazine, link),
                     busy[0]);
    size_t last = objects_parked(CLASS);
    for (unsigned i = 0; i < 12; i++) { /* unused, it all goes in time */
        trim_depots(false);
        assert_true(objects_parked(CLASS) < last || last == 0);
        last = objects_parked(CLASS);
        check(CLASS, last);
    }
    assert_int_equal(last, 0);
    assert_int_equal(objects_out(CLASS), 0);
}

static void test_trim_all(void **state) {
    (void)state;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        depot_park(arenas_get(0), class, new_magazine(class, 1 + class % 4));
        check(class, 1 + class % 4);
    }
    trim_depots(true);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        check(class, 0);
        assert_int_equal(objects_out(class), 0);
    }
}

static void *exchange(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    for (unsigned i = 0; i < unit_steps(20000); i++) {
        unsigned class = 1 + (unsigned)prng_below(&prng, 3);
        struct magazine *magazine = depot_take(arenas_get(0), class, NULL);
        if (magazine == NULL || prng_one_in(&prng, 4)) {
            struct magazine *fresh = magazine_get(28);
            fresh->count = arena_fill(arenas_get(0), class, fresh->slot, 28);
            depot_park(arenas_get(0), class, fresh);
        }
        if (magazine != NULL) {
            for (unsigned k = 0; k < magazine->count; k++) { /* nobody else has them */
                *(uintptr_t *)magazine->slot[k] = (uintptr_t)magazine;
            }
            for (unsigned k = 0; k < magazine->count; k++) {
                if (*(uintptr_t *)magazine->slot[k] != (uintptr_t)magazine) {
                    abort();
                }
            }
            depot_park(arenas_get(0), class, magazine);
            struct magazine *left = magazine_get(28);
            struct magazine *next = depot_take(arenas_get(0), class, left);
            struct magazine *empty =
                next != NULL ? depot_park_for_empty(arenas_get(0), class, next) : NULL;
            if (next == NULL) {
                magazine_put(left);
            } else if (empty != NULL) {
                assert_int_equal(empty->count, 0);
                magazine_put(empty);
            }
        }
        if (prng_one_in(&prng, 1000)) {
            trim_depots(prng_one_in(&prng, 2));
        }
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned class = 1; class <= 3; class ++) {
        check(class, objects_parked(class));
        assert_int_equal(objects_out(class), objects_parked(class));
    }
    trim_depots(true);
    assert_int_equal(objects_out(1) + objects_out(2) + objects_out(3), 0);
    arenas_check();
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_cap_with_small_magazines),
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_empties),
        cmocka_unit_test(test_empties_beyond_the_cap),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_trim_all),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

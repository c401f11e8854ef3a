/*
 * utilization_test.c: what is said about objects, against counts kept here.
 */
#include "unit/unit.h"

#include "heap/arenas.h"
#include "heap/large.h"
#include "heap/utilization.h"

static struct arena *arena;

static void test_slabs(void **state) {
    (void)state;
    enum { CLASS = 20, MANY = 100 };
    static void *held[MANY];
    size_t nslots = sizeclasses[CLASS].nslots;
    size_t bytes = (size_t)sizeclasses[CLASS].slab_granules << LG_GRANULE;
    size_t nslabs = 0;
    for (size_t n = 1; n <= MANY; n++) {
        assert_int_equal(arena_fill(arena, CLASS, &held[n - 1], 1), 1);
        nslabs = (n + nslots - 1) / nslots; /* one is filled up before the next */
        struct utilization last = utilization_of(held[n - 1]);
        assert_int_equal(last.nslots, nslots);
        assert_int_equal(last.bytes, bytes);
        assert_int_equal(last.nfree, nslabs * nslots - n);
        assert_int_equal(last.bin_nslots, nslabs * nslots);
        assert_int_equal(last.bin_nfree, nslabs * nslots - n);
        if (last.nfree > 0) {
            assert_ptr_equal(last.next_slab, (void *)((uintptr_t)held[n - 1] & ~(bytes - 1)));
        } else {
            assert_null(last.next_slab);
        }
    }
    /* All slabs but the last are full; then two objects of the first go. */
    assert_int_equal(utilization_of(held[0]).nfree, 0);
    arena_drain(CLASS, &held[0], 2);
    struct utilization first = utilization_of((char *)held[2] + 7); /* anywhere in the object */
    assert_int_equal(first.nfree, 2);
    assert_int_equal(first.bin_nfree, nslabs * nslots - MANY + 2);
    assert_true(utilization_of(held[MANY - 1]).nfree > 0);
    arena_drain(CLASS, &held[2], MANY - 2);
}

static void test_large(void **state) {
    (void)state;
    static const size_t sizes[] = {40960, 100000, (size_t)1 << 20, (size_t)5 << 20};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *p = large_alloc(arena, sizes[i], 1, false);
        struct utilization at[] = {utilization_of(p), utilization_of(p + sizes[i] / 2)};
        for (unsigned k = 0; k < 2; k++) {
            assert_null(at[k].next_slab);
            assert_int_equal(at[k].nfree, 0);
            assert_int_equal(at[k].nslots, 1);
            assert_int_equal(at[k].bin_nslots, 0);
            assert_int_equal(at[k].bytes, round_up(large_usable_for(sizes[i]), GRANULE_SIZE));
        }
        large_free(large_find(p));
    }
}

static void test_strangers(void **state) {
    (void)state;
    static const struct utilization none;
    int local = 0;
    struct utilization found = utilization_of(&local);
    assert_memory_equal(&found, &none, sizeof(none));
    found = utilization_of(NULL);
    assert_memory_equal(&found, &none, sizeof(none));
    char *p = large_alloc(arena, 100000, 1, false);
    large_free(large_find(p));
    found = utilization_of(p);
    assert_memory_equal(&found, &none, sizeof(none));
}

int main(void) {
    unit_start();
    arena = arenas_create(NULL);
    assert_non_null(arena);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slabs),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

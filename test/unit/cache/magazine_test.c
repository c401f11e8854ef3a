/*
 * magazine_test.c: sizes of magazines and their way through the pools.
 */
#include "unit/cache/cache_objects.h"

#include "meta/meta.h"
#include "os/os.h"

static void test_sizes(void **state) {
    (void)state;
    unsigned last = 0;
    for (unsigned i = 0; i < MAGAZINE_SIZES; i++) {
        size_t bytes = (size_t)MAGAZINE_SMALLEST << i;
        unsigned slots = magazine_slots(i);
        assert_true(slots > last);
        assert_int_equal(sizeof(struct magazine) + slots * sizeof(void *), bytes);
        assert_int_equal(magazine_pools[i].block_size, bytes);
        last = slots;
    }
    for (unsigned class = 1; class < NCLASSES; class ++) { /* the largest one suffices for all */
        assert_true(sizeclasses[class].cache_slots <= last);
    }
}

static void test_get_and_put(void **state) {
    (void)state;
    unsigned most = magazine_slots(MAGAZINE_SIZES - 1);
    for (unsigned slots = 0; slots <= most + 10; slots++) {
        struct magazine *magazine = magazine_get(slots);
        assert_non_null(magazine);
        assert_true(magazine->capacity >= slots || magazine->capacity == most);
        for (unsigned i = 0; i < MAGAZINE_SIZES; i++) { /* the smallest that is large enough */
            assert_true(magazine_slots(i) < slots || magazine->capacity <= magazine_slots(i));
        }
        assert_int_equal(magazine->count, 0);
        assert_null(magazine->bottom);
        assert_ptr_equal(&magazine->bottom, magazine->slot - 1);
        assert_false(list_is_member(&magazine->link));
        memset(magazine->slot, 0xff, magazine->capacity * sizeof(void *));
        magazine->count = magazine->capacity;
        magazine_put(magazine);
        struct magazine *again = magazine_get(slots);
        assert_ptr_equal(again, magazine); /* used again, as good as new */
        assert_int_equal(again->count, 0);
        assert_null(again->bottom);
        magazine_put(again);
    }
}

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static bool get_without_memory(void *context) {
    (void)context;
    os_page_ops.map = no_map;
    while (meta_alloc(64) != NULL) {
    }
    for (unsigned n = 0; n < 1000000; n++) {
        if (magazine_get(200) == NULL) {
            return magazine_pools[MAGAZINE_SIZES - 1].nfree == 0;
        }
    }
    return false;
}

static void test_no_memory(void **state) {
    (void)state;
    unit_expect_in_child(get_without_memory, NULL);
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_get_and_put),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

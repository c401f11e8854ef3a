/*
 * lextent_test.c: the classes of large sizes, against the series written out.
 */
#include "unit/unit.h"

#include "pages/lextent.h"

static void test_series(void **state) {
    (void)state;
    size_t expected = 32768;
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        expected += (size_t)8192 << i / 4;
        assert_int_equal(lextent_size(i), expected);
        assert_int_equal(lextent_index(expected), i);
        assert_int_equal(lextent_index(expected - 1), i);
        if (i + 1 < NLEXTENTS) {
            assert_int_equal(lextent_index(expected + 1), i + 1);
        }
    }
    assert_int_equal(expected, (size_t)7 << 60);
    assert_int_equal(lextent_size(LEXTENTS_CACHED - 1), 1 << 20);
}

static void test_below_the_first(void **state) {
    (void)state;
    assert_int_equal(lextent_index(0), 0);
    assert_int_equal(lextent_index(16384), 0);
    assert_int_equal(lextent_index(32768), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_below_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

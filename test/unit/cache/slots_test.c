/*
 * slots_test.c: how many objects are cached as options say, class by class.
 */
#include "unit/unit.h"

#include "cache/slots.h"
#include "opt/opt.h"

static uint8_t slots[NCLASSES];

static unsigned slots_of(size_t size) {
    return slots[sizeclass_of(size)];
}

static int begin(void **state) {
    (void)state;
    opts_set_defaults(&opts);
    return 0;
}

/* Without options a class has what its row says, and no option says more than there can be. */
static void test_defaults(void **state) {
    (void)state;
    assert_int_equal(opt_find("tcache_nslots_large", 19)->max, 2 * SLOTS_MAX);
    assert_int_equal(opts.tcache_nslots_small_max, 2 * SLOTS_MAX);
    slots_by_options(slots);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(slots[class], sizeclasses[class].cache_slots);
    }
}

static void test_small(void **state) {
    (void)state;
    opts.lg_tcache_nslots_mul = 2;
    slots_by_options(slots);
    assert_int_equal(slots_of(8), SLOTS_MAX);
    assert_int_equal(slots_of(512), 120);
    assert_int_equal(slots_of(14336), 24);
    assert_int_equal(slots_of(32768), 4); /* not small */
    opts.lg_tcache_nslots_mul = -16;
    opts.tcache_nslots_small_min = 5;
    slots_by_options(slots);
    assert_int_equal(slots_of(8), 3);
    assert_int_equal(slots_of(14336), 3);
    opts.lg_tcache_nslots_mul = 16;
    opts.tcache_nslots_small_max = 30;
    slots_by_options(slots);
    assert_int_equal(slots_of(8), 15);
    assert_int_equal(slots_of(14336), 15);
    opts.tcache_nslots_small_min = 100; /* the upper bound counts more */
    slots_by_options(slots);
    assert_int_equal(slots_of(8), 15);
    assert_int_equal(slots_of(16384), 12);
}

static void test_large(void **state) {
    (void)state;
    opts.tcache_nslots_large = 50;
    slots_by_options(slots);
    assert_int_equal(slots_of(16384), 25);
    assert_int_equal(slots_of(32768), 25);
    assert_int_equal(slots_of(14336), 12);
}

static void test_ranges(void **state) {
    (void)state;
    static const char text[] = "100-112:10|2000-99999999999:0|16385-20000:5000|40000-50000:9";
    opts.tcache_nslots_large = 50;
    opts.tcache_ncached_max = (struct opt_text){text, strlen(text)};
    slots_by_options(slots);
    assert_int_equal(slots_of(96), 124);
    assert_int_equal(slots_of(100), 5);
    assert_int_equal(slots_of(113), 124);
    assert_int_equal(slots_of(1792), 28);
    assert_int_equal(slots_of(2000), 0);
    assert_int_equal(slots_of(16384), 0);
    assert_int_equal(slots_of(16385), SLOTS_MAX);
    assert_int_equal(slots_of(32768), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, begin),
        cmocka_unit_test_setup(test_small, begin),
        cmocka_unit_test_setup(test_large, begin),
        cmocka_unit_test_setup(test_ranges, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * ranges_test.c: lists of ranges, good and bad.
 */
#include "unit/unit.h"

#include "opt/ranges.h"

static bool valid(const char *text) {
    return ranges_are_valid(text, text + strlen(text));
}

static void test_reading(void **state) {
    (void)state;
    const char *text = "8-16:1|0x20-040:0X1f|7-7:0,rest";
    const char *end = strchr(text, ',');
    static const struct size_range wanted[] = {{8, 16, 1}, {32, 32, 31}, {7, 7, 0}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct size_range range;
        assert_true(ranges_next(&text, end, &range));
        assert_memory_equal(&range, &wanted[i], sizeof(range));
    }
    assert_ptr_equal(text, end);
}

static void test_bad(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "8",
        "8-",
        "8-16",
        "8-16:",
        "8-16:4|",
        "|8-16:4",
        "16-8:4",
        "a-b:c",
        "8-16:4 ",
        " 8-16:4",
        "8-16:4||8-8:1",
        "8:16-4",
        "-8-16:4",
        "0x-16:4",
        "08-16:4",
        "8-16:4x",
        "8-18446744073709551616:4",
        "8-16:99999999999999999999",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (valid(bad[i])) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
    }
    assert_true(valid("0-18446744073709551615:0xffffffffffffffff"));
    assert_true(valid("8-16:4|8-16:4"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * fmt_test.c: every formatter's text, and that no formatter leaves its buffer at any capacity.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmt.h"

static char text[256];

static struct fmt start(void) {
    struct fmt f;
    fmt_init(&f, text, sizeof(text));
    assert_int_equal(f.length, 0);
    assert_string_equal(text, "");
    return f;
}

static void expect(const struct fmt *f, const char *wanted) {
    assert_string_equal(text, wanted);
    assert_int_equal(f->length, strlen(wanted));
}

static void test_strings(void **state) {
    (void)state;
    struct fmt f = start();
    fmt_str(&f, "ab");
    fmt_char(&f, 'c');
    fmt_strn(&f, "defgh", 2);
    fmt_strn(&f, "x", 0);
    fmt_str(&f, "");
    expect(&f, "abcde");
    assert_int_equal(fmt_room(&f), sizeof(text) - 1 - 5);
}

/* The C library's formatter is the model. */
static void test_integers(void **state) {
    (void)state;
    uint64_t value = 1;
    for (unsigned i = 0; i < 20000; i++) {
        char wanted[100];
        struct fmt f = start();
        fmt_u64(&f, value);
        fmt_char(&f, ' ');
        fmt_i64(&f, (int64_t)value);
        fmt_char(&f, ' ');
        fmt_ptr(&f, (const void *)(uintptr_t)value);
        snprintf(wanted, sizeof(wanted), "%" PRIu64 " %" PRId64 " 0x%" PRIx64, value,
                 (int64_t)value, value);
        expect(&f, wanted);
        value = (value ^ (value >> 7)) * UINT64_C(0x9e3779b97f4a7c15) >> (i % 64);
    }
}

static void test_integer_limits(void **state) {
    (void)state;
    struct fmt f = start();
    fmt_u64(&f, 0);
    fmt_char(&f, ' ');
    fmt_u64(&f, UINT64_MAX);
    fmt_char(&f, ' ');
    fmt_i64(&f, INT64_MIN);
    expect(&f, "0 18446744073709551615 -9223372036854775808");
}

static void test_pointer(void **state) {
    (void)state;
    struct fmt f = start();
    fmt_ptr(&f, (const void *)(uintptr_t)0x7f00dead);
    fmt_char(&f, ' ');
    fmt_ptr(&f, NULL);
    expect(&f, "0x7f00dead 0x0");
}

static void test_fixed(void **state) {
    (void)state;
    struct fmt f = start();
    fmt_fixed(&f, 1234, 2);
    fmt_char(&f, ' ');
    fmt_fixed(&f, 5, 3);
    fmt_char(&f, ' ');
    fmt_fixed(&f, 7, 0);
    fmt_char(&f, ' ');
    fmt_fixed(&f, UINT64_MAX, 19);
    expect(&f, "12.34 0.005 7 1.8446744073709551615");
}

static void test_columns(void **state) {
    (void)state;
    struct fmt f = start();
    fmt_str(&f, "name");
    fmt_pad(&f, 6);
    fmt_str(&f, "|");
    fmt_pad(&f, 3);
    fmt_str(&f, "\n");
    fmt_pad(&f, 2);
    fmt_str(&f, "next");
    expect(&f, "name  |\n  next");
}

static void write_everything(struct fmt *f) {
    fmt_str(f, "string");
    fmt_char(f, 'c');
    fmt_u64(f, UINT64_MAX);
    fmt_i64(f, INT64_MIN);
    fmt_ptr(f, (const void *)UINTPTR_MAX);
    fmt_pad(f, 90);
    fmt_fixed(f, 123456, 4);
    fmt_str(f, "\n");
    fmt_pad(f, 4);
}

/* A shorter buffer holds exactly the front of the whole text, and the bytes behind it stay. */
static void test_never_overflows(void **state) {
    (void)state;
    char whole[256];
    struct fmt f;
    fmt_init(&f, whole, sizeof(whole));
    write_everything(&f);
    size_t full = f.length;
    assert_true(full > 100 && full < sizeof(whole) - 1);
    for (size_t capacity = 1; capacity <= full + 2; capacity++) {
        char small[300];
        memset(small, 0x5a, sizeof(small));
        fmt_init(&f, small, capacity);
        write_everything(&f);
        assert_int_equal(f.length, strlen(small));
        assert_int_equal(f.length, capacity - 1 < full ? capacity - 1 : full);
        assert_memory_equal(small, whole, f.length);
        for (size_t i = capacity; i < sizeof(small); i++) {
            assert_int_equal((unsigned char)small[i], 0x5a);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),         cmocka_unit_test(test_integers),
        cmocka_unit_test(test_integer_limits),  cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_fixed),           cmocka_unit_test(test_columns),
        cmocka_unit_test(test_never_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

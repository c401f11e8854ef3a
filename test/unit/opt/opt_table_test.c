/*
 * opt_table_test.c: what the other tables and the parser take for granted about the option rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "opt/opt.h"

enum { LONGEST_KEY = 63 };

static bool takes_words_only(const struct opt_row *row) {
    return row->kind == OPT_BOOL || row->kind == OPT_WORD || row->kind == OPT_WORD_SIZE;
}

static bool has_word_for(const struct opt_row *row, int64_t value) {
    for (const struct opt_word *word = row->words; word != NULL && word->text != NULL; word++) {
        if (word->value == value) {
            return true;
        }
    }
    return false;
}

static size_t field_size(const struct opt_row *row) {
    switch (row->kind) {
    case OPT_BOOL:
        return sizeof(bool);
    case OPT_UNSIGNED:
    case OPT_WORD:
        return sizeof(unsigned);
    case OPT_SIZE:
    case OPT_WORD_SIZE:
    case OPT_LG_SIZE:
        return sizeof(size_t);
    case OPT_I64:
        return sizeof(int64_t);
    }
    fail();
    return 0;
}

static void test_sorted(void **state) {
    (void)state;
    for (size_t i = 1; i < opt_nrows; i++) {
        assert_true(strcmp(opt_rows[i - 1].name, opt_rows[i].name) < 0);
    }
    for (size_t i = 1; i < opt_nforeign_keys; i++) {
        assert_true(strcmp(opt_foreign_keys[i - 1], opt_foreign_keys[i]) < 0);
    }
    for (size_t i = 0; i < opt_nrows; i++) {
        assert_false(opt_is_foreign(opt_rows[i].name, strlen(opt_rows[i].name)));
    }
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        size_t length = strlen(row->name);
        assert_true(length > 0 && length <= LONGEST_KEY);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_0123456789"), length);
        assert_true(row->min <= row->max);
        assert_true(row->kind == OPT_I64 || row->min >= 0);
        assert_true(row->kind != OPT_UNSIGNED || row->max <= UINT32_MAX);
        assert_true(row->kind != OPT_LG_SIZE || row->max < 64);
        assert_true(has_word_for(row, row->value) ||
                    (!takes_words_only(row) && row->value >= row->min && row->value <= row->max));
        assert_true(row->offset + field_size(row) <= sizeof(struct opts));
        size_t help = strlen(row->help);
        assert_true(help > 10 && row->help[help - 1] == '.');
        assert_ptr_equal(opt_find(row->name, length), row);
        assert_null(opt_find(row->name, length - 1));
    }
}

/* No two rows share bytes of struct opts, unless one is marked as a second name of the other. */
static void test_fields_are_distinct(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        for (size_t j = 0; j < opt_nrows; j++) {
            const struct opt_row *a = &opt_rows[i];
            const struct opt_row *b = &opt_rows[j];
            if (i == j || ((a->flags | b->flags) & OPT_OTHER_NAME) != 0) {
                continue;
            }
            assert_true(a->offset + field_size(a) <= b->offset ||
                        b->offset + field_size(b) <= a->offset);
        }
    }
}

/* A value stored reads back, and touches no other field. */
static void test_store_and_write(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        struct opts changed;
        memset(&changed, 0xa5, sizeof(changed));
        opt_store(&changed, row, row->max);
        char text[64];
        char wanted[64];
        struct fmt out;
        fmt_init(&out, text, sizeof(text));
        opt_write(&out, row, &changed);
        fmt_init(&out, wanted, sizeof(wanted));
        fmt_i64(&out, row->max);
        for (const struct opt_word *word = row->words; word && word->text; word++) {
            if (word->value == row->max) {
                fmt_init(&out, wanted, sizeof(wanted));
                fmt_str(&out, word->text);
            }
        }
        assert_string_equal(text, wanted);
        const unsigned char *bytes = (const unsigned char *)&changed;
        for (size_t k = 0; k < sizeof(changed); k++) {
            if (k < row->offset || k >= row->offset + field_size(row)) {
                assert_int_equal(bytes[k], 0xa5);
            }
        }
    }
}

/* The documented defaults, spelled out a second time on purpose. */
static void test_defaults(void **state) {
    (void)state;
    struct opts set;
    opts_set_defaults(&set);
    assert_int_equal(set.dirty_decay_ms, 10000);
    assert_int_equal(set.muzzy_decay_ms, 0);
    assert_int_equal(set.tcache_max, 32768);
    assert_int_equal(set.page_size, 0);
    assert_int_equal(set.lg_extent_max_active_fit, 6);
    assert_int_equal(set.narenas, 0);
    assert_int_equal(set.junk, JUNK_OFF);
    assert_int_equal(set.zero_realloc, ZERO_REALLOC_FREE);
    assert_true(set.tcache && set.retain);
    assert_false(set.abort_conf || set.confirm_conf || set.help || set.zero || set.xmalloc ||
                 set.stats_print);
}

static void expect_accepted(const char *name, const char *wanted) {
    char text[128];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    opt_write_accepted(&out, opt_find(name, strlen(name)));
    assert_string_equal(text, wanted);
}

static void test_accepted(void **state) {
    (void)state;
    expect_accepted("zero", "true, false");
    expect_accepted("junk", "true, false, alloc, free");
    expect_accepted("narenas", "default, 1..4094");
    expect_accepted("dirty_decay_ms", "-1..18446744072000");
    expect_accepted("page_size", "0, 4096, 16384, 65536");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fields_are_distinct),
        cmocka_unit_test(test_store_and_write),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
    return row->kind == OPT_BOOL || row->kind == OPT_WORD || row->kind == OPT_NUMERAL;
}

static bool is_number(const struct opt_row *row) {
    return row->kind != OPT_LETTERS && row->kind != OPT_RANGES && row->kind != OPT_TEXT;
}

static bool has_field(const struct opt_row *row) {
    return (row->flags & OPT_NO_FIELD) == 0;
}

static int64_t nwords(const struct opt_row *row) {
    int64_t n = 0;
    for (const char *word = NULL; (word = opt_next_word(row, word)) != NULL;) {
        n++;
    }
    return n;
}

static size_t field_size(const struct opt_row *row) {
    switch ((enum opt_kind)row->kind) {
    case OPT_BOOL:
        return sizeof(bool);
    case OPT_UNSIGNED:
    case OPT_WORD:
    case OPT_FIXED:
        return sizeof(uint32_t);
    case OPT_SIZE:
    case OPT_NUMERAL:
    case OPT_LG_SIZE:
    case OPT_I64:
    case OPT_U64:
    case OPT_SSIZE:
        return sizeof(uint64_t);
    case OPT_LETTERS:
        return OPT_LETTERS_ROOM;
    case OPT_RANGES:
        return sizeof(struct opt_text);
    case OPT_TEXT:
        break;
    }
    fail();
    return 0;
}

static void test_sorted(void **state) {
    (void)state;
    for (size_t i = 1; i < opt_nrows; i++) {
        assert_true(strcmp(opt_rows[i - 1].name, opt_rows[i].name) < 0);
    }
}

/* The reference has 90 keys; two are ours. */
static void test_complete(void **state) {
    (void)state;
    unsigned ours = 0;
    for (size_t i = 0; i < opt_nrows; i++) {
        ours += (opt_rows[i].flags & OPT_OURS) != 0;
    }
    assert_int_equal(ours, 2);
    assert_int_equal(opt_nrows, 92);
}

static void check_default(const struct opt_row *row) {
    bool within = row->value >= row->min && row->value <= row->max;
    bool word = row->value >= 0 && row->value < nwords(row);
    if (row->kind == OPT_NUMERAL) {
        assert_true(within);
    } else if (takes_words_only(row)) {
        assert_true(word);
        assert_int_equal(row->max, nwords(row) - 1);
    } else {
        assert_true(within || word);
    }
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        size_t length = strlen(row->name);
        assert_true(length > 0 && length <= LONGEST_KEY);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_0123456789"), length);
        assert_int_equal(row->words[sizeof(row->words) - 1], '\0');
        assert_true(row->min <= row->max);
        assert_true(row->kind == OPT_I64 || row->kind == OPT_SSIZE || row->kind == OPT_FIXED ||
                    row->min >= 0);
        assert_true(row->kind != OPT_UNSIGNED || row->max <= UINT32_MAX);
        assert_true(row->kind != OPT_FIXED || row->max <= UINT32_MAX);
        assert_true(row->kind != OPT_LG_SIZE || row->max < 64);
        assert_true(row->kind != OPT_LETTERS || strlen(row->words) < OPT_LETTERS_ROOM);
        assert_true(row->kind != OPT_TEXT || !has_field(row));
        if (is_number(row)) {
            check_default(row);
        }
        assert_true(!has_field(row) || row->offset + field_size(row) <= sizeof(struct opts));
        size_t help = strlen(row->help);
        assert_true(help > 10 && help < sizeof(row->help) && row->help[help - 1] == '.');
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
            if (i == j || ((a->flags | b->flags) & OPT_OTHER_NAME) != 0 || !has_field(a) ||
                !has_field(b)) {
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
        if (!has_field(row) || !is_number(row)) {
            continue;
        }
        memset(&changed, 0xa5, sizeof(changed));
        opt_store(&changed, row, row->max);
        assert_int_equal(opt_number(&changed, row), row->max);
        char text[64];
        struct fmt out;
        fmt_init(&out, text, sizeof(text));
        opt_write(&out, row, &changed);
        assert_true(out.length > 0);
        const unsigned char *bytes = (const unsigned char *)&changed;
        for (size_t k = 0; k < sizeof(changed); k++) {
            if (k < row->offset || k >= row->offset + field_size(row)) {
                assert_int_equal(bytes[k], 0xa5);
            }
        }
    }
}

/* Rows without a field store nothing, and read as their default. */
static void test_no_field(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        struct opts changed;
        struct opts before;
        if (has_field(row)) {
            continue;
        }
        memset(&changed, 0xa5, sizeof(changed));
        memset(&before, 0xa5, sizeof(before));
        opt_store(&changed, row, row->max);
        opt_store_text(&changed, row, (struct opt_text){"1-2:3", 5});
        assert_memory_equal(&changed, &before, sizeof(changed));
        assert_int_equal(opt_number(&changed, row), row->value);
    }
}

static const struct opt_row *find(const char *name) {
    const struct opt_row *row = opt_find(name, strlen(name));
    assert_non_null(row);
    return row;
}

static void expect_written(const char *name, int64_t value, const char *wanted) {
    struct opts set;
    opts_set_defaults(&set);
    opt_store(&set, find(name), value);
    char text[64];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    opt_write(&out, find(name), &set);
    assert_string_equal(text, wanted);
}

static void test_written(void **state) {
    (void)state;
    expect_written("zero", 1, "true");
    expect_written("junk", JUNK_FREE, "free");
    expect_written("narenas", 0, "default");
    expect_written("narenas", 1, "1");
    expect_written("page_size", 4096, "4096");
    expect_written("page_size", 0, "0");
    expect_written("dirty_decay_ms", -1, "-1");
    expect_written("lg_tcache_max", 12, "12");
    expect_written("narenas_ratio", OPT_FIXED_ONE, "1.0");
    expect_written("narenas_ratio", OPT_FIXED_ONE / 4, "0.25");
    expect_written("narenas_ratio", 1, "0.00002");
    expect_written("narenas_ratio", UINT32_MAX, "65535.99998");
    expect_written("hpa_dirty_mult", 7, "0.25");
    expect_written("hpa_hugify_style", 0, "lazy");
    expect_written("stats_print_opts", 0, "");
    expect_written("slab_sizes", 0, "default");
    expect_written("log", 0, "");
    expect_written("prof_prefix", 0, "jeprof");
}

/* What a process begins with is what the rows say. */
static void test_defaults_of_rows(void **state) {
    (void)state;
    struct opts set;
    struct opts rows;
    opts_set_defaults(&set);
    memset(&rows, 0, sizeof(rows));
    for (size_t i = 0; i < opt_nrows; i++) {
        if ((opt_rows[i].flags & OPT_OTHER_NAME) == 0) {
            opt_store(&rows, &opt_rows[i], opt_rows[i].value);
        }
    }
    assert_memory_equal(&set, &rows, sizeof(set));
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
    assert_int_equal(set.mutex_max_spin, 100);
    assert_int_equal(set.narenas_ratio, 2 * OPT_FIXED_ONE);
    assert_int_equal(set.stats_interval, -1);
    assert_int_equal(set.max_background_threads, 4);
    assert_int_equal(set.background_thread, BACKGROUND_AUTO);
    assert_int_equal(set.percpu_arena, PERCPU_OFF);
    assert_int_equal(set.oversize_threshold, 0);
    assert_int_equal(set.lg_tcache_nslots_mul, 1);
    assert_int_equal(set.tcache_nslots_small_min, 16);
    assert_int_equal(set.tcache_nslots_small_max, 504);
    assert_int_equal(set.tcache_nslots_large, 0);
    assert_int_equal(set.tcache_ncached_max.length, 0);
    assert_int_equal(set.thp, THP_DEFAULT);
    assert_int_equal(set.metadata_thp, METADATA_THP_OFF);
    assert_string_equal(set.stats_print_opts, "");
    assert_string_equal(set.stats_interval_opts, "");
    assert_true(set.disable_large_size_classes);
    assert_false(set.abort || set.experimental_infallible_new || set.abort_conf ||
                 set.confirm_conf || set.help || set.zero || set.xmalloc || set.stats_print);
}

static void expect_accepted(const char *name, const char *wanted) {
    char text[128];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    opt_write_accepted(&out, find(name));
    assert_string_equal(text, wanted);
}

static void test_accepted(void **state) {
    (void)state;
    expect_accepted("zero", "false, true");
    expect_accepted("junk", "false, alloc, free, true");
    expect_accepted("narenas", "default, 1..4094");
    expect_accepted("dirty_decay_ms", "-1..18446744072000");
    expect_accepted("page_size", "0, 4096, 16384, 65536");
    expect_accepted("narenas_ratio", "0.0..65535.99998");
    expect_accepted("stats_print_opts", "letters of Jogmdablxeh");
    expect_accepted("tcache_ncached_max", "FROM-TO:N and more with |");
    expect_accepted("slab_sizes", "default, FROM-TO:N and more with |");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fields_are_distinct),
        cmocka_unit_test(test_store_and_write),
        cmocka_unit_test(test_no_field),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_defaults_of_rows),
        cmocka_unit_test(test_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

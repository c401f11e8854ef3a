/*
 * opt_parse_test.c: option strings and what they set and say; then strings of random bytes.
 *
 * Messages are collected and compared whole, so a missing or an extra line fails. The random
 * strings end right before an unreadable page, so that reading one byte too far is a crash.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "opt/opt.h"
#include "opt/ranges.h"

static char said[40000];
static size_t said_length;

static void collect(void *opaque, const char *text) {
    assert_ptr_equal(opaque, said);
    size_t length = strlen(text);
    assert_true(length > 0 && said_length + length < sizeof(said));
    memcpy(said + said_length, text, length + 1);
    said_length += length;
    errno = EIO; /* a message function of the user's may do this */
}

static bool parse_sources(const char *const text[OPT_NSOURCES]) {
    struct opt_sources sources = {.message = collect, .opaque = said};
    for (unsigned i = 0; i < OPT_NSOURCES; i++) {
        sources.text[i] = text[i];
    }
    said[0] = '\0';
    said_length = 0;
    errno = ENOTTY;
    bool go_on = opts_init(&sources);
    assert_int_equal(errno, ENOTTY);
    return go_on;
}

static bool parse(const char *text) {
    const char *const texts[OPT_NSOURCES] = {[OPT_FROM_ENVIRONMENT] = text};
    return parse_sources(texts);
}

/* Parses `text`, which must be silent. */
static void accept(const char *text) {
    assert_true(parse(text));
    assert_string_equal(said, "");
}

/* Parses `text`, which must say exactly this and go on. */
static void complain(const char *text, const char *wanted) {
    assert_true(parse(text));
    assert_string_equal(said, wanted);
}

static void expect_defaults(void) {
    struct opts defaults;
    opts_set_defaults(&defaults);
    assert_memory_equal(&opts, &defaults, sizeof(opts));
}

static void test_nothing(void **state) {
    (void)state;
    accept(NULL);
    expect_defaults();
    accept("");
    expect_defaults();
}

static void test_values(void **state) {
    (void)state;
    accept("abort_conf:true,narenas:7,dirty_decay_ms:-1,muzzy_decay_ms:0x10,tcache:false,"
           "tcache_max:4096,lg_extent_max_active_fit:010,retain:false,zero:true,junk:alloc,"
           "xmalloc:true,stats_print:true,page_size:16384,zero_realloc:abort");
    assert_true(opts.abort_conf && opts.zero && opts.xmalloc && opts.stats_print);
    assert_false(opts.tcache || opts.retain || opts.confirm_conf || opts.help);
    assert_int_equal(opts.narenas, 7);
    assert_int_equal(opts.dirty_decay_ms, -1);
    assert_int_equal(opts.muzzy_decay_ms, 16);
    assert_int_equal(opts.tcache_max, 4096);
    assert_int_equal(opts.lg_extent_max_active_fit, 8);
    assert_int_equal(opts.junk, JUNK_ALLOC);
    assert_int_equal(opts.page_size, 16384);
    assert_int_equal(opts.zero_realloc, ZERO_REALLOC_ABORT);
    accept("junk:true");
    assert_int_equal(opts.junk, JUNK_ALLOC | JUNK_FREE);
    assert_false(opts.abort_conf); /* nothing stays from the call before */
    accept("junk:free");
    assert_int_equal(opts.junk, JUNK_FREE);
    accept("lg_tcache_max:12");
    assert_int_equal(opts.tcache_max, 4096);
    accept("lg_tcache_max:12,tcache_max:100");
    assert_int_equal(opts.tcache_max, 100);
    accept("narenas:3,narenas:default");
    assert_int_equal(opts.narenas, 0);
    accept("zero:true,zero:false,tcache:false");
    assert_false(opts.zero || opts.tcache);
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},    {"00", 0},    {"-0", 0},     {"+12", 12}, {" \t\v12", 12},
        {" -1", -1}, {"-0x1", -1}, {"0XfF", 255}, {"017", 15}, {"18446744072000", 18446744072000},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "dirty_decay_ms:%s", good[i].text);
        accept(text);
        assert_int_equal(opts.dirty_decay_ms, good[i].value);
    }
    static const char *const bad[] = {
        "",
        " ",
        "-",
        "+",
        "--1",
        "+-1",
        "1 ",
        "1x",
        "0x",
        "08",
        "0x1g",
        "a",
        "1.5",
        "1e3",
        "- 1",
        "true",
        "default",
        "18446744073709551616",
        "0x10000000000000000",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[80];
        char wanted[120];
        snprintf(text, sizeof(text), "dirty_decay_ms:%s", bad[i]);
        snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf value: %s\n", text);
        complain(text, wanted);
        expect_defaults();
    }
}

static void test_ranges(void **state) {
    (void)state;
    static const char *const outside[] = {
        "dirty_decay_ms:-2",
        "dirty_decay_ms:18446744072001",
        "muzzy_decay_ms:18446744073709551615",
        "muzzy_decay_ms:-18446744073709551615",
        "narenas:0",
        "lg_extent_max_active_fit:65",
        "lg_extent_max_active_fit:-1",
    };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        char wanted[120];
        snprintf(wanted, sizeof(wanted), "<ashlar>: Out-of-range conf value: %s\n", outside[i]);
        complain(outside[i], wanted);
        expect_defaults();
    }
    accept("tcache_max:1000000");
    assert_int_equal(opts.tcache_max, 32768);
    accept("tcache_max:-1");
    assert_int_equal(opts.tcache_max, 32768);
    accept("tcache_max:0");
    assert_int_equal(opts.tcache_max, 0);
    accept("lg_tcache_max:-5");
    assert_int_equal(opts.tcache_max, 32768);
    accept("narenas:100000");
    assert_int_equal(opts.narenas, 4094);
}

static void test_words_are_exact(void **state) {
    (void)state;
    static const char *const bad[] = {
        "zero:1",
        "zero:True",
        "zero:",
        "zero:tru",
        "zero:truex",
        "zero: true",
        "junk:all",
        "junk:3",
        "page_size:8192",
        "page_size:0x1000",
        "zero_realloc:false",
        "narenas:defaul",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char wanted[120];
        snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf value: %s\n", bad[i]);
        complain(bad[i], wanted);
        expect_defaults();
    }
}

static void test_unknown_keys(void **state) {
    (void)state;
    complain("dirty_decay:5,zero:true",
             "<ashlar>: Invalid conf pair: dirty_decay:5 (did you mean dirty_decay_ms?)\n");
    assert_true(opts.zero); /* parsing goes on */
    complain("Zero:true", "<ashlar>: Invalid conf pair: Zero:true (did you mean zero?)\n");
    complain("anrenas:2", "<ashlar>: Invalid conf pair: anrenas:2 (did you mean narenas?)\n");
    complain("tcahce:true", "<ashlar>: Invalid conf pair: tcahce:true (did you mean tcache?)\n");
    complain("ertian:true", "<ashlar>: Invalid conf pair: ertian:true (did you mean retain?)\n");
    complain("quux:1", "<ashlar>: Invalid conf pair: quux:1\n");
    complain(":1", "<ashlar>: Invalid conf pair: :1\n");
    complain("prof:true,", "<ashlar>: Invalid conf pair: prof:true (prof is not built into this "
                           "version: it is of the heap profiler)\n"
                           "<ashlar>: Conf string ends with comma\n");
    char text[1000];
    char wanted[1100];
    memset(text, 'z', sizeof(text));
    strcpy(text + 990, ":1");
    snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf pair: %s\n", text);
    complain(text, wanted); /* longer than the message buffer: comes in pieces, is whole */
}

/* ---- kinds of values ---- */

static void test_fixed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t value;
    } good[] = {
        {"0", 0},
        {"1", OPT_FIXED_ONE},
        {"0.5", OPT_FIXED_ONE / 2},
        {"00002.250", OPT_FIXED_ONE * 9 / 4},
        {"0.333333333333333333333333333", 21845},
        {"0.00001", 1},
        {"65535.99998", UINT32_MAX},
        {"65535.99999999", UINT32_MAX},
        {"65535.0", 65535u * OPT_FIXED_ONE},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "narenas_ratio:%s", good[i].text);
        accept(text);
        assert_int_equal(opts.narenas_ratio, good[i].value);
    }
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      ".5",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1.5x",
                                      "65536",
                                      "0x1",
                                      "1.-5",
                                      "1e2",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "narenas_ratio:%s", bad[i]);
        assert_true(parse(text));
        assert_ptr_equal(strstr(said, "<ashlar>: Invalid conf value: narenas_ratio:"), said);
        assert_int_equal(opts.narenas_ratio, 2 * OPT_FIXED_ONE);
    }
    /* What is written for a value reads back as it. */
    const struct opt_row *row = opt_find("narenas_ratio", 13);
    for (uint32_t value = 1; value < 200000; value += 7) {
        struct opts written = opts;
        char text[80] = "narenas_ratio:";
        struct fmt out;
        fmt_init(&out, text + strlen(text), 40);
        written.narenas_ratio = value;
        opt_write(&out, row, &written);
        accept(text);
        assert_int_equal(opts.narenas_ratio, value);
    }
}

static void test_letters(void **state) {
    (void)state;
    accept("stats_print_opts:Jmdablxegho");
    assert_string_equal(opts.stats_print_opts, "Jmdablxegho");
    accept("stats_print_opts:aazZ q?a:b");
    assert_string_equal(opts.stats_print_opts, "ab");
    accept("stats_print_opts:J,stats_interval_opts:x,stats_print_opts:aJ,stats_print_opts:");
    assert_string_equal(opts.stats_print_opts, "Ja");
    assert_string_equal(opts.stats_interval_opts, "x");
    const char *const texts[OPT_NSOURCES] = {
        [OPT_FROM_VARIABLE] = "stats_print_opts:mJ",
        [OPT_FROM_OVERRIDE] = "stats_print_opts:gm",
    };
    assert_true(parse_sources(texts));
    assert_string_equal(opts.stats_print_opts, "mJg");
}

static void test_size_ranges(void **state) {
    (void)state;
    accept("tcache_ncached_max:8-16:10|0x400-0x800:0,zero:true");
    assert_int_equal(opts.tcache_ncached_max.length, strlen("8-16:10|0x400-0x800:0"));
    assert_memory_equal(opts.tcache_ncached_max.text, "8-16:10|0x400-0x800:0,", 22);
    accept("tcache_ncached_max:8-16:10,tcache_ncached_max:1-2:3");
    assert_memory_equal(opts.tcache_ncached_max.text, "1-2:3", 5);
    static const char *const bad[] = {
        "",        "8",       "8-16",    "8-16:",    "16-8:1", "8-16:1|",
        "|8-16:1", "8-16:-1", "8-16:1 ", "8-16:1|x", "default"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[80];
        char wanted[120];
        snprintf(text, sizeof(text), "tcache_ncached_max:%s", bad[i]);
        snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf value: %s\n", text);
        complain(text, wanted);
        assert_int_equal(opts.tcache_ncached_max.length, 0);
    }
}

/* Options that mean nothing here: their defaults are silent, other values ignored aloud, nonsense is an
 * error. */
static void test_ignored(void **state) {
    (void)state;
    accept("hpa:false,dss:disabled,cache_oblivious:false,trust_madvise:true,utrace:false,log:,"
           "hpa_dirty_mult:0.25,hpa_hugify_style:lazy,hpa_sec_nshards:2,slab_sizes:default,"
           "lg_tcache_flush_small_div:1,experimental_hpa_max_purge_nhp:-1,"
           "process_madvise_max_batch:0,hpa_hugify_delay_ms:10000,prof:false,prof_active:true,"
           "lg_prof_sample:19,prof_prefix:jeprof,lg_san_uaf_align:-1,san_guard_small:0");
    expect_defaults();
    static const struct {
        const char *text;
        const char *wanted;
    } rows[] = {
        {"utrace:true",
         "Ignored conf pair: utrace:true (utrace has no meaning here because FreeBSD "
         "alone has utrace)\n"},
        {"log:core", "Ignored conf pair: log:core (log has no meaning here because the allocator "
                     "writes no trace of what it does)\n"},
        {"bin_shards:8-16:4",
         "Ignored conf pair: bin_shards:8-16:4 (bin_shards has no meaning here "
         "because threads rarely meet at the bin of a class: they exchange "
         "whole magazines)\n"},
        {"prof_prefix:x", "Invalid conf pair: prof_prefix:x (prof_prefix is not built into this "
                          "version: it is of the heap profiler)\n"},
        {"san_guard_large:1", "Invalid conf pair: san_guard_large:1 (san_guard_large is not built "
                              "into this version: it is of quarantine and guard pages)\n"},
        {"hpa_dirty_mult:-2", "Invalid conf value: hpa_dirty_mult:-2\n"},
        {"bin_shards:8", "Invalid conf value: bin_shards:8\n"},
        {"hpa:maybe", "Invalid conf value: hpa:maybe\n"},
        {"hpa_purge_threshold_ratio:1.01",
         "Out-of-range conf value: hpa_purge_threshold_ratio:1.01\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char wanted[300];
        snprintf(wanted, sizeof(wanted), "<ashlar>: %s", rows[i].wanted);
        complain(rows[i].text, wanted);
        expect_defaults();
    }
    static const char *const told[] = {
        "hpa:true",
        "hpa_dirty_mult:-1",
        "hpa_purge_threshold_ratio:0",
        "hpa_sec_nshards:0",
        "hpa_slab_max_alloc:99999999",
        "experimental_tcache_gc:true",
        "huge_arena_pac_thp:true",
    };
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        assert_true(parse(told[i]));
        assert_ptr_equal(strstr(said, "<ashlar>: Ignored conf pair: "), said);
        expect_defaults();
    }
}

static void expect_number(const char *key, const char *value, int64_t wanted) {
    const struct opt_row *row = opt_find(key, strlen(key));
    char text[120];
    assert_non_null(row);
    snprintf(text, sizeof(text), "%s:%s", key, value);
    accept(text);
    assert_int_equal(opt_number(&opts, row), wanted);
}

/* Every row with a field, by its kind: both ends, what lies beyond them, and what is no number. */
static void check_beyond(const struct opt_row *row, const char *value, bool silent,
                         int64_t clipped) {
    char text[120];
    char wanted[160];
    snprintf(text, sizeof(text), "%s:%s", row->name, value);
    snprintf(wanted, sizeof(wanted), "<ashlar>: Out-of-range conf value: %s\n", text);
    if (silent) {
        expect_number(row->name, value, clipped);
    } else {
        complain(text, wanted);
        expect_defaults();
    }
}

static void check_number_row(const struct opt_row *row) {
    bool is_signed = row->kind == OPT_I64 || row->kind == OPT_SSIZE;
    char value[40];
    snprintf(value, sizeof(value), "%" PRId64, row->min);
    expect_number(row->name, value, row->min);
    snprintf(value, sizeof(value), "%" PRId64, row->max);
    expect_number(row->name, value, row->max);
    snprintf(value, sizeof(value), "0x%" PRIx64, (uint64_t)row->max);
    expect_number(row->name, value, row->max);
    snprintf(value, sizeof(value), "%" PRIu64, (uint64_t)row->max + 1);
    check_beyond(row, value, (row->flags & OPT_CLIP) != 0, row->max);
    check_beyond(row, "18446744073709551615", (row->flags & OPT_CLIP) != 0, row->max);
    snprintf(value, sizeof(value), "%" PRId64, row->min - 1);
    if (is_signed || row->min > 0) {
        check_beyond(row, value, (row->flags & OPT_RAISE) != 0, row->min);
    } else {
        check_beyond(row, value, (row->flags & OPT_CLIP) != 0, row->max); /* it wraps */
    }
}

static void check_words(const struct opt_row *row) {
    int64_t position = 0;
    for (const char *word = NULL; (word = opt_next_word(row, word)) != NULL; position++) {
        expect_number(row->name, word,
                      row->kind == OPT_NUMERAL ? strtoll(word, NULL, 10) : position);
    }
}

static void test_every_row(void **state) {
    (void)state;
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        static const char *const nonsense[] = {"nonsense", "tru", "1-", "-"};
        bool free_text = row->kind == OPT_TEXT || row->kind == OPT_LETTERS;
        for (size_t k = 0; k < sizeof(nonsense) / sizeof(nonsense[0]) && !free_text; k++) {
            char text[120];
            char wanted[160];
            snprintf(text, sizeof(text), "%s:%s", row->name, nonsense[k]);
            snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf value: %s\n", text);
            complain(text, wanted);
            expect_defaults();
        }
        if ((row->flags & (OPT_NO_FIELD | OPT_ACTION)) != 0 || free_text) {
            continue;
        }
        bool echoes = strcmp(row->name, "confirm_conf") == 0;
        if (row->kind != OPT_RANGES && !echoes) {
            check_words(row);
        }
        switch ((enum opt_kind)row->kind) {
        case OPT_UNSIGNED:
        case OPT_SIZE:
        case OPT_SSIZE:
        case OPT_I64:
        case OPT_U64:
        case OPT_LG_SIZE:
            check_number_row(row);
            break;
        default:
            break;
        }
    }
}

/* ---- syntax ---- */

static void test_syntax(void **state) {
    (void)state;
    complain("zero:true,", "<ashlar>: Conf string ends with comma\n");
    assert_true(opts.zero);
    complain("zero:true,tcache", "<ashlar>: Conf string ends with key -- tcache\n");
    assert_true(opts.zero && opts.tcache);
    complain("zero", "<ashlar>: Conf string ends with key -- zero\n");
    complain("zero:true,,tcache:false", "<ashlar>: Malformed conf string -- ,tcache:false\n");
    assert_true(opts.zero && opts.tcache); /* the rest is dropped */
    complain("zero:true, tcache:false", "<ashlar>: Malformed conf string --  tcache:false\n");
    complain("zero=true,junk:free", "<ashlar>: Malformed conf string -- zero=true,junk:free\n");
    assert_int_equal(opts.junk, JUNK_OFF);
    complain("zero:true:junk:free", "<ashlar>: Invalid conf value: zero:true:junk:free\n");
    complain("z\xc3\xa9ro:true", "<ashlar>: Malformed conf string -- z\xc3\xa9ro:true\n");
}

static void test_precedence(void **state) {
    (void)state;
    const char *const texts[OPT_NSOURCES] = {
        [OPT_FROM_BUILD] = "narenas:1,tcache_max:16,dirty_decay_ms:1,muzzy_decay_ms:1,zero:true",
        [OPT_FROM_VARIABLE] = "narenas:2,tcache_max:32,dirty_decay_ms:2,muzzy_decay_ms:2",
        [OPT_FROM_SYMLINK] = "narenas:3,tcache_max:48,dirty_decay_ms:3",
        [OPT_FROM_ENVIRONMENT] = "narenas:4,tcache_max:64",
        [OPT_FROM_OVERRIDE] = "narenas:5",
    };
    assert_true(parse_sources(texts));
    assert_string_equal(said, "");
    assert_int_equal(opts.narenas, 5);
    assert_int_equal(opts.tcache_max, 64);
    assert_int_equal(opts.dirty_decay_ms, 3);
    assert_int_equal(opts.muzzy_decay_ms, 2);
    assert_true(opts.zero);
}

/* A broken source does not hide the next one. */
static void test_broken_source_ends_alone(void **state) {
    (void)state;
    const char *const texts[OPT_NSOURCES] = {
        [OPT_FROM_VARIABLE] = "zero:true,!",
        [OPT_FROM_ENVIRONMENT] = "narenas:4",
    };
    assert_true(parse_sources(texts));
    assert_string_equal(said, "<ashlar>: Malformed conf string -- !\n");
    assert_true(opts.zero);
    assert_int_equal(opts.narenas, 4);
}

#define ABORT_LINE "<ashlar>: Abort (abort_conf:true) on invalid conf value (see above).\n"

static void test_abort_conf(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *said;
        bool go_on;
    } rows[] = {
        {"abort_conf:true", "", true},
        {"abort_conf:true,quux:1", "<ashlar>: Invalid conf pair: quux:1\n" ABORT_LINE, false},
        {"quux:1,abort_conf:true", "<ashlar>: Invalid conf pair: quux:1\n" ABORT_LINE, false},
        {"abort_conf:true,zero:2", "<ashlar>: Invalid conf value: zero:2\n" ABORT_LINE, false},
        {"abort_conf:true,narenas:0", "<ashlar>: Out-of-range conf value: narenas:0\n" ABORT_LINE,
         false},
        {"abort_conf:true,tcache_max:99999", "", true}, /* clipping is no error */
        {"abort_conf:true,", "<ashlar>: Conf string ends with comma\n" ABORT_LINE, false},
        {"abort_conf:true,x", "<ashlar>: Conf string ends with key -- x\n" ABORT_LINE, false},
        {"abort_conf:true,?", "<ashlar>: Malformed conf string -- ?\n" ABORT_LINE, false},
        {"abort_conf:true,quux:1,abort_conf:false", "<ashlar>: Invalid conf pair: quux:1\n", true},
        {"abort_conf:true,experimental_quux:1",
         "<ashlar>: Invalid conf pair: experimental_quux:1\n", true},
        {"abort_conf:true,zero:2,experimental_quux:1",
         "<ashlar>: Invalid conf value: zero:2\n"
         "<ashlar>: Invalid conf pair: experimental_quux:1\n" ABORT_LINE,
         false},
        {"abort_conf:true,experimental_tcache_gc:2",
         "<ashlar>: Invalid conf value: experimental_tcache_gc:2\n", true},
        {"abort_conf:true,dss:primary",
         "<ashlar>: Ignored conf pair: dss:primary (dss has no meaning here because memory never "
         "comes from sbrk)\n",
         true},
        {"abort_conf:true,dss:tertiary", "<ashlar>: Invalid conf value: dss:tertiary\n" ABORT_LINE,
         false},
        {"abort_conf:true,prof:true",
         "<ashlar>: Invalid conf pair: prof:true (prof is not built into this version: it is of "
         "the "
         "heap profiler)\n",
         true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(rows[i].text), rows[i].go_on);
        assert_string_equal(said, rows[i].said);
    }
}

/* Documented once, dropped since. (A message may suggest something, which does not matter.) */
static void test_retired_keys(void **state) {
    (void)state;
    static const char *const keys[] = {"hpa_sec_bytes_after_flush", "hpa_sec_batch_fill_extra"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[80];
        char wanted[100];
        snprintf(text, sizeof(text), "abort_conf:true,%s:1", keys[i]);
        snprintf(wanted, sizeof(wanted), "<ashlar>: Invalid conf pair: %s:1", keys[i]);
        assert_true(parse(text));
        assert_ptr_equal(strstr(said, wanted), said);
    }
}

/* Checked after each source: an error of an earlier one counts, later sources are not read. */
static void test_abort_conf_across_sources(void **state) {
    (void)state;
    const char *const texts[OPT_NSOURCES] = {
        [OPT_FROM_BUILD] = "quux:1",
        [OPT_FROM_VARIABLE] = "abort_conf:true",
        [OPT_FROM_ENVIRONMENT] = "abort_conf:false,quux:2",
    };
    assert_false(parse_sources(texts));
    assert_string_equal(said, "<ashlar>: Invalid conf pair: quux:1\n" ABORT_LINE);
}

static void test_confirm_conf(void **state) {
    (void)state;
    const char *const texts[OPT_NSOURCES] = {
        [OPT_FROM_VARIABLE] = "tcache_max:99999,zero:maybe",
        [OPT_FROM_ENVIRONMENT] = "confirm_conf:true,junk:free",
    };
    assert_true(parse_sources(texts));
    assert_string_equal(
        said, "<ashlar>: malloc_conf #1 (string fixed when the library was built): \"\"\n"
              "<ashlar>: malloc_conf #2 (string pointed to by the global variable malloc_conf): "
              "\"tcache_max:99999,zero:maybe\"\n"
              "<ashlar>: -- Set conf value: tcache_max:99999\n"
              "<ashlar>: Invalid conf value: zero:maybe\n"
              "<ashlar>: malloc_conf #3 (text of the symbolic link named /etc/malloc.conf): \"\"\n"
              "<ashlar>: malloc_conf #4 (value of the environment variable MALLOC_CONF): "
              "\"confirm_conf:true,junk:free\"\n"
              "<ashlar>: -- Set conf value: confirm_conf:true\n"
              "<ashlar>: -- Set conf value: junk:free\n"
              "<ashlar>: malloc_conf #5 (string pointed to by the global variable "
              "malloc_conf_2_conf_harder): \"\"\n");
    const char *const silenced[OPT_NSOURCES] = {
        [OPT_FROM_VARIABLE] = "confirm_conf:true,junk:free",
        [OPT_FROM_ENVIRONMENT] = "confirm_conf:false",
    };
    assert_true(parse_sources(silenced));
    assert_string_equal(said, "");
}

static void test_help(void **state) {
    (void)state;
    assert_true(parse("narenas:3,stats_interval_opts:Jx,help:true"));
    assert_non_null(strstr(said, "MALLOC_CONF=\"key:value,key:value\"\n"));
    for (size_t i = 0; i < opt_nrows; i++) {
        char wanted[100];
        bool ignored = (opt_rows[i].flags & OPT_NO_FIELD) != 0;
        snprintf(wanted, sizeof(wanted), ignored ? "\n  %-42s " : "\n  %-27s ", opt_rows[i].name);
        if (strstr(said, wanted) == NULL) {
            fail_msg("no help for%s", wanted);
        }
        assert_non_null(strstr(said, opt_rows[i].help));
    }
    assert_non_null(strstr(said, "\n  narenas                     3  (default default; accepts "
                                 "default, 1..4094)\n      Number of arenas; "));
    assert_non_null(
        strstr(said, "\n  stats_interval_opts         Jx  (default none; accepts letters of "));
    assert_non_null(strstr(said, "\n  stats_print_opts            none  (default none; accepts "));
    assert_non_null(strstr(said,
                           "\n  dss                                        memory never comes "
                           "from sbrk.\n"));
    size_t lines = 0;
    for (const char *at = said; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    size_t with_field = 0;
    for (size_t i = 0; i < opt_nrows; i++) {
        with_field += (opt_rows[i].flags & OPT_NO_FIELD) == 0;
    }
    assert_int_equal(lines, opt_nrows + with_field + 3);
}

/* Without a message function, messages go to file descriptor 2. */
static void test_default_message(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int kept = dup(2);
    assert_true(kept >= 0);
    assert_int_equal(dup2(ends[1], 2), 2);
    struct opt_sources sources = {.text = {[OPT_FROM_BUILD] = "quux:1"}};
    bool go_on = opts_init(&sources);
    dup2(kept, 2);
    close(kept);
    close(ends[1]);
    char got[100];
    ssize_t length = read(ends[0], got, sizeof(got) - 1);
    close(ends[0]);
    assert_true(go_on && length > 0);
    got[length] = '\0';
    assert_string_equal(got, "<ashlar>: Invalid conf pair: quux:1\n");
}

/* ---- random strings ---- */

static uint64_t seed = 20261121;

static unsigned random_below(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static size_t add_piece(char *text, size_t length, size_t room) {
    static const char *const pieces[] = {
        ":",
        ",",
        "true",
        "false",
        "default",
        "-",
        "0x",
        "0",
        "18446744073709551615",
        "-1",
        " ",
        "experimental_",
        "alloc",
        "x",
        "confirm_conf:true,",
        "abort_conf:true",
        "4096",
        "0.25",
        ".",
        "8-16:10",
        "|",
        "Jab",
        "always",
    };
    char one[2] = {(char)(1 + random_below(255)), '\0'};
    const char *piece = one;
    if (random_below(3) == 0) {
        piece = opt_rows[random_below((unsigned)opt_nrows)].name;
    } else if (random_below(4) != 0) {
        piece = pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
    }
    size_t n = strlen(piece);
    if (n > room) {
        return 0;
    }
    memcpy(text + length, piece, n);
    return n;
}

static void check_ranges(void) {
    assert_true(opts.dirty_decay_ms >= -1 && opts.dirty_decay_ms <= INT64_C(18446744072000));
    assert_true(opts.muzzy_decay_ms >= -1 && opts.muzzy_decay_ms <= INT64_C(18446744072000));
    assert_true(opts.tcache_max <= 32768);
    assert_true(opts.lg_extent_max_active_fit <= 64);
    assert_true(opts.narenas <= 4094);
    assert_true(opts.junk <= JUNK_BOTH);
    assert_true(opts.mutex_max_spin >= -1 && opts.stats_interval >= -1);
    assert_true(opts.max_background_threads >= 1 && opts.max_background_threads <= 4);
    assert_true(opts.tcache_nslots_small_min >= 1 && opts.tcache_nslots_small_max <= 504);
    assert_true(opts.lg_tcache_nslots_mul >= -16 && opts.lg_tcache_nslots_mul <= 16);
    assert_true(opts.thp <= THP_NEVER && opts.metadata_thp <= METADATA_THP_ALWAYS);
    assert_true(strlen(opts.stats_print_opts) <= strlen("Jogmdablxeh"));
    assert_true(opts.tcache_ncached_max.length == 0 ||
                ranges_are_valid(opts.tcache_ncached_max.text,
                                 opts.tcache_ncached_max.text + opts.tcache_ncached_max.length));
    assert_true(opts.zero_realloc <= ZERO_REALLOC_ABORT);
    assert_true(opts.page_size == 0 || opts.page_size == 4096 || opts.page_size == 16384 ||
                opts.page_size == 65536);
}

static void test_random_strings(void **state) {
    (void)state;
    enum { ROOM = 300 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + page, page, PROT_NONE), 0);
    unsigned naborts = 0;
    unsigned nsilent = 0;
    for (unsigned round = 0; round < 100000; round++) {
        char text[ROOM];
        size_t length = 0;
        for (unsigned n = random_below(24); n > 0; n--) {
            length += add_piece(text, length, ROOM - 1 - length);
        }
        text[length] = '\0';
        char *placed = base + page - length - 1;
        memcpy(placed, text, length + 1);
        bool go_on = parse(placed);
        check_ranges();
        naborts += !go_on;
        nsilent += said_length == 0;
        assert_true(go_on || strstr(said, ABORT_LINE) != NULL);
    }
    /* The strings are a mixture worth having: some right, some wrong, some wrong under abort_conf.
     */
    assert_true(naborts > 20 && nsilent > 1000 && nsilent < 50000);
    munmap(base, 2 * page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_words_are_exact),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_size_ranges),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_broken_source_ends_alone),
        cmocka_unit_test(test_abort_conf),
        cmocka_unit_test(test_retired_keys),
        cmocka_unit_test(test_abort_conf_across_sources),
        cmocka_unit_test(test_confirm_conf),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_default_message),
        cmocka_unit_test(test_random_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * options_test.c: what MALLOC_CONF does to a program, seen from outside.
 *
 * Every test starts this program again with options and a part to play. The part checks what it can
 * see of the options from inside and prints; the test looks at how it ended and what it wrote.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "integration/expect_child.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/model.h"
#include "support/pattern.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { JUNK_ALLOC = 0xa5, JUNK_FREE = 0x5a, DIRT = 0x77, STEPS = 2000 };

/* The weakest source but one; harmless, and visible with confirm_conf. */
const char *t_malloc_conf = "lg_extent_max_active_fit:5";

/* ---- parts ---- */

static const size_t sizes[] = {1, 24, 100, 1000, 5000, 20 * KIB, 100 * KIB, 3 * MIB};

static int part_nothing(void) {
    void *p = t_malloc(100);
    EXPECT(p != NULL, "malloc");
    t_free(p);
    printf("done\n");
    return 0;
}

/* Random calls of a few threads: whatever the options, the heap works. */
static void *play(void *argument) {
    static const struct model_profile profile = {"options", 2 * MIB, 8 * KIB, 32 * MIB,
                                                 200,       20,      10};
    struct prng prng = {(uint64_t)(uintptr_t)argument};
    struct model *model = model_create(NULL, 1000, prng_next(&prng));
    model->may_fail = stress_address_space_is_limited();
    for (unsigned i = 0; i < STEPS; i++) {
        model_step(model, &prng, &profile);
    }
    model_destroy(model);
    return NULL;
}

static int part_use(void) {
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        EXPECT(pthread_create(&threads[i], NULL, play, (void *)(uintptr_t)(i + 1)) == 0, "thread");
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    printf("done\n");
    return 0;
}

static void expect_filled(const void *start, size_t size, unsigned char byte, const char *what) {
    size_t where = 0;
    EXPECT(pattern_is_filled(start, size, byte, &where), "%s: byte %zu of %zu is 0x%x", what, where,
           size, ((const unsigned char *)start)[where]);
}

/* Every fresh object has `byte` all over its usable size, also where dirt was before, with calloc
 * still zero and realloc filling what it adds. */
static void expect_fresh_filled(unsigned char byte) {
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned round = 0; round < 20; round++) {
            unsigned char *p = hide_pointer(t_malloc(sizes[i]));
            EXPECT(p != NULL, "malloc");
            size_t usable = t_malloc_usable_size(p);
            expect_filled(p, usable, byte, "malloc");
            memset(p, DIRT, usable);
            p = hide_pointer(t_realloc(p, 2 * usable + 1));
            EXPECT(p != NULL, "realloc");
            expect_filled(p, usable, DIRT, "kept by realloc");
            expect_filled(p + usable, t_malloc_usable_size(p) - usable, byte, "added by realloc");
            memset(p, DIRT, t_malloc_usable_size(p));
            t_free(p);
            p = hide_pointer(t_aligned_alloc(256, sizes[i]));
            EXPECT(p != NULL, "aligned_alloc");
            expect_filled(p, t_malloc_usable_size(p), byte, "aligned_alloc");
            memset(p, DIRT, t_malloc_usable_size(p));
            t_free(p);
            p = hide_pointer(t_calloc(1, sizes[i]));
            EXPECT(p != NULL, "calloc");
            expect_filled(p, sizes[i], 0, "calloc");
            memset(p, DIRT, t_malloc_usable_size(p));
            t_free(p);
        }
    }
    printf("done\n");
}

static int part_zero(void) {
    expect_fresh_filled(0);
    return 0;
}

static int part_junk_alloc(void) {
    expect_fresh_filled(JUNK_ALLOC);
    return 0;
}

/* Looks at small objects after they were freed, which is no crime here: caches keep the memory. */
static int part_junk_free(void) {
    for (size_t i = 0; sizes[i] <= 20 * KIB; i++) {
        unsigned char *p = t_malloc(sizes[i]);
        EXPECT(p != NULL, "malloc");
        size_t usable = t_malloc_usable_size(p);
        memset(p, DIRT, usable);
        unsigned char *freed = hide_pointer(p);
        t_free(p);
        expect_filled(freed, usable, JUNK_FREE, "freed object");
    }
    printf("done\n");
    return 0;
}

static int part_no_junk(void) {
    unsigned char *p = t_malloc(100);
    EXPECT(p != NULL, "malloc");
    memset(p, DIRT, 100);
    unsigned char *freed = hide_pointer(p);
    t_free(p);
    expect_filled(freed, 100, DIRT, "freed object");
    printf("done\n");
    return 0;
}

static int part_out_of_memory(void) {
    printf("before\n");
    fflush(stdout);
    void *p = hide_pointer(t_malloc(hide_size(SIZE_MAX / 2 + 100)));
    printf("after %p\n", p);
    return 0;
}

static int part_bad_alignment(void) {
    printf("before\n");
    fflush(stdout);
    void *p = hide_pointer(t_aligned_alloc(hide_size(48), 100));
    printf("after %p\n", p);
    return 0;
}

static int part_realloc_zero(void) {
    printf("before\n");
    fflush(stdout);
    void *p = hide_pointer(t_realloc(t_malloc(1000), 0));
    printf("answer %s, usable %zu\n", p == NULL ? "null" : "object", t_malloc_usable_size(p));
    return 0;
}

/* Touches and frees a lot, keeps allocating for 0.6 s, which drives decay, and says what is still
 * resident. */
static int part_allocate(void) {
    for (size_t sum = 0; sum < 64 * MIB; sum += 4096) {
        void *p = hide_pointer(t_malloc(4096));
        EXPECT(p != NULL, "malloc");
        t_free(p);
    }
    return 0;
}

static int part_decay(void) {
    enum { COUNT = 64, ROUNDS = 30, BUSY = 20000 };
    unsigned char *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = t_malloc(MIB);
        EXPECT(objects[i] != NULL, "malloc");
        memset(objects[i], 1, MIB);
    }
    size_t full = resident_bytes();
    for (size_t i = 0; i < COUNT; i++) {
        t_free(objects[i]);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
        for (unsigned i = 0; i < BUSY; i++) {
            void *p = hide_pointer(t_malloc(50));
            EXPECT(p != NULL, "malloc");
            t_free(p);
        }
    }
    size_t rest = resident_bytes();
    printf("resident %s\n", rest + 48 * MIB < full  ? "gone"
                            : rest + 8 * MIB > full ? "kept"
                                                    : "part");
    printf("%zu MiB before, %zu MiB after\n", full / MIB, rest / MIB);
    return 0;
}

static const struct child_part parts[] = {
    {"nothing", part_nothing},
    {"use", part_use},
    {"zero", part_zero},
    {"junk-alloc", part_junk_alloc},
    {"junk-free", part_junk_free},
    {"no-junk", part_no_junk},
    {"out-of-memory", part_out_of_memory},
    {"bad-alignment", part_bad_alignment},
    {"realloc-zero", part_realloc_zero},
    {"decay", part_decay},
    {"allocate", part_allocate},
};

/* ---- tests ---- */

static void expect_done(const char *part, const char *conf) {
    expect_out(part, conf, "done\n");
}

/* The part runs to its end in spite of the options, with exactly this on stderr. */
static void expect_message(const char *conf, const char *err) {
    child_run("nothing", conf, &result);
    if (!child_exited(&result, 0) || strcmp(result.err, err) != 0) {
        say_result("nothing", conf);
    }
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "done\n");
    assert_string_equal(result.err, err);
}

static void expect_abort(const char *part, const char *conf, const char *err_expression) {
    child_run(part, conf, &result);
    if (!child_aborted(&result) || !child_matches(result.err, err_expression)) {
        say_result(part, conf);
    }
    assert_true(child_aborted(&result));
    assert_true(child_matches(result.err, err_expression));
}

static void test_bad_input(void **state) {
    (void)state;
    expect_message("zero:maybe", "<ashlar>: Invalid conf value: zero:maybe\n");
    expect_message("zero:TRUE", "<ashlar>: Invalid conf value: zero:TRUE\n");
    expect_message("dirty_decay_ms:soon", "<ashlar>: Invalid conf value: dirty_decay_ms:soon\n");
    expect_message("dirty_decay_ms:-2", "<ashlar>: Out-of-range conf value: dirty_decay_ms:-2\n");
    expect_message("narenas:0", "<ashlar>: Out-of-range conf value: narenas:0\n");
    expect_message("lg_extent_max_active_fit:65",
                   "<ashlar>: Out-of-range conf value: lg_extent_max_active_fit:65\n");
    /* Every error is reported, and what is right between them is taken. */
    expect_message(
        "zero:x,tcache:false,retain:y",
        "<ashlar>: Invalid conf value: zero:x\n<ashlar>: Invalid conf value: retain:y\n");
    /* Clipped in silence. */
    expect_message("tcache_max:1000000", "");
    expect_message("narenas:100000", "");
}

static void test_unknown_key(void **state) {
    (void)state;
    child_run("nothing", "no_such_option_at_all:17", &result);
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "done\n");
    assert_true(child_matches(
        result.err, "^<ashlar>: Invalid conf pair: no_such_option_at_all:17( \\(.*\\))?$"));
}

static void test_abort_conf(void **state) {
    (void)state;
    static const char *const bad[] = {"abort_conf:true,zero:maybe", "zero:maybe,abort_conf:true",
                                      "abort_conf:true,no_such_option_at_all:1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect_abort(
            "nothing", bad[i],
            "^<ashlar>: Abort \\(abort_conf:true\\) on invalid conf value \\(see above\\)\\.$");
        assert_string_equal(result.out, "");
        assert_true(child_matches(result.err, "^<ashlar>: Invalid conf (value|pair): "));
    }
    expect_done("nothing", "abort_conf:true,zero:true");
}

static void test_confirm_conf(void **state) {
    (void)state;
    child_run("nothing", "confirm_conf:true,zero:true,narenas:3", &result);
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "done\n");
    static const char *const expected[] = {
        "^<ashlar>: malloc_conf #1 \\(.*\\): \".*\"$",
        "^<ashlar>: malloc_conf #2 \\(.*\\): \"lg_extent_max_active_fit:5\"$",
        "^<ashlar>: malloc_conf #3 \\(.*\\): \".*\"$",
        "^<ashlar>: malloc_conf #4 \\(.*\\): \".*confirm_conf:true,zero:true,narenas:3\"$",
        "^<ashlar>: malloc_conf #5 \\(.*\\): \".*\"$",
        "^<ashlar>: -- Set conf value: lg_extent_max_active_fit:5$",
        "^<ashlar>: -- Set conf value: confirm_conf:true$",
        "^<ashlar>: -- Set conf value: zero:true$",
        "^<ashlar>: -- Set conf value: narenas:3$",
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (!child_matches(result.err, expected[i])) {
            print_error("missing: %s\n", expected[i]);
            say_result("nothing", "confirm_conf");
        }
        assert_true(child_matches(result.err, expected[i]));
    }
    /* The program's own variable is weaker than the environment. */
    assert_true(strstr(result.err, "malloc_conf #2") < strstr(result.err, "malloc_conf #4"));
}

static void test_zero_and_junk(void **state) {
    (void)state;
    expect_done("zero", "zero:true");
    expect_done("junk-alloc", "junk:true");
    expect_done("junk-alloc", "junk:alloc");
    expect_done("junk-free", "junk:free");
    expect_done("junk-free", "junk:true");
    expect_done("no-junk", "junk:alloc");
    expect_done("no-junk", "junk:false");
    expect_done("zero", "zero:true,tcache:false");
    expect_done("junk-alloc", "junk:true,tcache:false");
    expect_done("use", "junk:true");
    expect_done("use", "zero:true");
}

static void test_xmalloc(void **state) {
    (void)state;
    expect_abort("out-of-memory", "xmalloc:true", "^<ashlar>: .*memory");
    assert_string_equal(result.out, "before\n");
    expect_abort("bad-alignment", "xmalloc:true", "^<ashlar>: .*alignment");
    assert_string_equal(result.out, "before\n");
    child_run("out-of-memory", "xmalloc:false", &result);
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "before\nafter (nil)\n");
    assert_string_equal(result.err, "");
}

static void test_zero_realloc(void **state) {
    (void)state;
    child_run("realloc-zero", "zero_realloc:free", &result);
    assert_string_equal(result.out, "before\nanswer null, usable 0\n");
    child_run("realloc-zero", "zero_realloc:alloc", &result);
    assert_string_equal(result.out, "before\nanswer object, usable 8\n");
    expect_abort("realloc-zero", "zero_realloc:abort", "^<ashlar>: realloc\\(0x[0-9a-f]+\\): ");
}

static void test_every_option_works(void **state) {
    (void)state;
    static const char *const confs[] = {
        "",
        "tcache:false",
        "tcache_max:0",
        "tcache_max:100",
        "tcache_max:4096",
        "narenas:1",
        "narenas:2",
        "narenas:64",
        "narenas:default",
        "dirty_decay_ms:0",
        "dirty_decay_ms:-1",
        "dirty_decay_ms:1",
        "muzzy_decay_ms:0",
        "muzzy_decay_ms:-1",
        "muzzy_decay_ms:1000",
        "dirty_decay_ms:0,muzzy_decay_ms:0",
        "dirty_decay_ms:10,muzzy_decay_ms:10",
        "lg_extent_max_active_fit:0",
        "lg_extent_max_active_fit:64",
        "retain:false",
        "retain:false,dirty_decay_ms:0,narenas:1,tcache:false",
        "mutex_max_spin:0",
        "mutex_max_spin:1000000",
        "narenas_ratio:0.1",
        "tcache_nslots_small_max:1,tcache_nslots_large:1",
        "lg_tcache_nslots_mul:16,tcache_nslots_large:2048",
        "tcache_ncached_max:0-32768:2",
        "tcache_ncached_max:0-32768:0|100-200:500",
        "calloc_madvise_threshold:0",
        "calloc_madvise_threshold:0x7000000000000000",
        "disable_large_size_classes:false",
        "disable_large_size_classes:false,page_size:65536,calloc_madvise_threshold:0",
        "abort:true,metadata_thp:disabled,thp:default",
        "page_size:4096",
        "page_size:16384",
        "page_size:65536",
        "page_size:65536,retain:false,muzzy_decay_ms:100",
    };
    for (size_t i = 0; i < ARRAY_LEN(confs); i++) {
        expect_done("use", confs[i]);
    }
}

static void expect_resident(const char *conf, const char *wanted) {
    child_run("decay", conf, &result);
    if (!child_exited(&result, 0) || strstr(result.out, wanted) != result.out) {
        say_result("decay", conf);
    }
    assert_true(child_exited(&result, 0));
    assert_ptr_equal(strstr(result.out, wanted), result.out);
}

/* Freed memory leaves at once, after a time, or never. */
static void test_decay_times(void **state) {
    (void)state;
    if (stress_is_sanitized()) {
        return; /* its bookkeeping is resident, too */
    }
    expect_resident("dirty_decay_ms:0,muzzy_decay_ms:0", "resident gone\n");
    expect_resident("dirty_decay_ms:200,muzzy_decay_ms:0", "resident gone\n");
    expect_resident("dirty_decay_ms:-1,muzzy_decay_ms:0", "resident kept\n");
    expect_resident("dirty_decay_ms:100000", "resident kept\n");
    expect_resident("dirty_decay_ms:0,muzzy_decay_ms:0,retain:false", "resident gone\n");
}

static void test_stats_print(void **state) {
    (void)state;
    child_run("use", "stats_print:true", &result);
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "done\n");
    static const char *const expected[] = {"___ Begin jemalloc statistics ___",
                                           "Allocated: ", "opt.stats_print: true",
                                           "arenas[0]:", "--- End jemalloc statistics ---"};
    const char *at = result.err;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (strstr(result.err, expected[i]) == NULL) {
            say_result("use", "stats_print:true");
        }
        assert_non_null(strstr(result.err, expected[i]));
    }
    assert_true(child_matches(at, "Allocated: [0-9]+, active: [0-9]+, metadata: "));
    expect_done("nothing", "stats_print:false");
}

/* A report after so many bytes, with the parts asked for. */
static void test_stats_interval(void **state) {
    (void)state;
    child_run("allocate", "stats_interval:4194304,stats_interval_opts:gmdablxeh", &result);
    assert_true(child_exited(&result, 0));
    unsigned n = 0;
    for (const char *at = result.err; (at = strstr(at, "___ Begin jemalloc")) != NULL; at++) {
        n++;
    }
    assert_in_range(n, 15, 17); /* 64 MiB */
    assert_null(strstr(result.err, "arenas[0]"));
    child_run("allocate", NULL, &result);
    assert_null(strstr(result.err, "___ Begin jemalloc"));
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        return child_play(parts, ARRAY_LEN(parts), argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_input),      cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_abort_conf),     cmocka_unit_test(test_confirm_conf),
        cmocka_unit_test(test_zero_and_junk),  cmocka_unit_test(test_xmalloc),
        cmocka_unit_test(test_zero_realloc),   cmocka_unit_test(test_every_option_works),
        cmocka_unit_test(test_decay_times),    cmocka_unit_test(test_stats_print),
        cmocka_unit_test(test_stats_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * object_test.c: zeroed, aligned and resized objects, with the options that fill memory, and moves.
 */
#include "unit/unit.h"

#include <errno.h>

#include "alloc/extended.h"
#include "alloc/object.h"
#include "alloc/slow.h"
#include "cache/event.h"
#include "heap/arenas.h"
#include "heap/large.h"
#include "opt/opt.h"
#include "os/os.h"

void *ashlar_malloc(size_t size);
void *ashlar_calloc(size_t count, size_t size);
void *ashlar_realloc(void *p, size_t size);
void ashlar_free(void *p);

static struct os_page_ops real;

static int restore(void **state) {
    (void)state;
    os_page_ops = real;
    opts_set_defaults(&opts);
    thread_flush(thread_enter());
    return 0;
}

/* Runs function in a child whose thread takes up the options as they are now. */
static bool in_child(void *context) {
    bool (*function)(void) = *(bool (**)(void))context;
    thread_flush(this_thread);
    thread_apply_slots(this_thread); /* as in a thread that starts now */
    return function();
}

static void expect_in_child(bool (*function)(void)) {
    unit_expect_in_child(in_child, (void *)&function);
}

/* Dirty memory everywhere, so that what is zero was made so. */
static void soil(void) {
    static void *held[64];
    for (size_t size = 8; size < (size_t)8 << 20; size += size / 2) {
        for (unsigned i = 0; i < 8; i++) {
            held[i] = ashlar_malloc(size);
            memset(held[i], 0xee, object_usable(held[i], "test"));
        }
        for (unsigned i = 0; i < 8; i++) {
            ashlar_free(held[i]);
        }
    }
}

static void test_zeroed(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    soil();
    for (unsigned i = 0; i < unit_steps(4000); i++) {
        size_t size = prng_size(&prng, prng_one_in(&prng, 20) ? (size_t)4 << 20 : 70000);
        unsigned char *p = object_alloc_zeroed(size);
        size_t usable = object_usable(p, "test");
        assert_true(usable >= size);
        assert_int_equal(usable, extended_usable_for(size != 0 ? size : 1, 0));
        assert_true(unit_is_filled(p, usable, 0));
        memset(p, 0xee, usable);
        ashlar_free(p);
    }
}

static void test_aligned(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    void *held[50] = {NULL};
    for (unsigned i = 0; i < unit_steps(6000); i++) {
        void **slot = &held[prng_below(&prng, 50)];
        ashlar_free(*slot);
        size_t alignment = (size_t)1 << prng_below(&prng, prng_one_in(&prng, 10) ? 26 : 17);
        size_t size = prng_size(&prng, 100000);
        *slot = object_alloc_aligned(size, alignment);
        assert_non_null(*slot);
        assert_int_equal((uintptr_t)*slot % alignment, 0);
        size_t usable = object_usable(*slot, "test");
        assert_true(usable >= size);
        memset(*slot, 1, usable);
    }
    for (unsigned i = 0; i < 50; i++) {
        ashlar_free(held[i]);
    }
    arenas_check();
}

/* Contents survive any change of size, across all kinds of objects. */
static void test_resize(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    size_t size = 1;
    unsigned char *p = ashlar_malloc(size);
    p[0] = 0;
    for (unsigned i = 0; i < unit_steps(3000); i++) {
        size_t next = prng_size(&prng, prng_one_in(&prng, 20) ? (size_t)20 << 20 : 100000) + 1;
        p = object_resize(p, next, "test");
        assert_non_null(p);
        assert_true(object_usable(p, "test") >= next);
        size_t kept = next < size ? next : size;
        for (size_t at = 0; at < kept; at += kept / 100 + 1) {
            if (p[at] != (unsigned char)(at * 31 >> 3)) {
                fail_msg("%zu -> %zu: byte %zu", size, next, at);
            }
        }
        size = next;
        for (size_t at = 0; at < size; at++) {
            p[at] = (unsigned char)(at * 31 >> 3);
        }
    }
    ashlar_free(p);
    arenas_check();
}

/* What grows by small steps, while others take the memory behind it, is moved a few times only. */
static void test_growth_by_steps(void **state) {
    (void)state;
    static const size_t begins[] = {40000, 300000, 1500000, 3000000};
    for (unsigned i = 0; i < ARRAY_LEN(begins); i++) {
        size_t size = begins[i];
        size_t step = size / 500 + 100;
        void *others[600];
        unsigned nothers = 0;
        unsigned moves = 0;
        char *p = ashlar_malloc(size);
        memset(p, 7, size);
        while (size < 2 * begins[i]) {
            char *grown = object_resize(p, size + step, "test");
            assert_non_null(grown);
            moves += grown != p;
            p = grown;
            memset(p + size, 7, step);
            size += step;
            assert_in_range(object_usable(p, "test"), size, size + purge_page_size - 1);
            others[nothers++] = ashlar_malloc(16384);
        }
        assert_true(unit_is_filled(p, size, 7));
        assert_in_range(moves, 0, 6);
        ashlar_free(p);
        while (nothers > 0) {
            ashlar_free(others[--nothers]);
        }
    }
    arenas_check();
}

/* An object that shrank in place and then moved by page tables leaves chunks that are not all zero. */
static void test_calloc_after_move(void **state) {
    (void)state;
    size_t size = (size_t)16 << 20;
    void *blockers[40];
    event_trim_all();
    char *p = ashlar_malloc(size);
    memset(p, 0xee, size);
    p = ashlar_realloc(p, size - purge_page_size);
    for (unsigned i = 0; i < 40; i++) {
        blockers[i] = ashlar_malloc((size_t)2 << 20); /* nothing can grow in place */
    }
    char *moved = ashlar_realloc(p, 3 * size);
    assert_non_null(moved);
    bool all_zero = true;
    for (unsigned i = 0; i < 4; i++) {
        char *q = ashlar_calloc(1, size);
        all_zero = all_zero && unit_is_filled(q, size, 0);
    }
    assert_true(all_zero);
    ashlar_free(moved);
    for (unsigned i = 0; i < 40; i++) {
        ashlar_free(blockers[i]);
    }
}

/* ---- zero and junk ---- */

static bool grow_zeroed(void) {
    for (unsigned kept = 0; kept < 2; kept++) { /* large ones grow in place */
        size_t size = kept == 0 ? 40960 : (size_t)3 << 20;
        size_t whole = kept == 0 ? 49152 : (size_t)4 << 20; /* memory it gets, and can grow into */
        char *p = ashlar_malloc(whole);
        memset(p, 0xee, whole);
        ashlar_free(p);
        p = ashlar_malloc(size);
        if (!unit_is_filled(p, size, 0)) {
            return false;
        }
        memset(p, 0xee, size);
        for (unsigned i = 0; i < 20; i++) {
            size_t larger = size + 4096 * (i + 1);
            p = ashlar_realloc(p, larger);
            size_t usable = object_usable(p, "test");
            if (!unit_is_filled(p + size, usable - size, 0)) {
                fprintf(stderr, "grown from %zu to %zu: not zeroed\n", size, larger);
                return false;
            }
            memset(p, 0xee, usable);
            size = usable;
        }
        ashlar_free(p);
    }
    return true;
}

static void test_zero_option(void **state) {
    (void)state;
    soil();
    opts.zero = true;
    expect_in_child(grow_zeroed);
}

static bool check_junk(void) {
    for (size_t size = 1; size < (size_t)3 << 20; size += size / 2 + 1) {
        unsigned char *p = ashlar_malloc(size);
        size_t usable = object_usable(p, "test");
        if (!unit_is_filled(p, usable, 0xa5)) {
            fprintf(stderr, "malloc(%zu) is not filled\n", size);
            return false;
        }
        memset(p, 1, usable);
        ashlar_free(p);
        if (size > 8 && p[size - 1] != 0x5a) {
            fprintf(stderr, "free() of %zu bytes does not fill\n", size);
            return false;
        }
        unsigned char *zeroed = ashlar_calloc(1, size);
        if (!unit_is_filled(zeroed, size, 0)) {
            return false;
        }
        ashlar_free(zeroed);
    }
    return true;
}

static void test_junk_option(void **state) {
    (void)state;
    opts.junk = JUNK_BOTH;
    expect_in_child(check_junk);
}

/* ---- no memory ---- */

static void *no_reserve(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    char *small = ashlar_malloc(100);
    char *large = ashlar_malloc(100000);
    memset(small, 3, 100);
    memset(large, 4, 100000);
    os_page_ops.reserve = no_reserve;
    static const size_t sizes[] = {(size_t)1 << 45, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        errno = 0;
        assert_null(object_resize(small, sizes[i], "test"));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(object_resize(large, sizes[i], "test"));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(object_alloc_zeroed(sizes[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(object_alloc_aligned(sizes[i], 64));
        assert_int_equal(errno, ENOMEM);
    }
    errno = 0;
    assert_null(object_alloc_aligned(1, (size_t)1 << 62));
    assert_int_equal(errno, ENOMEM);
    assert_true(unit_is_filled(small, 100, 3));
    assert_true(unit_is_filled(large, 100000, 4));
    ashlar_free(small);
    ashlar_free(large);
}

/* Large objects from the threshold on leave nothing dirty behind. */
static void test_oversize(void **state) {
    (void)state;
    enum { THRESHOLD = 4 << 20 };
    char *before = ashlar_malloc(THRESHOLD);
    struct arena *usual = arenas_of_pointer(before);
    usual->oversize_threshold = THRESHOLD;
    char *less = ashlar_malloc(THRESHOLD - 1);
    char *oversized = ashlar_malloc(THRESHOLD);
    struct arena *arena = arenas_of_pointer(oversized);
    assert_ptr_equal(arena, arenas_oversize());
    assert_ptr_not_equal(arena, arenas_of_pointer(before));
    assert_ptr_equal(arenas_of_pointer(less), arenas_of_pointer(before));
    assert_true(arena->index >= arenas_limit());
    char name[ARENA_NAME];
    arenas_read_name(arena, name);
    assert_string_equal(name, "auto_oversize");
    memset(oversized, 1, THRESHOLD);
    char *grown = ashlar_realloc(less, 3 * (size_t)THRESHOLD);
    assert_ptr_equal(arenas_of_pointer(grown), arena);
    assert_true(pages_unused(&arena->pages, PAGES_DIRTY) == 0);
    ashlar_free(oversized);
    ashlar_free(grown);
    usual->oversize_threshold = 0;
    ashlar_free(before);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    assert_int_equal(arena->pages.large.bytes, 0);
}

/* ---- misuse ---- */

static void resize_bad(void *p) {
    object_resize(p, 100, "realloc");
}

static void ask_bad(void *p) {
    object_usable(p, "malloc_usable_size");
}

static void test_misuse(void **state) {
    (void)state;
    int local;
    char *large = ashlar_malloc(100000);
    unit_expect_abort(resize_bad, &local, "realloc(0x");
    unit_expect_abort(ask_bad, &local, "malloc_usable_size(0x");
    unit_expect_abort(resize_bad, large + 16, "points into a large object");
    ashlar_free(large);
    unit_expect_abort(resize_bad, large, "double free");
    unit_expect_abort(ask_bad, large, "double free");
}

int main(void) {
    unit_start();
    real = os_page_ops;
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_zeroed, restore),
        cmocka_unit_test_teardown(test_aligned, restore),
        cmocka_unit_test_teardown(test_resize, restore),
        cmocka_unit_test_teardown(test_growth_by_steps, restore),
        cmocka_unit_test_teardown(test_calloc_after_move, restore),
        cmocka_unit_test_teardown(test_zero_option, restore),
        cmocka_unit_test_teardown(test_junk_option, restore),
        cmocka_unit_test_teardown(test_no_memory, restore),
        cmocka_unit_test_teardown(test_oversize, restore),
        cmocka_unit_test_teardown(test_misuse, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

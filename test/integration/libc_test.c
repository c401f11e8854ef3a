/*
 * libc_test.c: results and errno of the C library's allocation functions, case by case.
 *
 * What C, POSIX and the manual promise, and where they leave a choice, what this allocator chose:
 * size 0 gives a smallest object, realloc(p, 0) frees, a bad alignment is EINVAL, memory that does
 * not exist is ENOMEM, freeing never touches errno. valloc, pvalloc and memalign may leave errno
 * alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/api.h"
#include "support/hide.h"
#include "support/pattern.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { SENTINEL = 7777, SEED = 99 };

/* More than any object can have. */
static const size_t impossible_sizes[] = {
    (size_t)PTRDIFF_MAX + 1, SIZE_MAX / 2 + 2, SIZE_MAX - 65536, SIZE_MAX - 4096,
    SIZE_MAX - 4095,         SIZE_MAX - 15,    SIZE_MAX - 1,     SIZE_MAX,
};

static bool is_aligned(const void *pointer, size_t alignment) {
    return (uintptr_t)pointer % alignment == 0;
}

static void assert_failed_with(const void *result, int error) {
    int actual = errno;
    assert_null(result);
    assert_int_equal(actual, error);
}

/* For calls that do not promise to set errno. */
static void assert_failed_maybe_with(const void *result, int error) {
    int actual = errno;
    assert_null(result);
    assert_true(actual == SENTINEL || actual == error);
}

static void free_keeping_errno(void *pointer) {
    errno = SENTINEL;
    t_free(pointer);
    assert_int_equal(errno, SENTINEL);
}

static void test_malloc_zero(void **state) {
    (void)state;
    void *first = hide_pointer(t_malloc(0));
    void *second = hide_pointer(t_malloc(0));
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_int_equal(t_malloc_usable_size(first), 8);
    free_keeping_errno(first);
    free_keeping_errno(second);
}

static void test_malloc_impossible(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(impossible_sizes); i++) {
        errno = SENTINEL;
        void *pointer = hide_pointer(t_malloc(hide_size(impossible_sizes[i])));
        assert_failed_with(pointer, ENOMEM);
    }
    /* Allowed by its type, but more than there are addresses. */
    errno = SENTINEL;
    void *pointer = hide_pointer(t_malloc(hide_size(PTRDIFF_MAX)));
    assert_failed_with(pointer, ENOMEM);
}

static void test_calloc_rules(void **state) {
    (void)state;
    static const size_t zero_pairs[][2] = {{0, 0}, {0, 5}, {5, 0}, {0, SIZE_MAX}, {SIZE_MAX, 0}};
    for (size_t i = 0; i < ARRAY_LEN(zero_pairs); i++) {
        void *p = hide_pointer(t_calloc(hide_size(zero_pairs[i][0]), hide_size(zero_pairs[i][1])));
        assert_non_null(p);
        assert_int_equal(t_malloc_usable_size(p), 8);
        t_free(p);
    }
    static const size_t overflows[][2] = {
        {SIZE_MAX, 2},         {2, SIZE_MAX},
        {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32},
        {SIZE_MAX, SIZE_MAX},  {SIZE_MAX / 3 + 1, 3},
        {PTRDIFF_MAX, 2},      {1, SIZE_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(overflows); i++) {
        errno = SENTINEL;
        void *p = hide_pointer(t_calloc(hide_size(overflows[i][0]), hide_size(overflows[i][1])));
        assert_failed_with(p, ENOMEM);
    }
}

/* Memory that was written and freed must be zero again, whichever way it comes back. */
static void test_calloc_zeroes_used_memory(void **state) {
    (void)state;
    static const size_t sizes[] = {
        1,        8,         24,        100,     1000,    5000,    20 * KIB,       32 * KIB,
        33 * KIB, 100 * KIB, 700 * KIB, 1 * MIB, 2 * MIB, 3 * MIB, 9 * MIB + 5000, 40 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned rounds = sizes[i] > MIB ? 4 : 300;
        for (unsigned round = 0; round < rounds; round++) {
            void *dirty = t_malloc(sizes[i]);
            assert_non_null(dirty);
            memset(dirty, 0xff, t_malloc_usable_size(dirty));
            t_free(dirty);
            if (round % 50 == 3) {
                t_malloc_trim(0);
            }
            void *zeroed = hide_pointer(t_calloc(1, sizes[i]));
            assert_non_null(zeroed);
            size_t where = 0;
            assert_true(pattern_is_filled(zeroed, sizes[i], 0, &where));
            memset(zeroed, 0xff, t_malloc_usable_size(zeroed));
            t_free(zeroed);
        }
    }
}

static void test_realloc_null_and_zero(void **state) {
    (void)state;
    errno = SENTINEL;
    void *p = hide_pointer(t_realloc(NULL, 100));
    assert_non_null(p);
    assert_int_equal(t_malloc_usable_size(p), 112);
    assert_int_equal(errno, SENTINEL);
    assert_null(t_realloc(p, 0));
    assert_int_equal(errno, SENTINEL);
    p = hide_pointer(t_realloc(NULL, 0));
    assert_non_null(p);
    t_free(p);
    static const size_t sizes[] = {1, 5000, 40 * KIB, 5 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        p = t_malloc(sizes[i]);
        assert_non_null(p);
        errno = SENTINEL;
        assert_null(t_realloc(p, 0));
        assert_int_equal(errno, SENTINEL);
    }
}

static void test_realloc_zero_frees(void **state) {
    (void)state;
    size_t before = t_mallinfo2().uordblks;
    for (unsigned i = 0; i < 100; i++) {
        void *p = t_malloc(8 * MIB);
        assert_non_null(p);
        assert_null(t_realloc(p, 0));
    }
    assert_true(t_mallinfo2().uordblks <= before + MIB);
}

static void test_realloc_impossible(void **state) {
    (void)state;
    static const size_t sizes[] = {24, 3000, 50 * KIB, 3 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        void *p = t_malloc(sizes[i]);
        assert_non_null(p);
        size_t usable = t_malloc_usable_size(p);
        pattern_write(p, usable, SEED);
        for (size_t j = 0; j < ARRAY_LEN(impossible_sizes); j++) {
            errno = SENTINEL;
            size_t size = hide_size(impossible_sizes[j]);
            void *moved = hide_pointer(t_realloc(hide_pointer(p), size));
            assert_failed_with(moved, ENOMEM);
            errno = SENTINEL;
            moved = hide_pointer(t_reallocarray(hide_pointer(p), size, 2));
            assert_failed_with(moved, ENOMEM);
            size_t where = 0;
            assert_true(pattern_holds(p, usable, usable, SEED, &where));
            assert_int_equal(t_malloc_usable_size(p), usable);
        }
        t_free(p);
    }
}

static void test_reallocarray(void **state) {
    (void)state;
    void *p = hide_pointer(t_reallocarray(NULL, 10, 10));
    assert_non_null(p);
    assert_int_equal(t_malloc_usable_size(p), 112);
    pattern_write(p, 100, SEED);
    p = hide_pointer(t_reallocarray(p, 100, 100));
    assert_non_null(p);
    assert_int_equal(t_malloc_usable_size(p), 10240);
    size_t where = 0;
    assert_true(pattern_holds(p, 100, 100, SEED, &where));
    errno = SENTINEL;
    assert_null(t_reallocarray(p, 0, 100));
    assert_int_equal(errno, SENTINEL);
    errno = SENTINEL;
    p = hide_pointer(t_reallocarray(NULL, hide_size((size_t)1 << 32), hide_size((size_t)1 << 32)));
    assert_failed_with(p, ENOMEM);
    errno = SENTINEL;
    p = hide_pointer(t_reallocarray(NULL, hide_size(SIZE_MAX), hide_size(SIZE_MAX)));
    assert_failed_with(p, ENOMEM);
}

static void test_free_null(void **state) {
    (void)state;
    errno = SENTINEL;
    t_free(NULL);
    t_free_sized(NULL, 10);
    t_free_sized(NULL, 0);
    t_free_sized(NULL, 5 * MIB);
    t_free_aligned_sized(NULL, 64, 100);
    assert_int_equal(errno, SENTINEL);
    assert_int_equal(t_malloc_usable_size(NULL), 0);
    /* A NULL that got into a cache would come out again. */
    for (unsigned i = 0; i < 1000; i++) {
        void *p = hide_pointer(t_malloc(10));
        assert_non_null(p);
        t_free_sized(p, 10);
        t_free_sized(NULL, 10);
    }
}

static void test_free_keeps_errno(void **state) {
    (void)state;
    for (size_t size = 1; size < 200 * MIB; size = size * 3 + 1) {
        void *objects[40];
        size_t count = size > MIB ? 2 : ARRAY_LEN(objects);
        for (size_t i = 0; i < count; i++) {
            objects[i] = t_malloc(size);
            assert_non_null(objects[i]);
        }
        for (size_t i = 0; i < count; i++) {
            free_keeping_errno(objects[i]);
        }
    }
    errno = SENTINEL;
    t_malloc_trim(0);
    assert_int_equal(errno, SENTINEL);
}

static void test_posix_memalign_rules(void **state) {
    (void)state;
    static const size_t bad[] = {0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 5,
                                 6,
                                 7,
                                 9,
                                 12,
                                 24,
                                 4095,
                                 4097,
                                 SIZE_MAX,
                                 SIZE_MAX / 2 + 2,
                                 3 * (SIZE_MAX / 4 + 1)};
    char untouched;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        void *p = &untouched;
        errno = SENTINEL;
        assert_int_equal(t_posix_memalign(&p, hide_size(bad[i]), 100), EINVAL);
        assert_ptr_equal(p, &untouched);
        assert_int_equal(errno, SENTINEL);
    }
    for (size_t i = 0; i < ARRAY_LEN(impossible_sizes); i++) {
        for (size_t alignment = 8; alignment != 0; alignment *= 16) {
            void *p = &untouched;
            errno = SENTINEL;
            int result = t_posix_memalign(&p, alignment, hide_size(impossible_sizes[i]));
            assert_int_equal(result, ENOMEM);
            assert_ptr_equal(p, &untouched);
            assert_int_equal(errno, SENTINEL);
        }
    }
    void *p = &untouched;
    assert_int_equal(t_posix_memalign(&p, hide_size(SIZE_MAX / 2 + 1), 1), ENOMEM);
    assert_ptr_equal(p, &untouched);
}

static void test_aligned_alloc_rules(void **state) {
    (void)state;
    static const size_t bad[] = {0, 3, 5, 6, 7, 9, 12, 24, 4095, 4097, SIZE_MAX, SIZE_MAX / 2 + 2};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        errno = SENTINEL;
        void *p = hide_pointer(t_aligned_alloc(hide_size(bad[i]), 100));
        assert_failed_with(p, EINVAL);
        errno = SENTINEL;
        p = hide_pointer(t_memalign(hide_size(bad[i]), 100));
        assert_failed_maybe_with(p, EINVAL);
    }
    for (size_t i = 0; i < ARRAY_LEN(impossible_sizes); i++) {
        for (size_t alignment = 1; alignment != 0; alignment *= 8) {
            errno = SENTINEL;
            void *p = hide_pointer(t_aligned_alloc(alignment, hide_size(impossible_sizes[i])));
            assert_failed_with(p, ENOMEM);
            errno = SENTINEL;
            p = hide_pointer(t_memalign(alignment, hide_size(impossible_sizes[i])));
            assert_failed_maybe_with(p, ENOMEM);
        }
    }
    /* The size need not be a multiple of the alignment. */
    void *p = hide_pointer(t_aligned_alloc(4096, 4097));
    assert_non_null(p);
    assert_true(is_aligned(p, 4096));
    assert_int_equal(t_malloc_usable_size(p), 8192);
    t_free_aligned_sized(p, 4096, 4097);
}

static void check_aligned(size_t alignment, size_t size) {
    void *p = NULL;
    if (alignment >= sizeof(void *)) {
        assert_int_equal(t_posix_memalign(&p, alignment, size), 0);
        assert_non_null(p);
        assert_true(is_aligned(p, alignment));
        assert_true(t_malloc_usable_size(p) >= size);
        memset(p, 0x33, size < 100 ? size : 100);
        free_keeping_errno(p);
    }
    p = hide_pointer(t_aligned_alloc(alignment, size));
    assert_non_null(p);
    assert_true(is_aligned(p, alignment));
    assert_true(t_malloc_usable_size(p) >= size);
    memset(p, 0x44, size < 100 ? size : 100);
    t_free_aligned_sized(p, alignment, size);
    p = hide_pointer(t_memalign(alignment, size));
    assert_non_null(p);
    assert_true(is_aligned(p, alignment));
    void *q = hide_pointer(t_memalign(alignment, size));
    assert_non_null(q);
    assert_true(is_aligned(q, alignment));
    assert_ptr_not_equal(p, q);
    t_free(p);
    t_free(q);
}

static void test_alignments(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 24, 100, 4095, 10000, 16385, 100000, 3 * MIB};
    size_t largest =
        stress_address_space_is_limited() || stress_is_sanitized() ? 16 * MIB : 4 * GIB;
    for (size_t alignment = 1; alignment <= largest; alignment *= 2) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            check_aligned(alignment, sizes[i]);
        }
    }
}

/* Small and strictly aligned objects in number, all live at once. */
static void test_many_aligned(void **state) {
    (void)state;
    enum { COUNT = 300 };
    static void *objects[COUNT];
    for (size_t alignment = 16; alignment <= 128 * KIB; alignment *= 2) {
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = 1 + i * 13 % 5000;
            objects[i] = hide_pointer(t_aligned_alloc(alignment, size));
            assert_non_null(objects[i]);
            assert_true(is_aligned(objects[i], alignment));
            pattern_write(objects[i], size, SEED + i);
        }
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = 1 + i * 13 % 5000;
            size_t where = 0;
            assert_true(pattern_holds(objects[i], size, size, SEED + i, &where));
            t_free(objects[i]);
        }
    }
}

static void test_valloc_and_pvalloc(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 1; size < 100 * KIB; size = size * 2 + 1) {
        void *p = hide_pointer(t_valloc(size));
        assert_non_null(p);
        assert_true(is_aligned(p, page));
        assert_true(t_malloc_usable_size(p) >= size);
        void *q = hide_pointer(t_pvalloc(size));
        assert_non_null(q);
        assert_true(is_aligned(q, page));
        assert_true(t_malloc_usable_size(q) >= (size + page - 1) / page * page);
        memset(q, 1, (size + page - 1) / page * page);
        t_free(p);
        t_free(q);
    }
    void *p = hide_pointer(t_valloc(0));
    void *q = hide_pointer(t_pvalloc(0));
    assert_non_null(p);
    assert_non_null(q);
    assert_ptr_not_equal(p, q);
    t_free(p);
    t_free(q);
    for (size_t i = 0; i < ARRAY_LEN(impossible_sizes); i++) {
        errno = SENTINEL;
        p = hide_pointer(t_valloc(hide_size(impossible_sizes[i])));
        assert_failed_maybe_with(p, ENOMEM);
        errno = SENTINEL;
        p = hide_pointer(t_pvalloc(hide_size(impossible_sizes[i])));
        assert_failed_maybe_with(p, ENOMEM);
    }
}

/* One object through all ways to keep memory, up and down. */
static void walk_sizes(const size_t *sizes, size_t count) {
    size_t request = sizes[0];
    unsigned char *p = t_malloc(request);
    assert_non_null(p);
    for (size_t i = 1; i < count; i++) {
        size_t usable = t_malloc_usable_size(p);
        assert_true(usable >= request);
        pattern_write(p, usable, SEED + i);
        size_t kept = usable < sizes[i] ? usable : sizes[i];
        unsigned char *moved = hide_pointer(t_realloc(p, sizes[i]));
        assert_non_null(moved);
        size_t where = 0;
        assert_true(pattern_holds(moved, usable, kept, SEED + i, &where));
        p = moved;
        request = sizes[i];
    }
    t_free(p);
}

static void test_realloc_keeps_contents(void **state) {
    (void)state;
    static const size_t up_and_down[] = {
        1,
        8,
        9,
        16,
        17,
        100,
        112,
        113,
        1000,
        4096,
        4097,
        8 * KIB,
        14336,
        14337,
        16 * KIB,
        32 * KIB,
        32 * KIB + 1,
        40 * KIB,
        64 * KIB,
        200 * KIB,
        1 * MIB,
        2 * MIB - 1,
        2 * MIB,
        2 * MIB + 1,
        5 * MIB,
        33 * MIB,
        100 * MIB,
        60 * MIB,
        30 * MIB,
        2 * MIB + 4096,
        2 * MIB,
        1 * MIB,
        100 * KIB,
        33 * KIB,
        32 * KIB,
        20 * KIB,
        5000,
        300,
        64,
        17,
        8,
        1,
    };
    walk_sizes(up_and_down, ARRAY_LEN(up_and_down));
    /* Every pair of regimes directly. */
    static const size_t regimes[] = {24, 3000, 30 * KIB, 90 * KIB, 1500 * KIB, 7 * MIB, 50 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(regimes); i++) {
        for (size_t j = 0; j < ARRAY_LEN(regimes); j++) {
            const size_t pair[] = {regimes[i], regimes[j], regimes[i]};
            walk_sizes(pair, ARRAY_LEN(pair));
        }
    }
}

/* A buffer that grows by a constant, as strings and logs do, with others in its way. */
static void test_realloc_growing_by_steps(void **state) {
    (void)state;
    size_t limit = 3 * MIB;
    unsigned char *p = t_malloc(1);
    assert_non_null(p);
    for (size_t size = 1; size < limit; size += size < 40 * KIB ? 333 : 33333) {
        p = hide_pointer(t_realloc(p, size));
        assert_non_null(p);
        p[size - 1] = (unsigned char)(size % 251);
        void *obstacle = t_malloc(size / 2);
        assert_non_null(obstacle);
        t_free(obstacle);
    }
    for (size_t size = 1; size < limit; size += size < 40 * KIB ? 333 : 33333) {
        assert_int_equal(p[size - 1], size % 251);
    }
    t_free(p);
}

static void test_malloc_trim(void **state) {
    (void)state;
    enum { COUNT = 2000, SIZE = 5000 };
    static unsigned char *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = t_malloc(SIZE);
        assert_non_null(objects[i]);
        pattern_write(objects[i], SIZE, SEED + i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 10 != 0) {
            t_free(objects[i]);
        }
    }
    int result = t_malloc_trim(0);
    assert_true(result == 0 || result == 1);
    for (size_t i = 0; i < COUNT; i += 10) {
        size_t where = 0;
        assert_true(pattern_holds(objects[i], SIZE, SIZE, SEED + i, &where));
        t_free(objects[i]);
    }
    result = t_malloc_trim(SIZE_MAX);
    assert_true(result == 0 || result == 1);
    void *p = t_malloc(SIZE);
    assert_non_null(p);
    t_free(p);
}

static void test_mallinfo2(void **state) {
    (void)state;
    const size_t size = 64 * MIB;
    struct mallinfo2 before = t_mallinfo2();
    void *large = t_malloc(size);
    assert_non_null(large);
    struct mallinfo2 during = t_mallinfo2();
    assert_true(during.uordblks >= before.uordblks + size);
    assert_true(during.uordblks <= before.uordblks + size + MIB);
    assert_true(during.arena >= during.uordblks);
    assert_int_equal(during.arena, during.uordblks + during.fordblks);
    t_free(large);
    struct mallinfo2 after = t_mallinfo2();
    assert_true(after.uordblks <= before.uordblks + MIB);
    /* Small objects count, too. */
    enum { COUNT = 20000 };
    static void *objects[COUNT];
    before = t_mallinfo2();
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = t_malloc(200);
        assert_non_null(objects[i]);
    }
    during = t_mallinfo2();
    assert_true(during.uordblks >= before.uordblks + COUNT * (size_t)200);
    for (size_t i = 0; i < COUNT; i++) {
        t_free(objects[i]);
    }
    after = t_mallinfo2();
    assert_true(after.uordblks < before.uordblks + COUNT * (size_t)20);
}

/* The old form says the same, in ints. glibc's header warns of it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void test_mallinfo(void **state) {
    (void)state;
    struct mallinfo2 wide = t_mallinfo2();
    struct mallinfo narrow = t_mallinfo();
    int difference = (int)((unsigned)narrow.uordblks - (unsigned)wide.uordblks);
    assert_true(difference > -65536 && difference < 65536);
}
#pragma GCC diagnostic pop

static void test_mallopt_is_harmless(void **state) {
    (void)state;
    static const int parameters[] = {M_MXFAST,         M_TRIM_THRESHOLD, M_TOP_PAD,
                                     M_MMAP_THRESHOLD, M_MMAP_MAX,       M_CHECK_ACTION,
                                     M_PERTURB,        M_ARENA_TEST,     M_ARENA_MAX};
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        assert_int_equal(t_mallopt(parameters[i], 1), 1);
    }
    unsigned char *p = hide_pointer(t_calloc(100, 100));
    assert_non_null(p);
    size_t where = 0;
    assert_true(pattern_is_filled(p, 10000, 0, &where));
    t_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malloc_zero),
        cmocka_unit_test(test_malloc_impossible),
        cmocka_unit_test(test_calloc_rules),
        cmocka_unit_test(test_calloc_zeroes_used_memory),
        cmocka_unit_test(test_realloc_null_and_zero),
        cmocka_unit_test(test_realloc_zero_frees),
        cmocka_unit_test(test_realloc_impossible),
        cmocka_unit_test(test_reallocarray),
        cmocka_unit_test(test_free_null),
        cmocka_unit_test(test_free_keeps_errno),
        cmocka_unit_test(test_posix_memalign_rules),
        cmocka_unit_test(test_aligned_alloc_rules),
        cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_many_aligned),
        cmocka_unit_test(test_valloc_and_pvalloc),
        cmocka_unit_test(test_realloc_keeps_contents),
        cmocka_unit_test(test_realloc_growing_by_steps),
        cmocka_unit_test(test_malloc_trim),
        cmocka_unit_test(test_mallinfo2),
        cmocka_unit_test(test_mallinfo),
        cmocka_unit_test(test_mallopt_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

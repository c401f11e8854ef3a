/*
 * mallocx_test.c: the extended functions: every flag with every kind of size, and where objects come
 * from when an arena was asked for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/api.h"
#include "support/prng.h"

/* As <jemalloc/jemalloc.h> has them. */
#define LG_ALIGN(la) ((int)(la))
#define ZERO 0x40
#define TCACHE(id) ((int)(((id) + 2) << 8))
#define TCACHE_NONE TCACHE(-1)
#define ARENA(i) ((int)(((unsigned)(i) + 1) << 20))
#define LARGEMAX ((size_t)0x7000000000000000)

enum { KIB = 1 << 10, MIB = 1 << 20, SMALL_MAX = 32 << 10 };

static unsigned create_arena(void) {
    unsigned arena;
    size_t length = sizeof(arena);
    assert_int_equal(t_mallctl("arenas.create", &arena, &length, NULL, 0), 0);
    return arena;
}

static unsigned arena_of(void *p) {
    unsigned arena;
    size_t length = sizeof(arena);
    assert_int_equal(t_mallctl("arenas.lookup", &arena, &length, &p, sizeof(p)), 0);
    return arena;
}

static void destroy_arena(unsigned arena) {
    char name[64];
    snprintf(name, sizeof(name), "arena.%u.destroy", arena);
    assert_int_equal(t_mallctl(name, NULL, NULL, NULL, 0), 0);
}

static bool is_filled(const void *p, int byte, size_t from, size_t to) {
    const unsigned char *bytes = p;
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != byte) {
            return false;
        }
    }
    return true;
}

/* Dirty memory in caches and slabs, so that zeroed memory was zeroed. */
static void soil(void) {
    void *held[40];
    for (size_t size = 1; size <= 4 * MIB; size *= 3) {
        for (unsigned i = 0; i < 40; i++) {
            held[i] = t_malloc(size);
            memset(held[i], 0xee, size);
        }
        for (unsigned i = 0; i < 40; i++) {
            t_free(held[i]);
        }
    }
}

static const size_t sizes[] = {0,
                               1,
                               7,
                               8,
                               9,
                               16,
                               100,
                               1000,
                               1024,
                               1025,
                               4096,
                               4097,
                               14336,
                               14337,
                               SMALL_MAX - 1,
                               SMALL_MAX,
                               SMALL_MAX + 1,
                               65536,
                               1 << 20,
                               2 * MIB - 1,
                               2 * MIB + 1,
                               9 * MIB};

/* ---- sizes and alignments ---- */

static void test_alignments(void **state) {
    (void)state;
    soil();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned lg = 0; lg <= 24; lg++) {
            for (unsigned kind = 0; kind < 4; kind++) {
                int flags = LG_ALIGN(lg) | (kind & 1 ? ZERO : 0) | (kind & 2 ? TCACHE_NONE : 0);
                size_t expected = t_nallocx(sizes[i], flags);
                unsigned char *p = t_mallocx(sizes[i], flags);
                assert_non_null(p);
                assert_int_equal((uintptr_t)p % ((uintptr_t)1 << lg), 0);
                assert_int_equal(t_sallocx(p, flags), expected);
                assert_int_equal(t_malloc_usable_size(p), expected);
                assert_true(expected >= sizes[i] && expected > 0);
                if (kind & 1) {
                    assert_true(is_filled(p, 0, 0, expected));
                }
                memset(p, 0xcc, expected);
                if (i % 2 == 0) {
                    t_dallocx(p, flags);
                } else {
                    t_sdallocx(p, sizes[i], flags);
                }
            }
        }
    }
}

/* Large sizes are rounded to the pages in use: the system's, or what the option page_size says. */
static size_t in_pages(size_t size) {
    size_t page = 0;
    size_t length = sizeof(page);
    assert_int_equal(t_mallctl("arenas.page", &page, &length, NULL, 0), 0);
    return (size + page - 1) / page * page;
}

static void test_nallocx(void **state) {
    (void)state;
    assert_int_equal(t_nallocx(0, 0), 8);
    assert_int_equal(t_nallocx(100, 0), 112);
    assert_int_equal(t_nallocx(100, LG_ALIGN(6)), 128);
    assert_int_equal(t_nallocx(1, LG_ALIGN(13)), 16384);
    assert_int_equal(t_nallocx(8, LG_ALIGN(62)), in_pages(16384));
    assert_int_equal(t_nallocx(8, LG_ALIGN(63)), 0);
    assert_int_equal(t_nallocx(LARGEMAX, 0), LARGEMAX);
    assert_int_equal(t_nallocx(LARGEMAX + 1, 0), 0);
    assert_int_equal(t_nallocx(SIZE_MAX, 0), 0);
    for (size_t size = 1; size < 3 * SMALL_MAX; size += 13) {
        void *p = t_malloc(size);
        assert_int_equal(t_nallocx(size, 0), t_malloc_usable_size(p));
        t_free(p);
    }
}

static void test_impossible(void **state) {
    (void)state;
    static const int flags[] = {0, ZERO, TCACHE_NONE, LG_ALIGN(12), ARENA(0), ARENA(0) | ZERO};
    void *kept = t_mallocx(100, 0);
    memset(kept, 1, 100);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        errno = 0;
        assert_null(t_mallocx(SIZE_MAX - 100, flags[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(t_mallocx((size_t)1 << 62, flags[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(t_rallocx(kept, SIZE_MAX - 100, flags[i]));
        assert_int_equal(errno, ENOMEM);
        assert_true(is_filled(kept, 1, 0, 100));
    }
    errno = 0;
    assert_null(t_mallocx(10, LG_ALIGN(63)));
    assert_int_equal(errno, ENOMEM);
    t_dallocx(kept, 0);
    t_dallocx(NULL, 0);
    t_dallocx(NULL, TCACHE_NONE);
    t_sdallocx(NULL, 10, 0);
}

/* ---- resizing ---- */

static void test_rallocx(void **state) {
    (void)state;
    struct prng prng = {42};
    soil();
    for (unsigned step = 0; step < 4000; step++) {
        size_t before = prng_size(&prng, 4 * MIB);
        size_t after = prng_size(&prng, 4 * MIB);
        int flags = LG_ALIGN(prng_below(&prng, 18)) | (prng_one_in(&prng, 2) ? ZERO : 0) |
                    (prng_one_in(&prng, 3) ? TCACHE_NONE : 0) |
                    (prng_one_in(&prng, 4) ? ARENA(0) : 0);
        unsigned char *p = t_mallocx(before, prng_one_in(&prng, 2) ? flags : 0);
        assert_non_null(p);
        size_t old = t_sallocx(p, 0);
        memset(p, 0x77, old);
        p = t_rallocx(p, after, flags);
        assert_non_null(p);
        size_t now = t_sallocx(p, 0);
        assert_true(now >= after && now >= t_nallocx(after, 0));
        assert_int_equal((uintptr_t)p % ((uintptr_t)1 << (flags & 63)), 0);
        assert_true(is_filled(p, 0x77, 0, old < after ? old : after));
        if ((flags & ZERO) != 0) {
            assert_true(is_filled(p, 0, old < now ? old : now, now));
        }
        if (((unsigned)flags >> 20) != 0) {
            assert_int_equal(arena_of(p), 0);
        }
        t_dallocx(p, flags);
    }
}

static void test_xallocx(void **state) {
    (void)state;
    /* Small objects stay what they are. */
    void *p = t_mallocx(100, 0);
    assert_int_equal(t_xallocx(p, 200, 0, 0), 112);
    assert_int_equal(t_xallocx(p, 10, 0, 0), 112);
    assert_int_equal(t_xallocx(p, 1 << 20, 1 << 20, ZERO), 112);
    t_dallocx(p, 0);
    /* Large ones shrink in place, and grow again into what they left. */
    unsigned char *large = t_mallocx(MIB, 0);
    memset(large, 0x55, MIB);
    assert_int_equal(t_xallocx(large, 512 * KIB, 0, 0), 512 * KIB);
    assert_int_equal(t_sallocx(large, 0), 512 * KIB);
    assert_int_equal(t_xallocx(large, 100, 0, 0), 512 * KIB);      /* would be small */
    assert_int_equal(t_xallocx(large, SIZE_MAX, 0, 0), 512 * KIB); /* impossible */
    assert_int_equal(t_xallocx(large, 400 * KIB, 200 * KIB, 0), in_pages(600 * KIB));
    assert_int_equal(t_xallocx(large, MIB, 0, ZERO), MIB);
    assert_true(is_filled(large, 0x55, 0, 512 * KIB));
    assert_true(is_filled(large, 0, in_pages(600 * KIB), MIB));
    assert_int_equal(t_xallocx(large, 1, 700 * KIB - 1, 0), in_pages(700 * KIB));
    if ((uintptr_t)large % ((uintptr_t)64 << 20) != 0) {
        assert_int_equal(t_xallocx(large, MIB, 0, LG_ALIGN(26)), in_pages(700 * KIB));
    }
    /* The extra bytes are a wish: too many of them are left out. */
    size_t now = t_xallocx(large, 800 * KIB, SIZE_MAX, 0);
    assert_true(now == in_pages(800 * KIB) || now == in_pages(700 * KIB));
    t_dallocx(large, 0);
}

/* ---- arenas ---- */

/* Caches full of other arenas' objects of all sizes must not matter. */
static void test_arena_is_strict(void **state) {
    (void)state;
    enum { N = 3000 };
    static void *held[N];
    struct prng prng = {7};
    unsigned arenas[] = {create_arena(), create_arena(), 0};
    static const int extra[] = {0, TCACHE_NONE, ZERO, ZERO | TCACHE_NONE};
    soil();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            unsigned arena = arenas[i % 3];
            size_t size = prng_size(&prng, prng_one_in(&prng, 50) ? 3 * MIB : 9000);
            held[i] = t_mallocx(size, ARENA(arena) | extra[i / 3 % 4]);
            assert_non_null(held[i]);
            assert_int_equal(arena_of(held[i]), arena);
            if (i % 5 == 0) {
                size_t more = prng_size(&prng, 40000);
                held[i] = t_rallocx(held[i], more, ARENA(arenas[(i + 1) % 3]));
                assert_non_null(held[i]);
                assert_int_equal(arena_of(held[i]), arenas[(i + 1) % 3]);
            }
        }
        for (unsigned i = 0; i < N; i++) {
            t_dallocx(held[i], i % 2 == 0 ? 0 : TCACHE_NONE);
        }
        /* Nothing of the manual arenas got into the thread's cache. */
        for (unsigned i = 0; i < N; i++) {
            held[i] = t_malloc(prng_size(&prng, 9000));
            unsigned arena = arena_of(held[i]);
            assert_true(arena != arenas[0] && arena != arenas[1]);
        }
        for (unsigned i = 0; i < N; i++) {
            t_free(held[i]);
        }
    }
    destroy_arena(arenas[0]);
    destroy_arena(arenas[1]);
}

static void test_no_such_arena(void **state) {
    (void)state;
    unsigned gone = create_arena();
    destroy_arena(gone);
    t_dallocx(t_mallocx(10, 0), 0); /* something to find in the cache */
    const unsigned bad[] = {gone, 4000, 4094};
    for (size_t i = 0; i < 3; i++) {
        errno = 0;
        assert_null(t_mallocx(10, ARENA(bad[i])));
        assert_int_equal(errno, EINVAL);
        assert_null(t_mallocx(MIB, ARENA(bad[i])));
        void *p = t_mallocx(10, 0);
        assert_null(t_rallocx(p, 1000, ARENA(bad[i])));
        t_dallocx(p, ARENA(bad[i])); /* the object knows where it belongs */
    }
}

static void test_no_such_tcache(void **state) {
    (void)state;
    errno = 0;
    assert_null(t_mallocx(10, TCACHE(4093)));
    assert_int_equal(errno, EINVAL);
    assert_null(t_mallocx(MIB, TCACHE(4093)));
    void *p = t_mallocx(10, 0);
    assert_null(t_rallocx(p, 1000, TCACHE(4093)));
    t_dallocx(p, TCACHE(4093));
    p = t_mallocx(MIB, 0);
    t_dallocx(p, TCACHE(4093));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignments),    cmocka_unit_test(test_nallocx),
        cmocka_unit_test(test_impossible),    cmocka_unit_test(test_rallocx),
        cmocka_unit_test(test_xallocx),       cmocka_unit_test(test_arena_is_strict),
        cmocka_unit_test(test_no_such_arena), cmocka_unit_test(test_no_such_tcache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * sizes_test.c: the usable size and the natural alignment of every request up to 64 KiB, and of
 * larger ones around powers of two.
 *
 * The rule, stated here independently of the allocator's tables: up to 32 KiB there are sizes 8,
 * then multiples of 16 up to 64, then four equal steps to every next power of two; a request gets
 * the smallest that holds it. Beyond, the request is rounded up to a multiple of the page size in
 * force, which the option page_size can raise above the machine's. An object is aligned to the
 * largest power of two that divides its size, at least up to 4096, and of 16 bytes or more at least
 * to 16.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/api.h"
#include "support/hide.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

enum { LARGEST_CLASS = 32768, LAST_ALIGNMENT = 4096 };

static size_t page_in_force(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    static const char key[] = "page_size:";
    const char *text = getenv("MALLOC_CONF");
    size_t forced = 0;
    while (text != NULL && (text = strstr(text, key)) != NULL) {
        text += sizeof(key) - 1;
        forced = strtoul(text, NULL, 10);
    }
    return forced > page ? forced : page;
}

static size_t expected_usable(size_t request) {
    if (request > LARGEST_CLASS) {
        size_t page = page_in_force();
        return (request + page - 1) / page * page;
    }
    if (request <= 8) {
        return 8;
    }
    size_t step = 16;
    size_t end = 64; /* sizes up to here are multiples of step */
    while (request > end) {
        step = end / 4;
        end *= 2;
    }
    return (request + step - 1) / step * step;
}

static size_t expected_alignment(size_t usable) {
    size_t lowest_bit = usable & (~usable + 1);
    return lowest_bit > LAST_ALIGNMENT ? LAST_ALIGNMENT : lowest_bit;
}

static void check(void *pointer, size_t request) {
    pointer = hide_pointer(pointer);
    assert_non_null(pointer);
    size_t usable = t_malloc_usable_size(pointer);
    if (usable != expected_usable(request)) {
        print_error("request %zu\n", request);
    }
    assert_int_equal(usable, expected_usable(request));
    assert_int_equal((uintptr_t)pointer % expected_alignment(usable), 0);
}

static void check_request(size_t request) {
    void *pointer = t_malloc(request);
    check(pointer, request);
    t_free(pointer);
}

static void test_table(void **state) {
    (void)state;
    static const size_t classes[] = {
        8,    16,   32,   48,   64,   80,    96,    112,   128,   160,   192,   224,   256,   320,
        384,  448,  512,  640,  768,  896,   1024,  1280,  1536,  1792,  2048,  2560,  3072,  3584,
        4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768,
    };
    /* The formula above is right where it can be read off. */
    size_t previous = 0;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        assert_int_equal(expected_usable(previous + 1), classes[i]);
        assert_int_equal(expected_usable(classes[i]), classes[i]);
        previous = classes[i];
    }
}

static void test_every_small_request(void **state) {
    (void)state;
    for (size_t request = 0; request <= 64 * KIB; request++) {
        check_request(request);
    }
}

/* Neighbours in a slab, not only the first object. */
static void test_alignment_of_many(void **state) {
    (void)state;
    enum { COUNT = 100 };
    void *objects[COUNT];
    for (size_t request = 1; request <= LARGEST_CLASS; request = expected_usable(request) + 1) {
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = t_malloc(request);
            check(objects[i], request);
        }
        for (size_t i = 0; i < COUNT; i++) {
            t_free(objects[i]);
        }
    }
}

static void test_large_requests(void **state) {
    (void)state;
    for (size_t power = 64 * KIB; power <= 256 * MIB; power *= 2) {
        for (size_t quarter = 0; quarter < 4; quarter++) {
            size_t middle = power + quarter * (power / 4);
            static const ptrdiff_t offsets[] = {-4097, -4096, -4095, -1, 0, 1, 4095, 4096, 4097};
            for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
                check_request(middle + (size_t)offsets[i]);
            }
        }
    }
}

static void test_other_makers_agree(void **state) {
    (void)state;
    for (size_t request = 1; request <= 300 * KIB; request += 1 + request / 50) {
        void *zeroed = t_calloc(1, request);
        check(zeroed, request);
        t_free(zeroed);
        void *grown = t_realloc(t_malloc(1), request);
        check(grown, request);
        void *shrunk = t_realloc(grown, request / 2 + 1);
        check(shrunk, request / 2 + 1);
        t_free(shrunk);
        void *aligned = t_aligned_alloc(8, request);
        check(aligned, request);
        t_free(aligned);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_small_request),
        cmocka_unit_test(test_alignment_of_many),
        cmocka_unit_test(test_large_requests),
        cmocka_unit_test(test_other_makers_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * sizeclass_test.c: the tables against the rule they follow, for every request that has a class.
 */
#include "unit/unit.h"

#include "heap/sizeclass.h"

/* The rule: 8, 16, 32, 48, 64, then four sizes per doubling. */
static void list_sizes(size_t sizes[NCLASSES]) {
    size_t n = 1;
    sizes[0] = 0;
    sizes[n++] = 8;
    for (size_t size = 16; size <= 64; size += 16) {
        sizes[n++] = size;
    }
    for (size_t doubling = 64; doubling < SIZECLASS_MAX; doubling *= 2) {
        for (size_t quarter = 1; quarter <= 4; quarter++) {
            sizes[n++] = doubling + quarter * doubling / 4;
        }
    }
    assert_int_equal(n, NCLASSES);
}

static void test_sizes(void **state) {
    (void)state;
    size_t sizes[NCLASSES];
    list_sizes(sizes);
    for (unsigned class = 0; class < NCLASSES; class ++) {
        assert_int_equal(sizeclasses[class].size, sizes[class]);
    }
}

static void test_class_of_request(void **state) {
    (void)state;
    size_t sizes[NCLASSES];
    list_sizes(sizes);
    unsigned class = 1;
    for (size_t request = 0; request <= SIZECLASS_MAX; request++) {
        class += request > sizes[class];
        if (sizeclass_of(request) != class) {
            fail_msg("%zu: class %u, not %u", request, sizeclass_of(request), class);
        }
    }
}

static void test_slabs(void **state) {
    (void)state;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        const struct sizeclass *sc = &sizeclasses[class];
        size_t bytes = (size_t)sc->slab_granules << LG_GRANULE;
        assert_true(sc->slab_granules >= 1 && sc->slab_granules <= CHUNK_GRANULES);
        assert_int_equal(sc->nslots, bytes / sc->size);
        for (size_t less = GRANULE_SIZE; less <= bytes; less += GRANULE_SIZE) {
            bool wastes_little = less % sc->size * 1000 <= less * 25; /* 2.5 % */
            assert_int_equal(wastes_little, less == bytes);           /* the smallest that does */
        }
        assert_true(sc->cache_slots >= 1);
        uint64_t inverse = (((uint64_t)1 << 32) + sc->size - 1) / sc->size;
        assert_int_equal(sc->inverse, inverse);
        for (uint64_t offset = 0; offset < bytes; offset++) {
            uint64_t slot = offset * sc->inverse >> 32;
            if ((slot * sc->size == offset) != (offset % sc->size == 0) ||
                (offset % sc->size == 0 && slot != offset / sc->size)) {
                fail_msg("class %u, offset %zu: slot %zu", class, (size_t)offset, (size_t)slot);
            }
        }
    }
}

/* The smallest class that is large enough and aligned; or none. */
static void check_aligned(size_t request, size_t alignment) {
    unsigned class = sizeclass_of_aligned(request, alignment);
    if (class == 0) {
        bool fits = alignment <= GRANULE_SIZE &&
                    round_up(request == 0 ? 1 : request, alignment) <= SIZECLASS_MAX;
        if (fits) {
            fail_msg("no class for %zu at %zu", request, alignment);
        }
        return;
    }
    size_t size = sizeclasses[class].size;
    if (class >= NCLASSES || size < request || size % alignment != 0 || alignment > GRANULE_SIZE) {
        fail_msg("%zu at %zu: class %u", request, alignment, class);
    }
    /* No smaller one would do, but for what alignments past a page cost (LARGE_ALIGNED_MIN). */
    for (unsigned smaller = class - 1; alignment <= 4096 && smaller > 0; smaller--) {
        size_t other = sizeclasses[smaller].size;
        assert_false(other >= request && other >= 1 && other % alignment == 0);
    }
    if (alignment > 4096) {
        assert_true(size >= LARGE_ALIGNED_MIN);
    }
}

static void test_aligned(void **state) {
    (void)state;
    for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
        for (size_t request = 0; request <= SIZECLASS_MAX + 5; request++) {
            check_aligned(request, alignment);
        }
        assert_int_equal(sizeclass_of_aligned(PTRDIFF_MAX, alignment), 0);
        assert_int_equal(sizeclass_of_aligned(SIZE_MAX, alignment), 0);
    }
    assert_int_equal(sizeclass_of_aligned(1, (size_t)1 << 62), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_class_of_request),
        cmocka_unit_test(test_slabs),
        cmocka_unit_test(test_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

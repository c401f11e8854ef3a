/*
 * map_test.c: lookups of any address, entries of a committed range, and tables that are too short.
 */
#include "unit/unit.h"

#include "base/bits.h"
#include "os/os.h"
#include "pages/map.h"
#include "pages/region.h"

static const struct map initial = {0};

/* Any address may be asked about: committed or not, ours or not. */
static void check_unknown(uintptr_t address) {
    assert_int_equal(map_class_of((const void *)address), 0);
    assert_null(map_chunk_at(address));
}

static void test_unknown_addresses(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    int here;
    static int there;
    check_unknown((uintptr_t)&here);
    check_unknown((uintptr_t)&there);
    check_unknown(0);
    check_unknown(1);
    for (unsigned i = 0; i < 20000; i++) {
        /* High ones, and some a step away from powers of two. */
        uintptr_t address = prng_next(&prng) >> 17;
        address = address < (uintptr_t)1 << 46 ? address | (uintptr_t)1 << 46 : address;
        if (chunk_find_at((void *)address) == NULL) {
            assert_int_equal(map_class_of((void *)address), 0);
        }
    }
    for (unsigned lg = 1; lg < 64; lg++) {
        map_class_of((void *)(((uintptr_t)1 << lg) - 1)); /* reads, whatever it finds */
        map_chunk_at(((uintptr_t)1 << lg) - 1);
    }
    map_class_of((void *)UINTPTR_MAX);
    map_chunk_at(UINTPTR_MAX);
}

static void test_classes(void **state) {
    (void)state;
    uintptr_t base = (uintptr_t)3 << 44;
    assert_true(map_commit(base, 4 * CHUNK_SIZE));
    for (unsigned first = 0; first < 4 * CHUNK_GRANULES; first += 5) {
        map_set_class(base + ((uintptr_t)first << LG_GRANULE), 5, 1 + first % 40);
    }
    for (unsigned i = 0; i < 4 * CHUNK_GRANULES; i++) {
        const char *granule = (const char *)(base + ((uintptr_t)i << LG_GRANULE));
        assert_int_equal(map_class_of(granule), 1 + (i - i % 5) % 40);
        assert_int_equal(map_class_of(granule + GRANULE_SIZE - 1), 1 + (i - i % 5) % 40);
    }
    check_unknown(base - 1);
    map_set_class(base, 4 * CHUNK_GRANULES + 3, 0);
    for (unsigned i = 0; i < 4 * CHUNK_GRANULES; i++) {
        assert_int_equal(map_class_of((void *)(base + ((uintptr_t)i << LG_GRANULE))), 0);
    }
}

static void test_chunks(void **state) {
    (void)state;
    static struct chunk chunks[4];
    uintptr_t base = (uintptr_t)5 << 43;
    assert_true(map_commit(base, 4 * CHUNK_SIZE));
    for (unsigned i = 0; i < 4; i++) {
        chunks[i].base = base + i * CHUNK_SIZE;
        map_set_chunk(chunks[i].base, &chunks[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        char *start = (char *)chunks[i].base;
        assert_ptr_equal(chunk_find_at(start), &chunks[i]);
        assert_ptr_equal(chunk_find_at(start + 4711), &chunks[i]);
        assert_ptr_equal(chunk_find_at(start + CHUNK_SIZE - 1), &chunks[i]);
        map_set_chunk(chunks[i].base, NULL);
        assert_null(chunk_find_at(start));
    }
}

static size_t largest_allowed;
static void *(*real_reserve_readable)(size_t size);
static bool (*real_commit)(void *address, size_t size);

static void *limited_reserve(size_t size) {
    return size <= largest_allowed ? real_reserve_readable(size) : NULL;
}

static bool no_commit(void *address, size_t size) {
    (void)address;
    (void)size;
    return false;
}

static void test_commit_fails(void **state) {
    (void)state;
    uintptr_t base = (uintptr_t)7 << 43;
    real_commit = os_page_ops.commit;
    os_page_ops.commit = no_commit;
    assert_false(map_commit(base, CHUNK_SIZE));
    os_page_ops.commit = real_commit;
    check_unknown(base);
    assert_true(map_commit(base, CHUNK_SIZE));
    check_unknown(base);
}

/* Where address space is limited the tables cover less of it, and addresses share entries. */
static void test_short_tables(void **state) {
    (void)state;
    struct map saved = map;
    real_reserve_readable = os_page_ops.reserve_readable;
    os_page_ops.reserve_readable = limited_reserve;
    largest_allowed = 0;
    map.granule_mask = 0; /* as if it had not started */
    assert_false(map_init());
    assert_ptr_equal(map.classes, saved.classes);
    largest_allowed = (size_t)64 << 20;
    assert_true(map_init());
    os_page_ops.reserve_readable = real_reserve_readable;
    size_t span = (map.granule_mask + 1) << LG_GRANULE;
    assert_true(is_power_of_two(span) && span >= (size_t)1 << 32);
    assert_int_equal((map.chunk_mask + 1) << LG_CHUNK, span);
    assert_true(map.granule_mask + 1 + (map.chunk_mask + 1) * sizeof(void *) <= largest_allowed);

    uintptr_t last = 64 * span - CHUNK_SIZE; /* its chunk has the last entries */
    assert_true(map_commit(last, 2 * CHUNK_SIZE));
    map_set_class(last, CHUNK_GRANULES, 9);
    map_set_class(last + CHUNK_SIZE, CHUNK_GRANULES, 10);
    assert_int_equal(map_class_of((void *)(last + CHUNK_SIZE - 1)), 9);
    assert_int_equal(map_class_of((void *)(last + CHUNK_SIZE)), 10);
    assert_int_equal(map_class_of((void *)(last % span)), 9);

    static struct chunk chunk;
    chunk.base = last;
    map_set_chunk(last, &chunk);
    assert_ptr_equal(map_chunk_at(last + span), &chunk); /* the entry is shared, */
    assert_null(chunk_find_at((void *)(last + span)));   /* but not the answer */
    assert_ptr_equal(chunk_find_at((void *)(last + 5)), &chunk);

    assert_true(map_commit(span / 2, 3 * span)); /* more than there are entries: all of them */
    map_set_class(span / 4, 1, 3);
    assert_int_equal(map_class_of((void *)(span / 4 + 7 * span)), 3);
    map = saved;
}

/* Before map_init() has run there is nothing anywhere. */
static void test_before_init(void **state) {
    (void)state;
    static _Atomic uint8_t no_class;
    static struct chunk *_Atomic no_chunk;
    struct map saved = map;
    map = initial;
    map.classes = &no_class;
    map.chunks = &no_chunk;
    check_unknown((uintptr_t)&saved);
    check_unknown(UINTPTR_MAX);
    map = saved;
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_addresses),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_commit_fails),
        cmocka_unit_test(test_short_tables),
        cmocka_unit_test(test_before_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * meta_test.c: blocks are zeroed, aligned, disjoint, counted; failing leaves everything as before.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "base/bits.h"
#include "meta/meta.h"
#include "os/os.h"

enum { BLOCKS = 2000, THREADS = 4 };

struct block {
    unsigned char *start;
    size_t size;
};

static void check_fresh(const struct block *block) {
    assert_non_null(block->start);
    assert_int_equal((uintptr_t)block->start % CACHE_LINE, 0);
    assert_true(unit_is_filled(block->start, block->size, 0));
}

/* Every block is filled with a byte of its own; an overlap would show in the other one. */
static void test_random_sizes(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static struct block blocks[BLOCKS];
    size_t asked = 0;
    size_t before = meta_allocated_bytes();
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t max = prng_one_in(&prng, 100) ? 1 << 20 : 4096;
        blocks[i].size = prng_below(&prng, max) + 1;
        blocks[i].start = meta_alloc(blocks[i].size);
        check_fresh(&blocks[i]);
        memset(blocks[i].start, (int)(i % 255) + 1, blocks[i].size);
        asked += round_up(blocks[i].size, CACHE_LINE);
        assert_int_equal(meta_allocated_bytes() - before, asked);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_true(unit_is_filled(blocks[i].start, blocks[i].size, (unsigned char)(i % 255 + 1)));
    }
}

static void test_larger_than_any_mapping(void **state) {
    (void)state;
    struct block block = {.size = (size_t)33 << 20};
    block.start = meta_alloc(block.size);
    check_fresh(&block);
    assert_non_null(meta_alloc(64));
}

static size_t largest_allowed;
static size_t mapped; /* bytes, by the next function */
static void *(*real_map)(size_t size);

static void *limited_map(size_t size) {
    mapped += size <= largest_allowed ? size : 0;
    return size <= largest_allowed ? real_map(size) : NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    real_map = os_page_ops.map;
    os_page_ops.map = limited_map;
    largest_allowed = 0;
    unsigned got = 0;
    while (got < 1000000 && meta_alloc(4096) != NULL) { /* uses up the mapping */
        got++;
    }
    assert_true(got < 1000000);
    size_t allocated = meta_allocated_bytes();
    assert_null(meta_alloc(4096));
    assert_int_equal(meta_allocated_bytes(), allocated);
    assert_int_equal(mapped, 0);
    largest_allowed = 65536; /* not what is preferred, but enough */
    void *small = meta_alloc(4096);
    assert_non_null(small);
    assert_int_equal(mapped, 65536);
    assert_null(meta_alloc(100000));
    os_page_ops.map = real_map;
    assert_non_null(meta_alloc(100000));
}

static void *allocate_many(void *argument) {
    struct block *blocks = argument;
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i].size = 64 + i % 200;
        blocks[i].start = meta_alloc(blocks[i].size);
        memset(blocks[i].start, (int)(i % 255) + 1, blocks[i].size);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    static struct block blocks[THREADS][BLOCKS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_many, blocks[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t t = 0; t < THREADS; t++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            const struct block *block = &blocks[t][i];
            assert_true(unit_is_filled(block->start, block->size, (unsigned char)(i % 255 + 1)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sizes),
        cmocka_unit_test(test_larger_than_any_mapping),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

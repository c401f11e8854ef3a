/*
 * pool_test.c: blocks come back newest first, and never to two users at once.
 */
#include "unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "meta/meta.h"
#include "meta/pool.h"
#include "os/os.h"

enum { BLOCKS = 100, BLOCK_SIZE = 192, THREADS = 4, HELD = 16 };

static void test_last_in_first_out(void **state) {
    (void)state;
    struct pool pool = POOL_INIT(BLOCK_SIZE);
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = pool_get(&pool);
        assert_non_null(blocks[i]);
        assert_true(unit_is_filled(blocks[i], BLOCK_SIZE, 0));
        memset(blocks[i], 0xff, BLOCK_SIZE);
    }
    assert_int_equal(pool.nfree, 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        pool_put(&pool, blocks[i]);
        assert_int_equal(pool.nfree, i + 1);
    }
    size_t allocated = meta_allocated_bytes();
    for (size_t i = BLOCKS; i-- > 0;) {
        assert_ptr_equal(pool_get(&pool), blocks[i]);
        assert_int_equal(pool.nfree, i);
    }
    assert_int_equal(meta_allocated_bytes(), allocated);
    assert_non_null(pool_get(&pool)); /* empty again: a new one */
    assert_true(meta_allocated_bytes() > allocated);
}

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    struct pool pool = POOL_INIT((size_t)64 << 20);
    void *(*real_map)(size_t) = os_page_ops.map;
    os_page_ops.map = no_map;
    assert_null(pool_get(&pool));
    os_page_ops.map = real_map;
    assert_int_equal(pool.nfree, 0);
    assert_int_equal(pool.lock.word, LOCK_FREE);
}

static struct pool shared = POOL_INIT(64);

/* The second word of a block says who owns it; the first belongs to the free list. */
static void *exchange(void *argument) {
    uintptr_t self = (uintptr_t)argument + 1;
    _Atomic uintptr_t *held[HELD] = {NULL};
    struct prng prng = {self};
    for (unsigned i = 0; i < unit_steps(100000); i++) {
        size_t at = prng_below(&prng, HELD);
        if (held[at] == NULL) {
            held[at] = pool_get(&shared);
            uintptr_t expected = 0;
            if (held[at] == NULL ||
                !atomic_compare_exchange_strong(&held[at][1], &expected, self)) {
                abort();
            }
        } else {
            uintptr_t expected = self;
            if (!atomic_compare_exchange_strong(&held[at][1], &expected, 0)) {
                abort();
            }
            pool_put(&shared, (void *)held[at]);
            held[at] = NULL;
        }
    }
    for (size_t at = 0; at < HELD; at++) {
        if (held[at] != NULL) {
            atomic_store(&held[at][1], 0);
            pool_put(&shared, (void *)held[at]);
        }
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    size_t allocated = meta_allocated_bytes();
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(shared.nfree <= THREADS * HELD);
    assert_int_equal(meta_allocated_bytes() - allocated, shared.nfree * 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * large_cache_test.c: which runs a thread keeps, what it hands out again, and who may empty it.
 */
#include "unit/cache/cache_objects.h"

#include <pthread.h>

#include "cache/event.h"
#include "cache/large_cache.h"
#include "cache/thread.h"
#include "heap/large.h"

enum { KIB = 1024 };

static struct arena *arena;
static struct large_cache cache;

static int setup(void **state) {
    (void)state;
    assert_true(thread_enter() != NULL);
    purge_page_size = 4096; /* whatever the option page_size says */
    arena = arenas_get(0);
    memset(&cache, 0, sizeof(cache));
    cache.most = LARGE_CACHED_GRANULES;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    large_cache_empty(&cache);
    assert_int_equal(large_cache_bytes(&cache), 0);
    pages_merge_tally(&arena->pages, &cache.tally);
    arena_check(arena);
    return 0;
}

static void *object(size_t size) {
    void *p = large_alloc(arena, size, 1, false);
    assert_non_null(p);
    return p;
}

static void drop(void *p) {
    large_free(large_find(p));
}

static void test_same_length(void **state) {
    (void)state;
    void *p = object(100 * KIB);
    assert_true(large_cache_keep(&cache, arena, p));
    assert_null(large_find(p).chunk); /* it is no object any more */
    assert_int_equal(large_cache_bytes(&cache), 112 * KIB);
    assert_null(large_cache_take(&cache, 90 * KIB));
    assert_null(large_cache_take(&cache, 116 * KIB));
    assert_ptr_equal(large_cache_take(&cache, 104 * KIB), p); /* other bytes, the same granules */
    assert_int_equal(large_usable(large_find(p)), 104 * KIB);
    assert_null(large_cache_take(&cache, 104 * KIB));
    drop(p);
}

static void test_freed_twice(void **state) {
    (void)state;
    void *p = object(100 * KIB);
    assert_true(large_cache_keep(&cache, arena, p));
    assert_false(large_cache_keep(&cache, arena, p));
}

static void test_refused(void **state) {
    (void)state;
    char *p = object(100 * KIB);
    char *larger = object(LARGE_CACHED_MAX + 4 * KIB);
    char *spanning = object(5 << 20);
    int local;
    assert_false(large_cache_keep(&cache, arena, p + 1));
    assert_false(large_cache_keep(&cache, arena, p + GRANULE_SIZE));
    assert_false(large_cache_keep(&cache, arena, larger));
    assert_false(large_cache_keep(&cache, arena, spanning));
    assert_false(large_cache_keep(&cache, arena, &local));
    cache.most = 0;
    assert_false(large_cache_keep(&cache, arena, p));
    drop(p);
    drop(larger);
    drop(spanning);
}

static void test_newer_displaces_older(void **state) {
    (void)state;
    size_t active = arena->pages.nactive;
    void *older = object(100 * KIB);
    void *newer = object(100 * KIB);
    assert_true(large_cache_keep(&cache, arena, older));
    assert_true(large_cache_keep(&cache, arena, newer));
    assert_int_equal(arena->pages.nactive - active, 7);
    assert_ptr_equal(large_cache_take(&cache, 100 * KIB), newer);
    drop(newer);
}

static void test_limit(void **state) {
    (void)state;
    for (unsigned n = 3; n <= 34; n++) {
        assert_true(large_cache_keep(&cache, arena, object(n * GRANULE_SIZE)));
        assert_true(large_cache_bytes(&cache) <= LARGE_CACHED_GRANULES * GRANULE_SIZE);
        void *p = large_cache_take(&cache, n * GRANULE_SIZE); /* the newest one stays */
        assert_non_null(p);
        assert_true(large_cache_keep(&cache, arena, p));
    }
}

static void test_newest_is_made_to_fit(void **state) {
    (void)state;
    void *p = object(512 * KIB);
    assert_true(large_cache_keep(&cache, arena, p));
    assert_ptr_equal(large_cache_take_newest(&cache, arena, 64 * KIB), p); /* shorter */
    assert_int_equal(large_find(p).run->ngranules, 4);
    assert_true(large_cache_keep(&cache, arena, p));
    assert_ptr_equal(large_cache_take_newest(&cache, arena, 256 * KIB), p); /* longer */
    void *next = object(64 * KIB);                                          /* lies behind it */
    assert_true(large_cache_keep(&cache, arena, p));
    assert_null(large_cache_take_newest(&cache, arena, 1 << 20));
    assert_ptr_equal(large_cache_take(&cache, 256 * KIB), p); /* and is kept as it was */
    drop(p);
    drop(next);
}

static void test_books(void **state) {
    (void)state;
    void *p = object(100 * KIB);
    unsigned class = lextent_index(100 * KIB);
    size_t bytes = arena->pages.large.bytes;
    uint64_t freed = arena->pages.large.ndalloc[class];
    uint64_t allocated = arena->pages.large.nmalloc[class];
    assert_true(large_cache_keep(&cache, arena, p));
    assert_ptr_equal(large_cache_take(&cache, 104 * KIB), p);
    pages_merge_tally(&arena->pages, &cache.tally);
    assert_int_equal(arena->pages.large.bytes, bytes + 4 * KIB);
    assert_int_equal(arena->pages.large.ndalloc[class], freed + 1);
    assert_int_equal(arena->pages.large.nmalloc[class], allocated + 1);
    drop(p);
    assert_int_equal(arena->pages.large.bytes, bytes - 100 * KIB);
}

/* ---- other threads ---- */

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

static pthread_barrier_t barrier;

static void *keep_one(void *argument) {
    (void)argument;
    ashlar_free(ashlar_malloc(200 * KIB));
    assert_int_equal(large_cache_bytes(&this_thread->large), 208 * KIB);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    assert_int_equal(large_cache_bytes(&this_thread->large), 0);
    ashlar_free(ashlar_malloc(200 * KIB));
    assert_int_equal(large_cache_bytes(&this_thread->large), 208 * KIB);
    return NULL;
}

static void test_others_may_empty_it(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, keep_one, NULL), 0);
    pthread_barrier_wait(&barrier);
    event_trim_all();
    pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    arenas_check();
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_same_length), TEST(test_freed_twice),           TEST(test_refused),
        TEST(test_limit),       TEST(test_newer_displaces_older), TEST(test_newest_is_made_to_fit),
        TEST(test_books),       TEST(test_others_may_empty_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

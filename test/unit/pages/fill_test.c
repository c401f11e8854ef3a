/*
 * fill_test.c: the lists of chunks with room, with chunks that fill and drain at random.
 */
#include "unit/unit.h"

#include "pages/fill.h"

enum { CHUNKS = 12 };

static struct chunk chunks[CHUNKS];
static struct fill fill;
static struct page_owner owner;

static unsigned longest_free(const struct chunk *chunk) {
    unsigned n = 0;
    while (n < CHUNK_GRANULES && bits128_run_starts(chunk->free, n + 1) != 0) {
        n++;
    }
    return n;
}

/* Every chunk is in the list of its bound, full ones in none, and the bits say which lists are used. */
static void check(void) {
    size_t listed = 0;
    assert_true(list_is_empty(&fill.by_longest[0]));
    for (unsigned i = 1; i <= CHUNK_GRANULES; i++) {
        struct list *head = &fill.by_longest[i];
        assert_int_equal(list_is_empty(head), !(fill.nonempty >> (i - 1) & 1));
        for (struct list *node = list_first(head); node != head; node = node->next) {
            const struct chunk *chunk = list_entry(node, struct chunk, fill_link);
            assert_int_equal(chunk->longest, i);
            assert_true(longest_free(chunk) <= i);
            listed++;
        }
    }
    for (size_t i = 0; i < CHUNKS; i++) {
        listed -= list_is_member(&chunks[i].fill_link);
    }
    assert_int_equal(listed, 0);
}

static void start(void) {
    memset(&fill, 0, sizeof(fill));
    for (size_t i = 0; i < CHUNKS; i++) {
        chunks[i] = (struct chunk){.base = ((uintptr_t)1 << 45) + i * CHUNK_SIZE};
        chunks[i].free = ALL_GRANULES;
        assert_true(chunk_begin_cut(&chunks[i], &owner));
        fill_update(&fill, &chunks[i], CHUNK_GRANULES);
    }
}

static void release(struct chunk *chunk, struct run *run) {
    unsigned first = run_first_granule(run);
    chunk_forget_run(chunk, run);
    chunk_release(chunk, first, run->ngranules);
    fill_update(&fill, chunk, chunk->longest);
}

static void allocate(struct prng *prng) {
    unsigned n = (unsigned)prng_size(prng, 128);
    n = n == 0 ? 1 : n;
    unsigned alignment = prng_one_in(prng, 4) ? 1u << prng_below(prng, 8) : 1;
    unsigned most = 0;
    for (size_t i = 0; i < CHUNKS; i++) {
        unsigned room = longest_free(&chunks[i]);
        most = list_is_member(&chunks[i].fill_link) && room > most ? room : most;
    }
    unsigned first = 0;
    struct chunk *chunk = fill_find(&fill, n, alignment, &first);
    if (chunk == NULL) {
        assert_true(most < n || alignment > 1); /* the search for aligned ones may give up */
        return;
    }
    assert_int_equal(first % alignment, 0);
    bits128 range = bits128_range(first, n);
    assert_true((chunk->free & range) == range);
    if (alignment == 1) { /* no other chunk has a smaller sufficient bound */
        for (size_t i = 0; i < CHUNKS; i++) {
            bool listed = list_is_member(&chunks[i].fill_link);
            assert_true(!listed || chunks[i].longest < n || chunks[i].longest >= chunk->longest);
        }
    }
    bool zeroed;
    chunk_take(chunk, first, n, RUN_LARGE, &zeroed);
    fill_update(&fill, chunk, chunk->free == 0 ? 0 : chunk->longest);
}

static void release_one(struct prng *prng) {
    struct chunk *chunk = &chunks[prng_below(prng, CHUNKS)];
    const void *address = (void *)(chunk->base + prng_below(prng, CHUNK_SIZE));
    struct run *run = chunk_run_at(chunk, address);
    if (run != NULL) {
        release(chunk, run);
    }
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    start();
    for (unsigned step = 0; step < unit_steps(20000); step++) {
        if (prng_below(&prng, 100) < 45) {
            allocate(&prng);
        } else {
            release_one(&prng);
        }
        if (prng_one_in(&prng, 50)) { /* leaves, and comes back */
            struct chunk *chunk = &chunks[prng_below(&prng, CHUNKS)];
            fill_remove(&fill, chunk);
            assert_false(list_is_member(&chunk->fill_link));
            fill_remove(&fill, chunk); /* harmless */
            check();
            fill_update(&fill, chunk, chunk->free == 0 ? 0 : longest_free(chunk));
        }
        check();
    }
}

/* The chunk that is fullest serves, though an emptier one would do. */
static void test_fullest_first(void **state) {
    (void)state;
    start();
    bool zeroed;
    static const unsigned used[] = {10, 100, 60};
    for (size_t i = 0; i < ARRAY_LEN(used); i++) {
        chunk_take(&chunks[i], 0, used[i], RUN_LARGE, &zeroed);
        fill_update(&fill, &chunks[i], CHUNK_GRANULES - used[i]);
    }
    unsigned first;
    assert_ptr_equal(fill_find(&fill, 28, 1, &first), &chunks[1]);
    assert_int_equal(first, 100);
    assert_ptr_equal(fill_find(&fill, 29, 1, &first), &chunks[2]);
    assert_ptr_equal(fill_find(&fill, 68, 1, &first), &chunks[2]);
    assert_ptr_equal(fill_find(&fill, 118, 1, &first), &chunks[0]);
    assert_ptr_equal(fill_find(&fill, 16, 16, &first), &chunks[1]);
    assert_int_equal(first, 112);
}

/* A bound that was too high is lowered by the search that finds out. */
static void test_lazy_bound(void **state) {
    (void)state;
    start();
    for (size_t i = 1; i < CHUNKS; i++) {
        fill_remove(&fill, &chunks[i]);
    }
    bool zeroed;
    chunk_take(&chunks[0], 64, 1, RUN_LARGE, &zeroed); /* leaves runs of 64 and 63 */
    unsigned first;
    assert_null(fill_find(&fill, 65, 1, &first));
    assert_int_equal(chunks[0].longest, 64);
    assert_ptr_equal(fill_find(&fill, 64, 1, &first), &chunks[0]);
    assert_int_equal(first, 0);
    assert_null(fill_find(&fill, 128, 1, &first));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_fullest_first),
        cmocka_unit_test(test_lazy_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

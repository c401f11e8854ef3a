/*
 * pages_test.c: random runs and big objects against a list of what is live, with purges in between.
 *
 * Every object carries a pattern of its own, and what is handed out as zeroed is read in full; the
 * structures are checked after every operation.
 */
#include "unit/unit.h"

#include "meta/meta.h"
#include "meta/pool.h"
#include "opt/opt.h"
#include "os/os.h"
#include "pages/purge.h"

enum { LIVE = 90, STRIDE = 512 };

struct object {
    struct run *run;    /* one of the two is set while it is live */
    struct chunk *head; /* first chunk of a big one */
    size_t n;           /* granules */
    uint64_t seed;
};

static struct space space;
static struct pages pages;
static struct object live[LIVE];

static void start(ssize_t dirty_ms, ssize_t muzzy_ms) {
    space = (struct space){0};
    memset(live, 0, sizeof(live));
    space_init(&space);
    space.next_region_bytes = (size_t)1 << 26; /* little, as every test has a space of its own */
    memset(&pages, 0, sizeof(pages));
    pages_init(&pages, &space, dirty_ms, muzzy_ms);
}

static bool is_live(const struct object *object) {
    return object->run != NULL || object->head != NULL;
}

static char *start_of(const struct object *object) {
    return (char *)(object->run != NULL ? run_address(object->run) : object->head->base);
}

static size_t bytes_of(const struct object *object) {
    return object->n << LG_GRANULE;
}

static void fill_pattern(const struct object *object, size_t from) {
    char *start = start_of(object);
    for (size_t at = from; at < bytes_of(object); at += STRIDE) {
        *(uint64_t *)(start + at) = object->seed + at;
    }
    if (bytes_of(object) > from) { /* the last word too */
        memset(start + bytes_of(object) - 8, 0xee, 8);
    }
}

static void check_pattern(const struct object *object, size_t to) {
    const char *start = start_of(object);
    for (size_t at = 0; at < to; at += STRIDE) {
        if (*(const uint64_t *)(start + at) != object->seed + at) {
            fail_msg("object of %zu granules changed at %#zx", object->n, at);
        }
    }
}

static void check_disjoint(const struct object *object) {
    const char *start = start_of(object);
    const char *end = start + bytes_of(object);
    for (size_t i = 0; i < LIVE; i++) {
        const struct object *other = &live[i];
        if (other != object && is_live(other)) {
            const char *other_start = start_of(other);
            assert_true(end <= other_start || other_start + bytes_of(other) <= start);
        }
    }
}

/* The counters, against what the model holds. */
static void check_counts(void) {
    size_t granules = 0;
    for (size_t i = 0; i < LIVE; i++) {
        granules += is_live(&live[i]) ? live[i].n : 0;
    }
    assert_int_equal(pages.nactive, granules);
    pages_check(&pages);
    assert_int_equal(pages.lock.word, LOCK_FREE);
}

static void allocate(struct prng *prng, struct object *object, size_t largest) {
    bool zeroed = false;
    size_t n = prng_size(prng, largest);
    object->n = n == 0 ? 1 : n;
    object->seed = prng_next(prng);
    size_t alignment = prng_one_in(prng, 4) ? (size_t)1 << prng_below(prng, 8) : 1;
    if (object->n <= CHUNK_GRANULES) {
        object->run =
            pages_alloc(&pages, (unsigned)object->n, (unsigned)alignment, RUN_LARGE, &zeroed);
        assert_non_null(object->run);
        assert_int_equal(run_address(object->run) % (alignment << LG_GRANULE), 0);
        assert_int_equal(object->run->ngranules, object->n);
        object->run->usable = bytes_of(object);
    } else {
        alignment = prng_one_in(prng, 4) ? (size_t)1 << prng_below(prng, 4) : 1;
        object->head = pages_alloc_big(&pages, object->n, alignment, &zeroed);
        assert_non_null(object->head);
        assert_int_equal(object->head->base % (alignment << LG_CHUNK), 0);
        assert_int_equal(big_granules(object->head), object->n);
        assert_int_equal(object->head->kind, CHUNK_BIG);
    }
    check_disjoint(object);
    if (zeroed && !unit_is_filled(start_of(object), bytes_of(object), 0)) {
        fail_msg("%zu granules said to be zeroed are not", object->n);
    }
    fill_pattern(object, 0);
}

static void release(struct object *object) {
    check_pattern(object, bytes_of(object) - STRIDE);
    if (object->run != NULL) {
        pages_free(&pages, object->run);
    } else {
        pages_free_big(&pages, object->head, false);
    }
    *object = (struct object){0};
}

static void resize(struct prng *prng, struct object *object, size_t largest) {
    size_t n = prng_one_in(prng, 2) ? prng_below(prng, 2 * object->n) + 1
                                    : object->n + prng_below(prng, 5);
    n = n > largest ? largest : n;
    bool done;
    if (object->run != NULL) {
        if (n > CHUNK_GRANULES) {
            return;
        }
        done = pages_resize(&pages, object->run, (unsigned)n);
    } else {
        if (n <= CHUNK_GRANULES) {
            return;
        }
        done = pages_resize_big(&pages, object->head, n);
    }
    assert_true(done || n > object->n); /* shrinking never fails */
    if (done) {
        size_t old = bytes_of(object);
        object->n = n;
        assert_int_equal(object->run != NULL ? object->run->ngranules : big_granules(object->head),
                         n);
        check_disjoint(object);
        check_pattern(object, old < bytes_of(object) ? old : bytes_of(object));
        fill_pattern(object, old < bytes_of(object) ? old : bytes_of(object));
    }
}

static void random_steps(struct prng *prng, unsigned steps, size_t largest) {
    uint64_t now = 1000000000;
    for (unsigned step = 0; step < steps; step++) {
        struct object *object = &live[prng_below(prng, LIVE)];
        if (!is_live(object)) {
            allocate(prng, object, largest);
        } else if (prng_one_in(prng, 2)) {
            resize(prng, object, largest);
        } else {
            release(object);
        }
        check_counts();
        if (prng_one_in(prng, 200)) {
            purge_all(&pages);
            check_counts();
        }
        now += 5000000;
        purge_decayed(&pages, now);
        if (step % 64 == 0) {
            check_counts();
            space_check(&space);
        }
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (is_live(&live[i])) {
            release(&live[i]);
            check_counts();
        }
    }
    assert_int_equal(pages.nactive, 0);
    purge_all(&pages);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 0);
    assert_int_equal(pages_unused(&pages, PAGES_MUZZY), 0);
    assert_true(pages.nchunks <= 1); /* one empty chunk may be kept */
    check_counts();
    space_check(&space);
}

static void test_random_runs(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    start(200, 0);
    random_steps(&prng, unit_steps(4000), 128);
}

static void test_random_big(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    start(100, 0);
    random_steps(&prng, unit_steps(800), 700);
}

static void test_random_muzzy(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    start(50, 100);
    random_steps(&prng, unit_steps(1200), 200);
}

/* Pages of 16 and 64 KiB. */
static void test_random_large_pages(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    size_t saved = purge_page_size;
    for (purge_page_size = 16384; purge_page_size <= 65536; purge_page_size *= 4) {
        start(30, purge_page_size == 65536 ? 50 : 0);
        uint64_t now = 1000000000;
        for (unsigned step = 0; step < unit_steps(1000); step++) {
            struct object *object = &live[prng_below(&prng, LIVE)];
            if (is_live(object)) {
                release(object);
            } else {
                allocate(&prng, object, 140);
            }
            now += 2000000;
            purge_decayed(&pages, now);
            check_counts();
        }
        for (size_t i = 0; i < LIVE; i++) {
            if (is_live(&live[i])) {
                release(&live[i]);
            }
        }
        purge_all(&pages);
        check_counts();
        assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 0);
    }
    purge_page_size = saved;
}

/* A run that comes and goes finds its chunk still there. */
static void test_kept_chunk(void **state) {
    (void)state;
    bool zeroed;
    start(-1, -1);
    struct run *run = pages_alloc(&pages, 128, 128, RUN_LARGE, &zeroed);
    assert_true(zeroed);
    struct chunk *chunk = run->chunk;
    pages_free(&pages, run);
    assert_int_equal(pages.nempty, 1);
    assert_int_equal(pages.nchunks, 1);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 128);
    run = pages_alloc(&pages, 128, 1, RUN_LARGE, &zeroed);
    assert_false(zeroed);
    assert_ptr_equal(run->chunk, chunk);
    struct run *second = pages_alloc(&pages, 128, 1, RUN_LARGE, &zeroed);
    pages_free(&pages, run);
    pages_free(&pages, second);
    assert_int_equal(pages.nchunks, 1);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 256); /* the parked ones too */
    assert_int_equal(pages.owner.parked_dirty, 128);
    pages_check(&pages);
}

static void test_tail(void **state) {
    (void)state;
    bool zeroed;
    start(-1, -1);
    struct chunk *head = pages_alloc_big(&pages, 128 + 40, 1, &zeroed);
    assert_true(zeroed);
    assert_int_equal(head->nchunks, 1);
    assert_int_equal(head->tail_granules, 40);
    assert_int_equal(pages.nchunks, 2);
    /* The rest of the tail's chunk serves others, which stop its growth. */
    struct run *run = pages_alloc(&pages, 88, 1, RUN_LARGE, &zeroed);
    assert_ptr_equal(run->chunk, head + 1);
    assert_false(pages_resize_big(&pages, head, 128 + 41));
    assert_false(pages_resize_big(&pages, head, 256));
    assert_false(pages_resize_big(&pages, head, 300));
    assert_true(pages_resize(&pages, run, 87));
    assert_false(pages_resize_big(&pages, head, 128 + 41)); /* the free one is at the end */
    pages_free(&pages, run);
    assert_true(pages_resize_big(&pages, head, 128 + 128));
    assert_int_equal(head->nchunks, 2);
    assert_int_equal(head->tail_granules, 0);
    assert_int_equal(head[1].kind, CHUNK_BIG_BODY);
    assert_true(pages_resize_big(&pages, head, 1000));
    assert_int_equal(head->nchunks, 7);
    assert_int_equal(head->tail_granules, 104);
    assert_true(pages_resize_big(&pages, head, 129));
    assert_int_equal(head->nchunks, 1);
    assert_int_equal(head->tail_granules, 1);
    assert_int_equal(pages.nactive, 129);
    pages_check(&pages);
    pages_free_big(&pages, head, true); /* the tail does not become clean by it */
    assert_int_equal(pages.nactive, 0);
    pages_check(&pages);
    space_check(&space);
}

/* ---- no memory: everything stays as it was ---- */

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static void *no_reserve(size_t size) {
    (void)size;
    return NULL;
}

struct sizes {
    size_t nactive, nchunks, nempty, dirty, reserved;
};

static struct sizes sizes_now(void) {
    return (struct sizes){pages.nactive, pages.nchunks, pages.nempty,
                          pages_unused(&pages, PAGES_DIRTY), space.reserved_bytes};
}

static void check_unchanged(struct sizes before) {
    struct sizes now = sizes_now();
    assert_memory_equal(&before, &now, sizeof(now));
    pages_check(&pages);
    space_check(&space);
}

static void test_no_address_space(void **state) {
    (void)state;
    bool zeroed;
    struct os_page_ops real = os_page_ops;
    start(-1, -1);
    os_page_ops.reserve = no_reserve;
    assert_null(pages_alloc(&pages, 1, 1, RUN_LARGE, &zeroed));
    assert_null(pages_alloc_big(&pages, 500, 1, &zeroed));
    check_unchanged((struct sizes){0});
    os_page_ops = real;
    struct run *run = pages_alloc(&pages, 1, 1, RUN_LARGE, &zeroed);
    assert_non_null(run);
    pages_free(&pages, run);
}

/* Chunks are there, but no descriptors for their runs. */
static void test_no_descriptors(void **state) {
    (void)state;
    bool zeroed;
    struct os_page_ops real = os_page_ops;
    start(-1, -1);
    struct chunk *head = pages_alloc_big(&pages, 3 * 128, 1, &zeroed);
    assert_non_null(head);
    memset((void *)head->base, 1, 3 * CHUNK_SIZE);
    os_page_ops.map = no_map;
    while (meta_alloc(64) != NULL) {
    }
    while (chunk_runs_pool.nfree > 0) {
        pool_get(&chunk_runs_pool);
    }
    struct sizes before = sizes_now();
    assert_null(pages_alloc(&pages, 1, 1, RUN_SLAB, &zeroed));
    check_unchanged(before);
    assert_null(pages_alloc_big(&pages, 129, 1, &zeroed));
    check_unchanged(before);
    assert_false(pages_resize_big(&pages, head, 3 * 128 + 1));
    check_unchanged(before);
    struct chunk *other = pages_alloc_big(&pages, 128, 1, &zeroed); /* needs none */
    assert_non_null(other);
    assert_true(zeroed);
    pages_free_big(&pages, other, false);
    before = sizes_now();
    /* Shrinking still answers true; what cannot become a tail stays whole. */
    assert_true(pages_resize_big(&pages, head, 128 + 5));
    assert_int_equal(head->nchunks, 2);
    assert_int_equal(head->tail_granules, 0);
    assert_int_equal(pages.nactive, 256);
    assert_true(unit_is_filled((void *)head->base, CHUNK_SIZE + 5 * GRANULE_SIZE, 1));
    pages_check(&pages);
    space_check(&space);
    os_page_ops = real;
    assert_true(pages_resize_big(&pages, head, 128 + 5));
    assert_int_equal(pages.nactive, 133);
    pages_free_big(&pages, head, false);
    assert_int_equal(pages.nactive, 0);
    pages_check(&pages);
}

/* Two arenas share a space; what one leaves dirty is charged to it until the other takes it. */
static void test_two_owners(void **state) {
    (void)state;
    bool zeroed;
    static struct pages other;
    start(-1, -1);
    memset(&other, 0, sizeof(other));
    pages_init(&other, &space, -1, -1);
    struct chunk *head = pages_alloc_big(&pages, 256, 1, &zeroed);
    pages_free_big(&pages, head, false);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 256);
    struct chunk *again = pages_alloc_big(&other, 200, 1, &zeroed);
    assert_ptr_equal(again, head);
    assert_false(zeroed);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 0);
    assert_int_equal(pages_unused(&other, PAGES_DIRTY), 56); /* beside the tail */
    assert_ptr_equal(pages_of(again), &other);
    pages_free_big(&other, again, false);
    assert_int_equal(pages_unused(&other, PAGES_DIRTY), 256);
    purge_all(&pages);
    assert_int_equal(pages_unused(&other, PAGES_DIRTY), 256); /* not its own */
    purge_all(&other);
    assert_int_equal(pages_unused(&other, PAGES_DIRTY), 0);
    pages_check(&pages);
    pages_check(&other);
    space_check(&space);
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs),      cmocka_unit_test(test_random_big),
        cmocka_unit_test(test_random_muzzy),     cmocka_unit_test(test_random_large_pages),
        cmocka_unit_test(test_kept_chunk),       cmocka_unit_test(test_tail),
        cmocka_unit_test(test_no_address_space), cmocka_unit_test(test_two_owners),
        cmocka_unit_test(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

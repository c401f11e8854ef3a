/*
 * collapse_test.c: which chunks are collapsed into huge pages, when, how many at a time, and that purging
 * spares them while it can.
 *
 * The system call is replaced by one that notes what it is asked for and answers as told.
 */
#include "unit/unit.h"

#include "opt/opt.h"
#include "os/os.h"
#include "pages/collapse.h"
#include "pages/purge.h"

enum { DECAY_MS = 1000, PIECE = 16, PIECES = CHUNK_GRANULES / PIECE, PLAIN_CHUNKS = 8 };

static struct space space;
static struct pages pages;
static struct os_page_ops real;

static size_t ncalls;
static uintptr_t last_address;
static enum os_collapse answer;

static enum os_collapse noted_collapse(void *address, size_t size) {
    ncalls++;
    last_address = (uintptr_t)address;
    assert_int_equal(size, CHUNK_SIZE);
    assert_int_equal(last_address % CHUNK_SIZE, 0);
    assert_int_equal(pages.lock.word, LOCK_FREE);
    assert_int_equal(space.lock.word, LOCK_FREE);
    return answer;
}

static struct run *allocate(unsigned n, bool written) {
    bool zeroed;
    struct run *run = pages_alloc(&pages, n, 1, RUN_SLAB, &zeroed);
    assert_non_null(run);
    if (written) {
        memset((void *)run_address(run), 1, n * GRANULE_SIZE);
    }
    return run;
}

/* A chunk that is full, or full but for what the system was not asked for yet. */
static struct chunk *fill_chunk(struct run *runs[PIECES], bool written) {
    for (unsigned i = 0; i < PIECES; i++) {
        runs[i] = allocate(PIECE, written);
        assert_ptr_equal(runs[i]->chunk, runs[0]->chunk);
    }
    assert_true(runs[0]->chunk->free == 0);
    return runs[0]->chunk;
}

/* Behind what is kept from huge pages. */
static void start(void) {
    opts.thp = THP_COLLAPSE;
    opts.dirty_decay_ms = 10000; /* whatever the environment says */
    space = (struct space){0};
    space_init(&space);
    space.next_region_bytes = (size_t)1 << 26;
    memset(&pages, 0, sizeof(pages));
    pages_init(&pages, &space, DECAY_MS, 0);
    purge_page_size = 4096;
    space_advice.given = space_advice.refused = space_advice.against = 0;
    os_page_ops = real;
    os_page_ops.collapse = noted_collapse;
    answer = OS_COLLAPSE_DONE;
    ncalls = 0;
    bool zeroed;
    assert_non_null(pages_alloc_big(&pages, PLAIN_CHUNKS * CHUNK_GRANULES, 1, &zeroed));
    space_advice.against = 0; /* the first range */
}

static void finish(void) {
    pages_check(&pages);
    space_check(&space);
    opts.thp = THP_DEFAULT;
    os_page_ops = real;
}

/* Time goes on by itself where a test does not say it. */
static uint64_t look_at(uint64_t ms, unsigned budget) {
    space.watch_ns = 0;
    return collapse_dense(&space, ms * 1000000, budget);
}

static void test_dense(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    const struct chunk *chunk = fill_chunk(runs, true);
    look_at(10, 1);
    look_at(10 + DECAY_MS - 2, 1);
    assert_int_equal(ncalls, 0);
    look_at(10 + DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 1);
    assert_int_equal(last_address, chunk->base);
    assert_true(chunk->huge);
    assert_int_equal(space_advice.given, 1);
    look_at(10 + 9 * DECAY_MS, 1);
    assert_int_equal(ncalls, 1);
    finish();
}

/* The first look that finds room ends what was. */
static void test_interrupted(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    fill_chunk(runs, true);
    look_at(10, 1);
    pages_free(&pages, runs[0]);
    look_at(500, 1);
    runs[0] = allocate(PIECE, true);
    look_at(510, 1);
    look_at(10 + DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 0);
    look_at(510 + DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 1);
    finish();
}

/* What was given back inside slabs is not there: only once it is used again, the chunk is dense. */
static void test_absent(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    struct chunk *chunk = fill_chunk(runs, true);
    chunk->nabsent = 1;
    look_at(10, 1);
    look_at(10 + 2 * DECAY_MS, 1);
    assert_int_equal(ncalls, 0);
    chunk->nabsent = 0;
    look_at(20 + 2 * DECAY_MS, 1);
    look_at(20 + 3 * DECAY_MS - 2, 1);
    assert_int_equal(ncalls, 0);
    look_at(20 + 3 * DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 1);
    finish();
}

/* A little of it may be free, but only dirty: what is clean has no memory. */
static void test_nearly_dense(void **state) {
    (void)state;
    for (unsigned n = COLLAPSE_FREE; n <= COLLAPSE_FREE + 1; n++) {
        for (unsigned clean = 0; clean < 2; clean++) {
            start();
            struct run *runs[PIECES];
            fill_chunk(runs, true);
            assert_true(pages_resize(&pages, runs[0], PIECE - n));
            if (clean) {
                purge_all(&pages);
            }
            look_at(10, 1);
            look_at(10 + DECAY_MS + 2, 1);
            assert_int_equal(ncalls, n == COLLAPSE_FREE && !clean);
            finish();
        }
    }
}

/* What the program did not write to stays without memory. */
static void test_sparse(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    fill_chunk(runs, false);
    for (unsigned i = 1; i < PIECES; i++) {
        memset((void *)run_address(runs[i]), 1, PIECE * GRANULE_SIZE);
    }
    look_at(10, 1);
    look_at(10 + DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 0);
    assert_int_equal(space_advice.refused, 0);
    memset((void *)run_address(runs[0]), 1, (PIECE - PIECE / 4) * GRANULE_SIZE);
    look_at(20 + 2 * DECAY_MS, 1);
    assert_int_equal(ncalls, 1);
    finish();
}

/* Whole chunks of a big object one by one, and not those of the first range. */
static void test_big(void **state) {
    (void)state;
    start();
    bool zeroed;
    struct chunk *head = pages_alloc_big(&pages, 5 * CHUNK_GRANULES + 3, 1, &zeroed);
    memset((void *)head->base, 1, 5 * CHUNK_SIZE + 3 * GRANULE_SIZE);
    look_at(10, 2);
    uint64_t soon = look_at(10 + DECAY_MS + 2, 2);
    assert_int_equal(ncalls, 2);
    assert_true(head[0].huge && head[1].huge && !head[2].huge);
    assert_true(soon <= (uint64_t)(10 + DECAY_MS + 2 + 10) * 1000000);
    look_at(10 + DECAY_MS + 12, 2);
    assert_int_equal(ncalls, 4);
    uint64_t later = look_at(10 + DECAY_MS + 22, 2);
    assert_int_equal(ncalls, 5); /* the one with the object's end is not dense */
    assert_true(later >= (uint64_t)(10 + DECAY_MS + 22 + 1000) * 1000000);
    assert_int_equal(collapse_dense(&space, (10 + DECAY_MS + 30) * (uint64_t)1000000, 2), later);
    pages_free_big(&pages, head, false);
    head = pages_alloc_big(&pages, 2 * CHUNK_GRANULES, 1, &zeroed);
    assert_true(!head->huge && head->dense_since_ms == 0);
    finish();
}

/* Refused once: it waits twice as long. */
static void test_refused(void **state) {
    (void)state;
    start();
    answer = OS_COLLAPSE_REFUSED;
    struct run *runs[PIECES];
    const struct chunk *chunk = fill_chunk(runs, true);
    look_at(10, 1);
    look_at(2000, 1);
    assert_int_equal(ncalls, 1);
    assert_int_equal(space_advice.refused, 1);
    look_at(2000 + 2 * DECAY_MS - 2, 1);
    assert_int_equal(ncalls, 1);
    answer = OS_COLLAPSE_DONE;
    look_at(2000 + 2 * DECAY_MS + 2, 1);
    assert_int_equal(ncalls, 2);
    assert_true(chunk->huge);
    finish();
}

/* Somebody purges: it can wait. */
static void test_busy(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    fill_chunk(runs, true);
    look_at(10, 1);
    purge_suspend(&pages);
    look_at(2000, 1);
    assert_int_equal(ncalls, 0);
    purge_resume(&pages);
    look_at(2010, 1);
    assert_int_equal(ncalls, 1);
    finish();
}

static void test_purge_spares(void **state) {
    (void)state;
    start();
    struct run *runs[PIECES];
    struct run *others[PIECES];
    struct chunk *chunk = fill_chunk(runs, true);
    look_at(10, 1);
    look_at(2000, 1);
    assert_true(chunk->huge);
    assert_true(pages_resize(&pages, runs[0], PIECE - 4));
    struct chunk *other = fill_chunk(others, true);
    assert_true(pages_resize(&pages, others[0], PIECE - 4));
    assert_ptr_not_equal(chunk, other);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 8);

    /* The curve lets half of it stay. */
    purge_set_decay_ms(&pages, PAGES_DIRTY, DECAY_MS, (uint64_t)5000 * 1000000);
    purge_decay_now(&pages, (uint64_t)(5000 + DECAY_MS / 60) * 1000000);
    purge_decay_now(&pages, (uint64_t)(5000 + DECAY_MS / 6) * 1000000);
    assert_true(chunk->huge);
    assert_int_equal(bits128_count(chunk->dirty), 4);
    assert_true(bits128_count(other->dirty) < 4);
    assert_int_equal(space_advice.against, 0);

    purge_decay_now(&pages, (uint64_t)(5000 + 2 * DECAY_MS) * 1000000);
    assert_true(!chunk->huge);
    assert_int_equal(pages_unused(&pages, PAGES_DIRTY), 0);
    assert_int_equal(space_advice.against, 1);
    finish();
}

/* The last test: it is not tried any more in this process. */
static void test_impossible(void **state) {
    (void)state;
    start();
    answer = OS_COLLAPSE_IMPOSSIBLE;
    bool zeroed;
    struct chunk *head = pages_alloc_big(&pages, 12 * CHUNK_GRANULES, 1, &zeroed);
    memset((void *)head->base, 1, 12 * CHUNK_SIZE);
    look_at(10, 20);
    look_at(2000, COLLAPSE_REFUSALS - 1);
    assert_int_equal(ncalls, COLLAPSE_REFUSALS - 1);
    assert_true(look_at(2010, 1) != UINT64_MAX);
    assert_int_equal(ncalls, COLLAPSE_REFUSALS);
    assert_true(look_at(2020, 20) == UINT64_MAX);
    assert_int_equal(ncalls, COLLAPSE_REFUSALS);
    assert_int_equal(space_advice.refused, COLLAPSE_REFUSALS);
    finish();
}

int main(void) {
    unit_start();
    real = os_page_ops;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_nearly_dense), cmocka_unit_test(test_absent),
        cmocka_unit_test(test_sparse),       cmocka_unit_test(test_big),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_busy),
        cmocka_unit_test(test_purge_spares), cmocka_unit_test(test_impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

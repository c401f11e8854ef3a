/*
 * large_test.c: large objects: sizes, alignment, growth in place, moves, zeroing, and bad pointers.
 */
#include "unit/unit.h"

#include "heap/large.h"
#include "opt/opt.h"
#include "os/os.h"

enum { LIVE = 40 };

static struct space space;
static struct arena arena;
static struct os_page_ops real;

static int setup(void **state) {
    (void)state;
    unit_start();
    real = os_page_ops;
    space_init(&space);
    memset(&arena, 0, sizeof(arena));
    arena_init(&arena, 0, &space);
    return 0;
}

static int restore(void **state) {
    (void)state;
    os_page_ops = real;
    purge_page_size = 4096;
    return 0;
}

static struct large find(const void *p) {
    struct large large = large_find(p);
    assert_non_null(large.chunk);
    return large;
}

static void check_books_of(struct arena *of, size_t live, size_t bytes) {
    uint64_t counted = 0;
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        assert_true(of->pages.large.nmalloc[i] >= of->pages.large.ndalloc[i]);
        counted += of->pages.large.nmalloc[i] - of->pages.large.ndalloc[i];
    }
    assert_int_equal(counted, live);
    assert_int_equal(of->pages.large.bytes, bytes);
    arena_check(of);
}

static void check_books(size_t live, size_t bytes) {
    check_books_of(&arena, live, bytes);
}

struct object {
    char *p;
    size_t usable;
    uint64_t seed;
};

static void write_edges(const struct object *object) {
    for (size_t at = 0; at < object->usable; at += 4096) {
        *(uint64_t *)(object->p + at) = object->seed + at;
    }
    *(uint64_t *)(object->p + object->usable - 8) = object->seed;
}

static void check_edges(const struct object *object, size_t to) {
    for (size_t at = 0; at + 4096 <= to; at += 4096) {
        if (*(uint64_t *)(object->p + at) != object->seed + at) {
            fail_msg("object of %zu bytes changed at %zu", object->usable, at);
        }
    }
}

static void allocate(struct prng *prng, struct object *object) {
    size_t request = SIZECLASS_MAX + 1 + prng_size(prng, (size_t)9 << 20);
    size_t alignment = prng_one_in(prng, 4) ? (size_t)1 << prng_below(prng, 25) : 1;
    bool zero = prng_one_in(prng, 3);
    object->p = large_alloc(&arena, request, alignment, zero);
    assert_non_null(object->p);
    assert_int_equal((uintptr_t)object->p % alignment, 0);
    assert_int_equal((uintptr_t)object->p % GRANULE_SIZE, 0);
    object->usable = large_usable(find(object->p));
    assert_int_equal(object->usable, round_up(request, purge_page_size));
    assert_int_equal(map_class_of(object->p), 0);
    assert_true(!zero || unit_is_filled(object->p, object->usable, 0));
    object->seed = prng_next(prng);
    write_edges(object);
}

static void resize(struct prng *prng, struct object *object) {
    size_t request = prng_one_in(prng, 2) ? prng_below(prng, 2 * object->usable) + 1
                                          : object->usable + prng_below(prng, 70000);
    bool done = large_resize(find(object->p), request);
    if (request <= SIZECLASS_MAX) {
        assert_false(done);
    }
    if (done) {
        size_t old = object->usable;
        object->usable = large_usable(find(object->p));
        assert_int_equal(object->usable, round_up(request, purge_page_size));
        check_edges(object, old < object->usable ? old : object->usable);
        write_edges(object);
    } else {
        assert_int_equal(large_usable(find(object->p)), object->usable);
    }
}

static void random_steps(struct prng *prng, unsigned steps) {
    struct object live[LIVE] = {{NULL, 0, 0}};
    size_t n = 0;
    size_t bytes = 0;
    for (unsigned step = 0; step < steps; step++) {
        struct object *object = &live[prng_below(prng, LIVE)];
        if (object->p == NULL) {
            allocate(prng, object);
            n++;
            bytes += object->usable;
        } else if (prng_one_in(prng, 2)) {
            bytes -= object->usable;
            resize(prng, object);
            bytes += object->usable;
        } else {
            check_edges(object, object->usable);
            bytes -= object->usable;
            n--;
            large_free(find(object->p));
            assert_null(large_find(object->p).chunk);
            object->p = NULL;
        }
        check_books(n, bytes);
        if (prng_one_in(prng, 100)) {
            purge_all(&arena.pages);
        }
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (live[i].p != NULL) {
            large_free(find(live[i].p));
        }
    }
    check_books(0, 0);
    assert_int_equal(arena.pages.nactive, 0);
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (purge_page_size = 4096; purge_page_size <= 65536; purge_page_size *= 4) {
        random_steps(&prng, unit_steps(800));
    }
}

static void test_find(void **state) {
    (void)state;
    bool zeroed;
    int local;
    char *run = large_alloc(&arena, 40000, 1, false);
    char *big = large_alloc(&arena, 5 << 20, 1, false);
    struct run *slab = slab_create(&arena.pages, 5);
    struct run *tail = &chunk_find_at(big + (4 << 20))->runs[0];
    assert_int_equal(tail->kind, RUN_TAIL);
    assert_non_null(large_find(run).run);
    assert_non_null(large_find(big).chunk);
    assert_null(large_find(big).run);
    static const size_t inside[] = {1, 4096, 16384, 32768};
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        assert_null(large_find(run + inside[i]).chunk);
        assert_null(large_find(big + inside[i]).chunk);
    }
    assert_null(large_find(big + CHUNK_SIZE).chunk);
    assert_null(large_find(big + 2 * CHUNK_SIZE).chunk); /* the tail */
    assert_null(large_find((void *)run_address(slab)).chunk);
    assert_null(large_find(NULL).chunk);
    assert_null(large_find(&local).chunk);
    assert_null(large_find((void *)UINTPTR_MAX).chunk);
    slab_destroy(&arena.pages, slab);
    large_free(find(run));
    large_free(find(big));
    assert_null(large_find(run).chunk);
    assert_null(large_find(big).chunk);
    assert_null(large_find(big + 2 * CHUNK_SIZE).chunk);
    struct run *other = pages_alloc(&arena.pages, 1, 1, RUN_SLAB, &zeroed);
    assert_null(large_find((void *)run_address(other)).chunk);
    pages_free(&arena.pages, other);
    check_books(0, 0);
}

/* Aligned beyond what a class gives, objects may be small. */
static void test_small_but_aligned(void **state) {
    (void)state;
    for (size_t alignment = 32768; alignment <= (size_t)1 << 30; alignment *= 2) {
        for (size_t request = 0; request <= 40000; request += 20000) {
            char *p = large_alloc(&arena, request, alignment, true);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignment, 0);
            size_t usable = large_usable(find(p));
            assert_true(usable >= request && usable >= LARGE_ALIGNED_MIN);
            assert_true(unit_is_filled(p, usable, 0));
            memset(p, 1, usable);
            large_free(find(p));
        }
    }
    check_books(0, 0);
    assert_null(large_alloc(&arena, PTRDIFF_MAX, 1, false));
    assert_null(large_alloc(&arena, (size_t)1 << 50, 1, false));
    assert_null(large_alloc(&arena, 100, (size_t)1 << 62, false));
    check_books(0, 0);
    space_check(&space);
}

/* ---- moves ---- */

static bool refuse_move(void *from, void *to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return false;
}

static void test_move(void **state) {
    (void)state;
    static struct space fresh; /* so that the same chunks serve again */
    static struct arena own;
    space_init(&fresh);
    memset(&own, 0, sizeof(own));
    arena_init(&own, 1, &fresh);
    size_t size = (size_t)24 << 20;
    char *from = large_alloc(&own, size, 1, false);
    char *to = large_alloc(&own, 2 * size, 1, false);
    memset(from, 5, size);
    memset(to, 6, 2 * size);
    os_page_ops.move = refuse_move;
    assert_false(large_move(find(from), find(to)));
    assert_true(unit_is_filled(from, size, 5));
    os_page_ops = real;
    check_books_of(&own, 2, 3 * size);
    assert_false(large_move(find(to), find(from))); /* too small */
    if (!large_move(find(from), find(to))) {
        large_free(find(from));
        large_free(find(to));
        skip(); /* the kernel is too old */
    }
    assert_null(large_find(from).chunk);
    assert_true(unit_is_filled(to, size, 5));
    assert_true(unit_is_filled(to + size, size, 6));
    check_books_of(&own, 1, 2 * size);
    /* What was moved away is known to be zero, and usable. */
    bool zeroed = false;
    struct chunk *again = pages_alloc_big(&own.pages, size >> LG_GRANULE, 1, &zeroed);
    assert_ptr_equal(again->base, from);
    assert_true(zeroed);
    assert_true(unit_is_filled(from, size, 0));
    memset(from, 7, size);
    pages_free_big(&own.pages, again, false);
    char *small = large_alloc(&own, 40000, 1, false);
    assert_false(large_move(find(small), find(to))); /* not worth it */
    large_free(find(small));
    large_free(find(to));
    check_books_of(&own, 0, 0);
}

/* An object need not fill its last chunk. What lies behind its end does not move, may hold anything,
 * and must not be taken for zero afterwards. */
static void test_move_with_rest(void **state) {
    (void)state;
    static struct space fresh; /* so that the same chunks serve again */
    static struct arena own;
    space_init(&fresh);
    memset(&own, 0, sizeof(own));
    arena_init(&own, 1, &fresh);
    size_t size = (size_t)16 << 20;
    char *from = large_alloc(&own, size, 1, false);
    memset(from, 5, size);
    assert_true(large_resize(find(from), size - 4096)); /* the same granules */
    char *to = large_alloc(&own, 2 * size, 1, false);
    if (!large_move(find(from), find(to))) {
        large_free(find(from));
        large_free(find(to));
        skip();
    }
    char *zeroed = large_alloc(&own, size, 1, true);
    assert_ptr_equal(zeroed, from);
    assert_true(unit_is_filled(zeroed, size, 0));
    large_free(find(zeroed));
    large_free(find(to));
    arena_check(&own);
}

/* A copy of a copy: the second move starts from pages that came by a move themselves. */
static void test_moves_of_moves(void **state) {
    (void)state;
    size_t size = (size_t)10 << 20;
    char *p = large_alloc(&arena, size, 1, false);
    memset(p, 9, size);
    for (unsigned i = 0; i < 6; i++) {
        char *larger = large_alloc(&arena, size + ((size_t)6 << 20), 1, false);
        memset(larger, 1, size + ((size_t)6 << 20));
        if (!large_move(find(p), find(larger))) {
            memcpy(larger, p, size); /* as realloc does: `to` must still be there */
            large_free(find(p));
        }
        assert_true(unit_is_filled(larger, size, 9));
        p = larger;
        size += (size_t)6 << 20;
        memset(p, 9, size);
    }
    large_free(find(p));
    check_books(0, 0);
}

/* ---- room to grow ---- */

static size_t active(void) {
    return gauge_read(&arena.pages.nactive);
}

/* It grows into its room though others need memory meanwhile, and gives it back when it shrinks. */
static void check_room(size_t size, size_t room) {
    char *p = large_alloc_growing(&arena, size, room);
    assert_non_null(p);
    size_t held = active();
    char *others[40];
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = large_alloc(&arena, 40000 + i * 10000, 1, false);
    }
    assert_int_equal(large_usable(find(p)), large_usable_for(size));
    memset(p, 5, size);
    for (size_t more = 0; more <= room; more += 4096) {
        assert_true(large_resize(find(p), size + more));
        assert_int_equal(large_usable(find(p)), large_usable_for(size + more));
    }
    assert_true(unit_is_filled(p, size, 5));
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        large_free(find(others[i]));
    }
    assert_int_equal(active(), held);
    size_t step = purge_page_size > GRANULE_SIZE ? purge_page_size : GRANULE_SIZE;
    size_t less = large_usable_for(size) - step;
    assert_true(large_resize(find(p), less));
    assert_int_equal(active(), div_round_up(less, GRANULE_SIZE));
    large_free(find(p));
    check_books(0, 0);
}

static void test_room(void **state) {
    (void)state;
    check_room(100000, 25000);
    check_room(CHUNK_SIZE - 100000, 90000);
    check_room((size_t)3 << 20, 700000);
    check_room((size_t)9 << 20, (size_t)2 << 20);
}

static void test_no_memory_for_room(void **state) {
    (void)state;
    char *p = large_alloc_growing(&arena, (size_t)3 << 20, (size_t)1 << 50);
    assert_non_null(p);
    assert_int_equal(large_usable(find(p)), 3 << 20);
    large_free(find(p));
    check_books(0, 0);
}

/* ---- reports ---- */

static void report(void *context) {
    large_report("realloc", context);
}

static void test_reports(void **state) {
    (void)state;
    int local = 0;
    char *run = large_alloc(&arena, 100000, 1, false);
    char *big = large_alloc(&arena, 5 << 20, 1, false);
    unit_expect_abort(report, &local, "not an object of this allocator");
    unit_expect_abort(report, run + 1, "points into a large object");
    unit_expect_abort(report, big + 4096, "points into a large object");
    unit_expect_abort(report, big + CHUNK_SIZE + 1, "points into a large object");
    unit_expect_abort(report, big + 2 * CHUNK_SIZE + 1, "points into a large object");
    unit_expect_abort(report, big, "realloc(0x");
    large_free(find(run));
    large_free(find(big));
    unit_expect_abort(report, run, "double free");
    unit_expect_abort(report, big, "double free");
}

/* ---- no memory ---- */

static void *no_reserve(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    os_page_ops.reserve = no_reserve;
    size_t reserved = space.reserved_bytes;
    assert_null(large_alloc(&arena, (size_t)1 << 44, 1, false));
    assert_int_equal(space.reserved_bytes, reserved);
    check_books(0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_random, restore),
        cmocka_unit_test_teardown(test_find, restore),
        cmocka_unit_test_teardown(test_small_but_aligned, restore),
        cmocka_unit_test_teardown(test_move, restore),
        cmocka_unit_test_teardown(test_move_with_rest, restore),
        cmocka_unit_test_teardown(test_moves_of_moves, restore),
        cmocka_unit_test_teardown(test_room, restore),
        cmocka_unit_test_teardown(test_no_memory_for_room, restore),
        cmocka_unit_test_teardown(test_reports, restore),
        cmocka_unit_test_teardown(test_no_memory, restore),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

/*
 * reset_test.c: manual arenas: what they hold, resetting and destroying them, and what is left.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "alloc/fast.h"
#include "alloc/object.h"
#include "heap/arenas.h"
#include "heap/large.h"
#include "heap/reset.h"
#include "meta/meta.h"
#include "opt/opt.h"
#include "os/os.h"

enum { OBJECTS = 3000, ROUNDS = 300, THREADS = 3 };

static int setup(void **state) {
    (void)state;
    unit_start();
    return 0;
}

static void *allocate(struct arena *arena, size_t size) {
    void *object = NULL;
    if (size > SIZECLASS_MAX) {
        return large_alloc(arena, size, 1, false);
    }
    assert_int_equal(arena_fill(arena, sizeclass_of(size), &object, 1), 1);
    return object;
}

/* Mostly small, some of every kind: slabs, runs, whole chunks with tails. */
static size_t random_size(struct prng *prng) {
    switch (prng_below(prng, 64)) {
    case 0:
        return 1 + prng_below(prng, 3 << 20);
    case 1:
    case 2:
    case 3:
        return 1 + prng_below(prng, 300000);
    default:
        return 1 + prng_below(prng, prng_below(prng, 4) == 0 ? SIZECLASS_MAX : 700);
    }
}

static void populate(struct arena *arena, struct prng *prng, void **objects, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        size_t size = random_size(prng);
        objects[i] = allocate(arena, size);
        assert_non_null(objects[i]);
        memset(objects[i], (int)i, size < 64 ? size : 64);
    }
}

static void assert_empty(struct arena *arena) {
    arena_check(arena);
    assert_int_equal(arena->pages.nactive, 0);
    assert_int_equal(arena->pages.large.bytes, 0);
    assert_memory_equal(arena->pages.large.nmalloc, arena->pages.large.ndalloc,
                        sizeof(arena->pages.large.nmalloc));
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(arena->bins[class].nmalloc, arena->bins[class].ndalloc);
        assert_int_equal(arena->bins[class].nslabs, 0);
    }
}

static void test_identity(void **state) {
    (void)state;
    uint64_t before_ns = os_coarse_clock_ns();
    struct arena *a = arenas_create(NULL);
    struct arena *b = arenas_create(NULL);
    assert_true(arena_is_manual(a) && arena_is_manual(b));
    assert_false(arena_is_manual(arenas_get(0)));
    assert_true(a->index >= arenas_limit());
    assert_int_equal(b->index, a->index + 1);
    assert_ptr_equal(arenas_get(a->index), a);
    assert_null(arenas_auto(a->index));
    assert_true(a->created_ns >= before_ns);
    char name[ARENA_NAME];
    char expected[ARENA_NAME];
    arenas_read_name(arenas_get(0), name);
    assert_string_equal(name, "auto_0");
    arenas_read_name(b, name);
    snprintf(expected, sizeof(expected), "manual_%u", b->index);
    assert_string_equal(name, expected);
    arenas_rename(b, "a name of more than thirty-one characters");
    arenas_read_name(b, name);
    assert_string_equal(name, "a name of more than thirty-one ");

    unsigned number = a->index;
    assert_true(arenas_destroy(a));
    assert_null(arenas_get(number));
    assert_false(arenas_destroy(a));
    number = b->index;
    assert_true(arenas_destroy(b));
    struct arena *again = arenas_create(NULL); /* the number freed last comes first */
    assert_int_equal(again->index, number);
    arenas_read_name(again, name);
    assert_string_equal(name, expected);
    assert_true(arenas_destroy(again));
    assert_false(arenas_destroy(arenas_get(0)));
}

static void test_automatic(void **state) {
    (void)state;
    unsigned last = arenas_limit() - 1;
    struct arena *arena = arenas_auto(last);
    assert_non_null(arena);
    assert_int_equal(arena->index, last);
    assert_ptr_equal(arenas_auto(last), arena);
    assert_ptr_equal(arenas_get(last), arena);
    assert_null(arenas_auto(last + 1));
}

/* The public paths know the objects, and keep them out of every cache. */
static void test_objects(void **state) {
    (void)state;
    struct arena *arena = arenas_create(NULL);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        size_t size = sizeclasses[class].size;
        unsigned char *p = allocate(arena, size);
        assert_int_equal(map_class_of(p), MAP_MANUAL);
        assert_int_equal(slab_class_of(p), class);
        assert_int_equal(object_usable(p, "test"), size);
        assert_ptr_equal(arenas_of_pointer(p), arena);
        assert_ptr_equal(arenas_of_pointer(p + size - 1), arena);
        memset(p, 0x3c, size);
        uint64_t ndalloc = arena->bins[class].ndalloc;
        fast_free(p);
        assert_int_equal(arena->bins[class].ndalloc, ndalloc + 1);
        void *q = fast_malloc(size); /* the freed one is not what comes next */
        assert_ptr_not_equal(arenas_of_pointer(q), arena);
        fast_free(q);
        p = allocate(arena, size);
        memset(p, 0x5d, size);
        unsigned char *moved = object_resize(p, 2 * size, "test");
        assert_true(unit_is_filled(moved, size, 0x5d));
        assert_ptr_not_equal(arenas_of_pointer(moved), arena);
        assert_int_equal(arena->bins[class].ndalloc, ndalloc + 2);
        fast_free(moved);
    }
    size_t larges[] = {40000, 600000, 5000000};
    for (unsigned i = 0; i < ARRAY_LEN(larges); i++) {
        char *p = allocate(arena, larges[i]);
        assert_ptr_equal(arenas_of_pointer(p), arena);
        assert_ptr_equal(arenas_of_pointer(p + larges[i] - 1), arena);
        fast_free(p);
        if (larges[i] < CHUNK_SIZE) {
            assert_null(arenas_of_pointer(p));
        }
    }
    int on_stack;
    assert_null(arenas_of_pointer(&on_stack));
    assert_null(arenas_of_pointer(NULL));
    arena_trim(arena, true);
    assert_empty(arena);
    assert_true(arenas_destroy(arena));
}

static void double_free(void *context) {
    struct arena *arena = context;
    void *keeps_the_slab = allocate(arena, 100);
    void *p = allocate(arena, 100);
    fast_free(p);
    fast_free(p);
    fast_free(keeps_the_slab);
}

static void interior_free(void *context) {
    char *p = allocate(context, 100);
    fast_free(p + 16);
}

/* What has gone through no cache is noticed at once. */
static void test_misuse(void **state) {
    (void)state;
    struct arena *arena = arenas_create(NULL);
    unit_expect_abort(double_free, arena, "double free");
    unit_expect_abort(interior_free, arena, "not to the start");
    assert_true(arenas_destroy(arena));
}

static void test_reset(void **state) {
    (void)state;
    static void *objects[OBJECTS];
    static void *others[OBJECTS];
    struct prng prng = unit_prng();
    struct arena *arena = arenas_create(NULL);
    struct arena *other = arenas_create(NULL);
    for (unsigned round = 0; round < 8; round++) {
        populate(arena, &prng, objects, OBJECTS);
        populate(other, &prng, others, OBJECTS / 8);
        for (unsigned i = 0; i < OBJECTS; i += 1 + round) { /* partly full slabs, kept runs */
            fast_free(objects[i]);
        }
        arena_check(arena);
        arena_reset(arena);
        assert_empty(arena);
        for (unsigned i = 0; i < OBJECTS; i++) {
            assert_ptr_not_equal(arenas_of_pointer(objects[i]), arena);
        }
        for (unsigned i = 0; i < OBJECTS / 8; i++) { /* untouched by the neighbour's end */
            assert_ptr_equal(arenas_of_pointer(others[i]), other);
            assert_int_equal(*(unsigned char *)others[i], (unsigned char)i);
            fast_free(others[i]);
        }
    }
    arena_trim(other, true);
    assert_empty(other);
    assert_true(arenas_destroy(arena) && arenas_destroy(other));
    arenas_check();
}

static uint64_t sum(const struct arena *arena) {
    uint64_t n = arena->merged_requests[5];
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        n += arena->pages.large.nmalloc[i];
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        n += arena->bins[class].nmalloc + arena->bins[class].ncreated;
    }
    return n;
}

static void test_destroy(void **state) {
    (void)state;
    static void *objects[OBJECTS];
    struct prng prng = unit_prng();
    struct arena *arena = arenas_create(NULL);
    uint64_t before = sum(arenas_destroyed());
    populate(arena, &prng, objects, OBJECTS);
    uint64_t counted = sum(arena);
    assert_true(counted >= OBJECTS);
    assert_true(arenas_bind_to(arena));
    assert_false(arenas_destroy(arena)); /* a thread uses it */
    arenas_unbind(arena);
    assert_true(arenas_destroy(arena));
    assert_false(arenas_bind_to(arena));
    assert_int_equal(sum(arenas_destroyed()), before + counted);
    assert_int_equal(sum(arena), 0);
    assert_int_equal(arena->pages.nchunks, 0);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    arenas_check();
}

/* Numbers, descriptors and chunks of the dead serve the next ones. */
static void test_no_leak(void **state) {
    (void)state;
    static void *objects[64];
    struct prng prng = unit_prng();
    size_t meta = 0;
    size_t committed = 0;
    unsigned n = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct arena *arena = arenas_create(NULL);
        assert_non_null(arena);
        populate(arena, &prng, objects, ARRAY_LEN(objects));
        void *big = allocate(arena, 40 << 20);
        assert_non_null(big);
        assert_true(arenas_destroy(arena));
        if (round == ROUNDS / 2) {
            meta = meta_allocated_bytes();
            committed = arenas_space.committed_bytes;
            n = arenas_count();
        }
    }
    assert_int_equal(arenas_count(), n);
    assert_true(meta_allocated_bytes() - meta <= 64 << 10);
    assert_true(arenas_space.committed_bytes - committed <= 64 << 20);
}

static void *churn_own_arena(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    void *objects[200];
    for (unsigned round = 0; round < unit_steps(40); round++) {
        struct arena *arena = arenas_create(NULL);
        for (unsigned i = 0; i < ARRAY_LEN(objects); i++) {
            size_t size = random_size(&prng);
            objects[i] = allocate(arena, size);
            *(unsigned char *)objects[i] = 1;
            if (i % 3 == 0) {
                fast_free(objects[i]);
            }
        }
        if (round % 2 == 0) {
            arena_reset(arena);
        }
        if (!arenas_destroy(arena)) {
            abort();
        }
    }
    return NULL;
}

static void *churn_automatic(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    for (unsigned i = 0; i < unit_steps(40000); i++) {
        size_t size = random_size(&prng);
        unsigned char *p = fast_malloc(size);
        p[0] = 1;
        p[size - 1] = 2;
        fast_free(p);
        if (i % 1000 == 0) { /* purging and trimming by the way, of all arenas */
            arenas_decay(os_clock_ns() + (uint64_t)i * 1000000000);
            struct arena *arena;
            for (unsigned k = 0; (arena = arenas_next(&k)) != NULL;) {
                arena_trim(arena, true);
            }
        }
    }
    return NULL;
}

static void test_busy(void **state) {
    (void)state;
    pthread_t threads[2 * THREADS];
    for (unsigned i = 0; i < 2 * THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i % 2 == 0 ? churn_own_arena : churn_automatic,
                                        (void *)(uintptr_t)(i + 1)),
                         0);
    }
    for (unsigned i = 0; i < 2 * THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    arenas_check();
}

static bool use_in_child(void *context) {
    void **objects = context;
    struct arena *arena = arenas_of_pointer(objects[0]);
    fast_free(objects[0]);
    if (allocate(arena, 100) == NULL) {
        return false;
    }
    arena_reset(arena);
    bool empty = arena->pages.nactive == 0;
    return arenas_destroy(arena) && empty && arenas_create(NULL) == arena;
}

static void test_fork(void **state) {
    (void)state;
    static void *objects[OBJECTS];
    struct prng prng = unit_prng();
    struct arena *arena = arenas_create(NULL);
    populate(arena, &prng, objects, OBJECTS);
    unit_expect_in_child(use_in_child, objects);
    assert_ptr_equal(arenas_of_pointer(objects[0]), arena);
    assert_true(arenas_destroy(arena));
}

int main(void) {
    unit_need_address_space();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity), cmocka_unit_test(test_automatic),
        cmocka_unit_test(test_objects),  cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_reset),    cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_no_leak),  cmocka_unit_test(test_busy),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

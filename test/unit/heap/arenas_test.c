/*
 * arenas_test.c: creating arenas on demand and spreading threads over them.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "heap/arenas.h"
#include "heap/scavenge.h"
#include "meta/meta.h"
#include "opt/opt.h"
#include "os/cpus.h"
#include "os/os.h"

enum { MANY = 40, THREADS = 4 };

static void test_start(void **state) {
    (void)state;
    assert_true(arenas_count() >= 1);
    assert_non_null(arenas_get(0));
    assert_int_equal(arenas_get(0)->index, 0);
    assert_null(arenas_get(arenas_count()));
    assert_null(arenas_get(ARENAS_MAX));
    assert_null(arenas_get(UINT32_MAX));
    assert_int_equal(opt_find("narenas", 7)->max, ARENAS_MAX - 1);
}

/* No arena gets a second user while another one has none, and none a third before all have two. */
static void test_bind(void **state) {
    (void)state;
    static struct arena *bound[MANY];
    unsigned limit = arenas_limit();
    unsigned ncpus = os_cpu_count();
    assert_true(opts.narenas == 0);
    assert_int_equal(limit, ncpus == 1 ? 1 : 2 * ncpus);
    for (unsigned i = 0; i < MANY; i++) {
        bound[i] = arenas_bind();
        assert_non_null(bound[i]);
        assert_ptr_equal(arenas_get(bound[i]->index), bound[i]);
        unsigned least = UINT32_MAX;
        unsigned most = 0;
        unsigned sum = 0;
        for (unsigned k = 0; k < arenas_count(); k++) {
            unsigned n = arenas_get(k)->nthreads;
            least = n < least ? n : least;
            most = n > most ? n : most;
            sum += n;
        }
        assert_int_equal(sum, i + 1);
        assert_true(most - least <= 1);
        unsigned wanted = i + 1 < limit ? i + 1 : limit;
        assert_int_equal(arenas_count(), wanted);
    }
    arenas_unbind(bound[3]); /* a place becomes free, and is taken again */
    assert_ptr_equal(arenas_bind(), bound[3]);
    for (unsigned i = 0; i < MANY; i++) {
        arenas_unbind(bound[i]);
    }
    for (unsigned k = 0; k < arenas_count(); k++) {
        assert_int_equal(arenas_get(k)->nthreads, 0);
    }
    assert_ptr_equal(arenas_bind(), arenas_get(0));
    arenas_unbind(arenas_get(0));
    arenas_check();
}

static void *bind_and_unbind(void *argument) {
    (void)argument;
    for (unsigned i = 0; i < 20000; i++) {
        struct arena *arena = arenas_bind();
        if (arenas_get(arena->index) != arena || arena->nthreads == 0 ||
            arena->nthreads > THREADS) {
            abort();
        }
        arenas_unbind(arena);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, bind_and_unbind, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned k = 0; k < arenas_count(); k++) {
        assert_int_equal(arenas_get(k)->nthreads, 0);
    }
}

/* Decay visits every arena. */
static void test_decay(void **state) {
    (void)state;
    struct arena *all[8];
    unsigned n = arenas_count() < 8 ? arenas_count() : 8;
    for (unsigned i = 0; i < n; i++) {
        all[i] = arenas_get(i);
        bool zeroed;
        struct run *run = pages_alloc(&all[i]->pages, 9, 1, RUN_SLAB, &zeroed);
        *(char *)run_address(run) = 1;
        pages_free(&all[i]->pages, run);
        assert_true(pages_unused(&all[i]->pages, PAGES_DIRTY) >= 9);
    }
    uint64_t epoch = decay_epoch_ns(&all[0]->pages.decay[PAGES_DIRTY]);
    uint64_t now = os_coarse_clock_ns();
    for (unsigned i = 0; i < 70; i++) {
        arenas_decay(now += 2 * epoch);
    }
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(pages_unused(&all[i]->pages, PAGES_DIRTY), 0);
    }
    arenas_check();
}

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static void fill(struct arena *arena, void **objects, unsigned count) {
    for (unsigned n = 0; n < count;) {
        n += arena_fill(arena, 36, objects + n, 1);
    }
}

/* Of every slab of eight objects, those of the given remainder. */
static void drop(void **objects, unsigned count, bool first) {
    for (unsigned i = 0; i < count; i++) {
        if ((i % 8 == 0) == first) {
            arena_drain(36, &objects[i], 1);
        }
    }
}

/* One arena has far more to look into than one call may; the others have their turn. */
static void test_turns(void **state) {
    (void)state;
    enum {
        MOST_CALLS = 12,
        CROWD = 8 * 2 * MOST_CALLS * SCAVENGE_EFFORT / SCAVENGE_CALL,
        FEW = 16
    };
    static void *many[CROWD];
    static void *few[FEW];
    struct arena *crowded = arenas_get(0);
    struct arena *other = arenas_create(NULL);
    assert_non_null(other);
    assert_true(arena_set_decay_ms(crowded, PAGES_DIRTY, 0));
    assert_true(arena_set_decay_ms(other, PAGES_DIRTY, 0));
    scavenge_least_ms = 1;
    fill(crowded, many, CROWD);
    fill(other, few, FEW);
    drop(many, CROWD, false);
    drop(few, FEW, false);
    uint64_t now_ns = 1000000000;
    for (unsigned calls = 0; scavenge_is_wanted(other); calls++) {
        assert_true(calls < MOST_CALLS);
        arenas_decay(now_ns += 10000000);
    }
    assert_true(scavenge_is_wanted(crowded));
    drop(many, CROWD, true);
    assert_true(arenas_destroy(other));
    arenas_check();
}

/* Without memory for another arena threads share the ones there are. */
static bool bind_without_memory(void *context) {
    (void)context;
    os_page_ops.map = no_map;
    while (meta_alloc(64) != NULL) {
    }
    unsigned before = arenas_count();
    opts.narenas = 100;
    for (unsigned i = 0; i < 100; i++) {
        if (arenas_bind() == NULL) {
            return false;
        }
    }
    return arenas_count() == before;
}

static void test_no_memory(void **state) {
    (void)state;
    unit_expect_in_child(bind_without_memory, NULL);
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),   cmocka_unit_test(test_bind),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_decay),
        cmocka_unit_test(test_turns),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

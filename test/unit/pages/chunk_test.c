/*
 * chunk_test.c: runs of granules in one chunk, against an array that says what each granule is.
 *
 * The chunk's memory is never touched, so it needs none.
 */
#include "unit/unit.h"

#include "meta/meta.h"
#include "meta/pool.h"
#include "os/os.h"
#include "pages/chunk.h"

enum granule { CLEAN, DIRTY, MUZZY, USED };

static struct chunk chunk;
static enum granule granules[CHUNK_GRANULES];
static unsigned run_of[CHUNK_GRANULES]; /* USED: first granule of its run */
static struct page_owner owner;

static void start(void) {
    chunk = (struct chunk){.base = (uintptr_t)1 << 45, .free = ALL_GRANULES};
    memset(granules, 0, sizeof(granules));
    assert_true(chunk_begin_cut(&chunk, &owner));
    assert_int_equal(chunk.kind, CHUNK_CUT);
    assert_ptr_equal(chunk.owner, &owner);
    assert_int_equal(chunk.longest, CHUNK_GRANULES);
}

static void check(void) {
    chunk_check(&chunk);
    for (unsigned i = 0; i < CHUNK_GRANULES; i++) {
        assert_int_equal((unsigned)(chunk.free >> i & 1), granules[i] != USED);
        assert_int_equal((unsigned)(chunk.dirty >> i & 1), granules[i] == DIRTY);
        assert_int_equal((unsigned)(chunk.muzzy >> i & 1), granules[i] == MUZZY);
        if (granules[i] != USED) {
            continue;
        }
        const char *address = (const char *)chunk.base + i * GRANULE_SIZE;
        struct run *run = chunk_run_at(&chunk, address + 1 + i);
        assert_non_null(run);
        assert_int_equal(run_first_granule(run), run_of[i]);
        assert_true(run_address(run) == chunk.base + run_of[i] * GRANULE_SIZE);
        assert_true(i < run_of[i] + run->ngranules);
    }
}

static bool fits(unsigned first, unsigned n, bool only_dirty) {
    if (first + n > CHUNK_GRANULES) {
        return false;
    }
    for (unsigned i = first; i < first + n; i++) {
        if (only_dirty ? granules[i] != DIRTY : granules[i] == USED) {
            return false;
        }
    }
    return true;
}

/* The lowest place for n granules; dirty ones before others. */
static int find_by_hand(unsigned n, unsigned alignment) {
    for (int any = 0; any < 2; any++) {
        for (unsigned first = 0; first < CHUNK_GRANULES; first += alignment) {
            if (fits(first, n, !any)) {
                return (int)first;
            }
        }
    }
    return -1;
}

static void take(unsigned first, unsigned n) {
    bool clean = true;
    bool zeroed;
    for (unsigned i = first; i < first + n; i++) {
        clean = clean && granules[i] == CLEAN;
        granules[i] = USED;
        run_of[i] = first;
    }
    struct run *run = chunk_take(&chunk, first, n, RUN_LARGE, &zeroed);
    assert_int_equal(zeroed, clean);
    assert_ptr_equal(run->chunk, &chunk);
    assert_int_equal(run->kind, RUN_LARGE);
    assert_int_equal(run->ngranules, n);
    assert_int_equal(run->usable, 0);
}

static void give(unsigned first) {
    struct run *run = &chunk.runs[first];
    unsigned n = run->ngranules;
    chunk_forget_run(&chunk, run);
    assert_int_equal(run->kind, RUN_NONE);
    chunk_release(&chunk, first, n);
    for (unsigned i = first; i < first + n; i++) {
        granules[i] = DIRTY;
    }
}

/* As a purge leaves it. */
static void clean_some(struct prng *prng, unsigned first) {
    unsigned n = (unsigned)prng_below(prng, 8) + 1;
    bool muzzy = prng_one_in(prng, 3);
    for (unsigned i = first; i < first + n && i < CHUNK_GRANULES; i++) {
        if (granules[i] != USED) {
            bits128 bit = (bits128)1 << i;
            chunk.dirty &= ~bit;
            chunk.muzzy = muzzy ? chunk.muzzy | bit : chunk.muzzy & ~bit;
            granules[i] = muzzy ? MUZZY : CLEAN;
        }
    }
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    start();
    for (unsigned step = 0; step < unit_steps(20000); step++) {
        unsigned at = (unsigned)prng_below(&prng, CHUNK_GRANULES);
        unsigned n = (unsigned)prng_size(&prng, step % 50 == 0 ? 128 : 20);
        n = n == 0 ? 1 : n;
        unsigned alignment = 1u << prng_below(&prng, prng_one_in(&prng, 3) ? 8 : 1);
        int place = find_by_hand(n, alignment);
        assert_int_equal(chunk_find(&chunk, n, alignment), place);
        if (granules[at] == USED && prng_one_in(&prng, 2)) {
            give(run_of[at]);
        } else if (place >= 0) {
            take((unsigned)place, n);
        } else if (prng_one_in(&prng, 2)) {
            clean_some(&prng, at);
        }
        check();
    }
    for (unsigned i = 0; i < CHUNK_GRANULES; i++) {
        if (granules[i] == USED) {
            give(run_of[i]);
        }
    }
    check();
    assert_int_equal(chunk.longest, CHUNK_GRANULES);
    bits128 dirty = chunk.dirty;
    size_t nfree = chunk_runs_pool.nfree;
    chunk_end_cut(&chunk);
    assert_int_equal(chunk_runs_pool.nfree, nfree + 1);
    assert_null(chunk.runs);
    assert_int_equal(chunk.kind, CHUNK_FREE);
    assert_true(chunk.dirty == dirty); /* what is dirty stays known */
}

/* Descriptors used before must not shine through in the next life of a chunk. */
static void test_second_life(void **state) {
    (void)state;
    start();
    take(3, 70);
    give(3);
    chunk_end_cut(&chunk);
    assert_true(chunk_begin_cut(&chunk, &owner));
    for (unsigned i = 0; i < CHUNK_GRANULES; i++) {
        assert_null(chunk_run_at(&chunk, (void *)(chunk.base + i * GRANULE_SIZE)));
        granules[i] = chunk.dirty >> i & 1 ? DIRTY : CLEAN;
    }
    take(100, 28);
    assert_null(chunk_run_at(&chunk, (void *)(chunk.base + 99 * GRANULE_SIZE)));
    assert_non_null(chunk_run_at(&chunk, (void *)(chunk.base + CHUNK_SIZE - 1)));
    check();
    give(100);
    chunk_end_cut(&chunk);
}

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_descriptors(void **state) {
    (void)state;
    void *(*real_map)(size_t) = os_page_ops.map;
    os_page_ops.map = no_map;
    while (meta_alloc(64) != NULL) {
    }
    while (chunk_runs_pool.nfree > 0) {
        pool_get(&chunk_runs_pool);
    }
    chunk = (struct chunk){.base = (uintptr_t)1 << 45, .free = ALL_GRANULES, .kind = CHUNK_FREE};
    assert_false(chunk_begin_cut(&chunk, &owner));
    assert_int_equal(chunk.kind, CHUNK_FREE);
    assert_null(chunk.owner);
    assert_null(chunk.runs);
    os_page_ops.map = real_map;
}

static void take_used(void *context) {
    (void)context;
    bool zeroed;
    chunk_take(&chunk, 10, 2, RUN_LARGE, &zeroed);
}

static void release_free(void *context) {
    (void)context;
    chunk_release(&chunk, 20, 1);
}

static void test_misuse_is_found(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    start();
    take(11, 4);
    unit_expect_abort(take_used, NULL, "chunk->free");
    unit_expect_abort(release_free, NULL, "chunk->free");
    give(11);
    chunk_end_cut(&chunk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_second_life),
        cmocka_unit_test(test_misuse_is_found),
        cmocka_unit_test(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

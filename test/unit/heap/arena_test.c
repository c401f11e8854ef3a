/*
 * arena_test.c: filling from and draining to several arenas at random, from one thread and from many.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "heap/arena.h"
#include "opt/opt.h"
#include "os/os.h"

enum { ARENAS = 3, LIVE = 4000, THREADS = 4 };

static struct space space;
static struct arena *arenas[ARENAS];

static struct arena *new_arena(unsigned index) {
    static struct arena memory[ARENAS + 4];
    static unsigned used;
    struct arena *arena = &memory[used++];
    memset(arena, 0, sizeof(*arena));
    arena_init(arena, index, &space);
    return arena;
}

static int setup(void **state) {
    (void)state;
    unit_start();
    space_init(&space);
    for (unsigned i = 0; i < ARENAS; i++) {
        arenas[i] = new_arena(i);
        assert_int_equal(arenas[i]->index, i);
    }
    return 0;
}

static uint64_t live_of(const struct arena *arena, unsigned class) {
    return arena->bins[class].nmalloc - arena->bins[class].ndalloc;
}

static void check_all(void) {
    for (unsigned i = 0; i < ARENAS; i++) {
        arena_check(arenas[i]);
    }
    space_check(&space);
}

static struct arena *owner_of(const void *p) {
    return arena_of(chunk_find_at(p));
}

static void stamp(void *p, unsigned class, uint64_t value) {
    size_t size = sizeclasses[class].size;
    memcpy(p, &value, 8);
    memcpy((char *)p + size - 8, &value, 8);
}

static void check_stamp(const void *p, unsigned class, uint64_t value) {
    size_t size = sizeclasses[class].size;
    uint64_t last;
    memcpy(&last, (const char *)p + size - 8, 8);
    assert_int_equal(last, value);
    if (size > 8) {
        memcpy(&last, p, 8);
        assert_int_equal(last, value);
    }
}

static void run_class(struct prng *prng, unsigned class) {
    static void *live[LIVE];
    size_t n = 0;
    size_t most = (size_t)16 << 20;
    most = most / sizeclasses[class].size < LIVE ? most / sizeclasses[class].size : LIVE;
    for (unsigned step = 0; step < unit_steps(300); step++) {
        if (prng_one_in(prng, 2)) {
            struct arena *arena = arenas[prng_below(prng, ARENAS)];
            void *slots[128];
            unsigned want = (unsigned)prng_below(prng, 128) + 1;
            want = n + want > most ? (unsigned)(most - n) : want;
            unsigned got = want == 0 ? 0 : arena_fill(arena, class, slots, want);
            assert_true(want == 0 || (got >= 1 && got <= want));
            for (unsigned i = 0; i < got; i++) {
                assert_ptr_equal(owner_of(slots[i]), arena);
                assert_int_equal(map_class_of(slots[i]), class);
                stamp(slots[i], class, (uintptr_t)slots[i] ^ class);
                live[n++] = slots[i];
            }
        } else if (n > 0) { /* of all arenas, in any order, more than a batch at once */
            for (size_t i = 0; i + 1 < n; i++) {
                size_t other = i + prng_below(prng, n - i);
                void *swapped = live[i];
                live[i] = live[other];
                live[other] = swapped;
            }
            size_t k = prng_below(prng, (n < 300 ? n : 300) + 1);
            for (size_t i = n - k; i < n; i++) {
                check_stamp(live[i], class, (uintptr_t)live[i] ^ class);
            }
            n -= k;
            arena_drain(class, live + n, (unsigned)k);
        }
        if (prng_one_in(prng, 10)) {
            arena_trim(arenas[prng_below(prng, ARENAS)], prng_one_in(prng, 2));
        }
        if (step % 16 == 0) {
            check_all();
        }
        uint64_t sum = 0;
        for (unsigned i = 0; i < ARENAS; i++) {
            sum += live_of(arenas[i], class);
        }
        assert_int_equal(sum, n);
    }
    arena_drain(class, live, (unsigned)n);
    check_all();
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static const unsigned classes[] = {1, 3, 5, 9, 14, 22, 29, 33, NCLASSES - 1};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        run_class(&prng, classes[i]);
    }
    for (unsigned i = 0; i < ARENAS; i++) {
        arena_trim(arenas[i], true);
        assert_int_equal(arenas[i]->pages.nactive, 0);
        for (unsigned class = 1; class < NCLASSES; class ++) {
            assert_int_equal(arenas[i]->bins[class].nslabs, 0);
        }
    }
    check_all();
}

static void test_counters(void **state) {
    (void)state;
    struct arena *arena = arenas[0];
    const struct bin *bin = &arena->bins[7];
    uint64_t fills = bin->nfills;
    uint64_t flushes = bin->nflushes;
    uint64_t created = bin->ncreated;
    void *slots[60];
    unsigned n = arena_fill(arena, 7, slots, 60);
    assert_int_equal(n, 60);
    for (unsigned i = 1; i < n; i++) {
        assert_true(slots[i] < slots[i - 1]); /* the last one has the lowest address */
    }
    assert_int_equal(bin->nfills, fills + 1);
    assert_int_equal(bin->ncreated, created + 1);
    assert_int_equal(arena_class_bytes(arena, 7),
                     (size_t)sizeclasses[7].slab_granules << LG_GRANULE);
    arena_drain(7, slots, n);
    assert_int_equal(bin->nflushes, flushes + 1);
    assert_int_equal(live_of(arena, 7), 0);
    arena_drain(7, slots, 0);
    assert_int_equal(bin->nflushes, flushes + 1);
    assert_int_equal(bin->nslabs, 1); /* kept */
    arena_trim(arena, true);
    assert_int_equal(arena_class_bytes(arena, 7), 0);
}

/* dirty_decay_ms:0: slabs that go are purged at once. */
static void test_immediate_purge(void **state) {
    (void)state;
    int64_t saved = opts.dirty_decay_ms;
    opts.dirty_decay_ms = 0;
    struct arena *arena = new_arena(10);
    opts.dirty_decay_ms = saved;
    void *slots[100];
    unsigned n = arena_fill(arena, 29, slots, 16);
    for (unsigned i = 0; i < n; i++) {
        memset(slots[i], 1, sizeclasses[29].size);
    }
    arena_drain(29, slots, n);
    arena_trim(arena, true);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    assert_true(arena->pages.purged[PAGES_DIRTY].granules > 0);
}

/* ---- no memory ---- */

static void *no_reserve(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    static struct space none;
    static struct arena arena;
    space_init(&none);
    memset(&arena, 0, sizeof(arena));
    arena_init(&arena, 11, &none);
    struct os_page_ops real = os_page_ops;
    os_page_ops.reserve = no_reserve;
    void *slot = NULL;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(arena_fill(&arena, class, &slot, 1), 0);
        assert_int_equal(arena.bins[class].nmalloc, 0);
        assert_int_equal(arena.bins[class].lock.word, LOCK_FREE);
    }
    assert_int_equal(arena_class_bytes(&arena, 1), 0);
    os_page_ops = real;
    assert_int_equal(arena_fill(&arena, 5, &slot, 1), 1);
    arena_drain(5, &slot, 1);
    arena_check(&arena);
}

/* ---- misuse ---- */

struct misuse {
    unsigned class;
    void *p;
};

static void drain_one(void *context) {
    struct misuse *misuse = context;
    arena_drain(misuse->class, &misuse->p, 1);
}

static void test_misuse(void **state) {
    (void)state;
    void *slots[8];
    int local = 0;
    assert_int_equal(arena_fill(arenas[0], 9, slots, 8), 8);
    struct misuse misuse = {9, (char *)slots[3] + 8};
    unit_expect_abort(drain_one, &misuse, "not to the start of an object");
    misuse.p = &local;
    unit_expect_abort(drain_one, &misuse, "not an object of this allocator");
    misuse = (struct misuse){10, slots[3]};
    unit_expect_abort(drain_one, &misuse, "not an object of this allocator");
    arena_drain(9, slots, 1);
    misuse = (struct misuse){9, slots[0]};
    unit_expect_abort(drain_one, &misuse, "double free");
    arena_drain(9, slots + 1, 7);
}

/* An object was freed twice; after the first copy had gone home, its memory became a large object, whose number for
 * statistics is that of the class the second copy is taken for. */
static void test_misuse_after_reuse(void **state) {
    (void)state;
    struct pages *pages = &arenas[0]->pages;
    for (unsigned index = 1; index < LEXTENTS_CACHED; index++) {
        bool zeroed;
        struct run *large = pages_alloc_large(
            pages, lextent_size(index), (unsigned)div_round_up(lextent_size(index), GRANULE_SIZE),
            1, &zeroed);
        assert_non_null(large);
        struct misuse misuse = {index, (void *)run_address(large)};
        unit_expect_abort(drain_one, &misuse, "not an object of this allocator");
        pages_free_large(pages, large);
    }
    check_all();
}

/* ---- threads ---- */

static void *shared[THREADS][64]; /* what the thread before leaves for the next one */
static pthread_mutex_t hand = PTHREAD_MUTEX_INITIALIZER;

/* Every thread fills from one arena, and drains what the others got. */
static void *exchange(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    struct prng prng = {self};
    for (unsigned i = 0; i < unit_steps(4000); i++) {
        unsigned class = 1 + (i / 50) % 30;
        void *slots[32];
        unsigned n = arena_fill(arenas[self % ARENAS], class, slots, 32);
        for (unsigned k = 0; k < n; k++) {
            *(uint64_t *)slots[k] = class;
        }
        unsigned other = (unsigned)prng_below(&prng, THREADS);
        pthread_mutex_lock(&hand);
        for (unsigned k = 0; k < 64 && n > 0; k++) {
            void *old = shared[other][k];
            shared[other][k] = slots[--n];
            if (old != NULL) {
                slots[n] = old;
                n++;
                break;
            }
        }
        pthread_mutex_unlock(&hand);
        for (unsigned k = 0; k < n; k++) {
            arena_drain(map_class_of(slots[k]), &slots[k], 1);
        }
        if (i % 64 == 0) {
            arena_trim(arenas[other % ARENAS], i % 128 == 0);
            purge_all(&arenas[self % ARENAS]->pages);
        }
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)i), 0);
    }
    for (unsigned i = 0; i < 40; i++) {
        check_all();
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned k = 0; k < 64; k++) {
            if (shared[i][k] != NULL) {
                arena_drain(map_class_of(shared[i][k]), &shared[i][k], 1);
            }
        }
    }
    check_all();
    for (unsigned i = 0; i < ARENAS; i++) {
        arena_trim(arenas[i], true);
        assert_int_equal(arenas[i]->pages.nactive, 0);
    }
}

/* What a control sets holds for arenas created later, and for those that begin again. */
static void test_decay_settings(void **state) {
    (void)state;
    ssize_t dirty_ms = arena_default_decay_ms(PAGES_DIRTY);
    assert_int_equal(dirty_ms, opts.dirty_decay_ms);
    assert_int_equal(arena_default_decay_ms(PAGES_MUZZY), opts.muzzy_decay_ms);
    assert_false(arena_set_default_decay_ms(PAGES_DIRTY, -2));
    assert_true(arena_set_default_decay_ms(PAGES_DIRTY, 1234));
    assert_true(arena_set_default_decay_ms(PAGES_MUZZY, -1));
    struct arena *arena = new_arena(ARENAS + 1);
    assert_int_equal(arena_decay_ms(arena, PAGES_DIRTY), 1234);
    assert_int_equal(arena_decay_ms(arena, PAGES_MUZZY), -1);
    assert_int_equal(arena_decay_ms(arenas[0], PAGES_DIRTY), dirty_ms);
    assert_true(arena_set_decay_ms(arena, PAGES_DIRTY, 77));
    assert_false(arena_set_decay_ms(arena, PAGES_MUZZY, DECAY_MS_MAX + 1));
    assert_int_equal(arena_decay_ms(arena, PAGES_DIRTY), 77);
    arena_restart(arena);
    assert_int_equal(arena_decay_ms(arena, PAGES_DIRTY), 1234);
    assert_true(arena_set_default_decay_ms(PAGES_DIRTY, dirty_ms));
    assert_true(arena_set_default_decay_ms(PAGES_MUZZY, (ssize_t)opts.muzzy_decay_ms));
    /* Everything unused goes, the slab that bins keep too. */
    enum { CLASS = 20 };
    void *slots[8];
    unsigned n = arena_fill(arena, CLASS, slots, 8);
    assert_int_equal(n, 8);
    arena_drain(CLASS, slots, n);
    assert_true(arena_set_decay_ms(arena, PAGES_DIRTY, 100000));
    arena_decay_now(arena);
    assert_true(arena->pages.nactive > 0);
    arena_purge_now(arena);
    assert_int_equal(arena->pages.nactive, 0);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    assert_int_equal(pages_unused(&arena->pages, PAGES_MUZZY), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),          cmocka_unit_test(test_counters),
        cmocka_unit_test(test_immediate_purge), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_misuse),          cmocka_unit_test(test_misuse_after_reuse),
        cmocka_unit_test(test_threads),         cmocka_unit_test(test_decay_settings),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

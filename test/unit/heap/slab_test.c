/*
 * slab_test.c: slots of a slab of every class, taken and put at random, against an array of bool.
 */
#include "unit/unit.h"

#include "heap/slab.h"
#include "os/os.h"

enum { MAX_SLOTS = 2048 };

static struct space space;
static struct pages pages;
static bool taken[MAX_SLOTS];

static void check(const struct run *slab, unsigned nfree) {
    slab_check(slab);
    assert_int_equal(slab->nfree, nfree);
}

/* The addresses are free slots, the lowest ones, stored downwards. */
static unsigned take(struct run *slab, unsigned want) {
    void *slots[300];
    const struct sizeclass *sc = &sizeclasses[slab->class];
    unsigned n = slab_take(slab, slots + want, want);
    unsigned next = 0;
    for (unsigned i = 0; i < n; i++) {
        while (taken[next]) {
            next++;
        }
        void *p = slots[want - 1 - i];
        assert_int_equal(slab_slot_of(slab, p), next);
        assert_int_equal((uintptr_t)p, run_address(slab) + (uintptr_t)next * sc->size);
        assert_int_equal(map_class_of(p), slab->class);
        taken[next] = true;
    }
    return n;
}

/* Returns how many of some random objects can come back: up to the first that is free or
 * another slab's. */
static unsigned put(struct prng *prng, struct run *slab) {
    enum { MOST = 40 };
    static struct run other;
    struct slab_object objects[MOST];
    unsigned nslots = sizeclasses[slab->class].nslots;
    unsigned n = (unsigned)prng_below(prng, MOST) + 1;
    unsigned expected = 0;
    bool fits = true;
    for (unsigned i = 0; i < n; i++) {
        unsigned slot = (unsigned)prng_below(prng, nslots);
        bool elsewhere = i > 0 && prng_one_in(prng, 50);
        objects[i] = (struct slab_object){elsewhere ? &other : slab, slot};
        fits = fits && taken[slot] && !elsewhere;
        expected += fits;
        taken[slot] = taken[slot] && !fits;
    }
    assert_int_equal(slab_put(objects, n), expected);
    return expected;
}

static void random_steps(struct prng *prng, struct run *slab) {
    unsigned nslots = sizeclasses[slab->class].nslots;
    unsigned nfree = nslots;
    for (unsigned step = 0; step < unit_steps(800); step++) {
        if (prng_one_in(prng, 3)) {
            unsigned want = (unsigned)prng_below(prng, 300) + 1;
            unsigned n = take(slab, want);
            assert_int_equal(n, want < nfree ? want : nfree);
            nfree -= n;
        } else {
            nfree += put(prng, slab);
        }
        if (step % 8 == 0) {
            check(slab, nfree);
        }
    }
    for (unsigned slot = 0; slot < nslots; slot++) {
        if (taken[slot]) {
            assert_int_equal(slab_put(&(struct slab_object){slab, slot}, 1), 1);
            taken[slot] = false;
        }
    }
    check(slab, nslots);
}

static void test_every_class(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (unsigned class = 1; class < NCLASSES; class ++) {
        struct run *slab = slab_create(&pages, class);
        assert_non_null(slab);
        assert_int_equal(slab->class, class);
        random_steps(&prng, slab);
        char *start = (char *)run_address(slab);
        unsigned granules = slab->ngranules;
        slab_destroy(&pages, slab);
        for (unsigned i = 0; i < granules; i++) {
            assert_int_equal(map_class_of(start + i * GRANULE_SIZE), 0);
        }
        pages_check(&pages);
        assert_int_equal(pages.nactive, 0);
    }
}

/* No slot begins in the midst of one, in the slack at the end, or outside. */
static void test_slot_of(void **state) {
    (void)state;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        const struct sizeclass *sc = &sizeclasses[class];
        struct run *slab = slab_create(&pages, class);
        assert_non_null(slab);
        char *start = (char *)run_address(slab);
        size_t bytes = (size_t)sc->slab_granules << LG_GRANULE;
        for (size_t offset = 0; offset < bytes; offset++) {
            size_t slot = offset / sc->size;
            bool begins = offset % sc->size == 0 && slot < sc->nslots;
            if (slab_slot_of(slab, start + offset) != (begins ? slot : NO_SLOT)) {
                fail_msg("class %u, offset %zu", class, offset);
            }
        }
        assert_int_equal(slab_slot_of(slab, start + bytes), NO_SLOT);
        assert_int_equal(slab_slot_of(slab, start - sc->size), NO_SLOT);
        slab_destroy(&pages, slab);
    }
}

/* Blocks for many free bits are used again. */
static void test_pools(void **state) {
    (void)state;
    size_t before[SLAB_POOLS];
    struct run *slabs[6];
    for (unsigned class = 1; class <= 6; class ++) {
        slabs[class - 1] = slab_create(&pages, class);
    }
    for (unsigned i = 0; i < SLAB_POOLS; i++) {
        before[i] = slab_pools[i].nfree;
    }
    size_t came_back = 0;
    for (unsigned class = 1; class <= 6; class ++) {
        slab_destroy(&pages, slabs[class - 1]);
    }
    for (unsigned i = 0; i < SLAB_POOLS; i++) {
        came_back += slab_pools[i].nfree - before[i];
        assert_true(slab_pools[i].block_size >= 64);
    }
    assert_int_equal(came_back, 4); /* 2048, 1024, 512 and 341 slots; 256 fit the descriptor */
}

static void *no_pages(size_t size) {
    (void)size;
    return NULL;
}

static void test_no_memory(void **state) {
    (void)state;
    static struct space none;
    static struct pages empty;
    space_init(&none);
    memset(&empty, 0, sizeof(empty));
    pages_init(&empty, &none, -1, -1);
    struct os_page_ops real = os_page_ops;
    os_page_ops.reserve = no_pages;
    size_t before = slab_pools[2].nfree;
    assert_null(slab_create(&empty, 1));
    assert_null(slab_create(&empty, 20));
    assert_true(slab_pools[2].nfree >= before); /* the block for its bits came back */
    os_page_ops = real;
    struct run *slab = slab_create(&empty, 1);
    assert_non_null(slab);
    slab_destroy(&empty, slab);
}

int main(void) {
    unit_start();
    space_init(&space);
    memset(&pages, 0, sizeof(pages));
    pages_init(&pages, &space, -1, -1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_class),
        cmocka_unit_test(test_slot_of),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * bin_test.c: one bin of several classes, slots taken and put at random, checked after each operation.
 */
#include "unit/unit.h"

#include "heap/bin.h"

enum { LIVE = 6000 };

static struct space space;
static struct pages pages;
static struct bin bin;
static void *live[LIVE];
static size_t nlive;
static unsigned class_now;
static size_t nslabs;

static struct run *slab_of(const void *p) {
    struct run *slab = chunk_run_at(chunk_find_at(p), p);
    assert_non_null(slab);
    assert_int_equal(slab->class, class_now);
    return slab;
}

static void check(void) {
    bin_check(&bin, class_now);
    assert_int_equal(bin.nmalloc - nlive, bin.ndalloc);
    assert_int_equal(bin.nslabs, nslabs);
}

static int compare(const void *a, const void *b) {
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* All live slots are different. */
static void check_distinct(void) {
    static void *sorted[LIVE];
    memcpy(sorted, live, nlive * sizeof(*live));
    qsort(sorted, nlive, sizeof(*sorted), compare);
    for (size_t i = 1; i < nlive; i++) {
        assert_true((char *)sorted[i] - (char *)sorted[i - 1] >=
                    (ptrdiff_t)sizeclasses[class_now].size);
    }
}

static void take(unsigned want) {
    void *slots[200];
    if (nlive + want > LIVE) {
        return;
    }
    lock_acquire(&bin.lock);
    unsigned n = bin_take_locked(&bin, slots + want, want);
    lock_release(&bin.lock);
    while (n < want) {
        bin_check(&bin, class_now);
        struct run *slab = slab_create(&pages, class_now);
        assert_non_null(slab);
        nslabs++;
        lock_acquire(&bin.lock);
        bin_add_locked(&bin, slab);
        n += bin_take_locked(&bin, slots + want - n, want - n);
        lock_release(&bin.lock);
    }
    assert_int_equal(n, want);
    memcpy(live + nlive, slots, n * sizeof(*live));
    nlive += n;
}

static void put(size_t at) {
    void *p = live[at];
    live[at] = live[--nlive];
    lock_acquire(&bin.lock);
    struct slab_object object = {slab_of(p), slab_slot_of(slab_of(p), p)};
    struct slab_object twice[] = {object, object};
    assert_int_equal(bin_put_locked(&bin, twice, 2), 1);
    assert_int_equal(bin_put_locked(&bin, twice, 1), 0); /* a double free changes nothing */
    counter_add(&bin.ndalloc, 1);
    lock_release(&bin.lock);
}

static unsigned surplus(bool all) {
    struct run *released[BIN_MAX_RELEASED];
    lock_acquire(&bin.lock);
    unsigned n = bin_surplus_locked(&bin, class_now, all, released);
    lock_release(&bin.lock);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(released[i]->nfree, sizeclasses[class_now].nslots);
        slab_destroy(&pages, released[i]);
    }
    nslabs -= n;
    return n;
}

static void run_class(struct prng *prng, unsigned class) {
    class_now = class;
    nslabs = 0;
    memset(&bin, 0, sizeof(bin));
    bin_init(&bin);
    unsigned most = sizeclasses[class].nslots * 3u;
    most = most < LIVE / 2 ? most : LIVE / 2;
    most = most < 200 ? 200 : most;
    for (unsigned step = 0; step < unit_steps(1200); step++) {
        if (prng_one_in(prng, 2) && nlive < most) {
            take((unsigned)prng_below(prng, 100) + 1);
        } else {
            for (size_t n = prng_below(prng, 120); n > 0 && nlive > 0; n--) {
                put(prng_below(prng, nlive));
            }
        }
        if (prng_one_in(prng, 20)) {
            surplus(false);
        }
        check();
        if (step % 64 == 0) {
            check_distinct();
        }
    }
    while (nlive > 0) {
        put(nlive - 1);
    }
    check();
    while (surplus(true) > 0) {
    }
    check();
    assert_int_equal(nslabs, 0);
    assert_int_equal(bin.nempty, 0);
    assert_int_equal(bin.nonempty, 0);
    assert_int_equal(bin.nfull, 0);
    assert_int_equal(pages.nactive, 0);
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static const unsigned classes[] = {1, 2, 4, 6, 13, 20, 29, NCLASSES - 1};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        run_class(&prng, classes[i]);
    }
}

/* The fullest slab serves before emptier ones and before those that are all free. */
static void test_fullest_first(void **state) {
    (void)state;
    class_now = 21; /* 16 slots */
    nslabs = 0;
    memset(&bin, 0, sizeof(bin));
    bin_init(&bin);
    assert_int_equal(sizeclasses[class_now].nslots, 16);
    void *first[16];
    struct run *slabs[3];
    for (unsigned i = 0; i < 3; i++) {
        take(16);
        memcpy(first, live + nlive - 16, sizeof(first));
        slabs[i] = slab_of(first[0]);
        for (unsigned k = 0; k < 16; k++) {
            assert_ptr_equal(slab_of(first[k]), slabs[i]);
        }
    }
    assert_int_equal(bin.nfull, 3);
    static const unsigned freed[] = {12, 2, 16};
    for (unsigned i = 0; i < 3; i++) {
        unsigned left = freed[i];
        for (size_t at = nlive; at-- > 0 && left > 0;) {
            if (slab_of(live[at]) == slabs[i]) {
                put(at);
                at = nlive;
                left--;
            }
        }
    }
    check();
    assert_int_equal(bin.nempty, 1);
    take(2);
    assert_int_equal(slabs[1]->nfree, 0);
    take(12);
    assert_int_equal(slabs[0]->nfree, 0);
    assert_int_equal(slabs[2]->nfree, 16);
    take(1);
    assert_int_equal(slabs[2]->nfree, 15);
    assert_int_equal(nslabs, 3);
    check();
    while (nlive > 0) {
        put(nlive - 1);
    }
    /* One empty slab is kept unless all must go. */
    assert_int_equal(surplus(false), 2);
    assert_int_equal(surplus(false), 0);
    assert_int_equal(surplus(true), 1);
    check();
}

/* A full slab is not looked at again before some of its slots are free. */
static void test_wake(void **state) {
    (void)state;
    class_now = 9; /* 128 slots */
    nslabs = 0;
    memset(&bin, 0, sizeof(bin));
    bin_init(&bin);
    unsigned nslots = sizeclasses[class_now].nslots;
    take(nslots);
    assert_int_equal(bin.nfull, 1);
    unsigned n = 0;
    while (bin.nfull == 1) {
        put(nlive - 1);
        n++;
        check();
    }
    assert_true(n > 1 && n <= nslots / 8);
    assert_int_equal(slab_of(live[0])->nfree, n);
    while (nlive > 0) {
        put(nlive - 1);
    }
    assert_int_equal(surplus(true), 1);
}

int main(void) {
    unit_start();
    space_init(&space);
    memset(&pages, 0, sizeof(pages));
    pages_init(&pages, &space, -1, -1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_fullest_first),
        cmocka_unit_test(test_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

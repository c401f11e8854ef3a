/*
 * purge_test.c: what is given back to the system, when, in which pieces, and what others see meanwhile.
 *
 * The page functions are replaced by ones that note every call, may fail, and may look at the allocator
 * in the middle of a purge, when no lock is held.
 */
#include "unit/unit.h"

#include "opt/opt.h"
#include "os/os.h"
#include "pages/purge.h"

static struct space space;
static struct pages pages;
static struct os_page_ops real;

static size_t ncalls;
static size_t nlazy;
static size_t purged_bytes;
static bool refuse;
static void (*during)(uintptr_t address, size_t size);

static void note(uintptr_t address, size_t size) {
    ncalls++;
    purged_bytes += size;
    assert_int_equal(address % purge_page_size, 0);
    assert_int_equal(size % purge_page_size, 0);
    assert_true(size > 0);
    assert_int_equal(pages.lock.word, LOCK_FREE);
    assert_int_equal(space.lock.word, LOCK_FREE);
    if (during != NULL) {
        during(address, size);
    }
}

static bool noted_purge(void *address, size_t size) {
    note((uintptr_t)address, size);
    return !refuse && real.purge(address, size);
}

static bool noted_purge_lazy(void *address, size_t size) {
    nlazy++;
    note((uintptr_t)address, size);
    return !refuse; /* the contents may stay as they are */
}

static void start(ssize_t dirty_ms, ssize_t muzzy_ms) {
    space = (struct space){0};
    space_init(&space);
    space.next_region_bytes = (size_t)1 << 26; /* little, as every test has a space of its own */
    memset(&pages, 0, sizeof(pages));
    pages_init(&pages, &space, dirty_ms, muzzy_ms);
    purge_page_size = 4096;
    os_page_ops = real;
    os_page_ops.purge = noted_purge;
    os_page_ops.purge_lazy = noted_purge_lazy;
    ncalls = nlazy = purged_bytes = 0;
    refuse = false;
    during = NULL;
}

static void finish(void) {
    pages_check(&pages);
    space_check(&space);
}

static struct run *allocate(unsigned n) {
    bool zeroed;
    struct run *run = pages_alloc(&pages, n, 1, RUN_SLAB, &zeroed);
    assert_non_null(run);
    unsigned char *start = (unsigned char *)run_address(run);
    assert_true(!zeroed || unit_is_filled(start, n * GRANULE_SIZE, 0));
    memset(start, 0x77, n * GRANULE_SIZE);
    return run;
}

static size_t dirty(void) {
    return pages_unused(&pages, PAGES_DIRTY);
}

static size_t muzzy(void) {
    return pages_unused(&pages, PAGES_MUZZY);
}

/* Every second run of a chunk is freed; each of them is a piece of its own. */
static void test_pieces(void **state) {
    (void)state;
    start(-1, 0);
    struct run *runs[64];
    for (unsigned i = 0; i < 64; i++) {
        runs[i] = allocate(2);
    }
    for (unsigned i = 0; i < 64; i += 2) {
        pages_free(&pages, runs[i]);
    }
    assert_int_equal(dirty(), 64);
    purge_all(&pages);
    assert_int_equal(dirty(), 0);
    assert_int_equal(ncalls, 32);
    assert_int_equal(purged_bytes, 64 * GRANULE_SIZE);
    assert_int_equal(pages.purged[PAGES_DIRTY].sweeps, 1);
    assert_int_equal(pages.purged[PAGES_DIRTY].calls, 32);
    assert_int_equal(pages.purged[PAGES_DIRTY].granules, 64);
    bool zeroed;
    struct run *again = pages_alloc(&pages, 2, 1, RUN_SLAB, &zeroed);
    assert_true(zeroed);
    assert_true(unit_is_filled((void *)run_address(again), 2 * GRANULE_SIZE, 0));
    for (unsigned i = 1; i < 64; i += 2) { /* live ones are untouched */
        assert_true(unit_is_filled((void *)run_address(runs[i]), 2 * GRANULE_SIZE, 0x77));
    }
    purge_all(&pages);
    assert_int_equal(ncalls, 32); /* nothing to do */
    assert_int_equal(pages.purged[PAGES_DIRTY].sweeps, 1);
    finish();
}

/* One of eight granules: at the end of a large page, or at its beginning. */
static bool is_kept(unsigned i) {
    return i < 64 ? i % 8 == 3 : i % 8 == 0;
}

/* With pages larger than a granule, only whole free pages go; the rest stays dirty, and usable. */
static void test_large_pages(void **state) {
    (void)state;
    for (size_t page = 4096; page <= 65536; page *= 4) {
        start(-1, 0);
        purge_page_size = page;
        struct run *runs[128];
        for (unsigned i = 0; i < 128; i++) {
            runs[i] = allocate(1);
        }
        for (unsigned i = 0; i < 128; i++) {
            if (!is_kept(i)) {
                pages_free(&pages, runs[i]);
            }
        }
        assert_int_equal(dirty(), 112);
        purge_all(&pages);
        pages_check(&pages);
        /* One of two pages of 64 KiB has a live granule, and its three others cannot go. */
        assert_int_equal(dirty(), page == 65536 ? 48 : 0);
        assert_int_equal(purged_bytes, (page == 65536 ? 64 : 112) * GRANULE_SIZE);
        for (unsigned i = 0; i < 128; i++) {
            if (is_kept(i)) {
                assert_true(unit_is_filled((void *)run_address(runs[i]), GRANULE_SIZE, 0x77));
                pages_free(&pages, runs[i]);
            }
        }
        purge_all(&pages); /* now all can */
        assert_int_equal(dirty(), 0);
        pages_check(&pages);
        finish();
    }
}

/* A chunk in the space of which only parts are dirty: with 64 KiB pages, more than those parts goes,
 * and all of them do. */
static void test_large_pages_in_space(void **state) {
    (void)state;
    start(-1, 0);
    purge_page_size = 65536;
    bool zeroed;
    struct chunk *chunks[4];
    for (unsigned i = 0; i < 4; i++) {
        chunks[i] = space_take(&space, 1, 1);
        assert_non_null(chunks[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned granule = i; granule < CHUNK_GRANULES; granule += 8) {
            chunks[i]->dirty |= (bits128)1 << granule;
        }
        space_give(&space, chunks[i], 1, &pages.owner);
    }
    assert_int_equal(dirty(), 64);
    purge_all(&pages);
    assert_int_equal(dirty(), 0);
    assert_int_equal(pages.purged[PAGES_DIRTY].granules, 64);
    struct run *run = pages_alloc(&pages, 128, 1, RUN_LARGE, &zeroed);
    assert_true(zeroed);
    pages_free(&pages, run);
    finish();
}

static uint64_t run_decay(uint64_t from_ms, uint64_t to_ms) {
    for (uint64_t ms = from_ms; ms < to_ms; ms += 5) {
        purge_decayed(&pages, ms * 1000000);
        pages_check(&pages);
    }
    return to_ms;
}

static bool use_chunk(void) {
    bool zeroed;
    struct chunk *chunk = pages_alloc_big(&pages, CHUNK_GRANULES, 1, &zeroed);
    pages_free_big(&pages, chunk, false);
    return zeroed;
}

/* A whole chunk that comes and goes stays, while granules that nobody uses decay; once perhaps it goes early,
 * since what is freed and purged first is seen later as unused. */
static void test_used_lately(void **state) {
    (void)state;
    enum { CHUNKS = 8, FREED = 64, STEP_MS = 10, LATEST_MS = 5000 };
    start(1000, 0);
    struct run *freed[CHUNKS];
    for (unsigned i = 0; i < CHUNKS; i++) {
        allocate(CHUNK_GRANULES - FREED);
        freed[i] = allocate(FREED);
    }
    for (unsigned i = 0; i < CHUNKS; i++) {
        pages_free(&pages, freed[i]);
    }
    use_chunk();
    assert_int_equal(dirty(), CHUNK_GRANULES + CHUNKS * FREED);
    size_t purged = 0;
    uint64_t now = 100;
    while (dirty() > CHUNK_GRANULES + FREED) {
        now = run_decay(now, now + STEP_MS);
        purged += use_chunk();
        assert_true(now < LATEST_MS);
    }
    assert_true(purged <= 1);
    run_decay(now, now + 1200);
    assert_int_equal(dirty(), 0); /* when it is not used any more, it goes as well */
    finish();
}

static void test_decay(void **state) {
    (void)state;
    start(1000, 0);
    struct run *runs[400];
    uint64_t now = run_decay(100, 200);
    for (unsigned i = 0; i < 400; i++) {
        runs[i] = allocate(3);
    }
    for (unsigned i = 0; i < 400; i++) {
        pages_free(&pages, runs[i]);
    }
    assert_int_equal(dirty(), 1200);
    now = run_decay(now, now + 30);
    assert_true(dirty() > 1000); /* a whole chunk at most */
    now = run_decay(now, now + 130);
    assert_true(dirty() > 300 && dirty() < 900); /* about half */
    now = run_decay(now, now + 800);
    assert_int_equal(dirty(), 0);
    assert_int_equal(muzzy(), 0);
    assert_int_equal(nlazy, 0);
    assert_true(pages.purged[PAGES_DIRTY].sweeps >= 5);
    assert_int_equal(pages.purged[PAGES_DIRTY].granules, 1200);
    assert_int_equal(pages.purged[PAGES_MUZZY].sweeps, 0);
    finish();
}

/* dirty, then muzzy, then clean. */
static void test_muzzy(void **state) {
    (void)state;
    start(500, 5000);
    uint64_t now = run_decay(100, 200);
    struct run *runs[300];
    for (unsigned i = 0; i < 300; i++) {
        runs[i] = allocate(2);
    }
    for (unsigned i = 0; i < 300; i++) {
        pages_free(&pages, runs[i]);
    }
    now = run_decay(now, now + 600);
    assert_int_equal(dirty(), 0);
    assert_true(muzzy() > 300 && muzzy() <= 600);
    assert_true(nlazy > 0);
    assert_int_equal(pages.purged[PAGES_DIRTY].granules, 600);
    struct run *again[5];
    bool zeroed = true;
    for (unsigned i = 0; i < 5; i++) {
        bool this_one;
        again[i] = pages_alloc(&pages, CHUNK_GRANULES, 1, RUN_LARGE, &this_one);
        zeroed = zeroed && this_one;
    }
    pages_check(&pages);
    assert_false(zeroed); /* muzzy memory may hold anything */
    for (unsigned i = 0; i < 5; i++) {
        pages_free(&pages, again[i]);
    }
    now = run_decay(now, now + 6000);
    assert_int_equal(dirty(), 0);
    assert_int_equal(muzzy(), 0);
    assert_true(ncalls > nlazy);
    struct run *run = pages_alloc(&pages, 1, 1, RUN_LARGE, &zeroed);
    assert_true(zeroed);
    pages_free(&pages, run);
    assert_true(pages.purged[PAGES_MUZZY].granules >= 600);
    finish();
}

/* The time between two looks is kept, and so is "never". */
static void test_not_yet(void **state) {
    (void)state;
    start(6400, 0);
    purge_decayed(&pages, 1000000000);
    assert_int_equal(pages.next_decay_ns - 1000000000, decay_epoch_ns(&pages.decay[PAGES_DIRTY]));
    uint64_t next = pages.next_decay_ns;
    purge_decayed(&pages, next - 1);
    assert_int_equal(pages.next_decay_ns, next);
    purge_decayed(&pages, next);
    assert_true(pages.next_decay_ns > next);
    finish();
    start(-1, -1);
    pages_free(&pages, allocate(100));
    for (uint64_t t = 1; t < 100; t++) {
        purge_decayed(&pages, t * 1000000000000);
    }
    assert_int_equal(dirty(), 100);
    assert_int_equal(ncalls, 0);
    finish();
}

static void test_at_once(void **state) {
    (void)state;
    start(0, 0);
    pages_free(&pages, allocate(100));
    assert_true(pages.immediate);
    purge_after_free(&pages);
    assert_int_equal(dirty(), 0);
    assert_int_equal(ncalls, 1);
    finish();
    start(10, 0);
    pages_free(&pages, allocate(100));
    purge_after_free(&pages);
    assert_int_equal(dirty(), 100);
    finish();
}

/* A curve changes while pages are on it: it begins anew, in both directions. */
static void test_curve_changes(void **state) {
    (void)state;
    start(1000, 0);
    uint64_t now = run_decay(100, 200);
    struct run *runs[100];
    for (unsigned i = 0; i < 100; i++) {
        runs[i] = allocate(12);
    }
    for (unsigned i = 0; i < 100; i++) { /* whole chunks and parts of chunks */
        if (i < 40 || i % 2 == 0) {
            pages_free(&pages, runs[i]);
        }
    }
    size_t before = dirty();
    now = run_decay(now, now + 200);
    assert_true(dirty() < before / 2 && dirty() > 0);
    size_t half = dirty();
    assert_true(purge_set_decay_ms(&pages, PAGES_DIRTY, 100000, now * 1000000));
    now = run_decay(now, now + 3000); /* the old curve had ended by now */
    assert_int_equal(dirty(), half);
    assert_true(purge_set_decay_ms(&pages, PAGES_DIRTY, -1, now * 1000000));
    now = run_decay(now, now + 5000);
    assert_int_equal(dirty(), half);
    assert_true(purge_set_decay_ms(&pages, PAGES_DIRTY, 500, now * 1000000));
    assert_int_equal(dirty(), half); /* all of it is young again */
    now = run_decay(now, now + 50);
    assert_true(dirty() > half / 2);
    now = run_decay(now, now + 700);
    assert_int_equal(dirty(), 0);
    assert_int_equal(nlazy, 0);
    finish();
}

static void test_curve_becomes_zero(void **state) {
    (void)state;
    start(-1, -1);
    pages_free(&pages, allocate(100));
    assert_false(pages.immediate);
    assert_false(purge_set_decay_ms(&pages, PAGES_DIRTY, -2, 1000000));
    assert_false(purge_set_decay_ms(&pages, PAGES_MUZZY, DECAY_MS_MAX + 1, 1000000));
    assert_int_equal(decay_ms(&pages.decay[PAGES_DIRTY]), -1);
    assert_int_equal(dirty(), 100);
    assert_true(purge_set_decay_ms(&pages, PAGES_DIRTY, 0, 1000000)); /* they become muzzy */
    assert_true(pages.immediate);
    assert_int_equal(dirty(), 0);
    assert_int_equal(muzzy(), 100);
    assert_int_equal(nlazy, 1);
    assert_true(purge_set_decay_ms(&pages, PAGES_MUZZY, 0, 2000000));
    assert_int_equal(muzzy(), 0);
    assert_true(purge_set_decay_ms(&pages, PAGES_DIRTY, DECAY_MS_MAX, 2000000));
    assert_false(pages.immediate);
    pages_free(&pages, allocate(50));
    purge_after_free(&pages);
    assert_int_equal(dirty(), 50);
    finish();
}

/* What purge_decay_now says is due is due then, and not much earlier; no look is needed in between. */
static void test_due(void **state) {
    (void)state;
    start(1000, 500);
    enum { MS = 1000000 };
    uint64_t now = (uint64_t)5000 * MS;
    assert_int_equal(purge_decay_now(&pages, now), UINT64_MAX);
    struct run *runs[60];
    for (unsigned i = 0; i < 60; i++) {
        runs[i] = allocate(16);
    }
    for (unsigned i = 0; i < 60; i += 2) {
        pages_free(&pages, runs[i]);
    }
    unsigned looks = 0;
    uint64_t due;
    while ((due = purge_decay_now(&pages, now)) != UINT64_MAX) {
        assert_true(due > now);
        assert_true(due - now <= (uint64_t)1100 * MS);
        size_t unused = dirty() + muzzy();
        uint64_t calls = ncalls;
        if (looks % 7 == 6) { /* a look in between finds nothing */
            purge_decay_now(&pages, due - 1);
            assert_int_equal(dirty() + muzzy(), unused);
            assert_int_equal(ncalls, calls);
        }
        now = due;
        looks++;
    }
    assert_int_equal(dirty() + muzzy(), 0);
    assert_in_range(looks, 10, 2 * DECAY_STEPS + 10); /* a chunk at a time */
    assert_in_range(now / MS, 5000 + 300, 5000 + 1000);
    finish();
}

/* madvise fails: everything stays dirty, nothing loops, and later it works. */
static void test_refusal(void **state) {
    (void)state;
    start(100, 0);
    struct run *runs[100];
    for (unsigned i = 0; i < 100; i++) {
        runs[i] = allocate(5);
    }
    for (unsigned i = 0; i < 100; i++) {
        if (i % 10 != 0) {
            pages_free(&pages, runs[i]);
        }
    }
    bool zeroed; /* and some in the space */
    pages_free_big(&pages, pages_alloc_big(&pages, 384, 1, &zeroed), false);
    size_t before = dirty();
    refuse = true;
    purge_all(&pages);
    assert_int_equal(dirty(), before);
    assert_true(ncalls > 0 && ncalls < 1000);
    assert_int_equal(pages.purged[PAGES_DIRTY].granules, 0);
    pages_check(&pages);
    space_check(&space);
    run_decay(1000, 1500);
    assert_int_equal(dirty(), before);
    struct run *run = pages_alloc(&pages, 5, 1, RUN_LARGE, &zeroed);
    assert_false(zeroed);
    pages_free(&pages, run);
    refuse = false;
    purge_all(&pages);
    assert_int_equal(dirty(), 0);
    finish();
}

/* ---- in the middle of a purge ---- */

static struct run *meanwhile[16];
static size_t nmeanwhile;

/* What is being purged must not be handed out; anything else may be. */
static void allocate_meanwhile(uintptr_t address, size_t size) {
    if (nmeanwhile == ARRAY_LEN(meanwhile)) {
        return;
    }
    bool zeroed;
    pages_check(&pages);
    space_check(&space);
    struct run *run = pages_alloc(&pages, 3, 1, RUN_SLAB, &zeroed);
    assert_non_null(run);
    uintptr_t start = run_address(run);
    assert_true(start + 3 * GRANULE_SIZE <= address || start >= address + size);
    memset((void *)start, 0x44, 3 * GRANULE_SIZE);
    meanwhile[nmeanwhile++] = run;
}

static void test_hidden_granules(void **state) {
    (void)state;
    start(-1, 0);
    nmeanwhile = 0;
    during = allocate_meanwhile;
    struct run *runs[40];
    for (unsigned i = 0; i < 40; i++) {
        runs[i] = allocate(6);
    }
    for (unsigned i = 0; i < 40; i += 2) {
        pages_free(&pages, runs[i]);
    }
    bool zeroed;
    pages_free_big(&pages, pages_alloc_big(&pages, 256, 1, &zeroed), false);
    purge_all(&pages);
    during = NULL;
    assert_int_equal(nmeanwhile, ARRAY_LEN(meanwhile));
    for (size_t i = 0; i < nmeanwhile; i++) { /* purging did not touch them */
        assert_true(unit_is_filled((void *)run_address(meanwhile[i]), 3 * GRANULE_SIZE, 0x44));
        pages_free(&pages, meanwhile[i]);
    }
    for (unsigned i = 1; i < 40; i += 2) {
        assert_true(unit_is_filled((void *)run_address(runs[i]), 6 * GRANULE_SIZE, 0x77));
        pages_free(&pages, runs[i]);
    }
    pages_check(&pages);
    assert_int_equal(pages.nactive, 0);
    purge_all(&pages); /* all granules came back */
    assert_int_equal(dirty(), 0);
    assert_true(pages.nchunks <= 1);
    finish();
}

static struct run *free_meanwhile_run;

/* The rest of a chunk becomes free while its other granules are hidden. */
static void free_meanwhile(uintptr_t address, size_t size) {
    (void)address;
    (void)size;
    if (free_meanwhile_run != NULL) {
        struct run *run = free_meanwhile_run;
        free_meanwhile_run = NULL;
        pages_free(&pages, run);
        pages_check(&pages);
        purge_decayed(&pages, UINT64_MAX / 2); /* somebody purges already: returns at once */
    }
}

static void test_free_while_hidden(void **state) {
    (void)state;
    start(-1, 0);
    struct run *first = allocate(60);
    free_meanwhile_run = allocate(68);
    pages_free(&pages, first);
    during = free_meanwhile;
    purge_all(&pages);
    assert_null(free_meanwhile_run);
    assert_int_equal(dirty(), 68);
    assert_int_equal(pages.nempty, 1);
    assert_int_equal(pages.nactive, 0);
    pages_check(&pages);
    during = NULL;
    struct run *whole = allocate(128);
    assert_int_equal(pages.nchunks, 1);
    pages_free(&pages, whole);
    finish();
}

/* More becomes unused during a purge than it purges: that is no refusal, and the next one is soon. */
static void test_due_when_freed_meanwhile(void **state) {
    (void)state;
    start(100, 0);
    struct run *first = allocate(60);
    free_meanwhile_run = allocate(68);
    purge_decay_now(&pages, (uint64_t)1000 * 1000000);
    pages_free(&pages, first);
    purge_decay_now(&pages, (uint64_t)1010 * 1000000);
    assert_int_equal(dirty(), 60);
    during = free_meanwhile;
    uint64_t now_ns = (uint64_t)1200 * 1000000;
    uint64_t due_ns = purge_decay_now(&pages, now_ns);
    assert_null(free_meanwhile_run);
    assert_int_equal(dirty(), 68);
    assert_in_range(due_ns, now_ns, now_ns + decay_epoch_ns(&pages.decay[PAGES_DIRTY]));
    refuse = true;
    now_ns += (uint64_t)200 * 1000000;
    purge_decay_now(&pages, now_ns);
    now_ns += (uint64_t)200 * 1000000;
    assert_int_equal(purge_decay_now(&pages, now_ns), now_ns + (uint64_t)64 * 10 * 1000000);
    finish();
}

/* Suspended, as during a fork, nobody purges. */
static void test_suspended(void **state) {
    (void)state;
    start(1, 0);
    pages_free(&pages, allocate(10));
    purge_decayed(&pages, 1000000000);
    purge_suspend(&pages);
    purge_decayed(&pages, 9000000000);
    assert_int_equal(ncalls, 0);
    purge_resume(&pages);
    purge_decayed(&pages, 9000000000);
    purge_decayed(&pages, 19000000000);
    assert_int_equal(ncalls, 1);
    assert_int_equal(dirty(), 0);
    finish();
}

/* retain:false: regions that are wholly unused go back by the way. */
static void test_regions_go_back(void **state) {
    (void)state;
    opts.retain = false;
    start(-1, 0);
    bool zeroed;
    struct chunk *head = pages_alloc_big(&pages, 384, 1, &zeroed);
    assert_true(space.reserved_bytes > 0);
    pages_free_big(&pages, head, false);
    assert_true(space.reserved_bytes > 0);
    purge_all(&pages);
    assert_int_equal(space.reserved_bytes, 0);
    head = pages_alloc_big(&pages, 384, 1, &zeroed);
    assert_true(zeroed);
    pages_free_big(&pages, head, false);
    opts.retain = true;
    finish();
}

int main(void) {
    unit_start();
    real = os_page_ops;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_large_pages),
        cmocka_unit_test(test_large_pages_in_space),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_used_lately),
        cmocka_unit_test(test_muzzy),
        cmocka_unit_test(test_not_yet),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_curve_changes),
        cmocka_unit_test(test_curve_becomes_zero),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_due_when_freed_meanwhile),
        cmocka_unit_test(test_hidden_granules),
        cmocka_unit_test(test_free_while_hidden),
        cmocka_unit_test(test_suspended),
        cmocka_unit_test(test_regions_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * region_test.c: whole chunks of reserved address space: taking, giving, alignment, growth, release of
 * regions, and what happens when the system refuses.
 */
#include "unit/unit.h"

#include "opt/opt.h"
#include "os/os.h"
#include "pages/region.h"

enum { LIVE = 64 };

static struct space space;
static struct page_owner owners[2];
static struct os_page_ops real;

/* A new space; earlier ones of this process stay as they are. */
static void start(void) {
    os_page_ops = real;
    space = (struct space){0};
    memset(owners, 0, sizeof(owners));
    space_init(&space);
}

static size_t count_regions(const struct region *region) {
    size_t n = 0;
    for (; region != NULL; region = region->next) {
        n++;
    }
    return n;
}

struct live {
    struct chunk *chunk;
    size_t n;
};

static void check_fresh(struct chunk *chunk, size_t n, size_t alignment) {
    assert_non_null(chunk);
    assert_int_equal((chunk->base >> LG_CHUNK) % alignment, 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(chunk[i].base, chunk->base + i * CHUNK_SIZE);
        assert_ptr_equal(chunk[i].region, chunk->region);
        assert_true(chunk[i].free == ALL_GRANULES);
        assert_null(chunk[i].owner);
        assert_ptr_equal(chunk_find_at((char *)chunk[i].base + 5), &chunk[i]);
        volatile char *memory = (char *)chunk[i].base; /* it is there */
        memory[0]++;
        memory[CHUNK_SIZE - 1]++;
    }
}

static void check_disjoint(const struct live *live, const struct live *other) {
    uintptr_t a = live->chunk->base;
    uintptr_t b = other->chunk->base;
    assert_true(a + live->n * CHUNK_SIZE <= b || b + other->n * CHUNK_SIZE <= a);
}

static void give(struct prng *prng, struct live *live) {
    unsigned to = (unsigned)prng_below(prng, 2);
    for (size_t i = 0; i < live->n; i++) {
        live->chunk[i].dirty = prng_one_in(prng, 2) ? prng_next(prng) : 0;
        live->chunk[i].muzzy = prng_one_in(prng, 2) ? prng_next(prng) & ~live->chunk[i].dirty : 0;
    }
    space_give(&space, live->chunk, live->n, &owners[to]);
    live->chunk = NULL;
}

/* What the owners are charged for is what lies in the space under their name. */
static void check_accounts(void) {
    ptrdiff_t dirty[2] = {0};
    ptrdiff_t muzzy[2] = {0};
    for (struct region *region = space.regions; region != NULL; region = region->next) {
        for (size_t i = 0; i < region->ncommitted; i++) {
            const struct chunk *chunk = &region->chunks[i];
            if (chunk->owner != NULL && chunk->kind == CHUNK_FREE) {
                size_t to = (size_t)(chunk->owner - owners);
                dirty[to] += bits128_count(chunk->dirty);
                muzzy[to] += bits128_count(chunk->muzzy);
            }
        }
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(owners[i].parked_dirty, dirty[i]);
        assert_int_equal(owners[i].parked_muzzy, muzzy[i]);
    }
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    struct live live[LIVE] = {{NULL, 0}};
    start();
    for (unsigned step = 0; step < unit_steps(4000); step++) {
        struct live *one = &live[prng_below(&prng, LIVE)];
        if (one->chunk != NULL) {
            give(&prng, one);
        } else {
            one->n = prng_below(&prng, prng_one_in(&prng, 8) ? 40 : 4) + 1;
            size_t alignment = prng_one_in(&prng, 4) ? (size_t)1 << prng_below(&prng, 8) : 1;
            one->chunk = space_take(&space, one->n, alignment);
            check_fresh(one->chunk, one->n, alignment);
            for (size_t i = 0; i < one->n; i++) {
                one->chunk[i].kind = CHUNK_BIG_BODY; /* in use */
            }
            for (size_t i = 0; i < LIVE; i++) {
                if (live[i].chunk != NULL && &live[i] != one) {
                    check_disjoint(&live[i], one);
                }
            }
        }
        if (step % 16 == 0) {
            space_check(&space);
            check_accounts();
        }
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (live[i].chunk != NULL) {
            give(&prng, &live[i]);
        }
    }
    space_check(&space);
    check_accounts();
    for (unsigned i = 0; i < 2; i++) { /* all that is dirty or muzzy can be found and cleaned */
        for (int muzzy = 0; muzzy < 2; muzzy++) {
            struct chunk *chunk;
            while ((chunk = space_take_purgeable(
                        &space, &owners[i], &(struct purgeable){.muzzy = muzzy != 0})) != NULL) {
                assert_true((muzzy ? chunk->muzzy : chunk->dirty) != 0);
                *(muzzy ? &chunk->muzzy : &chunk->dirty) = 0;
                space_give(&space, chunk, 1, &owners[i]);
            }
        }
        assert_int_equal(owners[i].parked_dirty, 0);
        assert_int_equal(owners[i].parked_muzzy, 0);
    }
    space_check(&space);
}

static void test_alignment(void **state) {
    (void)state;
    start();
    for (size_t alignment = 1; alignment <= 1024; alignment *= 2) { /* up to 2 GiB */
        struct chunk *first = space_take(&space, 1, alignment);
        struct chunk *second = space_take(&space, 3, alignment);
        check_fresh(first, 1, alignment);
        check_fresh(second, 3, alignment);
    }
    space_check(&space);
    size_t regions = count_regions(space.regions);
    assert_null(space_take(&space, SIZE_MAX >> LG_CHUNK, 1));
    assert_null(space_take(&space, 1, (size_t)1 << 42));
    assert_int_equal(count_regions(space.regions), regions);
}

static void test_neighbours(void **state) {
    (void)state;
    start();
    struct chunk *a = space_take(&space, 4, 1);
    struct chunk *b = space_take(&space, 4, 1);
    assert_ptr_equal(b, a + 4);
    size_t after = chunk_index(b) + 4;
    assert_false(space_take_at(&space, a->region, chunk_index(a) + 4, 1)); /* b is there */
    assert_true(space_take_at(&space, a->region, after, 2));
    assert_false(space_take_at(&space, a->region, after + 1, 2)); /* one of them is taken */
    check_fresh(a->region->chunks + after, 2, 1);
    space_give(&space, b, 4, &owners[0]);
    assert_false(space_take_at(&space, a->region, chunk_index(a) + 4, 5));
    assert_true(space_take_at(&space, a->region, chunk_index(a) + 4, 4));
    size_t nchunks = a->region->nchunks;
    assert_false(space_take_at(&space, a->region, nchunks, 1));
    assert_false(space_take_at(&space, a->region, nchunks - 1, 2));
    assert_true(space_take_at(&space, a->region, nchunks - 1, 1));
    assert_int_equal(a->region->ncommitted, nchunks);
    space_check(&space);
}

/* Dirty chunks serve first, but a long dirty series is not split for a small request. */
static void test_dirty_first(void **state) {
    (void)state;
    start();
    size_t fit = opts.lg_extent_max_active_fit;
    struct chunk *first = space_take(&space, 2, 1);
    struct chunk *series = space_take(&space, 12, 1);
    struct chunk *last = space_take(&space, 1, 1);
    space_give(&space, first, 2, &owners[0]);
    for (size_t i = 0; i < 12; i++) {
        series[i].dirty = 1;
    }
    space_give(&space, series, 12, &owners[0]);
    assert_int_equal(owners[0].parked_dirty, 12);
    opts.lg_extent_max_active_fit = 2;
    assert_ptr_equal(space_take(&space, 2, 1), first);  /* 12 > 2 << 2: clean ones instead */
    assert_ptr_equal(space_take(&space, 3, 1), series); /* 12 <= 3 << 2 */
    assert_int_equal(owners[0].parked_dirty, 9);
    opts.lg_extent_max_active_fit = 63;
    assert_ptr_equal(space_take(&space, 1, 1), series + 3);
    opts.lg_extent_max_active_fit = 0;
    assert_ptr_equal(space_take(&space, 1, 1), last + 1);
    assert_ptr_equal(space_take(&space, 8, 1), series + 4);
    assert_int_equal(owners[0].parked_dirty, 0);
    opts.lg_extent_max_active_fit = fit;
    space_check(&space);
}

/* Neither one chunk nor several are cut from the beginning of a long dirty series; but where there is
 * nothing else, they are. */
static void test_long_dirty_series(void **state) {
    (void)state;
    size_t fit = opts.lg_extent_max_active_fit;
    opts.lg_extent_max_active_fit = 1;
    for (size_t n = 1; n <= 6; n++) {
        start();
        struct chunk *series = space_take(&space, 12, 1);
        struct chunk *after = space_take(&space, 1, 1) + 1;
        for (size_t i = 0; i < 12; i++) {
            series[i].dirty = 1;
        }
        space_give(&space, series, 12, &owners[0]);
        assert_ptr_equal(space_take(&space, n, 1), n < 6 ? after : series);
        while (space_take(&space, 1, 1) >= after) {
        }
        assert_int_equal(owners[0].parked_dirty, n < 6 ? 11 : 5);
        space_check(&space);
    }
    opts.lg_extent_max_active_fit = fit;
}

/* ---- regions ---- */

static size_t nreleased;
static size_t bytes_reserved; /* by this test, not released */
static size_t largest_reserve;

static void *counted_reserve(size_t size) {
    void *address = size <= largest_reserve ? real.reserve(size) : NULL;
    bytes_reserved += address != NULL ? size : 0;
    return address;
}

static void counted_release(void *address, size_t size) {
    nreleased++;
    bytes_reserved -= size;
    real.release(address, size);
}

static unsigned commits_left;

static bool limited_commit(void *address, size_t size) {
    if (commits_left == 0) {
        return false;
    }
    commits_left--;
    return real.commit(address, size);
}

static void watch(size_t largest) {
    os_page_ops.reserve = counted_reserve;
    os_page_ops.release = counted_release;
    largest_reserve = largest;
    nreleased = 0;
    bytes_reserved = 0;
}

static void test_growth(void **state) {
    (void)state;
    start();
    watch(SIZE_MAX);
    size_t last = 0;
    for (unsigned i = 1; i <= 4; i++) { /* each request needs a region of its own */
        size_t n = ((size_t)1 << 30 >> LG_CHUNK) - 1;
        n <<= i - 1;
        assert_non_null(space_take(&space, n, 1));
        assert_int_equal(count_regions(space.regions), i);
        assert_true(space.reserved_bytes >= 2 * last);
        last = space.reserved_bytes;
        assert_int_equal(last, bytes_reserved);
    }
    space_check(&space);
    os_page_ops = real;
}

/* Address space is limited: smaller regions, down to what is needed. */
static void test_limited_address_space(void **state) {
    (void)state;
    start();
    watch((size_t)100 << 20);
    struct chunk *chunk = space_take(&space, 10, 1);
    check_fresh(chunk, 10, 1);
    assert_true(chunk->region->nchunks >= 10);
    assert_null(space_take(&space, 60, 1));
    chunk = space_take(&space, 48, 1); /* and a chunk for the alignment of the reservation */
    check_fresh(chunk, 48, 1);
    assert_true(space.reserved_bytes == bytes_reserved);
    space_check(&space);
    os_page_ops = real;
}

/* Without memory for the maps nothing stays reserved. */
static void test_no_memory_for_maps(void **state) {
    (void)state;
    start();
    watch(SIZE_MAX);
    os_page_ops.commit = limited_commit;
    for (commits_left = 0; commits_left < 2;) {
        unsigned allowed = commits_left;
        assert_null(space_take(&space, 1, 1));
        assert_int_equal(bytes_reserved, 0);
        assert_int_equal(space.reserved_bytes, 0);
        assert_null(space.regions);
        commits_left = allowed + 1;
    }
    os_page_ops = real;
    check_fresh(space_take(&space, 1, 1), 1, 1);
    space_check(&space);
}

static bool refuse_chunks(void *address, size_t size) {
    return size < CHUNK_SIZE && real.commit(address, size); /* only the maps may grow */
}

/* While the system refuses to commit, requests fail again and again; that must not pile up regions. */
static void test_refused_commits(void **state) {
    (void)state;
    start();
    watch(SIZE_MAX);
    struct chunk *before = space_take(&space, 1, 1);
    assert_non_null(before);
    while (before->region->ncommitted > chunk_index(before) + 1) {
        assert_true(space_take_at(&space, before->region, chunk_index(before) + 1, 1));
        before++;
    }
    os_page_ops.commit = refuse_chunks;
    for (unsigned i = 0; i < 40; i++) {
        assert_null(space_take(&space, 1, 1));
        assert_null(space_take(&space, 3, 2));
        assert_false(space_take_at(&space, before->region, chunk_index(before) + 1, 1));
        space_check(&space);
    }
    size_t regions = count_regions(space.regions);
    os_page_ops = real;
    assert_ptr_equal(space_take(&space, 1, 1), before + 1); /* nothing was lost */
    assert_true(regions <= 2);
}

/* A step that is too large is tried again with just what is needed. */
static size_t largest_commit;

static bool small_commit(void *address, size_t size) {
    return size <= largest_commit && real.commit(address, size);
}

static void test_small_commits(void **state) {
    (void)state;
    start();
    watch(SIZE_MAX);
    os_page_ops.commit = small_commit;
    largest_commit = CHUNK_SIZE;
    for (unsigned i = 0; i < 20; i++) {
        struct chunk *chunk = space_take(&space, 1, 1);
        check_fresh(chunk, 1, 1);
        assert_int_equal(chunk_index(chunk), i);
        assert_int_equal(chunk->region->ncommitted, i + 1);
        assert_int_equal(space.committed_bytes, (i + 1) * CHUNK_SIZE);
    }
    os_page_ops = real;
}

/* retain:false: a region that is free and clean goes back, and its addresses are unknown again. */
static void test_release(void **state) {
    (void)state;
    opts.retain = false;
    start();
    watch(SIZE_MAX);
    size_t reserved = 0;
    for (unsigned round = 0; round < 5; round++) {
        struct chunk *chunk = space_take(&space, 3, 1);
        check_fresh(chunk, 3, 1);
        uintptr_t base = chunk->base;
        space_release_regions(&space); /* in use */
        assert_int_equal(nreleased, round);
        chunk[1].dirty = 1;
        space_give(&space, chunk, 3, &owners[0]);
        space_release_regions(&space); /* not clean */
        assert_int_equal(nreleased, round);
        reserved = round == 0 ? space.reserved_bytes : reserved;
        assert_int_equal(space.reserved_bytes, reserved); /* regions do not grow here */
        struct chunk *purgeable =
            space_take_purgeable(&space, &owners[0], &(struct purgeable){.muzzy = false});
        assert_ptr_equal(purgeable, chunk + 1);
        space_release_regions(&space); /* a part of it is out for purging */
        assert_int_equal(nreleased, round);
        purgeable->dirty = 0;
        space_give(&space, purgeable, 1, &owners[0]);
        space_release_regions(&space);
        assert_int_equal(nreleased, round + 1);
        assert_null(space.regions);
        assert_int_equal(space.reserved_bytes, 0);
        assert_int_equal(space.committed_bytes, 0);
        assert_int_equal(bytes_reserved, 0);
        assert_null(chunk_find_at((void *)base));
        assert_int_equal(count_regions(space.retired), 1); /* its descriptors serve again */
    }
    os_page_ops = real;
    opts.retain = true;
}

/* With short tables a region may share entries with another: those chunks are never used. */
static void test_shared_entries(void **state) {
    (void)state;
    start();
    struct chunk *chunk = space_take(&space, 1, 1);
    size_t nchunks = chunk->region->nchunks;
    struct map saved = map;
    struct map shared = map;
    shared.chunk_mask = 2 * nchunks - 1; /* two regions of the size at most */
    shared.granule_mask = 2 * nchunks * CHUNK_GRANULES - 1;
    map = shared;
    map_is_short = true;
    start();
    size_t got = 0;
    while (got < 4 * nchunks && (chunk = space_take(&space, 1, 1)) != NULL) {
        got++;
        assert_ptr_equal(chunk_find_at((void *)chunk->base), chunk);
        if (count_regions(space.regions) > 6) {
            break;
        }
    }
    assert_true(got <= 2 * nchunks); /* an entry each */
    assert_true(got > 0);
    for (const struct region *region = space.regions; region != NULL; region = region->next) {
        assert_true(region->nusable <= region->nchunks);
    }
    space_check(&space);
    map_is_short = false;
    map = saved;
}

/* free(NULL) looks up address 0: the chunk that shares its entry would make NULL an object. */
static void test_entry_of_null(void **state) {
    (void)state;
    struct map saved = map;
    map.chunk_mask = 0;
    map.granule_mask = CHUNK_GRANULES - 1; /* every chunk shares it */
    map_is_short = true;
    start();
    assert_null(space_take(&space, 1, 1));
    map_is_short = false;
    map = saved;
}

int main(void) {
    unit_need_address_space();
    unit_start();
    real = os_page_ops;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_entry_of_null),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_dirty_first),
        cmocka_unit_test(test_long_dirty_series),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_limited_address_space),
        cmocka_unit_test(test_no_memory_for_maps),
        cmocka_unit_test(test_refused_commits),
        cmocka_unit_test(test_small_commits),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_shared_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

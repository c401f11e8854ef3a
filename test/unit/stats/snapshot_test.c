/*
 * snapshot_test.c: in a quiet process every byte of slabs and large objects is accounted for; parts sum
 * up; the walk over chunks finds the same memory; the counters of locks.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "alloc/object.h"
#include "cache/event.h"
#include "cache/thread.h"
#include "heap/large.h"
#include "meta/meta.h"
#include "stats/detail.h"
#include "stats/snapshot.h"

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

enum { LIVE = 3000, THREADS = 3 };

static void *live[LIVE];

static void churn(struct prng *prng, void **objects, unsigned n, unsigned steps) {
    for (unsigned i = 0; i < steps; i++) {
        void **at = &objects[prng_below(prng, n)];
        ashlar_free(*at);
        *at = prng_one_in(prng, 4)
                  ? NULL
                  : ashlar_malloc(prng_size(prng, prng_one_in(prng, 50) ? 5 << 20 : 60000));
    }
}

static void check_part(const struct arena_snapshot *part) {
    uint64_t requests = 0;
    for (unsigned i = 0; i < NCLASSES - 1; i++) {
        const struct bin_snapshot *bin = &part->bins[i];
        assert_int_equal(bin->curregs, bin->nmalloc - bin->ndalloc);
        assert_true(bin->curslabs * sizeclasses[i + 1].nslots >= bin->curregs);
        assert_true(bin->nonfull_slabs <= bin->curslabs && bin->curslabs <= bin->nslabs);
        assert_true(bin->mutex.num_wait + bin->mutex.num_spin_acq <= bin->mutex.num_ops);
        requests += bin->nrequests;
    }
    assert_int_equal(requests, part->small.nrequests);
    size_t large = 0;
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        large += part->lextents[i].curlextents;
        assert_true(part->lextents[i].nmalloc >= part->lextents[i].ndalloc);
    }
    assert_int_equal(large, part->large.nmalloc - part->large.ndalloc);
    assert_true(part->large.allocated <= part->active_bytes);
    assert_true(part->metadata_edata <= part->base || part->nthreads == 0);
    assert_true(part->cut_active_bytes <= part->active_bytes &&
                part->cut_dirty_bytes <= part->dirty_bytes);
    assert_int_equal(part->mapped, part->active_bytes + part->dirty_bytes + part->muzzy_bytes);
    assert_int_equal(part->resident,
                     part->mapped - part->muzzy_bytes + part->base + part->internal);
}

/* slab slack: free slots and ends of slabs; rounding: what large objects leave of their granules. */
static size_t slack_of(const struct arena_snapshot *part) {
    size_t slabs = 0;
    for (unsigned i = 0; i < NCLASSES - 1; i++) {
        const struct sizeclass *sc = &sizeclasses[i + 1];
        slabs += part->bins[i].curslabs * ((size_t)sc->slab_granules << LG_GRANULE);
    }
    return slabs - part->small.allocated;
}

/* What the program holds. */
struct held {
    size_t bytes;
    size_t nlarge;
    size_t rounding; /* of large objects */
};

static void count(struct held *held, void **objects, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        size_t usable = objects[i] != NULL ? object_usable(objects[i], "test") : 0;
        if (objects[i] != NULL && large_find(objects[i]).chunk != NULL) {
            held->nlarge++;
            held->rounding += round_up(usable, GRANULE_SIZE) - usable;
        }
        held->bytes += usable;
    }
}

static void check_snapshot(const struct held *held, unsigned nthreads) {
    struct snapshot *now = snapshot_take();
    assert_non_null(now);
    assert_int_equal(now->allocated, held->bytes);
    assert_int_equal(now->merged->large.nmalloc - now->merged->large.ndalloc, held->nlarge);
    assert_int_equal(now->narenas, arenas_count());
    assert_int_equal(now->nthreads, nthreads);
    assert_int_equal(now->retained + now->mapped - now->metadata, arenas_space.committed_bytes);
    assert_int_equal(now->metadata, meta_allocated_bytes() + now->metadata_rtree);
    const struct arena_snapshot *merged = snapshot_arena(now, MALLCTL_ARENAS_ALL);
    assert_int_equal(now->allocated + now->cached + slack_of(merged) + held->rounding, now->active);
    assert_int_equal(now->active + merged->dirty_bytes + now->metadata, now->resident);
    size_t small = 0;
    size_t resident = 0;
    size_t dirty = 0;
    struct detail *detail = calloc(1, sizeof(*detail));
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        const struct arena_snapshot *part = snapshot_arena(now, arena->index);
        assert_non_null(part);
        check_part(part);
        small += part->small.allocated;
        resident += part->resident;
        dirty += part->dirty_bytes;
        detail_add(detail, arena);
    }
    check_part(merged);
    assert_int_equal(small, merged->small.allocated);
    assert_int_equal(resident, now->resident);
    assert_null(snapshot_arena(now, 4000));
    size_t found = 0;
    for (unsigned i = 0; i < NPAGE_CLASSES; i++) {
        found += detail->extents[i].dirty_bytes;
        assert_true(detail->extents[i].ndirty * detail_page_class_size(i) >=
                    detail->extents[i].dirty_bytes);
    }
    assert_int_equal(found, dirty);
    assert_int_equal(detail->slabs.npageslabs_nonhuge, merged->cut_chunks);
    assert_int_equal(detail->slabs.active_bytes_nonhuge, merged->cut_active_bytes);
    assert_int_equal(detail->slabs.dirty_bytes_nonhuge, merged->cut_dirty_bytes);
    size_t parts = detail->full.npageslabs_nonhuge + detail->empty.npageslabs_nonhuge;
    for (unsigned i = 0; i < NONFULL_CLASSES; i++) {
        parts += detail->nonfull[i].npageslabs_nonhuge;
    }
    assert_int_equal(parts, merged->cut_chunks);
    free(detail);
    snapshot_drop(now);
}

static void test_identity(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (unsigned round = 0; round < 20; round++) {
        churn(&prng, live, LIVE, 2000);
        struct held held = {0};
        count(&held, live, LIVE);
        check_snapshot(&held, 1);
    }
}

static pthread_barrier_t barrier;

static void *churn_alone(void *argument) {
    void **objects = argument;
    struct prng prng = {(uintptr_t)objects};
    churn(&prng, objects, LIVE, 20000);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < LIVE; i++) {
        ashlar_free(objects[i]);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    static void *objects[THREADS][LIVE];
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS + 1), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn_alone, objects[i]), 0);
    }
    for (unsigned i = 0; i < 100; i++) { /* not exact meanwhile, but sane */
        struct snapshot *now = snapshot_take();
        assert_true(now->nthreads <= THREADS + 1);
        assert_true(now->allocated < (size_t)8 << 30 && now->cached < (size_t)8 << 30);
        assert_true(now->resident >= now->active && now->mapped >= now->active);
        snapshot_drop(now);
    }
    pthread_barrier_wait(&barrier);
    struct held held = {0};
    count(&held, live, LIVE);
    for (unsigned i = 0; i < THREADS; i++) {
        count(&held, objects[i], LIVE);
    }
    check_snapshot(&held, THREADS + 1);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    held = (struct held){0};
    count(&held, live, LIVE);
    check_snapshot(&held, 1);
}

static void test_nothing_left(void **state) {
    (void)state;
    for (unsigned i = 0; i < LIVE; i++) {
        ashlar_free(live[i]);
        live[i] = NULL;
    }
    uint64_t before = arenas_returned_bytes();
    event_trim_all();
    assert_true(arenas_returned_bytes() > before);
    const struct held held = {0};
    check_snapshot(&held, 1);
    struct snapshot *now = snapshot_take();
    const struct purge_snapshot *purges = &now->merged->dirty;
    assert_int_equal(now->active + now->cached + now->merged->tcache_objects, 0);
    assert_int_equal(now->merged->dirty_bytes, 0);
    assert_true(purges->npurge > 0 && purges->nmadvise >= purges->npurge);
    assert_true(purges->purged_bytes >= arenas_returned_bytes() - before);
    snapshot_drop(now);
}

static void test_destroyed(void **state) {
    (void)state;
    struct arena *arena = arenas_create(NULL);
    void *object;
    assert_int_equal(arena_fill(arena, 5, &object, 1), 1);
    assert_true(arenas_destroy(arena));
    struct snapshot *now = snapshot_take();
    assert_null(snapshot_arena(now, arena->index));
    const struct arena_snapshot *destroyed = snapshot_arena(now, MALLCTL_ARENAS_DESTROYED);
    assert_non_null(destroyed);
    assert_int_equal(destroyed->bins[4].nmalloc, 1);
    assert_int_equal(destroyed->bins[4].ndalloc, 1);
    assert_int_equal(destroyed->resident, 0);
    snapshot_drop(now);
}

static void test_memory_is_used_again(void **state) {
    (void)state;
    snapshot_drop(snapshot_take());
    size_t before = meta_allocated_bytes();
    for (unsigned i = 0; i < 10; i++) {
        snapshot_drop(snapshot_take());
    }
    assert_int_equal(meta_allocated_bytes(), before);
}

static void test_reset_of_locks(void **state) {
    (void)state;
    struct snapshot *now = snapshot_take();
    assert_true(now->merged->mutexes[MUTEX_LARGE].num_ops > 1000);
    assert_true(now->merged->mutexes[MUTEX_LARGE].num_owner_switch > 0);
    snapshot_drop(now);
    lock_acquire(snapshot_locks[MUTEX_CTL]); /* as the control does */
    snapshot_reset_locks();
    lock_release(snapshot_locks[MUTEX_CTL]);
    now = snapshot_take();
    assert_true(now->merged->mutexes[MUTEX_LARGE].num_ops < 100);
    assert_true(now->merged->bins[1].mutex.num_ops < 100);
    snapshot_drop(now);
}

static void test_abandoned(void **state) {
    (void)state;
    struct snapshot *before = snapshot_take();
    os_page_ops.release((char *)live + 1, 4096); /* which the system refuses */
    struct snapshot *after = snapshot_take();
    assert_int_equal(after->merged->abandoned_vm, before->merged->abandoned_vm + 4096);
    snapshot_drop(before);
    snapshot_drop(after);
}

static void test_shared_locks_count_once(void **state) {
    (void)state;
    struct arena *arena = arenas_create(NULL);
    void *object;
    assert_int_equal(arena_fill(arena, 5, &object, 1), 1);
    lock_acquire(&arenas_get(0)->pages.lock);
    lock_release(&arenas_get(0)->pages.lock);
    struct snapshot *now = snapshot_take();
    for (unsigned i = 0; i < ARENA_MUTEXES; i++) {
        uint64_t sum = 0;
        unsigned holders = 0;
        for (unsigned part = 0; part < now->narena_parts; part++) {
            if (now->parts[part] != NULL) {
                sum += now->parts[part]->mutexes[i].num_ops;
                holders += now->parts[part]->mutexes[i].num_ops != 0;
            }
        }
        assert_int_equal(now->merged->mutexes[i].num_ops, sum);
        assert_true(i != MUTEX_LARGE || holders > 1);
        assert_true(i != MUTEX_BASE || holders == 1);
        assert_true(i != MUTEX_HPA_SEC || holders <= 1);
    }
    snapshot_drop(now);
    assert_true(arenas_destroy(arena));
}

static void test_page_classes(void **state) {
    (void)state;
    for (unsigned i = 0; detail_page_class_size(i) < (size_t)1 << 56; i++) {
        size_t size = detail_page_class_size(i);
        assert_int_equal(detail_page_class(size), i);
        assert_int_equal(detail_page_class(size - 1), i);
        assert_int_equal(detail_page_class(size + 1), i + 1);
    }
    assert_int_equal(detail_page_class(0), 0);
}

static int start(void **state) {
    (void)state;
    return thread_enter() != NULL ? 0 : -1;
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_destroyed),
        cmocka_unit_test(test_memory_is_used_again),
        cmocka_unit_test(test_reset_of_locks),
        cmocka_unit_test(test_page_classes),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_shared_locks_count_once),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

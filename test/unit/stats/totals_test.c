/*
 * totals_test.c: in a quiet process every byte of slabs and large objects is accounted for.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "cache/event.h"
#include "heap/arenas.h"
#include "heap/large.h"
#include "meta/meta.h"
#include "stats/totals.h"

void *ashlar_malloc(size_t size);
void *ashlar_realloc(void *p, size_t size);
void ashlar_free(void *p);
size_t ashlar_malloc_usable_size(void *p);

enum { LIVE = 3000, THREADS = 3 };

struct object {
    void *p;
    size_t usable;
};

static struct object live[LIVE];
static size_t granules_of_large; /* of those in `live`, in bytes */
static size_t small_bytes;
static size_t large_bytes;
static size_t nlarge;
static uint64_t requests[NCLASSES];

static void account(const struct object *object, bool add) {
    size_t sign = add ? 1 : (size_t)-1;
    if (map_class_of(object->p) != 0) {
        small_bytes += sign * object->usable;
        return;
    }
    large_bytes += sign * object->usable;
    granules_of_large += sign * round_up(object->usable, GRANULE_SIZE);
    nlarge += sign;
}

/* allocated + cached + free slots, slack and rounding = active */
static void check(void) {
    static struct totals now;
    totals_take(&now);
    size_t slabs = 0;
    size_t slack = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        const struct class_totals *of = &now.classes[class];
        const struct sizeclass *sc = &sizeclasses[class];
        size_t bytes = (size_t)sc->slab_granules << LG_GRANULE;
        assert_int_equal(of->nmalloc - of->ndalloc, of->live + of->cached);
        size_t slots = of->nslabs * sc->nslots;
        assert_true(slots >= of->live + of->cached);
        slabs += of->nslabs * bytes;
        slack += (slots - of->live - of->cached) * sc->size;
        slack += of->nslabs * (bytes - (size_t)sc->nslots * sc->size);
        assert_true(of->nrequests >= requests[class]);
        assert_true(of->ncreated >= of->nslabs);
        assert_true(of->nmalloc == 0 || of->nfills > 0);
    }
    assert_int_equal(now.small_bytes, small_bytes);
    assert_int_equal(now.large_bytes, large_bytes);
    assert_int_equal(now.large_live, nlarge);
    assert_int_equal(now.allocated, small_bytes + large_bytes);
    assert_int_equal(slabs, small_bytes + now.cached_bytes + slack);
    assert_int_equal(now.active, slabs + granules_of_large + now.large_cached);
    assert_int_equal(now.metadata, meta_allocated_bytes());
    assert_int_equal(now.resident, now.active + now.dirty + now.metadata);
    assert_int_equal(now.mapped, now.resident + now.muzzy);
    assert_int_equal(now.purged, totals_purged_bytes());
    assert_int_equal(now.reserved, arenas_space.reserved_bytes);
    assert_true(now.active + now.dirty + now.muzzy + now.retained >= arenas_space.committed_bytes);
    assert_int_equal(now.narenas, arenas_count());
}

static void change(struct prng *prng, struct object *object) {
    if (object->p == NULL) {
        size_t size = prng_size(prng, prng_one_in(prng, 30) ? (size_t)6 << 20 : 40000);
        object->p = ashlar_malloc(size);
        assert_non_null(object->p);
        requests[map_class_of(object->p)]++;
    } else if (prng_one_in(prng, 3)) {
        size_t size = prng_size(prng, 2 * object->usable) + 1;
        account(object, false);
        object->p = ashlar_realloc(object->p, size);
        assert_non_null(object->p);
    } else {
        account(object, false);
        ashlar_free(object->p);
        object->p = NULL;
        return;
    }
    object->usable = ashlar_malloc_usable_size(object->p);
    account(object, true);
}

static void test_identity(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    check();
    for (unsigned step = 0; step < unit_steps(40000); step++) {
        change(&prng, &live[prng_below(&prng, LIVE)]);
        if (step % 200 == 0) {
            check();
        }
        if (prng_one_in(&prng, 8000)) {
            event_trim_all();
            check();
        }
    }
    for (unsigned i = 0; i < LIVE; i++) {
        if (live[i].p != NULL) {
            account(&live[i], false);
            ashlar_free(live[i].p);
            live[i].p = NULL;
        }
    }
    check();
    assert_int_equal(small_bytes + large_bytes, 0);
    event_trim_all();
    check();
    static struct totals now;
    totals_take(&now);
    assert_int_equal(now.active, 0);
    assert_int_equal(now.cached_bytes, 0);
    assert_int_equal(now.dirty, 0);
    assert_true(now.purged > 0 && now.sweeps > 0 && now.purge_calls >= now.sweeps);
}

static void *allocate(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    void *held[100] = {NULL};
    for (unsigned i = 0; i < 20000; i++) {
        void **p = &held[prng_below(&prng, 100)];
        if (*p != NULL) {
            ashlar_free(*p);
            *p = NULL;
        } else {
            *p = ashlar_malloc(prng_size(&prng, 50000));
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        ashlar_free(held[i]);
    }
    return NULL;
}

/* While others work a totals is not exact, but sane; when they have ended, it is exact. */
static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    static struct totals now;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, allocate, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        totals_take(&now);
        assert_true(now.nthreads <= THREADS + 1);
        assert_true(now.allocated < (size_t)1 << 30);
        assert_true(now.cached_bytes < (size_t)1 << 30);
        assert_true(now.resident >= now.active && now.mapped >= now.resident);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    check();
    totals_take(&now);
    assert_int_equal(now.nthreads, 1);
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

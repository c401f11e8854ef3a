/*
 * thread_control_test.c: a thread's counters against counts kept here, its arena, and its cache.
 */
#include "unit/cache/cache_objects.h"

#include <pthread.h>

#include "alloc/extended.h"
#include "alloc/object.h"
#include "cache/depot.h"
#include "cache/tcaches.h"
#include "cache/thread_control.h"
#include "heap/large.h"

void *ashlar_malloc(size_t size);
void *ashlar_calloc(size_t count, size_t size);
void *ashlar_realloc(void *p, size_t size);
void *ashlar_aligned_alloc(size_t alignment, size_t size);
void ashlar_free(void *p);

enum { HELD = 400, ZERO = EXTENDED_ZERO, TCACHE_NONE = 1 << EXTENDED_LG_TCACHE };

static void in_thread(void *(*function)(void *), void *argument) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* cmocka's assertions jump to the main thread's stack; threads of this test end the process instead. */
#define MUST(e) CHECK(e)

/* ---- counters ---- */

struct shadow {
    struct prng prng;
    unsigned id; /* of an explicit cache */
    uint64_t allocated;
    uint64_t deallocated;
    int64_t base; /* of the peak */
    int64_t peak;
    void *held[HELD];
};

static size_t usable(const void *p) {
    return object_usable(p, "test");
}

static void count(struct shadow *shadow, size_t allocated, size_t deallocated) {
    shadow->allocated += allocated;
    shadow->deallocated += deallocated;
    int64_t above = (int64_t)(shadow->allocated - shadow->deallocated) - shadow->base;
    shadow->peak = above > shadow->peak ? above : shadow->peak;
}

static int some_cache(struct shadow *shadow) {
    switch (prng_below(&shadow->prng, 4)) {
    case 0:
        return TCACHE_NONE;
    case 1:
        return (int)(shadow->id + 2) << EXTENDED_LG_TCACHE;
    default:
        return 0;
    }
}

static size_t some_size(struct shadow *shadow) {
    return 1 + prng_size(&shadow->prng, prng_one_in(&shadow->prng, 20) ? 5 << 20 : 5000);
}

static void *allocate(struct shadow *shadow) {
    size_t size = some_size(shadow);
    switch (prng_below(&shadow->prng, 5)) {
    case 0:
        return ashlar_calloc(1, size);
    case 1:
        return ashlar_aligned_alloc((size_t)1 << prng_below(&shadow->prng, 16), size);
    case 2:
        return extended_alloc(size, some_cache(shadow) | (int)prng_below(&shadow->prng, 15));
    default:
        return ashlar_malloc(size);
    }
}

/* In place or not, resizing ends one size and begins another; objects that stay what they are do not
 * count. */
static void resize(struct shadow *shadow, void **object) {
    size_t before = usable(*object);
    void *old = *object;
    bool extended = prng_one_in(&shadow->prng, 2);
    size_t size = some_size(shadow);
    *object = extended ? extended_resize(old, size, some_cache(shadow)) : ashlar_realloc(old, size);
    MUST(*object != NULL);
    if (*object == old && usable(old) != before) {
        count(shadow, usable(*object) - before, 0);
        count(shadow, before, before);
    } else if (*object != old) {
        count(shadow, usable(*object), 0);
        count(shadow, 0, before);
    }
}

static void step(struct shadow *shadow) {
    void **object = &shadow->held[prng_below(&shadow->prng, HELD)];
    if (*object == NULL) {
        *object = allocate(shadow);
        MUST(*object != NULL);
        count(shadow, usable(*object), 0);
    } else if (prng_one_in(&shadow->prng, 3)) {
        resize(shadow, object);
    } else {
        count(shadow, 0, usable(*object));
        if (prng_one_in(&shadow->prng, 3)) {
            extended_free(*object, some_cache(shadow));
        } else {
            ashlar_free(*object);
        }
        *object = NULL;
    }
}

static void free_all(struct shadow *shadow) {
    for (unsigned i = 0; i < HELD; i++) {
        if (shadow->held[i] != NULL) {
            count(shadow, 0, usable(shadow->held[i]));
            ashlar_free(shadow->held[i]);
            shadow->held[i] = NULL;
        }
    }
}

static bool counts_agree(const struct shadow *shadow) {
    return thread_allocated(this_thread) == shadow->allocated &&
           thread_deallocated(this_thread) == shadow->deallocated;
}

/* What moves magazines about must not matter. */
static void disturb(struct shadow *shadow, struct arena *manual) {
    switch (prng_below(&shadow->prng, 6)) {
    case 0:
        thread_flush(this_thread);
        break;
    case 1:
        thread_flush_home(this_thread);
        break;
    case 2:
        MUST(thread_bind(this_thread, arenas_get(0)));
        break;
    case 3:
        MUST(thread_bind(this_thread, manual));
        break;
    case 4:
        MUST(thread_set_caching(this_thread, !this_thread->caching));
        break;
    default:
        MUST(thread_set_ncached_max(this_thread, "8-200:20|1000-30000:5"));
        break;
    }
}

static void *count_derived(void *argument) {
    struct shadow *shadow = argument;
    struct arena *manual = arenas_create(NULL);
    thread_enter();
    MUST(manual != NULL && tcaches_create(&shadow->id));
    for (unsigned i = 0; i < unit_steps(40000); i++) {
        step(shadow);
        if (i % 50 == 0) {
            MUST(counts_agree(shadow));
        }
        if (i % 1000 == 999) {
            disturb(shadow, manual);
            MUST(counts_agree(shadow));
        }
    }
    free_all(shadow);
    MUST(shadow->allocated == shadow->deallocated && counts_agree(shadow));
    MUST(tcaches_destroy(shadow->id) && thread_bind(this_thread, arenas_get(0)));
    MUST(arenas_destroy(manual));
    return NULL;
}

static void test_derived(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static struct shadow shadow;
    shadow = (struct shadow){.prng = prng_fork(&prng, 1)};
    in_thread(count_derived, &shadow);
}

/* The same when somebody watches: after every single call. */
static void *count_armed(void *argument) {
    struct shadow *shadow = argument;
    struct arena *manual = arenas_create(NULL);
    thread_enter();
    MUST(manual != NULL && tcaches_create(&shadow->id));
    for (unsigned i = 0; i < 500; i++) {
        step(shadow);
    }
    MUST(thread_arm(this_thread));
    const uint64_t *allocated = &this_thread->allocated;
    const uint64_t *deallocated = &this_thread->deallocated;
    thread_reset_peak(this_thread);
    for (unsigned i = 0; i < unit_steps(30000); i++) {
        if (i % 3000 == 0) {
            thread_reset_peak(this_thread);
            shadow->base = (int64_t)(shadow->allocated - shadow->deallocated);
            shadow->peak = 0;
        }
        step(shadow);
        MUST(*allocated == shadow->allocated && *deallocated == shadow->deallocated);
        MUST(counts_agree(shadow));
        MUST(thread_read_peak(this_thread) == (uint64_t)shadow->peak);
        if (i % 700 == 699) {
            disturb(shadow, manual);
            MUST(*allocated == shadow->allocated && *deallocated == shadow->deallocated);
        }
    }
    free_all(shadow);
    MUST(*allocated == *deallocated && *deallocated == shadow->deallocated);
    MUST(tcaches_destroy(shadow->id) && thread_bind(this_thread, arenas_get(0)));
    MUST(arenas_destroy(manual));
    return NULL;
}

static void test_armed(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    static struct shadow shadow;
    shadow = (struct shadow){.prng = prng_fork(&prng, 2)};
    in_thread(count_armed, &shadow);
}

/* Threads that end leave nothing behind in the next one, which gets the same block. */
static void *look_fresh(void *argument) {
    (void)argument;
    void *p = ashlar_malloc(100);
    MUST(thread_allocated(this_thread) == 112 && thread_deallocated(this_thread) == 0);
    MUST(!this_thread->armed && this_thread->active == &this_thread->bins);
    ashlar_free(p);
    MUST(thread_deallocated(this_thread) == 112);
    MUST(thread_arm(this_thread));
    return NULL;
}

static void test_fresh(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        in_thread(look_fresh, NULL);
    }
}

/* ---- arenas ---- */

static struct arena *owner(const void *p) {
    return arenas_of_pointer(p);
}

static void *use_manual(void *argument) {
    enum { MANY = 3000 };
    struct arena *manual = argument;
    struct prng prng = {99};
    static void *held[MANY];
    void *before[100];
    thread_enter();
    for (unsigned i = 0; i < 100; i++) {
        before[i] = ashlar_malloc(40);
    }
    for (unsigned i = 0; i < 50; i++) {
        ashlar_free(before[i]); /* something to be found in the cache */
    }
    struct arena *automatic = this_thread->arena;
    MUST(thread_bind(this_thread, manual) && this_thread->arena == manual);
    MUST(manual->nthreads == 1 && !arenas_destroy(manual));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            size_t size = prng_size(&prng, prng_one_in(&prng, 50) ? 3 << 20 : 3000);
            held[i] =
                i % 2 == 0 ? ashlar_malloc(size) : ashlar_realloc(ashlar_malloc(30), size + 1);
            MUST(held[i] != NULL && owner(held[i]) == manual);
            if (i == MANY / 2) {
                for (unsigned k = 50; round == 0 && k < 100; k++) {
                    ashlar_free(before[k]);
                }
            }
        }
        for (unsigned i = 0; i < MANY; i++) {
            ashlar_free(held[i]);
        }
        MUST(thread_cached(this_thread, sizeclass_of(40)) > 0); /* its own cache works */
    }
    MUST(thread_bind(this_thread, automatic));
    MUST(manual->nthreads == 0);
    for (unsigned i = 0; i < MANY; i++) {
        held[i] = ashlar_malloc(prng_size(&prng, 3000));
        MUST(owner(held[i]) != manual);
    }
    for (unsigned i = 0; i < MANY; i++) {
        ashlar_free(held[i]);
    }
    return NULL;
}

static void test_manual_arena(void **state) {
    (void)state;
    struct arena *manual = arenas_create(NULL);
    in_thread(use_manual, manual);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(manual->bins[class].nmalloc, manual->bins[class].ndalloc);
    }
    assert_true(arenas_destroy(manual));
}

/* A thread that ends while bound gives everything back. */
static void *end_bound(void *argument) {
    thread_enter();
    MUST(thread_bind(this_thread, argument));
    for (unsigned size = 8; size < 40000; size += 100) {
        ashlar_free(ashlar_malloc(size));
    }
    return NULL;
}

static void test_end_while_bound(void **state) {
    (void)state;
    struct arena *manual = arenas_create(NULL);
    in_thread(end_bound, manual);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(manual->bins[class].nmalloc, manual->bins[class].ndalloc);
    }
    assert_int_equal(manual->nthreads, 0);
    assert_true(arenas_destroy(manual));
    assert_false(thread_bind(thread_enter(), manual)); /* too late */
}

/* ---- the cache ---- */

static size_t fill_up(unsigned class) {
    enum { MANY = 600 };
    static void *held[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        held[i] = ashlar_malloc(sizeclasses[class].size);
    }
    for (unsigned i = 0; i < MANY; i++) {
        ashlar_free(held[i]);
    }
    return thread_cached(this_thread, class);
}

static void *set_cache(void *argument) {
    (void)argument;
    struct thread *thread = thread_enter();
    const unsigned class = sizeclass_of(100);
    MUST(thread_cache_max(thread) == SIZECLASS_MAX && thread->caching);
    MUST(fill_up(class) > sizeclasses[class].cache_slots);
    /* Off and on. */
    MUST(thread_set_caching(thread, false) && thread_cached(thread, class) == 0);
    MUST(fill_up(class) == 0 && thread_ncached_max(thread, class) == 0);
    MUST(thread_set_caching(thread, true) && fill_up(class) > 0);
    /* The largest size. */
    MUST(thread_set_cache_max(thread, 90) && thread_cache_max(thread) == 96);
    MUST(fill_up(class) == 0 && fill_up(sizeclass_of(96)) > 0 && fill_up(1) > 0);
    MUST(thread_set_cache_max(thread, SIZE_MAX) && thread_cache_max(thread) == SIZECLASS_MAX);
    MUST(fill_up(class) > 0);
    /* How many of a size. */
    static const struct {
        const char *ranges;
        unsigned got;
    } good[] = {
        {"100-112:10", 10},      {"0x60-128:7", 8},           {"8-32768:5000", 2 * SLOTS_MAX},
        {"100-100:1|8-16:4", 2}, {"8-8:4|100-99999999:6", 6}, {"1-200:8|97-112:0", 0}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        MUST(thread_set_ncached_max(thread, good[i].ranges));
        MUST(thread_ncached_max(thread, class) == good[i].got);
        trim_depots(true); /* what is taken from there is as large as it is */
        MUST(fill_up(class) <= good[i].got);
        MUST(good[i].got == 0 || fill_up(class) >= good[i].got / 2);
    }
    MUST(!thread_set_ncached_max(thread, "8-16:20|"));
    MUST(!thread_set_ncached_max(thread, ""));
    MUST(thread_ncached_max(thread, class) == 0);
    return NULL;
}

static void test_cache(void **state) {
    (void)state;
    in_thread(set_cache, NULL);
}

static void *be_idle(void *argument) {
    struct arena *arena = argument;
    struct thread *thread = thread_enter();
    MUST(thread_bind(thread, arena));
    void *p = ashlar_malloc(1 << 20);
    memset(p, 1, 1 << 20);
    ashlar_free(p);
    fill_up(10);
    MUST(pages_unused(&arena->pages, PAGES_DIRTY) > 0 || large_cache_bytes(&thread->large) > 0);
    thread_idle(thread);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        MUST(thread_cached(thread, class) == 0);
    }
    MUST(arena->pages.nactive == 0 && pages_unused(&arena->pages, PAGES_DIRTY) == 0);
    ashlar_free(ashlar_malloc(100));
    return NULL;
}

static void test_idle(void **state) {
    (void)state;
    struct arena *arena = arenas_create(NULL);
    in_thread(be_idle, arena);
    assert_true(arenas_destroy(arena));
}

/* A thread that is gone has nothing to change. */
static void test_gone(void **state) {
    (void)state;
    assert_false(thread_arm(&gone_thread));
    assert_false(thread_bind(&gone_thread, arenas_get(0)));
    assert_false(thread_set_caching(&gone_thread, true));
    assert_false(thread_set_cache_max(&gone_thread, 100));
    assert_false(thread_set_ncached_max(&gone_thread, "8-8:8"));
    thread_idle(&gone_thread);
    thread_reset_peak(&gone_thread);
    assert_int_equal(thread_read_peak(&gone_thread), 0);
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derived),
        cmocka_unit_test(test_armed),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_manual_arena),
        cmocka_unit_test(test_end_while_bound),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

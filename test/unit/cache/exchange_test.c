/*
 * exchange_test.c: the bins of the calling thread: refilling and making room, with every combination of
 * loaded, spare and parked magazines, and without memory.
 */
#include "unit/cache/cache_objects.h"

#include "alloc/fast.h"
#include "cache/depot.h"
#include "cache/event.h"
#include "cache/exchange.h"
#include "cache/thread.h"
#include "meta/meta.h"
#include "os/os.h"

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

static struct thread *thread;

/* All objects outside slabs are in the program's hands, in this thread's magazines, or parked. */
static void check(unsigned class, size_t held) {
    const struct cache_bins *bins = &thread->bins;
    const struct magazine *loaded = thread->loaded[class];
    if (loaded != NULL) {
        assert_null(loaded->bottom);
        ptrdiff_t count = bins->top[class] + 1 - loaded->slot;
        assert_in_range(count, 0, loaded->capacity);
        ptrdiff_t room = bins->limit[class] - loaded->slot;
        assert_true(room >= count && room <= (ptrdiff_t)loaded->capacity);
        for (ptrdiff_t i = 0; i < count; i++) {
            assert_non_null(loaded->slot[i]);
        }
    } else {
        assert_null(*bins->top[class]);
        assert_ptr_equal(bins->limit[class], bins->top[class] + 1);
    }
    const struct magazine *spare = thread->spare[class];
    assert_true(spare == NULL || (spare != loaded && spare->count <= spare->capacity));
    size_t out = objects_out(class);
    assert_int_equal(out, held + thread_cached(thread, class) + objects_parked(class));
}

/* As malloc and free do it. */
static void *pop(unsigned class) {
    void *p = cache_pop(&thread->bins, class);
    if (p == NULL) {
        assert_true(exchange_refill(thread, class));
        p = cache_pop(&thread->bins, class);
        assert_non_null(p);
    }
    assert_int_equal(map_class_of(p), class);
    return p;
}

static void push(unsigned class, void *p) {
    if (cache_push(&thread->bins, class, p)) {
        return;
    }
    if (exchange_make_room(thread, class, p)) {
        assert_true(cache_push(&thread->bins, class, p));
    } else {
        arena_drain(class, &p, 1);
    }
}

static void test_random(void **state) {
    (void)state;
    enum { HELD = 3000 };
    static void *held[HELD];
    struct prng prng = unit_prng();
    static const unsigned classes[] = {1, 4, 9, 15, 24, 29, 33, NCLASSES - 1};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        unsigned class = classes[i];
        size_t n = 0;
        size_t most = sizeclasses[class].size > 4096 ? 300 : HELD;
        for (unsigned step = 0; step < unit_steps(300); step++) {
            size_t k = prng_size(&prng, 300);
            bool taking = prng_one_in(&prng, 2);
            for (; k > 0 && taking && n < most; k--) {
                held[n] = pop(class);
                *(uintptr_t *)held[n] = (uintptr_t)held[n];
                n++;
            }
            for (; k > 0 && !taking && n > 0; k--) {
                size_t at = prng_below(&prng, n);
                assert_true(*(uintptr_t *)held[at] == (uintptr_t)held[at]);
                *(uintptr_t *)held[at] = 0; /* nobody else holds it */
                push(class, held[at]);
                held[at] = held[--n];
            }
            check(class, n);
            if (prng_one_in(&prng, 40)) {
                thread_flush(thread);
                assert_int_equal(thread_cached(thread, class), 0);
                check(class, n);
            }
        }
        while (n > 0) {
            push(class, held[--n]);
        }
        thread_flush(thread);
        trim_depots(true);
        assert_int_equal(objects_out(class), 0);
    }
    arenas_check();
}

/* Refilling asks for more each time, up to what a class may cache. */
static void test_slow_start(void **state) {
    (void)state;
    enum { CLASS = 10, HELD = 2000 };
    static void *held[HELD];
    thread_flush(thread);
    trim_depots(true);
    size_t n = 0;
    size_t last = 0;
    for (unsigned i = 0; i < 10; i++) {
        held[n++] = pop(CLASS);
        size_t got = thread_cached(thread, CLASS) + 1;
        assert_true(got >= last);
        assert_true(got <= sizeclasses[CLASS].cache_slots);
        assert_true(i > 0 || got <= 4);
        last = got;
        while (thread_cached(thread, CLASS) > 0) {
            held[n++] = pop(CLASS);
        }
        check(CLASS, n);
    }
    assert_true(last >= sizeclasses[CLASS].cache_slots / 2);
    while (n > 0) {
        push(CLASS, held[--n]);
    }
    check(CLASS, 0);
}

/* A bin's limit is what the class may cache, and the thread keeps two magazines at most. */
static void test_limits(void **state) {
    (void)state;
    for (unsigned class = 1; class <= thread->last_cached; class ++) {
        thread_flush(thread);
        trim_depots(true);
        size_t slots = sizeclasses[class].cache_slots;
        for (size_t i = 0; i < 4 * slots + 8; i++) {
            push(class, new_object(class));
            check(class, 0);
            assert_true(thread_cached(thread, class) <= 2 * magazine_slots(MAGAZINE_SIZES - 1));
            const struct magazine *loaded = thread->loaded[class];
            assert_true(thread->bins.limit[class] - loaded->slot <= (ptrdiff_t)slots);
        }
        assert_true(thread_cached(thread, class) > slots);
        assert_true(objects_parked(class) > 0 || slots * 2 * sizeclasses[class].size > 100000);
    }
    thread_flush(thread);
    trim_depots(true);
}

/* Around a full magazine nothing reaches the depot or the arena. */
static void test_hysteresis(void **state) {
    (void)state;
    enum { CLASS = 12 };
    size_t slots = sizeclasses[CLASS].cache_slots;
    void *held[4];
    thread_flush(thread);
    trim_depots(true);
    for (size_t i = 0; i < slots + 1; i++) {
        push(CLASS, new_object(CLASS));
    }
    const struct bin *bin = &arenas_get(0)->bins[CLASS];
    uint64_t fills = bin->nfills;
    uint64_t flushes = bin->nflushes;
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < 4; i++) {
            held[i] = pop(CLASS);
        }
        for (unsigned i = 0; i < 4; i++) {
            push(CLASS, held[i]);
        }
        assert_int_equal(objects_parked(CLASS), 0);
    }
    assert_int_equal(bin->nfills, fills);
    assert_int_equal(bin->nflushes, flushes);
    check(CLASS, 0);
}

static size_t parked_in(const struct arena *arena, unsigned class) {
    return arena->depots[class].parked;
}

/* Who only frees what is another arena's keeps one small magazine of it, and that arena's depot gets the others;
 * who asks for as much keeps and parks them itself. */
static void test_consumer(void **state) {
    (void)state;
    enum { MANY = 2000 };
    struct arena *own = thread->arena;
    struct arena *other = arenas_create(NULL);
    static const unsigned classes[] = {5, 12, 17, 21, 29};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        unsigned class = classes[i];
        size_t size = sizeclasses[class].size;
        thread_flush(thread);
        trim_depots(true);
        thread->arena = other;
        thread->moved[class] = -(int64_t)thread_requests(thread, class);
        size_t most = (16 << 10) / size;
        most = most > magazine_slots(0) ? most : magazine_slots(0);
        for (unsigned k = 0; k < MANY; k++) {
            push(class, new_object(class));
            check(class, 0);
            assert_true(thread_cached(thread, class) <= most);
            assert_int_equal(parked_in(other, class), 0);
        }
        assert_true(parked_in(own, class) > 0);
        thread_flush_class_home(thread, class);
        size_t before = parked_in(own, class);
        thread->requests[class] += MANY;
        thread->moved[class] -= MANY;
        for (unsigned k = 0; k < MANY / 2; k++) {
            push(class, new_object(class));
        }
        assert_true(thread_cached(thread, class) > most);
        assert_true(parked_in(other, class) > 0 || parked_in(own, class) == before);
        thread->requests[class] -= MANY;
        thread->moved[class] += MANY;
        thread_flush_class_home(thread, class);
        depots_trim(other, true);
        thread->arena = own;
    }
    trim_depots(true);
    arenas_check();
}

/* ---- no memory ---- */

static void *no_map(size_t size) {
    (void)size;
    return NULL;
}

static void *no_reserve(size_t size) {
    (void)size;
    return NULL;
}

static void use_up_metadata(void) {
    os_page_ops.map = no_map;
    while (meta_alloc(64) != NULL) {
    }
    for (unsigned i = 0; i < MAGAZINE_SIZES; i++) {
        while (magazine_pools[i].nfree > 0) {
            pool_get(&magazine_pools[i]);
        }
    }
}

/* No magazine to be had: the object must go home, and the thread still works. */
static bool without_magazines(void *context) {
    enum { CLASS = 11 };
    (void)context;
    static void *held[400];
    thread_flush(thread);
    trim_depots(true);
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        held[i] = new_object(CLASS);
    }
    use_up_metadata();
    if (exchange_make_room(thread, CLASS, held[0]) || exchange_refill(thread, CLASS)) {
        return false;
    }
    check(CLASS, ARRAY_LEN(held));
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        ashlar_free(held[i]);
        check(CLASS, ARRAY_LEN(held) - i - 1);
    }
    void *p = ashlar_malloc(sizeclasses[CLASS].size);
    check(CLASS, 1);
    ashlar_free(p);
    return p != NULL && objects_out(CLASS) == 0;
}

static bool no_commit(void *address, size_t size) {
    (void)address;
    (void)size;
    return false;
}

/* No chunks: what there is gets used up, then refilling fails; what comes back is used again. */
static bool without_chunks(void *context) {
    enum { CLASS = 33, MANY = 100000 };
    (void)context;
    static void *held[MANY];
    size_t n = 0;
    thread_flush(thread);
    trim_depots(true);
    os_page_ops.reserve = no_reserve;
    os_page_ops.commit = no_commit;
    while (n < MANY && exchange_refill(thread, CLASS)) {
        void *object;
        while ((object = cache_pop(&thread->bins, CLASS)) != NULL) {
            held[n++] = object;
        }
    }
    check(CLASS, n);
    void *p;
    while (n < MANY && (p = ashlar_malloc(sizeclasses[CLASS].size)) != NULL) {
        held[n++] = p; /* malloc tries harder: it gathers what is unused elsewhere */
    }
    if (n == 0 || n == MANY) {
        return false;
    }
    push(CLASS, held[--n]);
    check(CLASS, n);
    p = ashlar_malloc(sizeclasses[CLASS].size);
    check(CLASS, n + 1);
    return p == held[n];
}

static void test_no_memory(void **state) {
    (void)state;
    unit_expect_in_child(without_magazines, NULL);
    unit_expect_in_child(without_chunks, NULL);
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    thread = this_thread;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),   cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_hysteresis),
        cmocka_unit_test(test_consumer), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * giving_back_test.c: everything that gives memory back, at once and all the time, while threads use, begin
 * and end, arenas are reset and destroyed, and the process forks.
 *
 * Passes over slabs begin every millisecond. What is checked: contents of objects, the structures of all arenas
 * after each step and in each child, and that nothing stays hidden or absent at the end.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "cache/background.h"
#include "cache/event.h"
#include "cache/thread.h"
#include "heap/arenas.h"
#include "heap/reset.h"
#include "heap/scavenge.h"
#include "os/os.h"

enum { WORKERS = 3, OBJECTS = 600, STEPS = 120, PER_LIFE = 4000 };

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

/* A child of many threads goes on; see forking.c. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "die_after_fork=0:atexit_sleep_ms=0";
}

static _Atomic bool over;
static _Atomic unsigned lives;

/* An object's first and last bytes say whose it is. */
static void *make(struct prng *prng, unsigned char mark) {
    static const size_t sizes[] = {48, 512, 1024, 3000, 5000, 14336, 20000, 100000, 600000};
    size_t size = sizes[prng_below(prng, prng_one_in(prng, 8) ? 9 : 7)];
    unsigned char *p = ashlar_malloc(size);
    memcpy(p, &size, sizeof(size));
    p[sizeof(size)] = mark;
    p[size - 1] = mark;
    return p;
}

static void unmake(void *object, unsigned char mark) {
    const unsigned char *p = object;
    size_t size;
    memcpy(&size, p, sizeof(size));
    CHECK(p[sizeof(size)] == mark && p[size - 1] == mark);
    ashlar_free(object);
}

/* Shared by all lives of all workers: most objects end in another thread, and often another arena. */
static void *_Atomic shared[OBJECTS];

static void *live(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    void *mine[64] = {NULL};
    for (unsigned i = 0; i < PER_LIFE && !atomic_load(&over); i++) {
        unsigned k = (unsigned)prng_below(&prng, OBJECTS);
        void *old = atomic_exchange(&shared[k], prng_one_in(&prng, 3) ? make(&prng, 7) : NULL);
        if (old != NULL) {
            unmake(old, 7);
        }
        k = (unsigned)prng_below(&prng, ARRAY_LEN(mine));
        if (mine[k] != NULL) {
            unmake(mine[k], 9);
        }
        mine[k] = prng_one_in(&prng, 2) ? make(&prng, 9) : NULL;
    }
    for (unsigned k = 0; k < ARRAY_LEN(mine); k++) {
        if (mine[k] != NULL) {
            unmake(mine[k], 9);
        }
    }
    return NULL;
}

static void *work(void *argument) {
    for (uintptr_t seed = (uintptr_t)argument; !atomic_load(&over); seed += 100) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, live, (void *)seed) == 0);
        event_trim_all();
        pthread_join(thread, NULL);
        atomic_fetch_add(&lives, 1);
    }
    return NULL;
}

/* A manual arena's whole life. Passes may look into it whenever they like. */
static void live_and_reset(struct prng *prng) {
    struct arena *arena = arenas_create(NULL);
    CHECK(arena != NULL);
    arena_set_decay_ms(arena, PAGES_DIRTY, 0);
    for (unsigned round = 0; round < 3; round++) {
        void *slots[200];
        unsigned class = 17 + (unsigned)prng_below(prng, 15);
        for (unsigned n = 0; n < ARRAY_LEN(slots);) {
            n += arena_fill(arena, class, slots + n, 1);
        }
        for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
            if (i % 8 != 0) {
                arena_drain(class, &slots[i], 1);
            }
        }
        arena_decay_now(arena);
        event_poll();
        arena_decay_now(arena);
        if (prng_one_in(prng, 2)) {
            arena_reset(arena);
        }
    }
    CHECK(arenas_destroy(arena));
    arenas_check();
}

static size_t hidden(void) {
    size_t n = 0;
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next_raw(&i)) != NULL;) {
        for (unsigned class = 1; class < NCLASSES; class ++) {
            n += gauge_read(&arena->bins[class].nhidden);
        }
    }
    return n;
}

/* A fork in the middle of a pass: the child has everything that was being given back. */
static bool child(void *context) {
    struct prng prng = {*(uint64_t *)context};
    CHECK(hidden() == 0);
    arenas_check();
    for (unsigned k = 0; k < OBJECTS; k++) {
        void *old = atomic_exchange(&shared[k], NULL);
        if (old != NULL) {
            unmake(old, 7);
        }
        unmake(make(&prng, 5), 5);
    }
    event_trim_all();
    arenas_check();
    return hidden() == 0;
}

static void set_decay_ms(ssize_t ms) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        arena_set_decay_ms(arena, PAGES_DIRTY, ms);
    }
    arena_set_default_decay_ms(PAGES_DIRTY, ms);
}

static void step(struct prng *prng) {
    uint64_t seed = prng_next(prng);
    switch (prng_below(prng, 6)) {
    case 0:
        set_decay_ms((ssize_t)prng_below(prng, 4) - 1);
        break;
    case 1:
        CHECK(background_set(prng_one_in(prng, 2)));
        break;
    case 2:
        event_trim_all();
        break;
    case 3:
        live_and_reset(prng);
        break;
    case 4:
        unit_expect_in_child(child, &seed);
        break;
    default:
        live((void *)(uintptr_t)seed);
    }
    os_sleep_us(500);
}

static void test_all_at_once(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    pthread_t threads[WORKERS];
    scavenge_least_ms = 1;
    set_decay_ms(1);
    for (uintptr_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < unit_steps(STEPS) || atomic_load(&lives) < WORKERS; i++) {
        step(&prng);
        arenas_check();
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(background_set(false));
    for (unsigned k = 0; k < OBJECTS; k++) {
        void *old = atomic_exchange(&shared[k], NULL);
        if (old != NULL) {
            unmake(old, 7);
        }
    }
    event_trim_all();
    arenas_check();
    assert_int_equal(hidden(), 0);
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        assert_int_equal(arena_absent(arena), 0);
    }
}

int main(void) {
    unit_start();
    unit_need_address_space();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

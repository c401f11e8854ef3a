/*
 * tcaches_test.c: numbers of explicit caches, and what is in them.
 */
#include "unit/cache/cache_objects.h"

#include <limits.h>
#include <pthread.h>

#include "alloc/extended.h"
#include "cache/depot.h"
#include "cache/tcaches.h"
#include "cache/thread_control.h"

void *ashlar_malloc(size_t size);
void ashlar_free(void *p);

static int tcache(unsigned id) {
    return (int)(id + 2) << EXTENDED_LG_TCACHE;
}

static int arena_flag(const struct arena *arena) {
    return (int)((arena->index + 1) << EXTENDED_LG_ARENA);
}

static unsigned create(void) {
    unsigned id = TCACHES_MAX;
    assert_true(tcaches_create(&id));
    assert_true(id < TCACHES_MAX && tcaches_get(id) != NULL);
    return id;
}

static size_t parked(void) {
    size_t n = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        n += objects_parked(class);
    }
    return n;
}

/* ---- numbers ---- */

static void test_numbers(void **state) {
    (void)state;
    assert_null(tcaches_get(0));
    assert_null(tcaches_get(UINT_MAX));
    assert_false(tcaches_flush(0));
    assert_false(tcaches_destroy(0));
    unsigned a = create();
    unsigned b = create();
    unsigned c = create();
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);
    assert_int_equal(c, 2);
    assert_true(tcaches_destroy(a));
    assert_true(tcaches_destroy(c));
    assert_null(tcaches_get(c));
    assert_false(tcaches_flush(c));
    assert_false(tcaches_destroy(c)); /* twice */
    assert_int_equal(create(), c);    /* the last one first */
    assert_int_equal(create(), a);
    assert_int_equal(create(), 3);
    for (unsigned id = 0; id < 4; id++) {
        assert_true(tcaches_destroy(id));
    }
}

static void test_all_numbers(void **state) {
    (void)state;
    unsigned id;
    for (unsigned i = 0; i < TCACHES_MAX; i++) {
        assert_true(tcaches_create(&id));
    }
    assert_false(tcaches_create(&id));
    assert_true(tcaches_destroy(1234));
    assert_true(tcaches_create(&id));
    assert_int_equal(id, 1234);
    for (unsigned i = 0; i < TCACHES_MAX; i++) {
        assert_true(tcaches_destroy(i));
    }
}

/* ---- contents ---- */

static void test_last_in_first_out(void **state) {
    (void)state;
    enum { N = 50 };
    void *held[N];
    unsigned id = create();
    for (unsigned i = 0; i < N; i++) {
        held[i] = extended_alloc(100, tcache(id));
        assert_non_null(held[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        extended_free(held[i], tcache(id));
    }
    for (unsigned i = N; i-- > 0;) {
        assert_ptr_equal(extended_alloc(100, tcache(id)), held[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        extended_free(held[i], tcache(id));
    }
    /* The thread's own cache knows nothing of them. */
    thread_flush_home(this_thread);
    trim_depots(true);
    void *p = ashlar_malloc(100);
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_not_equal(p, held[i]);
    }
    ashlar_free(p);
    assert_true(tcaches_destroy(id));
}

/* Flushing brings everything home, and nothing to the depots; so does destroying. */
static void test_flush(void **state) {
    (void)state;
    enum { N = 1000 };
    static void *held[N];
    thread_flush_home(this_thread);
    trim_depots(true);
    unsigned id = create();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < N; i++) {
            held[i] = extended_alloc(1 + i * 31 % 33000, tcache(id) | EXTENDED_ZERO);
            assert_non_null(held[i]);
        }
        for (unsigned i = 0; i < N; i++) {
            extended_free(held[i], tcache(id));
        }
        size_t cached = 0;
        for (unsigned class = 1; class < NCLASSES; class ++) {
            cached += thread_cached(tcaches_get(id), class);
            assert_int_equal(objects_out(class), thread_cached(tcaches_get(id), class));
        }
        assert_true(cached > 100);
        assert_int_equal(parked(), 0);
        assert_true(round == 0 ? tcaches_flush(id) : tcaches_destroy(id));
        for (unsigned class = 1; class < NCLASSES; class ++) {
            assert_int_equal(objects_out(class), 0);
        }
    }
}

/* Whatever a cache holds, an arena that is asked for is where the object comes from. */
static void test_arena_is_strict(void **state) {
    (void)state;
    enum { N = 6000 };
    static void *held[N];
    struct prng prng = unit_prng();
    struct arena *arenas[] = {arenas_create(NULL), arenas_create(NULL), arenas_get(0)};
    unsigned id = create();
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < N; i++) {
            struct arena *arena = arenas[prng_below(&prng, 3)];
            bool asked = !prng_one_in(&prng, 4);
            int flags = tcache(id) | (asked ? arena_flag(arena) : 0);
            held[i] = extended_alloc(prng_size(&prng, 2000), flags);
            assert_non_null(held[i]);
            assert_true(!asked || arenas_of_pointer(held[i]) == arena);
            if (prng_one_in(&prng, 2)) {
                extended_free(held[i], tcache(id));
                held[i] = NULL;
            }
        }
        for (unsigned i = 0; i < N; i++) {
            if (held[i] != NULL) {
                extended_free(held[i], prng_one_in(&prng, 2) ? tcache(id) : 0);
            }
        }
    }
    assert_true(tcaches_destroy(id));
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned class = 1; class < NCLASSES; class ++) {
            assert_int_equal(arenas[i]->bins[class].nmalloc, arenas[i]->bins[class].ndalloc);
        }
        assert_true(arenas_destroy(arenas[i]));
    }
}

/* Requests through a cache are counted, and its end does not lose them. */
static uint64_t requests(unsigned class) {
    uint64_t n = 0;
    for (unsigned i = 0; i < arenas_count(); i++) {
        n += arenas_get(i) != NULL ? arenas_get(i)->merged_requests[class] : 0;
    }
    return n;
}

static void test_requests(void **state) {
    (void)state;
    enum { N = 40000 };
    const unsigned class = sizeclass_of(64);
    uint64_t before = requests(class);
    unsigned id = create();
    for (unsigned i = 0; i < N; i++) {
        extended_free(extended_alloc(64, tcache(id)), tcache(id));
    }
    assert_int_equal(thread_requests(tcaches_get(id), class), N);
    assert_true(tcaches_destroy(id));
    assert_int_equal(requests(class) - before, N);
}

/* ---- threads ---- */

struct turn {
    unsigned id;
    pthread_mutex_t mutex;
};

/* One cache, used by one thread at a time. */
static void *take_turns(void *argument) {
    enum { N = 64 };
    struct turn *turn = argument;
    void *held[N];
    for (unsigned round = 0; round < unit_steps(200); round++) {
        pthread_mutex_lock(&turn->mutex);
        for (unsigned i = 0; i < N; i++) {
            held[i] = extended_alloc(i * 13, tcache(turn->id));
            memset(held[i], (int)i, i * 13);
        }
        pthread_mutex_unlock(&turn->mutex);
        pthread_mutex_lock(&turn->mutex);
        for (unsigned i = 0; i < N; i++) {
            CHECK(i == 0 || *((unsigned char *)held[i] + i * 13 - 1) == i);
            extended_free(held[i], tcache(turn->id));
        }
        pthread_mutex_unlock(&turn->mutex);
    }
    return NULL;
}

/* Others come, are used and go meanwhile, and somebody reads the numbers. */
static void *come_and_go(void *argument) {
    (void)argument;
    for (unsigned round = 0; round < unit_steps(200); round++) {
        unsigned id;
        CHECK(tcaches_create(&id));
        void *p = extended_alloc(round, tcache(id));
        extended_free(p, tcache(id));
        CHECK(tcaches_destroy(id));
    }
    return NULL;
}

static void add_cached(struct thread *thread, void *context) {
    *(size_t *)context += thread_cached(thread, 9);
}

static void test_threads(void **state) {
    (void)state;
    enum { THREADS = 6 };
    static struct turn turn = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[THREADS];
    turn.id = create();
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, i % 2 == 0 ? take_turns : come_and_go, &turn), 0);
    }
    size_t cached = 0;
    for (unsigned i = 0; i < 200; i++) {
        threads_visit(add_cached, &cached);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(tcaches_destroy(turn.id));
}

/* ---- fork ---- */

static _Atomic bool stop;

static void *keep_using(void *argument) {
    unsigned id = *(unsigned *)argument;
    while (!stop) {
        void *held[40];
        for (unsigned i = 0; i < 40; i++) {
            held[i] = extended_alloc(100, tcache(id));
        }
        for (unsigned i = 0; i < 40; i++) {
            extended_free(held[i], tcache(id));
        }
    }
    return NULL;
}

/* Another thread may have been at work on the cache: the child's copy works nevertheless. */
static bool child_uses(unsigned id) {
    static void *held[500];
    for (unsigned i = 0; i < 500; i++) {
        held[i] = extended_alloc(100, tcache(id));
        if (held[i] == NULL || arenas_of_pointer(held[i]) == NULL) {
            return false;
        }
        memset(held[i], 1, 100);
    }
    for (unsigned i = 0; i < 500; i++) {
        extended_free(held[i], tcache(id));
    }
    arenas_check();
    return tcaches_destroy(id);
}

static void test_fork(void **state) {
    (void)state;
    pthread_t thread;
    unsigned id = create();
    assert_int_equal(pthread_create(&thread, NULL, keep_using, &id), 0);
    for (unsigned i = 0; i < unit_steps(60); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(20);
            _exit(child_uses(id) ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    stop = true;
    pthread_join(thread, NULL);
    assert_true(tcaches_destroy(id));
}

int main(void) {
    unit_start();
    ashlar_free(ashlar_malloc(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_flush),       cmocka_unit_test(test_arena_is_strict),
        cmocka_unit_test(test_requests),    cmocka_unit_test(test_threads),
        cmocka_unit_test(test_all_numbers), cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

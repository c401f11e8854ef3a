/*
 * percpu_test.c: threads that take new memory from the arena of their CPU.
 */
#include "unit/unit.h"

#include <pthread.h>
#include <sched.h>

#include "alloc/fast.h"
#include "cache/event.h"
#include "cache/thread_control.h"
#include "heap/arenas.h"
#include "opt/opt.h"
#include "os/cpus.h"

enum { OBJECTS = 2000 };

static void go_to(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* Objects beyond what the cache held come from the CPU's arena. */
static void check_memory_of(unsigned cpu) {
    static void *objects[OBJECTS];
    struct arena *expected = arenas_get(cpu % arenas_limit());
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = fast_malloc(200);
    }
    expected = expected != NULL ? expected : arenas_get(cpu % arenas_limit());
    for (unsigned i = OBJECTS / 2; i < OBJECTS; i++) {
        assert_ptr_equal(arenas_of_pointer(objects[i]), expected);
    }
    void *large = fast_malloc(2000000);
    assert_ptr_equal(arenas_of_pointer(large), expected);
    assert_ptr_equal(this_thread->arena, expected);
    fast_free(large);
    for (unsigned i = 0; i < OBJECTS; i++) {
        fast_free(objects[i]);
    }
    event_trim_all(); /* or the depot would serve the next CPU */
}

static void visit_all(void) {
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &all)) {
                go_to(cpu);
                check_memory_of(cpu);
            }
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void test_follows(void **state) {
    (void)state;
    visit_all();
    unsigned nthreads = 0;
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        nthreads += arena->nthreads;
    }
    assert_int_equal(nthreads, 1);
}

/* A manual arena is a stronger wish. */
static void test_bound(void **state) {
    (void)state;
    struct arena *manual = arenas_create(NULL);
    struct arena *before = this_thread->arena;
    assert_true(thread_bind(this_thread, manual));
    void *p = fast_malloc(100);
    assert_ptr_equal(arenas_of_pointer(p), manual);
    fast_free(p);
    assert_true(thread_bind(this_thread, before));
    assert_true(arenas_destroy(manual));
}

static void test_limit(void **state) {
    (void)state;
    unsigned ncpus = os_cpu_count();
    assert_int_equal(arenas_limit(), opts.percpu_arena == PERCPU_EACH ? ncpus : (ncpus + 1) / 2);
}

static bool physical(void *context) {
    (void)context;
    opts.percpu_arena = PERCPU_PHYSICAL;
    test_limit(NULL);
    visit_all();
    return true;
}

int main(void) {
    unit_start();
    fast_free(fast_malloc(1));
    unit_expect_in_child(physical,
                         NULL); /* how many arenas there are is settled when first asked */
    opts.percpu_arena = PERCPU_EACH;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_follows),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

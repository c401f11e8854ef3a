/*
 * option_memory_test.c: options about where memory comes from and goes: arenas, caches, stages of decay,
 * address space, helpers, locks. Each test starts this program again with options and a part to play
 * (support/child.h).
 */
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/expect_child.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* ---- parts ---- */

static uint64_t read_number(const char *name, size_t length) {
    uint64_t value = 0;
    EXPECT(t_mallctl(name, &value, &length, NULL, 0) == 0, "%s", name);
    return value;
}

static void refresh(void) {
    uint64_t epoch = 1;
    EXPECT(t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0, "epoch");
}

static void act(const char *name) {
    EXPECT(t_mallctl(name, NULL, NULL, NULL, 0) == 0, "%s", name);
}

static unsigned arena_of(void *p) {
    unsigned arena;
    size_t length = sizeof(arena);
    EXPECT(t_mallctl("arenas.lookup", &arena, &length, &p, sizeof(p)) == 0, "lookup");
    return arena;
}

static void dirty(size_t size) {
    char *p = hide_pointer(t_malloc(size));
    EXPECT(p != NULL, "malloc");
    memset(p, 1, size);
    t_free(p);
}

/* What becomes of memory that was freed. */
static int part_unused(void) {
    dirty(20 * MIB);
    refresh();
    printf("%s\n", read_number("stats.arenas.4096.pdirty", sizeof(size_t)) != 0   ? "dirty"
                   : read_number("stats.arenas.4096.pmuzzy", sizeof(size_t)) != 0 ? "muzzy"
                                                                                  : "clean");
    return 0;
}

/* The same, once the curve of muzzy memory ran down. */
static int part_muzzy_curve(void) {
    enum { PATIENCE_MS = 20000 };
    dirty(20 * MIB);
    refresh();
    for (unsigned ms = 0; read_number("stats.arenas.4096.pmuzzy", sizeof(size_t)) != 0; ms += 10) {
        EXPECT(ms < PATIENCE_MS, "muzzy for ever");
        usleep(10000);
        act("arena.4096.decay");
        refresh();
    }
    uint64_t pages = read_number("stats.arenas.4096.muzzy_purged", sizeof(uint64_t));
    printf("%s\n", pages >= 20 * MIB / read_number("arenas.page", sizeof(size_t)) ? "purged"
                                                                                  : "never muzzy");
    return 0;
}

static int part_oversize(void) {
    char *large = t_malloc(3 * MIB);
    EXPECT(large != NULL, "malloc");
    memset(large, 1, 3 * MIB);
    unsigned arena = arena_of(large);
    void *other = t_malloc(100 * KIB);
    bool apart = arena_of(other) != arena;
    t_free(large);
    refresh();
    char name[64];
    snprintf(name, sizeof(name), "stats.arenas.%u.pdirty", arena);
    printf("%s, %s\n", apart ? "apart" : "together",
           read_number(name, sizeof(size_t)) == 0 ? "clean" : "dirty");
    t_free(other);
    return 0;
}

static size_t address_space(void) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL && fscanf(file, "%zu", &pages) == 1, "statm");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int part_space(void) {
    t_free(hide_pointer(t_malloc(100)));
    size_t before = address_space();
    void *p = hide_pointer(t_malloc(3 * KIB * MIB));
    EXPECT(p != NULL && address_space() - before >= 2 * KIB * MIB, "no memory");
    t_free(p);
    act("arena.4096.purge");
    printf("%s\n", address_space() - before >= 2 * KIB * MIB ? "kept" : "unmapped");
    return 0;
}

/* A long series of dirty chunks, and a request for two. */
static int part_series(void) {
    char *series = t_malloc(40 * MIB);
    char *next = t_malloc(3 * MIB);
    EXPECT(series != NULL && next != NULL, "malloc");
    memset(series, 1, 40 * MIB);
    t_free(series);
    char *p = t_malloc(3 * MIB);
    uintptr_t offset = (uintptr_t)p - (uintptr_t)series;
    printf("%s\n", offset < 40 * MIB ? "cut" : "whole");
    t_free(p);
    t_free(next);
    return 0;
}

/* A large object on each CPU the process may use. */
static int part_cpus(void) {
    cpu_set_t all;
    EXPECT(sched_getaffinity(0, sizeof(all), &all) == 0, "affinity");
    unsigned narenas = (unsigned)read_number("opt.narenas", sizeof(unsigned));
    bool own = true;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (CPU_ISSET(cpu, &all) && sched_setaffinity(0, sizeof(one), &one) == 0) {
            void *p = t_malloc(2 * MIB);
            EXPECT(p != NULL, "malloc");
            own = own && arena_of(p) == cpu % narenas;
            t_free(p);
        }
    }
    printf("%s\n", CPU_COUNT(&all) == 1 ? "one CPU" : own ? "own" : "shared");
    return 0;
}

static pthread_barrier_t bound; /* to their arenas */
static pthread_barrier_t counted;

static void *dirty_in_arena(void *argument) {
    unsigned arena = (unsigned)(uintptr_t)argument;
    EXPECT(t_mallctl("thread.arena", NULL, NULL, &arena, sizeof(arena)) == 0, "arena %u", arena);
    pthread_barrier_wait(&bound);
    dirty(20 * MIB);
    pthread_barrier_wait(&counted);
    return NULL;
}

static void *dirty_alone(void *unused) {
    dirty(20 * MIB);
    return unused;
}

/* Four threads leave something for helpers to do in an arena each. Waits until there are so many helpers
 * as a program has been promised, and a moment for one too many. */
static int count_helpers(unsigned expected) {
    enum { THREADS = 4, PATIENCE_MS = 20000, MOMENT_MS = 100 };
    pthread_t threads[THREADS];
    EXPECT(pthread_create(&threads[0], NULL, dirty_alone, NULL) == 0, "thread");
    pthread_join(threads[0], NULL);
    usleep(10000);
    EXPECT(pthread_barrier_init(&bound, NULL, THREADS) == 0, "barrier");
    EXPECT(pthread_barrier_init(&counted, NULL, THREADS + 1) == 0, "barrier");
    for (uintptr_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, dirty_in_arena, (void *)i) == 0, "thread");
    }
    unsigned n = 0;
    unsigned end = PATIENCE_MS;
    for (unsigned ms = 0; ms < end; ms += 10) {
        usleep(10000);
        n = (unsigned)read_number("stats.background_thread.num_threads", sizeof(size_t));
        if (n >= expected && end == PATIENCE_MS) {
            end = ms + MOMENT_MS;
        }
    }
    printf("%u\n", n);
    pthread_barrier_wait(&counted);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

static int part_no_helper(void) {
    t_free(hide_pointer(t_malloc(100)));
    return count_helpers(0);
}

static int part_one_helper(void) {
    t_free(hide_pointer(t_malloc(100)));
    return count_helpers(1);
}

static int part_two_helpers(void) {
    t_free(hide_pointer(t_malloc(100)));
    return count_helpers(2);
}

/* The first thread never uses the allocator: before the four there is a time without any that does. */
static int part_four_helpers(void) {
    return count_helpers(4);
}

static void *contend(void *unused) {
    for (unsigned i = 0; i < 2000; i++) {
        t_free(hide_pointer(t_malloc(100 * KIB)));
    }
    return unused;
}

/* What threads do that meet at a lock. */
static int part_locks(void) {
    uint64_t slept = 0;
    uint64_t spun = 0;
    for (unsigned round = 0; round < 200 && slept + spun < 20; round++) {
        pthread_t threads[4];
        for (unsigned i = 0; i < 4; i++) {
            EXPECT(pthread_create(&threads[i], NULL, contend, NULL) == 0, "thread");
        }
        for (unsigned i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
        refresh();
        slept = read_number("stats.arenas.0.mutexes.large.num_wait", sizeof(uint64_t));
        spun = read_number("stats.arenas.0.mutexes.large.num_spin_acq", sizeof(uint64_t));
    }
    printf("%s%s\n", slept != 0 ? "slept " : "", spun != 0 ? "spun " : "");
    return 0;
}

static int part_cached(void) {
    for (unsigned i = 0; i < 100; i++) {
        t_free(hide_pointer(t_malloc(1000)));
        t_free(hide_pointer(t_malloc(100 * KIB)));
    }
    refresh();
    printf("%s\n", read_number("ashlar.stats.cached", sizeof(size_t)) != 0 ? "cached" : "nothing");
    return 0;
}

static void wait_a_little(void) {
    usleep(10000);
}

static void be_busy(void) {
    for (unsigned i = 0; i < 30000; i++) {
        t_free(hide_pointer(t_malloc(100)));
    }
    usleep(1000);
}

static void trim(void) {
    EXPECT(t_malloc_trim(0) == 1, "malloc_trim");
}

/* Whether so much went, and the statistics say so: they come a moment later. */
static bool is_gone(size_t before, size_t bytes) {
    refresh();
    return resident_bytes() + bytes <= before &&
           read_number("ashlar.stats.absent", sizeof(size_t)) >= bytes / 2 &&
           read_number("stats.arenas.0.dirty_nmadvise", sizeof(uint64_t)) > 0;
}

/* One object of eight stays in slabs of eight; whether a fifth of the memory goes back, with the largest pages. */
static int leave_holes(void (*tick)(void)) {
    enum { COUNT = 2048, SLOTS = 8, PATIENCE_MS = 20000 };
    static const size_t size = 14 * KIB;
    static const size_t part = COUNT / 5 * size;
    static char *objects[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        objects[i] = t_malloc(size);
        EXPECT(objects[i] != NULL, "malloc");
        memset(objects[i], (int)i, size);
    }
    size_t before = resident_bytes();
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % SLOTS != 0) {
            t_free(objects[i]);
        }
    }
    uint64_t start = stress_now_ns() / 1000000;
    while (!is_gone(before, part)) {
        EXPECT(stress_now_ns() / 1000000 - start < PATIENCE_MS, "of %zu KiB %zu are left",
               before / KIB, resident_bytes() / KIB);
        tick();
    }
    for (unsigned i = 0; i < COUNT; i += SLOTS) {
        EXPECT(objects[i][0] == (char)i && memcmp(objects[i], objects[i] + 1, size - 1) == 0,
               "object %u changed", i);
    }
    printf("gone\n");
    return 0;
}

static int part_holes_asleep(void) {
    return leave_holes(wait_a_little);
}

static int part_holes_busy(void) {
    return leave_holes(be_busy);
}

static int part_holes_trim(void) {
    return leave_holes(trim);
}

static const struct child_part parts[] = {
    {"unused", part_unused},
    {"muzzy-curve", part_muzzy_curve},
    {"oversize", part_oversize},
    {"space", part_space},
    {"series", part_series},
    {"cpus", part_cpus},
    {"no-helper", part_no_helper},
    {"one-helper", part_one_helper},
    {"two-helpers", part_two_helpers},
    {"four-helpers", part_four_helpers},
    {"locks", part_locks},
    {"cached", part_cached},
    {"holes-asleep", part_holes_asleep},
    {"holes-busy", part_holes_busy},
    {"holes-trim", part_holes_trim},
};

/* ---- tests ---- */

static void test_stages_of_decay(void **state) {
    (void)state;
    if (stress_is_sanitized()) {
        return; /* no lazy purging there */
    }
    expect_out("unused", "dirty_decay_ms:-1", "dirty\n");
    expect_out("unused", "dirty_decay_ms:0", "clean\n");
    expect_out("unused", "dirty_decay_ms:0,muzzy_decay_ms:-1", "muzzy\n");
    expect_out("muzzy-curve", "dirty_decay_ms:0,muzzy_decay_ms:100", "purged\n");
    expect_out("muzzy-curve", "dirty_decay_ms:0,muzzy_decay_ms:0", "never muzzy\n");
}

/* Pages inside slabs go back by a helper, by the way, and when asked for. */
static void test_holes(void **state) {
    (void)state;
    if (stress_is_sanitized()) {
        return; /* other things are resident there as well */
    }
    expect_out("holes-asleep", "narenas:1,dirty_decay_ms:100,background_thread:true", "gone\n");
    expect_out("holes-busy", "narenas:1,dirty_decay_ms:0,background_thread:false", "gone\n");
    expect_out("holes-trim", "narenas:1,dirty_decay_ms:-1,background_thread:false", "gone\n");
}

static void test_oversize(void **state) {
    (void)state;
    expect_out("oversize", "dirty_decay_ms:-1", "together, dirty\n");
    expect_out("oversize", "dirty_decay_ms:-1,oversize_threshold:4194304", "together, dirty\n");
    expect_out("oversize", "dirty_decay_ms:-1,oversize_threshold:1048576", "apart, clean\n");
}

static void test_address_space(void **state) {
    (void)state;
    expect_out("series", "dirty_decay_ms:-1", "cut\n");
    expect_out("series", "dirty_decay_ms:-1,lg_extent_max_active_fit:3", "whole\n");
    if (stress_is_sanitized() || stress_address_space_is_limited()) {
        return;
    }
    expect_out("space", "retain:true", "kept\n");
    expect_out("space", "retain:false", "unmapped\n");
}

static void test_arenas_of_cpus(void **state) {
    (void)state;
    child_run("cpus", "percpu_arena:disabled", &result);
    assert_true(child_exited(&result, 0));
    if (strcmp(result.out, "one CPU\n") != 0) {
        assert_string_equal(result.out, "shared\n");
        expect_out("cpus", "percpu_arena:percpu", "own\n");
    }
}

static void test_number_of_helpers(void **state) {
    (void)state;
    expect_out("four-helpers", "narenas:4,background_thread:true", "4\n");
    expect_out("two-helpers", "narenas:4,background_thread:true,max_background_threads:2", "2\n");
    expect_out("one-helper", "narenas:4,background_thread:auto", "1\n");
    expect_out("no-helper", "narenas:4,background_thread:false", "0\n");
}

/* On an idle machine with one CPU threads may never meet. */
static void test_locks(void **state) {
    (void)state;
    child_run("locks", "narenas:1,tcache:false,mutex_max_spin:0", &result);
    assert_true(child_exited(&result, 0) && strstr(result.out, "spun") == NULL);
    child_run("locks", "narenas:1,tcache:false,mutex_max_spin:-1", &result);
    assert_true(child_exited(&result, 0) && strstr(result.out, "slept") == NULL);
}

static void test_no_caches(void **state) {
    (void)state;
    expect_out("cached", "tcache:true", "cached\n");
    expect_out("cached", "tcache:false", "nothing\n");
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        return child_play(parts, ARRAY_LEN(parts), argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages_of_decay), cmocka_unit_test(test_holes),
        cmocka_unit_test(test_oversize),        cmocka_unit_test(test_address_space),
        cmocka_unit_test(test_arenas_of_cpus),  cmocka_unit_test(test_number_of_helpers),
        cmocka_unit_test(test_locks),           cmocka_unit_test(test_no_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

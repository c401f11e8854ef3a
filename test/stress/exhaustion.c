/*
 * exhaustion.c: what happens when there is no more memory.
 *
 * Each case runs in a child process with a limit: on address space, so that reserving fails, or on
 * writable memory, so that reserving works and committing does not; set when the heap is warm, or
 * before the program starts. Memory is used up with objects of one size after another. Then every
 * kind of call fails with ENOMEM and changes nothing, objects that are freed can be had again,
 * random calls go on at the edge, from several threads too, and when all is freed, objects of
 * another size can have the memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/api.h"
#include "support/child.h"
#include "support/model.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CAPACITY = 400000,
    THREADS = 4,
    THREAD_CAPACITY = 20000,
    THREAD_STEPS = 5000,
    EDGE_STEPS = 10000,
    STACK_BYTES = 256 * 1024,
    DEADLINE_SECONDS = 120,
    BALLAST_CAPACITY = 20000,
    MEMORY_FOR_SMALL = 32 * 1024 * 1024,
};

static const size_t room = 192 * MIB;
static const size_t tables = 160 * MIB; /* address space the allocator may need for itself */

static const struct model_profile edge = {"edge", 8 * MIB, 64 * KIB, 1024 * MIB, 100000, 25, 10};

struct limit_case {
    const char *name;
    int resource;
    bool from_start; /* the program starts with it */
};

static const struct limit_case cases[] = {
    {"address space", RLIMIT_AS, false},
    {"writable memory", RLIMIT_DATA, false},
    {"address space, from the start", RLIMIT_AS, true},
    {"writable memory, from the start", RLIMIT_DATA, true},
};

/* Bytes that already count for a limit. */
static size_t used_bytes(int resource) {
    return resource == RLIMIT_AS ? address_space_bytes() : resident_statm_bytes(5);
}

static void set_limit(int resource, size_t bytes) {
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
    EXPECT(setrlimit(resource, &limit) == 0, "setrlimit");
}

/* Until the next object does not fit; how many there were. */
static size_t use_up(struct model *model, size_t size, size_t alignment) {
    size_t before = model->count;
    enum model_maker maker = alignment == 0 ? CALL_MALLOC : CALL_ALIGNED_ALLOC;
    while (model->count < model->capacity && model_allocate(model, maker, size, alignment)) {
    }
    return model->count - before;
}

static void check_that_everything_fails(struct model *model) {
    static const size_t sizes[] = {200 * MIB, 3 * 1024 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned maker = 0; maker < CALL_MAKERS; maker++) {
            EXPECT(!model_allocate(model, (enum model_maker)maker, sizes[i], 4096),
                   "call %u had memory for %zu bytes", maker, sizes[i]);
        }
        for (size_t index = 0; index < model->count; index += model->count / 7 + 1) {
            /* The calls below change the order of objects, which does not matter here. */
            EXPECT(!model_resize(model, index, sizes[i], false), "realloc had memory");
            EXPECT(!model_resize(model, index, sizes[i], true), "reallocarray had memory");
        }
    }
    for (size_t which = 0; which < MODEL_IMPOSSIBLE_CALLS; which++) {
        model_attempt_impossible(model, which);
    }
    model_verify(model);
}

static void release_share(struct model *model, size_t one_in) {
    for (size_t i = model->count; i-- > 0;) {
        if (i % one_in == 0) {
            model_release(model, i, CALL_FREE);
        }
    }
}

/* Uses up everything but about `left` bytes, spread over the heap. */
static void use_up_but(struct model *ballast, size_t left) {
    size_t count = use_up(ballast, MIB, 0);
    EXPECT(count * MIB >= room / 2, "only %zu objects of 1 MiB fit", count);
    size_t step = count * MIB / left;
    for (size_t i = count; i-- > 0;) {
        if (i % step == 0) {
            model_release(ballast, i, CALL_FREE);
        }
    }
}

/* One size up to the edge and back. Small objects get a part of the memory only, to be quicker. */
static void exhaust(struct model *model, struct model *ballast, size_t size) {
    size_t expected = room / 4;
    if (size < MIB) {
        use_up_but(ballast, 2 * MEMORY_FOR_SMALL);
        expected = MEMORY_FOR_SMALL;
    }
    uint64_t failed = model->failed;
    size_t count = use_up(model, size, 0);
    EXPECT(model->failed == failed + 1, "the limit has no effect, %zu objects fit", count);
    EXPECT(count * size >= expected, "only %zu objects of %zu bytes fit", count, size);
    check_that_everything_fails(model);
    release_share(model, 2);
    size_t again = use_up(model, size, 0);
    EXPECT(again >= count / 4, "%zu of %zu objects of %zu bytes fit again", again, count / 2, size);
    model_verify(model);
    model_clear(model);
    model_clear(ballast);
}

struct worker {
    pthread_t thread;
    struct model *model;
    struct prng prng;
    pthread_barrier_t *start;
};

static void *work_at_the_edge(void *argument) {
    struct worker *worker = argument;
    pthread_barrier_wait(worker->start);
    for (unsigned i = 0; i < THREAD_STEPS; i++) {
        model_step(worker->model, &worker->prng, &edge);
    }
    model_clear(worker->model);
    return NULL;
}

/* The threads and their books exist before there is a limit; they wait for the barrier. */
static void prepare_threads(struct worker *workers, pthread_barrier_t *start, struct prng *prng) {
    pthread_barrier_init(start, NULL, THREADS + 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned i = 0; i < THREADS; i++) {
        struct worker *worker = &workers[i];
        worker->model = model_create(NULL, THREAD_CAPACITY, prng_next(prng));
        worker->model->may_fail = true;
        worker->prng = prng_fork(prng, i);
        worker->start = start;
        int error = pthread_create(&worker->thread, &attributes, work_at_the_edge, worker);
        EXPECT(error == 0, "no thread: %d", error);
    }
    pthread_attr_destroy(&attributes);
}

static void run_threads(struct worker *workers, pthread_barrier_t *start) {
    pthread_barrier_wait(start);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        model_destroy(workers[i].model);
    }
    pthread_barrier_destroy(start);
}

static int run_case(const struct limit_case *limit, uint64_t seed) {
    static const size_t sizes[] = {1 * MIB, 48 * KIB, 6 * MIB, 4 * KIB, 700, 24 * KIB, 100 * KIB};
    alarm(DEADLINE_SECONDS);
    struct prng prng = {seed};
    /* The books are mapped before the limit. */
    struct model *model = model_create(NULL, CAPACITY, seed);
    struct model *ballast = model_create(NULL, BALLAST_CAPACITY, seed + 1);
    ballast->may_fail = true;
    struct worker workers[THREADS];
    pthread_barrier_t start;
    prepare_threads(workers, &start, &prng);
    if (!limit->from_start) {
        model_allocate(model, CALL_MALLOC, 3 * MIB, 0);
        model_clear(model);
        set_limit(limit->resource, used_bytes(limit->resource) + room);
    }
    model->may_fail = true;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        exhaust(model, ballast, sizes[i]);
    }
    for (unsigned i = 0; i < EDGE_STEPS; i++) {
        model_step(model, &prng, &edge);
    }
    model_verify(model);
    model_clear(model);
    run_threads(workers, &start);
    t_malloc_trim(0);
    size_t back = use_up(model, 2 * MIB, 4096);
    EXPECT(back * 2 * MIB >= room / 4, "only %zu objects of 2 MiB fit in the end", back);
    model_clear(model);
    printf("  limited %s: %llu steps, %llu calls without memory\n", limit->name,
           (unsigned long long)model->steps, (unsigned long long)model->failed);
    return 0;
}

/* The case in a process of its own; cases with a limit from the start are another program start. */
static void spawn_case(char **argv, unsigned index, uint64_t seed) {
    pid_t child = fork();
    EXPECT(child >= 0, "cannot fork");
    if (child == 0) {
        if (!cases[index].from_start) {
            exit(run_case(&cases[index], seed));
        }
        /* The books of the models and the allocator's own tables come on top. */
        size_t books = (CAPACITY + BALLAST_CAPACITY + THREADS * THREAD_CAPACITY) * (size_t)128;
        set_limit(cases[index].resource, books + tables + room);
        char number[20];
        char seed_text[40];
        snprintf(number, sizeof(number), "%u", index);
        snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)seed);
        child_become((const char *[]){argv[0], seed_text, "0", number, NULL});
        _exit(127);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child, "lost a child");
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "case \"%s\" failed, wait status 0x%x",
           cases[index].name, (unsigned)status);
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "exhaustion");
    if (argc > 3) {
        return run_case(&cases[strtoul(argv[3], NULL, 10) % ARRAY_LEN(cases)], stress.seed);
    }
    if (stress_is_sanitized() || stress_address_space_is_limited()) {
        printf("exhaustion: skipped, memory is limited by a sanitizer or from outside\n");
        return STRESS_SKIPPED;
    }
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        spawn_case(argv, i, stress.seed + i);
    }
    return stress_end("exhaustion", ARRAY_LEN(cases));
}

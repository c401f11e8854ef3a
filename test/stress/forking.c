/*
 * forking.c: fork() while other threads allocate; child and parent both go on with the heap.
 *
 * Worker threads run random sequences without pause. Forking threads, each with a model of its own,
 * fork again and again: the child verifies every object it inherited from the forking thread, frees
 * them, allocates, resizes, starts threads of its own that allocate, forks a grandchild, and exits;
 * the parent goes on at once. A child that hangs on a lock some vanished thread held is killed by
 * its alarm and fails the test.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

enum {
    CAPACITY = 5000,
    MAX_WORKERS = 4,
    FORKERS = 2,
    STEPS_BETWEEN_FORKS = 300,
    CHILD_STEPS = 500,
    CHILD_THREADS = 2,
    CHILD_ALARM_SECONDS = 60,
};

static const struct model_profile profile = {"forking", 64 * KIB, 4096, 8 * MIB, 300, 20, 10};
static const struct model_profile large = {"large", 8 * MIB, 4096, 64 * MIB, 8, 30, 10};

/* A sanitizer's runtime may not be ready for a forked child of many threads to start more. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "die_after_fork=0";
}

struct worker {
    pthread_t thread;
    const struct stress *stress;
    struct prng prng;
    uint64_t steps;
};

static _Atomic bool stop;
static _Atomic uint64_t forks;

static void *allocate_all_the_time(void *argument) {
    struct worker *worker = argument;
    struct model *model = model_create(NULL, CAPACITY, prng_next(&worker->prng));
    model->may_fail = stress_address_space_is_limited();
    const struct model_profile *chosen = prng_one_in(&worker->prng, 3) ? &large : &profile;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        model_step(model, &worker->prng, chosen);
    }
    worker->steps = model->steps;
    model_destroy(model);
    return NULL;
}

static void *allocate_in_child(void *argument) {
    struct prng prng = {(uint64_t)(uintptr_t)argument};
    struct model *model = model_create(NULL, CAPACITY, prng_next(&prng));
    model->may_fail = stress_address_space_is_limited();
    for (unsigned i = 0; i < CHILD_STEPS; i++) {
        model_step(model, &prng, &profile);
    }
    model_destroy(model);
    return NULL;
}

static void run_threads(struct prng *prng) {
    pthread_t threads[CHILD_THREADS];
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        void *seed = (void *)(uintptr_t)prng_next(prng);
        EXPECT(pthread_create(&threads[i], NULL, allocate_in_child, seed) == 0, "no thread");
    }
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void wait_for(pid_t child, const char *who) {
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child, "lost a %s", who);
    EXPECT(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "a %s hangs", who);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a %s failed, wait status 0x%x", who,
           (unsigned)status);
}

/* What every child does with the heap it inherited. */
static void use_heap(struct model *model, struct prng *prng) {
    alarm(CHILD_ALARM_SECONDS);
    model_verify(model);
    for (unsigned i = 0; i < CHILD_STEPS; i++) {
        model_step(model, prng, &profile);
    }
    if (prng_one_in(prng, 4) && !stress_is_sanitized()) {
        run_threads(prng);
    }
}

static _Noreturn void empty_heap_and_exit(struct model *model) {
    model_clear(model);
    /* Large enough to need fresh pages in the child. */
    model_allocate(model, CALL_CALLOC, 20 * MIB, 0);
    model_clear(model);
    t_malloc_trim(0);
    _exit(0);
}

static _Noreturn void live_as_child(struct model *model, struct prng prng) {
    use_heap(model, &prng);
    if (prng_one_in(&prng, 4)) {
        pid_t grandchild = fork();
        EXPECT(grandchild >= 0, "cannot fork in a child");
        if (grandchild == 0) {
            use_heap(model, &prng);
            empty_heap_and_exit(model);
        }
        wait_for(grandchild, "grandchild");
    }
    empty_heap_and_exit(model);
}

static void *fork_all_the_time(void *argument) {
    struct worker *worker = argument;
    struct prng prng = worker->prng;
    struct model *model = model_create(NULL, CAPACITY, prng_next(&prng));
    model->may_fail = stress_address_space_is_limited();
    while (stress_goes_on(worker->stress, 0, 1)) {
        for (unsigned i = 0; i < STEPS_BETWEEN_FORKS; i++) {
            model_step(model, &prng, &profile);
        }
        struct prng child_prng = prng_fork(&prng, 0);
        pid_t child = fork();
        EXPECT(child >= 0, "cannot fork");
        if (child == 0) {
            live_as_child(model, child_prng);
        }
        for (unsigned i = 0; i < STEPS_BETWEEN_FORKS; i++) {
            model_step(model, &prng, &profile);
        }
        model_verify(model);
        wait_for(child, "child");
        atomic_fetch_add(&forks, 1);
    }
    worker->steps = model->steps;
    model_destroy(model);
    return NULL;
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "forking");
    unsigned nworkers = stress_threads() > MAX_WORKERS ? MAX_WORKERS : stress_threads();
    struct worker workers[MAX_WORKERS + FORKERS];
    struct prng seeds = {stress.seed};
    for (unsigned i = 0; i < nworkers + FORKERS; i++) {
        workers[i] = (struct worker){.stress = &stress, .prng = prng_fork(&seeds, i)};
        void *(*work)(void *) = i < nworkers ? allocate_all_the_time : fork_all_the_time;
        EXPECT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    uint64_t steps = 0;
    for (unsigned i = nworkers + FORKERS; i-- > 0;) {
        if (i + 1 == nworkers) {
            atomic_store(&stop, true);
        }
        pthread_join(workers[i].thread, NULL);
        steps += workers[i].steps;
    }
    report_note("  %llu forks", (unsigned long long)atomic_load(&forks));
    EXPECT(atomic_load(&forks) > 0, "nothing forked");
    return stress_end("forking", steps);
}

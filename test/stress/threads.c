/*
 * threads.c: every thread runs random sequences against a model of its own, all at once.
 *
 * In even rounds the models share one set of intervals, so that an object handed to two threads is
 * found by its address; its lock slows the threads down, so in odd rounds each has its own set and
 * only contents tell. Every round starts new threads.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "support/model.h"
#include "support/report.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { CAPACITY = 20000, MAX_THREADS = 16, ROUNDS = 8, STEPS_BETWEEN_LOOKS = 200 };

static const struct model_profile profiles[] = {
    {"small objects", 1024, 256, 16 * MIB, 5000, 10, 5},
    {"every cached size", 40 * KIB, 4096, 32 * MIB, 500, 20, 10},
    {"all sizes", 2 * MIB, 64 * KIB, 64 * MIB, 100, 30, 20},
};

struct worker {
    pthread_t thread;
    const struct stress *stress;
    const struct model_profile *profile;
    struct intervals *intervals;
    struct prng prng;
    unsigned round;
    uint64_t steps;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    struct model *model = model_create(worker->intervals, CAPACITY, prng_next(&worker->prng));
    model->may_fail = stress_address_space_is_limited();
    do {
        for (unsigned i = 0; i < STEPS_BETWEEN_LOOKS; i++) {
            model_step(model, &worker->prng, worker->profile);
        }
    } while (stress_goes_on(worker->stress, worker->round, ROUNDS));
    model_verify(model);
    worker->steps = model->steps;
    model_destroy(model);
    return NULL;
}

static uint64_t run_round(const struct stress *stress, unsigned round) {
    struct worker workers[MAX_THREADS];
    unsigned nthreads = stress_threads();
    struct prng seeds = {stress->seed + round};
    struct intervals *shared =
        round % 2 == 0 ? intervals_create((size_t)CAPACITY * nthreads, true) : NULL;
    for (unsigned i = 0; i < nthreads; i++) {
        workers[i] = (struct worker){
            .stress = stress,
            .profile = &profiles[(round / 2 + i) % ARRAY_LEN(profiles)],
            .intervals = shared,
            .prng = prng_fork(&seeds, i),
            .round = round,
        };
        EXPECT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    uint64_t steps = 0;
    for (unsigned i = 0; i < nthreads; i++) {
        pthread_join(workers[i].thread, NULL);
        steps += workers[i].steps;
    }
    if (shared != NULL) {
        EXPECT(intervals_count(shared) == 0, "objects are left over");
        intervals_destroy(shared);
    }
    return steps;
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "threads");
    uint64_t steps = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        steps += run_round(&stress, round);
    }
    return stress_end("threads", steps);
}

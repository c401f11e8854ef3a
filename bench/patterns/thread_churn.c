/*
 * thread_churn.c: many short threads at once, each with little to allocate (mleak-like).
 *
 * Holds:      rounds of ten concurrent threads; each takes one calloc of 128 bytes, which the main
 *             thread frees after the thread has gone. Memory that dead threads leave stranded shows
 *             in the peak RSS. Unit of work: one round.
 * Usage:      bench.h.
 */
#include "support/bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { CONCURRENT = 10, SIZE = 128 };

static void *allocate_one(void *argument) {
    unsigned char *object = bench_got(calloc(1, SIZE));
    if (object[0] != 0 || object[SIZE - 1] != 0) {
        bench_fail("calloc returned memory that is not zero");
    }
    memset(object, 0x5a, SIZE);
    (void)argument;
    return object;
}

static void mleak(const struct bench_args *args) {
    for (uint64_t round = 0; round < args->n; round++) {
        pthread_t ids[CONCURRENT];
        for (unsigned i = 0; i < CONCURRENT; i++) {
            if (pthread_create(&ids[i], NULL, allocate_one, NULL) != 0) {
                bench_fail("cannot create a thread");
            }
        }
        for (unsigned i = 0; i < CONCURRENT; i++) {
            void *object = NULL;
            pthread_join(ids[i], &object);
            stamp_check(object, SIZE, 0x5a);
            free(object);
        }
    }
}

static const struct bench_mode modes[] = {
    {"mleak", mleak, 1500, false, BENCH_WALL, BENCH_QUICK,
     "rounds of ten threads with one object each"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

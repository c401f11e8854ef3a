/*
 * thread_life.c: what a thread costs the allocator when it starts and when it ends.
 *
 * Holds: threads that allocate one object, and threads that use forty size classes and leave some
 *        objects to be freed by the main thread; unit of work: one thread.
 * Usage: bench.h. One thread lives at a time, so that creation and exit are all that is measured.
 */
#include "support/bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { NCLASSES = 40, KEPT = 10 };

static void *touch_one(void *argument) {
    void *object = bench_got(malloc(64));
    stamp_write(object, 64, 7);
    stamp_check(object, 64, 7);
    free(object);
    return argument;
}

/* Leaves every fourth object in the array it was given; their sizes are (1 + i) * 40. */
static void *touch_many(void *argument) {
    void **left = argument;
    void *live[NCLASSES];
    for (unsigned i = 0; i < NCLASSES; i++) {
        live[i] = bench_got(malloc((size_t)(1 + i) * 40));
        stamp_write(live[i], (size_t)(1 + i) * 40, i);
    }
    for (unsigned i = 0; i < NCLASSES; i++) {
        if (i % (NCLASSES / KEPT) == 0) {
            left[i / (NCLASSES / KEPT)] = live[i];
        } else {
            free(live[i]);
        }
    }
    return NULL;
}

static void run_thread(void *(*work)(void *), void *argument) {
    pthread_t id;
    if (pthread_create(&id, NULL, work, argument) != 0) {
        bench_fail("cannot create a thread");
    }
    pthread_join(id, NULL);
}

static void thread_one(const struct bench_args *args) {
    for (uint64_t i = 0; i < args->n; i++) {
        run_thread(touch_one, NULL);
    }
}

static void thread_classes(const struct bench_args *args) {
    void *left[KEPT];
    for (uint64_t i = 0; i < args->n; i++) {
        run_thread(touch_many, left);
        for (unsigned j = 0; j < KEPT; j++) {
            unsigned at = j * (NCLASSES / KEPT);
            stamp_check(left[j], (size_t)(1 + at) * 40, at);
            free(left[j]);
        }
    }
}

static const struct bench_mode modes[] = {
    {"thread-one-object", thread_one, 20000, false, BENCH_WALL, BENCH_QUICK,
     "thread start, one object, exit"},
    {"thread-40-classes", thread_classes, 16000, false, BENCH_WALL, BENCH_QUICK,
     "thread start, 40 size classes, some objects left, exit"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

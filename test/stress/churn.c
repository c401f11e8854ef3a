/*
 * churn.c: threads that live for a moment and leave objects to others.
 *
 * A number of slots each run one short thread after another. A thread takes over what an earlier
 * thread left in a common pool, does some random calls, and leaves a part of its objects there when
 * it ends; some threads also allocate and free from the destructor of a thread-specific value,
 * after the allocator may have given up the thread's own cache.
 * At the end all objects are freed, and the memory of the threads that are gone must have been used
 * again: the resident size is compared between the middle and the end of the run.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

enum {
    CAPACITY = 2000,
    POOL_CAPACITY = 4000,
    STEPS = 300,
    MAX_SLOTS = 16,
    DESTRUCTOR_OBJECTS = 20,
    /* What may come on top between middle and end: the sum of what is live wanders by itself. */
    ALLOWED_GROWTH = 48 * 1024 * 1024,
};

static const struct model_profile profile = {"churn", 16 * KIB, 4096, 2 * MIB, 100, 10, 10};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct model_object pool[POOL_CAPACITY]; /* guarded by pool_lock */
static size_t pool_count;                       /* guarded by pool_lock */

static struct intervals *intervals;
static pthread_key_t late_key;

/* Runs while the thread ends. The value is an array of objects of the thread. */
static void free_late(void *value) {
    void **objects = value;
    for (size_t i = 0; i < DESTRUCTOR_OBJECTS; i++) {
        void *fresh = t_malloc(100 + i);
        EXPECT(fresh != NULL, "malloc in a destructor failed");
        memset(fresh, 0xee, 100 + i);
        t_free(objects[i]);
        t_free(fresh);
    }
    t_free(objects);
}

static void arrange_late_frees(struct prng *prng) {
    void **objects = t_malloc(DESTRUCTOR_OBJECTS * sizeof(*objects));
    EXPECT(objects != NULL, "out of memory");
    for (size_t i = 0; i < DESTRUCTOR_OBJECTS; i++) {
        objects[i] = t_malloc(prng_size(prng, 64 * KIB));
        EXPECT(objects[i] != NULL, "out of memory");
    }
    pthread_setspecific(late_key, objects);
}

static void take_over(struct model *model) {
    pthread_mutex_lock(&pool_lock);
    for (size_t i = 0; i < 50 && pool_count > 0; i++) {
        model_put(model, pool[--pool_count]);
    }
    pthread_mutex_unlock(&pool_lock);
}

static void leave_some(struct model *model) {
    pthread_mutex_lock(&pool_lock);
    while (model->count > 0 && pool_count < POOL_CAPACITY) {
        pool[pool_count++] = model_take(model, model->count / 2);
    }
    pthread_mutex_unlock(&pool_lock);
}

static void *live_shortly(void *argument) {
    struct prng prng = {(uint64_t)(uintptr_t)argument};
    struct model *model = model_create(intervals, CAPACITY, prng_next(&prng));
    take_over(model);
    for (unsigned i = 0; i < STEPS; i++) {
        model_step(model, &prng, &profile);
    }
    if (prng_one_in(&prng, 2)) {
        leave_some(model);
    }
    if (prng_one_in(&prng, 3)) {
        arrange_late_frees(&prng);
    }
    model_destroy(model);
    return NULL;
}

static uint64_t run_half(const struct stress *stress, unsigned half, struct prng *prng) {
    unsigned nslots = stress_threads();
    uint64_t threads = 0;
    do {
        pthread_t slots[MAX_SLOTS];
        for (unsigned i = 0; i < nslots; i++) {
            void *seed = (void *)(uintptr_t)prng_next(prng);
            EXPECT(pthread_create(&slots[i], NULL, live_shortly, seed) == 0, "no thread");
        }
        for (unsigned i = 0; i < nslots; i++) {
            pthread_join(slots[i], NULL);
        }
        threads += nslots;
    } while (stress_goes_on(stress, half, 2));
    return threads;
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "churn");
    struct prng prng = {stress.seed};
    EXPECT(pthread_key_create(&late_key, free_late) == 0, "no key");
    intervals = intervals_create((size_t)CAPACITY * MAX_SLOTS + POOL_CAPACITY, true);
    uint64_t threads = run_half(&stress, 0, &prng);
    size_t middle = resident_bytes();
    threads += run_half(&stress, 1, &prng);
    size_t end = resident_bytes();
    report_note("  %llu threads; resident %zu KiB in the middle, %zu KiB at the end",
                (unsigned long long)threads, middle / KIB, end / KIB);
    if (!stress_is_sanitized()) {
        EXPECT(end <= middle + ALLOWED_GROWTH, "threads that ended keep memory");
    }
    struct model *model = model_create(intervals, POOL_CAPACITY, stress.seed);
    while (pool_count > 0) {
        model_put(model, pool[--pool_count]);
    }
    model_destroy(model);
    EXPECT(intervals_count(intervals) == 0, "objects are left over");
    return stress_end("churn", threads);
}

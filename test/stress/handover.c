/*
 * handover.c: objects made by some threads and freed by others.
 *
 * Producers put objects into bounded queues, consumers verify, sometimes resize and free them; in
 * some rounds there are more producers than consumers, in others fewer, and in a ring every thread
 * is both. What producers allocate never comes back to them by itself, so an allocator that keeps
 * freed objects with the freeing thread runs away: the resident size is bounded at the end of every
 * round.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum {
    QUEUE_CAPACITY = 512,
    MODEL_CAPACITY = 16,
    MAX_THREADS = 16,
    MAX_OBJECT = 32 * 1024,
    RARE_OBJECT = 1024 * 1024,
    ALLOWED_RESIDENT = 512 * 1024 * 1024, /* queues hold some 10 MiB on average */
};

struct queue {
    pthread_mutex_t lock;
    size_t head;  /* guarded by lock */
    size_t count; /* guarded by lock */
    struct model_object objects[QUEUE_CAPACITY];
};

struct shape {
    const char *name;
    unsigned producers;
    unsigned consumers;
    bool ring; /* producers also consume, each from its neighbour */
};

static const struct shape shapes[] = {
    {"one to one", 1, 1, false},
    {"three to one", 3, 1, false},
    {"one to three", 1, 3, false},
    {"ring", 4, 0, true},
};

struct worker {
    pthread_t thread;
    const struct stress *stress;
    unsigned part;
    struct queue *from; /* NULL: does not consume */
    struct queue *to;   /* NULL: does not produce */
    struct intervals *intervals;
    _Atomic unsigned *producers_left;
    struct prng prng;
    uint64_t objects;
};

static struct queue queues[MAX_THREADS];

static bool queue_push(struct queue *queue, const struct model_object *object) {
    pthread_mutex_lock(&queue->lock);
    bool room = queue->count < QUEUE_CAPACITY;
    if (room) {
        queue->objects[(queue->head + queue->count) % QUEUE_CAPACITY] = *object;
        queue->count++;
    }
    pthread_mutex_unlock(&queue->lock);
    return room;
}

static bool queue_pop(struct queue *queue, struct model_object *object) {
    pthread_mutex_lock(&queue->lock);
    bool any = queue->count > 0;
    if (any) {
        *object = queue->objects[queue->head];
        queue->head = (queue->head + 1) % QUEUE_CAPACITY;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return any;
}

/* Makes one object and hands it over; when the queue is full it is freed here. */
static void produce(struct worker *worker, struct model *model) {
    size_t max = prng_one_in(&worker->prng, 200) ? RARE_OBJECT : MAX_OBJECT;
    enum model_maker maker = (enum model_maker)prng_below(&worker->prng, CALL_FIRST_ALIGNED);
    if (!model_allocate(model, maker, prng_size(&worker->prng, max), 0)) {
        return;
    }
    struct model_object object = model_take(model, model->count - 1);
    if (queue_push(worker->to, &object)) {
        worker->objects++;
        return;
    }
    model_put(model, object);
    model_release(model, model->count - 1, CALL_FREE_SIZED);
    sched_yield();
}

static bool consume(struct worker *worker, struct model *model) {
    struct model_object object;
    if (!queue_pop(worker->from, &object)) {
        return false;
    }
    model_put(model, object);
    if (prng_one_in(&worker->prng, 16)) {
        model_resize(model, model->count - 1, 1 + prng_size(&worker->prng, MAX_OBJECT), false);
    }
    model_release(model, model->count - 1,
                  (enum model_ender)prng_below(&worker->prng, CALL_ENDERS));
    return true;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct model *model = model_create(worker->intervals, MODEL_CAPACITY, prng_next(&worker->prng));
    model->may_fail = stress_address_space_is_limited();
    if (worker->to != NULL) {
        do {
            for (unsigned i = 0; i < 64; i++) {
                produce(worker, model);
                if (worker->from != NULL) {
                    (void)consume(worker, model);
                }
            }
        } while (stress_goes_on(worker->stress, worker->part, ARRAY_LEN(shapes)));
        atomic_fetch_sub(worker->producers_left, 1);
    }
    while (worker->from != NULL) {
        bool last = atomic_load(worker->producers_left) == 0;
        if (!consume(worker, model)) {
            if (last) {
                break;
            }
            sched_yield();
        }
    }
    model_destroy(model);
    return NULL;
}

static uint64_t run_shape(const struct stress *stress, unsigned part) {
    const struct shape *shape = &shapes[part];
    unsigned nthreads = shape->producers + shape->consumers;
    struct worker workers[MAX_THREADS];
    _Atomic unsigned producers_left = shape->producers;
    struct prng seeds = {stress->seed + part};
    struct intervals *shared =
        intervals_create((size_t)MAX_THREADS * (QUEUE_CAPACITY + MODEL_CAPACITY), true);
    for (unsigned i = 0; i < nthreads; i++) {
        bool producer = i < shape->producers;
        workers[i] = (struct worker){
            .stress = stress,
            .part = part,
            .from = shape->ring ? &queues[(i + 1) % nthreads]
                    : producer  ? NULL
                                : &queues[0],
            .to = shape->ring ? &queues[i]
                  : producer  ? &queues[0]
                              : NULL,
            .intervals = shared,
            .producers_left = &producers_left,
            .prng = prng_fork(&seeds, i),
        };
        EXPECT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    uint64_t objects = 0;
    for (unsigned i = 0; i < nthreads; i++) {
        pthread_join(workers[i].thread, NULL);
        objects += workers[i].objects;
    }
    EXPECT(intervals_count(shared) == 0, "objects are left over");
    intervals_destroy(shared);
    size_t resident = resident_bytes();
    report_note("  %s: %llu objects handed over, %zu KiB resident", shape->name,
                (unsigned long long)objects, resident / KIB);
    if (!stress_is_sanitized()) {
        EXPECT(resident <= ALLOWED_RESIDENT, "objects freed by other threads are not used again");
    }
    return objects;
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "handover");
    for (size_t i = 0; i < MAX_THREADS; i++) {
        pthread_mutex_init(&queues[i].lock, NULL);
    }
    uint64_t objects = 0;
    for (unsigned part = 0; part < ARRAY_LEN(shapes); part++) {
        objects += run_shape(&stress, part);
    }
    return stress_end("handover", objects);
}

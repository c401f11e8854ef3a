/*
 * xmalloc.c: objects allocated by one thread and freed by another, always.
 *
 * Holds:      half of the threads (at least one) fill batches of 120 objects and put them on a
 *             queue, the other half take batches off and free the objects. Unit of work: one object
 *             per producer. With an odd number there is one more producer than consumer.
 * Invariants: at most QUEUE_MAX batches wait; every batch put is taken once.
 * Locks:      queue.lock guards the queue; the two conditions say "not full" and "not empty or
 *             closed".
 * Usage:      bench.h.
 */
#include "support/bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { BATCH = 120, QUEUE_MAX = 400, MIXED_MAX = 1024 };

struct batch {
    struct batch *next;
    uint32_t tag;
    void *objects[BATCH];
    uint16_t sizes[BATCH];
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_full;
    pthread_cond_t not_empty;
    struct batch *first;
    struct batch *last;
    unsigned length;
    unsigned producers_left;
    size_t fixed_size; /* 0: sizes vary up to MIXED_MAX; const while threads run */
    uint64_t nbatches; /* per producer; const while threads run */
};

static void queue_put(struct queue *queue, struct batch *batch) {
    pthread_mutex_lock(&queue->lock);
    while (queue->length == QUEUE_MAX) {
        pthread_cond_wait(&queue->not_full, &queue->lock);
    }
    batch->next = NULL;
    if (queue->first == NULL) {
        queue->first = batch;
    } else {
        queue->last->next = batch;
    }
    queue->last = batch;
    queue->length++;
    pthread_cond_signal(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}

/* NULL when the queue is empty and no producer is left. */
static struct batch *queue_take(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && queue->producers_left > 0) {
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    }
    struct batch *batch = queue->first;
    if (batch != NULL) {
        queue->first = batch->next;
        queue->length--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->lock);
    return batch;
}

static void queue_producer_done(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->producers_left--;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}

static void produce(struct bench_thread *thread) {
    struct queue *queue = thread->shared;
    for (uint64_t done = 0; done < queue->nbatches; done++) {
        struct batch *batch = bench_got(malloc(sizeof *batch));
        batch->tag = prng_next(&thread->prng);
        for (unsigned i = 0; i < BATCH; i++) {
            size_t size = queue->fixed_size;
            if (size == 0) {
                size = 1 + prng_below(&thread->prng, 1 + prng_below(&thread->prng, MIXED_MAX));
            }
            batch->sizes[i] = (uint16_t)size;
            batch->objects[i] = bench_got(malloc(size));
            memset(batch->objects[i], (int)(batch->tag & 0xff), size);
        }
        queue_put(queue, batch);
    }
    queue_producer_done(queue);
}

static void consume(struct bench_thread *thread) {
    struct queue *queue = thread->shared;
    for (;;) {
        struct batch *batch = queue_take(queue);
        if (batch == NULL) {
            return;
        }
        /* One object in eight is looked at: reading all would measure cache misses. */
        for (unsigned i = 0; i < BATCH; i++) {
            if (i % 8 == 0) {
                stamp_check(batch->objects[i], batch->sizes[i], batch->tag & 0xff);
            }
            free(batch->objects[i]);
        }
        free(batch);
    }
}

static void either(struct bench_thread *thread) {
    if (thread->index % 2 == 0) {
        produce(thread);
    } else {
        consume(thread);
    }
}

static void xmalloc(const struct bench_args *args, size_t fixed_size) {
    struct bench_args actual = *args;
    actual.threads = actual.threads < 2 ? 2 : actual.threads;
    struct queue queue = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .not_full = PTHREAD_COND_INITIALIZER,
        .not_empty = PTHREAD_COND_INITIALIZER,
        .producers_left = (actual.threads + 1) / 2,
        .fixed_size = fixed_size,
        .nbatches = args->n / BATCH + 1,
    };
    bench_threads(&actual, either, &queue);
    if (queue.first != NULL) {
        bench_fail("objects were left in the queue");
    }
}

static void xmalloc_64(const struct bench_args *args) {
    xmalloc(args, 64);
}

static void xmalloc_mixed(const struct bench_args *args) {
    xmalloc(args, 0);
}

/* Twice the threads, so that they are more than the processors and lock holders get preempted. */
static void xmalloc_crowded(const struct bench_args *args) {
    struct bench_args doubled = *args;
    doubled.threads *= 2;
    xmalloc(&doubled, 64);
}

static const struct bench_mode modes[] = {
    {"xmalloc-64", xmalloc_64, 8000000, true, BENCH_WALL, BENCH_QUICK,
     "producers allocate 64 bytes, consumers free"},
    {"xmalloc-mixed", xmalloc_mixed, 5000000, true, BENCH_WALL, BENCH_FULL,
     "the same with 1 to 1024 bytes"},
    {"xmalloc-crowded", xmalloc_crowded, 8000000, true, BENCH_WALL, BENCH_QUICK,
     "xmalloc-64 with twice as many threads"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

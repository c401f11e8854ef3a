/*
 * scaling.c: how far threads get in each other's way, for machines with many processors.
 *
 * Holds:      three loops, each with a fixed amount of work per thread: larson (sessions handed to
 *             a successor thread), xmalloc (half of the threads free what the others allocate, over
 *             one ring per pair), random (each thread replaces random objects of its own).
 * Usage:      scaling PATTERN THREADS OPERATIONS, under LD_PRELOAD; bench/scaling.sh does it all.
 *             It prints one line: pattern, threads, operations per thread, seconds, CPU seconds,
 *             million operations per second, the same per thread, peak RSS in KiB. An operation is
 *             one allocation and the free that belongs to it. Needs nothing but a C compiler.
 * Invariants: the amount of work depends on the arguments alone. In larson and random every
 *             object's first and last byte is checked before it is freed, in xmalloc one object in
 *             eight.
 * Locks:      a ring has one producer and one consumer and needs none; see struct ring.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { THREADS_MAX = 256, NLIVE = 2000, GENERATION = 250000, RING = 32, BATCH = 120 };

struct object {
    unsigned char *bytes;
    uint16_t size;
    uint8_t tag;
};

/* Batches travel from one producer to one consumer. `put` is written by the producer only, `taken`
 * by the consumer only; each is released by its writer and acquired by the other. */
struct ring {
    _Atomic uint64_t put;
    char padding_put[120];
    _Atomic uint64_t taken;
    char padding_taken[120];
    unsigned char *objects[RING][BATCH];
};

struct worker {
    _Alignas(128) uint64_t state; /* random numbers; never 0; no two workers share a cache line */
    uint64_t left;                /* operations still to do */
    unsigned index;
    struct ring *ring;      /* xmalloc: shared with the partner */
    struct object *objects; /* larson, random: NLIVE of them */
    pthread_t id;           /* its first thread */
    double started;         /* when it passed the start line */
};

static pthread_barrier_t start_line;
static atomic_uint larson_running;

static void fail(const char *message) {
    fprintf(stderr, "scaling: %s\n", message);
    exit(1);
}

/* Seconds of a clock. */
static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* All start together. Each notes the time itself: the main thread may wake up last of all. */
static void line_up(struct worker *worker) {
    pthread_barrier_wait(&start_line);
    worker->started = now(CLOCK_MONOTONIC);
}

static uint32_t draw(struct worker *worker) {
    uint64_t x = worker->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    worker->state = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

static void object_make(struct worker *worker, struct object *object) {
    uint32_t bits = draw(worker);
    object->size = (uint16_t)(8 + (bits >> 8) % 993);
    object->tag = (uint8_t)bits;
    object->bytes = malloc(object->size);
    if (object->bytes == NULL) {
        fail("out of memory");
    }
    object->bytes[0] = object->tag;
    object->bytes[object->size - 1] = object->tag;
}

static void object_drop(struct object *object) {
    if (object->bytes[0] != object->tag || object->bytes[object->size - 1] != object->tag) {
        fail("an object lost its content");
    }
    free(object->bytes);
}

static void replace(struct worker *worker, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        struct object *object = &worker->objects[draw(worker) % NLIVE];
        object_drop(object);
        object_make(worker, object);
    }
    worker->left -= count;
}

static void fill(struct worker *worker) {
    worker->objects = malloc(NLIVE * sizeof worker->objects[0]);
    if (worker->objects == NULL) {
        fail("out of memory");
    }
    for (unsigned i = 0; i < NLIVE; i++) {
        object_make(worker, &worker->objects[i]);
    }
}

static void empty(struct worker *worker) {
    for (unsigned i = 0; i < NLIVE; i++) {
        object_drop(&worker->objects[i]);
    }
    free(worker->objects);
}

static void *random_main(void *argument) {
    struct worker *worker = argument;
    fill(worker);
    line_up(worker);
    replace(worker, worker->left);
    empty(worker);
    return NULL;
}

static void *larson_successor(void *argument) {
    struct worker *worker = argument;
    replace(worker, worker->left < GENERATION ? worker->left : GENERATION);
    if (worker->left == 0) {
        empty(worker);
        /* Release: the main thread sees the work as done. */
        atomic_fetch_sub_explicit(&larson_running, 1, memory_order_release);
        return NULL;
    }
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t id;
    if (pthread_create(&id, &detached, larson_successor, worker) != 0) {
        fail("cannot create a thread");
    }
    pthread_attr_destroy(&detached);
    return NULL;
}

static void *larson_main(void *argument) {
    struct worker *worker = argument;
    fill(worker);
    line_up(worker);
    return larson_successor(worker);
}

static void produce(struct worker *worker) {
    struct ring *ring = worker->ring;
    for (uint64_t at = 0; at < worker->left / BATCH; at++) {
        while (at - atomic_load_explicit(&ring->taken, memory_order_acquire) == RING) {
            sched_yield();
        }
        for (unsigned i = 0; i < BATCH; i++) {
            size_t size = 16 + (draw(worker) & 15) * 16;
            unsigned char *bytes = malloc(size);
            if (bytes == NULL) {
                fail("out of memory");
            }
            memset(bytes, (int)(at & 0xff), size);
            ring->objects[at % RING][i] = bytes;
        }
        atomic_store_explicit(&ring->put, at + 1, memory_order_release);
    }
}

static void consume(struct worker *worker) {
    struct ring *ring = worker->ring;
    for (uint64_t at = 0; at < worker->left / BATCH; at++) {
        while (atomic_load_explicit(&ring->put, memory_order_acquire) == at) {
            sched_yield();
        }
        for (unsigned i = 0; i < BATCH; i++) {
            unsigned char *bytes = ring->objects[at % RING][i];
            if (i % 8 == 0 && (bytes[0] != (at & 0xff) || bytes[15] != (at & 0xff))) {
                fail("an object changed on its way");
            }
            free(bytes);
        }
        atomic_store_explicit(&ring->taken, at + 1, memory_order_release);
    }
}

static void *xmalloc_main(void *argument) {
    struct worker *worker = argument;
    line_up(worker);
    if (worker->index % 2 == 0) {
        produce(worker);
    } else {
        consume(worker);
    }
    return NULL;
}

static struct worker *workers_make(unsigned nthreads, uint64_t operations, int paired) {
    struct worker *workers = calloc(nthreads, sizeof *workers);
    if (workers == NULL) {
        fail("out of memory");
    }
    for (unsigned i = 0; i < nthreads; i++) {
        workers[i].state = (i + 1) * 0x9e3779b97f4a7c15u;
        workers[i].left = operations;
        workers[i].index = i;
        if (paired && i % 2 == 0) {
            workers[i].ring = calloc(1, sizeof *workers[i].ring);
            if (workers[i].ring == NULL) {
                fail("out of memory");
            }
        } else if (paired) {
            workers[i].ring = workers[i - 1].ring;
        }
    }
    return workers;
}

static void workers_run(struct worker *workers, unsigned nthreads, void *(*work)(void *)) {
    for (unsigned i = 0; i < nthreads; i++) {
        if (pthread_create(&workers[i].id, NULL, work, &workers[i]) != 0) {
            fail("cannot create a thread");
        }
    }
}

static void workers_wait(struct worker *workers, unsigned nthreads) {
    for (unsigned i = 0; i < nthreads; i++) {
        pthread_join(workers[i].id, NULL);
    }
    while (atomic_load_explicit(&larson_running, memory_order_acquire) > 0) {
        struct timespec pause = {0, 200000};
        nanosleep(&pause, NULL);
    }
}

static double first_start(const struct worker *workers, unsigned nthreads) {
    double first = workers[0].started;
    for (unsigned i = 1; i < nthreads; i++) {
        first = workers[i].started < first ? workers[i].started : first;
    }
    return first;
}

static unsigned long number(const char *text, unsigned long low, unsigned long high) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < low || value > high) {
        fail("usage: scaling larson|xmalloc|random THREADS OPERATIONS");
    }
    return value;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fail("usage: scaling larson|xmalloc|random THREADS OPERATIONS");
    }
    unsigned nthreads = (unsigned)number(argv[2], 1, THREADS_MAX);
    uint64_t operations = number(argv[3], BATCH, 1000000000000);
    void *(*work)(void *) = random_main;
    int paired = strcmp(argv[1], "xmalloc") == 0;
    if (paired) {
        work = xmalloc_main;
        nthreads += nthreads % 2;
    } else if (strcmp(argv[1], "larson") == 0) {
        work = larson_main;
        atomic_store(&larson_running, nthreads);
    } else if (strcmp(argv[1], "random") != 0) {
        fail("usage: scaling larson|xmalloc|random THREADS OPERATIONS");
    }
    struct worker *workers = workers_make(nthreads, operations, paired);
    pthread_barrier_init(&start_line, NULL, nthreads);
    workers_run(workers, nthreads, work);
    workers_wait(workers, nthreads);
    double seconds = now(CLOCK_MONOTONIC) - first_start(workers, nthreads);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    /* A pair of xmalloc threads does one allocation and one free per operation between them. */
    double millions = (double)operations * nthreads / (paired ? 2 : 1) / 1e6;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s,%u,%llu,%.4f,%.4f,%.3f,%.3f,%ld\n", argv[1], nthreads,
           (unsigned long long)operations, seconds, cpu, millions / seconds,
           millions / seconds / nthreads, usage.ru_maxrss);
    return 0;
}

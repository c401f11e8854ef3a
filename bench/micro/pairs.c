/*
 * pairs.c: small objects, allocated and freed in the simplest orders.
 *
 * Holds: pairs (one object at a time), batches (a hundred or a thousand, freed in the same or in
 *        reverse order) and random replacement among many live objects; unit of work: one object.
 * Usage: bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { BATCH_MAX = 1000, LIVE_FEW = 1000, LIVE_MANY = 65536 };

static void pair_16(const struct bench_args *args) {
    for (uint64_t i = 0; i < args->n; i++) {
        void *object = bench_got(malloc(16));
        stamp_write(object, 16, (uint32_t)i);
        stamp_check(object, 16, (uint32_t)i);
        free(object);
    }
}

static void pair_mixed_loop(uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        size_t size = 8 + (i & 127) * 8;
        void *object = bench_got(malloc(size));
        stamp_write(object, size, (uint32_t)i);
        stamp_check(object, size, (uint32_t)i);
        free(object);
    }
}

static void pair_mixed(const struct bench_args *args) {
    pair_mixed_loop(args->n);
}

static void pair_thread(struct bench_thread *thread) {
    pair_mixed_loop(thread->args->n);
}

static void pair_threads(const struct bench_args *args) {
    bench_threads(args, pair_thread, NULL);
}

static size_t batch_size(unsigned i) {
    return 16 + (i & 7) * 16;
}

static void batches(uint64_t n, unsigned count, bool reverse) {
    void *live[BATCH_MAX];
    for (uint64_t done = 0; done < n; done += count) {
        for (unsigned i = 0; i < count; i++) {
            live[i] = bench_got(malloc(batch_size(i)));
            stamp_write(live[i], batch_size(i), i);
        }
        for (unsigned j = 0; j < count; j++) {
            unsigned i = reverse ? count - 1 - j : j;
            stamp_check(live[i], batch_size(i), i);
            free(live[i]);
        }
    }
}

static void batch_100_fifo(const struct bench_args *args) {
    batches(args->n, 100, false);
}

static void batch_100_lifo(const struct bench_args *args) {
    batches(args->n, 100, true);
}

static void batch_1000_fifo(const struct bench_args *args) {
    batches(args->n, 1000, false);
}

static void batch_1000_lifo(const struct bench_args *args) {
    batches(args->n, 1000, true);
}

struct live_object {
    void *object; /* NULL: the slot is empty */
    uint32_t size;
};

/* Replaces a random one of nlive objects n times; sizes are uniform in 1..size_max. */
static void replace_random(uint64_t n, unsigned nlive, uint32_t size_max, struct prng prng) {
    struct live_object *live = bench_got(calloc(nlive, sizeof *live));
    for (uint64_t i = 0; i < n; i++) {
        uint32_t at = prng_below(&prng, nlive);
        if (live[at].object != NULL) {
            stamp_check(live[at].object, live[at].size, at);
            free(live[at].object);
        }
        live[at].size = 1 + prng_below(&prng, size_max);
        live[at].object = bench_got(malloc(live[at].size));
        stamp_write(live[at].object, live[at].size, at);
    }
    for (unsigned at = 0; at < nlive; at++) {
        free(live[at].object);
    }
    free(live);
}

static void random_1k(const struct bench_args *args) {
    replace_random(args->n, LIVE_FEW, 2048, prng_make(args->seed, 0));
}

static void random_64k(const struct bench_args *args) {
    replace_random(args->n, LIVE_MANY, 512, prng_make(args->seed, 0));
}

static void random_thread(struct bench_thread *thread) {
    replace_random(thread->args->n, LIVE_FEW, 2048, thread->prng);
}

static void random_threads(const struct bench_args *args) {
    bench_threads(args, random_thread, NULL);
}

static const struct bench_mode modes[] = {
    {"pair-16", pair_16, 80000000, false, BENCH_WALL, BENCH_QUICK,
     "malloc(16) and free, one at a time"},
    {"pair-mixed", pair_mixed, 90000000, false, BENCH_WALL, BENCH_QUICK,
     "one at a time, 8 to 1024 bytes in turn"},
    {"pair-threads", pair_threads, 60000000, true, BENCH_WALL, BENCH_FULL,
     "pair-mixed in each thread"},
    {"batch-100-fifo", batch_100_fifo, 70000000, false, BENCH_WALL, BENCH_QUICK,
     "100 objects, freed in the same order"},
    {"batch-100-lifo", batch_100_lifo, 70000000, false, BENCH_WALL, BENCH_FULL,
     "100 objects, freed in reverse order"},
    {"batch-1000-fifo", batch_1000_fifo, 60000000, false, BENCH_WALL, BENCH_FULL,
     "1000 objects, freed in the same order"},
    {"batch-1000-lifo", batch_1000_lifo, 60000000, false, BENCH_WALL, BENCH_QUICK,
     "1000 objects, freed in reverse order"},
    {"random-1k", random_1k, 12000000, false, BENCH_WALL, BENCH_QUICK,
     "replace one of 1000 objects of up to 2 KiB"},
    {"random-64k", random_64k, 14000000, false, BENCH_WALL, BENCH_QUICK,
     "replace one of 65536 objects of up to 512 bytes"},
    {"random-threads", random_threads, 10000000, true, BENCH_WALL, BENCH_QUICK,
     "random-1k in each thread"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

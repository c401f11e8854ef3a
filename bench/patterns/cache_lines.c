/*
 * cache_lines.c: does the allocator put two threads' objects on one cache line? (cache-scratch,
 * cache-thrash)
 *
 * Holds: each thread allocates small objects, writes them many times, frees them, and so on. In
 *        "scratch" the main thread first hands each thread small objects, neighbours in memory,
 *        which the thread frees: an allocator that gives the same memory out again makes threads
 *        share lines. With one object per thread (the classic form) it depends on the neighbours'
 *        place in the line as well; with four per thread it does not.
 *        Unit of work: WRITES writes per thread.
 * Usage: bench.h. With one processor the modes show nothing.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { SIZE = 8, WRITES = 1000, GIVEN_MAX = 4 };

static void write_often(unsigned char *object, uint64_t round, unsigned nwrites) {
    volatile unsigned char *bytes = object;
    for (unsigned i = 0; i < nwrites; i++) {
        bytes[i % SIZE] = (unsigned char)(bytes[i % SIZE] + 1);
    }
    unsigned expected = (unsigned)round + nwrites / SIZE;
    if (bytes[0] != (unsigned char)(expected + (nwrites % SIZE > 0)) ||
        bytes[SIZE - 1] != (unsigned char)expected) {
        bench_fail("another thread wrote to this object");
    }
}

/* Each round has `count` objects live at once, and WRITES writes in all. */
static void rounds(uint64_t n, unsigned count) {
    unsigned char *objects[GIVEN_MAX];
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned at = 0; at < count; at++) {
            objects[at] = bench_got(malloc(SIZE));
            memset(objects[at], (int)(i & 0xff), SIZE);
        }
        for (unsigned at = 0; at < count; at++) {
            write_often(objects[at], i, WRITES / count);
        }
        for (unsigned at = 0; at < count; at++) {
            free(objects[at]);
        }
    }
}

static void thrash_thread(struct bench_thread *thread) {
    rounds(thread->args->n, 1);
}

static void cache_thrash(const struct bench_args *args) {
    bench_threads(args, thrash_thread, NULL);
}

struct gifts {
    unsigned count; /* objects for each thread */
    unsigned char *objects[GIVEN_MAX * BENCH_THREADS_MAX];
};

/* Thread t of T gets objects t, T + t, 2T + t and so on, so that neighbours go to other threads. */
static void scratch_thread(struct bench_thread *thread) {
    const struct gifts *gifts = thread->shared;
    for (unsigned i = 0; i < gifts->count; i++) {
        unsigned at = i * thread->args->threads + thread->index;
        stamp_check(gifts->objects[at], SIZE, at);
        free(gifts->objects[at]);
    }
    rounds(thread->args->n, gifts->count);
}

static void scratch(const struct bench_args *args, unsigned count) {
    struct gifts gifts = {.count = count};
    for (unsigned i = 0; i < count * args->threads; i++) {
        gifts.objects[i] = bench_got(malloc(SIZE));
        stamp_write(gifts.objects[i], SIZE, i);
    }
    bench_threads(args, scratch_thread, &gifts);
}

static void cache_scratch(const struct bench_args *args) {
    scratch(args, 1);
}

static void cache_scratch_4(const struct bench_args *args) {
    scratch(args, GIVEN_MAX);
}

static const struct bench_mode modes[] = {
    {"cache-scratch", cache_scratch, 800000, true, BENCH_WALL, BENCH_QUICK,
     "neighbouring objects freed by different threads, then reused"},
    {"cache-scratch-4", cache_scratch_4, 800000, true, BENCH_WALL, BENCH_FULL,
     "the same with four objects for each thread"},
    {"cache-thrash", cache_thrash, 800000, true, BENCH_WALL, BENCH_FULL,
     "each thread allocates, writes often, frees"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

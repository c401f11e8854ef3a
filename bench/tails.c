/*
 * tails.c: how long single calls of malloc and free take at worst.
 *
 * Holds:      threads that replace random objects of their own, one in 64 larger than 64 KiB, and every so
 *             often free three quarters of all and fill up again, so that memory is given back to the
 *             system meanwhile. Each call is timed; a histogram counts times in steps of 1/16 of
 *             their power of two.
 * Usage:      tails THREADS OPERATIONS, under LD_PRELOAD; bench/tails.sh does it all. It prints for
 *             malloc and for free one line: call, threads, calls, then nanoseconds at 50, 99, 99.9 and
 *             99.99 per cent, and at most; peak RSS in KiB.
 * Invariants: the amount of work depends on the arguments alone.
 * Locks:      none; a thread's histograms are its own until it ends.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { THREADS_MAX = 64, NLIVE = 20000, PHASE = 400000, LG_STEPS = 4, BUCKETS = 64 << LG_STEPS };

enum call { MALLOC, FREE, CALLS };

struct worker {
    pthread_t id;
    uint64_t state; /* random numbers; never 0 */
    uint64_t operations;
    unsigned char *live[NLIVE];
    uint64_t counts[CALLS][BUCKETS];
    uint64_t most[CALLS];
};

static pthread_barrier_t start_line;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(struct worker *worker) {
    worker->state ^= worker->state << 13;
    worker->state ^= worker->state >> 7;
    worker->state ^= worker->state << 17;
    return worker->state;
}

static unsigned bucket_of(uint64_t ns) {
    if (ns < 1u << LG_STEPS) {
        return (unsigned)ns;
    }
    unsigned lg = 63 - (unsigned)__builtin_clzll(ns);
    return ((lg - LG_STEPS + 1) << LG_STEPS) + (unsigned)(ns >> (lg - LG_STEPS)) - (1 << LG_STEPS);
}

/* The largest time that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket) {
    unsigned lg = bucket >> LG_STEPS;
    uint64_t step = bucket & ((1 << LG_STEPS) - 1);
    return lg == 0 ? step : (((1 << LG_STEPS) + step + 1) << (lg - 1)) - 1;
}

static void note(struct worker *worker, enum call call, uint64_t begin) {
    uint64_t ns = now_ns() - begin;
    worker->counts[call][bucket_of(ns)]++;
    if (ns > worker->most[call]) {
        worker->most[call] = ns;
    }
}

static void drop(struct worker *worker, unsigned at) {
    uint64_t begin = now_ns();
    free(worker->live[at]);
    note(worker, FREE, begin);
    worker->live[at] = NULL;
}

static void replace(struct worker *worker, unsigned at) {
    uint64_t bits = next_random(worker);
    size_t size = bits % 64 == 0 ? 65536 + (bits >> 8) % 500000 : 8 + (bits >> 8) % 1000;
    drop(worker, at);
    uint64_t begin = now_ns();
    unsigned char *p = malloc(size);
    note(worker, MALLOC, begin);
    if (p == NULL) {
        fprintf(stderr, "tails: no memory\n");
        exit(1);
    }
    for (size_t i = 0; i < size; i += 4096) {
        p[i] = 1;
    }
    worker->live[at] = p;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    pthread_barrier_wait(&start_line);
    for (uint64_t i = 0; i < worker->operations; i++) {
        if (i % PHASE == PHASE - 1) {
            for (unsigned at = NLIVE / 4; at < NLIVE; at++) {
                drop(worker, at);
            }
        }
        replace(worker, (unsigned)(next_random(worker) % NLIVE));
    }
    return NULL;
}

static uint64_t percentile(const uint64_t *counts, double part) {
    uint64_t all = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        all += counts[i];
    }
    uint64_t rank = (uint64_t)((double)all * part);
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (rank < counts[i]) {
            return bucket_end(i);
        }
        rank -= counts[i];
    }
    return 0;
}

static void report(struct worker *workers, unsigned n, enum call call) {
    static const char *const names[CALLS] = {"malloc", "free"};
    static const double parts[] = {0.5, 0.99, 0.999, 0.9999};
    uint64_t counts[BUCKETS] = {0};
    uint64_t most = 0;
    uint64_t all = 0;
    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i < BUCKETS; i++) {
            counts[i] += workers[k].counts[call][i];
            all += workers[k].counts[call][i];
        }
        most = workers[k].most[call] > most ? workers[k].most[call] : most;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s,%u,%llu", names[call], n, (unsigned long long)all);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        printf(",%llu", (unsigned long long)percentile(counts, parts[i]));
    }
    printf(",%llu,%ld\n", (unsigned long long)most, usage.ru_maxrss);
}

int main(int argc, char **argv) {
    static struct worker workers[THREADS_MAX];
    unsigned n = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    uint64_t operations = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (n == 0 || n > THREADS_MAX || operations == 0) {
        fprintf(stderr, "usage: tails THREADS OPERATIONS (1 to %d threads)\n", THREADS_MAX);
        return 2;
    }
    pthread_barrier_init(&start_line, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        workers[i].state = 88172645463325252u + i;
        workers[i].operations = operations;
        if (pthread_create(&workers[i].id, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "tails: no thread\n");
            return 1;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(workers[i].id, NULL);
    }
    report(workers, n, MALLOC);
    report(workers, n, FREE);
    return 0;
}

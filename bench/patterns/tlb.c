/*
 * tlb.c: random walks over much more memory than the processor's address caches cover.
 *
 * Holds:      objects of 64 to 448 bytes, 256 on average, each of which points at another one, in one
 *             circle through all of them in random order. Each step needs the address before, so that
 *             it costs one miss of the data caches and, with small pages, of the address caches too.
 *             Unit of work: one object, so 2 GiB at scale 1.
 * Usage:      bench.h. Building takes a part of the time; what counts is printed at the end: nanoseconds
 *             of CPU time per step in the first lap, and in the best of the last ones, when the
 *             allocator or the system had some seconds to do something about it, and how much of the
 *             process the kernel backs with huge pages by then.
 */
#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEAST = 64, MOST = 448, LAPS = 12, LATE = 8, OBJECTS_PER_STEP = 4 };

struct object {
    struct object *next;
    uint64_t number;
};

static struct object *make(uint64_t number, struct prng *prng) {
    size_t size = prng_between(prng, LEAST, MOST);
    struct object *object = bench_got(malloc(size));
    memset(object, 0, size);
    object->number = number;
    return object;
}

static void swap(struct object **a, struct object **b) {
    struct object *other = *a;
    *a = *b;
    *b = other;
}

/* One circle through all of them. Returns an object of it. */
static struct object *build_circle(uint64_t n, struct prng *prng) {
    struct object **objects = bench_got(malloc(n * sizeof(struct object *)));
    for (uint64_t i = 0; i < n; i++) {
        objects[i] = make(i, prng);
    }
    for (uint64_t i = n - 1; i > 0; i--) {
        uint64_t random = (uint64_t)prng_next(prng) << 32 | prng_next(prng);
        swap(&objects[i], &objects[random % i]);
    }
    for (uint64_t i = 0; i < n; i++) {
        objects[i]->next = objects[i + 1 < n ? i + 1 : 0];
    }
    struct object *first = objects[0];
    free(objects);
    return first;
}

static struct object *walk(struct object *at, uint64_t nsteps) {
    for (uint64_t i = 0; i < nsteps; i++) {
        at = at->next;
    }
    return at;
}

/* Frees the circle, and sees whether all of it was there. */
static void drop_circle(struct object *first, uint64_t n) {
    uint64_t sum = 0;
    uint64_t count = 0;
    struct object *at = first;
    do {
        struct object *next = at->next;
        sum += at->number;
        count++;
        free(at);
        at = next;
    } while (at != first);
    if (count != n || sum != n * (n - 1) / 2) {
        bench_fail("the circle of %llu objects is another one", (unsigned long long)n);
    }
}

/* AnonHugePages of /proc/self/smaps_rollup, in MiB. */
static uint64_t huge_mib(void) {
    char line[256];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "AnonHugePages: %llu kB", &kib) != 1) {
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib >> 10;
}

/* What the thread has used: others on the same processor do not count. */
static double cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

static void chase(const struct bench_args *args) {
    struct prng prng = prng_make(args->seed, 0);
    uint64_t n = args->n;
    uint64_t nsteps = n / OBJECTS_PER_STEP + 1;
    uint64_t begun_ms = bench_now_ms();
    struct object *at = build_circle(n, &prng);
    uint64_t built_ms = bench_now_ms();
    double first_ns = 0;
    double late_ns = 0;
    for (unsigned lap = 0; lap < LAPS; lap++) {
        double start_ns = cpu_ns();
        at = walk(at, nsteps);
        double lap_ns = (cpu_ns() - start_ns) / (double)nsteps;
        first_ns = lap == 0 ? lap_ns : first_ns;
        late_ns = lap == LATE || (lap > LATE && lap_ns < late_ns) ? lap_ns : late_ns;
    }
    printf("{\"build_ms\": %llu, \"first_ns\": %.1f, \"late_ns\": %.1f, \"huge_mib\": %llu, "
           "\"rss_mib\": %llu}\n",
           (unsigned long long)(built_ms - begun_ms), first_ns, late_ns,
           (unsigned long long)huge_mib(), (unsigned long long)(bench_rss_kib() >> 10));
    drop_circle(at, n);
}

static const struct bench_mode modes[] = {
    {"tlb-chase", chase, 8 << 20, false, BENCH_WALL, BENCH_LONG,
     "a random walk over 2 GiB of small objects"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

/*
 * libc_like.c: the two loops a C library's own malloc benchmarks use.
 *
 * Holds: "glibc-simple", few sizes with 25 to 1600 live objects, half freed first-in-first-out and
 *        half last-in-first-out; "glibc-thread", in each thread 1024 live objects of 4 bytes to 32
 *        KiB whose sizes follow 1/x^2, a random one replaced each time. Unit of work: one object.
 * Usage: bench.h. Every byte of each object is written.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { LIVE_MAX = 1600, LIVE_RANDOM = 1024, NSIZES = 16384 };

static void simple_pass(unsigned nlive, size_t size) {
    unsigned char *live[LIVE_MAX];
    for (unsigned i = 0; i < nlive; i++) {
        live[i] = bench_got(malloc(size));
        memset(live[i], (int)(i & 0xff), size);
    }
    for (unsigned i = 0; i < nlive / 2; i++) {
        stamp_check(live[i], size, i & 0xff);
        free(live[i]);
    }
    for (unsigned i = nlive; i-- > nlive / 2;) {
        stamp_check(live[i], size, i & 0xff);
        free(live[i]);
    }
}

static void simple_loop(uint64_t n) {
    static const unsigned depths[] = {25, 100, 400, 1600};
    for (uint64_t done = 0; done < n;) {
        for (unsigned d = 0; d < sizeof depths / sizeof depths[0]; d++) {
            for (unsigned repeat = 0; repeat < LIVE_MAX / depths[d]; repeat++) {
                for (size_t size = 16; size <= 64; size *= 2) {
                    simple_pass(depths[d], size);
                    done += depths[d];
                }
            }
        }
    }
}

static void glibc_simple(const struct bench_args *args) {
    simple_loop(args->n);
}

/* Sizes whose density falls with the square of the size, each drawn in advance. */
static void draw_sizes(uint32_t *sizes, struct prng *prng) {
    const double low = 4;
    const double high = 32768;
    for (unsigned i = 0; i < NSIZES; i++) {
        double u = prng_next(prng) / 4294967296.0;
        sizes[i] = (uint32_t)(1 / (1 / low - u * (1 / low - 1 / high)));
    }
}

static void random_thread(struct bench_thread *thread) {
    uint32_t *drawn = bench_got(malloc(NSIZES * sizeof *drawn));
    unsigned char *live[LIVE_RANDOM] = {NULL};
    uint32_t sizes[LIVE_RANDOM] = {0};
    draw_sizes(drawn, &thread->prng);
    for (uint64_t i = 0; i < thread->args->n; i++) {
        uint32_t at = prng_below(&thread->prng, LIVE_RANDOM);
        if (live[at] != NULL) {
            stamp_check(live[at], sizes[at], at & 0xff);
            free(live[at]);
        }
        sizes[at] = drawn[i % NSIZES];
        live[at] = bench_got(malloc(sizes[at]));
        memset(live[at], (int)(at & 0xff), sizes[at]);
    }
    for (unsigned at = 0; at < LIVE_RANDOM; at++) {
        free(live[at]);
    }
    free(drawn);
}

static void glibc_thread(const struct bench_args *args) {
    bench_threads(args, random_thread, NULL);
}

static const struct bench_mode modes[] = {
    {"glibc-simple", glibc_simple, 30000000, false, BENCH_WALL, BENCH_QUICK,
     "16, 32 and 64 bytes, up to 1600 live, mixed order"},
    {"glibc-thread", glibc_thread, 30000000, true, BENCH_WALL, BENCH_QUICK,
     "1024 live per thread, 4 bytes to 32 KiB by 1/x^2"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

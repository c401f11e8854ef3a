/*
 * bench.h: what every benchmark program of this folder shares.
 *
 * Holds:      the table of modes a program offers and its command line (bench_main), a small
 *             deterministic random number generator, cheap stamps to check data, thread helpers.
 * Usage:      a program fills an array of struct bench_mode and calls bench_main() from main().
 *             `PROGRAM --list` prints the table as JSON lines, which is how bench/run finds its
 *             rows; `PROGRAM MODE [--threads T] [--scale F] [--seed S]` does the work of one mode.
 * Invariants: the same mode, threads, scale and seed ask for the same blocks in the same order in
 *             each thread, so only the allocator (and scheduling, between threads) differs between
 *             runs. The helpers allocate nothing: all calls seen by the allocator are the pattern's
 *             own.
 * Locks:      none; a struct prng belongs to one thread.
 */
#ifndef BENCH_SUPPORT_BENCH_H
#define BENCH_SUPPORT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_THREADS_MAX = 256 };

/* Which sets a mode is in. */
enum bench_set {
    BENCH_QUICK, /* run always */
    BENCH_FULL,  /* left out by --quick */
    BENCH_LONG,  /* only when named by --only */
};

/* What bench/run compares: wall time, or CPU time where scheduling makes wall time too noisy. */
enum bench_metric { BENCH_WALL, BENCH_CPU };

struct bench_args {
    uint64_t n;       /* units of work for each thread, after --scale; a mode says what a unit is */
    unsigned threads; /* at least 1 */
    uint64_t seed;
};

struct bench_mode {
    const char *name; /* unique among all programs: it names the row */
    void (*run)(const struct bench_args *args);
    uint64_t n;    /* units of work per thread: about 0.3 to 1.5 s with glibc on a 2020s core */
    bool threaded; /* uses --threads; otherwise runs with one thread */
    enum bench_metric metric;
    enum bench_set set;
    const char *help;
};

/* Parses the command line, runs the mode and returns main's exit status. */
int bench_main(int argc, char **argv, const struct bench_mode *modes, size_t nmodes);

/* Reports on stderr what went wrong and exits with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* Fails when an allocation returned NULL; returns it otherwise. */
static inline void *bench_got(void *object) {
    if (__builtin_expect(object == NULL, 0)) {
        bench_fail("out of memory");
    }
    return object;
}

/* ---- random numbers: xorshift64* ---- */

struct prng {
    uint64_t state; /* never 0 */
};

/* A generator for one stream (a thread's number, say) of a seed. */
static inline struct prng prng_make(uint64_t seed, uint64_t stream) {
    uint64_t x = seed * 0x9e3779b97f4a7c15u + (stream + 1) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    struct prng prng = {(x ^ (x >> 31)) | 1};
    return prng;
}

static inline uint32_t prng_next(struct prng *prng) {
    uint64_t x = prng->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    prng->state = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

/* Uniform in [0, limit); limit is at least 1. */
static inline uint32_t prng_below(struct prng *prng, uint32_t limit) {
    return (uint32_t)(((uint64_t)prng_next(prng) * limit) >> 32);
}

/* Uniform in [low, high]. */
static inline size_t prng_between(struct prng *prng, size_t low, size_t high) {
    return low + prng_below(prng, (uint32_t)(high - low + 1));
}

/* ---- stamps: the first and last byte of an object carry a tag; cheap, and found missing when two
 * objects overlap or one is lost. Sizes are at least 1. ---- */

static inline void stamp_write(void *object, size_t size, uint32_t tag) {
    volatile unsigned char *bytes = (volatile unsigned char *)object;
    bytes[0] = (unsigned char)tag;
    bytes[size - 1] = (unsigned char)tag;
}

static inline void stamp_check(const void *object, size_t size, uint32_t tag) {
    const volatile unsigned char *bytes = (const volatile unsigned char *)object;
    if (__builtin_expect(bytes[0] != (unsigned char)tag || bytes[size - 1] != (unsigned char)tag,
                         0)) {
        bench_fail("object %p of %zu bytes lost its stamp", (const void *)object, size);
    }
}

/* Writes one byte in each 4 KiB of the object, so that every page of it is really there. */
static inline void touch_pages(void *object, size_t size, uint32_t tag) {
    for (size_t at = 0; at < size; at += 4096) {
        ((volatile unsigned char *)object)[at] = (unsigned char)tag;
    }
    stamp_write(object, size, tag);
}

/* ---- threads ---- */

struct bench_thread {
    const struct bench_args *args;
    void *shared;   /* what the mode gave to bench_threads */
    unsigned index; /* 0 .. threads-1 */
    struct prng prng;
};

/* Runs `work` in args->threads threads that start together, and waits for them all. */
void bench_threads(const struct bench_args *args, void (*work)(struct bench_thread *thread),
                   void *shared);

/* ---- figures of this process ---- */

/* Resident set size now, in KiB. */
uint64_t bench_rss_kib(void);

/* Monotonic time in milliseconds. */
uint64_t bench_now_ms(void);

#ifdef __cplusplus
}
#endif

#endif

/*
 * calls.c: the calls other than malloc and free, and large objects.
 *
 * Holds: calloc, realloc, aligned allocation, malloc_usable_size, objects of 64 KiB to 32 MiB; unit
 *        of work: one object, and one step for realloc.
 * Usage: bench.h.
 */
#include "support/bench.h"

#include <malloc.h>
#include <stdlib.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static void check_zero(const unsigned char *object, size_t size) {
    if (object[0] != 0 || object[size / 2] != 0 || object[size - 1] != 0) {
        bench_fail("calloc of %zu bytes returned memory that is not zero", size);
    }
}

static void calloc_small(const struct bench_args *args) {
    enum { COUNT = 50 };
    unsigned char *live[COUNT];
    for (uint64_t done = 0; done < args->n; done += COUNT) {
        for (unsigned i = 0; i < COUNT; i++) {
            size_t size = 8 + ((done + i) & 63) * 8;
            live[i] = bench_got(calloc(1, size));
            check_zero(live[i], size);
            memset(live[i], 0xff, size);
        }
        for (unsigned i = 0; i < COUNT; i++) {
            free(live[i]);
        }
    }
}

/* Tables of 128 KiB to 1 MiB of which a program uses one page in four. */
static void calloc_large(const struct bench_args *args) {
    for (uint64_t i = 0; i < args->n; i++) {
        size_t size = (size_t)(128 * KIB) << (i & 3);
        unsigned char *object = bench_got(calloc(size / 16, 16));
        check_zero(object, size);
        for (size_t at = 0; at < size; at += (size_t)16 * KIB) {
            object[at] = 1;
        }
        free(object);
    }
}

static void realloc_small(const struct bench_args *args) {
    for (uint64_t done = 0; done < args->n; done += 16) {
        unsigned char *object = NULL;
        for (unsigned step = 1; step <= 16; step++) {
            object = bench_got(realloc(object, (size_t)step * 24));
            object[(size_t)step * 24 - 1] = (unsigned char)step;
        }
        if (object[23] != 1 || object[16 * 24 - 1] != 16) {
            bench_fail("realloc lost data");
        }
        free(object);
    }
}

/* 64 vectors that grow by halves in turn, so that none can simply extend at the end of the heap. */
static void realloc_vectors(const struct bench_args *args) {
    enum { COUNT = 64 };
    static unsigned char *vectors[COUNT];
    static size_t sizes[COUNT];
    for (uint64_t i = 0; i < args->n; i++) {
        unsigned at = (unsigned)(i % COUNT);
        size_t old = sizes[at];
        size_t size = old == 0 ? 32 : old + old / 2;
        if (size > (size_t)(256 + at) * KIB) {
            stamp_check(vectors[at], old, at);
            free(vectors[at]);
            vectors[at] = NULL;
            sizes[at] = 0;
            continue;
        }
        vectors[at] = bench_got(realloc(vectors[at], size));
        memset(vectors[at] + old, (int)at, size - old);
        stamp_check(vectors[at], size, at);
        sizes[at] = size;
    }
    for (unsigned at = 0; at < COUNT; at++) {
        free(vectors[at]);
    }
}

/* One buffer read from a stream: grows to 32 MiB by 64 KiB, and is then cut to what was needed. */
static void realloc_large(const struct bench_args *args) {
    const size_t step = (size_t)64 * KIB;
    unsigned char *buffer = NULL;
    size_t size = 0;
    for (uint64_t i = 0; i < args->n; i++) {
        buffer = bench_got(realloc(buffer, size + step));
        touch_pages(buffer + size, step, (uint32_t)(size / step));
        size += step;
        if (size == (size_t)32 * MIB) {
            buffer = bench_got(realloc(buffer, size / 2));
            stamp_check(buffer + size / 2 - step, step, (uint32_t)(size / 2 / step - 1));
            free(buffer);
            buffer = NULL;
            size = 0;
        }
    }
    free(buffer);
}

/* A text that is appended to, as interpreters do: 4 KiB at a time, with a small object between. */
static void realloc_append(const struct bench_args *args) {
    enum { STEP = 4096, MOST = 8 * MIB, NSMALL = MOST / STEP };
    static unsigned char *small[NSMALL];
    unsigned char *text = NULL;
    size_t size = 0;
    unsigned nsmall = 0;
    for (uint64_t i = 0; i < args->n; i++) {
        text = bench_got(realloc(text, size + STEP));
        memset(text + size, (int)(size / STEP), STEP);
        size += STEP;
        small[nsmall] = bench_got(malloc(1000 + (size / STEP) % 8 * 1000));
        small[nsmall][0] = 1;
        nsmall++;
        if (size == MOST) {
            stamp_check(text + MOST / 2, STEP, MOST / 2 / STEP);
            free(text);
            text = NULL;
            size = 0;
            while (nsmall > 0) {
                free(small[--nsmall]);
            }
        }
    }
    free(text);
    while (nsmall > 0) {
        free(small[--nsmall]);
    }
}

static void aligned_loop(const struct bench_args *args) {
    enum { COUNT = 64 };
    void *live[COUNT];
    for (uint64_t done = 0; done < args->n; done += COUNT) {
        for (unsigned i = 0; i < COUNT; i++) {
            size_t alignment = (size_t)32 << (i & 7);
            size_t size = 40 + (size_t)(i & 15) * 40;
            if (posix_memalign(&live[i], alignment, size) != 0) {
                bench_fail("posix_memalign failed");
            }
            if (((uintptr_t)live[i] & (alignment - 1)) != 0) {
                bench_fail("%p is not aligned to %zu", live[i], alignment);
            }
            stamp_write(live[i], size, i);
        }
        for (unsigned i = 0; i < COUNT; i++) {
            stamp_check(live[i], 40 + (size_t)(i & 15) * 40, i);
            free(live[i]);
        }
    }
}

/* A store of strings asks for the usable size when it accounts for one: four times per object. */
static void usable_size(const struct bench_args *args) {
    enum { COUNT = 64 };
    void *live[COUNT];
    uint64_t granted = 0;
    uint64_t asked = 0;
    for (uint64_t done = 0; done < args->n; done += COUNT) {
        for (unsigned i = 0; i < COUNT; i++) {
            size_t size = 8 + (done / COUNT + i) % 300;
            live[i] = bench_got(malloc(size));
            granted += malloc_usable_size(live[i]);
            asked += size;
            stamp_write(live[i], size, i);
        }
        for (unsigned pass = 0; pass < 2; pass++) {
            for (unsigned i = 0; i < COUNT; i++) {
                granted += malloc_usable_size(live[i]) != 0;
            }
        }
        for (unsigned i = 0; i < COUNT; i++) {
            granted -= malloc_usable_size(live[i]) == 0;
            free(live[i]);
        }
    }
    if (granted < asked) {
        bench_fail("usable size below the request");
    }
}

/* Pairs of large objects of which only the first and last byte is written. */
static void large_pair(const struct bench_args *args) {
    for (uint64_t i = 0; i < args->n; i++) {
        size_t size = ((size_t)(64 * KIB) << (i & 3)) + (size_t)(4 * KIB) * (i & 7);
        void *object = bench_got(malloc(size));
        stamp_write(object, size, (uint32_t)i);
        stamp_check(object, size, (uint32_t)i);
        free(object);
    }
}

/* Replaces a random one of `nlive` large objects and writes all its pages. */
static void large_replace(const struct bench_args *args, unsigned nlive, unsigned shift_low,
                          unsigned shift_high) {
    enum { LIVE_MAX = 64 };
    static void *live[LIVE_MAX];
    static size_t sizes[LIVE_MAX];
    struct prng prng = prng_make(args->seed, 0);
    for (uint64_t i = 0; i < args->n; i++) {
        uint32_t at = prng_below(&prng, nlive);
        if (live[at] != NULL) {
            stamp_check(live[at], sizes[at], at);
            free(live[at]);
        }
        size_t low = (size_t)1 << prng_between(&prng, shift_low, shift_high - 1);
        sizes[at] = prng_between(&prng, low, 2 * low);
        live[at] = bench_got(malloc(sizes[at]));
        touch_pages(live[at], sizes[at], at);
    }
    for (unsigned at = 0; at < nlive; at++) {
        free(live[at]);
    }
}

static void large_64k(const struct bench_args *args) {
    large_replace(args, 64, 16, 20);
}

static void large_1m(const struct bench_args *args) {
    large_replace(args, 8, 20, 25);
}

static const struct bench_mode modes[] = {
    {"calloc-small", calloc_small, 14000000, false, BENCH_WALL, BENCH_QUICK,
     "calloc of 8 to 512 bytes, written, 50 live"},
    {"calloc-large", calloc_large, 100000, false, BENCH_WALL, BENCH_QUICK,
     "calloc of 128 KiB to 1 MiB, one page in four written"},
    {"realloc-small", realloc_small, 80000000, false, BENCH_WALL, BENCH_QUICK,
     "grow by 24 bytes, 16 steps"},
    {"realloc-vectors", realloc_vectors, 150000, false, BENCH_WALL, BENCH_QUICK,
     "64 vectors growing by halves to 256 KiB in turn"},
    {"realloc-large", realloc_large, 20000, false, BENCH_WALL, BENCH_QUICK,
     "grow by 64 KiB to 32 MiB, then halve"},
    {"realloc-append", realloc_append, 100000, false, BENCH_WALL, BENCH_QUICK,
     "8 MiB of text, 4 KiB at a time, with small objects between"},
    {"aligned", aligned_loop, 8000000, false, BENCH_WALL, BENCH_QUICK,
     "posix_memalign, alignments 32 to 4096"},
    {"usable-size", usable_size, 20000000, false, BENCH_WALL, BENCH_FULL,
     "malloc_usable_size four times per object"},
    {"large-pair", large_pair, 20000000, false, BENCH_WALL, BENCH_QUICK,
     "64 to 540 KiB, first and last byte written"},
    {"large-64k-1m", large_64k, 120000, false, BENCH_WALL, BENCH_QUICK,
     "replace one of 64 objects of 64 KiB to 1 MiB, all pages written"},
    {"large-1m-32m", large_1m, 600, false, BENCH_WALL, BENCH_FULL,
     "replace one of 8 objects of 1 to 32 MiB, all pages written"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

/*
 * bench.c: command line, thread start and process figures for the benchmark programs.
 *
 * Usage: see bench.h. Nothing here calls malloc; /proc is read with open and read.
 */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *format, ...) {
    char line[256];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    if (length > (int)sizeof line - 2) {
        length = (int)sizeof line - 2;
    }
    line[length] = '\n';
    ssize_t written = write(2, line, (size_t)length + 1);
    _exit(written < 0 ? 2 : 1);
}

static const char *set_name(enum bench_set set) {
    switch (set) {
    case BENCH_QUICK:
        return "quick";
    case BENCH_FULL:
        return "full";
    case BENCH_LONG:
        return "long";
    }
    return "unknown";
}

static void print_modes(const struct bench_mode *modes, size_t nmodes) {
    for (size_t i = 0; i < nmodes; i++) {
        printf("{\"name\": \"%s\", \"threaded\": %s, \"metric\": \"%s\", \"set\": \"%s\", "
               "\"n\": %llu, \"help\": \"%s\"}\n",
               modes[i].name, modes[i].threaded ? "true" : "false",
               modes[i].metric == BENCH_CPU ? "cpu" : "wall", set_name(modes[i].set),
               (unsigned long long)modes[i].n, modes[i].help);
    }
}

static const struct bench_mode *find_mode(const char *name, const struct bench_mode *modes,
                                          size_t nmodes) {
    for (size_t i = 0; i < nmodes; i++) {
        if (strcmp(modes[i].name, name) == 0) {
            return &modes[i];
        }
    }
    return NULL;
}

static double parse_number(const char *option, const char *text, double low, double high) {
    char *end = NULL;
    double value = text == NULL ? -1 : strtod(text, &end);
    if (text == NULL || end == text || *end != '\0' || !(value >= low && value <= high)) {
        bench_fail("%s wants a number from %g to %g", option, low, high);
    }
    return value;
}

int bench_main(int argc, char **argv, const struct bench_mode *modes, size_t nmodes) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        print_modes(modes, nmodes);
        return 0;
    }
    const struct bench_mode *mode = argc < 2 ? NULL : find_mode(argv[1], modes, nmodes);
    if (mode == NULL) {
        bench_fail("usage: %s --list | MODE [--threads T] [--scale F] [--seed S]", argv[0]);
    }
    struct bench_args args = {.n = mode->n, .threads = 2, .seed = 1};
    double scale = 1;
    for (int i = 2; i < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0) {
            args.threads = (unsigned)parse_number(argv[i], argv[i + 1], 1, BENCH_THREADS_MAX);
        } else if (strcmp(argv[i], "--scale") == 0) {
            scale = parse_number(argv[i], argv[i + 1], 1e-6, 1e6);
        } else if (strcmp(argv[i], "--seed") == 0) {
            args.seed = (uint64_t)parse_number(argv[i], argv[i + 1], 0, 1e15);
        } else {
            bench_fail("unknown option %s", argv[i]);
        }
    }
    args.threads = mode->threaded ? args.threads : 1;
    args.n = (uint64_t)((double)mode->n * scale);
    args.n = args.n == 0 ? 1 : args.n;
    mode->run(&args);
    return 0;
}

struct thread_start {
    struct bench_thread thread;
    void (*work)(struct bench_thread *thread);
    pthread_barrier_t *barrier;
};

static void *thread_main(void *argument) {
    struct thread_start *start = argument;
    struct bench_thread own = start->thread; /* no cache line of another thread's numbers */
    pthread_barrier_wait(start->barrier);
    start->work(&own);
    return NULL;
}

void bench_threads(const struct bench_args *args, void (*work)(struct bench_thread *thread),
                   void *shared) {
    static struct thread_start starts[BENCH_THREADS_MAX];
    static pthread_t ids[BENCH_THREADS_MAX];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, args->threads);
    for (unsigned i = 0; i < args->threads; i++) {
        starts[i].thread.args = args;
        starts[i].thread.shared = shared;
        starts[i].thread.index = i;
        starts[i].thread.prng = prng_make(args->seed, i);
        starts[i].work = work;
        starts[i].barrier = &barrier;
        if (pthread_create(&ids[i], NULL, thread_main, &starts[i]) != 0) {
            bench_fail("cannot create thread %u", i);
        }
    }
    for (unsigned i = 0; i < args->threads; i++) {
        pthread_join(ids[i], NULL);
    }
    pthread_barrier_destroy(&barrier);
}

uint64_t bench_rss_kib(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (length <= 0) {
        bench_fail("cannot read /proc/self/statm");
    }
    text[length] = '\0';
    const char *space = strchr(text, ' ');
    if (space == NULL) {
        bench_fail("/proc/self/statm has no second field");
    }
    return strtoull(space, NULL, 10) * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024);
}

uint64_t bench_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * stress.c: arguments, seed, clock.
 */
#include "support/stress.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "support/report.h"

#define NS_PER_SECOND UINT64_C(1000000000)

enum { DEFAULT_SECONDS = 5, MAX_THREADS = 16 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

uint64_t stress_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t parse(const char *text, const char *what) {
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0') {
        fprintf(stderr, "%s is not a number: %s\n", what, text);
        exit(2);
    }
    return value;
}

static uint64_t drawn_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        seed = stress_now_ns();
    }
    return seed >> 24; /* short enough to type */
}

struct stress stress_begin(int argc, char **argv, const char *name) {
    const char *seed = argc > 1 ? argv[1] : getenv("ASHLAR_TEST_SEED");
    const char *seconds = argc > 2 ? argv[2] : getenv("ASHLAR_TEST_SECONDS");
    struct stress stress = {
        .seed = seed != NULL && *seed != '\0' ? parse(seed, "seed") : drawn_seed(),
        .duration_ns = NS_PER_SECOND * (seconds != NULL && *seconds != '\0'
                                            ? parse(seconds, "duration in seconds")
                                            : DEFAULT_SECONDS),
    };
    report_seed = stress.seed;
    printf("%s: seed %llu, %llu seconds\n", name, (unsigned long long)stress.seed,
           (unsigned long long)(stress.duration_ns / NS_PER_SECOND));
    fflush(stdout);
    stress.start_ns = stress_now_ns();
    return stress;
}

bool stress_goes_on(const struct stress *stress, unsigned part, unsigned parts) {
    uint64_t elapsed = stress_now_ns() - stress->start_ns;
    return elapsed < stress->duration_ns * (part + 1) / parts;
}

int stress_end(const char *name, uint64_t steps) {
    if (steps == 0) {
        report_failure("%s did nothing", name);
    }
    printf("%s: %llu steps, ok\n", name, (unsigned long long)steps);
    return 0;
}

unsigned stress_threads(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    unsigned cpus = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        cpus = (unsigned)CPU_COUNT(&set);
    }
    unsigned threads = cpus + 2;
    return threads > MAX_THREADS ? MAX_THREADS : threads;
}

bool stress_address_space_is_limited(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool stress_is_sanitized(void) {
#ifdef SANITIZED
    return true;
#else
    return false;
#endif
}

/*
 * stress.h: what every stress program begins with: a seed, printed and repeatable, and a duration.
 *
 * Usage:      program [SEED [SECONDS]]; the environment's ASHLAR_TEST_SEED and ASHLAR_TEST_SECONDS
 *             serve when there is no argument. Without a seed, one is drawn from the system.
 * A failure prints the seed; the same seed then repeats the same calls, in single-threaded programs
 * exactly, in others as far as the scheduler lets it.
 */
#ifndef ASHLAR_TEST_SUPPORT_STRESS_H
#define ASHLAR_TEST_SUPPORT_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/prng.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stress {
    uint64_t seed;
    uint64_t start_ns;
    uint64_t duration_ns;
};

/* The exit status that ctest is told to read as "skipped". */
enum { STRESS_SKIPPED = 77 };

/* Prints "NAME: seed S, T seconds". */
struct stress stress_begin(int argc, char **argv, const char *name);

uint64_t stress_now_ns(void);

/* Whether the part-th of `parts` equal shares of the time is not over yet; from any thread. */
bool stress_goes_on(const struct stress *stress, unsigned part, unsigned parts);

/* Prints "NAME: N steps, ok"; the program's result. */
int stress_end(const char *name, uint64_t steps);

/* Threads to use: a few more than there are CPUs, so that some are always preempted. */
unsigned stress_threads(void);

/* Whether this process may not use all the address space it likes: `ulimit -v` or the like. */
bool stress_address_space_is_limited(void);

/* Whether a sanitizer is compiled in; it needs address space of its own. */
bool stress_is_sanitized(void);

#ifdef __cplusplus
}
#endif

#endif

/*
 * unit.h: what the unit tests share: cmocka with its headers, the seed, starting the library, and
 * functions that must end the process.
 *
 * Usage: a random test takes its numbers from unit_prng(), which prints the seed; ASHLAR_TEST_SEED
 *        repeats a run. Tests that need maps, arenas or threads call unit_start() first. Tests change
 *        `opts`, `purge_page_size` and `os_page_ops` as they like, one program being one process, and
 *        restore what later tests of the same program rely on.
 */
#ifndef ASHLAR_TEST_UNIT_UNIT_H
#define ASHLAR_TEST_UNIT_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/upcall.h"
#include "support/prng.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNIT_SLOW 1
#endif
#endif
#ifndef UNIT_SLOW
#define UNIT_SLOW 0
#endif

/* Steps of a random test: fewer where every access is instrumented. */
static inline unsigned unit_steps(unsigned usual) {
    return UNIT_SLOW ? usual / 4 : usual;
}

static inline struct prng unit_prng(void) {
    const char *text = getenv("ASHLAR_TEST_SEED");
    uint64_t seed;
    if (text != NULL && text[0] != '\0') {
        seed = strtoull(text, NULL, 0);
    } else {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = prng_mix((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) >> 32;
    }
    printf("ASHLAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return (struct prng){seed};
}

/* Options, maps, arena 0, depots and threads, as the first malloc() of a program starts them. */
static inline void unit_start(void) {
    assert_true(upcalls.start());
}

/* For programs that cannot do with limited address space (ulimit -v): they count as skipped then. */
static inline void unit_need_address_space(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        printf("skipped: address space is limited\n");
        exit(77);
    }
}

/* In a child: cmocka's handlers would go on with the next test. */
static inline void unit_let_faults_end(void) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
}

/* Runs action(context) in a child, which must abort and say `expected` (or anything, when NULL). */
static inline void unit_expect_abort(void (*action)(void *), void *context, const char *expected) {
    int ends[2];
    char text[4096];
    size_t length = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        unit_let_faults_end();
        action(context);
        _exit(0);
    }
    close(ends[1]);
    ssize_t n;
    while ((n = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        fail_msg("expected an abort, got status %#x and: %s", (unsigned)status, text);
    }
    if (expected != NULL && strstr(text, expected) == NULL) {
        fail_msg("expected \"%s\" in: %s", expected, text);
    }
}

/* Runs action(context) in a child, which must return true. */
static inline void unit_expect_in_child(bool (*action)(void *), void *context) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unit_let_faults_end();
        _exit(action(context) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline bool unit_is_filled(const void *start, size_t size, unsigned char value) {
    const unsigned char *bytes = start;
    return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

#endif

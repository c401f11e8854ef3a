/*
 * report.h: how a test program that is not a cmocka test fails.
 *
 * Nothing here allocates: the allocator under test is what may be broken.
 */
#ifndef ASHLAR_TEST_SUPPORT_REPORT_H
#define ASHLAR_TEST_SUPPORT_REPORT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The seed of this run; part of every report. Set once, before threads start. */
extern uint64_t report_seed;

/* Writes one line with the seed to stderr and aborts. */
__attribute__((noreturn)) void report_failure(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Writes one line to stderr. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* EXPECT(condition, format, ...): the condition holds, or the run fails with file and line. */
#define EXPECT(condition, ...)                                                                     \
    ((condition) ? (void)0 : report_expectation(__FILE__, __LINE__, #condition, __VA_ARGS__))

__attribute__((noreturn)) void report_expectation(const char *file, int line, const char *condition,
                                                  const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif

#endif

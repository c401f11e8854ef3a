/*
 * report.c: lines to stderr by write(), formatted in a buffer on the stack.
 */
#include "support/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000 };

uint64_t report_seed;

static void put(const char *head, const char *format, va_list arguments) {
    char line[LINE_MAX_BYTES];
    int length = snprintf(line, sizeof(line), "%s", head);
    int more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, arguments);
    size_t total = (size_t)length + (size_t)(more > 0 ? more : 0);
    if (total > sizeof(line) - 2) {
        total = sizeof(line) - 2;
    }
    line[total] = '\n';
    ssize_t written = write(STDERR_FILENO, line, total + 1);
    (void)written;
}

void report_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put("", format, arguments);
    va_end(arguments);
}

void report_failure(const char *format, ...) {
    char head[100];
    snprintf(head, sizeof(head), "FAILED (seed %llu): ", (unsigned long long)report_seed);
    va_list arguments;
    va_start(arguments, format);
    put(head, format, arguments);
    va_end(arguments);
    abort();
}

void report_expectation(const char *file, int line, const char *condition, const char *format,
                        ...) {
    char head[400];
    const char *slash = strrchr(file, '/');
    snprintf(head, sizeof(head),
             "FAILED (seed %llu) %s:%d: expected %s: ", (unsigned long long)report_seed,
             slash == NULL ? file : slash + 1, line, condition);
    va_list arguments;
    va_start(arguments, format);
    put(head, format, arguments);
    va_end(arguments);
    abort();
}

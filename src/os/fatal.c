/*
 * fatal.c: one line on stderr, then abort.
 *
 * Locks: none; lines are composed on the stack.
 */
#include "os/fatal.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/upcall.h"
#include "os/os.h"

enum { LINE_MAX_LENGTH = 512 };

void message_write(const char *text) {
    upcalls.message(text);
}

void (*_Atomic fatal_hook)(const char *text);

static _Noreturn void end_with(const char *line) {
    void (*hook)(const char *) = atomic_load_explicit(&fatal_hook, memory_order_acquire);
    (hook != NULL ? hook : message_write)(line);
    os_abort();
}

_Noreturn void fatal_pointer(const char *call, const void *pointer, const char *what) {
    char line[LINE_MAX_LENGTH];
    struct fmt out;
    fmt_init(&out, line, sizeof(line));
    fmt_str(&out, "<ashlar>: ");
    fmt_str(&out, call);
    fmt_str(&out, "(");
    fmt_ptr(&out, pointer);
    fmt_str(&out, "): ");
    fmt_str(&out, what);
    fmt_str(&out, "\n");
    end_with(line);
}

static void compose(char line[LINE_MAX_LENGTH], const char *what) {
    struct fmt out;
    fmt_init(&out, line, LINE_MAX_LENGTH);
    fmt_str(&out, "<ashlar>: ");
    fmt_str(&out, what);
    fmt_str(&out, "\n");
}

_Noreturn void fatal(const char *what) {
    char line[LINE_MAX_LENGTH];
    compose(line, what);
    end_with(line);
}

_Atomic bool warnings_abort;

void warn(const char *what) {
    char line[LINE_MAX_LENGTH];
    compose(line, what);
    message_write(line);
    if (atomic_load_explicit(&warnings_abort, memory_order_relaxed)) {
        os_abort();
    }
}

_Noreturn void check_failed(const char *expression, const char *file, int line_number) {
    char line[LINE_MAX_LENGTH];
    struct fmt out;
    fmt_init(&out, line, sizeof(line));
    fmt_str(&out, "<ashlar>: internal check failed, memory is corrupt or ashlar has a bug: ");
    fmt_str(&out, expression);
    fmt_str(&out, " at ");
    fmt_str(&out, file);
    fmt_str(&out, ":");
    fmt_u64(&out, (uint64_t)line_number);
    fmt_str(&out, "\n");
    end_with(line);
}

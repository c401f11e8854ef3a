/*
 * hello.c: what startup_test.py measures: a program that says hello and allocates a little, then
 * reports the memory of its own process, measured with system calls and a fixed buffer so that
 * measuring does not allocate. Prints "hello", then the fields as "name value" with KiB as unit.
 * With an argument it ends with a copy of /proc/self/smaps, which shows where the memory lies.
 */
#include <fcntl.h>

#include "check.h"

static char buffer[8192];

/* Appends "label value" for a field of a file such as /proc/self/status. */
static void report(const char *path, const char *field, const char *label) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT(file >= 0);
    size_t length = 0;
    for (;;) {
        ssize_t got = read(file, buffer + length, sizeof(buffer) - 1 - length);
        EXPECT(got >= 0);
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    close(file);
    buffer[length] = '\0';
    const char *found = strstr(buffer, field);
    EXPECT(found != NULL);
    printf("%s %ld\n", label, strtol(found + strlen(field), NULL, 10));
}

int main(int argc, char **argv) {
    (void)argv;
    char *copy = strdup("hello");
    EXPECT(copy != NULL);
    puts(copy);
    free(copy);
    report("/proc/self/smaps_rollup", "\nRss:", "rss");
    report("/proc/self/smaps_rollup", "\nPrivate_Dirty:", "private_dirty");
    report("/proc/self/status", "\nVmRSS:", "status_rss");
    report("/proc/self/status", "\nVmHWM:", "status_peak");
    report("/proc/self/status", "\nThreads:", "threads");
    if (argc > 1) {
        EXPECT(fflush(stdout) == 0);
        int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
        EXPECT(file >= 0);
        for (ssize_t got; (got = read(file, buffer, sizeof(buffer))) > 0;) {
            EXPECT(write(1, buffer, (size_t)got) == got);
        }
        close(file);
    }
    expect_allocator(); /* last, for it asks more of the allocator than programs do */
    return 0;
}

/*
 * thp_linux.c: huge pages as the kernel has them: which mappings have any, and making some.
 *
 * /proc/self/smaps is read in pieces on the stack, line by line, of which only beginnings are kept.
 * Locks: none.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/os.h"
#include "os/os_internal.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

enum { PIECE = 4096, LINE = 64 };

/* What is known of the file so far: of the mapping whose lines are being read. */
struct reading {
    os_visit_mapping *visit;
    void *argument;
    uintptr_t begin;
    uintptr_t end;
    bool found; /* a line that says how much of a mapping is huge */
    size_t length;
    char line[LINE]; /* its beginning */
};

/* The number that the text begins with; *text is moved behind it. */
static uint64_t parse_number(const char **text, unsigned base) {
    uint64_t value = 0;
    for (;; ++*text) {
        unsigned c = (unsigned char)**text;
        unsigned digit = c >= 'a' ? c - 'a' + 10 : c - '0';
        if (digit >= base) {
            return value;
        }
        value = value * base + digit;
    }
}

/* "7f00-7f10 rw-p ..." begins a mapping, "Name:   12 kB" is a fact about it. */
static void end_line(struct reading *reading) {
    static const char name[] = "AnonHugePages:";
    const char *text = reading->line;
    reading->line[reading->length] = '\0';
    reading->length = 0;
    if (strncmp(text, name, strlen(name)) == 0) {
        reading->found = true;
        text += strlen(name);
        text += strspn(text, " ");
        size_t bytes = (size_t)parse_number(&text, 10) << 10;
        if (bytes != 0) {
            reading->visit(reading->argument, reading->begin, reading->end, bytes);
        }
        return;
    }
    uintptr_t begin = (uintptr_t)parse_number(&text, 16);
    if (*text == '-') {
        text++;
        reading->begin = begin;
        reading->end = (uintptr_t)parse_number(&text, 16);
    }
}

static void feed(struct reading *reading, const char *piece, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (piece[i] == '\n') {
            end_line(reading);
        } else if (reading->length < LINE - 1) {
            reading->line[reading->length++] = piece[i];
        }
    }
}

bool os_visit_huge_mappings(os_visit_mapping *visit, void *argument) {
    int saved = errno;
    struct reading reading = {.visit = visit, .argument = argument};
    char piece[PIECE];
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    long length = 0;
    while (fd >= 0) {
        length = syscall(SYS_read, fd, piece, sizeof(piece));
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length <= 0) {
            break;
        }
        feed(&reading, piece, (size_t)length);
    }
    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
    errno = saved;
    return length == 0 && reading.found;
}

size_t os_resident_bytes(void *address, size_t size) {
    unsigned char present[OS_RESIDENT_MAX];
    size_t page = os_page_size();
    size_t npages = size / page;
    int saved = errno;
    size_t n = 0;
    if (npages <= OS_RESIDENT_MAX && mincore(address, size, present) == 0) {
        for (size_t i = 0; i < npages; i++) {
            n += present[i] & 1;
        }
    }
    errno = saved;
    return n * page;
}

/* A kernel that does not know the advice says EINVAL, and so does one that will not give the mapping huge
 * pages, whoever asks, or whose huge pages are larger than the range. */
enum os_collapse os_linux_collapse(void *address, size_t size) {
    int saved = errno;
    enum os_collapse result = OS_COLLAPSE_DONE;
    if (madvise(address, size, MADV_COLLAPSE) != 0) {
        bool impossible = errno == EINVAL || errno == ENOSYS || errno == EPERM;
        result = impossible ? OS_COLLAPSE_IMPOSSIBLE : OS_COLLAPSE_REFUSED;
    }
    errno = saved;
    return result;
}

/*
 * resident.h: how much memory this process has, as the system sees it.
 *
 * Reads /proc/self/statm by system calls into a buffer on the stack, so it allocates nothing.
 */
#ifndef ASHLAR_TEST_SUPPORT_RESIDENT_H
#define ASHLAR_TEST_SUPPORT_RESIDENT_H

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/report.h"

/* Field number `field` of statm, in bytes: 0 is the address space, 1 what is resident. */
static inline size_t resident_statm_bytes(unsigned field) {
    char text[200];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length <= 0) {
        report_failure("cannot read /proc/self/statm");
    }
    close(fd);
    text[length] = '\0';
    char *at = text;
    size_t pages = strtoul(at, &at, 10);
    for (unsigned i = 0; i < field; i++) {
        pages = strtoul(at, &at, 10);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline size_t resident_bytes(void) {
    return resident_statm_bytes(1);
}

static inline size_t address_space_bytes(void) {
    return resident_statm_bytes(0);
}

#endif

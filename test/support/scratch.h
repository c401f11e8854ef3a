/*
 * scratch.h: memory for the tests' own books, from the system and not from the allocator under
 * test, so that an allocator that goes wrong cannot spoil the evidence.
 */
#ifndef ASHLAR_TEST_SUPPORT_SCRATCH_H
#define ASHLAR_TEST_SUPPORT_SCRATCH_H

#include <stddef.h>
#include <sys/mman.h>

#include "support/report.h"

/* Zeroed; ends the program when there is none. */
static inline void *scratch_map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        report_failure("no memory for the test itself (%zu bytes)", size);
    }
    return memory;
}

static inline void scratch_unmap(void *memory, size_t size) {
    munmap(memory, size);
}

#endif

/*
 * pattern.h: bytes that tell one object from every other, written into objects and looked up later.
 *
 * The byte at an offset depends only on a seed and the offset, so any prefix can be checked, for
 * instance after realloc. Objects up to PATTERN_WHOLE bytes are covered whole; of larger ones the
 * beginning, some bytes of every 4 KiB page, and the end, so that an object of 64 MiB costs 16384
 * short writes but still shows a page that was lost, swapped or written by somebody else.
 */
#ifndef ASHLAR_TEST_SUPPORT_PATTERN_H
#define ASHLAR_TEST_SUPPORT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PATTERN_WHOLE = 8192,
    PATTERN_PAGE = 4096,
    PATTERN_PATCH = 64, /* bytes covered at the beginning of every page */
    PATTERN_EDGE = 512, /* bytes covered at the beginning and at the end */
};

#ifdef __cplusplus
extern "C" {
#endif

/* start is a multiple of 8. */
void pattern_write(void *start, size_t size, uint64_t seed);

/* Whether the first `prefix` bytes are still as pattern_write(start, size, seed) left them;
 * prefix <= size. When not, *where is the offset of the first wrong byte. */
bool pattern_holds(const void *start, size_t size, size_t prefix, uint64_t seed, size_t *where);

/* Whether all bytes are equal to value; *where as above. */
bool pattern_is_filled(const void *start, size_t size, unsigned char value, size_t *where);

#ifdef __cplusplus
}
#endif

#endif

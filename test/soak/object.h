/*
 * object.h: objects whose contents tell whether they are still what was put there.
 *
 * An object's bytes follow from its seed, so a stray write, an overlap with another object or a
 * lost page shows when it is checked. Up to OBJECT_DENSE bytes every byte counts; beyond, every
 * word at a multiple of OBJECT_STEP and the last bytes, which touches each page.
 * Usage: object_make() any way it is allocated, object_resize(), object_check(), object_destroy().
 * Each returns false, having said on stderr what is wrong, when the allocator made a mistake; out
 * of memory is such a mistake, for the program stays far below any limit.
 * Locks: none; one thread at a time handles an object.
 */
#ifndef TEST_SOAK_OBJECT_H
#define TEST_SOAK_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object {
    unsigned char *bytes; /* NULL: no object */
    size_t size;          /* as requested, at least 1 */
    size_t alignment;     /* what the address is a multiple of, at least 1 */
    uint64_t seed;
};

struct random {
    uint64_t state;
};

uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t limit); /* 0 <= result < limit, limit > 0 */

/* Log-uniform: each power of two up to 2^max_bits is as likely as the next. */
size_t random_size(struct random *random, unsigned max_bits);

bool object_make(struct object *object, struct random *random, size_t size);
bool object_resize(struct object *object, struct random *random, size_t size);
bool object_check(const struct object *object);
bool object_destroy(struct object *object); /* checks first */

#endif

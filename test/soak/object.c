/*
 * object.c: patterns in objects, and every function that can allocate one.
 *
 * Invariants: a byte at offset at is pattern(seed, at), whichever way it was written.
 * Locks:      none.
 */
#include "object.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OBJECT_DENSE = 16384, /* bytes; smaller objects are filled and checked completely */
    OBJECT_STEP = 1024,   /* bytes between the words checked in larger ones */
    ALIGNMENT_MAX_BITS = 21,
};

uint64_t random_next(struct random *random) {
    uint64_t x = random->state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t random_below(struct random *random, uint64_t limit) {
    return (uint64_t)(((unsigned __int128)random_next(random) * limit) >> 64);
}

size_t random_size(struct random *random, unsigned max_bits) {
    unsigned bits = (unsigned)random_below(random, max_bits);
    size_t low = (size_t)1 << bits;
    return low + (size_t)random_below(random, low) + 1;
}

static unsigned char pattern(uint64_t seed, size_t at) {
    return (unsigned char)((seed >> (at & 31)) + at * 37 + (at >> 9) * 11);
}

/* The next offset that counts after at. */
static size_t offset_after(size_t at, size_t size) {
    if (size <= OBJECT_DENSE || at % OBJECT_STEP < 7 || at + 8 >= size) {
        return at + 1;
    }
    size_t next = (at / OBJECT_STEP + 1) * OBJECT_STEP;
    return next < size - 8 ? next : size - 8;
}

static void fill(const struct object *object) {
    for (size_t at = 0; at < object->size; at = offset_after(at, object->size)) {
        object->bytes[at] = pattern(object->seed, at);
    }
}

static bool complain(const char *what, const struct object *object, size_t at) {
    fprintf(stderr, "soak: %s: object %p of %zu bytes, aligned to %zu, at offset %zu\n", what,
            (void *)object->bytes, object->size, object->alignment, at);
    return false;
}

static bool check_up_to(const struct object *object, size_t limit) {
    for (size_t at = 0; at < limit; at = offset_after(at, object->size)) {
        if (object->bytes[at] != pattern(object->seed, at)) {
            return complain("contents changed", object, at);
        }
    }
    return true;
}

static bool check_zero(const struct object *object) {
    size_t at = 0;
    for (; at + 8 <= object->size; at += 8) {
        uint64_t word;
        memcpy(&word, object->bytes + at, 8);
        if (word != 0) {
            return complain("calloc's memory is not zero", object, at);
        }
    }
    for (; at < object->size; at++) {
        if (object->bytes[at] != 0) {
            return complain("calloc's memory is not zero", object, at);
        }
    }
    return true;
}

static bool check_placed(const struct object *object) {
    if (object->bytes == NULL) {
        return complain("no memory", object, 0);
    }
    if ((uintptr_t)object->bytes % object->alignment != 0) {
        return complain("not aligned", object, 0);
    }
    if (malloc_usable_size(object->bytes) < object->size) {
        return complain("usable size too small", object, 0);
    }
    return true;
}

bool object_make(struct object *object, struct random *random, size_t size) {
    object->size = size;
    object->seed = random_next(random);
    object->alignment = size >= 16 ? 16 : 1;
    void *bytes = NULL;
    bool zeroed = false;
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        zeroed = true;
        bytes = size % 3 == 0 ? calloc(size / 3, 3) : calloc(1, size);
        break;
    case 2:
        object->alignment = (size_t)8 << random_below(random, ALIGNMENT_MAX_BITS - 3);
        if (posix_memalign(&bytes, object->alignment, size) != 0) {
            bytes = NULL;
        }
        break;
    case 3:
        object->alignment = (size_t)16 << random_below(random, 9);
        bytes = aligned_alloc(object->alignment, size);
        break;
    default:
        bytes = malloc(size);
        break;
    }
    object->bytes = bytes;
    if (!check_placed(object) || (zeroed && !check_zero(object))) {
        return false;
    }
    fill(object);
    return true;
}

bool object_resize(struct object *object, struct random *random, size_t size) {
    if (!check_up_to(object, object->size)) {
        return false;
    }
    struct object moved = {realloc(object->bytes, size), size, size >= 16 ? 16 : 1, object->seed};
    if (!check_placed(&moved)) {
        return false;
    }
    /* Of a sparse pattern only what was written before and is kept can be looked at. */
    size_t kept = size < object->size ? size : object->size;
    struct object view = {moved.bytes, object->size, moved.alignment, object->seed};
    bool good = check_up_to(&view, kept);
    moved.seed = random_next(random);
    fill(&moved);
    *object = moved;
    return good;
}

bool object_check(const struct object *object) {
    return check_up_to(object, object->size);
}

bool object_destroy(struct object *object) {
    bool good = object_check(object);
    free(object->bytes);
    object->bytes = NULL;
    object->size = 0;
    return good;
}

/*
 * model.h: the shadow model: what a correct allocator would have answered.
 *
 * A model knows a set of live objects. Every call goes through it: it chooses nothing, performs the
 * call, and checks all that C and the manual promise: alignment, usable size, no overlap with any
 * live object, zeroed bytes, contents kept until the free and across realloc, errno, and that a
 * failed call changes nothing. Any disagreement ends the program with the seed and the step.
 * Usage:      m = model_create(NULL, 4096, seed); model_allocate(m, CALL_MALLOC, 24, 0); ...
 * Invariants: objects[0..count) are live; their usable ranges are in `intervals` and filled with
 *             their pattern; live_bytes is the sum of their usable sizes.
 * Locks:      none; a model belongs to one thread. Models of several threads may share intervals,
 *             and hand objects over with model_take() and model_put().
 */
#ifndef ASHLAR_TEST_SUPPORT_MODEL_H
#define ASHLAR_TEST_SUPPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/intervals.h"
#include "support/prng.h"

/* Calls that make an object. */
enum model_maker {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_REALLOC_NULL,
    CALL_REALLOCARRAY_NULL,
    CALL_ALIGNED_ALLOC,
    CALL_POSIX_MEMALIGN,
    CALL_MEMALIGN,
    CALL_VALLOC,
    CALL_PVALLOC,
    CALL_MALLOCX, /* with random flags */
    CALL_MAKERS,
    CALL_FIRST_ALIGNED = CALL_ALIGNED_ALLOC
};

/* Calls that end one. */
enum model_ender {
    CALL_FREE,
    CALL_FREE_SIZED,         /* plain free() for objects that were asked for with an alignment */
    CALL_FREE_ALIGNED_SIZED, /* plain free() for objects that were not made by aligned_alloc */
    CALL_REALLOC_ZERO,
    CALL_DALLOCX, /* sometimes past the cache */
    CALL_SDALLOCX,
    CALL_ENDERS
};

/* Calls that resize one. */
enum model_resizer { CALL_REALLOC, CALL_REALLOCARRAY, CALL_RALLOCX };

struct model_object {
    unsigned char *start;
    size_t request;
    size_t usable;
    size_t alignment; /* asked for; 0 when not asked for */
    int flags;        /* CALL_MALLOCX */
    uint64_t seed;    /* of the pattern */
    enum model_maker maker;
};

struct model {
    struct model_object *objects;
    size_t count;
    size_t capacity;
    size_t live_bytes;
    uint64_t steps;
    struct prng seeds; /* of patterns */
    struct intervals *intervals;
    bool owns_intervals;
    bool may_fail;   /* whether running out of memory is acceptable */
    uint64_t failed; /* calls that ran out of memory */
};

/* intervals: shared ones, or NULL for a set of its own. */
struct model *model_create(struct intervals *intervals, size_t capacity, uint64_t seed);
/* Frees every object, with all checks, and the model. */
void model_destroy(struct model *model);

/* Makes an object; alignment is for the makers that take one, a power of two, and a multiple of the
 * size of a pointer for CALL_POSIX_MEMALIGN. False without memory, or when the model is full. */
bool model_allocate(struct model *model, enum model_maker maker, size_t size, size_t alignment);

/* Ends object number index; another object takes its number. */
void model_release(struct model *model, size_t index, enum model_ender ender);

/* realloc or reallocarray of object number index; size > 0. False when there was no memory. */
bool model_resize(struct model *model, size_t index, size_t size, bool array);

/* rallocx of object number index with random flags, or, in place, xallocx. */
bool model_rallocx(struct model *model, size_t index, size_t size);
void model_xallocx(struct model *model, size_t index, size_t size, size_t extra);

/* Calls that must fail without a trace, for instance calloc of an overflowing product; `which`
 * chooses among them. An object, if there is any, serves for realloc. */
void model_attempt_impossible(struct model *model, size_t which);

/* Checks all contents and sizes without ending anything. */
void model_verify(struct model *model);

/* Ends every object. */
void model_clear(struct model *model);

/* Takes an object out of the model, checked but still live, and puts one in. */
struct model_object model_take(struct model *model, size_t index);
void model_put(struct model *model, struct model_object object);

/* What random steps do. */
struct model_profile {
    const char *name;
    size_t max_size;
    size_t max_alignment; /* 0: no aligned calls */
    size_t max_live_bytes;
    size_t target_count;   /* the number of live objects wanders between 0 and twice this */
    unsigned resize_share; /* of 100 steps */
    unsigned aligned_share;
};

/* One random call. */
void model_step(struct model *model, struct prng *prng, const struct model_profile *profile);

/* The number of impossible calls there are. */
enum { MODEL_IMPOSSIBLE_CALLS = 10 };

#endif

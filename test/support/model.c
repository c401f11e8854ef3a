/*
 * model.c: performs calls and compares the outcome with what the model expects.
 *
 * The calls are those of the public API, by the names of api.h. Patterns cover the usable size, not
 * only the request: malloc_usable_size() promises it, and realloc() keeps it.
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/api.h"
#include "support/hide.h"
#include "support/pattern.h"
#include "support/report.h"
#include "support/scratch.h"

enum {
    ERRNO_SENTINEL = 7777,   /* no system call sets it */
    ZERO_WHOLE = 256 * 1024, /* calloc's zeroes are always checked whole up to this size */
    ZERO_RARE = 8,           /* and of larger objects once in so many, else page by page */
    NATURAL_ALIGNMENT = 16,  /* of objects that have room for it */
    SMALLEST_ALIGNMENT = 8,
};

/* Of <jemalloc/jemalloc.h>. */
enum { MALLOCX_ZERO = 0x40, MALLOCX_TCACHE_NONE = 0x100, MALLOCX_ARENA_0 = 0x100000 };

#define FAIL(model, ...) report_step_failure(model, __VA_ARGS__)

static _Noreturn void report_step_failure(const struct model *model, const char *what,
                                          const struct model_object *object, size_t detail) {
    report_failure("step %llu: %s; object %p, request %zu, usable %zu, alignment %zu, made by call "
                   "%d; detail 0x%zx",
                   (unsigned long long)model->steps, what, (void *)object->start, object->request,
                   object->usable, object->alignment, (int)object->maker, detail);
}

struct model *model_create(struct intervals *intervals, size_t capacity, uint64_t seed) {
    struct model *model = scratch_map(sizeof(*model));
    model->objects = scratch_map(capacity * sizeof(model->objects[0]));
    model->capacity = capacity;
    model->owns_intervals = intervals == NULL;
    model->intervals = intervals == NULL ? intervals_create(capacity, false) : intervals;
    model->seeds = (struct prng){prng_mix(seed + 17)};
    return model;
}

void model_destroy(struct model *model) {
    model_clear(model);
    if (model->owns_intervals) {
        EXPECT(intervals_count(model->intervals) == 0, "the model lost an object");
        intervals_destroy(model->intervals);
    }
    scratch_unmap(model->objects, model->capacity * sizeof(model->objects[0]));
    scratch_unmap(model, sizeof(*model));
}

/* ---- checks ---- */

static void check_contents(const struct model *model, const struct model_object *object,
                           size_t prefix, const char *when) {
    size_t where = 0;
    if (!pattern_holds(object->start, object->usable, prefix, object->seed, &where)) {
        FAIL(model, when, object, where);
    }
}

static void check_zero(struct model *model, const struct model_object *object) {
    size_t where = 0;
    bool zero = true;
    if (object->request <= ZERO_WHOLE || prng_one_in(&model->seeds, ZERO_RARE)) {
        zero = pattern_is_filled(object->start, object->request, 0, &where);
    } else {
        for (size_t offset = 0; offset < object->request && zero; offset += PATTERN_PAGE) {
            size_t rest = object->request - offset;
            size_t piece = rest < PATTERN_EDGE ? rest : PATTERN_EDGE;
            zero = pattern_is_filled(object->start + offset, piece, 0, &where);
            where += offset;
        }
    }
    if (!zero) {
        FAIL(model, "memory that was to be zero is not", object, where);
    }
}

/* The promises about an object that was just made, before anything is written to it. */
static void check_address(const struct model *model, const struct model_object *object) {
    uintptr_t address = (uintptr_t)object->start;
    size_t wanted = object->usable >= NATURAL_ALIGNMENT && object->request >= NATURAL_ALIGNMENT
                        ? NATURAL_ALIGNMENT
                        : SMALLEST_ALIGNMENT;
    if (object->alignment > wanted) {
        wanted = object->alignment;
    }
    if (address % wanted != 0) {
        FAIL(model, "wrong alignment", object, wanted);
    }
    if (object->usable < object->request || object->usable == 0) {
        FAIL(model, "usable size is less than asked for", object, object->usable);
    }
    if (address + object->usable < address) {
        FAIL(model, "object reaches past the end of the address space", object, 0);
    }
}

static void check_failure(struct model *model, const struct model_object *request, int error) {
    if (!model->may_fail) {
        FAIL(model, "unexpected NULL", request, (size_t)error);
    }
    if (error != ENOMEM) {
        FAIL(model, "out of memory without ENOMEM", request, (size_t)error);
    }
    model->failed++;
}

/* ---- bookkeeping ---- */

static void enter(struct model *model, struct model_object object) {
    uintptr_t found = 0;
    size_t found_size = 0;
    if (!intervals_insert(model->intervals, (uintptr_t)object.start, object.usable, &found,
                          &found_size)) {
        report_note("the live object it overlaps: 0x%zx, usable %zu", (size_t)found, found_size);
        FAIL(model, "overlaps a live object", &object, (size_t)found);
    }
    model->objects[model->count++] = object;
    model->live_bytes += object.usable;
}

static struct model_object leave(struct model *model, size_t index) {
    struct model_object object = model->objects[index];
    model->objects[index] = model->objects[--model->count];
    model->live_bytes -= object.usable;
    if (!intervals_remove(model->intervals, (uintptr_t)object.start)) {
        FAIL(model, "the model lost an interval", &object, 0);
    }
    return object;
}

static void refill(struct model *model, struct model_object *object) {
    object->seed = prng_next(&model->seeds);
    pattern_write(object->start, object->usable, object->seed);
}

struct model_object model_take(struct model *model, size_t index) {
    struct model_object object = leave(model, index);
    check_contents(model, &object, object.usable, "contents changed before handing over");
    return object;
}

void model_put(struct model *model, struct model_object object) {
    if (model->count == model->capacity) {
        FAIL(model, "the model is full", &object, model->capacity);
    }
    check_contents(model, &object, object.usable, "contents changed while handing over");
    enter(model, object);
}

/* ---- calls ---- */

/* Splits a size into two factors for the calls that take two. */
static size_t factor_of(size_t size) {
    static const size_t factors[] = {7, 24, 3, 16, 2};
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        if (size % factors[i] == 0) {
            return factors[i];
        }
    }
    return 1;
}

/* What posix_memalign returned; its errno must stay as it was. */
static void *call_posix_memalign(const struct model *model, struct model_object *object,
                                 int *error) {
    static char untouched;
    void *pointer = &untouched;
    *error = t_posix_memalign(&pointer, object->alignment, object->request);
    if (errno != ERRNO_SENTINEL) {
        FAIL(model, "posix_memalign changed errno", object, (size_t)errno);
    }
    if (*error != 0) {
        if (pointer != &untouched) {
            FAIL(model, "a failing posix_memalign changed its result", object, (size_t)*error);
        }
        return NULL;
    }
    return pointer;
}

static unsigned lg_of(size_t alignment) {
    return alignment > 1 ? 63u - (unsigned)__builtin_clzll(alignment) : 0;
}

static int random_flags(struct model *model, size_t alignment) {
    int flags = (int)lg_of(alignment);
    flags |= prng_one_in(&model->seeds, 3) ? MALLOCX_ZERO : 0;
    flags |= prng_one_in(&model->seeds, 3) ? MALLOCX_TCACHE_NONE : 0;
    return flags | (prng_one_in(&model->seeds, 5) ? MALLOCX_ARENA_0 : 0);
}

static void *call_maker(const struct model *model, struct model_object *object, int *error) {
    size_t size = object->request;
    size_t factor = factor_of(size);
    void *pointer = NULL;
    errno = ERRNO_SENTINEL;
    switch (object->maker) {
    case CALL_MALLOC:
        pointer = t_malloc(size);
        break;
    case CALL_CALLOC:
        pointer = t_calloc(factor, size / factor);
        break;
    case CALL_REALLOC_NULL:
        pointer = t_realloc(NULL, size);
        break;
    case CALL_REALLOCARRAY_NULL:
        pointer = t_reallocarray(NULL, size / factor, factor);
        break;
    case CALL_ALIGNED_ALLOC:
        pointer = t_aligned_alloc(object->alignment, size);
        break;
    case CALL_POSIX_MEMALIGN:
        return call_posix_memalign(model, object, error);
    case CALL_MEMALIGN:
        pointer = t_memalign(object->alignment, size);
        break;
    case CALL_VALLOC:
        pointer = t_valloc(size);
        break;
    case CALL_PVALLOC:
        pointer = t_pvalloc(size);
        break;
    case CALL_MALLOCX:
        pointer = t_mallocx(size, object->flags);
        break;
    default:
        FAIL(model, "the test made a call that makes nothing", object, 0);
    }
    *error = errno;
    return pointer;
}

/* valloc and pvalloc have an alignment of their own, except for size 0; of the calls that make an
 * object these two and memalign do not promise an errno. */
static void adjust_for_pages(struct model_object *object, int *error, const void *pointer) {
    if (object->maker == CALL_VALLOC || object->maker == CALL_PVALLOC) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        object->alignment = object->request == 0 ? 0 : page;
        if (object->maker == CALL_PVALLOC && pointer != NULL) {
            object->request = (object->request + page - 1) & ~(page - 1);
        }
    }
    if (pointer == NULL && *error == ERRNO_SENTINEL && object->maker >= CALL_MEMALIGN &&
        object->maker <= CALL_PVALLOC) {
        *error = ENOMEM;
    }
}

bool model_allocate(struct model *model, enum model_maker maker, size_t size, size_t alignment) {
    model->steps++;
    if (model->count == model->capacity) {
        return false;
    }
    struct model_object object = {.request = size, .maker = maker};
    if (maker >= CALL_FIRST_ALIGNED) {
        object.alignment = alignment;
    }
    if (maker == CALL_MALLOCX) {
        object.flags = random_flags(model, alignment);
    }
    int error = 0;
    void *pointer = hide_pointer(call_maker(model, &object, &error));
    adjust_for_pages(&object, &error, pointer);
    if (pointer == NULL) {
        check_failure(model, &object, error);
        return false;
    }
    object.start = pointer;
    object.usable = t_malloc_usable_size(pointer);
    check_address(model, &object);
    if (maker == CALL_CALLOC || (object.flags & MALLOCX_ZERO) != 0) {
        check_zero(model, &object);
    }
    enter(model, object);
    refill(model, &model->objects[model->count - 1]);
    return true;
}

static void call_ender(const struct model *model, const struct model_object *object,
                       enum model_ender ender) {
    errno = ERRNO_SENTINEL;
    if (ender == CALL_FREE_SIZED && object->maker < CALL_FIRST_ALIGNED) {
        t_free_sized(object->start, object->request);
    } else if (ender == CALL_FREE_ALIGNED_SIZED && object->maker == CALL_ALIGNED_ALLOC) {
        t_free_aligned_sized(object->start, object->alignment, object->request);
    } else if (ender == CALL_REALLOC_ZERO) {
        void *result = t_realloc(object->start, 0);
        if (result != NULL) {
            FAIL(model, "realloc(p, 0) did not answer NULL", object, (size_t)(uintptr_t)result);
        }
    } else if (ender == CALL_DALLOCX) {
        t_dallocx(object->start, object->request % 2 == 0 ? MALLOCX_TCACHE_NONE : 0);
    } else if (ender == CALL_SDALLOCX && object->maker == CALL_MALLOCX) {
        t_sdallocx(object->start, object->request, object->flags);
    } else {
        t_free(object->start);
    }
    if (errno != ERRNO_SENTINEL) {
        FAIL(model, "freeing changed errno", object, (size_t)errno);
    }
}

void model_release(struct model *model, size_t index, enum model_ender ender) {
    model->steps++;
    struct model_object object = model->objects[index];
    check_contents(model, &object, object.usable, "contents changed before the free");
    size_t usable = t_malloc_usable_size(object.start);
    if (usable != object.usable) {
        FAIL(model, "usable size changed", &object, usable);
    }
    (void)leave(model, index);
    call_ender(model, &object, ender);
}

static void *call_resizer(enum model_resizer resizer, void *start, size_t size, int flags) {
    size_t factor = factor_of(size);
    switch (resizer) {
    case CALL_RALLOCX:
        return t_rallocx(start, size, flags);
    case CALL_REALLOCARRAY:
        return t_reallocarray(start, factor, size / factor);
    case CALL_REALLOC:
    default:
        return t_realloc(start, size);
    }
}

/* What lies behind the old usable size was asked to be zero. */
static void check_new_end(struct model *model, const struct model_object *object, size_t old,
                          int flags) {
    size_t where = 0;
    if ((flags & MALLOCX_ZERO) != 0 && object->usable > old &&
        !pattern_is_filled(object->start + old, object->usable - old, 0, &where)) {
        FAIL(model, "resizing did not zero the new end", object, where);
    }
}

static bool resize(struct model *model, size_t index, size_t size, enum model_resizer resizer,
                   size_t alignment) {
    model->steps++;
    struct model_object object = leave(model, index);
    int flags = resizer == CALL_RALLOCX ? random_flags(model, alignment) : 0;
    errno = ERRNO_SENTINEL;
    void *pointer = call_resizer(resizer, object.start, size, flags);
    int error = errno;
    pointer = hide_pointer(pointer);
    if (pointer == NULL) {
        check_contents(model, &object, object.usable, "a failed realloc changed the contents");
        enter(model, object);
        check_failure(model, &object, error);
        return false;
    }
    struct model_object old = object;
    size_t kept = object.usable < size ? object.usable : size;
    object = (struct model_object){
        .start = pointer,
        .request = size,
        .maker = resizer == CALL_RALLOCX ? CALL_MALLOCX : CALL_REALLOC_NULL,
        .alignment = alignment,
        .flags = flags,
        .usable = t_malloc_usable_size(pointer),
    };
    check_address(model, &object);
    check_new_end(model, &object, old.usable, flags);
    size_t where = 0;
    if (!pattern_holds(pointer, old.usable, kept, old.seed, &where)) {
        report_note("before the realloc: %p, request %zu, usable %zu", (void *)old.start,
                    old.request, old.usable);
        FAIL(model, "realloc lost contents", &object, where);
    }
    enter(model, object);
    refill(model, &model->objects[model->count - 1]);
    return true;
}

bool model_resize(struct model *model, size_t index, size_t size, bool array) {
    return resize(model, index, size, array ? CALL_REALLOCARRAY : CALL_REALLOC, 0);
}

bool model_rallocx(struct model *model, size_t index, size_t size) {
    size_t alignment =
        prng_one_in(&model->seeds, 3) ? (size_t)1 << prng_below(&model->seeds, 15) : 0;
    return resize(model, index, size, CALL_RALLOCX, alignment);
}

/* The size is then anything from what there was to size + extra; contents stay as far as they reach. */
void model_xallocx(struct model *model, size_t index, size_t size, size_t extra) {
    model->steps++;
    struct model_object object = leave(model, index);
    size_t old = object.usable;
    size_t where = 0;
    int flags = random_flags(model, 0);
    object.usable = t_xallocx(object.start, size, extra, flags);
    if (object.usable != t_malloc_usable_size(object.start)) {
        FAIL(model, "xallocx did not answer the usable size", &object, old);
    }
    size_t least = old < size ? old : size;
    if (object.usable < least || (object.usable > old && object.usable < size)) {
        FAIL(model, "xallocx chose a size that nobody asked for", &object, old);
    }
    size_t kept = object.usable < old ? object.usable : old;
    if (!pattern_holds(object.start, old, kept, object.seed, &where)) {
        FAIL(model, "xallocx lost contents", &object, where);
    }
    check_new_end(model, &object, old, flags);
    object.request = object.usable;
    enter(model, object);
    refill(model, &model->objects[model->count - 1]);
}

void model_verify(struct model *model) {
    for (size_t i = 0; i < model->count; i++) {
        const struct model_object *object = &model->objects[i];
        check_contents(model, object, object->usable, "contents changed");
        size_t usable = t_malloc_usable_size(object->start);
        if (usable != object->usable) {
            FAIL(model, "usable size changed", object, usable);
        }
    }
}

void model_clear(struct model *model) {
    while (model->count > 0) {
        model_release(model, model->count - 1, CALL_FREE);
    }
}

/* ---- calls that cannot succeed ---- */

/* An impossible realloc of a live object; the object stays as it was. */
static void attempt_resize(struct model *model, bool array) {
    if (model->count == 0) {
        return;
    }
    const struct model_object *object = &model->objects[model->steps % model->count];
    errno = ERRNO_SENTINEL;
    void *pointer = array ? t_reallocarray(object->start, hide_size(SIZE_MAX / 2), 3)
                          : t_realloc(object->start, hide_size(SIZE_MAX - 4096));
    if (pointer != NULL || errno != ENOMEM) {
        FAIL(model, "an impossible realloc did not fail with ENOMEM", object, (size_t)errno);
    }
    check_contents(model, object, object->usable, "an impossible realloc changed the contents");
}

static void *call_impossible(size_t which, bool *silent) {
    void *pointer = NULL;
    switch (which) {
    case 0:
        return t_malloc(hide_size(SIZE_MAX));
    case 1:
        return t_malloc(hide_size((size_t)PTRDIFF_MAX + 1));
    case 2:
        return t_calloc(hide_size(SIZE_MAX / 2), 3);
    case 3:
        return t_calloc(3, hide_size(SIZE_MAX / 3 + 1));
    case 4:
        return t_reallocarray(NULL, hide_size((size_t)1 << 33), (size_t)1 << 33);
    case 5:
        return t_aligned_alloc(4096, hide_size(SIZE_MAX - 100));
    case 6:
        errno = t_posix_memalign(&pointer, 64, hide_size(SIZE_MAX - 10));
        return pointer;
    default:
        *silent = true;
        return t_memalign(256, hide_size(SIZE_MAX - 300));
    }
}

void model_attempt_impossible(struct model *model, size_t which) {
    model->steps++;
    if (which >= MODEL_IMPOSSIBLE_CALLS - 2) {
        attempt_resize(model, which == MODEL_IMPOSSIBLE_CALLS - 1);
        return;
    }
    struct model_object none = {.request = which};
    bool silent = false;
    errno = ERRNO_SENTINEL;
    void *pointer = hide_pointer(call_impossible(which, &silent));
    if (pointer != NULL) {
        FAIL(model, "an impossible allocation succeeded", &none, which);
    }
    if (errno != ENOMEM && !(silent && errno == ERRNO_SENTINEL)) {
        FAIL(model, "an impossible allocation did not set ENOMEM", &none, (size_t)errno);
    }
}

/* ---- random steps ---- */

static void step_allocate(struct model *model, struct prng *prng,
                          const struct model_profile *profile) {
    size_t room = profile->max_live_bytes - model->live_bytes;
    size_t max = profile->max_size < room ? profile->max_size : room;
    size_t size = prng_size(prng, max);
    if (profile->max_alignment == 0 || prng_below(prng, 100) >= profile->aligned_share) {
        model_allocate(model, (enum model_maker)prng_below(prng, CALL_FIRST_ALIGNED), size, 0);
        return;
    }
    enum model_maker maker =
        (enum model_maker)(CALL_FIRST_ALIGNED + prng_below(prng, CALL_MAKERS - CALL_FIRST_ALIGNED));
    unsigned lg_max = 63u - (unsigned)__builtin_clzll(profile->max_alignment);
    size_t alignment = (size_t)1 << prng_below(prng, lg_max + 1);
    if (maker == CALL_POSIX_MEMALIGN && alignment < sizeof(void *)) {
        alignment = sizeof(void *);
    }
    model_allocate(model, maker, size, alignment);
}

static void step_resize(struct model *model, struct prng *prng,
                        const struct model_profile *profile) {
    size_t index = prng_below(prng, model->count);
    size_t room = profile->max_live_bytes - model->live_bytes + model->objects[index].usable;
    size_t max = profile->max_size < room ? profile->max_size : room;
    size_t old = model->objects[index].request;
    size_t size = prng_size(prng, max);
    if (prng_one_in(prng, 2)) {
        /* In steps, as growing arrays do. */
        size = prng_one_in(prng, 3) ? old / 2 : old + old / 2;
    }
    size = size > max ? max : size;
    size = size == 0 ? 1 : size;
    switch (prng_below(prng, 8)) {
    case 0:
    case 1:
        model_resize(model, index, size, true);
        break;
    case 2:
        model_rallocx(model, index, size);
        break;
    case 3:
        model_xallocx(model, index, size, prng_below(prng, max - size + 1));
        break;
    default:
        model_resize(model, index, size, false);
        break;
    }
}

void model_step(struct model *model, struct prng *prng, const struct model_profile *profile) {
    if (prng_one_in(prng, 500)) {
        model_attempt_impossible(model, prng_below(prng, MODEL_IMPOSSIBLE_CALLS));
        return;
    }
    if (prng_one_in(prng, 20000)) {
        model_verify(model);
        return;
    }
    bool full = model->count == model->capacity || model->live_bytes >= profile->max_live_bytes;
    if (model->count > 0 && !full && prng_below(prng, 100) < profile->resize_share) {
        step_resize(model, prng, profile);
        return;
    }
    /* The more objects there are, the likelier a free. */
    bool grow = prng_below(prng, 2 * profile->target_count) >= model->count;
    if (grow && !full) {
        step_allocate(model, prng, profile);
    } else if (model->count > 0) {
        model_release(model, prng_below(prng, model->count),
                      (enum model_ender)prng_below(prng, CALL_ENDERS));
    }
}

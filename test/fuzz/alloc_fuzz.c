/*
 * alloc_fuzz.c: bytes as a program of allocation calls, played against the shadow model.
 *
 * Form:  every instruction is an operation byte (its low half chooses the operation, its high half
 *        is a detail), followed by the operands the operation takes:
 *            size: two bytes, little-endian: 5 bits of exponent, 11 of mantissa, at most 12 MiB
 *            which: one byte, which live object
 *        A program that ends within an instruction ends there.
 * Usage: linked with libFuzzer, or with replay.c, which plays files. At the end of a program every
 *        object is freed, with all checks, and the allocator's structures are walked now and then
 *        by debug builds.
 */
#include <pthread.h>
#include <stdint.h>

#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/stress.h"

enum {
    CAPACITY = 2000,
    MAX_SIZE = 12 << 20,
    MAX_LIVE_BYTES = 32 << 20,
    MAX_LG_ALIGNMENT = 20,
    MAX_THREADS = 8, /* a program may start */
    FREED_BY_THREAD = 16,
};

struct program {
    const uint8_t *next;
    const uint8_t *end;
    unsigned threads;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t take(struct program *program, unsigned bytes) {
    size_t value = 0;
    for (unsigned i = 0; i < bytes && program->next < program->end; i++) {
        value |= (size_t)*program->next++ << 8 * i;
    }
    return value;
}

static size_t take_size(struct program *program, const struct model *model) {
    size_t code = take(program, 2);
    size_t size = (code & 0x7ff) << (code >> 11);
    size = size > MAX_SIZE ? code & 0x7ff : size;
    return model->live_bytes + size > MAX_LIVE_BYTES ? 1 : size;
}

static size_t take_which(struct program *program, const struct model *model) {
    size_t code = take(program, 1);
    /* The last objects and the first, so that short programs reach what they made. */
    return code < 128 ? code % model->count : model->count - 1 - code % model->count;
}

static void make(struct program *program, struct model *model, enum model_maker maker,
                 unsigned detail) {
    size_t size = take_size(program, model);
    size_t alignment = (size_t)1 << (detail + detail / 2 > MAX_LG_ALIGNMENT ? MAX_LG_ALIGNMENT
                                                                            : detail + detail / 2);
    if (maker == CALL_POSIX_MEMALIGN && alignment < sizeof(void *)) {
        alignment = sizeof(void *);
    }
    model_allocate(model, maker, size, alignment);
}

/* A run of equal objects, to fill slabs and caches. */
static void make_many(struct program *program, struct model *model, unsigned detail) {
    size_t size = take_size(program, model) % 4096;
    for (unsigned i = 0; i < 4 + detail * 8; i++) {
        model_allocate(model, CALL_MALLOC, size, 0);
    }
}

static void end_many(struct model *model, size_t which, unsigned detail) {
    for (unsigned i = 0; i < 4 + detail * 8 && model->count > 0; i++) {
        model_release(model, which % model->count, CALL_FREE);
    }
}

static void *free_in_thread(void *argument) {
    struct model *model = argument;
    for (unsigned i = 0; i < FREED_BY_THREAD && model->count > 0; i++) {
        model_release(model, model->count / 2, CALL_FREE);
    }
    model_allocate(model, CALL_CALLOC, 300, 0);
    return NULL;
}

/* Another thread frees some objects and leaves one. */
static void run_thread(struct program *program, struct model *model) {
    pthread_t thread;
    if (program->threads++ >= MAX_THREADS) {
        return;
    }
    EXPECT(pthread_create(&thread, NULL, free_in_thread, model) == 0, "no thread");
    pthread_join(thread, NULL);
}

static void step(struct program *program, struct model *model) {
    unsigned operation = (unsigned)take(program, 1);
    unsigned detail = operation >> 4;
    operation &= 15;
    if (operation <= CALL_PVALLOC) {
        make(program, model, (enum model_maker)operation, detail);
        return;
    }
    if (operation == 9) {
        make_many(program, model, detail);
        return;
    }
    if (operation == 10) {
        model_attempt_impossible(model, detail % MODEL_IMPOSSIBLE_CALLS);
        return;
    }
    if (operation == 11) {
        switch (detail % 3) {
        case 0:
            model_verify(model);
            break;
        case 1:
            t_malloc_trim(0);
            break;
        default:
            run_thread(program, model);
        }
        return;
    }
    if (model->count == 0) {
        return;
    }
    size_t which = take_which(program, model);
    if (operation <= 13) {
        size_t size = take_size(program, model);
        model_resize(model, which, size == 0 ? 1 : size, operation == 13);
    } else if (operation == 14) {
        model_release(model, which, (enum model_ender)(detail % CALL_ENDERS));
    } else {
        end_many(model, which, detail);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct program program = {.next = data, .end = data + size};
    struct model *model = model_create(NULL, CAPACITY, size);
    model->may_fail = stress_address_space_is_limited();
    while (program.next < program.end) {
        step(&program, model);
    }
    model_destroy(model);
    return 0;
}

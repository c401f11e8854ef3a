/*
 * cxx.c: the C++ allocation operators, as C functions under their mangled names.
 *
 * When memory is short, operator new calls the new handler and tries again; without a handler it throws
 * std::bad_alloc. Both belong to the C++ runtime, which is looked up through weak references, so that a
 * C program needs none. Left out of the tests' build, which has libc's operators.
 */
#include "base/config.h"

#ifndef ASHLAR_API_PREFIX

#include <stddef.h>

#include "alloc/fast.h"
#include "alloc/object.h"
#include "api/override_cxx.h"
#include "os/fatal.h"

typedef void new_handler(void);

new_handler *get_new_handler(void) __asm__("_ZSt15get_new_handlerv") WEAK;
_Noreturn void throw_bad_alloc(void) __asm__("_ZSt17__throw_bad_allocv") WEAK;

enum { DEFAULT_NEW_ALIGNMENT = 16 };

static void *try_new(size_t size, size_t alignment) {
    return alignment <= DEFAULT_NEW_ALIGNMENT ? fast_malloc(size)
                                              : object_alloc_aligned(size, alignment);
}

/* The loop the C++ standard prescribes (new.delete.single). A handler may throw: through this frame,
 * or, for the nothrow forms, up to here. NULL: there is no handler, or it threw. */
static COLD void *new_slow(size_t size, size_t alignment, bool nothrow) {
    for (;;) {
        new_handler *handler = get_new_handler != NULL ? get_new_handler() : NULL;
        if (handler == NULL) {
            return NULL;
        }
        if (!nothrow) {
            handler();
        } else if (!cxx_call_catching(handler)) {
            return NULL;
        }
        void *object = try_new(size, alignment);
        if (object != NULL) {
            return object;
        }
    }
}

static COLD void *new_or_throw(size_t size, size_t alignment) {
    void *object = new_slow(size, alignment, false);
    if (object == NULL) {
        if (throw_bad_alloc != NULL) {
            throw_bad_alloc();
        }
        fatal("operator new: out of memory, and there is no C++ runtime to throw bad_alloc");
    }
    return object;
}

static ALWAYS_INLINE void *op_new(size_t size) {
    void *object = fast_malloc(size);
    return likely(object != NULL) ? object : new_or_throw(size, 1);
}

static ALWAYS_INLINE void *op_new_aligned(size_t size, size_t alignment) {
    void *object = object_alloc_aligned(size, alignment);
    return likely(object != NULL) ? object : new_or_throw(size, alignment);
}

static ALWAYS_INLINE void *op_new_nothrow(size_t size, size_t alignment) {
    void *object = try_new(size, alignment);
    return likely(object != NULL) ? object : new_slow(size, alignment, true);
}

struct nothrow;

#define OPERATOR(name, mangled) name __asm__(mangled)

EXPORT void *OPERATOR(op_new_1(size_t size), "_Znwm");
EXPORT void *OPERATOR(op_new_2(size_t size), "_Znam");
EXPORT void *OPERATOR(op_new_3(size_t size, const struct nothrow *tag), "_ZnwmRKSt9nothrow_t");
EXPORT void *OPERATOR(op_new_4(size_t size, const struct nothrow *tag), "_ZnamRKSt9nothrow_t");
EXPORT void *OPERATOR(op_new_5(size_t size, size_t alignment), "_ZnwmSt11align_val_t");
EXPORT void *OPERATOR(op_new_6(size_t size, size_t alignment), "_ZnamSt11align_val_t");
EXPORT void *OPERATOR(op_new_7(size_t size, size_t alignment, const struct nothrow *tag),
                      "_ZnwmSt11align_val_tRKSt9nothrow_t");
EXPORT void *OPERATOR(op_new_8(size_t size, size_t alignment, const struct nothrow *tag),
                      "_ZnamSt11align_val_tRKSt9nothrow_t");
EXPORT void OPERATOR(op_delete_1(void *p), "_ZdlPv");
EXPORT void OPERATOR(op_delete_2(void *p), "_ZdaPv");
EXPORT void OPERATOR(op_delete_3(void *p, const struct nothrow *tag), "_ZdlPvRKSt9nothrow_t");
EXPORT void OPERATOR(op_delete_4(void *p, const struct nothrow *tag), "_ZdaPvRKSt9nothrow_t");
EXPORT void OPERATOR(op_delete_5(void *p, size_t size), "_ZdlPvm");
EXPORT void OPERATOR(op_delete_6(void *p, size_t size), "_ZdaPvm");
EXPORT void OPERATOR(op_delete_7(void *p, size_t alignment), "_ZdlPvSt11align_val_t");
EXPORT void OPERATOR(op_delete_8(void *p, size_t alignment), "_ZdaPvSt11align_val_t");
EXPORT void OPERATOR(op_delete_9(void *p, size_t alignment, const struct nothrow *tag),
                     "_ZdlPvSt11align_val_tRKSt9nothrow_t");
EXPORT void OPERATOR(op_delete_10(void *p, size_t alignment, const struct nothrow *tag),
                     "_ZdaPvSt11align_val_tRKSt9nothrow_t");
EXPORT void OPERATOR(op_delete_11(void *p, size_t size, size_t alignment),
                     "_ZdlPvmSt11align_val_t");
EXPORT void OPERATOR(op_delete_12(void *p, size_t size, size_t alignment),
                     "_ZdaPvmSt11align_val_t");

void *op_new_1(size_t size) {
    return op_new(size);
}

void *op_new_2(size_t size) {
    return op_new(size);
}

void *op_new_3(size_t size, const struct nothrow *tag) {
    (void)tag;
    return op_new_nothrow(size, 1);
}

void *op_new_4(size_t size, const struct nothrow *tag) {
    (void)tag;
    return op_new_nothrow(size, 1);
}

void *op_new_5(size_t size, size_t alignment) {
    return op_new_aligned(size, alignment);
}

void *op_new_6(size_t size, size_t alignment) {
    return op_new_aligned(size, alignment);
}

void *op_new_7(size_t size, size_t alignment, const struct nothrow *tag) {
    (void)tag;
    return op_new_nothrow(size, alignment);
}

void *op_new_8(size_t size, size_t alignment, const struct nothrow *tag) {
    (void)tag;
    return op_new_nothrow(size, alignment);
}

void op_delete_1(void *p) {
    fast_free(p);
}

void op_delete_2(void *p) {
    fast_free(p);
}

void op_delete_3(void *p, const struct nothrow *tag) {
    (void)tag;
    fast_free(p);
}

void op_delete_4(void *p, const struct nothrow *tag) {
    (void)tag;
    fast_free(p);
}

void op_delete_5(void *p, size_t size) {
    (void)size;
    fast_free(p);
}

void op_delete_6(void *p, size_t size) {
    (void)size;
    fast_free(p);
}

void op_delete_7(void *p, size_t alignment) {
    (void)alignment;
    fast_free(p);
}

void op_delete_8(void *p, size_t alignment) {
    (void)alignment;
    fast_free(p);
}

void op_delete_9(void *p, size_t alignment, const struct nothrow *tag) {
    (void)alignment;
    (void)tag;
    fast_free(p);
}

void op_delete_10(void *p, size_t alignment, const struct nothrow *tag) {
    (void)alignment;
    (void)tag;
    fast_free(p);
}

void op_delete_11(void *p, size_t size, size_t alignment) {
    (void)size;
    (void)alignment;
    fast_free(p);
}

void op_delete_12(void *p, size_t size, size_t alignment) {
    (void)size;
    (void)alignment;
    fast_free(p);
}

#endif

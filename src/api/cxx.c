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
#include "opt/opt.h"
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
    if (opts.experimental_infallible_new) {
        fatal("operator new: out of memory (experimental_infallible_new:true)");
    }
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

struct nothrow;

/* operator new and delete in all their forms; several names share one function where the forms do the
 * same. A tag of type nothrow_t, sizes and alignments of what is freed need not be looked at. */
EXPORT void *cxx_new(size_t size) __asm__("_Znwm");
EXPORT void *cxx_new_array(size_t size) __asm__("_Znam") __attribute__((alias("_Znwm")));
EXPORT void *cxx_new_nothrow(size_t size, const struct nothrow *tag) __asm__("_ZnwmRKSt9nothrow_t");
EXPORT void *cxx_new_array_nothrow(size_t size,
                                   const struct nothrow *tag) __asm__("_ZnamRKSt9nothrow_t")
    __attribute__((alias("_ZnwmRKSt9nothrow_t")));
EXPORT void *cxx_new_aligned(size_t size, size_t alignment) __asm__("_ZnwmSt11align_val_t");
EXPORT void *cxx_new_array_aligned(size_t size, size_t alignment) __asm__("_ZnamSt11align_val_t")
    __attribute__((alias("_ZnwmSt11align_val_t")));
EXPORT void *
cxx_new_aligned_nothrow(size_t size, size_t alignment,
                        const struct nothrow *tag) __asm__("_ZnwmSt11align_val_tRKSt9nothrow_t");
EXPORT void *cxx_new_array_aligned_nothrow(
    size_t size, size_t alignment,
    const struct nothrow *tag) __asm__("_ZnamSt11align_val_tRKSt9nothrow_t")
    __attribute__((alias("_ZnwmSt11align_val_tRKSt9nothrow_t")));

void *cxx_new(size_t size) {
    void *object = fast_malloc(size);
    return likely(object != NULL) ? object : new_or_throw(size, 1);
}

void *cxx_new_aligned(size_t size, size_t alignment) {
    void *object = object_alloc_aligned(size, alignment);
    return likely(object != NULL) ? object : new_or_throw(size, alignment);
}

void *cxx_new_nothrow(size_t size, const struct nothrow *tag) {
    (void)tag;
    void *object = fast_malloc(size);
    return likely(object != NULL) ? object : new_slow(size, 1, true);
}

void *cxx_new_aligned_nothrow(size_t size, size_t alignment, const struct nothrow *tag) {
    (void)tag;
    void *object = object_alloc_aligned(size, alignment);
    return likely(object != NULL) ? object : new_slow(size, alignment, true);
}

EXPORT void cxx_delete(void *p) __asm__("_ZdlPv");

void cxx_delete(void *p) {
    fast_free_or(p, slow_delete);
}

#define DELETES __attribute__((alias("_ZdlPv")))
EXPORT void cxx_delete_array(void *p) __asm__("_ZdaPv") DELETES;
EXPORT void cxx_delete_nothrow(void *p) __asm__("_ZdlPvRKSt9nothrow_t") DELETES;
EXPORT void cxx_delete_array_nothrow(void *p) __asm__("_ZdaPvRKSt9nothrow_t") DELETES;
EXPORT void cxx_delete_sized(void *p) __asm__("_ZdlPvm") DELETES;
EXPORT void cxx_delete_array_sized(void *p) __asm__("_ZdaPvm") DELETES;
EXPORT void cxx_delete_aligned(void *p) __asm__("_ZdlPvSt11align_val_t") DELETES;
EXPORT void cxx_delete_array_aligned(void *p) __asm__("_ZdaPvSt11align_val_t") DELETES;
EXPORT void
cxx_delete_aligned_nothrow(void *p) __asm__("_ZdlPvSt11align_val_tRKSt9nothrow_t") DELETES;
EXPORT void
cxx_delete_array_aligned_nothrow(void *p) __asm__("_ZdaPvSt11align_val_tRKSt9nothrow_t") DELETES;
EXPORT void cxx_delete_sized_aligned(void *p) __asm__("_ZdlPvmSt11align_val_t") DELETES;
EXPORT void cxx_delete_array_sized_aligned(void *p) __asm__("_ZdaPvmSt11align_val_t") DELETES;

#endif

/*
 * hide.h: keeps the compiler from knowing what it could know, so that a test calls the allocator
 * the way a program would that the compiler cannot see through: calls are not removed, sizes that
 * can only fail are no warnings, and a pointer stays usable for comparison after it was freed.
 */
#ifndef ASHLAR_TEST_SUPPORT_HIDE_H
#define ASHLAR_TEST_SUPPORT_HIDE_H

#include <stddef.h>

static inline size_t hide_size(size_t size) {
    __asm__ volatile("" : "+r"(size));
    return size;
}

static inline void *hide_pointer(void *pointer) {
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

#endif

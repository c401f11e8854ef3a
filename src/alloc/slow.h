/*
 * slow.h: everything fast.h tail-calls.
 *
 * All functions may be called by any thread in any state, set errno to ENOMEM when they return NULL
 * for want of memory, and honour the options zero, junk and xmalloc.
 */
#ifndef ASHLAR_ALLOC_SLOW_H
#define ASHLAR_ALLOC_SLOW_H

#include <stdbool.h>
#include <stddef.h>

/* The bin of a class is empty, or must not be used. */
void *slow_malloc(unsigned class);
/* Any request above SIZECLASS_TABLE_MAX. */
void *slow_malloc_medium(size_t request);
/* A request without a class. `alignment` is a power of two, 1: none. */
void *slow_malloc_large(size_t request, size_t alignment, bool zero);
/* The countdown of a class has ended with this allocation. */
void *slow_event(void *object, unsigned class);

/* p has class 0, or its bin has no room. */
void slow_free(void *p);

/* Fills bytes that have just become the program's as the options zero and junk ask. */
void slow_dress(void *bytes, size_t n);

/* xmalloc: reports and aborts; otherwise sets errno and returns NULL. */
void *slow_no_memory(void);

#endif

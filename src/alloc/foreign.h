/*
 * foreign.h: pointers that the C library's own malloc made before we took its place.
 *
 * When the library is loaded into a running program, or the dynamic loader allocated early, such
 * pointers reach us. They are recognised by where and how glibc keeps them and handed to it. Anything
 * else is refused, and the caller reports it.
 */
#ifndef ASHLAR_ALLOC_FOREIGN_H
#define ASHLAR_ALLOC_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

/* Frees it where it belongs; false: no C library object as far as one can tell. */
bool foreign_free(void *p);
/* Resizes it where it belongs; *resized receives the result, NULL without memory. */
bool foreign_realloc(void *p, size_t size, void **resized);
/* Usable bytes; 0 when it is no C library object. */
size_t foreign_usable(const void *p);

#endif

/*
 * ashlar.h: what libashlar offers beyond <stdlib.h> and <malloc.h>.
 *
 * The allocation functions of C, POSIX and GNU (malloc, calloc, realloc, reallocarray, free,
 * posix_memalign, aligned_alloc, memalign, valloc, pvalloc, malloc_usable_size, malloc_trim, mallinfo,
 * mallinfo2, mallopt, malloc_stats) are declared by the system's headers and replaced by the library,
 * as are the C++ operators new and delete. This header declares what those headers may lack; jemalloc's
 * extended interface is in <jemalloc/jemalloc.h>.
 *
 * All functions may be called from any thread. Sizes are in bytes.
 */
#ifndef ASHLAR_H
#define ASHLAR_H

#include <stddef.h>

#define ASHLAR_VERSION_MAJOR 0
#define ASHLAR_VERSION_MINOR 1
#define ASHLAR_VERSION_PATCH 0

/* As <stdlib.h> and <jemalloc/jemalloc.h> declare their functions. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define ASHLAR_NOEXCEPT noexcept
#else
#define ASHLAR_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Frees an object of malloc, calloc or realloc whose size, as it was asked for, is known (C23,
 * 7.24.3.4). NULL is allowed. A wrong size does no harm. errno is kept.
 */
void free_sized(void *p, size_t size) ASHLAR_NOEXCEPT;

/*
 * The same for an object of aligned_alloc (C23, 7.24.3.5).
 */
void free_aligned_sized(void *p, size_t alignment, size_t size) ASHLAR_NOEXCEPT;

/*
 * Options, as in the environment variable MALLOC_CONF: "key:value,key:value". A program may define this
 * variable with an initialiser; it is read once, before main. docs/options.md lists the keys.
 */
extern const char *malloc_conf;

/*
 * The same, and stronger than all other sources: what it sets, the environment cannot change.
 */
extern const char *malloc_conf_2_conf_harder;

/*
 * Where diagnostics and statistics go: called with zero-terminated text; `opaque` is NULL. While it is
 * NULL, text goes to file descriptor 2. The function must not allocate.
 */
extern void (*malloc_message)(void *opaque, const char *text);

#ifdef __cplusplus
}
#endif

#endif

/*
 * api.h: the public functions under test, whatever they are called in this build.
 *
 * The same test source is built in up to three flavours (ashlar_add_api_test in cmake/AshlarTests.cmake):
 * NAME_prefixed   links the library whose public names begin with ashlar_ (TEST_PREFIXED is defined);
 *                 libc's or the sanitizer's malloc stays in place under everything else.
 * NAME_shared     links libashlar.so, and
 * NAME_static     links libashlar.a: malloc is ashlar's for the whole process.
 * Usage: call t_malloc() and so on. TEST_INTERPOSED says whether plain malloc() is ashlar's, too. A
 *        program that includes this and is built by hand without TEST_PREFIXED tests whatever malloc
 *        it finds, so it can be tried on another allocator.
 */
#ifndef ASHLAR_TEST_SUPPORT_API_H
#define ASHLAR_TEST_SUPPORT_API_H

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef TEST_PREFIXED

#define TEST_INTERPOSED 0
#define TEST_API(name) ashlar_##name

void *ashlar_malloc(size_t size);
void *ashlar_calloc(size_t count, size_t size);
void *ashlar_realloc(void *p, size_t size);
void *ashlar_reallocarray(void *p, size_t count, size_t size);
void ashlar_free(void *p);
int ashlar_posix_memalign(void **result, size_t alignment, size_t size);
void *ashlar_aligned_alloc(size_t alignment, size_t size);
void *ashlar_memalign(size_t alignment, size_t size);
void *ashlar_valloc(size_t size);
void *ashlar_pvalloc(size_t size);
size_t ashlar_malloc_usable_size(void *p);
int ashlar_malloc_trim(size_t pad);
struct mallinfo ashlar_mallinfo(void);
struct mallinfo2 ashlar_mallinfo2(void);
int ashlar_mallopt(int parameter, int value);
void ashlar_malloc_stats(void);

#else

#define TEST_INTERPOSED 1
#define TEST_API(name) name

#endif

/* C23; the system's headers have them only from glibc 2.43 on, and then in the same form. */
void TEST_API(free_sized)(void *p, size_t size);
void TEST_API(free_aligned_sized)(void *p, size_t alignment, size_t size);

/* jemalloc's; <jemalloc/jemalloc.h>, docs/controls.md. */
void *TEST_API(mallocx)(size_t size, int flags);
void *TEST_API(rallocx)(void *p, size_t size, int flags);
size_t TEST_API(xallocx)(void *p, size_t size, size_t extra, int flags);
size_t TEST_API(sallocx)(const void *p, int flags);
void TEST_API(dallocx)(void *p, int flags);
void TEST_API(sdallocx)(void *p, size_t size, int flags);
size_t TEST_API(nallocx)(size_t size, int flags);
int TEST_API(mallctl)(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
int TEST_API(mallctlnametomib)(const char *name, size_t *mibp, size_t *miblenp);
int TEST_API(mallctlbymib)(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
                           void *newp, size_t newlen);
void TEST_API(malloc_stats_print)(void (*write_cb)(void *, const char *), void *cbopaque,
                                  const char *opts);

/* Read before the first allocation; a test may define malloc_conf to set options. */
extern const char *TEST_API(malloc_conf);
extern const char *TEST_API(malloc_conf_2_conf_harder);
extern void (*TEST_API(malloc_message))(void *opaque, const char *text);

#ifdef __cplusplus
}
#endif

#define t_malloc TEST_API(malloc)
#define t_calloc TEST_API(calloc)
#define t_realloc TEST_API(realloc)
#define t_reallocarray TEST_API(reallocarray)
#define t_free TEST_API(free)
#define t_free_sized TEST_API(free_sized)
#define t_free_aligned_sized TEST_API(free_aligned_sized)
#define t_posix_memalign TEST_API(posix_memalign)
#define t_aligned_alloc TEST_API(aligned_alloc)
#define t_memalign TEST_API(memalign)
#define t_valloc TEST_API(valloc)
#define t_pvalloc TEST_API(pvalloc)
#define t_malloc_usable_size TEST_API(malloc_usable_size)
#define t_malloc_trim TEST_API(malloc_trim)
#define t_mallinfo TEST_API(mallinfo)
#define t_mallinfo2 TEST_API(mallinfo2)
#define t_mallopt TEST_API(mallopt)
#define t_malloc_stats TEST_API(malloc_stats)
#define t_mallocx TEST_API(mallocx)
#define t_rallocx TEST_API(rallocx)
#define t_xallocx TEST_API(xallocx)
#define t_sallocx TEST_API(sallocx)
#define t_dallocx TEST_API(dallocx)
#define t_sdallocx TEST_API(sdallocx)
#define t_nallocx TEST_API(nallocx)
#define t_mallctl TEST_API(mallctl)
#define t_mallctlnametomib TEST_API(mallctlnametomib)
#define t_mallctlbymib TEST_API(mallctlbymib)
#define t_malloc_stats_print TEST_API(malloc_stats_print)
#define t_malloc_conf TEST_API(malloc_conf)
#define t_malloc_conf_2_conf_harder TEST_API(malloc_conf_2_conf_harder)
#define t_malloc_message TEST_API(malloc_message)

#endif

/*
 * jemalloc.h: the interface of jemalloc 5.3.1, as ashlar offers it.
 *
 * Programs written for jemalloc build against this header unchanged. What differs from jemalloc behind
 * the names is listed in docs/compat.md; controls and options are in docs/controls.md and
 * docs/options.md. All functions may be called from any thread. Sizes are in bytes.
 *
 * Macros to define before including it:
 *   JEMALLOC_NO_RENAME    declare je_malloc and so on, without mapping them to the library's names
 *   JEMALLOC_NO_DEMANGLE  keep the macros je_X, which map to the library's names, defined
 *   JEMALLOC_MANGLE       map malloc and so on to the library's names, for a library with a prefix
 * A build with a prefix (-DASHLAR_PREFIX=...) installs a copy whose je_X macros map to prefixed names.
 */
#ifndef JEMALLOC_H_
#define JEMALLOC_H_
/* Callers' warnings about repeated declarations are no concern of theirs. */
#if defined(__GNUC__)
#pragma GCC system_header
#endif

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version ---- */

/* Programs compare these with jemalloc's releases. Where jemalloc has its commit stands a number that
 * cannot be one: "ashlar" in ASCII, then zeros. The control `version` reads JEMALLOC_VERSION. */
#define JEMALLOC_VERSION "5.3.1-0-g6173686c61720000000000000000000000000000"
#define JEMALLOC_VERSION_MAJOR 5
#define JEMALLOC_VERSION_MINOR 3
#define JEMALLOC_VERSION_BUGFIX 1
#define JEMALLOC_VERSION_NREV 0
#define JEMALLOC_VERSION_GID "6173686c61720000000000000000000000000000"
#define JEMALLOC_VERSION_GID_IDENT 6173686c61720000000000000000000000000000

/* ---- what the library was built with ---- */

#if UINTPTR_MAX == 0xffffffffffffffff
#define LG_SIZEOF_PTR 3
#else
#define LG_SIZEOF_PTR 2
#endif
/* Options are read from the environment and from the symbolic link in /etc. */
#define JEMALLOC_CONFIG_ENV
#define JEMALLOC_CONFIG_FILE
#define JEMALLOC_OVERRIDE_MEMALIGN
#define JEMALLOC_OVERRIDE_VALLOC
#define JEMALLOC_OVERRIDE_PVALLOC

/* malloc_usable_size() takes what libc's takes. */
#if defined(__linux__)
#define JEMALLOC_USABLE_SIZE_CONST
#else
#define JEMALLOC_USABLE_SIZE_CONST const
#endif

/* ---- attributes ---- */

#if defined(__GNUC__)
#define JEMALLOC_HAVE_ATTR
#define JEMALLOC_HAVE_ATTR_ALLOC_SIZE
#define JEMALLOC_HAVE_ATTR_FORMAT_ARG
#define JEMALLOC_HAVE_ATTR_FORMAT_PRINTF
#define JEMALLOC_HAVE_ATTR_COLD
#define JEMALLOC_ATTR(s) __attribute__((s))
#define JEMALLOC_ALLOC_SIZE(s) JEMALLOC_ATTR(alloc_size(s))
#define JEMALLOC_ALLOC_SIZE2(s1, s2) JEMALLOC_ATTR(alloc_size(s1, s2))
#define JEMALLOC_FORMAT_ARG(i) JEMALLOC_ATTR(format_arg(i))
#define JEMALLOC_FORMAT_PRINTF(s, i) JEMALLOC_ATTR(format(printf, s, i))
#if defined(__clang__)
#define JEMALLOC_WARN_ON_USAGE(text) JEMALLOC_ATTR(deprecated(text))
#else
#define JEMALLOC_HAVE_ATTR_FORMAT_GNU_PRINTF
#define JEMALLOC_WARN_ON_USAGE(text) JEMALLOC_ATTR(warning(text))
#endif
#if defined(__has_attribute)
#if __has_attribute(fallthrough)
#define JEMALLOC_HAVE_ATTR_FALLTHROUGH
#define JEMALLOC_FALLTHROUGH JEMALLOC_ATTR(fallthrough)
#endif
#endif
#else
#define JEMALLOC_ATTR(s)
#define JEMALLOC_ALLOC_SIZE(s)
#define JEMALLOC_ALLOC_SIZE2(s1, s2)
#define JEMALLOC_FORMAT_ARG(i)
#define JEMALLOC_FORMAT_PRINTF(s, i)
#define JEMALLOC_WARN_ON_USAGE(text)
#endif
#ifndef JEMALLOC_FALLTHROUGH
#define JEMALLOC_FALLTHROUGH
#endif
#define JEMALLOC_ALIGNED(s) JEMALLOC_ATTR(aligned(s))
#ifndef JEMALLOC_EXPORT
#define JEMALLOC_EXPORT JEMALLOC_ATTR(visibility("default"))
#endif
#define JEMALLOC_NOINLINE JEMALLOC_ATTR(noinline)
#define JEMALLOC_NOTHROW JEMALLOC_ATTR(nothrow)
#define JEMALLOC_SECTION(s) JEMALLOC_ATTR(section(s))
#define JEMALLOC_COLD JEMALLOC_ATTR(cold)
#define JEMALLOC_RESTRICT_RETURN
#define JEMALLOC_ALLOCATOR

/* glibc declares what it replaces as never throwing; C++ wants all declarations to agree. */
#if defined(__cplusplus) && defined(__GLIBC__)
#define JEMALLOC_USE_CXX_THROW
#if __cplusplus >= 201103L
#define JEMALLOC_CXX_THROW noexcept(true)
#else
#define JEMALLOC_CXX_THROW throw()
#endif
#else
#define JEMALLOC_CXX_THROW
#endif
#if defined(__cplusplus) && (defined(__FreeBSD__) || defined(__APPLE__))
#define JEMALLOC_SYS_NOTHROW
#else
#define JEMALLOC_SYS_NOTHROW JEMALLOC_NOTHROW
#endif

/* ---- names ---- */

#ifdef JEMALLOC_MANGLE
#ifndef JEMALLOC_NO_DEMANGLE
#define JEMALLOC_NO_DEMANGLE
#endif
#endif

/* The right-hand sides are the library's names. */
#ifndef JEMALLOC_NO_RENAME
#define je_aligned_alloc aligned_alloc
#define je_calloc calloc
#define je_dallocx dallocx
#define je_free free
#define je_free_aligned_sized free_aligned_sized
#define je_free_sized free_sized
#define je_mallctl mallctl
#define je_mallctlbymib mallctlbymib
#define je_mallctlnametomib mallctlnametomib
#define je_malloc malloc
#define je_malloc_conf malloc_conf
#define je_malloc_conf_2_conf_harder malloc_conf_2_conf_harder
#define je_malloc_message malloc_message
#define je_malloc_stats_print malloc_stats_print
#define je_malloc_usable_size malloc_usable_size
#define je_mallocx mallocx
#define je_memalign memalign
#define je_nallocx nallocx
#define je_posix_memalign posix_memalign
#define je_pvalloc pvalloc
#define je_rallocx rallocx
#define je_realloc realloc
#define je_sallocx sallocx
#define je_sdallocx sdallocx
#define je_valloc valloc
#define je_xallocx xallocx
#endif

/* ---- flags of the *allocx functions ---- */

/*
 *  31          20 19           8   6  5       0
 * | arena + 1    | tcache + 2   | |Z|  | lg(alignment) |      0 in a field: no demand
 */

/* Alignment to 1 << la. */
#define MALLOCX_LG_ALIGN(la) ((int)(la))
/* Alignment to a, a power of two. */
#if LG_SIZEOF_PTR == 2
#define MALLOCX_ALIGN(a) ((int)(ffs((int)(a)) - 1))
#else
#define MALLOCX_ALIGN(a)                                                                           \
    ((int)(((size_t)(a) < (size_t)INT_MAX) ? ffs((int)(a)) - 1                                     \
                                           : ffs((int)(((size_t)(a)) >> 32)) + 31))
#endif
/* All bytes zero. */
#define MALLOCX_ZERO ((int)0x40)
/* By way of the explicit thread cache tc (control tcache.create), or of none. */
#define MALLOCX_TCACHE(tc) ((int)(((tc) + 2) << 8))
#define MALLOCX_TCACHE_NONE MALLOCX_TCACHE(-1)
/* From arena a. Unlike jemalloc, this alone is enough: no cached object of another arena is given. */
#define MALLOCX_ARENA(a) ((int)((((unsigned)(a)) + 1U) << 20))

/* As arena index in controls: all arenas together, and those that were destroyed. Plain numbers, so that
 * they can be made part of a name. */
#define MALLCTL_ARENAS_ALL 4096
#define MALLCTL_ARENAS_DESTROYED 4097

/* ---- variables ---- */

/* Options, as in MALLOC_CONF: "key:value,key:value". A program may define these with an initialiser; they
 * are read once, before main. The second one beats the environment. */
extern JEMALLOC_EXPORT const char *je_malloc_conf;
extern JEMALLOC_EXPORT const char *je_malloc_conf_2_conf_harder;

/* Where messages go, zero-terminated; NULL: to file descriptor 2. It must not allocate. cbopaque is that
 * of malloc_stats_print() when it was called without a write_cb, otherwise NULL. */
extern JEMALLOC_EXPORT void (*je_malloc_message)(void *cbopaque, const char *s);

/* ---- C, POSIX and GNU; see the standards, and docs/decisions/0004 for what they leave open ---- */

JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_malloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1);
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_calloc(size_t num, size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc)
    JEMALLOC_ALLOC_SIZE2(1, 2);
JEMALLOC_EXPORT int JEMALLOC_SYS_NOTHROW je_posix_memalign(void **memptr, size_t alignment,
                                                           size_t size) JEMALLOC_CXX_THROW
    JEMALLOC_ATTR(nonnull(1));
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_aligned_alloc(size_t alignment, size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc)
    JEMALLOC_ALLOC_SIZE(2);
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_realloc(void *ptr, size_t size) JEMALLOC_CXX_THROW JEMALLOC_ALLOC_SIZE(2);
JEMALLOC_EXPORT void JEMALLOC_SYS_NOTHROW je_free(void *ptr) JEMALLOC_CXX_THROW;
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_memalign(size_t alignment, size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc);
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_valloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc);
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_SYS_NOTHROW *
je_pvalloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_ATTR(malloc);

/* Free an object whose size (and alignment), as asked for, are known (C23). NULL is allowed, and a wrong
 * size does no harm. errno is kept. */
JEMALLOC_EXPORT void JEMALLOC_SYS_NOTHROW je_free_sized(void *ptr, size_t size) JEMALLOC_CXX_THROW;
JEMALLOC_EXPORT void JEMALLOC_SYS_NOTHROW je_free_aligned_sized(void *ptr, size_t alignment,
                                                                size_t size) JEMALLOC_CXX_THROW;

/* Bytes that may be used at ptr, at least those asked for; 0 for NULL. */
JEMALLOC_EXPORT size_t JEMALLOC_SYS_NOTHROW
je_malloc_usable_size(JEMALLOC_USABLE_SIZE_CONST void *ptr) JEMALLOC_CXX_THROW;

/* ---- the extended interface: the flags are MALLOCX_...() joined by | ---- */

/* An object of at least size bytes; NULL and ENOMEM when there is no memory, NULL and EINVAL when there
 * is no such arena or cache. Size 0 is taken as 1. */
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_NOTHROW *
je_mallocx(size_t size, int flags) JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1);

/* Resizes the object, moving it if need be. With MALLOCX_ZERO, bytes beyond the old usable size are zero.
 * NULL and the same errors on failure, when the object is as it was. */
JEMALLOC_EXPORT JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_NOTHROW *
je_rallocx(void *ptr, size_t size, int flags) JEMALLOC_ALLOC_SIZE(2);

/* Resizes the object where it is, to between size and size + extra. Returns its usable size, which is the
 * old one when it could not be changed. */
JEMALLOC_EXPORT size_t JEMALLOC_NOTHROW je_xallocx(void *ptr, size_t size, size_t extra, int flags);

/* The usable size of a live object. */
JEMALLOC_EXPORT size_t JEMALLOC_NOTHROW je_sallocx(const void *ptr, int flags) JEMALLOC_ATTR(pure);

/* Frees an object, by way of the cache the flags ask for. */
JEMALLOC_EXPORT void JEMALLOC_NOTHROW je_dallocx(void *ptr, int flags);

/* The same, knowing the size and alignment it was asked for with. errno is kept. */
JEMALLOC_EXPORT void JEMALLOC_NOTHROW je_sdallocx(void *ptr, size_t size, int flags);

/* The usable size that mallocx() would give, without allocating; 0 when it never could. */
JEMALLOC_EXPORT size_t JEMALLOC_NOTHROW je_nallocx(size_t size, int flags) JEMALLOC_ATTR(pure);

/* Reads the control into *oldp and then writes *newp to it; either may be left out (NULL). *oldlenp says how
 * much room there is, and afterwards how much was read. 0, or EINVAL: a length is not the value's, or the value
 * is refused; ENOENT: no such control; EPERM: not readable or not writable; EAGAIN: no memory;
 * EFAULT: the action failed. */
JEMALLOC_EXPORT int JEMALLOC_NOTHROW je_mallctl(const char *name, void *oldp, size_t *oldlenp,
                                                void *newp, size_t newlen);

/* Translates a name, or the first parts of one, into numbers that mallctlbymib() finds faster. *miblenp says
 * how many fit, and afterwards how many there are. Index parts may be changed in between. */
JEMALLOC_EXPORT int JEMALLOC_NOTHROW je_mallctlnametomib(const char *name, size_t *mibp,
                                                         size_t *miblenp);
JEMALLOC_EXPORT int JEMALLOC_NOTHROW je_mallctlbymib(const size_t *mib, size_t miblen, void *oldp,
                                                     size_t *oldlenp, void *newp, size_t newlen);

/* Writes statistics to write_cb, or to malloc_message when that is NULL. opts: letters that leave parts out,
 * or choose another format, as ashlar(3) says. */
JEMALLOC_EXPORT void JEMALLOC_NOTHROW je_malloc_stats_print(void (*write_cb)(void *, const char *),
                                                            void *cbopaque, const char *opts);

/* ---- extent hooks: where an arena's memory comes from ---- */

typedef struct extent_hooks_s extent_hooks_t;

/* Memory at new_addr (anywhere, if NULL), a multiple of the page size; NULL when it refuses. *zero and *commit
 * are demands when true, otherwise they may be raised to what the memory is. The low byte of the
 * result may carry flags. */
typedef void *(extent_alloc_t)(extent_hooks_t *extent_hooks, void *new_addr, size_t size,
                               size_t alignment, bool *zero, bool *commit, unsigned arena_ind);
/* The memory cannot be given back to the system, as it is: it is never decayed. */
#define EXTENT_ALLOC_FLAG_PINNED 0x1U
#define EXTENT_ALLOC_FLAG_MASK 0xFFU

/* All of the following answer false when done, true when refused. A hook that is NULL always refuses. */
typedef bool(extent_dalloc_t)(extent_hooks_t *extent_hooks, void *addr, size_t size, bool committed,
                              unsigned arena_ind);
typedef void(extent_destroy_t)(extent_hooks_t *extent_hooks, void *addr, size_t size,
                               bool committed, unsigned arena_ind);
typedef bool(extent_commit_t)(extent_hooks_t *extent_hooks, void *addr, size_t size, size_t offset,
                              size_t length, unsigned arena_ind);
typedef bool(extent_decommit_t)(extent_hooks_t *extent_hooks, void *addr, size_t size,
                                size_t offset, size_t length, unsigned arena_ind);
typedef bool(extent_purge_t)(extent_hooks_t *extent_hooks, void *addr, size_t size, size_t offset,
                             size_t length, unsigned arena_ind);
typedef bool(extent_split_t)(extent_hooks_t *extent_hooks, void *addr, size_t size, size_t size_a,
                             size_t size_b, bool committed, unsigned arena_ind);
typedef bool(extent_merge_t)(extent_hooks_t *extent_hooks, void *addr_a, size_t size_a,
                             void *addr_b, size_t size_b, bool committed, unsigned arena_ind);

/* Referenced, not copied: it must live as long as its arenas. */
struct extent_hooks_s {
    extent_alloc_t *alloc;
    extent_dalloc_t *dalloc;
    extent_destroy_t *destroy;
    extent_commit_t *commit;
    extent_decommit_t *decommit;
    extent_purge_t *purge_lazy;
    extent_purge_t *purge_forced;
    extent_split_t *split;
    extent_merge_t *merge;
};

/* ---- names again ---- */

#ifdef JEMALLOC_MANGLE
#define aligned_alloc je_aligned_alloc
#define calloc je_calloc
#define dallocx je_dallocx
#define free je_free
#define free_aligned_sized je_free_aligned_sized
#define free_sized je_free_sized
#define mallctl je_mallctl
#define mallctlbymib je_mallctlbymib
#define mallctlnametomib je_mallctlnametomib
#define malloc je_malloc
#define malloc_conf je_malloc_conf
#define malloc_conf_2_conf_harder je_malloc_conf_2_conf_harder
#define malloc_message je_malloc_message
#define malloc_stats_print je_malloc_stats_print
#define malloc_usable_size je_malloc_usable_size
#define mallocx je_mallocx
#define memalign je_memalign
#define nallocx je_nallocx
#define posix_memalign je_posix_memalign
#define pvalloc je_pvalloc
#define rallocx je_rallocx
#define realloc je_realloc
#define sallocx je_sallocx
#define sdallocx je_sdallocx
#define valloc je_valloc
#define xallocx je_xallocx
#endif

#ifndef JEMALLOC_NO_DEMANGLE
#undef je_aligned_alloc
#undef je_calloc
#undef je_dallocx
#undef je_free
#undef je_free_aligned_sized
#undef je_free_sized
#undef je_mallctl
#undef je_mallctlbymib
#undef je_mallctlnametomib
#undef je_malloc
#undef je_malloc_conf
#undef je_malloc_conf_2_conf_harder
#undef je_malloc_message
#undef je_malloc_stats_print
#undef je_malloc_usable_size
#undef je_mallocx
#undef je_memalign
#undef je_nallocx
#undef je_posix_memalign
#undef je_pvalloc
#undef je_rallocx
#undef je_realloc
#undef je_sallocx
#undef je_sdallocx
#undef je_valloc
#undef je_xallocx
#endif

#ifdef __cplusplus
}
#endif

#endif

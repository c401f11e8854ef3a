/*
 * malloc.c: the C library's allocation functions. What each must do is said in include/ashlar.h and in
 * the C and POSIX standards; what they leave open is answered as docs/decisions/0004-semantics.md says.
 *
 * Every function here only checks its arguments and calls the alloc layer.
 */
#include <errno.h>
#include <malloc.h>

#include "alloc/fast.h"
#include "alloc/object.h"
#include "api/names.h"
#include "base/upcall.h"
#include "cache/event.h"
#include "heap/large.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "report/report.h"
#include "stats/snapshot.h"

/* Prototypes for names that the system's headers may lack, or that carry the tests' prefix. */
void *API(malloc)(size_t size);
void *API(calloc)(size_t count, size_t size);
void *API(realloc)(void *p, size_t size);
void *API(reallocarray)(void *p, size_t count, size_t size);
void API(free)(void *p);
void API(free_sized)(void *p, size_t size);
void API(free_aligned_sized)(void *p, size_t alignment, size_t size);
int API(posix_memalign)(void **result, size_t alignment, size_t size);
void *API(aligned_alloc)(size_t alignment, size_t size);
void *API(memalign)(size_t alignment, size_t size);
void *API(valloc)(size_t size);
void *API(pvalloc)(size_t size);
size_t API(malloc_usable_size)(void *p);
int API(malloc_trim)(size_t pad);
struct mallinfo API(mallinfo)(void);
struct mallinfo2 API(mallinfo2)(void);
int API(mallopt)(int parameter, int value);
void API(malloc_stats)(void);

EXPORT void *API(malloc)(size_t size) {
    return fast_malloc(size);
}

EXPORT void API(free)(void *p) {
    fast_free(p);
}

/* Sizes given to sized frees are not needed to find the object, and wrong ones do no harm. */
EXPORT void API(free_sized)(void *p, size_t size) {
    (void)size;
    fast_free_or(p, slow_free_sized);
}

EXPORT void API(free_aligned_sized)(void *p, size_t alignment, size_t size) {
    (void)alignment;
    (void)size;
    fast_free_or(p, slow_free_aligned_sized);
}

EXPORT void *API(calloc)(size_t count, size_t size) {
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        return slow_no_memory();
    }
    return object_alloc_zeroed(bytes);
}

static void *realloc_to_zero(void *p) {
    atomic_fetch_add_explicit(&object_zero_reallocs, 1, memory_order_relaxed);
    switch ((enum opt_zero_realloc)opts.zero_realloc) {
    case ZERO_REALLOC_ALLOC:
        return object_resize(p, 1, "realloc");
    case ZERO_REALLOC_ABORT:
        fatal_pointer("realloc", p, "called with size 0 (zero_realloc:abort)");
    case ZERO_REALLOC_FREE:
    default:
        fast_free_or(p, slow_realloc_to_zero);
        return NULL;
    }
}

EXPORT void *API(realloc)(void *p, size_t size) {
    if (unlikely(p == NULL)) {
        return fast_malloc(size);
    }
    if (unlikely(size == 0)) {
        return realloc_to_zero(p);
    }
    return object_resize(p, size, "realloc");
}

EXPORT void *API(reallocarray)(void *p, size_t count, size_t size) {
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes))) {
        return slow_no_memory();
    }
    return API(realloc)(p, bytes);
}

/* A bad alignment: EINVAL, or with xmalloc the end. */
static int bad_alignment(const char *call) {
    if (opts.xmalloc) {
        char text[128];
        struct fmt out;
        fmt_init(&out, text, sizeof(text));
        fmt_str(&out, call);
        fmt_str(&out, ": alignment is not a power of two (xmalloc:true)");
        fatal(text);
    }
    return EINVAL;
}

EXPORT int API(posix_memalign)(void **result, size_t alignment, size_t size) {
    if (unlikely(!is_power_of_two(alignment) || alignment < sizeof(void *))) {
        return bad_alignment("posix_memalign");
    }
    int saved = errno;
    void *object = object_alloc_aligned(size, alignment);
    errno = saved;
    if (unlikely(object == NULL)) {
        return ENOMEM;
    }
    *result = object;
    return 0;
}

EXPORT void *API(aligned_alloc)(size_t alignment, size_t size) {
    if (unlikely(!is_power_of_two(alignment))) {
        errno = bad_alignment("aligned_alloc");
        return NULL;
    }
    return object_alloc_aligned(size, alignment);
}

EXPORT void *API(memalign)(size_t alignment, size_t size) {
    if (unlikely(!is_power_of_two(alignment))) {
        errno = bad_alignment("memalign");
        return NULL;
    }
    return object_alloc_aligned(size, alignment);
}

EXPORT void *API(valloc)(size_t size) {
    return object_alloc_aligned(size, purge_page_size);
}

EXPORT void *API(pvalloc)(size_t size) {
    size_t rounded = round_up(size, purge_page_size);
    if (unlikely(rounded < size)) {
        return slow_no_memory();
    }
    return object_alloc_aligned(rounded, purge_page_size);
}

EXPORT size_t API(malloc_usable_size)(void *p) {
    return object_usable(p, "malloc_usable_size");
}

/* Returns everything unused to the system; `pad` is of no use here. 1: memory was returned. */
EXPORT int API(malloc_trim)(size_t pad) {
    (void)pad;
    uint64_t before = arenas_returned_bytes();
    event_trim_all();
    return arenas_returned_bytes() != before;
}

/* All zero when there is no memory for a snapshot. */
EXPORT struct mallinfo2 API(mallinfo2)(void) {
    struct snapshot *now = upcalls.start() ? snapshot_take() : NULL;
    if (now == NULL) {
        return (struct mallinfo2){0};
    }
    const struct arena_snapshot *all = now->merged;
    struct mallinfo2 info = {
        .arena = now->mapped,
        .ordblks = all->tcache_objects,
        .hblks = (size_t)(all->large.nmalloc - all->large.ndalloc),
        .hblkhd = all->large.allocated,
        .uordblks = now->allocated,
        .fordblks = now->mapped - now->allocated,
        .keepcost = all->dirty_bytes,
    };
    snapshot_drop(now);
    return info;
}

/* The fields are int, so they wrap above 2 GiB; mallinfo2 does not. */
EXPORT struct mallinfo API(mallinfo)(void) {
    struct mallinfo2 wide = API(mallinfo2)();
    return (struct mallinfo){
        .arena = (int)wide.arena,
        .ordblks = (int)wide.ordblks,
        .hblks = (int)wide.hblks,
        .hblkhd = (int)wide.hblkhd,
        .uordblks = (int)wide.uordblks,
        .fordblks = (int)wide.fordblks,
        .keepcost = (int)wide.keepcost,
    };
}

/* Parameters of glibc's malloc mean nothing here; accepted, so that programs which set them run. */
EXPORT int API(mallopt)(int parameter, int value) {
    (void)parameter;
    (void)value;
    return 1;
}

EXPORT void API(malloc_stats)(void) {
    if (upcalls.start()) {
        report_print(NULL, NULL, NULL);
    }
}

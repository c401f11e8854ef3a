/*
 * slow.h: everything fast.h tail-calls.
 *
 * All functions may be called by any thread in any state, set errno to ENOMEM when they return NULL
 * for want of memory, and honour the options zero, junk and xmalloc. `thread` is what thread_enter()
 * said; usable bytes are counted for it.
 */
#ifndef ASHLAR_ALLOC_SLOW_H
#define ASHLAR_ALLOC_SLOW_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct thread;

/* The calling thread's bin of the class is empty, or must not be used. */
void *slow_malloc(unsigned class);
/* Any request above SIZECLASS_TABLE_MAX. */
void *slow_malloc_medium(size_t request);
/* A request without a class. */
void *slow_malloc_large(size_t request);
/* The same, aligned or zeroed. `alignment` is a power of two, 1: none. */
void *slow_malloc_large_with(size_t request, size_t alignment, bool zero);
/* The same as slow_malloc_large, with `room` bytes behind the object that it can grow into (heap/large.h). */
void *slow_malloc_large_growing(size_t request, size_t room);
/* The countdown of the class has ended with this allocation. */
void *slow_event(void *object, unsigned class);

/* p has class 0, or its bin has no room. The public function is what reports of bad pointers name. */
void slow_free(void *p);
void slow_free_sized(void *p);
void slow_free_aligned_sized(void *p);
void slow_realloc_to_zero(void *p);
void slow_delete(void *p);
void slow_dallocx(void *p);
void slow_sdallocx(void *p);

/* Past all caches: an object of this arena, and back to whatever arena it is of. */
void *slow_malloc_from(struct thread *thread, struct arena *arena, unsigned class);
void *slow_malloc_large_from(struct thread *thread, struct arena *arena, size_t request,
                             size_t alignment, bool zero);
void slow_free_small_uncached(struct thread *thread, unsigned class, void *p);
void slow_free_large_uncached(struct thread *thread, void *p, const char *call);
/* Into a cache, which may make room for it. false: not taken. */
bool slow_cache(struct thread *cache, unsigned class, void *p);

/* Fills bytes that have just become the program's as the options zero and junk ask. */
void slow_dress(void *bytes, size_t n);

/* xmalloc: reports and aborts; otherwise sets errno and returns NULL. */
void *slow_no_memory(void);

#endif

/*
 * large.h: objects that are too large, or too strictly aligned, for a size class.
 *
 * Usable sizes are multiples of the page size. Up to 2 MiB an object is a run of granules in a chunk,
 * beyond that a series of chunks. It may hold more granules than it uses, to grow into. Objects begin on a
 * granule, so they are 16 KiB-aligned at least.
 * Locks: the arena's pages' own. Whoever has a pointer asks large_find() first; large_report() says what
 * a pointer looks like that is no object.
 */
#ifndef ASHLAR_HEAP_LARGE_H
#define ASHLAR_HEAP_LARGE_H

#include "heap/arena.h"
#include "opt/opt.h"
#include "pages/purge.h"

/* request <= PTRDIFF_MAX; alignment a power of two (1: none). NULL when there is no memory. */
void *large_alloc(struct arena *arena, size_t request, size_t alignment, bool zero);

/* The same for one that may go on growing: `room` more bytes are kept free behind it for large_resize(), if there is
 * memory for them. They are no part of its usable size. */
void *large_alloc_growing(struct arena *arena, size_t request, size_t room);

/* Zeroes a large object. Returns it. */
void *large_clear(void *object, size_t usable);

/* What a large object is, once found. */
struct large {
    struct chunk *chunk; /* its (first) chunk; NULL: there is no such object */
    struct run *run;     /* NULL: it spans chunks */
};

/* The live large object that begins at p, if there is one. */
struct large large_find(const void *p);
size_t large_usable(struct large large);

void large_free(struct large large);
/* Grows or shrinks in place to hold `request` bytes; false when that is not possible. */
bool large_resize(struct large large, size_t request);
/* Moves the contents of `from` into `to`, which is larger, by page tables, and frees `from`; bytes of
 * `to` behind the usable size of `from` may hold anything afterwards. false, and nothing done, where
 * copying is the better or only way. */
bool large_move(struct large from, struct large to);

/* p is not an object that `call` may be given: says what it looks like, and aborts. */
_Noreturn void large_report(const char *call, const void *p);

/* request rounded up to a class, by the option disable_large_size_classes:false; at most PTRDIFF_MAX */
size_t large_class_size(size_t request);

/* request rounded up to the page size in force, or to a class */
static inline size_t large_round(size_t request) {
    if (unlikely(!opts.disable_large_size_classes)) {
        request = large_class_size(request);
    }
    return round_up(request, purge_page_size);
}

/* The usable size that large_alloc(request) gives. */
size_t large_usable_for(size_t request);

#endif

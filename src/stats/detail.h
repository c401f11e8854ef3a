/*
 * detail.h: how an arena's unused memory is cut up, and how full its chunks are, as it is right now.
 *
 * Found by walking the arena's chunks, so it is asked for by itself; the arena's page lock is held for
 * some chunks at a time.
 */
#ifndef ASHLAR_STATS_DETAIL_H
#define ASHLAR_STATS_DETAIL_H

#include "heap/arenas.h"

/* Runs of unused pages by length: one page, two, three, four, then four classes per doubling. */
enum { NPAGE_CLASSES = 199 };

struct extents_detail {
    size_t ndirty;
    size_t nmuzzy;
    size_t nretained; /* unused, and without memory */
    size_t npinned;
    size_t dirty_bytes;
    size_t muzzy_bytes;
    size_t retained_bytes;
    size_t pinned_bytes;
};

/* Chunks that are cut into runs. Huge ones are those the system was asked to back by huge pages. */
struct slabs_detail {
    size_t npageslabs_nonhuge;
    size_t npageslabs_huge;
    size_t active_bytes_nonhuge;
    size_t active_bytes_huge;
    size_t dirty_bytes_nonhuge;
    size_t dirty_bytes_huge;
    size_t retained_bytes_nonhuge;
};

enum { NONFULL_CLASSES = 64 };

struct detail {
    struct extents_detail extents[NPAGE_CLASSES];
    struct slabs_detail slabs; /* all of them */
    struct slabs_detail full;
    struct slabs_detail empty;
    struct slabs_detail nonfull[NONFULL_CLASSES]; /* by the class of the longest unused run */
};

/* Adds one arena's to *detail. */
void detail_add(struct detail *detail, struct arena *arena);

/* Class of a run of `bytes`, which need not be whole pages, and the longest run of a class. */
unsigned detail_page_class(size_t bytes);
size_t detail_page_class_size(unsigned class);

#endif

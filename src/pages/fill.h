/*
 * fill.h: which chunk serves the next run.
 *
 * Holds: chunks with free granules in lists by `longest`, an upper bound of their longest free run.
 * The chunk with the smallest sufficient bound serves, so that crowded chunks fill up and sparse ones
 * drain until they are whole again: fewer chunks in use, and each can stay one huge page.
 * Locks: the owner's (pages.h).
 */
#ifndef ASHLAR_PAGES_FILL_H
#define ASHLAR_PAGES_FILL_H

#include "pages/chunk.h"

/* All zero is empty. */
struct fill {
    struct list by_longest[CHUNK_GRANULES + 1]; /* index 0 stays empty: nothing free, not listed */
    bits128 nonempty;                           /* bit i: by_longest[i + 1] has members */
};

/* Puts a chunk where its `longest` says, from wherever it was. */
void fill_update(struct fill *fill, struct chunk *chunk, unsigned longest);
/* Takes a chunk out of the lists. */
void fill_remove(struct fill *fill, struct chunk *chunk);

/* Chunk and first granule for n granules at `alignment` granules; NULL when no chunk has room. */
struct chunk *fill_find(struct fill *fill, unsigned n, unsigned alignment, unsigned *first);

#endif

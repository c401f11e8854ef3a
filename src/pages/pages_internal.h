/*
 * pages_internal.h: what region.c and hooked.c share. The caller holds the space's lock.
 */
#ifndef ASHLAR_PAGES_PAGES_INTERNAL_H
#define ASHLAR_PAGES_PAGES_INTERNAL_H

#include "pages/region.h"

/* A descriptor for a region of n chunks, all zero but for what only this function sets; NULL: no memory. */
struct region *region_descriptor(struct space *space, size_t nchunks);
/* Its chunks become free, as far as they can be used. */
void region_enter_map(struct region *region);
/* The last one of the space's regions. */
void region_append(struct space *space, struct region *region);
/* Free chunks leave the space; what they count as dirty leaves their last owner's account. */
void region_take(struct region *region, size_t first, size_t n);
/* First index at or after `first` whose address is a multiple of `alignment` chunks. */
size_t region_align(const struct region *region, size_t first, size_t alignment);

#endif

/*
 * slots.h: how many objects of each class one magazine of a thread may hold, as the options say.
 *
 * A thread keeps two magazines of a class, so what options and ranges state is twice as much.
 */
#ifndef ASHLAR_CACHE_SLOTS_H
#define ASHLAR_CACHE_SLOTS_H

#include <stdint.h>

#include "heap/sizeclass.h"

enum { SLOTS_MAX = 252 }; /* what the largest magazine holds */

/* What a new thread has: tcache_nslots_small_min and its kind, then tcache_ncached_max. */
void slots_by_options(uint8_t slots[NCLASSES]);

/* What a valid list of ranges (opt/ranges.h) says, for the sizes in it. */
void slots_by_ranges(uint8_t slots[NCLASSES], const char *ranges, const char *end);

#endif

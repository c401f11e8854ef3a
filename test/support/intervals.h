/*
 * intervals.h: a set of address ranges that must not overlap.
 *
 * Usage:      the model enters the usable range of every live object after it was allocated, and
 *             takes it out before it is freed, so two live objects that share a byte are found at
 *             once, also when they belong to different threads.
 * Invariants: ranges are not empty and do not overlap; the set never holds more than its capacity.
 * Locks:      a shared set has one lock, taken inside; a private set has none. Around fork(), call
 *             intervals_freeze() before and intervals_thaw() after, in parent and child.
 * Memory:     mapped from the system, never from the allocator under test.
 */
#ifndef ASHLAR_TEST_SUPPORT_INTERVALS_H
#define ASHLAR_TEST_SUPPORT_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intervals;

struct intervals *intervals_create(size_t capacity, bool shared);
void intervals_destroy(struct intervals *set);

/* True when [start, start + size) was entered; false when it overlaps the range stored in
 * *found_start and *found_size, and nothing changed. size > 0. */
bool intervals_insert(struct intervals *set, uintptr_t start, size_t size, uintptr_t *found_start,
                      size_t *found_size);

/* Takes out the range that begins at start; false when there is none. */
bool intervals_remove(struct intervals *set, uintptr_t start);

size_t intervals_count(const struct intervals *set);

void intervals_freeze(struct intervals *set);
void intervals_thaw(struct intervals *set);

#endif

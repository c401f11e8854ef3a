/*
 * reset.h: all objects of a manual arena end at once.
 *
 * As in jemalloc the caller sees to it that no other thread uses the arena or its objects meanwhile, and
 * that no explicit cache holds any. What other threads do by the way, purging and trimming, is kept out
 * here.
 */
#ifndef ASHLAR_HEAP_RESET_H
#define ASHLAR_HEAP_RESET_H

#include "heap/arena.h"

/* Frees every object of a manual arena. */
void arena_reset(struct arena *arena);

/* Frees everything and gives all chunks away; what is dirty goes to the account of `heir`. */
void arena_retire(struct arena *arena, struct arena *heir);
/* Adds a retired arena's counters to `totals`, which nobody else writes meanwhile, and zeroes them. */
void arena_move_counters(struct arena *arena, struct arena *totals);

#endif

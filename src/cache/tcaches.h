/*
 * tcaches.h: caches that a program makes and passes to the *allocx functions (MALLOCX_TCACHE).
 *
 * Such a cache is a struct thread that belongs to no thread. It may hold objects of any arena, manual
 * ones too, so its magazines are filled from arenas and drained to them, and never meet a depot. Numbers
 * of destroyed caches are used again, the last one first.
 * Locks: threads_lock guards the numbers. One thread at a time may use a cache; the program sees to that.
 */
#ifndef ASHLAR_CACHE_TCACHES_H
#define ASHLAR_CACHE_TCACHES_H

#include "cache/thread.h"

enum { TCACHES_MAX = 4094 };

/* A new cache's number. false: there is no memory, or no number left. */
bool tcaches_create(unsigned *id);

/* The cache of a number, or NULL when there is none. */
struct thread *tcaches_get(unsigned id);

/* Its objects go home. false: there is no such cache. */
bool tcaches_flush(unsigned id);
/* The same, and the number can be used again. */
bool tcaches_destroy(unsigned id);

#endif

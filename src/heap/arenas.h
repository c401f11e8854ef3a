/*
 * arenas.h: the arenas of the process, and which one a thread uses.
 *
 * Arena 0 exists from the start; others are created when threads need them, up to twice the CPUs the
 * process may really use (or the option narenas). A thread is bound to the least used one.
 * Locks: arenas_lock guards creation and binding; looking one up needs no lock.
 */
#ifndef ASHLAR_HEAP_ARENAS_H
#define ASHLAR_HEAP_ARENAS_H

#include "heap/arena.h"

enum { ARENAS_MAX = 4095 };

/* The address space all arenas share. */
extern struct space arenas_space;
extern struct lock arenas_lock;

/* Creates arena 0; false when there is no memory. */
bool arenas_init(void);

/* Arena number i, or NULL when it was never created. Any thread. */
struct arena *arenas_get(unsigned i);
/* Indices below this may exist. */
unsigned arenas_count(void);
/* How many arenas threads are spread over at most. */
unsigned arenas_limit(void);

/* Counts the calling thread in and out. */
struct arena *arenas_bind(void);
void arenas_unbind(struct arena *arena);
/* In the child of a fork, whose only thread counts itself in again. */
void arenas_unbind_all(void);
void arenas_rebind(struct arena *arena);

/* Decay for every arena that is due, whoever asks. */
void arenas_decay(uint64_t now_ns);

void arenas_check(void);

#endif

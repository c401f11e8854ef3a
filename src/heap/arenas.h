/*
 * arenas.h: the arenas of the process, and which one a thread uses.
 *
 * Automatic arenas: number 0 exists from the start; others up to arenas_limit(), by default twice the
 * CPUs the process may really use (options narenas, narenas_ratio, percpu_arena), are created when threads
 * need them. A thread is bound to the least used one, or to that of its CPU.
 * Manual arenas: created on demand, with numbers from arenas_limit() up. Their objects never mix with
 * others in a cache. A destroyed one's number is used again, the last one first; its struct stays, so
 * that whoever still looks at it reads an arena that is empty.
 * Locks: arenas_lock guards creation, destruction, names and binding; looking one up needs no lock.
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

/* Arena number i, or NULL when there is none: not created yet, or destroyed. Any thread. */
struct arena *arenas_get(unsigned i);
/* Indices below this may exist. */
unsigned arenas_count(void);
/* How many arenas threads are spread over at most: the numbers of automatic arenas are below. */
unsigned arenas_limit(void);
/* The first arena that exists with a number of *i or more, NULL at the end; *i moves behind it. */
struct arena *arenas_next(unsigned *i);
/* The same beginning with number `first`, modulo arenas_count(), and once around; *n begins at 0. */
struct arena *arenas_next_around(unsigned first, unsigned *n);
/* Like arenas_next, but destroyed ones too: for fork. */
struct arena *arenas_next_raw(unsigned *i);
/* Automatic arena number i < arenas_limit(), created if need be. NULL: no memory, or no such number. */
struct arena *arenas_auto(unsigned i);

/* The arena for what is too large to be kept (option oversize_threshold); automatic, but no thread is
 * bound to it. NULL: no memory. */
struct arena *arenas_oversize(void);

/* A manual arena, or NULL: no memory, too many arenas, or hooks without alloc. hooks: where its memory
 * comes from; NULL: from the common space. The table is not copied. */
struct arena *arenas_create(extent_hooks_t *hooks);
/* Changes the hooks of an arena; *old: those before, unless NULL. false: they cannot allocate. */
bool arenas_set_hooks(struct arena *arena, extent_hooks_t *hooks, extent_hooks_t **old);
/* Frees all objects of a manual arena and ends it. false: threads are bound to it, or it is none. What
 * reset.h says of arena_reset holds. */
bool arenas_destroy(struct arena *arena);
/* An arena that holds nothing but the counters of all destroyed ones; NULL when none was destroyed. */
const struct arena *arenas_destroyed(void);

/* The arena in whose live slab, or live large object, p lies; NULL when p is nowhere like that. The
 * memory at p must not be freed meanwhile. */
struct arena *arenas_of_pointer(const void *p);

void arenas_read_name(const struct arena *arena, char name[ARENA_NAME]);
/* Keeps as much as fits. */
void arenas_rename(struct arena *arena, const char *name);

/* Counts the calling thread in and out. */
struct arena *arenas_bind(void);
void arenas_unbind(struct arena *arena);
/* The arena of the CPU the thread runs on (option percpu_arena), created if need be; NULL: no memory. */
struct arena *arenas_of_cpu(void);
/* Counts a thread in at an arena of its choice; false when that one has just been destroyed. */
bool arenas_bind_to(struct arena *arena);
/* In the child of a fork, whose only thread counts itself in again. */
void arenas_unbind_all(void);
void arenas_rebind(struct arena *arena);

/* Decay for every arena that is due, whoever asks. */
void arenas_decay(uint64_t now_ns);

/* Address space of all arenas: reserved, and of that readable and writable. */
void arenas_sum_spaces(size_t *reserved, size_t *committed);
/* Bytes given back to the system since the start. */
uint64_t arenas_returned_bytes(void);

void arenas_check(void);

#endif

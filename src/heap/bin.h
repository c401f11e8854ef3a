/*
 * bin.h: an arena's slabs of one class.
 *
 * Holds: partly full slabs in lists by how full they are, slabs that are all free, and counters. A full
 * slab is in no list until enough of its slots are free again to be worth a visit.
 * The fullest slab serves first, so that sparse ones drain and their granules can serve any class.
 * Locks: `lock` guards everything; bin_*_locked functions expect it.
 */
#ifndef ASHLAR_HEAP_BIN_H
#define ASHLAR_HEAP_BIN_H

#include "heap/slab.h"

enum { BIN_LISTS = 8, BIN_MAX_RELEASED = 16 };

struct bin {
    struct lock lock;
    uint32_t nonempty;              /* bit i: partial[i] has members */
    uint32_t nempty;                /* slabs in `empty` */
    struct list partial[BIN_LISTS]; /* 0: more than half is free .. 7: nearly full */
    struct list empty;              /* all slots free */
    struct list *cursor;            /* the next slab of a walk through a list; NULL: none is */
    /* Counters: written under the lock, read without. */
    _Atomic uint64_t nmalloc;  /* slots handed out */
    _Atomic uint64_t ndalloc;  /* slots that came back */
    _Atomic uint64_t nfills;   /* times slots were handed out */
    _Atomic uint64_t nflushes; /* times slots came back */
    _Atomic uint64_t ncreated; /* slabs created */
    _Atomic uint64_t nopened;  /* times a slab that was all free began to serve */
    _Atomic size_t nslabs;     /* slabs now */
    _Atomic size_t nfull;      /* slabs in no list, but for the next */
    _Atomic size_t nhidden;    /* slabs of which pages are being given back */
    _Atomic size_t absent;     /* bytes of slabs that were given back, and not used since */
    _Atomic uint64_t walked; /* bin_changes() when all was walked through; written by scavenge.c */
} ALIGNED(CACHE_LINE);

/* *bin must be all zero. */
void bin_init(struct bin *bin);

/* Up to `want` slots of listed slabs, stored downwards from end[-1]; returns how many. */
unsigned bin_take_locked(struct bin *bin, void **end, unsigned want);
/* The slab that serves next; NULL: all are full. */
struct run *bin_next_locked(const struct bin *bin);
/* A new slab enters the bin. */
void bin_add_locked(struct bin *bin, struct run *slab);
/* What slab_put does, in the bin of the slab. */
unsigned bin_put_locked(struct bin *bin, const struct slab_object *objects, unsigned n);
/* Takes out slabs that are all free and more than the bin keeps (all: keeps none), at most
 * BIN_MAX_RELEASED; the caller destroys them without the lock. Returns how many. */
unsigned bin_surplus_locked(struct bin *bin, unsigned class, bool all,
                            struct run *released[BIN_MAX_RELEASED]);
/* Takes out a slab, whatever it holds, for good: its objects are forgotten. */
void bin_remove_locked(struct bin *bin, struct run *slab);

/* A slab leaves its list until it is shown again: nobody takes slots of it meanwhile, but they come back as
 * ever. One that changed meanwhile comes to the front of a list, as any that changes its list does, others
 * to the end. */
void bin_hide_locked(struct bin *bin, struct run *slab);
void bin_show_locked(struct bin *bin, struct run *slab);

/* List i of partly full slabs, or (BIN_LISTS) that of empty ones. */
static inline struct list *bin_list(struct bin *bin, unsigned i) {
    return i < BIN_LISTS ? &bin->partial[i] : &bin->empty;
}

/* The most free slots that a slab in that list can have; 0: it never has any. */
unsigned bin_list_most_free(unsigned class, unsigned i);

/* Another number whenever slots came or went. Any thread. */
static inline uint64_t bin_changes(const struct bin *bin) {
    return counter_read(&bin->nfills) + counter_read(&bin->nflushes);
}

void bin_check(struct bin *bin, unsigned class);

#endif

/*
 * hooks.h: extent hooks: functions of the program's that give an arena its address space.
 *
 * Holds: the table that <jemalloc/jemalloc.h> declares, filled with what the library does itself, and one
 * function per hook that calls it as it must be called:
 *   without any lock of ours, so that hooks may allocate and free;
 *   with upcalls.enter_hook, so that what they allocate does not come from the arena they work for;
 *   with errno kept; and an absent hook always refuses.
 * Our functions return true when the hook did what it was asked for; hooks return false then.
 */
#ifndef ASHLAR_PAGES_HOOKS_H
#define ASHLAR_PAGES_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its types alone: no name of a function of the library's gets declared. */
#define JEMALLOC_NO_RENAME
#include <jemalloc/jemalloc.h>

/* Maps and unmaps; what an arena without hooks of its own reports, and other hooks may call. */
extern extent_hooks_t hooks_default;

/* The table of one arena. */
struct hooks {
    extent_hooks_t *_Atomic table; /* NULL: none */
    unsigned arena;                /* its number, for the hooks; const once there is a table */
};

/* A part of an extent: what alloc returned, or what is left of it after splits. */
struct extent {
    uintptr_t base;
    size_t size;
};

/* NULL: refused, or what came back is not aligned. *zero, *commit, *pinned: what the hook says of it. */
void *hooks_alloc(struct hooks *hooks, size_t size, size_t alignment, bool *zero, bool *commit,
                  bool *pinned);
bool hooks_dalloc(struct hooks *hooks, struct extent extent, bool committed);
void hooks_destroy(struct hooks *hooks, struct extent extent, bool committed);
bool hooks_commit(struct hooks *hooks, struct extent extent, struct extent part);
bool hooks_decommit(struct hooks *hooks, struct extent extent, struct extent part);
bool hooks_purge_lazy(struct hooks *hooks, struct extent extent, struct extent part);
bool hooks_purge_forced(struct hooks *hooks, struct extent extent, struct extent part);
/* `first` bytes become an extent, the rest another. */
bool hooks_split(struct hooks *hooks, struct extent extent, size_t first, bool committed);
/* The opposite. */
bool hooks_merge(struct hooks *hooks, struct extent extent, size_t first, bool committed);

#endif

/*
 * hooked.h: a space whose regions come from extent hooks.
 *
 * Nothing here holds a lock while a hook runs. A region is what one call of alloc gave; it consists of
 * extents as the hooks know them, one at first, more after splits (region.h: starts).
 * One thread at a time disposes of a space's memory: it holds its arena's right to purge (purge.h). What
 * hooks are told of extents is true because nobody else rearranges them meanwhile (`rearranging`).
 */
#ifndef ASHLAR_PAGES_HOOKED_H
#define ASHLAR_PAGES_HOOKED_H

#include "pages/region.h"

static inline bool space_is_hooked(const struct space *space) {
    return atomic_load_explicit(&space->hooks.table, memory_order_relaxed) != NULL;
}

/* Commits or gets n adjacent chunks at a multiple of `alignment` chunks, so that space_take finds them, if
 * nobody is faster. false: the hooks refuse. */
bool hooked_provide(struct space *space, size_t n, size_t alignment);

/* Offers the memory of a chunk that space_take_purgeable took, and of unclean free ones around it, to the
 * hooks: purge_lazy if `lazily`; then dalloc, decommit, purge_forced, purge_lazy; if all refuse it is
 * just kept. Returns how many dirty, or with `muzzy` muzzy granules are none now; 0: this is inside a
 * hook, where it cannot be done. */
size_t hooked_dispose(struct space *space, struct chunk *chunk, struct page_owner *owner,
                      bool lazily, bool muzzy);

/* The same for a part of a cut chunk, which can only be purged. *lazily: what is wanted, and what was
 * done. false: it cannot be done inside a hook. */
bool hooked_purge(struct space *space, const struct chunk *chunk, void *address, size_t size,
                  bool muzzy, bool *lazily);

/* Every region goes back to the hooks: dalloc, or destroy. All chunks must be free. */
void hooked_end(struct space *space);

#endif

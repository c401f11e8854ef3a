/*
 * hooks.c: calling hooks, and the default ones.
 *
 * Locks: none are held, and none are taken.
 */
#include "pages/hooks.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/upcall.h"
#include "opt/opt.h"
#include "os/os.h"

/* ---- the default table -------------------------------------------------------------------------- */

static void *default_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment,
                           bool *zero, bool *commit, unsigned arena_ind) {
    (void)hooks;
    (void)arena_ind;
    size_t page = os_page_size();
    size_t slack = alignment > page ? alignment - page : 0;
    if (new_addr != NULL || size + slack < size) {
        return NULL;
    }
    char *mapped = os_page_ops.map(size + slack);
    if (mapped == NULL) {
        return NULL;
    }
    char *base = (char *)round_up((uintptr_t)mapped, alignment > page ? alignment : page);
    size_t before = (size_t)(base - mapped);
    if (before != 0) {
        os_page_ops.release(mapped, before);
    }
    if (slack != before) {
        os_page_ops.release(base + size, slack - before);
    }
    *zero = true;
    *commit = true;
    return base;
}

static bool default_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                           unsigned arena_ind) {
    (void)hooks;
    (void)committed;
    (void)arena_ind;
    if (!opts.retain) {
        os_page_ops.release(addr, size);
    }
    return opts.retain;
}

static void default_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                            unsigned arena_ind) {
    (void)hooks;
    (void)committed;
    (void)arena_ind;
    os_page_ops.release(addr, size);
}

/* Memory that is not used costs nothing once it is purged: there is nothing to commit or decommit. */
static bool default_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                           size_t length, unsigned arena_ind) {
    (void)hooks;
    (void)size;
    (void)arena_ind;
    return !os_page_ops.commit((char *)addr + offset, length);
}

static bool default_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                             size_t length, unsigned arena_ind) {
    (void)hooks;
    (void)addr;
    (void)size;
    (void)offset;
    (void)length;
    (void)arena_ind;
    return true;
}

static bool default_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                               size_t length, unsigned arena_ind) {
    (void)hooks;
    (void)size;
    (void)arena_ind;
    return !os_page_ops.purge_lazy((char *)addr + offset, length);
}

static bool default_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                                 size_t length, unsigned arena_ind) {
    (void)hooks;
    (void)size;
    (void)arena_ind;
    return !os_page_ops.purge((char *)addr + offset, length);
}

static bool default_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a,
                          size_t size_b, bool committed, unsigned arena_ind) {
    (void)hooks;
    (void)addr;
    (void)committed;
    (void)arena_ind;
    return size_a + size_b != size;
}

static bool default_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b,
                          size_t size_b, bool committed, unsigned arena_ind) {
    (void)hooks;
    (void)size_b;
    (void)committed;
    (void)arena_ind;
    return (char *)addr_a + size_a != (char *)addr_b;
}

extent_hooks_t hooks_default = {
    .alloc = default_alloc,
    .dalloc = default_dalloc,
    .destroy = default_destroy,
    .commit = default_commit,
    .decommit = default_decommit,
    .purge_lazy = default_purge_lazy,
    .purge_forced = default_purge_forced,
    .split = default_split,
    .merge = default_merge,
};

/* ---- calling ------------------------------------------------------------------------------------ */

struct call {
    extent_hooks_t *table;
    void *state;
    int saved_errno;
};

static struct call enter(const struct hooks *hooks) {
    return (struct call){.table = atomic_load_explicit(&hooks->table, memory_order_acquire),
                         .state = upcalls.enter_hook(),
                         .saved_errno = errno};
}

static void leave(const struct call *call) {
    upcalls.leave_hook(call->state);
    errno = call->saved_errno;
}

static void *address(struct extent extent) {
    return (void *)extent.base;
}

void *hooks_alloc(struct hooks *hooks, size_t size, size_t alignment, bool *zero, bool *commit,
                  bool *pinned) {
    *zero = false;
    *commit = false;
    struct call call = enter(hooks);
    uintptr_t got =
        (uintptr_t)call.table->alloc(call.table, NULL, size, alignment, zero, commit, hooks->arena);
    leave(&call);
    *pinned = (got & EXTENT_ALLOC_FLAG_PINNED) != 0;
    *commit = *commit || *pinned;
    uintptr_t base = got & ~(uintptr_t)EXTENT_ALLOC_FLAG_MASK;
    if (base != 0 && base % alignment != 0) {
        hooks_dalloc(hooks, (struct extent){base, size}, *commit);
        return NULL;
    }
    return (void *)base;
}

bool hooks_dalloc(struct hooks *hooks, struct extent extent, bool committed) {
    struct call call = enter(hooks);
    bool refused =
        call.table->dalloc == NULL ||
        call.table->dalloc(call.table, address(extent), extent.size, committed, hooks->arena);
    leave(&call);
    return !refused;
}

void hooks_destroy(struct hooks *hooks, struct extent extent, bool committed) {
    struct call call = enter(hooks);
    if (call.table->destroy != NULL) {
        call.table->destroy(call.table, address(extent), extent.size, committed, hooks->arena);
    }
    leave(&call);
}

/* The four hooks that work on a part share their shape. */
static bool call_on_part(const struct hooks *hooks, size_t field, struct extent extent,
                         struct extent part) {
    struct call call = enter(hooks);
    extent_purge_t *hook = *(extent_purge_t **)(void *)((char *)call.table + field);
    bool refused = hook == NULL || hook(call.table, address(extent), extent.size,
                                        part.base - extent.base, part.size, hooks->arena);
    leave(&call);
    return !refused;
}

bool hooks_commit(struct hooks *hooks, struct extent extent, struct extent part) {
    return call_on_part(hooks, offsetof(extent_hooks_t, commit), extent, part);
}

bool hooks_decommit(struct hooks *hooks, struct extent extent, struct extent part) {
    return call_on_part(hooks, offsetof(extent_hooks_t, decommit), extent, part);
}

bool hooks_purge_lazy(struct hooks *hooks, struct extent extent, struct extent part) {
    return call_on_part(hooks, offsetof(extent_hooks_t, purge_lazy), extent, part);
}

bool hooks_purge_forced(struct hooks *hooks, struct extent extent, struct extent part) {
    return call_on_part(hooks, offsetof(extent_hooks_t, purge_forced), extent, part);
}

bool hooks_split(struct hooks *hooks, struct extent extent, size_t first, bool committed) {
    struct call call = enter(hooks);
    bool refused = call.table->split == NULL ||
                   call.table->split(call.table, address(extent), extent.size, first,
                                     extent.size - first, committed, hooks->arena);
    leave(&call);
    return !refused;
}

bool hooks_merge(struct hooks *hooks, struct extent extent, size_t first, bool committed) {
    struct call call = enter(hooks);
    bool refused =
        call.table->merge == NULL ||
        call.table->merge(call.table, address(extent), first, (char *)address(extent) + first,
                          extent.size - first, committed, hooks->arena);
    leave(&call);
    return !refused;
}

/*
 * ctl_arenas.c: controls of arenas: what sizes there are, creating, changing and ending one.
 */
#include <string.h>

#include "cache/depot.h"
#include "cache/thread.h"
#include "ctl/ctl_internal.h"
#include "heap/arenas.h"
#include "heap/reset.h"
#include "heap/sizeclass.h"
#include "pages/lextent.h"

unsigned ctl_arenas_end(void) {
    unsigned limit = arenas_limit();
    unsigned count = arenas_count();
    return limit > count ? limit : count;
}

/* ---- one arena --------------------------------------------------------------------------------- */

int ctl_arena_initialized(struct ctl_call *c) {
    c->out.b = c->arena == MALLCTL_ARENAS_ALL ||
               (c->arena == MALLCTL_ARENAS_DESTROYED ? arenas_destroyed() != NULL
                                                     : arenas_get(c->arena) != NULL);
    return 0;
}

/* Calls an action for the arena that c names, or for all. Those that do not exist have nothing. */
static int for_arenas(const struct ctl_call *c, void (*action)(struct arena *arena)) {
    bool all = c->arena == MALLCTL_ARENAS_ALL;
    unsigned i = all ? 0 : c->arena;
    struct arena *arena = all ? arenas_next(&i) : arenas_get(i);
    while (arena != NULL) {
        action(arena);
        arena = all ? arenas_next(&i) : NULL;
    }
    return 0;
}

int ctl_arena_decay(struct ctl_call *c) {
    return for_arenas(c, arena_decay_now);
}

static void purge(struct arena *arena) {
    depots_trim(arena, true);
    arena_purge_now(arena);
}

int ctl_arena_purge(struct ctl_call *c) {
    return for_arenas(c, purge);
}

int ctl_arena_reset(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    if (arena == NULL || !arena_is_manual(arena)) {
        return EFAULT;
    }
    struct thread *self = thread_enter();
    if (self->arena == arena) {
        thread_flush_home(self); /* else it would give away objects that are gone */
    }
    arena_reset(arena);
    return 0;
}

int ctl_arena_destroy(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    return arena != NULL && arenas_destroy(arena) ? 0 : EFAULT;
}

int ctl_arena_dss(struct ctl_call *c) {
    const char *word = c->in != NULL ? c->in->text : "disabled";
    bool off = word != NULL && strcmp(word, "disabled") == 0;
    if (word == NULL || (!off && strcmp(word, "primary") != 0 && strcmp(word, "secondary") != 0)) {
        return EINVAL;
    }
    c->out.text = "disabled";
    return off && (c->arena == MALLCTL_ARENAS_ALL || arenas_get(c->arena) != NULL) ? 0 : EFAULT;
}

/* A row's offset is an enum page_state. */
int ctl_arena_decay_ms(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    if (arena == NULL) {
        return EFAULT;
    }
    c->out.ssize = arena_decay_ms(arena, c->row->offset);
    return c->in == NULL || arena_set_decay_ms(arena, c->row->offset, c->in->ssize) ? 0 : EFAULT;
}

/* An automatic arena that does not exist yet has the default hooks, and exists once it has others. */
int ctl_arena_hooks(struct ctl_call *c) {
    struct arena *arena = c->in != NULL ? arenas_auto(c->arena) : NULL;
    if (arena == NULL) {
        arena = arenas_get(c->arena);
    }
    if (arena == NULL && (c->in != NULL || c->arena >= arenas_limit())) {
        return EFAULT;
    }
    extent_hooks_t *hooks = arena != NULL ? arena_hooks(arena) : &hooks_default;
    if (c->in != NULL &&
        (c->in->pointer == NULL || !arenas_set_hooks(arena, c->in->pointer, &hooks))) {
        return EFAULT;
    }
    c->out.pointer = hooks;
    return 0;
}

int ctl_arena_grow_limit(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    if (!opts.retain) {
        return ENOENT; /* nothing is asked for beyond what is needed */
    }
    if (arena == NULL || (c->in != NULL && c->in->size < purge_page_size)) {
        return EFAULT;
    }
    c->out.size = arena_grow_limit(arena);
    if (c->in != NULL) {
        arena_set_grow_limit(arena, c->in->size);
    }
    return 0;
}

int ctl_arena_oversize(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    if (arena == NULL) {
        return EFAULT;
    }
    c->out.size = gauge_read(&arena->oversize_threshold);
    if (c->in != NULL) {
        atomic_store_explicit(&arena->oversize_threshold, c->in->size, memory_order_relaxed);
    }
    return 0;
}

int ctl_arena_name(struct ctl_call *c) {
    struct arena *arena = arenas_get(c->arena);
    bool reads = c->oldp != NULL && c->oldlenp != NULL;
    if ((reads && *c->oldlenp != sizeof(char *)) ||
        (c->newp != NULL && c->newlen != sizeof(char *))) {
        return EINVAL;
    }
    char *to = NULL;
    const char *from = NULL;
    if (reads) {
        memcpy(&to, c->oldp, sizeof(to));
    }
    if (c->newp != NULL) {
        memcpy(&from, c->newp, sizeof(from));
    }
    if ((reads && to == NULL) || (c->newp != NULL && from == NULL)) {
        return EINVAL;
    }
    if (arena == NULL) {
        return EFAULT;
    }
    if (to != NULL) {
        arenas_read_name(arena, to);
    }
    if (from != NULL) {
        arenas_rename(arena, from);
    }
    return 0;
}

/* ---- all arenas -------------------------------------------------------------------------------- */

int ctl_default_decay_ms(struct ctl_call *c) {
    c->out.ssize = arena_default_decay_ms(c->row->offset);
    return c->in == NULL || arena_set_default_decay_ms(c->row->offset, c->in->ssize) ? 0 : EFAULT;
}

int ctl_arenas_create(struct ctl_call *c) {
    extent_hooks_t *hooks = c->in != NULL ? c->in->pointer : NULL;
    if (hooks != NULL && hooks->alloc == NULL) {
        return EINVAL;
    }
    struct arena *arena = arenas_create(hooks);
    if (arena == NULL) {
        return EAGAIN;
    }
    c->out.u = arena->index;
    return 0;
}

int ctl_arenas_lookup(struct ctl_call *c) {
    struct arena *arena = c->in != NULL ? arenas_of_pointer(c->in->pointer) : NULL;
    if (arena == NULL) {
        return EINVAL;
    }
    c->out.u = arena->index;
    return 0;
}

int ctl_narenas(struct ctl_call *c) {
    c->out.u = ctl_arenas_end();
    return 0;
}

int ctl_page(struct ctl_call *c) {
    c->out.size = purge_page_size;
    return 0;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

int ctl_tcache_max(struct ctl_call *c) {
    c->out.size = sizeclasses[sizeclass_of(opts.tcache_max)].size;
    return 0;
}

int ctl_nhbins(struct ctl_call *c) {
    c->out.u = sizeclass_of(opts.tcache_max);
    return 0;
}

/* Class 0 is no class, so bin i is class i + 1. */
static const struct sizeclass *class_of(const struct ctl_call *c) {
    return &sizeclasses[c->index + 1];
}

int ctl_bin_size(struct ctl_call *c) {
    c->out.size = class_of(c)->size;
    return 0;
}

int ctl_bin_nregs(struct ctl_call *c) {
    c->out.u32 = class_of(c)->nslots;
    return 0;
}

int ctl_bin_slab_size(struct ctl_call *c) {
    c->out.size = (size_t)class_of(c)->slab_granules << LG_GRANULE;
    return 0;
}

int ctl_lextent_size(struct ctl_call *c) {
    c->out.size = lextent_size(c->index);
    return 0;
}

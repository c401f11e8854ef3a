/*
 * arena.c: filling from slabs and draining to them, a lock per bin and batch.
 *
 * Slabs are created and destroyed outside the bin's lock, so that whoever allocates the same class
 * meanwhile does not wait for the page layer.
 */
#include "heap/arena.h"

#include <string.h>

#include "base/upcall.h"
#include "heap/scavenge.h"
#include "opt/opt.h"
#include "os/fatal.h"

enum { DRAIN_BATCH = 128 };

/* Of the states' decay: set by a control, and not the option's value any more. */
static _Atomic ssize_t default_ms[PAGE_STATES];
static _Atomic bool default_is_set[PAGE_STATES];

static void forget_oversize_threshold(struct arena *arena) {
    atomic_store_explicit(&arena->oversize_threshold, opts.oversize_threshold,
                          memory_order_relaxed);
}

void arena_init(struct arena *arena, unsigned index, struct space *space) {
    arena->index = index;
    forget_oversize_threshold(arena);
    space_init(&arena->own);
    pages_init(&arena->pages, space, arena_default_decay_ms(PAGES_DIRTY),
               arena_default_decay_ms(PAGES_MUZZY));
    for (unsigned class = 0; class < NCLASSES; class ++) {
        bin_init(&arena->bins[class]);
        if (config_debug) { /* see bin_init */
            lock_init(&arena->depots[class].lock, RANK_DEPOT);
        }
    }
}

extent_hooks_t *arena_hooks(const struct arena *arena) {
    extent_hooks_t *table = atomic_load_explicit(&arena->own.hooks.table, memory_order_acquire);
    return table != NULL ? table : &hooks_default;
}

bool arena_set_hooks(struct arena *arena, extent_hooks_t *hooks) {
    if (hooks->alloc == NULL) {
        return false;
    }
    if (hooks == arena_hooks(arena)) {
        return true;
    }
    space_set_hooks(&arena->own, hooks, arena->index);
    pages_use_space(&arena->pages, &arena->own);
    return true;
}

size_t arena_grow_limit(const struct arena *arena) {
    return gauge_read(&arena->own.grow_limit);
}

void arena_set_grow_limit(struct arena *arena, size_t bytes) {
    atomic_store_explicit(&arena->own.grow_limit, bytes, memory_order_relaxed);
}

void arena_restart(struct arena *arena) {
    struct pages *pages = &arena->pages;
    purge_suspend(pages);
    pages_set_decay(pages, arena_default_decay_ms(PAGES_DIRTY),
                    arena_default_decay_ms(PAGES_MUZZY));
    scavenge_forget_locked(arena);
    purge_resume(pages);
    space_forget_growth(&arena->own);
    forget_oversize_threshold(arena);
}

ssize_t arena_decay_ms(const struct arena *arena, enum page_state state) {
    return decay_ms(&arena->pages.decay[state]);
}

bool arena_set_decay_ms(struct arena *arena, enum page_state state, ssize_t ms) {
    bool done = purge_set_decay_ms(&arena->pages, state, ms, os_coarse_clock_ns());
    if (done && state == PAGES_DIRTY) {
        scavenge_restart(arena);
    }
    upcalls.unused(&arena->pages, true);
    return done;
}

ssize_t arena_default_decay_ms(enum page_state state) {
    if (atomic_load_explicit(&default_is_set[state], memory_order_acquire)) {
        return atomic_load_explicit(&default_ms[state], memory_order_relaxed);
    }
    return (ssize_t)(state == PAGES_DIRTY ? opts.dirty_decay_ms : opts.muzzy_decay_ms);
}

bool arena_set_default_decay_ms(enum page_state state, ssize_t ms) {
    if (!decay_is_valid(ms)) {
        return false;
    }
    atomic_store_explicit(&default_ms[state], ms, memory_order_relaxed);
    atomic_store_explicit(&default_is_set[state], true, memory_order_release);
    return true;
}

void arena_decay_now(struct arena *arena) {
    unsigned effort = UINT32_MAX;
    scavenge_decayed(arena, os_coarse_clock_ns(), &effort);
    purge_decay_now(&arena->pages, os_coarse_clock_ns());
}

void arena_purge_now(struct arena *arena) {
    arena_trim(arena, true);
    scavenge_all(arena);
    purge_all(&arena->pages);
}

size_t arena_class_bytes(const struct arena *arena, unsigned class) {
    size_t slab_bytes = (size_t)sizeclasses[class].slab_granules << LG_GRANULE;
    return gauge_read(&arena->bins[class].nslabs) * slab_bytes;
}

size_t arena_absent(const struct arena *arena) {
    size_t bytes = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        bytes += gauge_read(&arena->bins[class].absent);
    }
    return bytes;
}

void arena_destroy_slabs(struct arena *arena, struct run *const *slabs, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        slab_destroy(&arena->pages, slabs[i]);
    }
    if (n > 0) {
        purge_after_free(&arena->pages);
    }
}

unsigned arena_fill(struct arena *arena, unsigned class, void **slots, unsigned want) {
    struct bin *bin = &arena->bins[class];
    lock_acquire(&bin->lock);
    unsigned taken = bin_take_locked(bin, slots + want, want);
    while (taken == 0) {
        lock_release(&bin->lock);
        struct run *slab = slab_create(&arena->pages, class);
        if (slab == NULL) {
            return 0;
        }
        lock_acquire(&bin->lock);
        bin_add_locked(bin, slab);
        taken = bin_take_locked(bin, slots + want, want);
    }
    counter_add(&bin->nfills, 1);
    lock_release(&bin->lock);
    if (taken < want) {
        memmove(slots, slots + (want - taken), taken * sizeof(void *));
    }
    return taken;
}

/* What was freed is not what it should be; says so and ends. */
static _Noreturn void report_bad_object(unsigned class, const void *p, const struct run *slab) {
    const struct chunk *chunk = chunk_find_at(p);
    if (chunk == NULL || slab == NULL || slab->kind != RUN_SLAB || slab->class != class) {
        fatal_pointer("free", p, "not an object of this allocator");
    }
    if (slab_slot_of(slab, p) == NO_SLOT) {
        fatal_pointer("free", p, "points into an object or slab, not to the start of an object");
    }
    fatal_pointer("free", p, "object was freed before (double free)");
}

static struct chunk *cut_chunk_at(unsigned class, const void *object) {
    struct chunk *chunk = chunk_find_at(object);
    if (unlikely(chunk == NULL ||
                 atomic_load_explicit(&chunk->kind, memory_order_relaxed) != CHUNK_CUT)) {
        report_bad_object(class, object, NULL);
    }
    return chunk;
}

static struct run *slab_at(struct chunk *chunk, unsigned class, const void *object) {
    struct run *slab = chunk_run_at(chunk, object);
    if (unlikely(slab == NULL || slab->kind != RUN_SLAB || slab->class != class)) {
        report_bad_object(class, object, slab);
    }
    return slab;
}

/* Neighbours come back together, mostly, and chunks are few. */
static void find_slots(unsigned class, void *const *slots, unsigned n, struct slab_object *all) {
    const struct sizeclass *sc = &sizeclasses[class];
    size_t slab_bytes = (size_t)sc->slab_granules << LG_GRANULE;
    struct chunk *chunk = cut_chunk_at(class, slots[0]);
    struct run *slab = NULL;
    uintptr_t begin = 0;
    for (unsigned i = 0; i < n; i++) {
        uintptr_t p = (uintptr_t)slots[i];
        if (slab == NULL || p - begin >= slab_bytes) {
            if (p - chunk->base >= CHUNK_SIZE) {
                chunk = cut_chunk_at(class, slots[i]);
            }
            slab = slab_at(chunk, class, slots[i]);
            prefetch_write(slab);
            begin = run_address(slab);
        }
        all[i] = (struct slab_object){slab, slab_slot_at(sc, p - begin)};
        if (unlikely(all[i].slot == NO_SLOT)) {
            report_bad_object(class, slots[i], slab);
        }
    }
}

static void *address_of(struct slab_object object) {
    return (char *)run_address(object.slab) +
           (size_t)object.slot * sizeclasses[object.slab->class].size;
}

/* Returns the objects of one arena out of n; the others move to the front. Returns how many those
 * are. */
static unsigned drain_arena(struct arena *arena, unsigned class, struct slab_object *all,
                            unsigned n) {
    struct bin *bin = &arena->bins[class];
    struct run *surplus[BIN_MAX_RELEASED];
    unsigned others = 0;
    lock_acquire(&bin->lock);
    for (unsigned i = 0; i < n;) {
        if (arena_of(all[i].slab->chunk) != arena) {
            all[others++] = all[i++];
            continue;
        }
        struct run *slab = all[i].slab;
        i += bin_put_locked(bin, &all[i], n - i);
        if (unlikely(i < n && all[i].slab == slab)) {
            lock_release(&bin->lock); /* a handler of SIGABRT may allocate */
            report_bad_object(class, address_of(all[i]), slab);
        }
    }
    counter_add(&bin->ndalloc, n - others);
    counter_add(&bin->nflushes, 1);
    unsigned nsurplus = bin_surplus_locked(bin, class, false, surplus);
    lock_release(&bin->lock);
    arena_destroy_slabs(arena, surplus, nsurplus);
    return others;
}

void arena_drain(unsigned class, void *const *slots, unsigned n) {
    struct slab_object all[DRAIN_BATCH];
    while (n > 0) {
        unsigned batch = n < DRAIN_BATCH ? n : DRAIN_BATCH;
        find_slots(class, slots, batch, all);
        slots += batch;
        n -= batch;
        while (batch > 0) {
            batch = drain_arena(arena_of(all[0].slab->chunk), class, all, batch);
        }
    }
}

void arena_drop_slab(struct arena *arena, struct run *slab) {
    unsigned class = slab->class;
    struct bin *bin = &arena->bins[class];
    lock_acquire(&bin->lock);
    bin_remove_locked(bin, slab);
    lock_release(&bin->lock);
    arena_destroy_slabs(arena, &slab, 1);
}

static void trim(struct arena *arena, bool all) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        struct bin *bin = &arena->bins[class];
        struct run *surplus[BIN_MAX_RELEASED];
        unsigned n;
        do {
            lock_acquire(&bin->lock);
            n = bin_surplus_locked(bin, class, all, surplus);
            lock_release(&bin->lock);
            arena_destroy_slabs(arena, surplus, n);
        } while (n == BIN_MAX_RELEASED);
    }
}

/* A manual arena may be in the middle of a reset, which must be alone with its slabs. */
void arena_trim(struct arena *arena, bool all) {
    if (!arena->manual) {
        trim(arena, all);
    } else if (purge_try_suspend(&arena->pages)) {
        trim(arena, all);
        purge_resume(&arena->pages);
        purge_after_free(&arena->pages);
    }
}

void arena_check(struct arena *arena) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        bin_check(&arena->bins[class], class);
    }
    pages_check(&arena->pages);
    space_check(&arena->own);
}

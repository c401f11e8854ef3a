/*
 * scavenge.c: a walk through the bins' lists, a few slabs per lock.
 *
 * Slabs that change between two holds of the lock come to the front of a list, where the walk has been, or
 * move the bin's cursor on when they leave; so every list ends. Bins in which nothing came or went since
 * everything in them had been decided are skipped, which lets a process that sleeps come to rest.
 */
#include "heap/scavenge.h"

#include "opt/opt.h"
#include "os/os.h"
#include "pages/collapse.h"
#include "pages/hooked.h"

enum { LOOKS_PER_HOLD = 64, BATCH = BIN_MAX_RELEASED };
/* Parts of the time that pages may stay after which the next pass begins, and the next one that also visits slots
 * of less than PAGE_SLOT bytes: these give back little for many looks. */
enum { PARTS = 32, PARTS_SMALL = 4, PAGE_SLOT = 4096 };
/* So many calls refused in a row mean that the system refuses all; fewer, that a program has locked some
 * pages. Then this pass ends, and the next begins so many times later than otherwise. */
enum { REFUSALS = 16, REFUSED_PASSES = 64 };

unsigned scavenge_least_ms = 250;

struct pass {
    struct arena *arena;
    bool all;
    unsigned effort;
    uint64_t calls;
    uint64_t bytes;    /* given back */
    unsigned refusals; /* in a row */
};

struct victim {
    struct run *slab;
    uint64_t units;
    bool refused; /* some of them */
};

/* ---- what is given back ------------------------------------------------------------------------- */

static bool is_spared(const struct pass *pass, const struct run *slab) {
    const struct chunk *chunk = slab->chunk;
    if (chunk->pinned || space_is_hooked(space_of(chunk))) {
        return true;
    }
    bool half_empty = slab->nfree * 2 >= sizeclasses[slab->class].nslots;
    return !pass->all && (chunk->huge || (collapse_is_on() && !half_empty));
}

/* Whether so many free slots can make a page. What is left at the end of a slab counts as free. */
static bool may_have_page(unsigned class, size_t nfree) {
    const struct sizeclass *sc = &sizeclasses[class];
    size_t slack = sc->slab_granules * GRANULE_SIZE - (size_t)sc->nslots * sc->size;
    return nfree * sc->size + slack >= purge_page_size;
}

/* Units that go back now. */
static uint64_t look(struct pass *pass, struct run *slab) {
    if ((slab->rest & REST_DONE) != 0) {
        return 0;
    }
    if (!pass->all && (slab->rest & REST_QUIET) == 0) {
        slab->rest |= REST_QUIET;
        pass->arena->scavenger.pending = true;
        return 0;
    }
    uint64_t units = may_have_page(slab->class, slab->nfree)
                         ? slab_unused_units(slab, purge_page_size) & ~slab_absent(slab)
                         : 0;
    if (units != 0 && is_spared(pass, slab)) {
        return 0; /* by this pass */
    }
    slab->rest |= REST_DONE;
    return units;
}

static unsigned collect(struct pass *pass, struct bin *bin, const struct list *end,
                        struct victim victims[BATCH]) {
    lock_assert_held(&bin->lock);
    unsigned n = 0;
    for (unsigned i = 0; i < LOOKS_PER_HOLD && n < BATCH && bin->cursor != end; i++) {
        struct run *slab = list_entry(bin->cursor, struct run, link);
        bin->cursor = bin->cursor->next;
        uint64_t units = look(pass, slab);
        unsigned cost = units != 0 ? SCAVENGE_CALL : 1;
        pass->effort -= cost < pass->effort ? cost : pass->effort;
        if (units != 0) {
            bin_hide_locked(bin, slab);
            victims[n++] = (struct victim){.slab = slab, .units = units};
        }
        if (pass->effort == 0) {
            break;
        }
    }
    return n;
}

static void forget_huge(struct pages *pages, struct chunk *chunk) {
    if (chunk->huge) {
        lock_acquire(&pages->lock);
        collapse_forget(chunk);
        lock_release(&pages->lock);
    }
}

/* Leaves the units that have gone. */
static void advise(struct pass *pass, struct victim *victim) {
    uint64_t gone = 0;
    forget_huge(&pass->arena->pages, victim->slab->chunk);
    for (bits128 rest = victim->units; rest != 0;) {
        unsigned first;
        unsigned n = bits128_run_around(rest, bits128_first(rest), &first);
        bits128 series = bits128_range(first, n);
        void *address = (void *)(run_address(victim->slab) + ((uintptr_t)first << LG_SLAB_UNIT));
        if (os_page_ops.purge(address, (size_t)n << LG_SLAB_UNIT)) {
            gone |= (uint64_t)series;
            pass->refusals = 0;
        } else {
            pass->refusals++;
        }
        pass->calls++;
        rest &= ~series;
    }
    victim->refused = gone != victim->units;
    victim->units = gone;
}

static void give_back(struct pass *pass, struct bin *bin, unsigned class, struct victim *victims,
                      unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        advise(pass, &victims[i]);
    }
    struct run *surplus[BIN_MAX_RELEASED];
    lock_acquire(&bin->lock);
    for (unsigned i = 0; i < n; i++) {
        size_t bytes = slab_add_absent(victims[i].slab, victims[i].units);
        gauge_add(&bin->absent, (ptrdiff_t)bytes);
        pass->bytes += bytes;
        if (victims[i].refused) { /* by a later pass, if something comes or goes */
            victims[i].slab->rest &= (uint8_t)~REST_DONE;
        }
        bin_show_locked(bin, victims[i].slab);
    }
    unsigned nsurplus = bin_surplus_locked(bin, class, pass->all, surplus);
    lock_release(&bin->lock);
    arena_destroy_slabs(pass->arena, surplus, nsurplus);
}

/* ---- the walk ----------------------------------------------------------------------------------- */

static bool is_changed(const struct bin *bin) {
    return counter_read(&bin->walked) != bin_changes(bin);
}

static uint64_t part_of(ssize_t decay_ms, int parts) {
    ssize_t ms = decay_ms / parts; /* may have become negative meanwhile */
    return ms > (ssize_t)scavenge_least_ms ? (uint64_t)ms : scavenge_least_ms;
}

static bool visits_small(const struct arena *arena) {
    ssize_t decay_ms = arena_decay_ms(arena, PAGES_DIRTY);
    uint64_t every = part_of(decay_ms, PARTS_SMALL) / part_of(decay_ms, PARTS);
    return arena->scavenger.passes % every == 0;
}

static bool is_visited(const struct pass *pass, unsigned class) {
    const struct bin *bin = &pass->arena->bins[class];
    bool page = sizeclasses[class].size >= PAGE_SLOT;
    return pass->all || (is_changed(bin) && (page || visits_small(pass->arena)));
}

/* The next class that this pass visits, and its first list; none: the walk is over. */
static void begin_class(const struct pass *pass, unsigned class) {
    struct scavenger *at = &pass->arena->scavenger;
    struct bin *bins = pass->arena->bins;
    while (class < NCLASSES && !is_visited(pass, class)) {
        class ++;
    }
    at->class = class < NCLASSES ? class : 0;
    at->list = 0;
    at->pending = false;
    at->changes = bin_changes(&bins[at->class]);
}

static void end_class(const struct pass *pass) {
    struct scavenger *at = &pass->arena->scavenger;
    struct bin *bin = &pass->arena->bins[at->class];
    uint64_t walked = at->pending ? at->changes - 1 : at->changes; /* pending: come again */
    atomic_store_explicit(&bin->walked, walked, memory_order_relaxed);
    begin_class(pass, at->class + 1);
}

/* One hold of a bin's lock; a list may take several. */
static void step(struct pass *pass) {
    struct scavenger *at = &pass->arena->scavenger;
    unsigned class = at->class;
    struct bin *bin = &pass->arena->bins[class];
    if (at->list > BIN_LISTS) {
        end_class(pass);
        return;
    }
    if (!may_have_page(class, bin_list_most_free(class, at->list))) {
        at->list++;
        return;
    }
    struct victim victims[BATCH];
    struct list *end = bin_list(bin, at->list);
    lock_acquire(&bin->lock);
    if (bin->cursor == NULL) {
        bin->cursor = list_first(end);
    }
    unsigned n = collect(pass, bin, end, victims);
    if (bin->cursor == end) {
        bin->cursor = NULL;
        at->list++;
    }
    lock_release(&bin->lock);
    if (n > 0) {
        give_back(pass, bin, class, victims, n);
    }
}

static void drop_walk(struct arena *arena) {
    struct bin *bin = &arena->bins[arena->scavenger.class];
    lock_acquire(&bin->lock);
    bin->cursor = NULL;
    lock_release(&bin->lock);
    arena->scavenger.class = 0;
}

static void count(const struct pass *pass) {
    if (pass->calls != 0) {
        struct purge_counters *purged = &pass->arena->pages.purged[PAGES_DIRTY];
        atomic_fetch_add_explicit(&purged->sweeps, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&purged->calls, pass->calls, memory_order_relaxed);
        atomic_fetch_add_explicit(&purged->slab_bytes, pass->bytes, memory_order_relaxed);
    }
}

static bool is_refused(const struct pass *pass) {
    return pass->refusals >= REFUSALS && !pass->all;
}

/* Until the walk is over, the effort is used up, or the system refuses. */
static void walk(struct pass *pass) {
    struct scavenger *at = &pass->arena->scavenger;
    lock_assert_held(&pass->arena->pages.purge_lock);
    if (at->class == 0) {
        begin_class(pass, 1);
    }
    while (at->class != 0 && pass->effort > 0 && !is_refused(pass)) {
        step(pass);
    }
    count(pass);
}

void scavenge_all(struct arena *arena) {
    struct pass pass = {.arena = arena, .all = true, .effort = UINT32_MAX};
    purge_suspend(&arena->pages);
    if (arena->scavenger.class != 0) {
        drop_walk(arena);
    }
    walk(&pass);
    purge_resume(&arena->pages);
    purge_after_free(&arena->pages);
}

/* ---- when --------------------------------------------------------------------------------------- */

static uint64_t interval_ns(const struct arena *arena) {
    return part_of(arena_decay_ms(arena, PAGES_DIRTY), PARTS) * 1000000u;
}

static bool is_on(const struct arena *arena) {
    return arena_decay_ms(arena, PAGES_DIRTY) >= 0 && opts.thp != THP_ALWAYS;
}

static void set_next(struct scavenger *at, uint64_t next_ns) {
    atomic_store_explicit(&at->next_ns, next_ns, memory_order_relaxed);
}

void scavenge_restart(struct arena *arena) {
    set_next(&arena->scavenger, 0);
}

void scavenge_forget_locked(struct arena *arena) {
    lock_assert_held(&arena->pages.purge_lock);
    if (arena->scavenger.class != 0) {
        drop_walk(arena);
    }
    set_next(&arena->scavenger, 0);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        atomic_store_explicit(&arena->bins[class].walked, 0, memory_order_relaxed);
    }
}

static void go_on(struct pass *pass, uint64_t now_ns) {
    struct scavenger *at = &pass->arena->scavenger;
    uint64_t interval = interval_ns(pass->arena);
    if (counter_read(&at->next_ns) == 0) {
        set_next(at, now_ns + interval);
        return;
    }
    if (at->class == 0) {
        at->begun_ns = now_ns;
        at->passes++;
    }
    walk(pass);
    if (is_refused(pass)) {
        set_next(at, now_ns + REFUSED_PASSES * interval);
    } else if (at->class == 0) {
        set_next(at, at->begun_ns + interval);
    }
}

void scavenge_decayed(struct arena *arena, uint64_t now_ns, unsigned *effort) {
    if (*effort > 0 && is_on(arena) && now_ns >= counter_read(&arena->scavenger.next_ns) &&
        purge_try_suspend(&arena->pages)) {
        struct pass pass = {.arena = arena, .effort = *effort};
        go_on(&pass, now_ns);
        purge_resume(&arena->pages);
        *effort = pass.effort;
        if (pass.calls != 0) {
            purge_after_free(&arena->pages);
        }
    }
}

uint64_t scavenge_due_ns(const struct arena *arena) {
    return scavenge_is_wanted(arena) ? counter_read(&arena->scavenger.next_ns) : UINT64_MAX;
}

bool scavenge_is_wanted(const struct arena *arena) {
    if (!is_on(arena)) {
        return false;
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (is_changed(&arena->bins[class])) {
            return true;
        }
    }
    return false;
}

size_t scavenge_slack(const struct arena *arena) {
    size_t slack = 0;
    for (unsigned class = 1; is_on(arena) && class < NCLASSES; class ++) {
        const struct bin *bin = &arena->bins[class];
        uint64_t live = counter_read(&bin->nmalloc) - counter_read(&bin->ndalloc);
        size_t used = (size_t)live * sizeclasses[class].size + gauge_read(&bin->absent);
        size_t all = arena_class_bytes(arena, class);
        slack += all > used ? all - used : 0;
    }
    return slack;
}

/*
 * purge.c: collect under the lock, advise without it, put back under it.
 *
 * Whole free chunks go first, then the granules of cut chunks, those that became dirty first before
 * the others; whole chunks that were in use until lately come last. With pages larger than a granule only
 * whole pages whose granules are all free can go.
 */
#include "pages/purge.h"

#include "opt/opt.h"
#include "os/os.h"
#include "pages/collapse.h"
#include "pages/hooked.h"

enum { LATELY = 8 }; /* one part in so many of the decay time */
enum { BATCH = 32, MIN_INTERVAL_MS = 10, IDLE_INTERVAL_MS = 1000, REFUSED_EPOCHS = 64 };

size_t purge_page_size = 4096;
_Atomic size_t purge_alarm = SIZE_MAX;

struct victim {
    struct chunk *chunk;
    bits128 range; /* granules hidden and to be purged */
    bits128 dirty; /* those of them that were dirty, and muzzy, before */
    bits128 muzzy;
};

struct sweep {
    struct pages *pages;
    enum page_state state;   /* what is purged */
    bool lazily;             /* MADV_FREE: granules become muzzy */
    struct purgeable wanted; /* of free chunks */
    uint64_t calls;
    uint64_t granules;
    size_t gone; /* of them, those that were in the state */
};

/* Of the granules in `wanted`, those in whole pages of free granules, with their pages' others. */
static bits128 whole_pages(bits128 wanted, bits128 free) {
    unsigned per_page = (unsigned)(purge_page_size >> LG_GRANULE);
    if (per_page <= 1) {
        return wanted;
    }
    bits128 firsts = bits128_run_starts(free, per_page) & bits128_multiples(per_page);
    bits128 range = 0;
    for (; firsts != 0; firsts &= firsts - 1) {
        bits128 page = bits128_range(bits128_first(firsts), per_page);
        if ((page & wanted) != 0) {
            range |= page;
        }
    }
    return range;
}

/* Advises each series of granules in the range. false: the system refused one of them. *muzzy: those that
 * are now purged lazily. */
static bool advise(struct sweep *sweep, const struct chunk *chunk, bits128 range, bits128 *muzzy) {
    struct space *space = space_of(chunk);
    bool hooked = space_is_hooked(space);
    bool done = true;
    *muzzy = sweep->lazily ? range : 0;
    while (range != 0) {
        unsigned first;
        unsigned n = bits128_run_around(range, bits128_first(range), &first);
        bits128 run = bits128_range(first, n);
        void *address = (void *)(chunk->base + ((uintptr_t)first << LG_GRANULE));
        size_t bytes = (size_t)n << LG_GRANULE;
        if (hooked) {
            bool lazily = sweep->lazily;
            done =
                hooked_purge(space, chunk, address, bytes, sweep->state == PAGES_MUZZY, &lazily) &&
                done;
            *muzzy = lazily ? *muzzy | run : *muzzy & ~run;
        } else {
            done = (sweep->lazily ? os_page_ops.purge_lazy(address, bytes)
                                  : os_page_ops.purge(address, bytes)) &&
                   done;
        }
        sweep->calls++;
        range &= ~run;
    }
    return done;
}

static bits128 wanted_of(const struct sweep *sweep, const struct chunk *chunk) {
    return whole_pages(sweep->state == PAGES_DIRTY ? chunk->dirty : chunk->muzzy, chunk->free);
}

/* Granules of a range that are in the state that is purged. */
static size_t count_in_state(const struct sweep *sweep, const struct chunk *chunk, bits128 range) {
    return bits128_count((sweep->state == PAGES_DIRTY ? chunk->dirty : chunk->muzzy) & range);
}

/* Advises a victim and says in what state its granules are now. */
static void purge_victim(struct sweep *sweep, struct victim *victim) {
    bits128 muzzy;
    if (!advise(sweep, victim->chunk, victim->range, &muzzy)) {
        return; /* still as before */
    }
    sweep->granules += bits128_count(victim->dirty | victim->muzzy);
    sweep->gone += bits128_count(sweep->state == PAGES_DIRTY ? victim->dirty : victim->muzzy);
    victim->dirty = 0;
    victim->muzzy = muzzy;
}

/* An arena whose hooks were set later has chunks in two spaces. */
static struct chunk *take_free_chunk(const struct sweep *sweep) {
    const struct pages *pages = sweep->pages;
    struct space *space = pages_space(pages);
    struct chunk *chunk = space_take_purgeable(space, &pages->owner, &sweep->wanted);
    if (chunk == NULL && space != pages->common) {
        chunk = space_take_purgeable(pages->common, &pages->owner, &sweep->wanted);
    }
    return chunk;
}

/* Whole chunks of the space; returns how many granules of the state are gone. */
static size_t purge_free_chunks(struct sweep *sweep, size_t target) {
    struct pages *pages = sweep->pages;
    size_t gone = 0;
    while (gone < target) {
        struct chunk *chunk = take_free_chunk(sweep);
        if (chunk == NULL) {
            break;
        }
        if (space_is_hooked(space_of(chunk))) {
            size_t n = hooked_dispose(space_of(chunk), chunk, &pages->owner, sweep->lazily,
                                      sweep->state == PAGES_MUZZY);
            sweep->granules += n;
            sweep->gone += n;
            sweep->calls++;
            gone += n;
            if (n == 0) {
                break;
            }
            continue;
        }
        bits128 range = sweep->lazily ? wanted_of(sweep, chunk)
                                      : whole_pages(chunk->dirty | chunk->muzzy, ALL_GRANULES);
        struct victim victim = {chunk, range, chunk->dirty & range, chunk->muzzy & range};
        size_t before = count_in_state(sweep, chunk, range);
        purge_victim(sweep, &victim);
        chunk->dirty = (chunk->dirty & ~range) | victim.dirty;
        chunk->muzzy = (chunk->muzzy & ~range) | victim.muzzy;
        size_t after = count_in_state(sweep, chunk, range);
        space_give(space_of(chunk), chunk, 1, &pages->owner);
        gone += before - after;
        if (after == before) {
            break; /* the system refuses: do not take the same chunk for ever */
        }
    }
    return gone;
}

/* split: also from chunks that were collapsed into huge pages. */
static size_t collect(struct sweep *sweep, struct victim *victims, size_t *nvictims, size_t target,
                      bool split) {
    struct pages *pages = sweep->pages;
    size_t collected = 0;
    size_t n = 0;
    lock_acquire(&pages->lock);
    struct list *head = &pages->dirty_chunks;
    struct list *node = list_first(head);
    while (node != head && n < BATCH && collected < target) {
        struct chunk *chunk = list_entry(node, struct chunk, dirty_link);
        node = node->next;
        bits128 range = wanted_of(sweep, chunk);
        if (range == 0 || (chunk->huge && !split)) {
            continue;
        }
        collapse_forget(chunk);
        victims[n++] = (struct victim){chunk, range, chunk->dirty & range, chunk->muzzy & range};
        collected += count_in_state(sweep, chunk, range);
        pages_hide(pages, chunk, range);
    }
    lock_release(&pages->lock);
    *nvictims = n;
    return collected;
}

/* The same for cut chunks. */
static size_t purge_cut_chunks(struct sweep *sweep, size_t target) {
    struct pages *pages = sweep->pages;
    struct victim victims[BATCH];
    size_t gone = 0;
    bool split = !collapse_is_on();
    while (gone < target) {
        size_t n;
        size_t collected = collect(sweep, victims, &n, target - gone, split);
        if (n == 0 && split) {
            break;
        }
        if (n == 0) {
            split = true;
            continue;
        }
        uint64_t before = sweep->granules;
        for (size_t i = 0; i < n; i++) {
            purge_victim(sweep, &victims[i]);
        }
        lock_acquire(&pages->lock);
        for (size_t i = 0; i < n; i++) {
            pages_unhide(pages, victims[i].chunk, victims[i].range, victims[i].dirty,
                         victims[i].muzzy);
        }
        lock_release(&pages->lock);
        gone += collected;
        if (sweep->granules == before) {
            break;
        }
    }
    return gone;
}

static void add(_Atomic uint64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Purges `target` granules of a state, as far as there are any, and returns how many went. Whole chunks that
 * were used lately come last: large objects are likely to use them again. now_ns: 0 when it does not matter. */
static size_t purge_state(struct pages *pages, enum page_state state, bool lazily, size_t target,
                          uint64_t now_ns) {
    if (target == 0) {
        return 0;
    }
    struct sweep sweep = {.pages = pages, .state = state, .lazily = lazily};
    sweep.wanted.muzzy = state == PAGES_MUZZY;
    sweep.wanted.now_ms = (uint32_t)(now_ns / 1000000) | 1;
    sweep.wanted.after_ms = now_ns != 0 ? (uint32_t)(decay_ms(&pages->decay[state]) / LATELY) : 0;
    size_t gone = purge_free_chunks(&sweep, target);
    gone += gone < target ? purge_cut_chunks(&sweep, target - gone) : 0;
    sweep.wanted.after_ms = 0;
    if (gone < target) {
        purge_free_chunks(&sweep, target - gone);
    }
    if (sweep.calls != 0) {
        add(&pages->purged[state].sweeps, 1);
        add(&pages->purged[state].calls, sweep.calls);
        add(&pages->purged[state].granules, sweep.granules);
        add(&pages->purged[state].returned, lazily ? 0 : sweep.granules);
    }
    if (!opts.retain) {
        space_release_regions(pages->common);
    }
    return sweep.gone;
}

/* Time until the next look: an epoch of the faster curve, within reason. */
static uint64_t interval_ns(const struct pages *pages) {
    uint64_t interval = (uint64_t)IDLE_INTERVAL_MS * 1000000u;
    for (unsigned state = 0; state < PAGE_STATES; state++) {
        uint64_t epoch = decay_epoch_ns(&pages->decay[state]);
        if (epoch != 0 && epoch < interval) {
            interval = epoch;
        }
    }
    uint64_t least = (uint64_t)MIN_INTERVAL_MS * 1000000u;
    return interval > least ? interval : least;
}

/* Dirty pages become muzzy first if they may stay that for a while. */
static bool purges_lazily(const struct pages *pages, enum page_state state) {
    return state == PAGES_DIRTY && decay_ms(&pages->decay[PAGES_MUZZY]) != 0;
}

void purge_dirty(struct pages *pages) {
    if (lock_try_acquire(&pages->purge_lock)) {
        purge_state(pages, PAGES_DIRTY, purges_lazily(pages, PAGES_DIRTY),
                    pages_unused(pages, PAGES_DIRTY), 0);
        lock_release(&pages->purge_lock);
    }
}

void purge_to_cap(struct pages *pages) {
    size_t excess = space_excess_dirty(pages_space(pages));
    ptrdiff_t own = atomic_load_explicit(&pages->owner.parked_dirty, memory_order_relaxed);
    if (excess > 0 && own > 0 && decay_ms(&pages->decay[PAGES_DIRTY]) >= 0 &&
        lock_try_acquire(&pages->purge_lock)) {
        size_t target = excess < (size_t)own ? excess : (size_t)own;
        purge_state(pages, PAGES_DIRTY, purges_lazily(pages, PAGES_DIRTY), target, 0);
        lock_release(&pages->purge_lock);
    }
}

/* Purges what the curves no longer allow; returns when there will be more. */
static uint64_t decay_locked(struct pages *pages, uint64_t now_ns) {
    uint64_t due = UINT64_MAX;
    atomic_store_explicit(&pages->next_decay_ns, now_ns + interval_ns(pages), memory_order_relaxed);
    space_forget_peak(pages_space(pages), now_ns, interval_ns(pages));
    for (unsigned i = 0; i < PAGE_STATES; i++) {
        enum page_state state = (enum page_state)i;
        struct decay *decay = &pages->decay[state];
        size_t current = pages_unused(pages, state);
        size_t limit = decay_limit(decay, now_ns, current);
        size_t gone =
            purge_state(pages, state, purges_lazily(pages, state), current - limit, now_ns);
        decay_purged(decay, gone < current ? current - gone : 0);
        size_t left = pages_unused(pages, state);
        uint64_t next = decay_due_ns(decay, left);
        if (limit < current && gone == 0) { /* the system refuses */
            next = now_ns + REFUSED_EPOCHS * interval_ns(pages);
        }
        due = next < due ? next : due;
    }
    return due;
}

void purge_decayed(struct pages *pages, uint64_t now_ns) {
    if (now_ns >= atomic_load_explicit(&pages->next_decay_ns, memory_order_relaxed) &&
        lock_try_acquire(&pages->purge_lock)) {
        decay_locked(pages, now_ns);
        lock_release(&pages->purge_lock);
    }
}

uint64_t purge_decay_now(struct pages *pages, uint64_t now_ns) {
    lock_acquire(&pages->purge_lock);
    uint64_t due = decay_locked(pages, now_ns);
    lock_release(&pages->purge_lock);
    return due;
}

/* false: the caller is an extent hook, and the purge that called it may be this arena's. */
static bool begin_change(struct pages *pages) {
    if (upcalls.in_hook()) {
        return lock_try_acquire(&pages->purge_lock);
    }
    lock_acquire(&pages->purge_lock);
    return true;
}

bool purge_set_decay_ms(struct pages *pages, enum page_state state, ssize_t ms, uint64_t now_ns) {
    if (!decay_is_valid(ms)) {
        return false;
    }
    if (state == PAGES_DIRTY) {
        atomic_store_explicit(&pages->immediate, ms == 0, memory_order_relaxed);
    }
    if (!begin_change(pages)) {
        atomic_store_explicit(&pages->decay[state].ms, ms, memory_order_relaxed);
        return true;
    }
    decay_init(&pages->decay[state], ms);
    decay_locked(pages, now_ns);
    lock_release(&pages->purge_lock);
    return true;
}

void purge_suspend(struct pages *pages) {
    lock_acquire(&pages->purge_lock);
}

bool purge_try_suspend(struct pages *pages) {
    return lock_try_acquire(&pages->purge_lock);
}

void purge_resume(struct pages *pages) {
    lock_release(&pages->purge_lock);
}

void purge_all(struct pages *pages) {
    lock_acquire(&pages->purge_lock);
    for (unsigned state = 0; state < PAGE_STATES; state++) {
        size_t current = pages_unused(pages, (enum page_state)state);
        purge_state(pages, (enum page_state)state, false, current, 0);
        decay_purged(&pages->decay[state], pages_unused(pages, (enum page_state)state));
    }
    lock_release(&pages->purge_lock);
}

/*
 * pages.c: an arena's chunks, and the objects that span several of them.
 *
 * Every change of a cut chunk's granules goes through take(), release(), hide and unhide, which keep
 * the fill lists, the list of dirty chunks, the number of empty chunks and the counters in step.
 * One empty chunk is kept, so that a run of 2 MiB that comes and goes does not visit the space.
 */
#include "pages/pages.h"

#include "base/upcall.h"
#include "meta/pool.h"
#include "pages/hooked.h"
#include "pages/purge.h"

enum { KEPT_EMPTY_CHUNKS = 1, HOOK_TRIES = 8 };

void pages_init(struct pages *pages, struct space *space, ssize_t dirty_ms, ssize_t muzzy_ms) {
    pages_use_space(pages, space);
    pages->common = space;
    lock_init(&pages->lock, RANK_PAGES);
    lock_init(&pages->purge_lock, RANK_PURGE);
    pages_set_decay(pages, dirty_ms, muzzy_ms);
}

void pages_use_space(struct pages *pages, struct space *space) {
    atomic_store_explicit(&pages->space, space, memory_order_release);
}

void pages_set_decay(struct pages *pages, ssize_t dirty_ms, ssize_t muzzy_ms) {
    decay_init(&pages->decay[PAGES_DIRTY], dirty_ms);
    decay_init(&pages->decay[PAGES_MUZZY], muzzy_ms);
    atomic_store_explicit(&pages->immediate, dirty_ms == 0, memory_order_relaxed);
}

size_t pages_unused(const struct pages *pages, enum page_state state) {
    const _Atomic ptrdiff_t *parked = state == PAGES_DIRTY   ? &pages->owner.parked_dirty
                                      : state == PAGES_MUZZY ? &pages->owner.parked_muzzy
                                                             : &pages->owner.parked_pinned;
    ptrdiff_t n = (ptrdiff_t)atomic_load_explicit(&pages->nstate[state], memory_order_relaxed) +
                  atomic_load_explicit(parked, memory_order_relaxed);
    return n > 0 ? (size_t)n : 0;
}

/* ---- one cut chunk ------------------------------------------------------------------------------ */

/* What the chunk's dirty granules count as. */
static enum page_state dirty_state(const struct chunk *chunk) {
    return chunk->pinned ? PAGES_PINNED : PAGES_DIRTY;
}

static void give(struct pages *pages, struct chunk *chunk, size_t n) {
    space_give(space_of(chunk), chunk, n, &pages->owner);
}

/* Members of `set` within a range of n granules. All or none are by far the most frequent answers, and
 * counting bits takes a call where the instruction set has none for it. */
static ptrdiff_t members(bits128 set, bits128 range, unsigned n) {
    bits128 both = set & range;
    return both == 0 ? 0 : both == range ? n : (ptrdiff_t)bits128_count(both);
}

static void count_states(struct pages *pages, const struct chunk *chunk, bits128 range, unsigned n,
                         int sign) {
    if (((chunk->dirty | chunk->muzzy) & range) != 0) {
        gauge_add(&pages->nstate[dirty_state(chunk)], sign * members(chunk->dirty, range, n));
        gauge_add(&pages->nstate[PAGES_MUZZY], sign * members(chunk->muzzy, range, n));
    }
}

static void list_by_dirt(struct pages *pages, struct chunk *chunk) {
    bool unclean = (chunk->dirty | chunk->muzzy) != 0 && !chunk->pinned;
    if (unclean && !list_is_member(&chunk->dirty_link)) {
        list_push_back(&pages->dirty_chunks, &chunk->dirty_link);
    } else if (!unclean && list_is_member(&chunk->dirty_link)) {
        list_remove(&chunk->dirty_link);
    }
}

static void list_by_longest(struct pages *pages, struct chunk *chunk, unsigned before) {
    if (chunk->free == 0) {
        fill_update(&pages->fill, chunk, 0);
    } else if (chunk->longest != before || !list_is_member(&chunk->fill_link)) {
        fill_update(&pages->fill, chunk, chunk->longest);
    }
}

static struct chunk *add_chunk(struct pages *pages, struct chunk *chunk) {
    if (!chunk_begin_cut(chunk, &pages->owner)) {
        give(pages, chunk, 1);
        return NULL;
    }
    count_states(pages, chunk, ALL_GRANULES, CHUNK_GRANULES, 1);
    list_by_dirt(pages, chunk);
    fill_update(&pages->fill, chunk, CHUNK_GRANULES);
    pages->nempty++;
    gauge_add(&pages->nchunks, 1);
    gauge_add(&pages->ncut, 1);
    return chunk;
}

/* The chunk, all free, leaves the lists and is no longer cut. */
static void remove_chunk(struct pages *pages, struct chunk *chunk) {
    count_states(pages, chunk, ALL_GRANULES, CHUNK_GRANULES, -1);
    fill_remove(&pages->fill, chunk);
    if (list_is_member(&chunk->dirty_link)) {
        list_remove(&chunk->dirty_link);
    }
    pages->nempty--;
    gauge_add(&pages->nchunks, -1);
    gauge_add(&pages->ncut, -1);
    chunk_end_cut(chunk);
}

static void drop_if_empty(struct pages *pages, struct chunk *chunk) {
    if (chunk->free != ALL_GRANULES) {
        return;
    }
    pages->nempty++;
    if (pages->nempty > KEPT_EMPTY_CHUNKS) {
        remove_chunk(pages, chunk);
        give(pages, chunk, 1);
    }
}

/* In granules, and in pages for whoever has the address of that number. */
static void count_granules(struct pages *pages, ptrdiff_t change) {
    gauge_add(&pages->nactive, change);
    size_t bytes = gauge_read(&pages->nactive) << LG_GRANULE;
    atomic_store_explicit(&pages->active_pages, bytes >> lg_floor(purge_page_size),
                          memory_order_relaxed);
}

/* Granules of cut chunks that begin or end to be in runs. */
static void count_active(struct pages *pages, ptrdiff_t n) {
    count_granules(pages, n);
    gauge_add(&pages->ncut_active, n);
}

static struct run *take(struct pages *pages, struct chunk *chunk, unsigned first, unsigned n,
                        enum run_kind kind, bool *zeroed) {
    pages->nempty -= chunk->free == ALL_GRANULES;
    count_states(pages, chunk, bits128_range(first, n), n, -1);
    struct run *run = chunk_take(chunk, first, n, kind, zeroed);
    list_by_dirt(pages, chunk);
    list_by_longest(pages, chunk, chunk->longest);
    count_active(pages, n);
    counter_add(&pages->nruns, 1);
    counter_add(&pages->nrun_granules, n);
    return run;
}

static void release(struct pages *pages, struct chunk *chunk, unsigned first, unsigned n) {
    unsigned before = chunk->longest;
    chunk_release(chunk, first, n);
    gauge_add(&pages->nstate[dirty_state(chunk)], n);
    list_by_dirt(pages, chunk);
    list_by_longest(pages, chunk, before);
    count_active(pages, -(ptrdiff_t)n);
    drop_if_empty(pages, chunk);
}

void pages_hide(struct pages *pages, struct chunk *chunk, bits128 range) {
    lock_assert_held(&pages->lock);
    pages->nempty -= chunk->free == ALL_GRANULES;
    count_states(pages, chunk, range, bits128_count(range), -1);
    chunk->free &= ~range;
    chunk->dirty &= ~range;
    chunk->muzzy &= ~range;
    chunk->unzeroed = chunk->unzeroed || space_is_hooked(space_of(chunk)); /* whatever hooks do */
    list_by_dirt(pages, chunk);
    list_by_longest(pages, chunk, chunk->longest);
}

void pages_unhide(struct pages *pages, struct chunk *chunk, bits128 range, bits128 dirty,
                  bits128 muzzy) {
    lock_assert_held(&pages->lock);
    unsigned before = chunk->longest;
    chunk->free |= range;
    chunk->dirty |= dirty;
    chunk->muzzy |= muzzy;
    for (bits128 rest = range; rest != 0;) {
        unsigned first;
        unsigned n = bits128_run_around(chunk->free, bits128_first(rest), &first);
        chunk->longest = (uint8_t)(n > chunk->longest ? n : chunk->longest);
        rest &= ~bits128_range(first, n);
    }
    count_states(pages, chunk, range, bits128_count(range), 1);
    list_by_dirt(pages, chunk);
    list_by_longest(pages, chunk, before);
    drop_if_empty(pages, chunk);
}

/* ---- runs --------------------------------------------------------------------------------------- */

static void free_locked(struct pages *pages, struct run *run) {
    struct chunk *chunk = run->chunk;
    unsigned first = run_first_granule(run);
    unsigned n = run->ngranules;
    chunk_forget_run(chunk, run);
    release(pages, chunk, first, n);
}

static void drop_empty_locked(struct pages *pages) {
    unsigned first;
    struct chunk *chunk;
    while (pages->nempty > 0 &&
           (chunk = fill_find(&pages->fill, CHUNK_GRANULES, 1, &first)) != NULL) {
        remove_chunk(pages, chunk);
        give(pages, chunk, 1);
    }
}

void pages_drop_empty(struct pages *pages) {
    lock_acquire(&pages->lock);
    drop_empty_locked(pages);
    lock_release(&pages->lock);
}

/* n chunks from the space. Hooks run without the lock; they may have to, when others were faster. */
static struct chunk *take_chunks(struct pages *pages, size_t n, size_t alignment) {
    struct space *space = pages_space(pages);
    if (space_is_hooked(space) && upcalls.in_hook()) {
        space = pages->common;
    }
    struct chunk *chunk = space_take(space, n, alignment);
    for (unsigned i = 0; chunk == NULL && space_is_hooked(space) && i < HOOK_TRIES; i++) {
        lock_release(&pages->lock);
        bool provided = hooked_provide(space, n, alignment);
        lock_acquire(&pages->lock);
        if (!provided) {
            break;
        }
        chunk = space_take(space, n, alignment);
    }
    return chunk;
}

static struct run *alloc_locked(struct pages *pages, unsigned n, unsigned alignment,
                                enum run_kind kind, bool *zeroed) {
    unsigned first = 0;
    struct chunk *chunk = fill_find(&pages->fill, n, alignment, &first);
    if (chunk == NULL) {
        first = 0;
        chunk = take_chunks(pages, 1, 1);
        chunk = chunk != NULL ? add_chunk(pages, chunk) : NULL;
    }
    return chunk != NULL ? take(pages, chunk, first, n, kind, zeroed) : NULL;
}

struct run *pages_alloc(struct pages *pages, unsigned n, unsigned alignment, enum run_kind kind,
                        bool *zeroed) {
    lock_acquire(&pages->lock);
    struct run *run = alloc_locked(pages, n, alignment, kind, zeroed);
    lock_release(&pages->lock);
    return run;
}

void pages_free(struct pages *pages, struct run *run) {
    lock_acquire(&pages->lock);
    free_locked(pages, run);
    lock_release(&pages->lock);
}

/* ---- runs of large objects ---------------------------------------------------------------------- */

static void count_large(struct pages *pages, size_t allocated, size_t freed) {
    struct large_counters *large = &pages->large;
    if (allocated != 0) {
        counter_add(&large->nmalloc[lextent_index(allocated)], 1);
    }
    if (freed != 0) {
        counter_add(&large->ndalloc[lextent_index(freed)], 1);
    }
    gauge_add(&large->bytes, (ptrdiff_t)(allocated - freed));
}

void pages_count_large(struct pages *pages, size_t allocated, size_t freed) {
    lock_acquire(&pages->lock);
    count_large(pages, allocated, freed);
    lock_release(&pages->lock);
}

static uint64_t reset_counter(_Atomic uint64_t *counter) {
    return atomic_exchange_explicit(counter, 0, memory_order_relaxed);
}

/* As that of most threads is. */
static bool is_blank(const struct large_tally *tally) {
    uint64_t any = counter_read(&tally->misses) | counter_read(&tally->drops) |
                   counter_read(&tally->overfills);
    for (unsigned i = 0; i < LEXTENTS_CACHED; i++) {
        any |= counter_read(&tally->nmalloc[i]) | counter_read(&tally->ndalloc[i]);
    }
    return any == 0;
}

void pages_merge_tally(struct pages *pages, struct large_tally *tally) {
    struct large_counters *large = &pages->large;
    if (is_blank(tally)) {
        return;
    }
    lock_acquire(&pages->lock);
    for (unsigned i = 0; i < LEXTENTS_CACHED; i++) {
        uint64_t hits = reset_counter(&tally->nmalloc[i]);
        uint64_t frees = reset_counter(&tally->ndalloc[i]);
        counter_add(&large->nmalloc[i], hits);
        counter_add(&large->ndalloc[i], frees);
        counter_add(&large->kept_hits, hits);
        counter_add(&large->kept_frees, frees);
    }
    counter_add(&large->kept_misses, reset_counter(&tally->misses));
    counter_add(&large->kept_drops, reset_counter(&tally->drops));
    counter_add(&large->kept_overfills, reset_counter(&tally->overfills));
    gauge_add(&large->bytes,
              (ptrdiff_t)atomic_exchange_explicit(&tally->bytes, 0, memory_order_relaxed));
    lock_release(&pages->lock);
}

struct run *pages_alloc_large(struct pages *pages, size_t usable, unsigned n, unsigned alignment,
                              bool *zeroed) {
    lock_acquire(&pages->lock);
    struct run *run = alloc_locked(pages, n, alignment, RUN_LARGE, zeroed);
    if (run != NULL) {
        run->usable = usable;
        run->class = (uint8_t)lextent_index(usable);
        count_large(pages, usable, 0);
    }
    lock_release(&pages->lock);
    return run;
}

void pages_free_large(struct pages *pages, struct run *run) {
    lock_acquire(&pages->lock);
    CHECK(
        run_become(run, RUN_LARGE, RUN_CACHED)); /* two threads may free the same object at once */
    count_large(pages, 0, run->usable);
    free_locked(pages, run);
    lock_release(&pages->lock);
}

/* Makes a run n granules long inside its chunk. */
static bool resize_locked(struct pages *pages, struct run *run, unsigned n) {
    lock_assert_held(&pages->lock);
    struct chunk *chunk = run->chunk;
    unsigned first = run_first_granule(run);
    unsigned old = run->ngranules;
    if (n > old) {
        if (first + n > CHUNK_GRANULES) {
            return false;
        }
        bits128 more = bits128_range(first + old, n - old);
        if ((chunk->free & more) != more) {
            return false;
        }
        count_states(pages, chunk, more, n - old, -1);
        chunk->free &= ~more;
        chunk->dirty &= ~more;
        chunk->muzzy &= ~more;
        list_by_dirt(pages, chunk);
        list_by_longest(pages, chunk, chunk->longest);
        count_active(pages, n - old);
    } else if (n < old) {
        release(pages, chunk, first + n, old - n);
    }
    run->ngranules = (uint8_t)n;
    return true;
}

bool pages_resize(struct pages *pages, struct run *run, unsigned n) {
    lock_acquire(&pages->lock);
    bool done = resize_locked(pages, run, n);
    lock_release(&pages->lock);
    return done;
}

/* ---- big objects -------------------------------------------------------------------------------- */

static void make_body(struct chunk *chunk, struct chunk *head, struct pages *pages) {
    atomic_store_explicit(&chunk->owner, &pages->owner, memory_order_relaxed);
    atomic_store_explicit(&chunk->kind, CHUNK_BIG_BODY, memory_order_relaxed);
    chunk->head = head;
    chunk->dirty = 0;
    chunk->muzzy = 0;
}

/* Chunks `from` .. `to` - 1 of a big object's series go back to the space. */
static void give_chunks(struct pages *pages, struct chunk *head, size_t from, size_t to,
                        bits128 dirty) {
    if (from == to) {
        return;
    }
    for (size_t i = from; i < to; i++) {
        head[i].dirty = dirty;
        head[i].muzzy = 0;
    }
    give(pages, head + from, to - from);
    gauge_add(&pages->nchunks, -(ptrdiff_t)(to - from));
    count_granules(pages, -(ptrdiff_t)((to - from) * CHUNK_GRANULES));
}

/* The chunk after the whole ones gets a tail run of n granules. */
static bool begin_tail(struct pages *pages, struct chunk *chunk, unsigned n, bool *zeroed) {
    if (!chunk_begin_cut(chunk, &pages->owner)) {
        return false;
    }
    count_states(pages, chunk, ALL_GRANULES, CHUNK_GRANULES, 1);
    pages->nempty++;
    gauge_add(&pages->nchunks, 1);
    gauge_add(&pages->ncut, 1);
    chunk->longest = CHUNK_GRANULES;
    take(pages, chunk, 0, n, RUN_TAIL, zeroed);
    fill_update(&pages->fill, chunk, CHUNK_GRANULES - n);
    return true;
}

static void end_tail(struct pages *pages, struct chunk *chunk) {
    struct run *run = &chunk->runs[0];
    ASSERT(run->kind == RUN_TAIL);
    unsigned n = run->ngranules;
    chunk_forget_run(chunk, run);
    release(pages, chunk, 0, n);
}

struct chunk *pages_alloc_big(struct pages *pages, size_t n, size_t alignment, bool *zeroed) {
    size_t whole = n / CHUNK_GRANULES;
    unsigned tail = n % CHUNK_GRANULES;
    if (whole == 0) { /* small, but aligned beyond a chunk: it gets a whole one */
        whole = 1;
        tail = 0;
    }
    size_t total = whole + (tail != 0);
    if (total > UINT32_MAX) {
        return NULL;
    }
    lock_acquire(&pages->lock);
    drop_empty_locked(pages); /* the one that is kept may be what the last big object ended in */
    struct chunk *head = take_chunks(pages, total, alignment);
    *zeroed = true;
    if (head != NULL && tail != 0 && !begin_tail(pages, head + whole, tail, zeroed)) {
        give(pages, head, total);
        head = NULL;
    }
    if (head != NULL) {
        for (size_t i = 0; i < whole; i++) {
            *zeroed = *zeroed && (head[i].dirty | head[i].muzzy) == 0 && !head[i].unzeroed;
            make_body(&head[i], head, pages);
        }
        atomic_store_explicit(&head->kind, CHUNK_BIG, memory_order_relaxed);
        head->nchunks = (uint32_t)whole;
        head->tail_granules = (uint8_t)tail;
        gauge_add(&pages->nchunks, (ptrdiff_t)whole);
        count_granules(pages, (ptrdiff_t)(whole * CHUNK_GRANULES));
    }
    lock_release(&pages->lock);
    return head;
}

void pages_free_big(struct pages *pages, struct chunk *head, bool clean) {
    lock_acquire(&pages->lock);
    CHECK(atomic_load_explicit(&head->kind, memory_order_relaxed) == CHUNK_BIG);
    size_t whole = head->nchunks;
    if (head->tail_granules != 0) {
        end_tail(pages, head + whole);
    }
    give_chunks(pages, head, 0, whole, clean ? 0 : ALL_GRANULES);
    lock_release(&pages->lock);
}

static void shrink_big(struct pages *pages, struct chunk *head, size_t whole, unsigned tail) {
    size_t old_whole = head->nchunks;
    if (whole == old_whole && tail != 0) {
        resize_locked(pages, &head[whole].runs[0], tail);
        return;
    }
    if (head->tail_granules != 0) {
        end_tail(pages, head + old_whole);
    }
    if (whole == old_whole) {
        return;
    }
    size_t given = whole;
    if (tail != 0) { /* the first chunk given up becomes the new tail's */
        struct chunk *end = head + whole;
        end->dirty = ALL_GRANULES;
        gauge_add(&pages->nchunks, -1);
        count_granules(pages, -(ptrdiff_t)CHUNK_GRANULES);
        given++;
        bool zeroed;
        if (!begin_tail(pages, end, tail, &zeroed)) {
            make_body(end, head, pages); /* no descriptors for it: it stays a whole one */
            gauge_add(&pages->nchunks, 1);
            count_granules(pages, CHUNK_GRANULES);
            whole++;
            tail = 0;
        }
    }
    give_chunks(pages, head, given, old_whole, ALL_GRANULES);
    head->nchunks = (uint32_t)whole;
    head->tail_granules = (uint8_t)tail;
}

static bool grow_big(struct pages *pages, struct chunk *head, size_t whole, unsigned tail) {
    size_t old_whole = head->nchunks;
    unsigned old_tail = head->tail_granules;
    if (whole == old_whole && old_tail != 0) {
        return resize_locked(pages, &head[whole].runs[0], tail);
    }
    struct chunk *old_end = head + old_whole;
    if (old_tail != 0 && old_end->free != ~bits128_low(old_tail)) {
        return false; /* others live in the tail's chunk */
    }
    size_t have = old_whole + (old_tail != 0);
    size_t want = whole + (tail != 0);
    if (want > have &&
        !space_take_at(space_of(head), head->region, chunk_index(head) + have, want - have)) {
        return false;
    }
    if (tail != 0) {
        bool zeroed;
        if (!begin_tail(pages, head + whole, tail, &zeroed)) {
            if (want > have) {
                give(pages, head + have, want - have);
            }
            return false;
        }
    }
    if (old_tail != 0) { /* its chunk, otherwise free, becomes a whole one */
        chunk_forget_run(old_end, &old_end->runs[0]);
        old_end->free = ALL_GRANULES;
        pages->nempty++;
        remove_chunk(pages, old_end);
        count_active(pages, -(ptrdiff_t)old_tail);
    }
    for (size_t i = old_whole; i < whole; i++) {
        make_body(&head[i], head, pages);
    }
    gauge_add(&pages->nchunks, (ptrdiff_t)(whole - old_whole));
    count_granules(pages, (ptrdiff_t)((whole - old_whole) * CHUNK_GRANULES));
    return true;
}

bool pages_resize_big(struct pages *pages, struct chunk *head, size_t n) {
    size_t whole = n / CHUNK_GRANULES;
    unsigned tail = n % CHUNK_GRANULES;
    ASSERT(whole >= 1);
    bool done = true;
    lock_acquire(&pages->lock);
    size_t now = big_granules(head);
    if (n < now) {
        shrink_big(pages, head, whole, tail);
        if (whole == head->nchunks) {
            head->tail_granules = (uint8_t)tail;
        }
    } else if (n > now) {
        done = whole <= UINT32_MAX && grow_big(pages, head, whole, tail);
        if (done) {
            head->nchunks = (uint32_t)whole;
            head->tail_granules = (uint8_t)tail;
        }
    }
    lock_release(&pages->lock);
    return done;
}

/* ---- checking ----------------------------------------------------------------------------------- */

void pages_check(struct pages *pages) {
    lock_acquire(&pages->lock);
    size_t nempty = 0;
    size_t states[PAGE_STATES] = {0}; /* pinned chunks are in no list of unclean ones */
    for (unsigned longest = 1; longest <= CHUNK_GRANULES; longest++) {
        struct list *head = &pages->fill.by_longest[longest];
        CHECK(list_is_empty(head) == !(pages->fill.nonempty >> (longest - 1) & 1));
        for (struct list *node = list_first(head); node != head; node = node->next) {
            const struct chunk *chunk = list_entry(node, struct chunk, fill_link);
            chunk_check(chunk);
            CHECK(pages_of(chunk) == pages && chunk->longest == longest);
            nempty += chunk->free == ALL_GRANULES;
        }
    }
    struct list *head = &pages->dirty_chunks;
    for (struct list *node = list_first(head); node != head; node = node->next) {
        const struct chunk *chunk = list_entry(node, struct chunk, dirty_link);
        states[PAGES_DIRTY] += bits128_count(chunk->dirty);
        states[PAGES_MUZZY] += bits128_count(chunk->muzzy);
    }
    CHECK(nempty == pages->nempty);
    CHECK(states[PAGES_DIRTY] == pages->nstate[PAGES_DIRTY]);
    CHECK(states[PAGES_MUZZY] == pages->nstate[PAGES_MUZZY]);
    lock_release(&pages->lock);
}

/*
 * hooked.c: growing by hooks, and giving back to them.
 *
 * Sizes that are asked for grow by a quarter each time, so that a large heap has few regions and the
 * list of them stays short; what does not fit then is asked for alone.
 */
#include "pages/hooked.h"

#include "base/bitset.h"
#include "base/upcall.h"
#include "opt/opt.h"
#include "os/os.h"
#include "pages/pages_internal.h"

enum { REARRANGE_SLEEP_US = 50 };

static size_t bytes_of(size_t nchunks) {
    return nchunks << LG_CHUNK;
}

/* Chunks from .. to - 1 of a region. */
static struct extent part_of(const struct region *region, size_t from, size_t to) {
    return (struct extent){region->base + bytes_of(from), bytes_of(to - from)};
}

/* The extent that holds chunk i: *from .. *to - 1. */
static void find_extent(const struct region *region, size_t i, size_t *from, size_t *to) {
    *from = i;
    while (!bitset_has(region->starts, *from)) {
        --*from;
    }
    *to = bitset_next(region->starts, NULL, region->nchunks, i + 1, true);
}

static void count_committed(struct space *space, ptrdiff_t nchunks) {
    atomic_fetch_add_explicit(&space->committed_bytes, (size_t)nchunks << LG_CHUNK,
                              memory_order_relaxed);
}

/* Extents are split and merged, and parts of them committed, by one thread at a time. */
static bool try_rearrange(struct space *space) {
    return !atomic_exchange_explicit(&space->rearranging, true, memory_order_acquire);
}

/* false: this thread may be rearranging already; it is inside a hook. */
static bool rearrange(struct space *space) {
    while (!try_rearrange(space)) {
        if (upcalls.in_hook()) {
            return false;
        }
        os_sleep_us(REARRANGE_SLEEP_US);
    }
    return true;
}

static void finish(struct space *space) {
    atomic_store_explicit(&space->rearranging, false, memory_order_release);
}

/* ---- growing ------------------------------------------------------------------------------------ */

/* First of n adjacent chunks within an extent that are free or decommitted; nchunks when there are none. */
static size_t find_absent(const struct region *region, size_t n, size_t alignment) {
    size_t first = region_align(region, 0, alignment);
    while (first + n <= region->nchunks) {
        size_t have = 0;
        while (
            have < n &&
            (bitset_has(region->free, first + have) || bitset_has(region->absent, first + have)) &&
            (have == 0 || !bitset_has(region->starts, first + have))) {
            have++;
        }
        if (have == n) {
            return first;
        }
        first = region_align(region, first + have + (have == 0), alignment);
    }
    return region->nchunks;
}

/* Commits the decommitted ones among n chunks; others may take some meanwhile. */
static bool commit_again(struct space *space, struct region *region, size_t first, size_t n) {
    size_t from;
    size_t to;
    find_extent(region, first, &from, &to);
    bool done = true;
    size_t end = first + n;
    while (done) {
        lock_acquire(&space->lock);
        size_t begin = bitset_next(region->absent, NULL, end, first, true);
        first = bitset_next(region->absent, NULL, end, begin, false);
        bitset_remove_range(region->absent, begin, first - begin);
        lock_release(&space->lock);
        if (begin == end) {
            break;
        }
        done =
            hooks_commit(&space->hooks, part_of(region, from, to), part_of(region, begin, first));
        lock_acquire(&space->lock);
        bitset_add_range(done ? region->free : region->absent, begin, first - begin);
        if (done) {
            region->nfree += first - begin;
            count_committed(space, (ptrdiff_t)(first - begin));
        }
        lock_release(&space->lock);
    }
    return done;
}

/* Whoever finds somebody else at it gets new memory instead. */
static bool recommit(struct space *space, size_t n, size_t alignment) {
    if (!try_rearrange(space)) {
        return false;
    }
    size_t first = 0;
    lock_acquire(&space->lock);
    struct region *region = space->regions;
    for (; region != NULL; region = region->next) {
        first = find_absent(region, n, alignment);
        if (first < region->nchunks) {
            break;
        }
    }
    lock_release(&space->lock);
    bool done = region != NULL && commit_again(space, region, first, n);
    finish(space);
    return done;
}

/* No chunk of ours lies there: hooks must not hand out what was taken from this allocator. */
static bool is_foreign(uintptr_t base, size_t nchunks) {
    for (size_t i = 0; i < nchunks; i++) {
        if (chunk_find_at((void *)(base + bytes_of(i))) != NULL) {
            return false;
        }
    }
    return true;
}

static bool enter_region(struct space *space, uintptr_t base, size_t nchunks, bool zero,
                         bool pinned) {
    lock_acquire(&space->lock);
    bool usable = map_commit(base, bytes_of(nchunks)) && is_foreign(base, nchunks);
    struct region *region = usable ? region_descriptor(space, nchunks) : NULL;
    if (region != NULL) {
        region->base = base;
        region->ncommitted = nchunks;
        region->unzeroed = !zero;
        region->pinned = pinned;
        bitset_add(region->starts, 0);
        region_enter_map(region);
        region_append(space, region);
        atomic_fetch_add_explicit(&space->reserved_bytes, bytes_of(nchunks), memory_order_relaxed);
        count_committed(space, (ptrdiff_t)nchunks);
    }
    lock_release(&space->lock);
    return region != NULL;
}

static bool add_region(struct space *space, size_t nchunks, size_t alignment) {
    bool zero;
    bool commit;
    bool pinned;
    void *base =
        hooks_alloc(&space->hooks, bytes_of(nchunks), bytes_of(alignment), &zero, &commit, &pinned);
    if (base == NULL) {
        return false;
    }
    struct extent extent = {(uintptr_t)base, bytes_of(nchunks)};
    if ((commit || hooks_commit(&space->hooks, extent, extent)) &&
        enter_region(space, extent.base, nchunks, zero, pinned)) {
        return true;
    }
    if (!hooks_dalloc(&space->hooks, extent, commit)) {
        hooks_destroy(&space->hooks, extent, commit);
    }
    return false;
}

bool hooked_provide(struct space *space, size_t n, size_t alignment) {
    if (n > PTRDIFF_MAX >> LG_CHUNK || alignment > PTRDIFF_MAX >> LG_CHUNK) {
        return false;
    }
    if (recommit(space, n, alignment)) {
        return true;
    }
    size_t next = atomic_load_explicit(&space->next_hooked_bytes, memory_order_relaxed);
    size_t limit = atomic_load_explicit(&space->grow_limit, memory_order_relaxed);
    size_t bytes = opts.retain ? (next < limit ? next : limit) : 0;
    size_t nchunks = bytes >> LG_CHUNK > n ? bytes >> LG_CHUNK : n;
    if (!add_region(space, nchunks, alignment)) {
        return nchunks > n && add_region(space, n, alignment);
    }
    if (next <= limit) {
        next = round_down(next + next / 4, CHUNK_SIZE) + (next < 4 * CHUNK_SIZE ? CHUNK_SIZE : 0);
        atomic_store_explicit(&space->next_hooked_bytes, next, memory_order_relaxed);
    }
    return true;
}

/* ---- giving back -------------------------------------------------------------------------------- */

/* Whoever looks the chunks' addresses up finds nothing: as soon as they are offered, they may be used for
 * something else. */
static void leave_map(struct region *region, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        uintptr_t address = region->base + bytes_of(i);
        if (map_chunk_at(address) == &region->chunks[i]) {
            map_set_chunk(address, NULL);
        }
    }
}

static void enter_map_again(struct region *region, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        map_set_chunk(region->chunks[i].base, &region->chunks[i]);
    }
}

/* The chunks are the program's again. */
static void lose(struct space *space, struct region *region, size_t first, size_t end) {
    lock_acquire(&space->lock);
    for (size_t i = first; i < end; i++) {
        atomic_store_explicit(&region->chunks[i].kind, CHUNK_UNUSED, memory_order_relaxed);
        count_committed(space, bitset_has(region->absent, i) ? 0 : -1);
        bitset_remove(region->absent, i);
        bitset_add(region->gone, i);
    }
    atomic_fetch_sub_explicit(&space->reserved_bytes, bytes_of(end - first), memory_order_relaxed);
    if (bitset_next(region->gone, NULL, region->nchunks, 0, false) == region->nchunks) {
        struct region **link = &space->regions;
        while (*link != region) {
            link = &(*link)->next;
        }
        *link = region->next;
        region->next = space->retired;
        space->retired = region;
    }
    lock_release(&space->lock);
}

static void set_start(struct space *space, struct region *region, size_t i, bool value) {
    lock_acquire(&space->lock);
    if (value) {
        bitset_add(region->starts, i);
    } else {
        bitset_remove(region->starts, i);
    }
    lock_release(&space->lock);
}

/* Chunks of one extent that are out of the space. */
struct offer {
    struct space *space;
    struct region *region;
    struct page_owner *owner;
    size_t from, to;   /* the extent */
    size_t first, end; /* the chunks */
};

static struct extent extent_of(const struct offer *offer) {
    return part_of(offer->region, offer->from, offer->to);
}

static struct extent offered(const struct offer *offer) {
    return part_of(offer->region, offer->first, offer->end);
}

/* Offers chunks that are an extent, and forgets them if the hooks take them. */
static bool dalloc(const struct offer *offer, size_t first, size_t end, bool committed) {
    leave_map(offer->region, first, end);
    if (!hooks_dalloc(&offer->space->hooks, part_of(offer->region, first, end), committed)) {
        enter_map_again(offer->region, first, end);
        return false;
    }
    lose(offer->space, offer->region, first, end);
    return true;
}

/* Two extents become one again; false when they stay apart. */
static bool join(const struct offer *offer, size_t from, size_t at, size_t to) {
    bool joined = hooks_merge(&offer->space->hooks, part_of(offer->region, from, to),
                              bytes_of(at - from), true);
    set_start(offer->space, offer->region, at, !joined);
    return joined;
}

/* Splits off what precedes and follows the chunks. */
static bool dalloc_part(struct offer *offer) {
    struct hooks *hooks = &offer->space->hooks;
    struct region *region = offer->region;
    size_t first = offer->first;
    size_t end = offer->end;
    if (first > offer->from &&
        !hooks_split(hooks, extent_of(offer), bytes_of(first - offer->from), true)) {
        return false;
    }
    bool apart = end == offer->to ||
                 hooks_split(hooks, part_of(region, first, offer->to), bytes_of(end - first), true);
    set_start(offer->space, region, first, true);
    if (apart && end < offer->to) {
        set_start(offer->space, region, end, true);
    }
    if (apart && dalloc(offer, first, end, true)) {
        return true;
    }
    size_t to = offer->to;
    if (apart && end < to && !join(offer, first, end, to)) {
        to = end;
    }
    if (first > offer->from && !join(offer, offer->from, first, to)) {
        offer->from = first;
    }
    offer->to = to;
    return false;
}

/* The whole extent, of which no chunk is in use. Its other chunks must be out of reach meanwhile. */
static bool dalloc_whole(struct offer *offer) {
    struct region *region = offer->region;
    bool committed = bitset_next(region->absent, NULL, offer->to, offer->from, true) == offer->to;
    bool done = dalloc(offer, offer->from, offer->to, committed);
    for (size_t i = offer->from; !done && i < offer->to; i++) {
        if (!bitset_has(region->absent, i) && (i < offer->first || i >= offer->end)) {
            space_give(offer->space, &region->chunks[i], 1, offer->owner);
        }
    }
    return done;
}

/* Whether nothing of the extent is in use; if so its other chunks leave the space too. */
static bool take_whole_locked(struct offer *offer) {
    struct region *region = offer->region;
    for (size_t i = offer->from; i < offer->to; i++) {
        bool out = i >= offer->first && i < offer->end;
        if (!out && !bitset_has(region->free, i) && !bitset_has(region->absent, i)) {
            return false;
        }
    }
    for (size_t i = offer->from; i < offer->to; i++) {
        if (bitset_has(region->free, i)) {
            region_take(region, i, 1);
        }
    }
    return true;
}

/* Unclean chunks around the first one join the offer. Returns whether it is the whole extent's. */
static bool widen(struct offer *offer, bool whole) {
    struct region *region = offer->region;
    lock_acquire(&offer->space->lock);
    while (offer->first > offer->from && bitset_has(region->dirty, offer->first - 1)) {
        region_take(region, --offer->first, 1);
    }
    while (offer->end < offer->to && bitset_has(region->dirty, offer->end)) {
        region_take(region, offer->end++, 1);
    }
    whole = whole && take_whole_locked(offer);
    lock_release(&offer->space->lock);
    return whole;
}

static bool may_dalloc(const struct space *space) {
    return atomic_load_explicit(&space->hooks.table, memory_order_acquire)->dalloc != NULL;
}

static void make_absent(const struct offer *offer) {
    lock_acquire(&offer->space->lock);
    for (size_t i = offer->first; i < offer->end; i++) {
        struct chunk *chunk = &offer->region->chunks[i];
        atomic_store_explicit(&chunk->kind, CHUNK_FREE, memory_order_relaxed);
        atomic_store_explicit(&chunk->owner, NULL, memory_order_relaxed);
    }
    bitset_add_range(offer->region->absent, offer->first, offer->end - offer->first);
    count_committed(offer->space, -(ptrdiff_t)(offer->end - offer->first));
    lock_release(&offer->space->lock);
}

static size_t dispose(struct space *space, struct chunk *chunk, struct page_owner *owner,
                      bool lazily, bool muzzy) {
    struct offer offer = {
        .space = space, .region = chunk->region, .owner = owner, .first = chunk_index(chunk)};
    struct region *region = offer.region;
    offer.end = offer.first + 1;
    find_extent(region, offer.first, &offer.from, &offer.to);
    bool offers = !lazily && may_dalloc(space);
    bool whole = widen(&offer, offers);
    size_t n = 0;
    for (size_t i = offer.first; i < offer.end; i++) {
        n += bits128_count(muzzy ? region->chunks[i].muzzy : region->chunks[i].dirty);
    }
    if (offers && (whole ? dalloc_whole(&offer) : dalloc_part(&offer))) {
        return n;
    }
    bool now_muzzy = lazily && hooks_purge_lazy(&space->hooks, extent_of(&offer), offered(&offer));
    bool absent = !now_muzzy && hooks_decommit(&space->hooks, extent_of(&offer), offered(&offer));
    if (!now_muzzy && !absent &&
        !hooks_purge_forced(&space->hooks, extent_of(&offer), offered(&offer))) {
        now_muzzy = !lazily && !muzzy &&
                    hooks_purge_lazy(&space->hooks, extent_of(&offer), offered(&offer));
    }
    for (size_t i = offer.first; i < offer.end; i++) {
        struct chunk *kept = &region->chunks[i];
        kept->muzzy = now_muzzy ? kept->dirty | kept->muzzy : 0;
        kept->dirty = 0;
        kept->unzeroed = true;
    }
    if (absent) {
        make_absent(&offer);
    } else {
        space_give(space, &region->chunks[offer.first], offer.end - offer.first, owner);
    }
    return n;
}

size_t hooked_dispose(struct space *space, struct chunk *chunk, struct page_owner *owner,
                      bool lazily, bool muzzy) {
    if (!rearrange(space)) {
        space_give(space, chunk, 1, owner);
        return 0;
    }
    size_t n = dispose(space, chunk, owner, lazily, muzzy);
    finish(space);
    return n;
}

bool hooked_purge(struct space *space, const struct chunk *chunk, void *address, size_t size,
                  bool muzzy, bool *lazily) {
    if (!rearrange(space)) {
        return false;
    }
    size_t from;
    size_t to;
    find_extent(chunk->region, chunk_index(chunk), &from, &to);
    struct extent extent = part_of(chunk->region, from, to);
    struct extent part = {(uintptr_t)address, size};
    if (!*lazily || !hooks_purge_lazy(&space->hooks, extent, part)) {
        *lazily = !hooks_purge_forced(&space->hooks, extent, part) && !*lazily && !muzzy &&
                  hooks_purge_lazy(&space->hooks, extent, part);
    }
    finish(space);
    return true;
}

static void end_extent(struct space *space, struct region *region, size_t from, size_t to) {
    lock_acquire(&space->lock);
    bool committed = bitset_next(region->absent, NULL, to, from, true) == to;
    for (size_t i = from; i < to; i++) {
        if (bitset_has(region->free, i)) {
            region_take(region, i, 1);
        }
    }
    lock_release(&space->lock);
    struct extent extent = part_of(region, from, to);
    leave_map(region, from, to);
    lose(space, region, from, to);
    if (!hooks_dalloc(&space->hooks, extent, committed)) {
        hooks_destroy(&space->hooks, extent, committed);
    }
}

void hooked_end(struct space *space) {
    struct region *region;
    while ((region = space->regions) != NULL) {
        size_t i = bitset_next(region->gone, NULL, region->nchunks, 0, false);
        size_t from;
        size_t to;
        find_extent(region, i, &from, &to);
        end_extent(space, region, from, to);
    }
}

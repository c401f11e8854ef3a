/*
 * region.c: the address space behind all arenas.
 *
 * The first region is 1 GiB, each next one twice as large, so that an enormous heap has few of them.
 * Reserving costs nothing: pages are committed in steps by mprotect, which works alike under every
 * overcommit policy, and neighbouring steps merge into one mapping of the kernel's.
 * When address space is limited, smaller regions are tried down to what the request needs.
 */
#include "pages/region.h"

#include <stddef.h>
#include <string.h>

#include "base/bitset.h"
#include "meta/meta.h"
#include "opt/opt.h"
#include "os/fatal.h"
#include "os/os.h"
#include "pages/decay.h"
#include "pages/hooked.h"
#include "pages/pages_internal.h"

enum { LG_FIRST_REGION = 30, LG_LARGEST_REGION = 36, LG_SMALL_REGION = 26 };
enum { FIRST_COMMIT_CHUNKS = 8, LARGEST_COMMIT_CHUNKS = 64 };

void space_init(struct space *space) {
    lock_init(&space->lock, RANK_SPACE);
    space->next_region_bytes = (size_t)1 << (opts.retain ? LG_FIRST_REGION : LG_SMALL_REGION);
    space_forget_growth(space);
}

void space_forget_growth(struct space *space) {
    atomic_store_explicit(&space->next_hooked_bytes, CHUNK_SIZE, memory_order_relaxed);
    atomic_store_explicit(&space->grow_limit, PTRDIFF_MAX, memory_order_relaxed);
}

void space_set_hooks(struct space *space, extent_hooks_t *hooks, unsigned arena) {
    space->hooks.arena = arena;
    atomic_store_explicit(&space->hooks.table, hooks, memory_order_release);
}

/* ---- regions ---------------------------------------------------------------------------------- */

enum { BITSETS = 2, HOOKED_BITSETS = 5 };

/* One block: the region, its bitsets, the descriptors of its chunks. */
static struct region *allocate_region(struct space *space, size_t nchunks) {
    size_t words = bitset_words(nchunks);
    unsigned sets = space_is_hooked(space) ? HOOKED_BITSETS : BITSETS;
    size_t head = round_up(sizeof(struct region) + sets * words * sizeof(uint64_t), CACHE_LINE);
    struct region *region = meta_alloc(head + nchunks * sizeof(struct chunk));
    if (region == NULL) {
        return NULL;
    }
    region->free = (uint64_t *)(region + 1);
    region->dirty = region->free + words;
    if (sets == HOOKED_BITSETS) {
        region->absent = region->dirty + words;
        region->starts = region->absent + words;
        region->gone = region->starts + words;
    }
    region->chunks = (struct chunk *)((char *)region + head);
    region->capacity = nchunks;
    return region;
}

/* As new, but for the region, which is the same for ever: collapse.c may have found the chunk before. */
static void renew(struct chunk *chunk) {
    size_t before = offsetof(struct chunk, region);
    size_t after = before + sizeof(chunk->region);
    memset(chunk, 0, before);
    memset((char *)chunk + after, 0, sizeof(*chunk) - after);
}

/* A retired one serves again if little of it stays unused. */
static struct region *reuse_region(struct space *space, size_t nchunks) {
    for (struct region **link = &space->retired; *link != NULL; link = &(*link)->next) {
        struct region *region = *link;
        if (region->capacity >= nchunks && region->capacity / 2 <= nchunks) {
            *link = region->next;
            for (size_t i = 0; i < region->capacity; i++) {
                renew(&region->chunks[i]);
            }
            for (uint64_t *word = region->free; word < (uint64_t *)region->chunks; word++) {
                *word = 0;
            }
            return region;
        }
    }
    return NULL;
}

struct region *region_descriptor(struct space *space, size_t nchunks) {
    struct region *region = reuse_region(space, nchunks);
    if (region == NULL) {
        region = allocate_region(space, nchunks);
    }
    if (region != NULL) {
        region->space = space;
        region->next = NULL;
        region->nchunks = nchunks;
        region->nfree = 0;
    }
    return region;
}

/* Whether the chunk's entry of a short table stands for other addresses as well: those of another region's
 * chunk, of NULL, or of the C library's heap, whose pointers may reach free(). */
static bool shares_entry(uintptr_t address) {
    uintptr_t span_mask = ((map.chunk_mask + 1) << LG_CHUNK) - 1;
    if ((address & span_mask) == 0 || map_chunk_at(address) != NULL) {
        return true;
    }
    uintptr_t heap;
    uintptr_t heap_end;
    if (!os_brk_heap(&heap, &heap_end)) {
        return false;
    }
    heap = round_down(heap, CHUNK_SIZE);
    return ((address - heap) & span_mask) < round_up(heap_end, CHUNK_SIZE) - heap;
}

/* With short tables chunks that share their entry stay unused. */
void region_enter_map(struct region *region) {
    for (size_t i = 0; i < region->nchunks; i++) {
        uintptr_t address = region->base + (i << LG_CHUNK);
        if (map_is_short) {
            if (shares_entry(address)) {
                continue;
            }
            map_set_chunk(address, &region->chunks[i]); /* before another region takes it */
        }
        bitset_add(region->free, i);
        region->nfree++;
    }
    region->nusable = region->nfree;
}

void region_append(struct space *space, struct region *region) {
    struct region **link = &space->regions;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = region;
}

/* The region leaves the map, and its address space goes back to the system. */
static void region_retire(struct space *space, struct region *region) {
    for (size_t i = 0; i < region->nchunks; i++) {
        if (bitset_has(region->free, i)) {
            map_set_chunk(region->base + (i << LG_CHUNK), NULL);
            bitset_remove(region->free, i);
        }
    }
    if (space->watched == region) {
        space->watched = NULL;
    }
    os_page_ops.release(region->reservation, region->reserved_bytes);
    atomic_fetch_sub_explicit(&space->reserved_bytes, region->reserved_bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&space->committed_bytes, region->ncommitted << LG_CHUNK,
                              memory_order_relaxed);
    region->next = space->retired;
    space->retired = region;
}

struct space_advice space_advice;

/* The option thp, for memory that was just committed. A small process should not pay for a huge page with
 * its first byte. */
static void advise_huge(uintptr_t base, size_t bytes, bool first) {
    _Atomic uint64_t *count = NULL;
    if (opts.thp == THP_NEVER || (opts.thp != THP_ALWAYS && first)) {
        os_avoid_huge_pages((void *)base, bytes);
        count = &space_advice.against;
    } else if (opts.thp == THP_ALWAYS) {
        bool taken = os_prefer_huge_pages((void *)base, bytes);
        count = taken ? &space_advice.given : &space_advice.refused;
    }
    if (count != NULL && atomic_fetch_add_explicit(count, 1, memory_order_relaxed) == 0 &&
        count == &space_advice.refused) {
        warn("the system has no huge pages (thp:always)");
    }
}

/* Commits the beginning of a new region, more than needed if the system agrees. Returns the bytes, 0
 * when it refuses. */
static size_t commit_first(uintptr_t base, size_t bytes, size_t needed) {
    size_t first = (size_t)FIRST_COMMIT_CHUNKS << LG_CHUNK;
    first = first < bytes ? first : bytes;
    if (first > needed && os_page_ops.commit((void *)base, first)) {
        return first;
    }
    return os_page_ops.commit((void *)base, needed) ? needed : 0;
}

/* A region whose first `needed` bytes are committed: what the system will not give is refused before
 * anything is written for it. */
static bool region_add(struct space *space, size_t bytes, size_t needed) {
    void *reservation = os_page_ops.reserve(bytes + CHUNK_SIZE);
    if (reservation == NULL) {
        return false;
    }
    uintptr_t base = round_up((uintptr_t)reservation, CHUNK_SIZE);
    struct region *region = NULL;
    size_t first = commit_first(base, bytes, needed);
    if (first != 0 && map_commit(base, bytes)) {
        region = region_descriptor(space, bytes >> LG_CHUNK);
    }
    if (region == NULL) {
        os_page_ops.release(reservation, bytes + CHUNK_SIZE);
        return false;
    }
    advise_huge(base, first, space->regions == NULL);
    region->nplain = space->regions == NULL ? first >> LG_CHUNK : 0;
    region->base = base;
    region->ncommitted = first >> LG_CHUNK;
    region->reservation = reservation;
    region->reserved_bytes = bytes + CHUNK_SIZE;
    atomic_fetch_add_explicit(&space->reserved_bytes, region->reserved_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&space->committed_bytes, first, memory_order_relaxed);
    region_enter_map(region);
    if (region->nfree < needed >> LG_CHUNK) {
        region_retire(space, region);
        return false;
    }
    region_append(space, region);
    return true;
}

/* A region that surely has room for n chunks at this alignment. */
static bool space_grow(struct space *space, size_t n, size_t alignment) {
    size_t needed = (n + alignment - 1) << LG_CHUNK;
    if (needed >> LG_CHUNK < n || needed > PTRDIFF_MAX) {
        return false;
    }
    size_t bytes = space->next_region_bytes > needed ? space->next_region_bytes : needed;
    while (!region_add(space, bytes, needed)) {
        if (bytes == needed) {
            return false;
        }
        bytes = round_down(bytes / 4, CHUNK_SIZE);
        bytes = bytes > needed ? bytes : needed;
    }
    if (opts.retain && space->next_region_bytes < (size_t)1 << LG_LARGEST_REGION) {
        space->next_region_bytes *= 2;
    }
    return true;
}

/* Makes chunks below `end` accessible, and some more so that the next ones come for free. */
static bool region_commit(struct space *space, struct region *region, size_t end) {
    if (end <= region->ncommitted) {
        return true;
    }
    size_t step = region->ncommitted / 8;
    step = step < FIRST_COMMIT_CHUNKS ? FIRST_COMMIT_CHUNKS : step;
    step = step > LARGEST_COMMIT_CHUNKS ? LARGEST_COMMIT_CHUNKS : step;
    size_t target = region->ncommitted + step;
    target = target < end ? end : target;
    target = target > region->nchunks ? region->nchunks : target;
    uintptr_t from = region->base + (region->ncommitted << LG_CHUNK);
    if (!os_page_ops.commit((void *)from, (target - region->ncommitted) << LG_CHUNK)) {
        target = end;
        if (!os_page_ops.commit((void *)from, (target - region->ncommitted) << LG_CHUNK)) {
            return false;
        }
    }
    size_t added = (target - region->ncommitted) << LG_CHUNK;
    advise_huge(from, added, false);
    atomic_fetch_add_explicit(&space->committed_bytes, added, memory_order_relaxed);
    region->ncommitted = target;
    return true;
}

void space_release_regions(struct space *space) {
    if (space_is_hooked(space)) {
        return;
    }
    lock_acquire(&space->lock);
    struct region **link = &space->regions;
    while (*link != NULL) {
        struct region *region = *link;
        bool clean = bitset_next(region->dirty, NULL, region->nchunks, 0, true) == region->nchunks;
        if (region->nfree == region->nusable && clean) {
            *link = region->next;
            region_retire(space, region);
        } else {
            link = &region->next;
        }
    }
    lock_release(&space->lock);
}

/* ---- chunks ----------------------------------------------------------------------------------- */

size_t region_align(const struct region *region, size_t first, size_t alignment) {
    size_t number = (region->base >> LG_CHUNK) + first;
    return first + (round_up(number, alignment) - number);
}

/* Searches a bitset of the region for n adjacent members: the shortest series that suffices, and the
 * lowest of equals. Series longer than `longest` are left, and so are members of `except`, if there is
 * such a set. A series ends where an extent of hooks begins. */
static size_t region_find(const struct region *region, const uint64_t *set, const uint64_t *except,
                          size_t n, size_t alignment, size_t longest) {
    size_t best = region->nchunks;
    size_t first = bitset_next(set, except, region->nchunks, 0, true);
    while (first < region->nchunks) {
        size_t end = bitset_next(set, except, region->nchunks, first, false);
        if (region->starts != NULL) {
            end = bitset_next(region->starts, NULL, end, first + 1, true);
        }
        size_t begin = region_align(region, first, alignment);
        if (begin + n <= end && end - first <= longest) {
            best = begin;
            longest = end - first - 1;
        }
        first = bitset_next(set, except, region->nchunks, end, true);
    }
    return best;
}

/* Dirty and muzzy granules of one chunk are added to (sign 1) or taken from (-1) an account. */
static void park(struct page_owner *owner, const struct chunk *chunk, int sign) {
    if (chunk->pinned) {
        atomic_fetch_add_explicit(&owner->parked_pinned,
                                  sign * (ptrdiff_t)bits128_count(chunk->dirty),
                                  memory_order_relaxed);
        return;
    }
    ptrdiff_t dirty = sign * (ptrdiff_t)bits128_count(chunk->dirty);
    atomic_fetch_add_explicit(&owner->parked_dirty, dirty, memory_order_relaxed);
    gauge_add(&chunk->region->space->parked_dirty, dirty);
    atomic_fetch_add_explicit(&owner->parked_muzzy, sign * (ptrdiff_t)bits128_count(chunk->muzzy),
                              memory_order_relaxed);
}

void region_take(struct region *region, size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        struct chunk *chunk = &region->chunks[i];
        if (chunk->base == 0) {
            chunk->region = region;
            chunk->free = ALL_GRANULES;
            chunk->unzeroed = region->unzeroed;
            chunk->pinned = region->pinned;
            chunk->base = region->base + (i << LG_CHUNK);
            atomic_store_explicit(&chunk->kind, CHUNK_FREE, memory_order_relaxed);
            map_set_chunk(chunk->base, chunk);
        }
        chunk->huge = false;
        chunk->lg_patience = 0;
        chunk->dense_since_ms = 0;
        chunk->seen_ms = 0;
        struct page_owner *owner = atomic_load_explicit(&chunk->owner, memory_order_relaxed);
        if (owner != NULL) {
            park(owner, chunk, -1);
            atomic_store_explicit(&chunk->owner, NULL, memory_order_relaxed);
        }
    }
    bitset_remove_range(region->free, first, n);
    bitset_remove_range(region->dirty, first, n);
    region->nfree -= n;
    gauge_add(&region->space->nused, (ptrdiff_t)n);
}

/* After chunks were taken for use. */
static void note_peak(struct space *space) {
    size_t nused = gauge_read(&space->nused);
    if (nused > gauge_read(&space->recent_peak)) {
        atomic_store_explicit(&space->recent_peak, nused, memory_order_relaxed);
    }
}

void space_forget_peak(struct space *space, uint64_t now_ns, uint64_t interval_ns) {
    uint64_t last = counter_read(&space->peak_ns);
    size_t peak = gauge_read(&space->recent_peak);
    size_t nused = gauge_read(&space->nused);
    if (now_ns - last >= interval_ns && peak > nused &&
        atomic_compare_exchange_strong_explicit(&space->peak_ns, &last, now_ns,
                                                memory_order_relaxed, memory_order_relaxed)) {
        peak -= div_round_up(peak - nused, DECAY_STEPS);
        atomic_store_explicit(&space->recent_peak, peak, memory_order_relaxed);
    }
}

size_t space_excess_dirty(const struct space *space) {
    size_t peak = gauge_read(&space->recent_peak);
    size_t nused = gauge_read(&space->nused);
    size_t all = peak + peak / SPACE_PART_ABOVE_PEAK;
    size_t allowed = all > nused ? (all - nused) * CHUNK_GRANULES : 0;
    allowed = allowed > SPACE_DIRTY_MIN ? allowed : SPACE_DIRTY_MIN;
    size_t parked = gauge_read(&space->parked_dirty);
    return parked > allowed ? parked - allowed : 0;
}

/* How long a dirty series may be for n chunks to be cut from it. */
static size_t longest_to_cut(size_t n) {
    size_t fit = opts.lg_extent_max_active_fit;
    return fit >= 64 || n > SIZE_MAX >> fit ? SIZE_MAX : n << fit;
}

static struct chunk *find_dirty(const struct space *space, size_t n, size_t alignment,
                                size_t longest) {
    for (const struct region *region = space->regions; region != NULL; region = region->next) {
        size_t first = region_find(region, region->dirty, NULL, n, alignment, longest);
        if (first < region->nchunks) {
            return &region->chunks[first];
        }
    }
    return NULL;
}

/* *refused: there was room, but the system did not commit it. */
static struct chunk *find_free(struct space *space, size_t n, size_t alignment, bool clean,
                               bool *refused) {
    for (struct region *region = space->regions; region != NULL; region = region->next) {
        if (region->nfree < n) {
            continue;
        }
        const uint64_t *except = clean ? region->dirty : NULL;
        size_t first = region_find(region, region->free, except, n, alignment, SIZE_MAX);
        if (first == region->nchunks) {
            continue;
        }
        if (region_commit(space, region, first + n)) {
            region_take(region, first, n);
            return &region->chunks[first];
        }
        *refused = true;
    }
    return NULL;
}

/* Another region would be of no use where committing is refused. */
struct chunk *space_take(struct space *space, size_t n, size_t alignment) {
    bool refused = false;
    lock_acquire(&space->lock);
    struct chunk *chunk = find_dirty(space, n, alignment, longest_to_cut(n));
    if (chunk != NULL) {
        region_take(chunk->region, chunk_index(chunk), n);
    } else if (find_dirty(space, n, alignment, SIZE_MAX) !=
               NULL) { /* clean ones rather than that */
        chunk = find_free(space, n, alignment, true, &refused);
    }
    if (chunk == NULL) {
        chunk = find_free(space, n, alignment, false, &refused);
    }
    if (chunk == NULL && !refused && !space_is_hooked(space) && space_grow(space, n, alignment)) {
        chunk = find_free(space, n, alignment, true, &refused);
    }
    note_peak(space);
    lock_release(&space->lock);
    return chunk;
}

bool space_take_at(struct space *space, struct region *region, size_t first, size_t n) {
    lock_acquire(&space->lock);
    bool free = first + n <= region->nchunks &&
                (region->starts == NULL ||
                 bitset_next(region->starts, NULL, first + n, first, true) == first + n) &&
                bitset_next(region->free, NULL, first + n, first, false) == first + n &&
                region_commit(space, region, first + n);
    if (free) {
        region_take(region, first, n);
        note_peak(space);
    }
    lock_release(&space->lock);
    return free;
}

void space_give(struct space *space, struct chunk *chunk, size_t n, struct page_owner *owner) {
    lock_acquire(&space->lock);
    struct region *region = chunk->region;
    size_t first = chunk_index(chunk);
    for (size_t i = first; i < first + n; i++) {
        struct chunk *given = &region->chunks[i];
        ASSERT(given->free == ALL_GRANULES && !bitset_has(region->free, i));
        atomic_store_explicit(&given->kind, CHUNK_FREE, memory_order_relaxed);
        if ((given->dirty | given->muzzy) != 0) {
            bitset_add(region->dirty, i);
            atomic_store_explicit(&given->owner, owner, memory_order_relaxed);
            park(owner, given, 1);
        } else {
            atomic_store_explicit(&given->owner, NULL, memory_order_relaxed);
        }
    }
    bitset_add_range(region->free, first, n);
    region->nfree += n;
    gauge_add(&space->nused, -(ptrdiff_t)n);
    lock_release(&space->lock);
}

static bool is_purgeable(struct chunk *chunk, const struct purgeable *wanted) {
    if ((wanted->muzzy ? chunk->muzzy : chunk->dirty) == 0) {
        return false;
    }
    chunk->seen_ms = chunk->seen_ms != 0 ? chunk->seen_ms : wanted->now_ms;
    return wanted->now_ms - chunk->seen_ms >= wanted->after_ms;
}

/* The last one: chunks are used from the lowest address up. */
struct chunk *space_take_purgeable(struct space *space, const struct page_owner *owner,
                                   const struct purgeable *wanted) {
    struct chunk *found = NULL;
    size_t found_index = 0;
    lock_acquire(&space->lock);
    for (struct region *region = space->regions; region != NULL; region = region->next) {
        for (size_t i = region->pinned ? 0 : region->ncommitted; i-- > 0;) {
            if (i % 64 == 63 && region->dirty[i / 64] == 0) {
                i -= 63;
                continue;
            }
            struct chunk *chunk = &region->chunks[i];
            if (bitset_has(region->dirty, i) &&
                atomic_load_explicit(&chunk->owner, memory_order_relaxed) == owner &&
                is_purgeable(chunk, wanted)) {
                found = chunk;
                found_index = i;
                break;
            }
        }
    }
    if (found != NULL) {
        region_take(found->region, found_index, 1);
    }
    lock_release(&space->lock);
    return found;
}

static bool is_used_by(const struct chunk *chunk, const struct page_owner *owner) {
    unsigned kind = atomic_load_explicit(&chunk->kind, memory_order_relaxed);
    return (kind == CHUNK_CUT || kind == CHUNK_BIG) &&
           atomic_load_explicit(&chunk->owner, memory_order_relaxed) == owner;
}

/* Under the lock, as a free chunk keeps its owner's name until another arena takes it. */
size_t space_find_owned(struct space *space, const struct page_owner *owner,
                        struct space_walk *walk, struct chunk **found, size_t max) {
    size_t n = 0;
    lock_acquire(&space->lock);
    struct region *region = space->regions;
    while (region != NULL && region != walk->region) {
        region = region->next;
    }
    if (region == NULL && !walk->done) { /* the walk begins, or its region was released meanwhile */
        *walk = (struct space_walk){.region = space->regions};
    }
    while (n < max && !walk->done) {
        if (walk->region == NULL) {
            walk->done = true;
        } else if (walk->next == walk->region->ncommitted) {
            *walk = (struct space_walk){.region = walk->region->next};
        } else {
            struct chunk *chunk = &walk->region->chunks[walk->next++];
            if (is_used_by(chunk, owner)) {
                found[n++] = chunk;
            }
        }
    }
    lock_release(&space->lock);
    return n;
}

void space_adopt(struct space *space, struct page_owner *from, struct page_owner *to) {
    lock_acquire(&space->lock);
    for (struct region *region = space->regions; region != NULL; region = region->next) {
        size_t i = 0;
        while ((i = bitset_next(region->dirty, NULL, region->nchunks, i, true)) < region->nchunks) {
            struct chunk *chunk = &region->chunks[i++];
            if (atomic_load_explicit(&chunk->owner, memory_order_relaxed) == from) {
                park(from, chunk, -1);
                park(to, chunk, 1);
                atomic_store_explicit(&chunk->owner, to, memory_order_relaxed);
            }
        }
    }
    lock_release(&space->lock);
}

void space_check(struct space *space) {
    lock_acquire(&space->lock);
    for (struct region *region = space->regions; region != NULL; region = region->next) {
        size_t nfree = 0;
        for (size_t i = 0; i < region->nchunks; i++) {
            const struct chunk *chunk = &region->chunks[i];
            bool free = bitset_has(region->free, i);
            nfree += free;
            CHECK(free || !bitset_has(region->dirty, i));
            CHECK(region->absent == NULL ||
                  free + bitset_has(region->absent, i) + bitset_has(region->gone, i) <= 1);
            if (free && chunk->base != 0) {
                CHECK(chunk->free == ALL_GRANULES);
                CHECK(((chunk->dirty | chunk->muzzy) != 0) == bitset_has(region->dirty, i));
            }
        }
        CHECK(nfree == region->nfree && region->ncommitted <= region->nchunks);
    }
    lock_release(&space->lock);
}

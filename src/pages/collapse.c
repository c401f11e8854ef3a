/*
 * collapse.c: a slow walk over all chunks in use, and what it does with dense ones.
 *
 * How long a chunk has been dense is only known from looks at it, so that nothing on the way of an
 * allocation has to say so. A chunk whose collapse was refused, or that was purged in part afterwards, waits
 * twice as long each time: what is split again and again costs more than it saves.
 */
#include "pages/collapse.h"

#include "base/bitset.h"
#include "os/fatal.h"
#include "os/os.h"
#include "pages/pages.h"

enum {
    NO_DECAY_MS = 10000,
    LG_MOST_PATIENCE = 6,
    BETWEEN_CALLS_MS = 10,
    BETWEEN_WALKS_MS = 1000,
    WALKS = 4
};

static _Atomic unsigned nimpossible; /* answers that it cannot be done */
static _Atomic bool given_up;

static bool is_whole(unsigned kind) {
    return kind == CHUNK_BIG || kind == CHUNK_BIG_BODY;
}

/* The next chunks of the walk. */
static size_t walk(struct space *space, struct chunk **found) {
    size_t n = 0;
    lock_acquire(&space->lock);
    if (space->watched == NULL) {
        space->watched = space->regions;
        space->watched_next = 0;
    }
    for (unsigned i = 0; i < COLLAPSE_LOOKS && space->watched != NULL; i++) {
        struct region *region = space->watched;
        size_t next = space->watched_next++;
        if (next >= region->ncommitted) {
            space->watched = region->next;
            space->watched_next = 0;
        } else if (next >= region->nplain && !bitset_has(region->free, next) &&
                   region->chunks[next].base != 0) {
            found[n++] = &region->chunks[next];
        }
    }
    lock_release(&space->lock);
    return n;
}

/* The walk will go on with this chunk, if its region is still there. */
static void walk_back(struct space *space, const struct chunk *chunk) {
    lock_acquire(&space->lock);
    for (struct region *region = space->regions; region != NULL; region = region->next) {
        if (region == chunk->region) {
            space->watched = region;
            space->watched_next = chunk_index(chunk);
        }
    }
    lock_release(&space->lock);
}

static bool walk_is_over(struct space *space) {
    lock_acquire(&space->lock);
    bool over = space->watched == NULL;
    lock_release(&space->lock);
    return over;
}

/* Under the owner's lock. */
static bool is_dense(const struct chunk *chunk) {
    unsigned kind = atomic_load_explicit(&chunk->kind, memory_order_relaxed);
    return is_whole(kind) || (kind == CHUNK_CUT && (chunk->free & ~chunk->dirty) == 0 &&
                              bits128_count(chunk->free) <= COLLAPSE_FREE &&
                              atomic_load_explicit(&chunk->nabsent, memory_order_relaxed) == 0);
}

static uint32_t patience_ms(const struct pages *pages, const struct chunk *chunk) {
    ssize_t ms = decay_ms(&pages->decay[PAGES_DIRTY]);
    uint64_t wait = (uint64_t)(ms > 0 ? ms : NO_DECAY_MS) << chunk->lg_patience;
    return wait < INT32_MAX ? (uint32_t)wait : INT32_MAX;
}

/* Under the lock of these pages: whether the chunk is theirs, and so will be until it is released. A free
 * one may still have their name, and one of a region that has gone and come again has no address. */
static bool is_used_by(const struct pages *pages, const struct chunk *chunk) {
    lock_assert_held(&pages->lock);
    struct space *space = space_of(chunk);
    lock_acquire(&space->lock);
    bool used = chunk->base != 0 && !bitset_has(chunk->region->free, chunk_index(chunk)) &&
                atomic_load_explicit(&chunk->owner, memory_order_relaxed) == &pages->owner;
    lock_release(&space->lock);
    return used;
}

/* Notes whether the chunk is dense. true: it has been for long, and is no huge page yet. */
static bool look(struct pages *pages, struct chunk *chunk, uint32_t now_ms) {
    lock_acquire(&pages->lock);
    bool due = false;
    if (is_used_by(pages, chunk)) {
        bool dense = is_dense(chunk);
        if (!dense) {
            chunk->dense_since_ms = 0;
        } else if (chunk->dense_since_ms == 0) {
            chunk->dense_since_ms = now_ms;
        }
        due = dense && !chunk->huge && now_ms - chunk->dense_since_ms >= patience_ms(pages, chunk);
    }
    lock_release(&pages->lock);
    return due;
}

static void be_patient(struct chunk *chunk, uint32_t since_ms) {
    chunk->dense_since_ms = since_ms;
    if (chunk->lg_patience < LG_MOST_PATIENCE) {
        chunk->lg_patience++;
    }
}

void collapse_forget(struct chunk *chunk) {
    if (chunk->huge) {
        chunk->huge = false;
        be_patient(chunk, 0);
        atomic_fetch_add_explicit(&space_advice.against, 1, memory_order_relaxed);
    }
}

/* It is the same for all chunks if it is so for the first few. */
static void note_impossible(void) {
    unsigned n = atomic_fetch_add_explicit(&nimpossible, 1, memory_order_relaxed) + 1;
    if (n >= COLLAPSE_REFUSALS && counter_read(&space_advice.given) == 0 &&
        !atomic_exchange_explicit(&given_up, true, memory_order_relaxed)) {
        warn("the system does not collapse memory into huge pages (thp:collapse)");
    }
}

/* With the purge lock, so that nothing of it is given back meanwhile. The program may free it all: then the
 * system collapses what nobody uses, or refuses. */
static enum os_collapse collapse_locked(struct pages *pages, struct chunk *chunk, uint32_t now_ms) {
    lock_assert_held(&pages->purge_lock);
    void *memory = (void *)chunk->base;
    enum os_collapse result = OS_COLLAPSE_REFUSED;
    bool sparse = os_resident_bytes(memory, CHUNK_SIZE) < CHUNK_SIZE - COLLAPSE_ABSENT;
    if (!sparse) {
        result = os_page_ops.collapse(memory, CHUNK_SIZE);
        bool done = result == OS_COLLAPSE_DONE;
        atomic_fetch_add_explicit(done ? &space_advice.given : &space_advice.refused, 1,
                                  memory_order_relaxed);
    }
    lock_acquire(&pages->lock);
    if (is_used_by(pages, chunk) && is_dense(chunk)) {
        chunk->huge = result == OS_COLLAPSE_DONE;
        if (sparse) {
            chunk->dense_since_ms = now_ms; /* the program may write to the rest soon */
        } else if (!chunk->huge) {
            be_patient(chunk, now_ms);
        }
    }
    lock_release(&pages->lock);
    return result;
}

/* Whether it was tried. */
static bool collapse(struct pages *pages, struct chunk *chunk, uint32_t now_ms) {
    if (!lock_try_acquire(&pages->purge_lock)) {
        return false;
    }
    bool due = look(pages, chunk, now_ms);
    enum os_collapse result = due ? collapse_locked(pages, chunk, now_ms) : OS_COLLAPSE_REFUSED;
    lock_release(&pages->purge_lock);
    if (result == OS_COLLAPSE_IMPOSSIBLE) {
        note_impossible();
    }
    return due;
}

/* Whether it was tried. An owner is never unmapped. */
static bool look_and_collapse(struct chunk *chunk, uint32_t now_ms) {
    struct page_owner *owner = atomic_load_explicit(&chunk->owner, memory_order_relaxed);
    if (owner == NULL) {
        return false;
    }
    struct pages *pages = container_of(owner, struct pages, owner);
    return look(pages, chunk, now_ms) && collapse(pages, chunk, now_ms);
}

/* Several walks while dirty memory may stay. */
static uint64_t between_walks_ms(void) {
    int64_t part = opts.dirty_decay_ms / WALKS;
    return part <= 0 || part > BETWEEN_WALKS_MS ? BETWEEN_WALKS_MS
           : part < BETWEEN_CALLS_MS            ? BETWEEN_CALLS_MS
                                                : (uint64_t)part;
}

uint64_t collapse_dense(struct space *space, uint64_t now_ns, unsigned budget) {
    uint64_t due = counter_read(&space->watch_ns);
    if (atomic_load_explicit(&given_up, memory_order_relaxed)) {
        return UINT64_MAX;
    }
    if (now_ns < due) {
        return due;
    }
    struct chunk *found[COLLAPSE_LOOKS];
    size_t n = walk(space, found);
    uint32_t now_ms = (uint32_t)(now_ns / 1000000u) | 1;
    for (size_t i = 0; i < n; i++) {
        if (budget == 0) {
            walk_back(space, found[i]);
            break;
        }
        budget -= look_and_collapse(found[i], now_ms);
    }
    uint64_t pause_ms = walk_is_over(space) ? between_walks_ms() : BETWEEN_CALLS_MS;
    due = now_ns + pause_ms * 1000000u;
    atomic_store_explicit(&space->watch_ns, due, memory_order_relaxed);
    return due;
}

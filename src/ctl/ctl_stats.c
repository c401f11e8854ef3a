/*
 * ctl_stats.c: controls that show numbers: those of the last epoch, and those of this moment.
 *
 * The snapshot of the last epoch is taken at the first use of any of its numbers, and again whenever
 * `epoch` is written. How unused memory is cut up is found out for one arena at a time, when asked for.
 * Locks: ctl_epoch_lock guards the snapshot, the detail and the number of the epoch.
 */
#include <string.h>

#include "alloc/object.h"
#include "ctl/ctl_internal.h"
#include "meta/meta.h"
#include "pages/chunk.h"
#include "stats/detail.h"
#include "stats/snapshot.h"

struct lock ctl_epoch_lock = {.rank = RANK_EPOCH};
static struct snapshot *current; /* NULL: not used yet; guarded by ctl_epoch_lock */
static uint64_t epoch = 1;       /* guarded by ctl_epoch_lock */

/* Of one arena at one epoch; guarded by ctl_epoch_lock. */
static struct detail *detail;
static unsigned detail_arena;
static uint64_t detail_epoch; /* 0: of none */

/* Putting a first snapshot where there was none counts as no epoch: the first one is 1. */
static int refresh(bool counts) {
    struct snapshot *fresh = snapshot_take();
    if (fresh == NULL) {
        return EAGAIN;
    }
    lock_acquire(&ctl_epoch_lock);
    struct snapshot *old = current;
    current = fresh;
    epoch += counts;
    lock_release(&ctl_epoch_lock);
    snapshot_drop(old);
    return 0;
}

/* With ctl_epoch_lock held and `current` there, or an errno without. */
static int acquire_snapshot(void) {
    lock_acquire(&ctl_epoch_lock);
    while (current == NULL) {
        lock_release(&ctl_epoch_lock);
        int error = refresh(false);
        if (error != 0) {
            return error;
        }
        lock_acquire(&ctl_epoch_lock);
    }
    return 0;
}

int ctl_epoch(struct ctl_call *c) {
    int error = c->in != NULL ? refresh(true) : 0;
    error = error == 0 ? acquire_snapshot() : error;
    if (error == 0) {
        c->out.u64 = epoch;
        lock_release(&ctl_epoch_lock);
    }
    return error;
}

/* Where a path's offsets begin in a snapshot; NULL: it has no such arena. */
static const char *base_of(const struct snapshot *snapshot, const struct ctl_call *c) {
    return c->of_arena ? (const char *)snapshot_arena(snapshot, c->arena) : (const char *)snapshot;
}

static int copy_field(const char *base, struct ctl_call *c) {
    if (base == NULL) {
        return ENOENT;
    }
    memcpy(&c->out, base + c->offset, ctl_types[c->row->type].out);
    if ((c->row->flags & CTL_IN_PAGES) != 0) {
        c->out.u64 /= purge_page_size;
    }
    return 0;
}

int ctl_field(struct ctl_call *c) {
    int error = acquire_snapshot();
    if (error == 0) {
        error = copy_field(base_of(current, c), c);
        lock_release(&ctl_epoch_lock);
    }
    return error;
}

int ctl_live_field(struct ctl_call *c) {
    struct snapshot *now = snapshot_take();
    if (now == NULL) {
        return EAGAIN;
    }
    int error = copy_field(base_of(now, c), c);
    snapshot_drop(now);
    return error;
}

int ctl_stats_dss(struct ctl_call *c) {
    bool one = c->arena != MALLCTL_ARENAS_ALL && c->arena != MALLCTL_ARENAS_DESTROYED;
    c->offset = 0;
    int error = acquire_snapshot();
    if (error == 0) {
        error = base_of(current, c) != NULL ? 0 : ENOENT;
        lock_release(&ctl_epoch_lock);
    }
    c->out.text = one ? "disabled" : "N/A";
    return error;
}

/* ---- how unused memory is cut up --------------------------------------------------------------- */

static bool find_detail(unsigned index) {
    if (detail == NULL) {
        detail = meta_alloc(sizeof(*detail));
    }
    if (detail == NULL || (detail_epoch == epoch && detail_arena == index)) {
        return detail != NULL;
    }
    memset(detail, 0, sizeof(*detail));
    struct arena *arena;
    for (unsigned i = index == MALLCTL_ARENAS_ALL ? 0 : index; (arena = arenas_next(&i)) != NULL;) {
        if (index == MALLCTL_ARENAS_ALL || arena->index == index) {
            detail_add(detail, arena);
        }
        if (index != MALLCTL_ARENAS_ALL) {
            break;
        }
    }
    detail_epoch = epoch;
    detail_arena = index;
    return true;
}

int ctl_detail(struct ctl_call *c) {
    int error = acquire_snapshot();
    if (error != 0) {
        return error;
    }
    if (base_of(current, c) == NULL) {
        error = ENOENT;
    } else if (!find_detail(c->arena)) {
        error = EAGAIN;
    } else {
        error = copy_field((const char *)detail, c);
    }
    lock_release(&ctl_epoch_lock);
    return error;
}

/* Every run is allocated by a call of its own, from one chunk: all there is is in row 1. */
int ctl_run_histogram(struct ctl_call *c) {
    int error = ctl_field(c);
    if (c->index != 1) {
        c->out.u64 = 0;
    }
    return error;
}

/* ---- this moment ------------------------------------------------------------------------------- */

int ctl_active(struct ctl_call *c) {
    struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        size_t absent = arena_absent(arena);
        size_t active = gauge_read(&arena->pages.nactive) << LG_GRANULE;
        c->out.size += active > absent ? active - absent : 0;
    }
    return 0;
}

/* Bytes of the range that are in chunks of ours. A chunk that was never used has no entry, and no pages. */
static size_t own_bytes(uintptr_t begin, uintptr_t end) {
    size_t bytes = 0;
    for (uintptr_t at = begin; at < end;) {
        uintptr_t next = round_down(at, CHUNK_SIZE) + CHUNK_SIZE;
        next = next < end ? next : end;
        bytes += chunk_find_at((const void *)at) != NULL ? next - at : 0;
        at = next;
    }
    return bytes;
}

/* A mapping of ours may have merged with a neighbour. */
static void add_huge_bytes(void *sum, uintptr_t begin, uintptr_t end, size_t huge_bytes) {
    size_t own = own_bytes(begin, end);
    *(size_t *)sum += huge_bytes < own ? huge_bytes : own;
}

int ctl_huge_bytes(struct ctl_call *c) {
    return os_visit_huge_mappings(add_huge_bytes, &c->out.size) ? 0 : ENOENT;
}

int ctl_zero_reallocs(struct ctl_call *c) {
    c->out.size = gauge_read(&object_zero_reallocs);
    return 0;
}

int ctl_mutexes_reset(struct ctl_call *c) {
    (void)c;
    snapshot_reset_locks();
    return 0;
}

/*
 * bin.c: moving slabs between a bin's lists.
 *
 * A slab's list is lg(nslots) - lg(nfree), cut off at 7: which power of two of its slots is free.
 */
#include "heap/bin.h"

enum {
    NOT_LISTED = 0xff,      /* run->fullness of a full slab */
    ALL_FREE = 0xfe,        /* of a slab in `empty` */
    WAKE_SLOTS = 16,        /* a full slab is listed again with this many free, or nslots / 8 */
    KEPT_BYTES = 128 << 10, /* of slabs that are all free, but at least one slab */
    KEPT_PART = 8,          /* and at most one in so many of the bin's slabs */
};

/* Only debug builds read ranks; without them the memory of unused bins stays untouched. */
void bin_init(struct bin *bin) {
    if (config_debug) {
        lock_init(&bin->lock, RANK_BIN);
    }
}

static unsigned fullness_of(const struct run *slab) {
    unsigned nslots = sizeclasses[slab->class].nslots;
    if (slab->nfree == nslots) {
        return ALL_FREE;
    }
    unsigned fullness = lg_floor(nslots) - lg_floor(slab->nfree);
    return fullness < BIN_LISTS ? fullness : BIN_LISTS - 1;
}

static void unlist(struct bin *bin, struct run *slab) {
    if (slab->fullness == NOT_LISTED) {
        gauge_add(&bin->nfull, -1);
        return;
    }
    list_remove(&slab->link);
    if (slab->fullness == ALL_FREE) {
        bin->nempty--;
    } else if (list_is_empty(&bin->partial[slab->fullness])) {
        bin->nonempty &= ~(1u << slab->fullness);
    }
}

static void enlist(struct bin *bin, struct run *slab, unsigned fullness) {
    slab->fullness = (uint8_t)fullness;
    if (fullness == NOT_LISTED) {
        gauge_add(&bin->nfull, 1);
    } else if (fullness == ALL_FREE) {
        list_push_front(&bin->empty, &slab->link);
        bin->nempty++;
    } else {
        list_push_front(&bin->partial[fullness], &slab->link);
        bin->nonempty |= 1u << fullness;
    }
}

struct run *bin_next_locked(const struct bin *bin) {
    lock_assert_held(&bin->lock);
    if (bin->nonempty != 0) {
        return list_entry(bin->partial[lg_floor(bin->nonempty)].next, struct run, link);
    }
    return bin->nempty != 0 ? list_entry(bin->empty.next, struct run, link) : NULL;
}

unsigned bin_take_locked(struct bin *bin, void **end, unsigned want) {
    lock_assert_held(&bin->lock);
    unsigned taken = 0;
    struct run *slab;
    while (taken < want && (slab = bin_next_locked(bin)) != NULL) {
        taken += slab_take(slab, end - taken, want - taken);
        unsigned fullness = slab->nfree == 0 ? NOT_LISTED : fullness_of(slab);
        if (fullness != slab->fullness) {
            counter_add(&bin->nopened, slab->fullness == ALL_FREE);
            unlist(bin, slab);
            enlist(bin, slab, fullness);
        }
    }
    counter_add(&bin->nmalloc, taken);
    return taken;
}

void bin_add_locked(struct bin *bin, struct run *slab) {
    lock_assert_held(&bin->lock);
    enlist(bin, slab, ALL_FREE);
    counter_add(&bin->ncreated, 1);
    gauge_add(&bin->nslabs, 1);
}

bool bin_put_locked(struct bin *bin, struct run *slab, unsigned slot) {
    if (unlikely(!slab_put(slab, slot))) {
        return false;
    }
    unsigned fullness = fullness_of(slab);
    if (fullness != slab->fullness) {
        unsigned wake = sizeclasses[slab->class].nslots / 8u;
        wake = wake > WAKE_SLOTS ? WAKE_SLOTS : wake;
        if (slab->fullness != NOT_LISTED || slab->nfree >= wake) {
            unlist(bin, slab);
            enlist(bin, slab, fullness);
        }
    }
    return true;
}

unsigned bin_surplus_locked(struct bin *bin, unsigned class, bool all,
                            struct run *released[BIN_MAX_RELEASED]) {
    lock_assert_held(&bin->lock);
    size_t slab_bytes = (size_t)sizeclasses[class].slab_granules << LG_GRANULE;
    size_t keep = atomic_load_explicit(&bin->nslabs, memory_order_relaxed) / KEPT_PART;
    keep = keep < KEPT_BYTES / slab_bytes ? keep : KEPT_BYTES / slab_bytes;
    keep = all ? 0 : keep > 1 ? keep : 1;
    unsigned n = 0;
    while (bin->nempty > keep && n < BIN_MAX_RELEASED) {
        struct run *slab = list_entry(bin->empty.prev, struct run, link); /* longest unused */
        unlist(bin, slab);
        gauge_add(&bin->nslabs, -1);
        released[n++] = slab;
    }
    return n;
}

void bin_remove_locked(struct bin *bin, struct run *slab) {
    lock_assert_held(&bin->lock);
    unsigned nslots = sizeclasses[slab->class].nslots;
    counter_add(&bin->ndalloc, nslots - slab->nfree);
    unlist(bin, slab);
    gauge_add(&bin->nslabs, -1);
    slab->nfree = (uint16_t)nslots;
}

void bin_check(struct bin *bin, unsigned class) {
    lock_acquire(&bin->lock);
    size_t listed = 0;
    for (unsigned i = 0; i <= BIN_LISTS; i++) {
        struct list *head = i < BIN_LISTS ? &bin->partial[i] : &bin->empty;
        CHECK(i == BIN_LISTS || list_is_empty(head) == !(bin->nonempty >> i & 1));
        for (struct list *node = list_first(head); node != head; node = node->next) {
            const struct run *slab = list_entry(node, struct run, link);
            CHECK(slab->class == class && slab->nfree > 0);
            CHECK(slab->fullness == (i < BIN_LISTS ? i : ALL_FREE));
            slab_check(slab);
            listed++;
        }
    }
    CHECK(listed + bin->nfull == bin->nslabs);
    lock_release(&bin->lock);
}

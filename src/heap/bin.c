/*
 * bin.c: moving slabs between a bin's lists.
 *
 * A slab's list is lg(nslots) - lg(nfree), cut off at 7: which power of two of its slots is free.
 */
#include "heap/bin.h"

enum {
    NOT_LISTED = 0xff,      /* run->fullness of a full slab */
    ALL_FREE = 0xfe,        /* of a slab in `empty` */
    HIDDEN = 0xfd,          /* of one whose pages are being given back */
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

/* A walk that has come to the slab goes on after it. What comes to a list's front is behind the walk. */
static void unlist(struct bin *bin, struct run *slab) {
    if (slab->fullness == NOT_LISTED) {
        gauge_add(&bin->nfull, -1);
        return;
    }
    if (unlikely(bin->cursor == &slab->link)) {
        bin->cursor = slab->link.next;
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
        void **top = end - taken;
        unsigned n = slab_take(slab, top, want - taken);
        taken += n;
        if (unlikely(slab->rest != 0)) {
            gauge_add(&bin->absent, -(ptrdiff_t)slab_wake(slab, top[-1], *(top - n)));
        }
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

/* Some slots of the slab became free. */
static void change_list(struct bin *bin, struct run *slab) {
    unsigned fullness = slab->nfree != 0 ? fullness_of(slab) : NOT_LISTED;
    if (fullness != slab->fullness) {
        unsigned wake = sizeclasses[slab->class].nslots / 8u;
        wake = wake > WAKE_SLOTS ? WAKE_SLOTS : wake;
        if (slab->fullness < BIN_LISTS || (slab->fullness == NOT_LISTED && slab->nfree >= wake)) {
            unlist(bin, slab);
            enlist(bin, slab, fullness);
        }
    }
}

/* Numbers with the same highest bit have more in common than not. */
static bool is_same_power(unsigned a, unsigned b) {
    return (a ^ b) <= (a & b);
}

unsigned bin_put_locked(struct bin *bin, const struct slab_object *objects, unsigned n) {
    struct run *slab = objects[0].slab;
    unsigned before = slab->nfree;
    unsigned put = slab_put(objects, n);
    bool stays = slab->fullness < BIN_LISTS && is_same_power(before, slab->nfree) &&
                 slab->nfree < sizeclasses[slab->class].nslots;
    if (!stays) {
        change_list(bin, slab);
    }
    return put;
}

/* A slab leaves for good. */
static void leave(struct bin *bin, struct run *slab) {
    unlist(bin, slab);
    gauge_add(&bin->nslabs, -1);
    gauge_add(&bin->absent, -(ptrdiff_t)slab_forget_absent(slab));
}

void bin_hide_locked(struct bin *bin, struct run *slab) {
    lock_assert_held(&bin->lock);
    unlist(bin, slab);
    slab->fullness = HIDDEN;
    gauge_add(&bin->nhidden, 1);
}

void bin_show_locked(struct bin *bin, struct run *slab) {
    lock_assert_held(&bin->lock);
    ASSERT(slab->fullness == HIDDEN);
    gauge_add(&bin->nhidden, -1);
    unsigned fullness = fullness_of(slab);
    enlist(bin, slab, fullness);
    if ((slab->rest & REST_DONE) != 0) {
        list_remove(&slab->link);
        list_push_back(bin_list(bin, fullness == ALL_FREE ? BIN_LISTS : fullness), &slab->link);
    }
}

unsigned bin_list_most_free(unsigned class, unsigned i) {
    unsigned nslots = sizeclasses[class].nslots;
    if (i >= BIN_LISTS) {
        return nslots;
    }
    return i > lg_floor(nslots) ? 0 : (2u << (lg_floor(nslots) - i)) - 1;
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
        leave(bin, slab);
        released[n++] = slab;
    }
    return n;
}

void bin_remove_locked(struct bin *bin, struct run *slab) {
    lock_assert_held(&bin->lock);
    unsigned nslots = sizeclasses[slab->class].nslots;
    counter_add(&bin->ndalloc, nslots - slab->nfree);
    leave(bin, slab);
    slab->nfree = (uint16_t)nslots;
}

void bin_check(struct bin *bin, unsigned class) {
    lock_acquire(&bin->lock);
    size_t listed = 0;
    size_t absent = 0;
    for (unsigned i = 0; i <= BIN_LISTS; i++) {
        struct list *head = i < BIN_LISTS ? &bin->partial[i] : &bin->empty;
        CHECK(i == BIN_LISTS || list_is_empty(head) == !(bin->nonempty >> i & 1));
        for (struct list *node = list_first(head); node != head; node = node->next) {
            const struct run *slab = list_entry(node, struct run, link);
            CHECK(slab->class == class && slab->nfree > 0);
            CHECK(slab->fullness == (i < BIN_LISTS ? i : ALL_FREE));
            slab_check(slab);
            absent += (size_t)__builtin_popcountll(slab_absent(slab)) << LG_SLAB_UNIT;
            listed++;
        }
    }
    CHECK(listed + bin->nfull + bin->nhidden == bin->nslabs);
    CHECK(absent == bin->absent || bin->nhidden != 0);
    lock_release(&bin->lock);
}

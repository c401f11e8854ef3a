/*
 * slab.h: one run of granules cut into equal slots.
 *
 * Holds:      |slot 0|slot 1|...|slot n-1|slack|    which slots are free is kept in the run's
 *             descriptor, or for more than 256 slots in a block of its own: never in the slots.
 * Invariants: the number of set bits equals run->nfree <= nslots; no bit at or above nslots is set;
 *             words before run->hint are zero;
 *             a unit (4 KiB) that is absent, so given back to the system and not used since, holds no byte of
 *             a slot that is taken. Units are noted in `rest` of the descriptors of all granules.
 * Locks:      callers hold the bin's lock, but for slab_create, slab_destroy and slab_slot_of.
 */
#ifndef ASHLAR_HEAP_SLAB_H
#define ASHLAR_HEAP_SLAB_H

#include "heap/sizeclass.h"
#include "meta/pool.h"
#include "pages/pages.h"

enum { NO_SLOT = UINT32_MAX };

static_assert((int)NCLASSES == (int)MAP_MANUAL,
              "the class map has a number of its own for manual arenas");

/* A slab with all slots free, entered in the class map, or NULL when there is no memory. */
struct run *slab_create(struct pages *pages, unsigned class);
/* All slots must be free. Leaves the class map, then frees the run. */
void slab_destroy(struct pages *pages, struct run *slab);

/* Takes up to `want` free slots, lowest addresses first, and stores their addresses downwards from
 * end[-1]. Returns how many. */
unsigned slab_take(struct run *slab, void **end, unsigned want);

/* The slot of an object. */
struct slab_object {
    struct run *slab;
    unsigned slot;
};

/* run->rest. All zero of a slab that serves and is wholly in memory. */
enum {
    REST_ABSENT = 0x0f, /* of this granule: its units that are absent */
    REST_HOLES = 0x10,  /* of the first granule: some units of the slab are absent */
    REST_QUIET = 0x20,  /* same: no slot was taken since scavenge.c looked at the slab */
    REST_DONE = 0x40,   /* same: none was taken or came back since it decided what to give back */
};
enum { LG_SLAB_UNIT = 12 };

/* Units of pages of that size that hold nothing but free slots. Bit i stands for unit i of the slab. */
uint64_t slab_unused_units(const struct run *slab, size_t page_size);
/* Units that are absent; more of them; none any more. The last two return bytes. */
uint64_t slab_absent(const struct run *slab);
size_t slab_add_absent(struct run *slab, uint64_t units);
size_t slab_forget_absent(struct run *slab);
/* A slab whose `rest` was not zero serves: slots from `first` to `last` have just been taken, and no slot
 * between them is free. Returns how many absent bytes come back. */
size_t slab_wake(struct run *slab, const void *first, const void *last);

/* The slot that begins at an offset, or NO_SLOT when none does. */
static inline unsigned slab_slot_at(const struct sizeclass *sc, uint64_t offset) {
    uint64_t slot = offset * sc->inverse >> 32;
    return slot * sc->size == offset && slot < sc->nslots ? (unsigned)slot : NO_SLOT;
}

static inline unsigned slab_slot_of(const struct run *slab, const void *p) {
    return slab_slot_at(&sizeclasses[slab->class], (uintptr_t)p - run_address(slab));
}

enum { SLAB_WORDS_INLINE = 4 };

static inline uint64_t *slab_bits(struct run *slab) {
    return sizeclasses[slab->class].nslots <= SLAB_WORDS_INLINE * 64 ? slab->free_slots
                                                                     : slab->more_free_slots;
}

/* The first of n >= 1 objects comes back, and those that follow and lie in the same slab. Returns how many: less than
 * these when the next one is free already. */
static inline unsigned slab_put(const struct slab_object *objects, unsigned n) {
    struct run *slab = objects[0].slab;
    uint64_t *bits = slab_bits(slab);
    unsigned hint = slab->hint;
    unsigned i = 0;
    do {
        unsigned word = objects[i].slot / 64;
        uint64_t bit = (uint64_t)1 << (objects[i].slot % 64);
        if (unlikely((bits[word] & bit) != 0)) {
            break;
        }
        bits[word] |= bit;
        hint = word < hint ? word : hint;
        i++;
    } while (i < n && objects[i].slab == slab);
    slab->hint = (uint8_t)hint;
    slab->nfree = (uint16_t)(slab->nfree + i);
    slab->rest &= (uint8_t)~REST_DONE;
    return i;
}

/* The class of the slab object at p, also of a manual arena's; 0: it is none. */
unsigned slab_class_of_manual(const void *p);
static inline unsigned slab_class_of(const void *p) {
    unsigned byte = map_class_of(p);
    return likely(byte != MAP_MANUAL) ? byte : slab_class_of_manual(p);
}

void slab_check(const struct run *slab);

/* Blocks for free bits of more than 256 slots, for fork. */
enum { SLAB_POOLS = 3 };
extern struct pool slab_pools[SLAB_POOLS];

#endif

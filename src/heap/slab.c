/*
 * slab.c: free bits of one slab.
 *
 * Taking slots writes addresses and touches no object, so objects that wait in a cache cost no memory
 * until the program writes to them.
 */
#include "heap/slab.h"

#include "base/bitset.h"
#include "pages/purge.h"

struct pool slab_pools[SLAB_POOLS] = {POOL_INIT(64), POOL_INIT(128), POOL_INIT(256)};

static unsigned words_of(unsigned class) {
    return (sizeclasses[class].nslots + 63u) / 64;
}

static struct pool *pool_of(unsigned class) {
    unsigned words = words_of(class);
    return &slab_pools[words <= 8 ? 0 : words <= 16 ? 1 : 2];
}

static unsigned map_byte_of(const struct run *slab) {
    return pages_of(slab->chunk)->manual ? MAP_MANUAL : slab->class;
}

unsigned slab_class_of_manual(const void *p) {
    struct chunk *chunk = chunk_find_at(p);
    const struct run *slab = chunk != NULL ? chunk_run_at(chunk, p) : NULL;
    return slab != NULL ? slab->class : 0;
}

struct run *slab_create(struct pages *pages, unsigned class) {
    const struct sizeclass *sc = &sizeclasses[class];
    unsigned words = words_of(class);
    uint64_t *more = NULL;
    if (words > SLAB_WORDS_INLINE) {
        more = pool_get(pool_of(class));
        if (more == NULL) {
            return NULL;
        }
    }
    bool zeroed;
    struct run *slab = pages_alloc(pages, sc->slab_granules, 1, RUN_SLAB, &zeroed);
    if (slab == NULL) {
        if (more != NULL) {
            pool_put(pool_of(class), more);
        }
        return NULL;
    }
    slab->class = (uint8_t) class;
    slab->nfree = sc->nslots;
    slab->hint = 0;
    if (more != NULL) {
        slab->more_free_slots = more;
    }
    uint64_t *bits = slab_bits(slab);
    for (unsigned i = 0; i < words; i++) {
        unsigned left = sc->nslots - i * 64u;
        bits[i] = left >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    }
    map_set_class(run_address(slab), sc->slab_granules, map_byte_of(slab));
    return slab;
}

void slab_destroy(struct pages *pages, struct run *slab) {
    unsigned class = slab->class;
    ASSERT(slab->nfree == sizeclasses[class].nslots);
    map_set_class(run_address(slab), slab->ngranules, 0);
    if (words_of(class) > SLAB_WORDS_INLINE) {
        pool_put(pool_of(class), slab->more_free_slots);
    }
    pages_free(pages, slab);
}

unsigned slab_take(struct run *slab, void **end, unsigned want) {
    const struct sizeclass *sc = &sizeclasses[slab->class];
    uint64_t *bits = slab_bits(slab);
    char *base = (char *)run_address(slab);
    want = want < slab->nfree ? want : slab->nfree;
    unsigned word = slab->hint;
    unsigned left = want;
    while (left > 0) {
        uint64_t free = bits[word];
        char *word_base = base + (size_t)word * 64 * sc->size;
        while (free != 0 && left > 0) {
            *--end = word_base + (size_t)(unsigned)__builtin_ctzll(free) * sc->size;
            free &= free - 1;
            left--;
        }
        bits[word] = free;
        word += free == 0;
    }
    slab->hint = (uint8_t)word;
    slab->nfree = (uint16_t)(slab->nfree - want);
    return want;
}

/* ---- what was given back ------------------------------------------------------------------------ */

enum { UNITS_PER_GRANULE = 1 << (LG_GRANULE - LG_SLAB_UNIT), SLAB_MAX_GRANULES = 16 };
static_assert((1 << UNITS_PER_GRANULE) - 1 == REST_ABSENT, "rest has a bit per unit of a granule");
static_assert(SLAB_MAX_GRANULES * UNITS_PER_GRANULE <= 64, "a slab's units are a word");

static uint64_t units_between(size_t begin, size_t end) {
    unsigned first = (unsigned)(begin >> LG_SLAB_UNIT);
    unsigned n = (unsigned)((end - begin) >> LG_SLAB_UNIT);
    return (uint64_t)(bits128_low(n) << first);
}

/* Slots of which a byte lies between two offsets are all free; there may be none, at the end. */
static bool is_unused(const struct run *slab, size_t begin, size_t end) {
    const struct sizeclass *sc = &sizeclasses[slab->class];
    size_t first = begin / sc->size;
    size_t after = (end - 1) / sc->size + 1;
    after = after < sc->nslots ? after : sc->nslots;
    const uint64_t *bits = slab_bits((struct run *)(uintptr_t)slab);
    return first >= after || bitset_next(bits, NULL, after, first, false) == after;
}

uint64_t slab_unused_units(const struct run *slab, size_t page_size) {
    uintptr_t base = run_address(slab);
    uintptr_t end = base + slab->ngranules * GRANULE_SIZE;
    uint64_t units = 0;
    for (uintptr_t page = round_up(base, page_size); page + page_size <= end; page += page_size) {
        if (is_unused(slab, page - base, page - base + page_size)) {
            units |= units_between(page - base, page - base + page_size);
        }
    }
    return units;
}

uint64_t slab_absent(const struct run *slab) {
    uint64_t units = 0;
    for (unsigned i = 0; (slab->rest & REST_HOLES) != 0 && i < slab->ngranules; i++) {
        units |= (uint64_t)(slab[i].rest & REST_ABSENT) << (i * UNITS_PER_GRANULE);
    }
    return units;
}

/* Returns by how many bytes it is more. Other slabs of the chunk change under other locks. */
static ptrdiff_t set_absent(struct run *slab, uint64_t units) {
    int change = __builtin_popcountll(units) - __builtin_popcountll(slab_absent(slab));
    for (unsigned i = 0; i < slab->ngranules; i++) {
        unsigned part = (unsigned)(units >> (i * UNITS_PER_GRANULE)) & REST_ABSENT;
        slab[i].rest = (uint8_t)((slab[i].rest & ~(unsigned)REST_ABSENT) | part);
    }
    unsigned holes = units != 0 ? REST_HOLES : 0;
    slab->rest = (uint8_t)((slab->rest & ~(unsigned)REST_HOLES) | holes);
    atomic_fetch_add_explicit(&slab->chunk->nabsent, (uint32_t)change, memory_order_relaxed);
    return (ptrdiff_t)change * ((ptrdiff_t)1 << LG_SLAB_UNIT);
}

size_t slab_add_absent(struct run *slab, uint64_t units) {
    return units == 0 ? 0 : (size_t)set_absent(slab, slab_absent(slab) | units);
}

size_t slab_forget_absent(struct run *slab) {
    return (slab->rest & REST_HOLES) == 0 ? 0 : (size_t)-set_absent(slab, 0);
}

size_t slab_wake(struct run *slab, const void *first, const void *last) {
    slab->rest &= (uint8_t) ~(REST_QUIET | REST_DONE);
    if ((slab->rest & REST_HOLES) == 0) {
        return 0;
    }
    uintptr_t base = run_address(slab);
    uintptr_t end = base + slab->ngranules * GRANULE_SIZE;
    uintptr_t from = round_down((uintptr_t)first, purge_page_size);
    uintptr_t to = round_up((uintptr_t)last + sizeclasses[slab->class].size, purge_page_size);
    from = from > base ? from : base;
    to = to < end ? to : end;
    return (size_t)-set_absent(slab, slab_absent(slab) & ~units_between(from - base, to - base));
}

void slab_check(const struct run *slab) {
    const struct sizeclass *sc = &sizeclasses[slab->class];
    const uint64_t *bits = slab_bits((struct run *)(uintptr_t)slab);
    unsigned nfree = 0;
    CHECK(slab->kind == RUN_SLAB && slab->ngranules == sc->slab_granules);
    for (unsigned i = 0; i < words_of(slab->class); i++) {
        nfree += (unsigned)__builtin_popcountll(bits[i]);
        CHECK(i >= slab->hint || bits[i] == 0);
    }
    unsigned last_bits = sc->nslots % 64;
    CHECK(last_bits == 0 || bits[words_of(slab->class) - 1] >> last_bits == 0);
    CHECK(nfree == slab->nfree);
    uint64_t absent = slab_absent(slab);
    CHECK((absent != 0) == ((slab->rest & REST_HOLES) != 0));
    CHECK(absent == 0 || (absent & ~slab_unused_units(slab, (size_t)1 << LG_SLAB_UNIT)) == 0);
    for (unsigned i = 0; i < slab->ngranules; i++) {
        CHECK(map_class_of((char *)run_address(slab) + i * GRANULE_SIZE) == map_byte_of(slab));
    }
}

/*
 * magazine.c: blocks for magazines, a pool per size.
 */
#include "cache/magazine.h"

struct pool magazine_pools[MAGAZINE_SIZES] = {
    POOL_INIT(MAGAZINE_SMALLEST),      POOL_INIT(MAGAZINE_SMALLEST << 1),
    POOL_INIT(MAGAZINE_SMALLEST << 2), POOL_INIT(MAGAZINE_SMALLEST << 3),
    POOL_INIT(MAGAZINE_SMALLEST << 4),
};

static unsigned size_index_of(unsigned slots) {
    unsigned index = 0;
    while (index < MAGAZINE_SIZES - 1 && magazine_slots(index) < slots) {
        index++;
    }
    return index;
}

struct magazine *magazine_get(unsigned slots) {
    unsigned index = size_index_of(slots);
    struct magazine *magazine = pool_get(&magazine_pools[index]);
    if (magazine != NULL) {
        magazine->link = (struct list){NULL, NULL};
        magazine->count = 0;
        magazine->capacity = magazine_slots(index);
        magazine->bottom = NULL;
    }
    return magazine;
}

void magazine_put(struct magazine *magazine) {
    pool_put(&magazine_pools[size_index_of(magazine->capacity)], magazine);
}

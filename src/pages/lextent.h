/*
 * lextent.h: large sizes in classes, for statistics. Objects are rounded to pages, and to these only
 * with disable_large_size_classes:false.
 *
 * The series of the size classes goes on: 40 KiB, 48, 56, 64, then four per doubling, up to 7 EiB.
 */
#ifndef ASHLAR_PAGES_LEXTENT_H
#define ASHLAR_PAGES_LEXTENT_H

#include "base/bits.h"

enum {
    NLEXTENTS = 191,
    LEXTENTS_CACHED = 20, /* those up to 1 MiB */
    LG_LEXTENT_FIRST = 15 /* the first class is a quarter more than 2^15 bytes */
};

/* Class of an object of `usable` bytes; aligned ones may be smaller than the first class. */
static inline unsigned lextent_index(size_t usable) {
    if (usable <= (size_t)1 << LG_LEXTENT_FIRST) {
        return 0;
    }
    unsigned lg = lg_floor(usable - 1);
    return 4 * (lg - LG_LEXTENT_FIRST) + (unsigned)((usable - 1) >> (lg - 2) & 3);
}

/* Largest size of a class, in bytes. */
static inline size_t lextent_size(unsigned index) {
    return (size_t)(5 + index % 4) << (LG_LEXTENT_FIRST - 2 + index / 4);
}

#endif

/*
 * defrag_hint.c: the question that Redis asks its own build of jemalloc before it moves an object, in
 * terms of a control that every jemalloc has.
 *
 * Moving pays when the object's slab is emptier than the bin's slabs are on average, and neither full nor
 * the one that would serve the copy.
 */
#include <jemalloc/jemalloc.h>

int je_get_defrag_hint(void *ptr);

int je_get_defrag_hint(void *ptr) {
    struct {
        void *serving; /* the slab that serves next */
        size_t nfree, nslots, bytes, bin_nfree, bin_nslots;
    } slab;
    size_t length = sizeof(slab);
    if (mallctl("experimental.utilization.query", &slab, &length, &ptr, sizeof(ptr)) != 0 ||
        slab.nfree == 0 || slab.bin_nslots == 0) {
        return 0;
    }
    size_t distance = (size_t)((char *)ptr - (char *)slab.serving);
    return distance >= slab.bytes && slab.nfree * slab.bin_nslots >= slab.bin_nfree * slab.nslots;
}

/*
 * totals.c: adding up counters of arenas, depots and threads.
 *
 * Locks: the thread registry while threads are visited; nothing else.
 */
#include "stats/totals.h"

#include <string.h>

#include "cache/thread.h"
#include "heap/arenas.h"
#include "meta/meta.h"

static uint64_t purged_granules(const struct pages *pages) {
    return counter_read(&pages->purged[PAGES_DIRTY].returned) +
           counter_read(&pages->purged[PAGES_MUZZY].returned);
}

size_t totals_purged_bytes(void) {
    const struct arena *arena = arenas_destroyed();
    uint64_t granules = arena != NULL ? purged_granules(&arena->pages) : 0;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        granules += purged_granules(&arena->pages);
    }
    return (size_t)granules << LG_GRANULE;
}

static void add_thread(struct thread *thread, void *context) {
    struct totals *sum = context;
    sum->nthreads += !thread->explicit;
    sum->large_bytes += gauge_read(&thread->large.tally.bytes);
    for (unsigned i = 0; i < LEXTENTS_CACHED; i++) {
        sum->large_ndalloc += counter_read(&thread->large.tally.ndalloc[i]);
        sum->large_nmalloc += counter_read(&thread->large.tally.nmalloc[i]);
    }
    sum->large_cached += large_cache_bytes(&thread->large);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        sum->classes[class].nrequests += thread_requests(thread, class);
        sum->classes[class].cached += thread_cached(thread, class);
    }
}

static void add_arena(const struct arena *arena, struct totals *sum) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        const struct bin *bin = &arena->bins[class];
        struct class_totals *to = &sum->classes[class];
        /* What came back is read first, so that the difference is never negative. */
        to->ndalloc += counter_read(&bin->ndalloc);
        to->nmalloc += counter_read(&bin->nmalloc);
        to->nrequests += counter_read(&arena->merged_requests[class]);
        to->nfills += counter_read(&bin->nfills);
        to->nflushes += counter_read(&bin->nflushes);
        to->ncreated += counter_read(&bin->ncreated);
        to->nslabs += gauge_read(&bin->nslabs);
        to->cached += gauge_read(&arena->depots[class].parked);
    }
    for (unsigned i = 0; i < NLEXTENTS; i++) {
        sum->large_ndalloc += counter_read(&arena->pages.large.ndalloc[i]);
        sum->large_nmalloc += counter_read(&arena->pages.large.nmalloc[i]);
    }
    sum->large_bytes += gauge_read(&arena->pages.large.bytes);
    sum->active += gauge_read(&arena->pages.nactive) << LG_GRANULE;
    sum->dirty += pages_unused(&arena->pages, PAGES_DIRTY) << LG_GRANULE;
    sum->muzzy += pages_unused(&arena->pages, PAGES_MUZZY) << LG_GRANULE;
    for (unsigned state = 0; state < PAGE_STATES; state++) {
        sum->sweeps += counter_read(&arena->pages.purged[state].sweeps);
        sum->purge_calls += counter_read(&arena->pages.purged[state].calls);
    }
}

static size_t less(size_t a, size_t b) {
    return a > b ? a - b : 0;
}

void totals_take(struct totals *totals) {
    memset(totals, 0, sizeof(*totals));
    const struct arena *arena;
    for (unsigned i = 0; (arena = arenas_next(&i)) != NULL;) {
        add_arena(arena, totals);
        totals->narenas++;
    }
    if (arenas_destroyed() != NULL) {
        add_arena(arenas_destroyed(), totals);
    }
    threads_visit(add_thread, totals);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        struct class_totals *of = &totals->classes[class];
        size_t size = sizeclasses[class].size;
        of->live = less((size_t)(of->nmalloc - of->ndalloc), of->cached);
        totals->small_bytes += of->live * size;
        totals->cached_objects += of->cached;
        totals->cached_bytes += of->cached * size;
    }
    totals->large_live = less(totals->large_nmalloc, totals->large_ndalloc);
    totals->large_bytes = gauge_positive(totals->large_bytes);
    totals->allocated = totals->small_bytes + totals->large_bytes;
    totals->metadata = meta_allocated_bytes();
    totals->resident = totals->active + totals->dirty + totals->metadata;
    totals->mapped = totals->resident + totals->muzzy;
    size_t committed = gauge_read(&arenas_space.committed_bytes);
    size_t used = totals->active + totals->dirty + totals->muzzy;
    totals->retained = less(committed, used);
    totals->reserved = gauge_read(&arenas_space.reserved_bytes);
    totals->purged = totals_purged_bytes();
}

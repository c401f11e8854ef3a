/*
 * fragment.c: a long life with changing needs: how much memory stays in use beyond what is live?
 *
 * Holds:      phases with different size mixes over a bounded live set. Each phase replaces random
 *             objects until its mix fills the set, then drops three in four at random, as a cache
 *             that expires does. What survives is scattered over the old pages. After each phase
 *             one JSON line says live and resident KiB; the last line gives the mean and worst
 *             ratio. Unit of work: one phase.
 * Invariants: live_bytes is the sum of the sizes of all live objects, and passes LIVE_BYTES by one
 *             object at most. The reports add the table of slots, which is live too.
 * Usage:      bench.h. fragment-idle sleeps between phases, so that memory given back late shows.
 */
#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NSLOTS = 1 << 19, LIVE_BYTES = 48 << 20 };

struct mix {
    uint32_t low;
    uint32_t high;
};

/* In turn: small, medium, mixed, strings, pages, small again but of other classes. */
static const struct mix mixes[] = {{16, 128}, {200, 2000},   {8, 20000},
                                   {24, 300}, {3000, 70000}, {130, 520}};

struct slot {
    void *object; /* NULL: empty */
    uint32_t size;
};

struct heap {
    struct slot *slots;
    uint64_t live_bytes;
    struct prng prng;
    double ratio_sum;
    double ratio_worst;
};

static void slot_empty(struct heap *heap, uint32_t at) {
    struct slot *slot = &heap->slots[at];
    if (slot->object != NULL) {
        stamp_check(slot->object, slot->size, at);
        free(slot->object);
        heap->live_bytes -= slot->size;
        slot->object = NULL;
    }
}

static void slot_fill(struct heap *heap, uint32_t at, const struct mix *mix) {
    struct slot *slot = &heap->slots[at];
    uint32_t spread = 1 + prng_below(&heap->prng, mix->high - mix->low + 1);
    slot->size = mix->low + prng_below(&heap->prng, spread);
    slot->object = bench_got(malloc(slot->size));
    memset(slot->object, (int)(at & 0xff), slot->size);
    heap->live_bytes += slot->size;
}

/* Fills to the limit, then keeps replacing for as many objects again. */
static void phase_grow(struct heap *heap, const struct mix *mix) {
    uint64_t made = 0;
    while (heap->live_bytes < LIVE_BYTES && made < NSLOTS) {
        uint32_t at = prng_below(&heap->prng, NSLOTS);
        slot_empty(heap, at);
        slot_fill(heap, at, mix);
        made++;
    }
    for (; made > 0; made--) {
        uint32_t at = prng_below(&heap->prng, NSLOTS);
        slot_empty(heap, at);
        if (heap->live_bytes < LIVE_BYTES) {
            slot_fill(heap, at, mix);
        }
    }
}

static void phase_expire(struct heap *heap) {
    for (uint32_t at = 0; at < NSLOTS; at++) {
        if (prng_below(&heap->prng, 4) != 0) {
            slot_empty(heap, at);
        }
    }
}

static void report(struct heap *heap, uint64_t phase, uint64_t start_ms, const char *when) {
    double live_kib = (double)(heap->live_bytes + NSLOTS * sizeof heap->slots[0]) / 1024;
    uint64_t rss_kib = bench_rss_kib();
    double ratio = (double)rss_kib / live_kib;
    heap->ratio_sum += ratio;
    heap->ratio_worst = ratio > heap->ratio_worst ? ratio : heap->ratio_worst;
    printf("{\"phase\": %llu, \"when\": \"%s\", \"ms\": %llu, \"live_kib\": %.0f, \"rss_kib\": "
           "%llu}\n",
           (unsigned long long)phase, when, (unsigned long long)(bench_now_ms() - start_ms),
           live_kib, (unsigned long long)rss_kib);
}

static void fragment(const struct bench_args *args, unsigned idle_ms) {
    uint64_t start_ms = bench_now_ms();
    struct heap heap = {.prng = prng_make(args->seed, 0)};
    heap.slots = bench_got(calloc(NSLOTS, sizeof heap.slots[0]));
    for (uint64_t phase = 0; phase < args->n; phase++) {
        phase_grow(&heap, &mixes[phase % (sizeof mixes / sizeof mixes[0])]);
        report(&heap, phase, start_ms, "full");
        phase_expire(&heap);
        usleep(idle_ms * 1000);
        report(&heap, phase, start_ms, "expired");
    }
    printf("{\"rss_per_live_mean\": %.3f, \"rss_per_live_worst\": %.3f}\n",
           heap.ratio_sum / (double)(2 * args->n), heap.ratio_worst);
    for (uint32_t at = 0; at < NSLOTS; at++) {
        slot_empty(&heap, at);
    }
    free(heap.slots);
}

static void fragment_busy(const struct bench_args *args) {
    fragment(args, 0);
}

static void fragment_idle(const struct bench_args *args) {
    fragment(args, 3000);
}

static const struct bench_mode modes[] = {
    {"fragment", fragment_busy, 12, false, BENCH_WALL, BENCH_QUICK,
     "changing size mixes over 48 MiB live, RSS over time"},
    {"fragment-long", fragment_busy, 1200, false, BENCH_WALL, BENCH_LONG, "the same for minutes"},
    {"fragment-idle", fragment_idle, 24, false, BENCH_CPU, BENCH_LONG,
     "the same with 3 s of idling after each phase"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

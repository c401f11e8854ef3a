/*
 * read_back.c: every object is written completely when made and read completely just before it is
 * freed.
 *
 * Holds: a table of slots (alloc-test-like): a random slot is emptied if it holds an object, and
 *        filled if not. As the object is in the cache when it is freed, the next one should get its
 *        memory. Unit of work: one visit to a slot, per thread.
 * Usage: bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { NSLOTS = 1 << 16, SHIFT_LOW = 4, SHIFT_HIGH = 10 };

struct slot {
    uint64_t *words; /* NULL: empty */
    size_t nwords;
};

static void slot_fill(struct slot *slot, struct prng *prng) {
    size_t limit = (size_t)1 << prng_between(prng, SHIFT_LOW, SHIFT_HIGH);
    slot->nwords = (prng_between(prng, 1, limit) + 7) / 8;
    slot->words = bench_got(malloc(slot->nwords * sizeof slot->words[0]));
    for (size_t i = 0; i < slot->nwords; i++) {
        slot->words[i] = slot->nwords;
    }
}

static void slot_empty(struct slot *slot) {
    uint64_t sum = 0;
    for (size_t i = 0; i < slot->nwords; i++) {
        sum += slot->words[i];
    }
    if (sum != (uint64_t)slot->nwords * slot->nwords) {
        bench_fail("an object of %zu words lost its content", slot->nwords);
    }
    free(slot->words);
    slot->words = NULL;
}

static void visit_thread(struct bench_thread *thread) {
    struct slot *slots = bench_got(calloc(NSLOTS, sizeof *slots));
    for (uint64_t i = 0; i < thread->args->n; i++) {
        /* Squaring the draw makes some slots far more popular than others. */
        uint64_t draw = prng_next(&thread->prng);
        struct slot *slot = &slots[((draw * draw) >> 32) * NSLOTS >> 32];
        if (slot->words != NULL) {
            slot_empty(slot);
        } else {
            slot_fill(slot, &thread->prng);
        }
    }
    for (unsigned i = 0; i < NSLOTS; i++) {
        if (slots[i].words != NULL) {
            slot_empty(&slots[i]);
        }
    }
    free(slots);
}

static void visit(const struct bench_args *args) {
    bench_threads(args, visit_thread, NULL);
}

static const struct bench_mode modes[] = {
    {"alloc-test-one", visit, 12000000, false, BENCH_WALL, BENCH_QUICK,
     "random slots emptied and filled, data read back, one thread"},
    {"alloc-test-all", visit, 10000000, true, BENCH_WALL, BENCH_FULL, "the same in each thread"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

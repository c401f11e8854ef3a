/*
 * mstress.c: short-lived threads that churn, grow and exchange objects.
 *
 * Holds:      rounds; in each, all threads are created anew, allocate objects of skewed sizes up to
 *             1.3 MB (most of one to a hundred words), keep them in arrays that grow by realloc,
 *             free some, and swap some with a table that all threads share and that outlives the
 *             round. Unit of work: one allocation per thread and round.
 * Invariants: word i of an object holds its length in words xor i, except for objects of more than
 *             SPARSE words, where one word in 512 does (a word per page).
 * Locks:      none; the shared table's slots are exchanged atomically (acquire and release).
 * Usage:      bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { ROUNDS = 25, SHARED = 1000, SPARSE = 4096, GROW = 4000 };

struct item {
    uint64_t nwords;
    uint64_t words[];
};

static struct item *exchange_table[SHARED];

static size_t item_step(const struct item *item) {
    return item->nwords > SPARSE ? 512 : 1;
}

static struct item *item_make(uint64_t nwords) {
    struct item *item = bench_got(malloc(sizeof *item + nwords * sizeof item->words[0]));
    item->nwords = nwords;
    for (uint64_t i = 0; i < nwords; i += item_step(item)) {
        item->words[i] = nwords ^ i;
    }
    return item;
}

static void item_drop(struct item *item) {
    if (item == NULL) {
        return;
    }
    for (uint64_t i = 0; i < item->nwords; i += item_step(item)) {
        if (item->words[i] != (item->nwords ^ i)) {
            bench_fail("word %llu of an item is wrong", (unsigned long long)i);
        }
    }
    free(item);
}

/* Mostly a few words, one in 40 up to 12 KB, one in 2000 up to 400 KB, one in 20000 1.3 MB. */
static uint64_t item_length(struct prng *prng) {
    uint32_t luck = prng_below(prng, 20000);
    if (luck == 0) {
        return 160000;
    }
    if (luck < 10) {
        return 1 + prng_below(prng, 50000);
    }
    if (luck < 500) {
        return 1 + prng_below(prng, 1500);
    }
    return 1 + prng_below(prng, 1 + prng_below(prng, 100));
}

struct kept {
    struct item **items;
    size_t count;
    size_t capacity;
};

static void kept_add(struct kept *kept, struct item *item) {
    if (kept->count == kept->capacity) {
        kept->capacity += GROW;
        kept->items = bench_got(realloc(kept->items, kept->capacity * sizeof kept->items[0]));
    }
    kept->items[kept->count++] = item;
}

static void churn(struct bench_thread *thread) {
    struct prng prng = prng_make(thread->args->seed, thread->index + *(unsigned *)thread->shared);
    struct kept kept = {NULL, 0, 0};
    for (uint64_t i = 0; i < thread->args->n; i++) {
        kept_add(&kept, item_make(item_length(&prng)));
        if (prng_below(&prng, 100) < 45) {
            size_t at = prng_below(&prng, (uint32_t)kept.count);
            item_drop(kept.items[at]);
            kept.items[at] = kept.items[--kept.count];
        }
        if (kept.count > 0 && prng_below(&prng, 100) < 10) {
            size_t at = prng_below(&prng, (uint32_t)kept.count);
            struct item **slot = &exchange_table[prng_below(&prng, SHARED)];
            kept.items[at] = __atomic_exchange_n(slot, kept.items[at], __ATOMIC_ACQ_REL);
        }
    }
    for (size_t i = 0; i < kept.count; i++) {
        item_drop(kept.items[i]);
    }
    free(kept.items);
}

static void mstress(const struct bench_args *args) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned stream = round * BENCH_THREADS_MAX;
        bench_threads(args, churn, &stream);
        for (unsigned i = round % 2; i < SHARED; i += 2) {
            item_drop(exchange_table[i]);
            exchange_table[i] = NULL;
        }
    }
    for (unsigned i = 0; i < SHARED; i++) {
        item_drop(exchange_table[i]);
    }
}

static const struct bench_mode modes[] = {
    {"mstress", mstress, 80000, true, BENCH_WALL, BENCH_QUICK,
     "25 rounds of new threads, skewed sizes, exchange between threads"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

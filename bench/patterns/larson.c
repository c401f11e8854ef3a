/*
 * larson.c: a server's worker threads that hand their sessions to a successor.
 *
 * Holds:      each chain of threads owns 5000 blocks of 8 to 1000 bytes. A thread replaces random
 *             ones of them; after a fixed number it starts a new thread, which inherits the blocks,
 *             and exits. So most blocks are freed by another thread than the one that allocated
 *             them, whose life is over. Unit of work: one replacement per chain.
 * Invariants: one thread of a chain runs at a time; `tag` of a block is also its first byte.
 * Locks:      the semaphore counts finished chains; a chain's memory passes from thread to thread
 *             through pthread_create.
 * Usage:      bench.h. Scheduling moves the wall time a lot; compare CPU time and minima.
 */
#include "support/bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { NBLOCKS = 5000, BLOCK_MIN = 8, BLOCK_MAX = 1000, GENERATION = 250000 };

struct block {
    void *object;
    uint16_t size;
    uint8_t tag;
};

struct chain {
    uint64_t left; /* replacements not yet done */
    struct prng prng;
    sem_t *finished;
    struct block blocks[NBLOCKS];
};

static void block_fill(struct block *block, struct prng *prng) {
    uint32_t bits = prng_next(prng);
    block->size = (uint16_t)(BLOCK_MIN + (bits >> 8) % (BLOCK_MAX - BLOCK_MIN + 1));
    block->tag = (uint8_t)bits;
    block->object = bench_got(malloc(block->size));
    stamp_write(block->object, block->size, block->tag);
}

static void start_successor(struct chain *chain);

static void *generation_main(void *argument) {
    struct chain *chain = argument;
    uint64_t count = chain->left < GENERATION ? chain->left : GENERATION;
    struct prng prng = chain->prng;
    for (uint64_t i = 0; i < count; i++) {
        struct block *block = &chain->blocks[prng_below(&prng, NBLOCKS)];
        stamp_check(block->object, block->size, block->tag);
        free(block->object);
        block_fill(block, &prng);
    }
    chain->prng = prng;
    chain->left -= count;
    if (chain->left == 0) {
        sem_post(chain->finished);
    } else {
        start_successor(chain);
    }
    return NULL;
}

static void start_successor(struct chain *chain) {
    pthread_attr_t attributes;
    pthread_t id;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&id, &attributes, generation_main, chain) != 0) {
        bench_fail("cannot create a thread");
    }
    pthread_attr_destroy(&attributes);
}

static void larson(const struct bench_args *args) {
    sem_t finished;
    sem_init(&finished, 0, 0);
    struct chain *chains = bench_got(calloc(args->threads, sizeof *chains));
    for (unsigned i = 0; i < args->threads; i++) {
        chains[i].left = args->n;
        chains[i].prng = prng_make(args->seed, i);
        chains[i].finished = &finished;
        for (unsigned at = 0; at < NBLOCKS; at++) {
            block_fill(&chains[i].blocks[at], &chains[i].prng);
        }
    }
    for (unsigned i = 0; i < args->threads; i++) {
        start_successor(&chains[i]);
    }
    for (unsigned i = 0; i < args->threads; i++) {
        while (sem_wait(&finished) != 0) {
        }
    }
    for (unsigned i = 0; i < args->threads; i++) {
        for (unsigned at = 0; at < NBLOCKS; at++) {
            stamp_check(chains[i].blocks[at].object, chains[i].blocks[at].size,
                        chains[i].blocks[at].tag);
            free(chains[i].blocks[at].object);
        }
    }
    free(chains);
    sem_destroy(&finished);
}

static const struct bench_mode modes[] = {
    {"larson", larson, 20000000, true, BENCH_CPU, BENCH_QUICK,
     "worker threads hand 5000 blocks each to a successor"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

/*
 * remote_batches.c: uniform sizes up to 16000 bytes, with batches freed by the neighbour
 * (rptest-like).
 *
 * Holds:      each thread keeps 1000 objects of 8 to 16000 bytes and replaces runs of them; now and
 *             then it leaves a batch of about 60 objects to the next thread, which frees it. So
 *             much memory is live that touching its pages decides. Unit of work: one allocation per
 *             thread.
 * Invariants: a mailbox holds at most one batch; who finds it full keeps its batch and frees it
 *             itself.
 * Locks:      none; mailboxes are exchanged atomically.
 * Usage:      bench.h. CPU time is compared: threads wait for each other at the end only.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { NLIVE = 1000, SMALLEST = 8, LARGEST = 16000, BATCH_MAX = 80 };

struct object {
    uint32_t size;
    uint32_t tag;
};

struct batch {
    unsigned count;
    struct object *objects[BATCH_MAX];
};

struct mailbox {
    struct batch *batch; /* atomic */
    char padding[120];   /* one cache line pair each */
};

static struct mailbox mailboxes[BENCH_THREADS_MAX];

static struct object *object_make(struct prng *prng) {
    uint32_t size = (uint32_t)prng_between(prng, SMALLEST, LARGEST);
    struct object *object = bench_got(malloc(size));
    touch_pages(object, size, size);
    object->size = size;
    object->tag = ~size;
    return object;
}

static void object_drop(struct object *object) {
    if (object->tag != ~object->size) {
        bench_fail("an object lost its header");
    }
    if (object->size > sizeof *object &&
        ((unsigned char *)object)[object->size - 1] != (unsigned char)object->size) {
        bench_fail("an object of %u bytes lost its end", object->size);
    }
    free(object);
}

static void batch_drop(struct batch *batch) {
    if (batch == NULL) {
        return;
    }
    for (unsigned i = 0; i < batch->count; i++) {
        object_drop(batch->objects[i]);
    }
    free(batch);
}

static void batch_leave(struct mailbox *mailbox, struct prng *prng) {
    struct batch *batch = bench_got(malloc(sizeof *batch));
    batch->count = (unsigned)prng_between(prng, 40, BATCH_MAX);
    for (unsigned i = 0; i < batch->count; i++) {
        batch->objects[i] = object_make(prng);
    }
    /* Release: the neighbour that takes the batch sees its objects. */
    batch_drop(__atomic_exchange_n(&mailbox->batch, batch, __ATOMIC_ACQ_REL));
}

static void replace_thread(struct bench_thread *thread) {
    struct object *live[NLIVE];
    struct prng *prng = &thread->prng;
    unsigned next = (thread->index + 1) % thread->args->threads;
    for (unsigned i = 0; i < NLIVE; i++) {
        live[i] = object_make(prng);
    }
    for (uint64_t done = 0; done < thread->args->n;) {
        unsigned run = (unsigned)prng_between(prng, 50, 150);
        unsigned start = prng_below(prng, NLIVE);
        for (unsigned i = 0; i < run; i++) {
            object_drop(live[(start + i) % NLIVE]);
        }
        for (unsigned i = 0; i < run; i++) {
            live[(start + i) % NLIVE] = object_make(prng);
        }
        batch_leave(&mailboxes[next], prng);
        batch_drop(__atomic_exchange_n(&mailboxes[thread->index].batch, NULL, __ATOMIC_ACQ_REL));
        done += run;
    }
    for (unsigned i = 0; i < NLIVE; i++) {
        object_drop(live[i]);
    }
}

static void rptest(const struct bench_args *args) {
    bench_threads(args, replace_thread, NULL);
    for (unsigned i = 0; i < args->threads; i++) {
        batch_drop(mailboxes[i].batch);
    }
}

static const struct bench_mode modes[] = {
    {"rptest", rptest, 1500000, true, BENCH_CPU, BENCH_QUICK,
     "8 to 16000 bytes, 1000 live per thread, batches freed by the neighbour"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

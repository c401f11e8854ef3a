/*
 * bulk.c: far more objects than a thread cache holds, freed in several orders (sh6-like, sh8-like).
 *
 * Holds:      each thread fills a table of objects whose sizes lean to the small side; when it is
 *             full, a stretch is freed in order, a longer stretch in reverse, and the table is
 *             filled again. In sh8 there are more sizes and one object in ten goes to the next
 *             thread to be freed. Unit of work: one allocation per thread.
 * Invariants: an object's first bytes hold its size and tag, its last byte the tag.
 * Locks:      none; each thread's inbox is a list pushed and taken whole with atomic exchanges.
 * Usage:      bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { TABLE = 30000 };

/* Every object is at least this big; the link is used only in an inbox. */
struct object {
    uint32_t size;
    uint32_t tag;
    struct object *next;
};

struct inbox {
    struct object *first; /* atomic */
    char padding[120];    /* keeps two threads' inboxes off one cache line */
};

static struct inbox inboxes[BENCH_THREADS_MAX];

static struct object *object_make(uint32_t size, uint32_t tag) {
    struct object *object = bench_got(malloc(size));
    memset(object, 0, size);
    object->size = size;
    object->tag = tag;
    ((unsigned char *)object)[size - 1] ^= (unsigned char)tag;
    return object;
}

static void object_drop(struct object *object, uint32_t size) {
    unsigned char expected = size == sizeof *object ? 0 : (unsigned char)object->tag;
    bool last_known = size > sizeof *object;
    if (object->size != size || (last_known && ((unsigned char *)object)[size - 1] != expected)) {
        bench_fail("object of %u bytes lost its content", size);
    }
    free(object);
}

static void inbox_send(struct inbox *inbox, struct object *object) {
    struct object *first = __atomic_load_n(&inbox->first, __ATOMIC_RELAXED);
    do {
        object->next = first;
    } while (!__atomic_compare_exchange_n(&inbox->first, &first, object, true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

static void inbox_empty(struct inbox *inbox) {
    struct object *object = __atomic_exchange_n(&inbox->first, NULL, __ATOMIC_ACQUIRE);
    while (object != NULL) {
        struct object *next = object->next;
        object_drop(object, object->size);
        object = next;
    }
}

struct table {
    struct object *objects[TABLE];
    uint32_t sizes[TABLE];
    unsigned count;
    uint64_t made;
};

struct plan {
    uint32_t size_max;
    unsigned foreign_one_in; /* 0: every object is freed by its own thread */
};

static void table_fill(struct table *table, const struct plan *plan, struct prng *prng) {
    while (table->count < TABLE) {
        uint32_t spread = 1 + prng_below(prng, plan->size_max);
        uint32_t size = (uint32_t)sizeof(struct object) + prng_below(prng, spread);
        table->sizes[table->count] = size;
        table->objects[table->count] = object_make(size, (uint32_t)table->made & 0xff);
        table->count++;
        table->made++;
    }
}

static void table_drop(struct table *table, unsigned at, const struct plan *plan, unsigned heir) {
    struct object *object = table->objects[at];
    if (plan->foreign_one_in != 0 && at % plan->foreign_one_in == 0) {
        inbox_send(&inboxes[heir], object);
    } else {
        object_drop(object, table->sizes[at]);
    }
}

/* Frees the second quarter in order, the last half in reverse; the first quarter stays. */
static void table_thin(struct table *table, const struct plan *plan, unsigned heir) {
    for (unsigned at = TABLE / 4; at < TABLE / 2; at++) {
        table_drop(table, at, plan, heir);
    }
    for (unsigned at = TABLE; at-- > TABLE / 2;) {
        table_drop(table, at, plan, heir);
    }
    table->count = TABLE / 4;
}

static void table_clear(struct table *table, const struct plan *plan, unsigned heir) {
    for (unsigned at = 0; at < table->count; at++) {
        table_drop(table, at, plan, heir);
    }
    table->count = 0;
}

static void bulk_thread(struct bench_thread *thread) {
    const struct plan *plan = thread->shared;
    unsigned heir = (thread->index + 1) % thread->args->threads;
    struct table *table = bench_got(calloc(1, sizeof *table));
    for (unsigned round = 0; table->made < thread->args->n; round++) {
        table_fill(table, plan, &thread->prng);
        table_thin(table, plan, heir);
        inbox_empty(&inboxes[thread->index]);
        if (round % 8 == 7) {
            table_clear(table, plan, heir);
        }
    }
    table_clear(table, plan, heir);
    free(table);
}

static void bulk(const struct bench_args *args, struct plan plan) {
    bench_threads(args, bulk_thread, &plan);
    for (unsigned i = 0; i < args->threads; i++) {
        inbox_empty(&inboxes[i]);
    }
}

static void sh6_1(const struct bench_args *args) {
    bulk(args, (struct plan){.size_max = 400, .foreign_one_in = 0});
}

static void sh6_n(const struct bench_args *args) {
    sh6_1(args);
}

static void sh8_n(const struct bench_args *args) {
    bulk(args, (struct plan){.size_max = 1500, .foreign_one_in = 10});
}

static const struct bench_mode modes[] = {
    {"sh6-one", sh6_1, 12000000, false, BENCH_WALL, BENCH_QUICK,
     "30000 objects filled and thinned in bulk, one thread"},
    {"sh6-all", sh6_n, 10000000, true, BENCH_WALL, BENCH_FULL, "the same in each thread"},
    {"sh8-all", sh8_n, 4000000, true, BENCH_WALL, BENCH_QUICK,
     "more sizes, one object in ten freed by the next thread"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

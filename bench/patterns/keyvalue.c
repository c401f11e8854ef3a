/*
 * keyvalue.c: a store of strings in memory, as a cache server keeps them.
 *
 * Holds:      a hash table with chains; keys and values are separate objects, values are set,
 *             appended to by realloc, read and deleted, and the store asks for the usable size of
 *             each to account for its memory. Unit of work: one command.
 * Invariants: used_bytes is the sum of malloc_usable_size over all keys, values and entries.
 * Usage:      bench.h. One thread.
 */
#include "support/bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { NBUCKETS = 1 << 16, NKEYS = 100000, APPEND_MAX = 4096 };

struct entry {
    struct entry *next;
    char *key;
    char *value;
    uint32_t value_size;
    uint32_t number; /* what key spells */
};

struct store {
    struct entry *buckets[NBUCKETS];
    uint64_t used_bytes;
    struct prng prng;
};

static void *store_take(struct store *store, size_t size) {
    void *object = bench_got(malloc(size));
    store->used_bytes += malloc_usable_size(object);
    return object;
}

static void store_give(struct store *store, void *object) {
    store->used_bytes -= malloc_usable_size(object);
    free(object);
}

static struct entry **store_find(struct store *store, uint32_t number) {
    struct entry **link = &store->buckets[(number * 2654435761u) >> 16];
    while (*link != NULL && (*link)->number != number) {
        link = &(*link)->next;
    }
    return link;
}

static uint32_t value_size(struct prng *prng) {
    uint32_t luck = prng_below(prng, 100);
    if (luck < 70) {
        return 3 + prng_below(prng, 60);
    }
    return luck < 98 ? 64 + prng_below(prng, 450) : 512 + prng_below(prng, 8000);
}

static void command_set(struct store *store, uint32_t number) {
    struct entry **link = store_find(store, number);
    struct entry *entry = *link;
    if (entry == NULL) {
        char name[32];
        int length = snprintf(name, sizeof name, "object:%u:value", number);
        entry = store_take(store, sizeof *entry);
        entry->next = NULL;
        entry->number = number;
        entry->key = store_take(store, (size_t)length + 1);
        memcpy(entry->key, name, (size_t)length + 1);
        *link = entry;
    } else {
        stamp_check(entry->value, entry->value_size, number);
        store_give(store, entry->value);
    }
    entry->value_size = value_size(&store->prng);
    entry->value = store_take(store, entry->value_size);
    memset(entry->value, (int)(number & 0xff), entry->value_size);
}

static void command_append(struct store *store, struct entry *entry) {
    uint32_t more = 8 + prng_below(&store->prng, 56);
    if (entry->value_size + more > APPEND_MAX) {
        return;
    }
    store->used_bytes -= malloc_usable_size(entry->value);
    entry->value = bench_got(realloc(entry->value, entry->value_size + more));
    store->used_bytes += malloc_usable_size(entry->value);
    memset(entry->value + entry->value_size, (int)(entry->number & 0xff), more);
    entry->value_size += more;
}

/* A read copies the value into a reply, which is sent and freed. */
static void command_get(struct store *store, const struct entry *entry) {
    char *reply = store_take(store, entry->value_size + 16u);
    memcpy(reply, entry->value, entry->value_size);
    stamp_check(reply, entry->value_size, entry->number);
    store_give(store, reply);
}

static void command_delete(struct store *store, struct entry **link) {
    struct entry *entry = *link;
    *link = entry->next;
    store_give(store, entry->key);
    store_give(store, entry->value);
    store_give(store, entry);
}

static void keyvalue(const struct bench_args *args) {
    struct store *store = bench_got(calloc(1, sizeof *store));
    store->prng = prng_make(args->seed, 0);
    for (uint64_t i = 0; i < args->n; i++) {
        uint32_t number = prng_below(&store->prng, NKEYS);
        uint32_t what = prng_below(&store->prng, 10);
        struct entry **link = store_find(store, number);
        if (what < 4 || *link == NULL) {
            command_set(store, number);
        } else if (what < 6) {
            command_append(store, *link);
        } else if (what < 9) {
            command_get(store, *link);
        } else {
            command_delete(store, link);
        }
    }
    for (unsigned i = 0; i < NBUCKETS; i++) {
        while (store->buckets[i] != NULL) {
            command_delete(store, &store->buckets[i]);
        }
    }
    if (store->used_bytes != 0) {
        bench_fail("the store is empty but counts %llu bytes",
                   (unsigned long long)store->used_bytes);
    }
    free(store);
}

static const struct bench_mode modes[] = {
    {"keyvalue", keyvalue, 3000000, false, BENCH_WALL, BENCH_QUICK,
     "set, append, get, delete among 100000 strings"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

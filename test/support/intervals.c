/*
 * intervals.c: the ranges in a treap ordered by start address.
 *
 * A treap is a search tree whose nodes also carry random priorities in heap order, which keeps it
 * balanced without bookkeeping; nodes are numbers into one mapped array, 0 is "none".
 * Invariants: left < node < right by start; priority of a node >= those of its children; free nodes
 *             form a list through `left`.
 * Locks:      `lock`, when `shared`.
 */
#include "support/intervals.h"

#include <pthread.h>

#include "support/prng.h"
#include "support/report.h"
#include "support/scratch.h"

struct node {
    uintptr_t start;
    size_t size;
    uint32_t left;
    uint32_t right;
    uint32_t priority;
};

struct intervals {
    struct node *nodes; /* 1..capacity */
    size_t capacity;
    size_t count;
    uint32_t root;
    uint32_t free_list;
    uint32_t unused; /* nodes from here on were never used */
    bool shared;
    struct prng prng;
    pthread_mutex_t lock;
};

struct intervals *intervals_create(size_t capacity, bool shared) {
    struct intervals *set = scratch_map(sizeof(*set));
    set->nodes = scratch_map((capacity + 1) * sizeof(struct node));
    set->capacity = capacity;
    set->unused = 1;
    set->shared = shared;
    set->prng = (struct prng){capacity};
    pthread_mutex_init(&set->lock, NULL);
    return set;
}

void intervals_destroy(struct intervals *set) {
    pthread_mutex_destroy(&set->lock);
    scratch_unmap(set->nodes, (set->capacity + 1) * sizeof(struct node));
    scratch_unmap(set, sizeof(*set));
}

void intervals_freeze(struct intervals *set) {
    if (set->shared) {
        pthread_mutex_lock(&set->lock);
    }
}

void intervals_thaw(struct intervals *set) {
    if (set->shared) {
        pthread_mutex_unlock(&set->lock);
    }
}

static uint32_t node_take(struct intervals *set) {
    uint32_t index = set->free_list;
    if (index != 0) {
        set->free_list = set->nodes[index].left;
        return index;
    }
    if (set->unused > set->capacity) {
        report_failure("the test's interval set is too small (%zu)", set->capacity);
    }
    return set->unused++;
}

/* Everything of `tree` below start goes to *below, the rest to *above. */
static void split(struct node *nodes, uint32_t tree, uintptr_t start, uint32_t *below,
                  uint32_t *above) {
    while (tree != 0) {
        if (nodes[tree].start < start) {
            *below = tree;
            below = &nodes[tree].right;
            tree = *below;
        } else {
            *above = tree;
            above = &nodes[tree].left;
            tree = *above;
        }
    }
    *below = 0;
    *above = 0;
}

/* Every range of `a` is below every range of `b`. */
static uint32_t merge(struct node *nodes, uint32_t a, uint32_t b) {
    uint32_t root = 0;
    uint32_t *link = &root;
    while (a != 0 && b != 0) {
        if (nodes[a].priority >= nodes[b].priority) {
            *link = a;
            link = &nodes[a].right;
            a = *link;
        } else {
            *link = b;
            link = &nodes[b].left;
            b = *link;
        }
    }
    *link = a != 0 ? a : b;
    return root;
}

/* A range of the set that shares a byte with [start, start + size), or 0. Only the last range that
 * begins before the end can: those before it end before it begins. */
static uint32_t find_overlap(const struct intervals *set, uintptr_t start, size_t size) {
    const struct node *nodes = set->nodes;
    uint32_t last = 0;
    uint32_t tree = set->root;
    while (tree != 0) {
        if (nodes[tree].start < start + size) {
            last = tree;
            tree = nodes[tree].right;
        } else {
            tree = nodes[tree].left;
        }
    }
    return last != 0 && nodes[last].start + nodes[last].size > start ? last : 0;
}

static void insert_node(struct intervals *set, uintptr_t start, size_t size) {
    uint32_t index = node_take(set);
    struct node *node = &set->nodes[index];
    node->start = start;
    node->size = size;
    node->priority = (uint32_t)prng_next(&set->prng);
    uint32_t *link = &set->root;
    while (*link != 0 && set->nodes[*link].priority >= node->priority) {
        struct node *at = &set->nodes[*link];
        link = at->start < start ? &at->right : &at->left;
    }
    split(set->nodes, *link, start, &node->left, &node->right);
    *link = index;
    set->count++;
}

bool intervals_insert(struct intervals *set, uintptr_t start, size_t size, uintptr_t *found_start,
                      size_t *found_size) {
    intervals_freeze(set);
    uint32_t overlap = find_overlap(set, start, size);
    if (overlap != 0) {
        *found_start = set->nodes[overlap].start;
        *found_size = set->nodes[overlap].size;
    } else {
        insert_node(set, start, size);
    }
    intervals_thaw(set);
    return overlap == 0;
}

static bool remove_node(struct intervals *set, uintptr_t start) {
    uint32_t *link = &set->root;
    while (*link != 0 && set->nodes[*link].start != start) {
        struct node *at = &set->nodes[*link];
        link = at->start < start ? &at->right : &at->left;
    }
    uint32_t index = *link;
    if (index == 0) {
        return false;
    }
    struct node *node = &set->nodes[index];
    *link = merge(set->nodes, node->left, node->right);
    node->left = set->free_list;
    set->free_list = index;
    set->count--;
    return true;
}

bool intervals_remove(struct intervals *set, uintptr_t start) {
    intervals_freeze(set);
    bool removed = remove_node(set, start);
    intervals_thaw(set);
    return removed;
}

size_t intervals_count(const struct intervals *set) {
    return set->count;
}

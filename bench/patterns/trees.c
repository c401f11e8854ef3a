/*
 * trees.c: linked data built, walked and torn down, as compilers and interpreters do.
 *
 * Holds:      binary trees with a label at each node; trees of depth 4 to 11 come and go while one
 *             of depth 16 lives on. Unit of work: one short tree per thread.
 * Usage:      bench.h.
 */
#include "support/bench.h"

#include <stdlib.h>

enum { DEPTH_LOW = 4, DEPTH_HIGH = 11, DEPTH_LONG = 16 };

struct node {
    struct node *left;
    struct node *right;
    char *label; /* `size` bytes that all hold `size` */
    uint8_t size;
};

static struct node *tree_make(unsigned depth, struct prng *prng) {
    struct node *node = bench_got(malloc(sizeof *node));
    node->size = (uint8_t)prng_between(prng, 4, 40);
    node->label = bench_got(malloc(node->size));
    memset(node->label, node->size, node->size);
    node->left = depth == 0 ? NULL : tree_make(depth - 1, prng);
    node->right = depth == 0 ? NULL : tree_make(depth - 1, prng);
    return node;
}

/* Returns the number of nodes, after looking at every label. */
static uint64_t tree_count(const struct node *node) {
    if (node == NULL) {
        return 0;
    }
    stamp_check(node->label, node->size, node->size);
    return 1 + tree_count(node->left) + tree_count(node->right);
}

static void tree_drop(struct node *node) {
    if (node == NULL) {
        return;
    }
    tree_drop(node->left);
    tree_drop(node->right);
    free(node->label);
    free(node);
}

static void build_thread(struct bench_thread *thread) {
    struct node *tall = tree_make(DEPTH_LONG, &thread->prng);
    for (uint64_t i = 0; i < thread->args->n; i++) {
        unsigned depth = DEPTH_LOW + (unsigned)(i % (DEPTH_HIGH - DEPTH_LOW + 1));
        struct node *tree = tree_make(depth, &thread->prng);
        if (tree_count(tree) != ((uint64_t)2 << depth) - 1) {
            bench_fail("a tree of depth %u has the wrong number of nodes", depth);
        }
        tree_drop(tree);
    }
    if (tree_count(tall) != ((uint64_t)2 << DEPTH_LONG) - 1) {
        bench_fail("the long-lived tree lost nodes");
    }
    tree_drop(tall);
}

static void build(const struct bench_args *args) {
    bench_threads(args, build_thread, NULL);
}

static const struct bench_mode modes[] = {
    {"trees-one", build, 8000, false, BENCH_WALL, BENCH_FULL, "labelled binary trees, one thread"},
    {"trees-all", build, 8000, true, BENCH_WALL, BENCH_QUICK, "the same in each thread"},
};

int main(int argc, char **argv) {
    return bench_main(argc, argv, modes, sizeof modes / sizeof modes[0]);
}

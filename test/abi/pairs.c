/*
 * pairs.c: a loop around malloc and free whose instructions are counted (pairs_test.py).
 *
 * Usage: pairs pair|batch COUNT
 *   pair   COUNT times: allocate one object, write to it, free it; the size changes every time
 *   batch  COUNT / 64 times: allocate 64 objects, write to each, free them oldest first
 * All sizes are cached classes. The loops are as short as a program's could be, so that what is counted
 * is malloc, free and the calls of them. Nothing else depends on COUNT, so that the difference between
 * two counts is the loops' cost alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, SIZES = 32, SIZE_STEP = 24 };

static unsigned char *live[BATCH];

static void pairs(unsigned long count) {
    for (unsigned long i = 0; i < count; i++) {
        unsigned char *object = malloc(1 + (i % SIZES) * SIZE_STEP);
        object[0] = (unsigned char)i;
        free(object);
    }
}

static void batches(unsigned long count) {
    for (unsigned long i = 0; i < count / BATCH; i++) {
        for (unsigned j = 0; j < BATCH; j++) {
            live[j] = malloc(1 + (j % SIZES) * SIZE_STEP);
            live[j][0] = (unsigned char)j;
        }
        for (unsigned j = 0; j < BATCH; j++) {
            free(live[j]);
        }
    }
}

int main(int argc, char **argv) {
    unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (count > 0 && strcmp(argv[1], "pair") == 0) {
        pairs(count);
    } else if (count > 0 && strcmp(argv[1], "batch") == 0) {
        batches(count);
    } else {
        fprintf(stderr, "usage: pairs pair|batch COUNT\n");
        return 2;
    }
    return 0;
}

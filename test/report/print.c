/*
 * print.c: allocates in some threads, then prints statistics: print [LETTERS [manual]].
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jemalloc/jemalloc.h>

enum { THREADS = 3, OBJECTS = 2000 };

static void *live[THREADS][OBJECTS];
static pthread_barrier_t barrier;

static void *allocate(void *argument) {
    void **objects = argument;
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = malloc(1 + i * 37);
        memset(objects[i], 1, 1 + i * 37);
    }
    for (size_t i = 0; i < OBJECTS; i += 3) {
        free(objects[i]);
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static size_t pieces;

/* May allocate. */
static void write_piece(void *opaque, const char *text) {
    char *copy = strdup(text);
    pieces++;
    if (copy == NULL || fputs(copy, opaque) < 0) {
        abort();
    }
    free(copy);
}

static void use_manual_arenas(void) {
    for (unsigned i = 0; i < 2; i++) {
        unsigned arena;
        size_t length = sizeof(arena);
        char name[64];
        if (mallctl("arenas.create", &arena, &length, NULL, 0) != 0) {
            abort();
        }
        void *object = mallocx(100, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
        memset(object, 1, 100);
        snprintf(name, sizeof(name), "arena.%u.destroy", arena);
        if (i == 0 && mallctl(name, NULL, NULL, NULL, 0) != 0) {
            abort();
        }
    }
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, allocate, live[i]) != 0) {
            abort();
        }
    }
    pthread_barrier_wait(&barrier);
    if (argc > 2) {
        use_manual_arenas();
    }
    malloc_stats_print(write_piece, stdout, argc > 1 ? argv[1] : NULL);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return pieces > 0 ? 0 : 1;
}

/*
 * double_free_small.c: free of a small object twice, noticed when caches return objects to their
 * slabs.
 */
#include <pthread.h>
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "object was freed before \\(double free\\)";
const char *const crime_options = NULL;

enum { OTHERS = 200000, SIZE = 100 };

static void *others[OTHERS];

static void *criminal(void *argument) {
    for (size_t i = 0; i < OTHERS; i++) {
        others[i] = t_malloc(SIZE);
        EXPECT(others[i] != NULL, "malloc");
    }
    char *object = others[OTHERS / 2];
    void *pointer = hide_pointer(object);
    t_free(object);
    crime_announce(pointer);
    t_free(pointer);
    /* More frees than thread caches hold, then the end of the thread, then a trim. One neighbour
     * stays, so that the slab does. */
    for (size_t i = 0; i < OTHERS; i++) {
        if (i != OTHERS / 2 && i != OTHERS / 2 + 1) {
            t_free(others[i]);
        }
    }
    return argument;
}

void crime_commit(void) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, criminal, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    t_malloc_trim(0);
}

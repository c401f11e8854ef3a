/*
 * double_free_small_uncached.c: free of a small object twice, noticed at once when there is no
 * cache.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "object was freed before \\(double free\\)";
const char *const crime_options = "tcache:false";

void crime_commit(void) {
    void *neighbour = t_malloc(100);
    void *object = t_malloc(100);
    EXPECT(neighbour != NULL && object != NULL, "malloc");
    void *pointer = hide_pointer(object);
    t_free(object);
    crime_announce(pointer);
    t_free(pointer);
}

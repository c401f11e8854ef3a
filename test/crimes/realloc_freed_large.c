/*
 * realloc_freed_large.c: realloc of a large object that was freed.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "realloc";
const char *const crime_message =
    "points to unused memory, probably freed before \\(double free\\)";
const char *const crime_options = NULL;

void crime_commit(void) {
    void *object = t_malloc(200 * 1024);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object);
    t_free(object);
    crime_announce(pointer);
    pointer = t_realloc(pointer, 400 * 1024);
    EXPECT(pointer == NULL, "realloc went on with a freed object");
}

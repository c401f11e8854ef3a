/*
 * double_free_large.c: free of a large object twice.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message =
    "points to unused memory, probably freed before \\(double free\\)";
const char *const crime_options = NULL;

void crime_commit(void) {
    void *object = t_malloc(100 * 1024);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object);
    t_free(object);
    crime_announce(pointer);
    t_free(pointer);
}

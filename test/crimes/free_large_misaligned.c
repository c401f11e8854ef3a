/*
 * free_large_misaligned.c: free of a large object with a pointer that is 8 bytes off.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "points into a large object, not to its start";
const char *const crime_options = NULL;

void crime_commit(void) {
    char *object = t_malloc(300 * 1024);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object + 8);
    crime_announce(pointer);
    t_free(pointer);
}

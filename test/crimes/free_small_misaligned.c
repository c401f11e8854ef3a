/*
 * free_small_misaligned.c: free of a small object with a pointer that is 1 byte off.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "points into an object or slab, not to the start of an object";
const char *const crime_options = "tcache:false";

void crime_commit(void) {
    char *object = t_malloc(100);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object + 1);
    crime_announce(pointer);
    t_free(pointer);
}

/*
 * free_big_interior.c: free of a pointer into an object of many chunks.
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
    char *object = t_malloc((size_t)9 << 20);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object + ((size_t)4 << 20));
    crime_announce(pointer);
    t_free(pointer);
}

/*
 * double_free_big.c: free of an object of many chunks twice.
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
    void *object = t_malloc((size_t)50 << 20);
    EXPECT(object != NULL, "malloc");
    void *pointer = hide_pointer(object);
    t_free(object);
    crime_announce(pointer);
    t_free(pointer);
}

/*
 * realloc_stack.c: realloc of a variable on the stack.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "realloc";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    char variable[64] = {0};
    void *pointer = hide_pointer(variable);
    crime_announce(pointer);
    pointer = t_realloc(pointer, 100);
    EXPECT(pointer == NULL, "realloc went on with a variable");
}

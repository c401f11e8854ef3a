/*
 * free_sized_stack.c: free_sized of a variable on the stack.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"

const char *const crime_call = "free_sized";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    char variable[64] = {0};
    void *pointer = hide_pointer(variable);
    crime_announce(pointer);
    t_free_sized(pointer, sizeof(variable));
}

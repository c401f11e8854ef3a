/*
 * free_static.c: free of a variable with static storage, in the data of the program.
 */
#include <stddef.h>
#include <stdint.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"

const char *const crime_call = "free";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

static uint64_t variables[100];

void crime_commit(void) {
    void *pointer = hide_pointer(&variables[50]);
    crime_announce(pointer);
    t_free(pointer);
}

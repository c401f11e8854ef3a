/*
 * free_unmapped.c: free of an address where nothing ever was.
 */
#include <stddef.h>
#include <stdint.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"

const char *const crime_call = "free";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    void *pointer = hide_pointer((void *)(uintptr_t)0x123456789a0);
    crime_announce(pointer);
    t_free(pointer);
}

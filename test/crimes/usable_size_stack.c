/*
 * usable_size_stack.c: malloc_usable_size of a variable on the stack.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "malloc_usable_size";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    char variable[64] = {0};
    void *pointer = hide_pointer(variable);
    crime_announce(pointer);
    size_t usable = t_malloc_usable_size(pointer);
    EXPECT(usable == 0, "malloc_usable_size answered %zu", usable);
}

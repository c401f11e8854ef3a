/*
 * rallocx_stack.c: rallocx of a variable on the stack.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "rallocx";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    char variable[64] = {0};
    void *pointer = hide_pointer(variable);
    crime_announce(pointer);
    pointer = t_rallocx(pointer, 100, 0);
    EXPECT(pointer == NULL, "rallocx went on with a variable");
}

/*
 * free_foreign_mapping.c: free of pages the program mapped itself.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    void *pointer = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(pointer != MAP_FAILED, "mmap");
    pointer = hide_pointer(pointer);
    crime_announce(pointer);
    t_free(pointer);
}

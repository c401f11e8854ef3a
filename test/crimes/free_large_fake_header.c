/*
 * free_large_fake_header.c: free of a pointer into a large object behind bytes that look like the header
 * of a chunk that the C library's own malloc mapped. What the program wrote must not be believed.
 */
#include <stddef.h>
#include <string.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

const char *const crime_call = "free";
const char *const crime_message = "points into a large object, not to its start";
const char *const crime_options = NULL;

void crime_commit(void) {
    char *object = t_malloc(300 * 1024);
    EXPECT(object != NULL, "malloc");
    memset(object, 0, 300 * 1024);
    const size_t header[2] = {0, 8192 | 2}; /* 8 KiB, mapped on its own */
    memcpy(object + 64 * 1024, header, sizeof(header));
    void *pointer = hide_pointer(object + 64 * 1024 + sizeof(header));
    crime_announce(pointer);
    t_free(pointer);
}

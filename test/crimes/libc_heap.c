/*
 * libc_heap.c: no crime, though it looks like one: objects that glibc's own malloc made.
 *
 * A program can hold such objects when they were made before the allocator took over. Ours must
 * hand them back to glibc: freed objects are used again by glibc, resized ones keep their contents,
 * and nothing is said on stderr. Not for the build with prefixed names, which takes over nothing.
 */
#include <stdio.h>
#include <string.h>

#include "support/api.h"
#include "support/child.h"
#include "support/hide.h"
#include "support/pattern.h"
#include "support/report.h"

void *__libc_malloc(size_t size);
void __libc_free(void *pointer);

enum { SEED = 4711, ROUNDS = 100 };

static struct child_result result;

static void *make(size_t size) {
    void *object = __libc_malloc(size);
    EXPECT(object != NULL, "glibc is out of memory");
    pattern_write(object, size, SEED + size);
    return object;
}

static void check_kept(const void *object, size_t size) {
    size_t where = 0;
    EXPECT(pattern_holds(object, size, size, SEED + size, &where), "byte %zu of %zu changed", where,
           size);
}

/* glibc gives the object that was freed last to the next request of its size. */
static void check_free(size_t size) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        void *object = hide_pointer(make(size));
        t_free(object);
        void *again = hide_pointer(__libc_malloc(size));
        EXPECT(again == object, "glibc did not get its object of %zu bytes back", size);
        __libc_free(again);
    }
}

static void check_realloc(size_t size, size_t larger) {
    void *object = hide_pointer(make(size));
    EXPECT(t_malloc_usable_size(object) >= size, "usable size of an object of %zu bytes", size);
    void *resized = hide_pointer(t_realloc(object, larger));
    EXPECT(resized != NULL, "realloc from %zu to %zu bytes", size, larger);
    check_kept(resized, size);
    t_free(resized);
}

static void play_with_both_heaps(void) {
    static const size_t sizes[] = {24, 100, 1000, 5000, 60000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] <= 1000) {
            check_free(sizes[i]);
        }
        check_realloc(sizes[i], sizes[i] * 3);
        check_realloc(sizes[i], sizes[i] / 2 + 1 > sizes[i] ? 1 : sizes[i]);
        t_free(make(sizes[i]));
    }
    /* The way of large objects: glibc maps them one by one. */
    for (unsigned i = 0; i < ROUNDS; i++) {
        t_free(make((size_t)4 << 20));
    }
    check_realloc((size_t)2 << 20, (size_t)8 << 20);
    /* Both heaps are still sound. */
    void *ours = t_malloc(5000);
    void *theirs = make(5000);
    EXPECT(ours != NULL, "malloc");
    pattern_write(ours, 5000, SEED);
    check_kept(theirs, 5000);
    __libc_free(theirs);
    t_free(ours);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        play_with_both_heaps();
        return 0;
    }
    child_run("both", NULL, &result);
    EXPECT(child_exited(&result, 0), "%s; stderr: %s", child_status_text(&result), result.err);
    EXPECT(result.err[0] == '\0', "stderr: %s", result.err);
    return 0;
}

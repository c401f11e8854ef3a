/*
 * user_mangled.c: a program that calls malloc and means the library with a prefix, by JEMALLOC_MANGLE.
 * Prints the name that malloc stands for.
 */
#define JEMALLOC_MANGLE
#include <jemalloc/jemalloc.h>
#include <stdio.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

int main(void) {
    void *p = malloc(1);
    size_t usable = malloc_usable_size(p);
    p = realloc(p, 9 * 1024);
    size_t resized = malloc_usable_size(p);
    free(p);
    printf("malloc is %s; usable %zu, %zu\n", STRING(malloc), usable, resized);
    return 0;
}

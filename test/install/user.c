/*
 * user.c: a C program that uses an installed ashlar. Exits 0 when ashlar serves malloc.
 *
 * Prints where malloc comes from. Usable sizes tell allocators apart: of 1 byte, ashlar makes 8, of
 * 8 * 1024 + 1 it makes 10 KiB; glibc's are 24 and 8200.
 */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    Dl_info where = {0};
    void *(*function)(size_t) = malloc;
    union {
        void *(*function)(size_t);
        void *address;
    } address = {function};
    dladdr(address.address, &where);

    void *small = malloc(1);
    void *medium = calloc(1, 8 * 1024 + 1);
    size_t small_usable = malloc_usable_size(small);
    size_t medium_usable = malloc_usable_size(medium);
    printf("malloc from %s; usable %zu, %zu\n", where.dli_fname != NULL ? where.dli_fname : "?",
           small_usable, medium_usable);
    free(medium);
    free(small);
    return small_usable == 8 && medium_usable == 10 * 1024 ? 0 : 1;
}

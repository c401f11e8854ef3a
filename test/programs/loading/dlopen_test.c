/*
 * dlopen_test.c: the library opened into a running program that uses another malloc.
 *
 * usage: dlopen_test LIBRARY
 * Opens it RTLD_LOCAL, uses its functions through dlsym from several threads, and closes it.
 * Because of -z nodelete the code stays: blocks are freed, threads end and blocks are allocated
 * afterwards. Repeats, with threads that live across the closing. The program's own malloc must
 * stay its own.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { THREADS = 4, KEPT = 200 };

static struct allocator opened;
static pthread_barrier_t closed;
static atomic_int finished;

static void *function_of(void *library, const char *name) {
    void *found = dlsym(library, name);
    EXPECT(found != NULL);
    Dl_info place;
    EXPECT(dladdr(found, &place) != 0);
    Dl_info own;
    EXPECT(dladdr((void *)(uintptr_t)&malloc, &own) != 0);
    EXPECT(place.dli_fbase != own.dli_fbase);
    return found;
}

static struct allocator functions_of(void *library) {
    struct allocator found;
    found.allocate = (void *(*)(size_t))(uintptr_t)function_of(library, "malloc");
    found.resize = (void *(*)(void *, size_t))(uintptr_t)function_of(library, "realloc");
    found.release = (void (*)(void *))(uintptr_t)function_of(library, "free");
    return found;
}

/* Works before the library is closed and after, keeping blocks across, and ends after. */
static void *work(void *argument) {
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    void *kept[KEPT];
    size_t sizes[KEPT];
    uint64_t state = seed;
    for (int at = 0; at < KEPT; at++) {
        sizes[at] = random_size(&state);
        kept[at] = opened.allocate(sizes[at]);
        EXPECT(kept[at] != NULL);
        block_fill(kept[at], sizes[at], (uint32_t)seed + (uint32_t)at);
    }
    churn(&opened, seed, 3000);
    pthread_barrier_wait(&closed);
    pthread_barrier_wait(&closed);
    churn(&opened, seed + 1, 3000);
    for (int at = 0; at < KEPT; at++) {
        block_check(kept[at], sizes[at], (uint32_t)seed + (uint32_t)at);
        opened.release(kept[at]);
    }
    atomic_fetch_add(&finished, 1);
    return NULL;
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    expect_allocator(); /* the system's, before and after */
    struct allocator own = allocator_of_program();
    void *before = own.allocate(1000);
    block_fill(before, 1000, 1);
    EXPECT(pthread_barrier_init(&closed, NULL, THREADS + 1) == 0);

    void *first_malloc = NULL;
    for (int round = 0; round < 5; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        opened = functions_of(library);
        void *now = (void *)(uintptr_t)opened.allocate;
        EXPECT(first_malloc == NULL || now == first_malloc);
        first_malloc = now;
        pthread_t threads[THREADS];
        for (int at = 0; at < THREADS; at++) {
            void *seed = (void *)(uintptr_t)(round * 100 + at + 1);
            EXPECT(pthread_create(&threads[at], NULL, work, seed) == 0);
        }
        void *across = opened.allocate(5000);
        block_fill(across, 5000, 9);
        pthread_barrier_wait(&closed);
        EXPECT(dlclose(library) == 0);
        pthread_barrier_wait(&closed);
        churn(&opened, 77, 1000);
        churn(&own, 78, 1000);
        block_check(across, 5000, 9);
        opened.release(across);
        for (int at = 0; at < THREADS; at++) {
            EXPECT(pthread_join(threads[at], NULL) == 0);
        }
    }
    EXPECT(atomic_load(&finished) == 5 * THREADS);
    expect_allocator();
    block_check(before, 1000, 1);
    own.release(before);
    puts("ok");
    return 0;
}

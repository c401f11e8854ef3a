/*
 * static_test.c: linked to the static library, and with glibc, fully statically (-static): no
 * dynamic loader, no interposition, TLS set up by libc's start code.
 *
 * Churns in threads and in forked children, and through libc functions that allocate.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

static void *work(void *argument) {
    struct allocator own = allocator_of_program();
    churn(&own, (uint64_t)(uintptr_t)argument, 4000);
    return NULL;
}

int main(void) {
    expect_allocator();
    for (int round = 0; round < 10; round++) {
        pthread_t threads[4];
        for (int at = 0; at < 4; at++) {
            EXPECT(pthread_create(&threads[at], NULL, work, (void *)(uintptr_t)(round * 4 + at)) ==
                   0);
        }
        pid_t child = fork();
        if (child == 0) {
            work((void *)7);
            exit(0);
        }
        int status = 1;
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        for (int at = 0; at < 4; at++) {
            EXPECT(pthread_join(threads[at], NULL) == 0);
        }
    }
    char *line = NULL;
    size_t room = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    EXPECT(maps != NULL);
    while (getline(&line, &room, maps) > 0) {
        char *copy = strdup(line);
        EXPECT(copy != NULL && strcmp(copy, line) == 0);
        free(copy);
    }
    fclose(maps);
    free(line);
    char *made = NULL;
    EXPECT(asprintf(&made, "%0*d", 5000, 7) == 5000 && strlen(made) == 5000);
    free(made);
    puts("ok");
    return 0;
}

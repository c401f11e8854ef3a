/*
 * children_test.c: every way to make a child: fork from a process whose threads are all allocating,
 * vfork, posix_spawn, clone() with and without its own memory.
 *
 * usage: children_test [SECONDS]
 * A forked child checks data it inherited, frees it, allocates heavily in several threads, forks
 * again, and ends through exit() with its handlers or through _exit(). The parent's threads never
 * stop; the parent checks its data at the end. A child that hangs is killed by its own alarm, and
 * that fails the test.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

enum { THREADS = 4, INHERITED = 400, CHILD_LIMIT_S = 30, STACK = 256 * 1024 };

static atomic_bool stopping;
static void *inherited[INHERITED];
static size_t sizes[INHERITED];

static void inherited_make(void) {
    uint64_t state = 4711;
    for (int at = 0; at < INHERITED; at++) {
        sizes[at] = random_size(&state);
        inherited[at] = block_hide(malloc(sizes[at]));
        EXPECT(inherited[at] != NULL);
        block_fill(inherited[at], sizes[at], (uint32_t)at);
    }
}

static void inherited_check(void) {
    for (int at = 0; at < INHERITED; at++) {
        block_check(inherited[at], sizes[at], (uint32_t)at);
    }
}

static void *allocate_always(void *argument) {
    struct allocator own = allocator_of_program();
    for (uint64_t seed = (uint64_t)(uintptr_t)argument; !atomic_load(&stopping); seed++) {
        churn(&own, seed, 300);
    }
    return NULL;
}

static void *allocate_some(void *argument) {
    struct allocator own = allocator_of_program();
    churn(&own, (uint64_t)(uintptr_t)argument, 400);
    return malloc(100);
}

static void wait_for(pid_t child) {
    int status = 0;
    EXPECT(child > 0);
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status));
    EXPECT(WEXITSTATUS(status) == 0);
}

/* What a child does. first: whether it is a child of the first process, and may fork again. */
static void child_work(uint64_t seed, bool first);

static _Noreturn void child_main(uint64_t seed, bool first) {
    alarm(CHILD_LIMIT_S);
    child_work(seed, first);
    if (seed % 2 == 0) {
        exit(0);
    }
    _exit(0);
}

static void child_work(uint64_t seed, bool first) {
    struct allocator own = allocator_of_program();
    churn(&own, seed, 200);
    inherited_check();
    for (int at = first ? 0 : 1; at < INHERITED; at += 3) {
        free(inherited[at]);
        inherited[at] = block_hide(malloc(sizes[at]));
        EXPECT(inherited[at] != NULL);
        block_fill(inherited[at], sizes[at], (uint32_t)at);
    }
    pthread_t threads[2];
    for (int at = 0; at < 2; at++) {
        void *own_seed = (void *)(uintptr_t)(seed + (uint64_t)at);
        EXPECT(pthread_create(&threads[at], NULL, allocate_some, own_seed) == 0);
    }
    if (first && seed % 4 == 0) {
        /* Fork again, while the child's own threads allocate. */
        pid_t grandchild = fork();
        if (grandchild == 0) {
            child_main(seed + 1, false);
        }
        wait_for(grandchild);
    }
    for (int at = 0; at < 2; at++) {
        void *block = NULL;
        EXPECT(pthread_join(threads[at], &block) == 0);
        free(block);
    }
    churn(&own, seed + 7, 500);
    inherited_check();
}

static int cloned_alone(void *argument) {
    /* A child with a copy of the memory, made behind libc's back: no fork handler ran. The parent
     * has one thread here, so nothing was in the middle of anything. */
    (void)argument;
    struct allocator own = allocator_of_program();
    churn(&own, 99, 500);
    inherited_check();
    return 0;
}

static int cloned_sharing(void *argument) {
    /* Shares the memory and runs while the parent waits, like vfork. */
    void **result = argument;
    *result = malloc(1234);
    if (*result != NULL) {
        block_fill(*result, 1234, 8);
    }
    free(malloc(100000));
    return 0;
}

static void spawn_kinds(void) {
    char name[] = "true";
    char *const argv[] = {name, NULL};
    pid_t child = 0;
    EXPECT(posix_spawnp(&child, "true", NULL, NULL, argv, environ) == 0);
    wait_for(child);

    child = vfork();
    if (child == 0) {
        execvp("true", argv);
        _exit(127);
    }
    wait_for(child);

    FILE *pipe = popen("echo through a shell", "r");
    EXPECT(pipe != NULL);
    char line[64] = "";
    EXPECT(fgets(line, sizeof(line), pipe) != NULL);
    EXPECT(strcmp(line, "through a shell\n") == 0);
    EXPECT(pclose(pipe) == 0);
    EXPECT(system("true") == 0);
}

static void clone_kinds(void) {
    char *stack = malloc(STACK);
    EXPECT(stack != NULL);
    wait_for(clone(cloned_alone, stack + STACK, SIGCHLD, NULL));
    void *shared = NULL;
    wait_for(clone(cloned_sharing, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &shared));
    EXPECT(shared != NULL);
    block_check(shared, 1234, 8);
    free(shared);
    free(stack);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    double limit = argc > 1 ? atof(argv[1]) : 5;
    expect_allocator();
    inherited_make();
    for (int round = 0; round < 20; round++) {
        clone_kinds();
        spawn_kinds();
    }
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++) {
        void *seed = (void *)(uintptr_t)(at * 1000000);
        EXPECT(pthread_create(&threads[at], NULL, allocate_always, seed) == 0);
    }
    uint64_t state = 12345;
    int forks = 0;
    for (double end = seconds_now() + limit; seconds_now() < end; forks++) {
        struct timespec pause = {0, (long)(random_next(&state) % 2000000)};
        nanosleep(&pause, NULL);
        void *own = malloc(random_size(&state));
        uint64_t seed = random_next(&state);
        pid_t child = fork();
        if (child == 0) {
            free(own);
            child_main(seed, true);
        }
        if (forks % 8 == 0) {
            spawn_kinds();
        }
        free(own);
        wait_for(child);
    }
    atomic_store(&stopping, true);
    for (int at = 0; at < THREADS; at++) {
        EXPECT(pthread_join(threads[at], NULL) == 0);
    }
    inherited_check();
    EXPECT(forks >= 5);
    fprintf(stderr, "%d forks\n", forks);
    puts("ok");
    return 0;
}

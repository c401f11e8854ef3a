/*
 * teardown_test.c: memory used in the corners of a process's life: constructors and destructors of
 * every priority, destructors of thread-specific data that free and allocate again up to the last
 * round, exiting threads with the cache already gone, atexit and on_exit handlers, detached threads
 * that still run when main returns.
 *
 * Everything allocated in a corner is freed in another; contents are checked. Prints one line per
 * stage from the destructors, so that the caller sees the last of them ran.
 */
#include <limits.h>
#include <pthread.h>
#include <sys/types.h>

#include "check.h"

enum { EARLY = 300, ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS, THREADS = 60, KEYS = 6 };

static void *early_blocks[EARLY];
static void *late_block;
static pthread_key_t keys[KEYS];
static int destructors_run; /* by joined threads only, one at a time */

static void say(const char *text) {
    EXPECT(write(1, text, strlen(text)) == (ssize_t)strlen(text));
}

__attribute__((constructor(101))) static void first_constructor(void) {
    for (int at = 0; at < EARLY; at++) {
        size_t size = (size_t)at * 97 + 1;
        early_blocks[at] = block_hide(malloc(size));
        EXPECT(early_blocks[at] != NULL);
        block_fill(early_blocks[at], size, (uint32_t)at);
    }
}

__attribute__((constructor)) static void usual_constructor(void) {
    for (int at = 0; at < EARLY; at += 2) {
        block_check(early_blocks[at], (size_t)at * 97 + 1, (uint32_t)at);
        free(early_blocks[at]);
        early_blocks[at] = NULL;
    }
    late_block = block_hide(calloc(1, 70000));
    EXPECT(late_block != NULL);
    block_fill(late_block, 70000, 5);
}

__attribute__((destructor)) static void usual_destructor(void) {
    struct allocator own = allocator_of_program();
    churn(&own, 31, 2000);
    for (int at = 1; at < EARLY; at += 2) {
        block_check(early_blocks[at], (size_t)at * 97 + 1, (uint32_t)at);
        free(early_blocks[at]);
    }
    say("destructor\n");
}

__attribute__((destructor(101))) static void last_destructor(void) {
    block_check(late_block, 70000, 5);
    free(late_block);
    struct allocator own = allocator_of_program();
    churn(&own, 32, 2000);
    say("last destructor\n");
}

/* Thread-specific data: each round frees the block of the round before and makes a new one, so that
 * destructors run again, after any the library has; the last round frees only. */
struct specific {
    int key;
    int round;
    size_t size;
    char data[];
};

static void specific_set(int key, int round) {
    size_t size = (size_t)key * 3000 + (size_t)round * 501 + 16;
    struct specific *made = block_hide(malloc(sizeof(*made) + size));
    EXPECT(made != NULL);
    made->key = key;
    made->round = round;
    made->size = size;
    block_fill(made->data, size, (uint32_t)(key + round));
    EXPECT(pthread_setspecific(keys[key], made) == 0);
}

static void specific_destroy(void *value) {
    struct specific *old = value;
    int key = old->key;
    int round = old->round;
    block_check(old->data, old->size, (uint32_t)(key + round));
    free(old);
    struct allocator own = allocator_of_program();
    churn(&own, (uint64_t)key * 7 + (uint64_t)round, 60);
    destructors_run++;
    if (round + 1 < ROUNDS) {
        specific_set(key, round + 1);
    }
}

static void *thread_with_data(void *argument) {
    for (int key = 0; key < KEYS; key++) {
        specific_set(key, 0);
    }
    return malloc((size_t)(uintptr_t)argument + 1);
}

/* A thread that never allocates itself but whose destructor frees what others made. */
static void *thread_without(void *argument) {
    EXPECT(pthread_setspecific(keys[0], argument) == 0);
    return NULL;
}

static void *detached(void *argument) {
    struct allocator own = allocator_of_program();
    for (uint64_t seed = (uint64_t)(uintptr_t)argument;; seed++) {
        churn(&own, seed, 500);
    }
    return NULL;
}

static void at_exit(void) {
    struct allocator own = allocator_of_program();
    churn(&own, 33, 2000);
    say("atexit\n");
}

static void on_exit_block(int status, void *block) {
    EXPECT(status == 0);
    block_check(block, 300000, 12);
    free(block);
    say("on_exit\n");
}

int main(void) {
    expect_allocator();
    EXPECT(atexit(at_exit) == 0);
    void *for_exit = block_hide(malloc(300000));
    block_fill(for_exit, 300000, 12);
    EXPECT(on_exit(on_exit_block, for_exit) == 0);
    for (int key = 0; key < KEYS; key++) {
        EXPECT(pthread_key_create(&keys[key], specific_destroy) == 0);
    }
    for (int at = 0; at < THREADS; at++) {
        pthread_t thread;
        void *left = NULL;
        EXPECT(pthread_create(&thread, NULL, thread_with_data, (void *)(uintptr_t)at) == 0);
        EXPECT(pthread_join(thread, &left) == 0);
        EXPECT(left != NULL);
        free(left);

        struct specific *given = block_hide(malloc(sizeof(*given) + 64));
        given->key = 0;
        given->round = ROUNDS - 1;
        given->size = 64;
        block_fill(given->data, 64, (uint32_t)(ROUNDS - 1));
        EXPECT(pthread_create(&thread, NULL, thread_without, given) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
    EXPECT(destructors_run == THREADS * (KEYS * ROUNDS + 1));
    specific_set(1, 0); /* main's own, which exit() does not destroy */
    for (int at = 0; at < 3; at++) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, detached, (void *)(uintptr_t)(at * 1000)) == 0);
        EXPECT(pthread_detach(thread) == 0);
    }
    struct allocator own = allocator_of_program();
    churn(&own, 34, 3000);
    say("main\n");
    return 0;
}

/*
 * soak.c: the allocator at work for a long time, every object verified, memory given back at the
 * end.
 *
 * usage: soak [SECONDS [OVERHEAD_MIB]]
 * Default 20 s (or ASHLAR_TEST_SECONDS) and 32 MiB; ASHLAR_TEST_SEED chooses another sequence.
 *
 * Threads allocate (malloc, calloc, aligned, realloc) and free objects of 1 byte to 64 MiB, hand
 * some to each other, end and are replaced by others that inherit their objects. Meanwhile the
 * process forks; a child checks the known live set, which it inherited, frees part of it, uses the
 * heap from threads of its own, and exits. At the end all but the known live set is freed, the
 * program goes on with little activity so that unused pages decay (run it with a short
 * dirty_decay_ms; malloc_trim is not called), and the resident set must come down to 1.10 times the
 * live bytes (as granted) plus the overhead. Prints JSON with the resident set over time; status 0
 * if there was no error.
 *
 * The live set is made first, by threads that end: what this shows is that nothing else stays. The
 * program's own tables are static, so that they are not part of what is measured on the heap.
 *
 * Locks: a mailbox has its own; everything else belongs to one thread or is atomic.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "object.h"

enum {
    WORKERS = 6,
    SLOTS = 4096, /* objects a worker has at most */
    LETTERS = 64, /* objects in a mailbox at most */
    LIVE_OBJECTS = 20000,
    SAMPLES = 4096,
    CHILD_LIMIT_S = 60,
    SETTLE_MIN_S = 4, /* how long the end goes on at least and at most */
    SETTLE_MAX_S = 25,
};

static const size_t worker_budget = (size_t)72 << 20; /* live bytes a worker keeps to, roughly */
static const unsigned small_bits = 15;                /* nearly all objects: up to 32 KiB */
static const unsigned all_bits = 26;                  /* the others: up to 64 MiB */

struct mailbox {
    pthread_mutex_t lock;
    unsigned count;                 /* guarded by lock */
    struct object letters[LETTERS]; /* guarded by lock */
};

struct worker {
    struct object slots[SLOTS]; /* owner thread only */
    size_t live;                /* bytes; owner thread only */
    struct random random;       /* owner thread only */
    _Atomic size_t shown_live;  /* live, for the sampler */
    struct mailbox box;
    pthread_t thread;
};

static struct worker workers[WORKERS];
static struct object live_set[LIVE_OBJECTS]; /* const while workers and children run */
static size_t live_set_requested;
static size_t live_set_bytes; /* as granted: rounding up to a size class is not fragmentation */
static atomic_bool stopping;
static atomic_ulong errors;
static atomic_ulong operations;
static atomic_ulong threads_started;
static unsigned long forks;

static struct {
    double seconds;
    size_t resident;
    size_t live;
} samples[SAMPLES];
static unsigned sample_count;

static void count_error(bool good) {
    if (!good) {
        atomic_fetch_add_explicit(&errors, 1, memory_order_relaxed);
    }
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Bytes resident, exactly; the counters in statm lag behind by some pages per CPU. */
static size_t resident_now(void) {
    static char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *found = strstr(text, "\nRss:");
    if (found == NULL) {
        fprintf(stderr, "soak: cannot read /proc/self/smaps_rollup\n");
        exit(2);
    }
    return (size_t)strtoul(found + 5, NULL, 10) * 1024;
}

/* ---- workers ---- */

static size_t choose_size(struct random *random) {
    return random_size(random, random_below(random, 32) == 0 ? all_bits : small_bits);
}

/* Frees objects until the worker is within its budget again. */
static void keep_to_budget(struct worker *worker) {
    while (worker->live > worker_budget) {
        struct object *victim = &worker->slots[random_below(&worker->random, SLOTS)];
        if (victim->bytes != NULL) {
            worker->live -= victim->size;
            count_error(object_destroy(victim));
        }
    }
}

static void receive(struct worker *worker) {
    pthread_mutex_lock(&worker->box.lock);
    while (worker->box.count > 0) {
        struct object letter = worker->box.letters[--worker->box.count];
        struct object *slot = &worker->slots[random_below(&worker->random, SLOTS)];
        if (slot->bytes == NULL) {
            *slot = letter;
            worker->live += letter.size;
            count_error(object_check(slot));
        } else {
            count_error(object_destroy(&letter));
        }
    }
    pthread_mutex_unlock(&worker->box.lock);
}

static bool send(struct worker *to, const struct object *object) {
    pthread_mutex_lock(&to->box.lock);
    bool room = to->box.count < LETTERS;
    if (room) {
        to->box.letters[to->box.count++] = *object;
    }
    pthread_mutex_unlock(&to->box.lock);
    return room;
}

static void work_on(struct worker *worker, struct object *slot) {
    struct random *random = &worker->random;
    if (slot->bytes == NULL) {
        count_error(object_make(slot, random, choose_size(random)));
        worker->live += slot->size;
        return;
    }
    worker->live -= slot->size;
    struct worker *other = &workers[random_below(random, WORKERS)];
    uint64_t choice = random_below(random, 16);
    if (choice < 4) {
        count_error(object_resize(slot, random, choose_size(random)));
    } else if (choice < 6 && other != worker && send(other, slot)) {
        slot->bytes = NULL;
    } else if (choice < 7) {
        count_error(object_check(slot));
    } else {
        count_error(object_destroy(slot));
    }
    worker->live += slot->bytes != NULL ? slot->size : 0;
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    uint64_t rounds = 1000 + random_below(&worker->random, 40000);
    while (rounds-- > 0 && !atomic_load_explicit(&stopping, memory_order_relaxed)) {
        work_on(worker, &worker->slots[random_below(&worker->random, SLOTS)]);
        keep_to_budget(worker);
        if (rounds % 64 == 0) {
            receive(worker);
            atomic_fetch_add_explicit(&operations, 64, memory_order_relaxed);
            atomic_store_explicit(&worker->shown_live, worker->live, memory_order_relaxed);
        }
    }
    return NULL;
}

static void thread_start(pthread_t *thread, void *(*start)(void *), void *argument) {
    int error = pthread_create(thread, NULL, start, argument);
    if (error != 0) {
        fprintf(stderr, "soak: pthread_create: %s\n", strerror(error));
        exit(2);
    }
    atomic_fetch_add(&threads_started, 1);
}

/* Starts a worker anew whenever its thread ends, until the whole run ends. */
static void *replace_threads(void *argument) {
    struct worker *worker = argument;
    while (!atomic_load(&stopping)) {
        pthread_t thread;
        thread_start(&thread, worker_main, worker);
        pthread_join(thread, NULL);
    }
    return NULL;
}

/* ---- the known live set ---- */

static void *live_set_make(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    struct random random = {number * 7919u + 5};
    for (unsigned at = number; at < LIVE_OBJECTS; at += WORKERS) {
        unsigned bits = at % 128 == 0 ? 24 : 13;
        count_error(object_make(&live_set[at], &random, random_size(&random, bits)));
    }
    return NULL;
}

static void live_set_check(void) {
    for (unsigned at = 0; at < LIVE_OBJECTS; at++) {
        count_error(object_check(&live_set[at]));
    }
}

/* ---- children ---- */

static void churn(uint64_t seed) {
    enum { COUNT = 256 };
    struct object objects[COUNT];
    struct random random = {seed};
    memset(objects, 0, sizeof(objects));
    for (unsigned round = 0; round < 1000; round++) {
        struct object *object = &objects[random_below(&random, COUNT)];
        if (object->bytes == NULL) {
            count_error(
                object_make(object, &random, random_size(&random, round % 64 == 0 ? 20 : 14)));
        } else if (round % 4 == 0) {
            count_error(object_resize(object, &random, random_size(&random, 14)));
        } else {
            count_error(object_destroy(object));
        }
    }
    for (unsigned at = 0; at < COUNT; at++) {
        if (objects[at].bytes != NULL) {
            count_error(object_destroy(&objects[at]));
        }
    }
}

static void *child_thread(void *argument) {
    churn((uint64_t)(uintptr_t)argument);
    return NULL;
}

static _Noreturn void child_main(uint64_t seed) {
    alarm(CHILD_LIMIT_S);
    atomic_store(&errors, 0);
    pthread_t thread;
    thread_start(&thread, child_thread, (void *)(uintptr_t)(seed + 1));
    churn(seed);
    live_set_check();
    for (unsigned at = (unsigned)(seed % 3); at < LIVE_OBJECTS; at += 3) {
        count_error(object_destroy(&live_set[at]));
    }
    pthread_join(thread, NULL);
    churn(seed + 2);
    int status = atomic_load(&errors) == 0 ? 0 : 1;
    if (seed % 2 == 0) {
        exit(status);
    }
    _exit(status);
}

static void fork_once(struct random *random) {
    uint64_t seed = random_next(random);
    fflush(NULL); /* exit() in the child must not write it again */
    pid_t child = fork();
    if (child == 0) {
        child_main(seed);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "soak: fork %lu: child %d, wait status 0x%x\n", forks, (int)child, status);
        count_error(false);
    }
    forks++;
}

/* ---- the run ---- */

static void sample(double start) {
    size_t live = live_set_bytes;
    for (unsigned at = 0; at < WORKERS; at++) {
        live += atomic_load_explicit(&workers[at].shown_live, memory_order_relaxed);
    }
    if (sample_count == SAMPLES) { /* keep every other one */
        for (unsigned at = 0; at < SAMPLES / 2; at++) {
            samples[at] = samples[2 * at];
        }
        sample_count = SAMPLES / 2;
    }
    samples[sample_count].seconds = seconds_now() - start;
    samples[sample_count].resident = resident_now();
    samples[sample_count].live = live;
    sample_count++;
}

static void pause_ms(long milliseconds) {
    struct timespec length = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&length, NULL);
}

static void start_live_set(void) {
    pthread_t threads[WORKERS];
    for (unsigned at = 0; at < WORKERS; at++) {
        thread_start(&threads[at], live_set_make, (void *)(uintptr_t)at);
    }
    for (unsigned at = 0; at < WORKERS; at++) {
        pthread_join(threads[at], NULL);
    }
    for (unsigned at = 0; at < LIVE_OBJECTS; at++) {
        live_set_requested += live_set[at].size;
        live_set_bytes += malloc_usable_size(live_set[at].bytes);
    }
}

static void run_workers(double start, double seconds, struct random *random) {
    for (unsigned at = 0; at < WORKERS; at++) {
        workers[at].random.state = random_next(random);
        pthread_mutex_init(&workers[at].box.lock, NULL);
        thread_start(&workers[at].thread, replace_threads, &workers[at]);
    }
    double next_sample = 0;
    while (seconds_now() - start < seconds) {
        if (seconds_now() - start >= next_sample) {
            sample(start);
            next_sample += 0.5;
        }
        pause_ms((long)random_below(random, 150));
        fork_once(random);
    }
    atomic_store(&stopping, true);
    for (unsigned at = 0; at < WORKERS; at++) {
        pthread_join(workers[at].thread, NULL);
    }
}

static void free_workers_objects(void) {
    for (unsigned at = 0; at < WORKERS; at++) {
        struct worker *worker = &workers[at];
        receive(worker);
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            if (worker->slots[slot].bytes != NULL) {
                count_error(object_destroy(&worker->slots[slot]));
            }
        }
        atomic_store(&worker->shown_live, 0);
    }
}

/* A little activity, as of an idle server, until the resident set is within the bound, which it
 * returns. */
static size_t settle(double start, size_t bound, struct random *random) {
    double began = seconds_now();
    double next_sample = began;
    for (;;) {
        struct object object;
        count_error(object_make(&object, random, random_size(random, 10)));
        count_error(object_destroy(&object));
        pause_ms(5);
        double now = seconds_now();
        if (now < next_sample) {
            continue;
        }
        next_sample = now + 0.25;
        sample(start);
        size_t resident = samples[sample_count - 1].resident;
        double spent = now - began;
        if (spent >= SETTLE_MAX_S || (spent >= SETTLE_MIN_S && resident <= bound)) {
            return resident;
        }
    }
}

static void print_report(double seconds, size_t bound, size_t settled) {
    size_t peak = 0;
    size_t peak_live = 0;
    printf(
        "{\n  \"seconds\": %.1f,\n  \"operations\": %lu,\n  \"threads\": %lu,\n  \"forks\": %lu,\n",
        seconds, atomic_load(&operations), atomic_load(&threads_started), forks);
    printf("  \"rss_over_time\": [");
    for (unsigned at = 0; at < sample_count; at++) {
        peak = samples[at].resident > peak ? samples[at].resident : peak;
        peak_live = samples[at].live > peak_live ? samples[at].live : peak_live;
        printf("%s\n    {\"s\": %.2f, \"rss\": %zu, \"live\": %zu}", at == 0 ? "" : ",",
               samples[at].seconds, samples[at].resident, samples[at].live);
    }
    printf("\n  ],\n  \"peak_rss\": %zu,\n  \"peak_live\": %zu,\n", peak, peak_live);
    printf("  \"live_requested\": %zu,\n  \"live_bytes\": %zu,\n", live_set_requested,
           live_set_bytes);
    printf("  \"settled_rss\": %zu,\n  \"settled_bound\": %zu,\n  \"errors\": %lu\n}\n", settled,
           bound, atomic_load(&errors));
}

int main(int argc, char **argv) {
    const char *from_environment = getenv("ASHLAR_TEST_SECONDS");
    double seconds = argc > 1                   ? atof(argv[1])
                     : from_environment != NULL ? atof(from_environment)
                                                : 20;
    size_t overhead = (size_t)(argc > 2 ? atof(argv[2]) : 32) << 20;
    const char *seed_text = getenv("ASHLAR_TEST_SEED");
    struct random random = {seed_text != NULL ? strtoull(seed_text, NULL, 0) : 1};

    double start = seconds_now();
    start_live_set();
    run_workers(start, seconds, &random);
    free_workers_objects();
    size_t bound = live_set_bytes + live_set_bytes / 10 + overhead;
    size_t settled = settle(start, bound, &random);
    live_set_check();
    print_report(seconds, bound, settled);
    if (settled > bound) {
        fprintf(stderr, "soak: %zu MiB resident after decay, allowed are %zu\n", settled >> 20,
                bound >> 20);
        return 1;
    }
    if (atomic_load(&operations) == 0 || forks == 0) {
        fprintf(stderr, "soak: nothing was done\n");
        return 1;
    }
    return atomic_load(&errors) == 0 ? 0 : 1;
}

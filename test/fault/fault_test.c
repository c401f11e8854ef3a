/*
 * fault_test.c: the Nth request for memory fails, for every N.
 *
 * All memory comes through os_page_ops, whose functions this program replaces before anything uses
 * them. A run plays a fixed sequence of calls while request number N fails ("once"), or it and all
 * that follow ("from"); N rises until a run needs fewer requests. Each run is a process of its own,
 * so the start of the allocator is part of it. In a run, every call either succeeds or answers NULL
 * with ENOMEM and changes nothing, which the model checks; the allocator's own structures are
 * walked; then the faults end, and everything must work again.
 * The last test repeats the sequence in one process with a fault at another place each time: what
 * is allocated and the address space must not grow.
 * Usage: fault_test [SEED]
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/arenas.h"
#include "heap/large.h"
#include "heap/reset.h"
#include "os/os.h"
#include "support/api.h"
#include "support/child.h"
#include "support/model.h"
#include "support/report.h"
#include "support/resident.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CAPACITY = 3000,
    STEPS_IN_THREAD = 60,
    MAX_REQUESTS = 5000, /* of a run; far more than there are */
    LEAK_CYCLES = 60,
    LEAK_WARMUP = 30,
    PART_TEXT = 100,
};

/* ---- the faults ---- */

enum fault_mode { FAULT_ONCE, FAULT_FROM };

static enum fault_mode mode;
static _Atomic uint64_t fail_at;  /* number of the request that fails; 0: none */
static _Atomic uint64_t requests; /* counted from 1 */
static _Atomic uint64_t failures;
static _Atomic unsigned kinds;    /* a bit for each function that was called */
static _Atomic size_t unreleased; /* bytes whose release failed */
static struct os_page_ops real;

enum fault_kind {
    KIND_RESERVE,
    KIND_RESERVE_READABLE,
    KIND_COMMIT,
    KIND_MAP,
    KIND_PURGE,
    KIND_PURGE_LAZY,
    KIND_MOVE,
    KIND_RELEASE,
    KINDS
};

static bool must_fail(enum fault_kind kind) {
    atomic_fetch_or(&kinds, 1u << kind);
    uint64_t at = atomic_load(&fail_at);
    uint64_t number = atomic_fetch_add(&requests, 1) + 1;
    bool fails = at != 0 && (number == at || (mode == FAULT_FROM && number > at));
    if (fails) {
        atomic_fetch_add(&failures, 1);
    }
    return fails;
}

static void *faulty_reserve(size_t size) {
    return must_fail(KIND_RESERVE) ? NULL : real.reserve(size);
}

static void *faulty_reserve_readable(size_t size) {
    return must_fail(KIND_RESERVE_READABLE) ? NULL : real.reserve_readable(size);
}

static bool faulty_commit(void *address, size_t size) {
    return !must_fail(KIND_COMMIT) && real.commit(address, size);
}

static void *faulty_map(size_t size) {
    return must_fail(KIND_MAP) ? NULL : real.map(size);
}

static bool faulty_purge(void *address, size_t size) {
    return !must_fail(KIND_PURGE) && real.purge(address, size);
}

static bool faulty_purge_lazy(void *address, size_t size) {
    return !must_fail(KIND_PURGE_LAZY) && real.purge_lazy(address, size);
}

static bool faulty_move(void *from, void *to, size_t size) {
    return !must_fail(KIND_MOVE) && real.move(from, to, size);
}

/* Its failure is not told to anyone; the address space stays in use. */
static void faulty_release(void *address, size_t size) {
    if (!must_fail(KIND_RELEASE)) {
        real.release(address, size);
    } else {
        atomic_fetch_add(&unreleased, size);
    }
}

static void set_fault(enum fault_mode new_mode, uint64_t at) {
    atomic_store(&fail_at, 0);
    mode = new_mode;
    atomic_store(&requests, 0);
    atomic_store(&failures, 0);
    atomic_store(&fail_at, at);
}

/* Before the allocator's own constructor. A child's argument is "MODE N SEED". */
__attribute__((constructor(101))) static void take_over(int argc, char **argv) {
    real = os_page_ops;
    os_page_ops = (struct os_page_ops){
        .reserve = faulty_reserve,
        .reserve_readable = faulty_reserve_readable,
        .commit = faulty_commit,
        .map = faulty_map,
        .purge = faulty_purge,
        .purge_lazy = faulty_purge_lazy,
        .move = faulty_move,
        .collapse = real.collapse,
        .release = faulty_release,
    };
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        set_fault(argv[2][0] == 'o' ? FAULT_ONCE : FAULT_FROM, strtoull(argv[2] + 5, NULL, 10));
    }
}

/* ---- the sequence ---- */

static const struct model_profile profiles[] = {
    {"small", 2 * KIB, 256, 64 * MIB, 500, 10, 10},
    {"medium", 200 * KIB, 64 * KIB, 32 * MIB, 50, 20, 20},
    {"large", 9 * MIB, 4 * MIB, 24 * MIB, 4, 50, 20},
};
static const unsigned steps[ARRAY_LEN(profiles)] = {400, 100, 30};

static void *play_in_thread(void *argument) {
    struct prng prng = {(uint64_t)(uintptr_t)argument};
    struct model *model = model_create(NULL, CAPACITY, prng_next(&prng));
    model->may_fail = true;
    for (unsigned i = 0; i < STEPS_IN_THREAD; i++) {
        model_step(model, &prng, &profiles[i % ARRAY_LEN(profiles)]);
    }
    model_destroy(model);
    return NULL;
}

/* A thread that starts and ends while memory is short; one at a time, so that runs are alike. */
static void play_thread(uint64_t seed) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, play_in_thread, (void *)(uintptr_t)seed) == 0, "thread");
    pthread_join(thread, NULL);
}

/* Growth of one large object by realloc, which moves or extends; with another in its way. */
static void play_growth(struct model *model) {
    if (!model_allocate(model, CALL_MALLOC, 40 * KIB, 0)) {
        return;
    }
    for (size_t size = 60 * KIB; size < 9 * MIB; size += size) {
        model_resize(model, model->count - 1, size, false);
    }
    model_resize(model, model->count - 1, 100 * KIB, false);
}

/* Objects large enough to be moved by page tables, in each other's way when they grow. */
static void play_moves(struct model *model) {
    size_t first = model->count;
    for (unsigned i = 0; i < 4; i++) {
        model_allocate(model, i % 2 == 0 ? CALL_MALLOC : CALL_CALLOC, 9 * MIB, 0);
    }
    /* A resized object becomes the last, and the last takes its number. */
    for (size_t made = model->count - first; made > 0; made--) {
        model_resize(model, first, 13 * MIB, false);
    }
}

/* A manual arena, with hooks or without: whatever it could get is its own, and ends with it. */
static void play_arena(extent_hooks_t *hooks) {
    static const size_t sizes[] = {100, 5000, 30000, 100 * KIB, 3 * MIB, 9 * MIB};
    unsigned char *objects[4 * ARRAY_LEN(sizes)];
    struct arena *arena = arenas_create(hooks);
    if (arena == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        void *p = NULL;
        if (size > SIZECLASS_MAX) {
            p = large_alloc(arena, size, 1, false);
        } else {
            arena_fill(arena, sizeclass_of(size), &p, 1);
        }
        objects[i] = p;
        if (p != NULL) {
            EXPECT(arenas_of_pointer(p) == arena, "an object of another arena");
            objects[i][0] = (unsigned char)i;
            objects[i][size - 1] = (unsigned char)i;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        if (objects[i] != NULL) {
            EXPECT(objects[i][0] == i && objects[i][sizes[i % ARRAY_LEN(sizes)] - 1] == i,
                   "contents of an object of a manual arena");
        }
        if (i % 3 == 0) {
            t_free(objects[i]);
        }
    }
    arena_check(arena);
    if (!arenas_destroy(arena)) { /* the first time it needs memory, for the totals */
        EXPECT(atomic_load(&fail_at) != 0, "an arena could not be destroyed");
        arena_reset(arena);
    }
}

static void play(struct model *model, uint64_t seed) {
    struct prng prng = {seed};
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        for (unsigned step = 0; step < steps[i]; step++) {
            model_step(model, &prng, &profiles[i]);
        }
        play_growth(model);
        play_thread(prng_next(&prng));
        if (i == 1) {
            t_malloc_trim(0);
        }
    }
    play_moves(model);
    static extent_hooks_t hooks;
    hooks = hooks_default;
    play_arena(NULL);
    play_arena(&hooks);
    model_verify(model);
    arenas_check();
}

/* ---- runs ---- */

static int run(uint64_t seed) {
    struct model *model = model_create(NULL, CAPACITY, seed);
    model->may_fail = true;
    play(model, seed);
    uint64_t failed = atomic_load(&failures);
    uint64_t count = atomic_load(&requests);
    /* The faults are over; now nothing may fail. */
    atomic_store(&fail_at, 0);
    model->may_fail = stress_address_space_is_limited();
    play(model, seed + 1);
    model_clear(model);
    arenas_check();
    EXPECT(t_mallinfo2().uordblks == 0, "%zu bytes are still allocated",
           (size_t)t_mallinfo2().uordblks);
    model_destroy(model);
    printf("%llu %u of %llu\n", (unsigned long long)failed, atomic_load(&kinds),
           (unsigned long long)count);
    return 0;
}

/* The kinds of requests that runs made. */
static unsigned kinds_seen;

/* A child's run; how many requests failed in it. */
static uint64_t run_child(const char *name, uint64_t n, uint64_t seed, const char *options) {
    static struct child_result result;
    char part[PART_TEXT];
    snprintf(part, sizeof(part), "%s %llu %llu", name, (unsigned long long)n,
             (unsigned long long)seed);
    child_run(part, options, &result);
    char *end = result.out;
    uint64_t failed = strtoull(result.out, &end, 10);
    kinds_seen |= (unsigned)strtoul(end, NULL, 10);
    EXPECT(child_exited(&result, 0) && end != result.out,
           "request %llu failed (%s), options \"%s\": %s; %s", (unsigned long long)n, name, options,
           child_status_text(&result), result.err);
    EXPECT(result.err[0] == '\0', "request %llu failed (%s), options \"%s\": said %s",
           (unsigned long long)n, name, options, result.err);
    return failed;
}

/* N rises one by one, later in steps: the many requests of a long run are much alike. */
static uint64_t test_every_request(const char *name, uint64_t seed, const char *options) {
    uint64_t runs = 0;
    for (uint64_t n = 1;; n += 1 + n / 12) {
        EXPECT(n < MAX_REQUESTS, "runs never get enough memory");
        runs++;
        if (run_child(name, n, seed, options) == 0) {
            break;
        }
    }
    printf("  %s, options \"%s\": %llu runs\n", name, options, (unsigned long long)runs);
    fflush(stdout);
    return runs;
}

static void test_leaks(uint64_t seed) {
    size_t before = 0;
    struct model *model = model_create(NULL, CAPACITY, seed);
    model->may_fail = true;
    for (unsigned cycle = 0; cycle < LEAK_CYCLES; cycle++) {
        set_fault(cycle % 2 == 0 ? FAULT_ONCE : FAULT_FROM, 1 + cycle % 37);
        play(model, seed + cycle % 5);
        atomic_store(&fail_at, 0);
        model_clear(model);
        t_malloc_trim(0);
        EXPECT(t_mallinfo2().uordblks == 0, "%zu bytes are still allocated",
               (size_t)t_mallinfo2().uordblks);
        if (cycle == LEAK_WARMUP) {
            before = address_space_bytes() - atomic_load(&unreleased);
        }
    }
    size_t after = address_space_bytes() - atomic_load(&unreleased);
    printf("  %d cycles: address space %zu MiB, then %zu MiB\n", LEAK_CYCLES, before / MIB,
           after / MIB);
    EXPECT(after <= before + 64 * MIB, "address space grows from %zu to %zu", before, after);
    model_destroy(model);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        const char *seed = strrchr(argv[2], ' ');
        report_seed = strtoull(seed, NULL, 10);
        return run(report_seed);
    }
    static const char *const options[] = {
        "",
        "dirty_decay_ms:0",
        "dirty_decay_ms:0,muzzy_decay_ms:5,retain:false,narenas:1",
    };
    struct stress stress = stress_begin(argc, argv, "fault_test");
    uint64_t runs = 0;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        runs += test_every_request("once", stress.seed, options[i]);
        runs += test_every_request("from", stress.seed, options[i]);
    }
    EXPECT(kinds_seen == (1u << KINDS) - 1, "not every kind of request was made: 0x%x", kinds_seen);
    test_leaks(stress.seed);
    return stress_end("fault_test", runs);
}

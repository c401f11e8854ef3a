/*
 * sequences.c: millions of random calls of one thread against the shadow model.
 *
 * Each profile below gets an equal share of the time; the heap of one profile is emptied before the
 * next, and some calls give memory back to the system in between.
 */
#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { CAPACITY = 100000, STEPS_BETWEEN_LOOKS = 200 };

static const struct model_profile profiles[] = {
    {"small objects", 1024, 0, 64 * MIB, 20000, 10, 0},
    {"every cached size", 40 * KIB, 0, 128 * MIB, 2000, 20, 0},
    {"all sizes", 4 * MIB, 64 * KIB, 256 * MIB, 500, 20, 20},
    {"realloc", 16 * MIB, 0, 256 * MIB, 60, 80, 0},
    {"alignments", 256 * KIB, 4 * MIB, 256 * MIB, 300, 10, 90},
    {"few large objects", 96 * MIB, 16 * MIB, 384 * MIB, 12, 30, 10},
    {"many tiny objects", 64, 0, 64 * MIB, 45000, 5, 0},
};

static uint64_t run_profile(const struct stress *stress, unsigned index) {
    const struct model_profile *profile = &profiles[index];
    struct prng prng = {stress->seed + index};
    struct model *model = model_create(NULL, CAPACITY, stress->seed + index);
    model->may_fail = stress_address_space_is_limited();
    do {
        for (unsigned i = 0; i < STEPS_BETWEEN_LOOKS; i++) {
            model_step(model, &prng, profile);
        }
        if (prng_one_in(&prng, 500)) {
            t_malloc_trim(0);
        }
        if (prng_one_in(&prng, 1000)) {
            model_clear(model);
        }
    } while (stress_goes_on(stress, index, ARRAY_LEN(profiles)));
    model_verify(model);
    uint64_t steps = model->steps;
    EXPECT(model->failed * 2 < steps, "most calls ran out of memory");
    report_note("  %s: %llu steps, %zu objects live", profile->name, (unsigned long long)steps,
                model->count);
    model_destroy(model);
    return steps;
}

int main(int argc, char **argv) {
    struct stress stress = stress_begin(argc, argv, "sequences");
    uint64_t steps = 0;
    for (unsigned i = 0; i < ARRAY_LEN(profiles); i++) {
        steps += run_profile(&stress, i);
    }
    return stress_end("sequences", steps);
}

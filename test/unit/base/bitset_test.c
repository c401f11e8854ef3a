/*
 * bitset_test.c: random changes of sets of awkward lengths against an array of bool.
 */
#include "unit/unit.h"

#include "base/bitset.h"

enum { MAX_BITS = 200 };

static size_t next_by_hand(const bool *model, size_t nbits, size_t from, bool value) {
    while (from < nbits && model[from] != value) {
        from++;
    }
    return from < nbits ? from : nbits;
}

static void check(const uint64_t *set, const bool *model, size_t nbits) {
    for (size_t i = 0; i < nbits; i++) {
        assert_int_equal(bitset_has(set, i), model[i]);
        assert_int_equal(bitset_next(set, NULL, nbits, i, true),
                         next_by_hand(model, nbits, i, true));
        assert_int_equal(bitset_next(set, NULL, nbits, i, false),
                         next_by_hand(model, nbits, i, false));
    }
    assert_int_equal(bitset_next(set, NULL, nbits, nbits, true), nbits);
    assert_int_equal(bitset_next(set, NULL, nbits, nbits + 70, false), nbits);
}

static void change(struct prng *prng, uint64_t *set, bool *model, size_t nbits) {
    size_t first = prng_below(prng, nbits);
    size_t n = prng_below(prng, nbits - first + 1);
    switch (prng_below(prng, 4)) {
    case 0:
        bitset_add(set, first);
        model[first] = true;
        break;
    case 1:
        bitset_remove(set, first);
        model[first] = false;
        break;
    case 2:
        bitset_add_range(set, first, n);
        memset(model + first, true, n);
        break;
    default:
        bitset_remove_range(set, first, n);
        memset(model + first, false, n);
    }
}

static void test_random(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 63, 64, 65, 127, 128, MAX_BITS};
    struct prng prng = unit_prng();
    for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
        size_t nbits = lengths[l];
        size_t words = bitset_words(nbits);
        assert_int_equal(words, (nbits + 63) / 64);
        uint64_t set[MAX_BITS / 64 + 2] = {0};
        bool model[MAX_BITS] = {false};
        set[words] = 0x1234;
        for (unsigned step = 0; step < unit_steps(1000); step++) {
            change(&prng, set, model, nbits);
            check(set, model, nbits);
        }
        assert_int_equal(set[words], 0x1234); /* nothing past the end */
        assert_true(nbits % 64 == 0 || set[words - 1] >> (nbits % 64) == 0);
    }
    assert_int_equal(bitset_words(0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

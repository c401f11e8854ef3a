/*
 * bits_test.c: every function of bits.h against one that looks at bits one by one.
 */
#include "unit/unit.h"

#include "base/bits.h"

static void test_powers_and_rounding(void **state) {
    (void)state;
    assert_false(is_power_of_two(0));
    for (unsigned lg = 0; lg < 64; lg++) {
        size_t power = (size_t)1 << lg;
        assert_true(is_power_of_two(power));
        assert_int_equal(lg_floor(power), lg);
        if (lg >= 2) {
            assert_false(is_power_of_two(power - 1));
            assert_false(is_power_of_two(power + 1));
            assert_int_equal(lg_floor(power - 1), lg - 1);
            assert_int_equal(lg_floor(power + 1), lg);
        }
    }
    for (size_t n = 0; n < 300; n++) {
        for (size_t alignment = 1; alignment <= 64; alignment *= 2) {
            size_t up = round_up(n, alignment);
            size_t down = round_down(n, alignment);
            assert_true(up % alignment == 0 && up >= n && up - n < alignment);
            assert_true(down % alignment == 0 && down <= n && n - down < alignment);
        }
        for (size_t by = 1; by < 20; by++) {
            size_t quotient = div_round_up(n, by);
            assert_true(quotient * by >= n && (quotient == 0 || (quotient - 1) * by < n));
        }
    }
    assert_int_equal(round_up(SIZE_MAX, 4096), 0);
    assert_true(div_round_up(SIZE_MAX, 2) == SIZE_MAX / 2 + 1);
}

/* Sets of different density, of long runs, and the corner cases. */
static bits128 random_set(struct prng *prng, unsigned round) {
    if (round == 0) {
        return 0;
    }
    if (round == 1) {
        return ~(bits128)0;
    }
    bits128 set = (bits128)prng_next(prng) << 64 | prng_next(prng);
    switch (prng_below(prng, 4)) {
    case 0:
        return set & ((bits128)prng_next(prng) << 64 | prng_next(prng));
    case 1:
        return set | ((bits128)prng_next(prng) << 64 | prng_next(prng));
    case 2: {
        unsigned first = (unsigned)prng_below(prng, 128);
        return bits128_range(first, (unsigned)prng_below(prng, 128 - first) + 1);
    }
    default:
        return set;
    }
}

static void test_ranges(void **state) {
    (void)state;
    for (unsigned first = 0; first < 128; first++) {
        for (unsigned n = 0; first + n <= 128; n++) {
            bits128 range = bits128_range(first, n);
            for (unsigned i = 0; i < 128; i++) {
                bool wanted = i >= first && i < first + n;
                if ((bool)(range >> i & 1) != wanted) {
                    fail_msg("bit %u of range %u+%u", i, first, n);
                }
            }
        }
    }
    assert_true(bits128_low(128) == ~(bits128)0 && bits128_low(0) == 0);
    for (unsigned alignment = 1; alignment <= 128; alignment *= 2) {
        bits128 multiples = bits128_multiples(alignment);
        for (unsigned i = 0; i < 128; i++) {
            assert_int_equal((unsigned)(multiples >> i & 1), i % alignment == 0);
        }
    }
}

static void check_set(bits128 set) {
    bool has[129] = {false};
    unsigned run_from[129] = {0}; /* set bits in a row from i on */
    unsigned n = 0;
    for (int i = 127; i >= 0; i--) {
        has[i] = set >> i & 1;
        run_from[i] = has[i] ? run_from[i + 1] + 1 : 0;
        n += has[i];
    }
    assert_int_equal(bits128_count(set), n);
    for (unsigned length = 1; length <= 128; length++) {
        bits128 starts = bits128_run_starts(set, length);
        for (unsigned i = 0; i < 128; i++) {
            if ((bool)(starts >> i & 1) != (run_from[i] >= length)) {
                fail_msg("run of %u at %u", length, i);
            }
        }
    }
    unsigned longest = 0;
    for (unsigned i = 0; i < 128; i++) {
        longest = run_from[i] > longest ? run_from[i] : longest;
    }
    assert_int_equal(bits128_longest_run(set), longest);
    unsigned first = 128;
    unsigned last = 0;
    for (unsigned i = 0; i < 128; i++) {
        if (!has[i]) {
            continue;
        }
        first = i < first ? i : first;
        last = i;
        unsigned begin = i;
        while (begin > 0 && has[begin - 1]) {
            begin--;
        }
        unsigned found;
        assert_int_equal(bits128_run_around(set, i, &found), run_from[begin]);
        assert_int_equal(found, begin);
    }
    if (n != 0) {
        assert_int_equal(bits128_first(set), first);
        assert_int_equal(bits128_last(set), last);
    }
}

static void test_sets(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (unsigned round = 0; round < unit_steps(1200); round++) {
        check_set(random_set(&prng, round));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers_and_rounding),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

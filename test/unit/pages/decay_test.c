/*
 * decay_test.c: how many pages may stay, against the formula in floating point.
 */
#include "unit/unit.h"

#include <math.h>

#include "pages/decay.h"

static const uint64_t origin_ns = 12345678901;

/* The part that may remain after the fraction x of the decay time. */
static double remaining(double x) {
    double y = x >= 1 ? 1 : 1 - floor(pow(1 - x, 4) * 4096) / 4096;
    return 1 - y * y * y * (6 * y * y - 15 * y + 10);
}

static void test_never_and_at_once(void **state) {
    (void)state;
    struct decay decay;
    decay_init(&decay, -1);
    assert_int_equal(decay_epoch_ns(&decay), 0);
    for (uint64_t t = 0; t < 10; t++) {
        assert_int_equal(decay_limit(&decay, origin_ns + (t << 60), 1000 * t), 1000 * t);
    }
    decay_init(&decay, 0);
    assert_int_equal(decay_epoch_ns(&decay), 0);
    for (uint64_t t = 0; t < 10; t++) {
        assert_int_equal(decay_limit(&decay, origin_ns + t, 1000 * t), 0);
    }
}

/* Pages that appear at once, and nobody purges: the limit follows the curve, down to zero. */
static void check_curve(ssize_t ms, size_t appeared) {
    struct decay decay;
    decay_init(&decay, ms);
    uint64_t epoch = decay_epoch_ns(&decay);
    uint64_t exact = (uint64_t)ms * 1000000 / DECAY_STEPS;
    assert_true(epoch > 0 && epoch >= exact && epoch <= exact + 1);
    assert_int_equal(decay_limit(&decay, origin_ns, 0), 0);
    size_t last = appeared;
    for (uint64_t t = 1; t <= DECAY_STEPS + 1; t++) {
        size_t limit = decay_limit(&decay, origin_ns + t * epoch, appeared);
        double wanted = (double)appeared * remaining((double)(t - 1) / DECAY_STEPS);
        if (fabs((double)limit - wanted) > 1.5 + (double)appeared * 1e-6) {
            fail_msg("%zd ms, epoch %u: limit %zu, wanted %f", ms, (unsigned)t, limit, wanted);
        }
        assert_true(limit <= last);
        last = limit;
        /* Within an epoch nothing changes. */
        assert_int_equal(decay_limit(&decay, origin_ns + t * epoch + epoch - 1, appeared), limit);
    }
    assert_int_equal(last, 0);
}

static void test_curve(void **state) {
    (void)state;
    static const ssize_t times[] = {1, 7, 64, 100, 10000, 3600000, 18446744072000};
    static const size_t amounts[] = {1, 3, 1000, 1 << 20, (size_t)1 << 34};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        for (size_t k = 0; k < ARRAY_LEN(amounts); k++) {
            check_curve(times[i], amounts[k]);
        }
    }
}

/* Clusters of pages at different times, each on a curve of its own. */
static void test_backlog(void **state) {
    (void)state;
    enum { CLUSTERS = 40 };
    struct prng prng = unit_prng();
    struct decay decay;
    decay_init(&decay, 10000);
    uint64_t epoch = decay_epoch_ns(&decay);
    size_t cluster[CLUSTERS];
    uint64_t born[CLUSTERS];
    size_t n = 0;
    size_t current = 0;
    assert_int_equal(decay_limit(&decay, origin_ns, 0), 0);
    for (uint64_t t = 1; t < 200; t++) {
        if (n < CLUSTERS && prng_one_in(&prng, 3)) {
            cluster[n] = prng_below(&prng, 100000);
            born[n] = t;
            current += cluster[n++];
        }
        double wanted = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t age = t - born[i];
            wanted += (double)cluster[i] * remaining((double)age / DECAY_STEPS);
        }
        size_t limit = decay_limit(&decay, origin_ns + t * epoch, current);
        if (fabs((double)limit - wanted) > 2 + wanted * 1e-6) {
            fail_msg("epoch %u: limit %zu, wanted %f", (unsigned)t, limit, wanted);
        }
    }
}

/* Purging what the curve does not allow, at irregular times: pages only become fewer, the limit is
 * never above what is there, and some epochs after decay_ms nothing is left. */
static void test_with_purges(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (unsigned round = 0; round < 200; round++) {
        struct decay decay;
        decay_init(&decay, (ssize_t)prng_below(&prng, 100000) + 1);
        uint64_t epoch = decay_epoch_ns(&decay);
        uint64_t now = origin_ns + prng_below(&prng, 1000000);
        size_t current = prng_below(&prng, 1 << 20);
        decay_limit(&decay, now, prng_one_in(&prng, 2) ? current : 0);
        uint64_t end = now + (DECAY_STEPS + 2) * epoch;
        while (now < end) {
            size_t limit = decay_limit(&decay, now, current);
            assert_true(limit <= current);
            current = limit;
            decay_purged(&decay, current);
            assert_int_equal(decay_limit(&decay, now, current), current); /* asked twice */
            now += prng_below(&prng, 4 * epoch) + 1;
        }
        now = end + 8 * epoch; /* they were first seen up to five epochs late */
        assert_int_equal(decay_limit(&decay, now, current), 0);
    }
}

/* Pages that are used and unused again all the time do not keep those that are never used. */
static void test_reuse(void **state) {
    (void)state;
    enum { NEVER_USED = 1000, OFTEN_USED = 100 };
    struct decay decay;
    decay_init(&decay, 10000);
    uint64_t epoch = decay_epoch_ns(&decay);
    size_t current = 0;
    decay_limit(&decay, origin_ns, current);
    current = NEVER_USED + OFTEN_USED;
    for (unsigned t = 1; t <= DECAY_STEPS + 8; t++) {
        current = t == 1 ? current : t % 2 == 0 ? current - OFTEN_USED : current + OFTEN_USED;
        current = decay_limit(&decay, origin_ns + t * epoch, current);
        decay_purged(&decay, current);
        current =
            current < OFTEN_USED ? OFTEN_USED : current; /* what is often used was not purged */
    }
    assert_true(current <= 2 * OFTEN_USED);
}

/* The same if it is seen in the middle of an epoch that they are in use, and if more is purged than must be. */
static void test_reuse_within_epochs(void **state) {
    (void)state;
    enum { NEVER_USED = 1000, OFTEN_USED = 100, TOO_MANY = 5 };
    for (unsigned variant = 1; variant < 4; variant++) {
        size_t in_use = (variant & 1) != 0 ? OFTEN_USED : 0;
        size_t beyond = (variant & 2) != 0 ? TOO_MANY : 0;
        struct decay decay;
        decay_init(&decay, 10000);
        uint64_t epoch = decay_epoch_ns(&decay);
        decay_limit(&decay, origin_ns, 0);
        size_t current = NEVER_USED + OFTEN_USED;
        for (unsigned t = 1; t <= DECAY_STEPS + 8; t++) {
            size_t limit = decay_limit(&decay, origin_ns + t * epoch, current);
            if (limit < current) {
                current = limit > OFTEN_USED + beyond ? limit - beyond : OFTEN_USED;
            }
            decay_purged(&decay, current);
            uint64_t middle = origin_ns + t * epoch + epoch / 2;
            limit = decay_limit(&decay, middle, current - in_use);
            assert_true(limit <= current - in_use);
            decay_purged(&decay, limit);
            current = limit + in_use;
        }
        assert_true(current <= 2 * OFTEN_USED);
    }
}

/* What appears within the running epoch is not due, however much is. */
static void test_young_pages_stay(void **state) {
    (void)state;
    struct decay decay;
    decay_init(&decay, 6400);
    uint64_t epoch = decay_epoch_ns(&decay);
    assert_int_equal(decay_limit(&decay, origin_ns, 500), 500);
    assert_int_equal(decay_limit(&decay, origin_ns + epoch, 500), 500);
    uint64_t late = origin_ns + (DECAY_STEPS + 1) * epoch;
    assert_int_equal(decay_limit(&decay, late, 500), 0);
    assert_int_equal(decay_limit(&decay, late + 1, 800), 300);
    /* Pages that were used again are not missed later. */
    assert_int_equal(decay_limit(&decay, late + 2, 200), 0);
    decay_purged(&decay, 0);
    assert_int_equal(decay_limit(&decay, late + 3, 100), 100);
    /* A clock that stands still, and a pause of years. */
    assert_int_equal(decay_limit(&decay, late + 3, 100), 100);
    assert_int_equal(decay_limit(&decay, late + (epoch << 20), 100), 100);
    assert_int_equal(decay_limit(&decay, late + (epoch << 21), 100), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_and_at_once),
        cmocka_unit_test(test_curve),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_with_purges),
        cmocka_unit_test(test_young_pages_stay),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_reuse_within_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

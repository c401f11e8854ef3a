/*
 * mallctl_test.c: what controls do, through mallctl() alone. That every control has its name, type and
 * access is the business of test/unit/ctl/table_test.c.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jemalloc/jemalloc.h>

#include "support/api.h"
#include "support/child.h"
#include "support/report.h"

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { ALL = 4096, DESTROYED = 4097, NAME = 96, BUFFER = 32, GOT_AWAY = 3 };

/* ---- shorthands ---- */

/* "arena.%u.purge" and a number make a name; in a static buffer. */
static const char *named(const char *pattern, unsigned i) {
    static char name[NAME];
    snprintf(name, sizeof(name), pattern, i);
    return name;
}

static void get(const char *name, void *value, size_t size) {
    size_t length = size;
    int error = t_mallctl(name, value, &length, NULL, 0);
    if (error != 0 || length != size) {
        fail_msg("reading %s: %s", name, strerror(error));
    }
}

static unsigned get_unsigned(const char *name) {
    unsigned value;
    get(name, &value, sizeof(value));
    return value;
}

static bool get_bool(const char *name) {
    bool value;
    get(name, &value, sizeof(value));
    return value;
}

static const char *get_text(const char *name) {
    const char *value;
    get(name, &value, sizeof(value));
    return value;
}

static int act(const char *name) {
    return t_mallctl(name, NULL, NULL, NULL, 0);
}

static int set_text(const char *name, const char *text) {
    return t_mallctl(name, NULL, NULL, &text, sizeof(text));
}

static ssize_t get_signed(const char *name) {
    ssize_t value;
    get(name, &value, sizeof(value));
    return value;
}

static int set_signed(const char *name, ssize_t value) {
    return t_mallctl(name, NULL, NULL, &value, sizeof(value));
}

static unsigned create_arena(void) {
    return get_unsigned("arenas.create");
}

static int lookup(const void *p, unsigned *index) {
    size_t length = sizeof(*index);
    return t_mallctl("arenas.lookup", index, &length, &p, sizeof(p));
}

/* ---- facts ---- */

static void test_sizes(void **state) {
    (void)state;
    assert_int_equal(get_unsigned("arenas.nbins"), 41);
    assert_int_equal(get_unsigned("arenas.nlextents"), 191);
    size_t before = 0;
    for (unsigned i = 0; i < get_unsigned("arenas.nbins"); i++) {
        size_t size;
        size_t slab;
        uint32_t nregs;
        get(named("arenas.bin.%u.size", i), &size, sizeof(size));
        get(named("arenas.bin.%u.slab_size", i), &slab, sizeof(slab));
        get(named("arenas.bin.%u.nregs", i), &nregs, sizeof(nregs));
        assert_true(size > before);
        assert_true(nregs > 0 && nregs * size <= slab);
        void *p = t_malloc(size);
        assert_int_equal(t_malloc_usable_size(p), size);
        t_free(p);
        before = size;
    }
    for (unsigned i = 0; i < get_unsigned("arenas.nlextents"); i++) {
        size_t size;
        get(named("arenas.lextent.%u.size", i), &size, sizeof(size));
        assert_true(size > before);
        before = size;
    }
    assert_int_equal(before, (size_t)7 << 60);
}

static void test_version(void **state) {
    (void)state;
    unsigned major;
    unsigned minor;
    unsigned bugfix;
    unsigned nrev;
    char gid[64];
    const char *text = get_text("version");
    assert_int_equal(sscanf(text, "%u.%u.%u-%u-g%40[0-9a-f]", &major, &minor, &bugfix, &nrev, gid),
                     5);
    assert_int_equal(strlen(gid), 40);
    assert_int_equal(major, 5);
}

/* ---- arenas ---- */

static void test_create_and_destroy(void **state) {
    (void)state;
    unsigned before = get_unsigned("arenas.narenas");
    unsigned a = create_arena();
    unsigned b = create_arena();
    assert_int_not_equal(a, b);
    assert_true(a >= before && b >= before);
    assert_int_equal(get_unsigned("arenas.narenas"), (a > b ? a : b) + 1);
    assert_true(get_bool(named("arena.%u.initialized", a)));
    assert_int_equal(act(named("arena.%u.reset", a)), 0);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_false(get_bool(named("arena.%u.initialized", a)));
    assert_true(get_bool(named("arena.%u.initialized", DESTROYED)));
    assert_int_equal(act(named("arena.%u.destroy", a)), EFAULT);
    assert_int_equal(act(named("arena.%u.reset", a)), EFAULT);
    assert_int_equal(create_arena(), a);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_int_equal(act(named("arena.%u.destroy", b)), 0);

    /* Automatic ones, and several at once, stay. */
    assert_int_equal(act("arena.0.reset"), EFAULT);
    assert_int_equal(act("arena.0.destroy"), EFAULT);
    assert_int_equal(act(named("arena.%u.destroy", ALL)), EFAULT);
    assert_int_equal(act(named("arena.%u.reset", DESTROYED)), EFAULT);

    unsigned index = 77;
    size_t length = 3;
    assert_int_equal(t_mallctl("arenas.create", &index, &length, NULL, 0), EINVAL);
    assert_int_equal(length, 0);
    assert_int_equal(index, 77);
    assert_int_equal(t_mallctl("arenas.create", NULL, NULL, NULL, 0), EINVAL);
    assert_int_equal(create_arena(), b);
    assert_int_equal(act(named("arena.%u.destroy", b)), 0);
}

static void test_all_arenas(void **state) {
    (void)state;
    unsigned end = get_unsigned("arenas.narenas");
    const unsigned numbers[] = {0, end - 1, end, ALL, DESTROYED};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(act(named("arena.%u.purge", numbers[i])), 0);
        assert_int_equal(act(named("arena.%u.decay", numbers[i])), 0);
    }
    assert_true(get_bool(named("arena.%u.initialized", end)));
    assert_true(get_bool(named("arena.%u.initialized", ALL)));
    assert_int_equal(act(named("arena.%u.purge", end + 1)), ENOENT);
    assert_int_equal(act(named("arena.%u.purge", 4095)), ENOENT);
    assert_int_equal(act(named("arena.%u.purge", 4098)), ENOENT);
    /* By number, as programs that keep the mib do. */
    size_t mib[3];
    size_t depth = 3;
    assert_int_equal(t_mallctlnametomib("arena.0.purge", mib, &depth), 0);
    mib[1] = ALL;
    assert_int_equal(t_mallctlbymib(mib, depth, NULL, NULL, NULL, 0), 0);
    mib[1] = end + 1;
    assert_int_equal(t_mallctlbymib(mib, depth, NULL, NULL, NULL, 0), ENOENT);
}

/* Purging brings the size of the process down. */
static void test_purge(void **state) {
    (void)state;
    size_t size = (size_t)32 << 20;
    char *p = t_malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    size_t active;
    get("approximate_stats.active", &active, sizeof(active));
    assert_true(active >= size);
    t_free(p);
    size_t after;
    get("approximate_stats.active", &after, sizeof(after));
    assert_true(after <= active - size);
    assert_int_equal(act(named("arena.%u.purge", ALL)), 0);
}

/* One arena's curve, and what new arenas begin with. */
static void test_decay(void **state) {
    (void)state;
    static const char *const kinds[][3] = {
        {"arena.%u.dirty_decay_ms", "arenas.dirty_decay_ms", "opt.dirty_decay_ms"},
        {"arena.%u.muzzy_decay_ms", "arenas.muzzy_decay_ms", "opt.muzzy_decay_ms"},
    };
    for (unsigned kind = 0; kind < 2; kind++) {
        ssize_t usual = get_signed(kinds[kind][2]);
        assert_int_equal(get_signed(kinds[kind][1]), usual);
        assert_int_equal(get_signed(named(kinds[kind][0], 0)), usual);
        const ssize_t values[] = {-1, 0, 1, 123456, usual};
        for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            assert_int_equal(set_signed(kinds[kind][1], values[i]), 0);
            unsigned a = create_arena();
            assert_int_equal(get_signed(named(kinds[kind][0], a)), values[i]);
            ssize_t old = 77;
            size_t length = sizeof(old);
            assert_int_equal(
                t_mallctl(named(kinds[kind][0], a), &old, &length, (void *)&values[0], sizeof(old)),
                0);
            assert_int_equal(old, values[i]);
            assert_int_equal(get_signed(named(kinds[kind][0], a)), values[0]);
            assert_int_equal(set_signed(named(kinds[kind][0], a), -2), EFAULT);
            assert_int_equal(set_signed(named(kinds[kind][0], a), SSIZE_MAX), EFAULT);
            assert_int_equal(get_signed(named(kinds[kind][0], a)), values[0]);
            assert_int_equal(act(named("arena.%u.destroy", a)), 0);
            assert_int_equal(set_signed(named(kinds[kind][0], a), 1), EFAULT);
        }
        assert_int_equal(set_signed(kinds[kind][1], -2), EFAULT);
        assert_int_equal(get_signed(kinds[kind][1]), usual);
        assert_int_equal(set_signed(named(kinds[kind][0], ALL), 1), EFAULT);
        assert_int_equal(set_signed(named(kinds[kind][0], DESTROYED), 1), EFAULT);
    }
}

/* ---- extent hooks ---- */

static unsigned extents;
static extent_hooks_t *usual;

static void *count_alloc(extent_hooks_t *hooks, void *address, size_t size, size_t alignment,
                         bool *zero, bool *commit, unsigned arena) {
    (void)hooks;
    extents++;
    assert_true(get_unsigned("arenas.narenas") > 0);
    return usual->alloc(usual, address, size, alignment, zero, commit, arena);
}

static bool refuse_dalloc(extent_hooks_t *hooks, void *address, size_t size, bool committed,
                          unsigned arena) {
    (void)hooks;
    (void)address;
    (void)size;
    (void)committed;
    (void)arena;
    return true;
}

static extent_hooks_t counting = {.alloc = count_alloc, .dalloc = refuse_dalloc};
static extent_hooks_t useless = {.dalloc = refuse_dalloc};

static extent_hooks_t *get_hooks(const char *name) {
    extent_hooks_t *hooks;
    get(name, &hooks, sizeof(hooks));
    return hooks;
}

static int set_hooks(const char *name, extent_hooks_t *hooks) {
    return t_mallctl(name, NULL, NULL, &hooks, sizeof(hooks));
}

static int create_with(const char *name, unsigned *arena, void *given, size_t size) {
    size_t length = sizeof(*arena);
    return t_mallctl(name, arena, &length, given, size);
}

static void test_hooks(void **state) {
    (void)state;
    usual = get_hooks("arena.0.extent_hooks");
    assert_non_null(usual->alloc);
    unsigned a;
    extent_hooks_t *given = &counting;
    assert_int_equal(create_with("arenas.create", &a, &given, sizeof(given)), 0);
    assert_ptr_equal(get_hooks(named("arena.%u.extent_hooks", a)), &counting);
    assert_int_equal(set_hooks(named("arena.%u.extent_hooks", a), &useless), EFAULT);
    assert_int_equal(set_hooks(named("arena.%u.extent_hooks", a), NULL), EFAULT);
    assert_ptr_equal(get_hooks(named("arena.%u.extent_hooks", a)), &counting);
    extents = 0;
    void *p = t_mallocx(100, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE);
    assert_non_null(p);
    assert_int_equal(extents, 1);
    assert_int_equal(set_hooks(named("arena.%u.extent_hooks", a), usual), 0);
    assert_ptr_equal(get_hooks(named("arena.%u.extent_hooks", a)), usual);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_int_equal(set_hooks(named("arena.%u.extent_hooks", a), usual), EFAULT);
    assert_int_equal(set_hooks(named("arena.%u.extent_hooks", ALL), usual), EFAULT);
    given = &useless;
    assert_int_equal(create_with("arenas.create", &a, &given, sizeof(given)), EINVAL);

    struct {
        extent_hooks_t *hooks;
        bool metadata_use_hooks;
    } config = {&counting, true};
    assert_int_equal(create_with("experimental.arenas_create_ext", &a, &config, sizeof(config)), 0);
    assert_ptr_equal(get_hooks(named("arena.%u.extent_hooks", a)), &counting);
    assert_int_equal(create_with("experimental.arenas_create_ext", &a, &config, sizeof(void *)),
                     EINVAL);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void test_grow_limit(void **state) {
    (void)state;
    unsigned a = create_arena();
    const char *name = named("arena.%u.retain_grow_limit", a);
    size_t limit;
    get(name, &limit, sizeof(limit));
    assert_true(limit >= (size_t)1 << 40);
    size_t length = sizeof(limit);
    size_t wanted = (size_t)4 << 20;
    assert_int_equal(t_mallctl(name, &limit, &length, &wanted, sizeof(wanted)), 0);
    assert_true(limit >= (size_t)1 << 40);
    get(name, &limit, sizeof(limit));
    assert_int_equal(limit, wanted);
    wanted = 1;
    assert_int_equal(t_mallctl(name, NULL, NULL, &wanted, sizeof(wanted)), EFAULT);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void test_oversize(void **state) {
    (void)state;
    size_t size = (size_t)3 << 20;
    size_t usual_threshold;
    size_t length = sizeof(usual_threshold);
    get("opt.oversize_threshold", &usual_threshold, sizeof(usual_threshold));
    char *before = t_malloc(size);
    unsigned index;
    assert_int_equal(lookup(before, &index), 0);
    const char *name = named("arena.%u.oversize_threshold", index);
    size_t old = 77;
    assert_int_equal(t_mallctl(name, &old, &length, &size, sizeof(size)), 0);
    assert_int_equal(old, usual_threshold);
    char *after = t_malloc(size);
    unsigned other;
    assert_int_equal(lookup(after, &other), 0);
    assert_int_not_equal(other, index);
    assert_int_equal(t_mallctl(name, &old, &length, &usual_threshold, sizeof(old)), 0);
    assert_int_equal(old, size);
    t_free(before);
    t_free(after);
    assert_int_equal(t_mallctl(named("arena.%u.oversize_threshold", ALL), &old, &length, NULL, 0),
                     EFAULT);
}

static void test_names(void **state) {
    (void)state;
    char buffer[BUFFER];
    char *to = buffer;
    size_t length = sizeof(to);
    assert_int_equal(t_mallctl("arena.0.name", &to, &length, NULL, 0), 0);
    assert_string_equal(buffer, "auto_0");
    unsigned a = create_arena();
    const char *name = named("arena.%u.name", a);
    assert_int_equal(t_mallctl(name, &to, &length, NULL, 0), 0);
    assert_int_equal(strncmp(buffer, "manual_", 7), 0);
    assert_int_equal(set_text(name, "tenant"), 0);
    const char *longer = "a name that is longer than the 31 characters there are";
    /* The old name is answered, then the new one is set. */
    assert_int_equal(t_mallctl(name, &to, &length, &longer, sizeof(longer)), 0);
    assert_string_equal(buffer, "tenant");
    assert_int_equal(t_mallctl(name, &to, &length, NULL, 0), 0);
    assert_int_equal(strlen(buffer), 31);
    assert_int_equal(strncmp(buffer, longer, 31), 0);
    length = BUFFER;
    assert_int_equal(t_mallctl(name, &to, &length, NULL, 0), EINVAL);
    assert_int_equal(t_mallctl(name, NULL, NULL, &longer, 4), EINVAL);
    assert_int_equal(set_text(name, NULL), EINVAL);
    to = NULL;
    length = sizeof(to);
    assert_int_equal(t_mallctl(name, &to, &length, NULL, 0), EINVAL);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_int_equal(set_text(named("arena.%u.name", a), "gone"), EFAULT);
}

static void test_dss(void **state) {
    (void)state;
    const unsigned there[] = {0, ALL};
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(get_text(named("arena.%u.dss", there[i])), "disabled");
        assert_int_equal(set_text(named("arena.%u.dss", there[i]), "disabled"), 0);
        assert_int_equal(set_text(named("arena.%u.dss", there[i]), "primary"), EFAULT);
        assert_int_equal(set_text(named("arena.%u.dss", there[i]), "secondary"), EFAULT);
        assert_int_equal(set_text(named("arena.%u.dss", there[i]), "tertiary"), EINVAL);
        assert_int_equal(set_text(named("arena.%u.dss", there[i]), NULL), EINVAL);
    }
    assert_int_equal(set_text(named("arena.%u.dss", DESTROYED), "disabled"), EFAULT);
}

static void test_lookup(void **state) {
    (void)state;
    const size_t sizes[] = {8, 1000, 30000, 100000, 5000000};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *p = t_malloc(sizes[i]);
        unsigned index = 77;
        assert_int_equal(lookup(p, &index), 0);
        assert_true(index < get_unsigned("arenas.narenas"));
        assert_int_equal(lookup(p + sizes[i] - 1, &index), 0);
        t_free(p);
    }
    unsigned index = 77;
    int local;
    assert_int_equal(lookup(&local, &index), EINVAL);
    assert_int_equal(lookup(NULL, &index), EINVAL);
    assert_int_equal(lookup(test_lookup, &index), EINVAL);
    assert_int_equal(index, 77);
    size_t length = sizeof(index);
    assert_int_equal(t_mallctl("arenas.lookup", &index, &length, NULL, 0), EINVAL);
    void *p = t_malloc(10);
    assert_int_equal(t_mallctl("arenas.lookup", &index, &length, &p, 4), EINVAL);
    length = 3;
    assert_int_equal(t_mallctl("arenas.lookup", &index, &length, &p, sizeof(p)), EINVAL);
    assert_int_equal(t_mallctl("arenas.lookup", NULL, NULL, &p, sizeof(p)), 0);
    t_free(p);
}

/* ---- statistics ---- */

static size_t get_size(const char *name) {
    size_t value;
    get(name, &value, sizeof(value));
    return value;
}

static uint64_t next_epoch(void) {
    uint64_t epoch = 1;
    size_t length = sizeof(epoch);
    assert_int_equal(t_mallctl("epoch", &epoch, &length, &epoch, sizeof(epoch)), 0);
    return epoch;
}

static void test_epoch(void **state) {
    (void)state;
    uint64_t first = next_epoch();
    uint64_t same;
    get("epoch", &same, sizeof(same));
    assert_int_equal(same, first);
    size_t before = get_size("stats.allocated");
    size_t live = get_size("ashlar.live.allocated");
    size_t size = (size_t)5 << 20;
    void *p = t_malloc(size);
    assert_int_equal(get_size("stats.allocated"), before);
    assert_int_equal(get_size("ashlar.live.allocated"), live + size);
    assert_int_equal(next_epoch(), first + 1);
    assert_int_equal(get_size("stats.allocated"), live + size);
    t_free(p);
    assert_int_equal(get_size("ashlar.live.allocated"), live);
}

/* "stats.arenas.<arena>.<name>", with another number in the name. */
static size_t get_arena(unsigned arena, const char *pattern, unsigned i) {
    char tail[NAME];
    char name[2 * NAME];
    snprintf(tail, sizeof(tail), pattern, i);
    snprintf(name, sizeof(name), "stats.arenas.%u.%s", arena, tail);
    return get_size(name);
}

static bool has_stats(unsigned arena) {
    return act(named("stats.arenas.%u.pactive", arena)) == 0;
}

/* Objects parked between the caches of threads belong to no arena; purging all arenas frees them. */
static void test_purge_parked(void **state) {
    (void)state;
    enum { COUNT = 20000, SIZE = 96 };
    static void *objects[COUNT];
    for (int i = 0; i < COUNT; i++) {
        objects[i] = t_malloc(SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        t_free(objects[i]);
    }
    next_epoch();
    size_t parked = get_arena(ALL, "tcache_bytes", 0);
    assert_int_equal(act(named("arena.%u.purge", ALL)), 0);
    next_epoch();
    size_t cached = get_arena(ALL, "tcache_bytes", 0);
    /* What the caller caches itself may stay. */
    assert_true(parked - cached >= (size_t)COUNT / 10 * SIZE / 2);
}

/* Arenas sum up to the whole, classes to their arena, and runs of unused pages to their number. */
static void test_sums(void **state) {
    (void)state;
    char *small[100];
    char *large[3];
    for (unsigned i = 0; i < 100; i++) {
        small[i] = t_malloc(100 * i);
    }
    for (unsigned i = 0; i < 3; i++) {
        large[i] = t_malloc((size_t)(i + 1) * 300000);
    }
    t_free(large[1]);
    next_epoch();
    static const char *const fields[] = {
        "mapped", "base", "internal", "resident", "retained", "small.allocated", "large.allocated",
    };
    unsigned end = get_unsigned("arenas.narenas");
    for (unsigned field = 0; field < sizeof(fields) / sizeof(fields[0]); field++) {
        size_t sum = 0;
        for (unsigned i = 0; i < end; i++) {
            sum += has_stats(i) ? get_arena(i, fields[field], 0) : 0;
        }
        assert_int_equal(sum, get_arena(ALL, fields[field], 0));
        assert_int_equal(sum, get_arena(end, fields[field], 0));
    }
    size_t bytes = 0;
    for (unsigned i = 0; i < 41; i++) {
        bytes += get_arena(ALL, "bins.%u.curregs", i) * get_size(named("arenas.bin.%u.size", i));
    }
    assert_int_equal(bytes, get_arena(ALL, "small.allocated", 0));
    size_t page = get_size("arenas.page");
    size_t dirty = 0;
    for (unsigned i = 0; i < 199; i++) {
        dirty += get_arena(ALL, "extents.%u.dirty_bytes", i);
    }
    assert_int_equal(dirty / page, get_arena(ALL, "pdirty", 0));
    size_t active = get_size("stats.active");
    assert_int_equal(active, get_size("approximate_stats.active"));
    assert_int_equal(active / page, get_arena(ALL, "pactive", 0));
    assert_int_equal(active + dirty + get_size("stats.metadata") + get_size("stats.pinned"),
                     get_size("stats.resident"));
    assert_int_equal(get_size("stats.metadata"),
                     get_arena(ALL, "base", 0) + get_arena(ALL, "internal", 0));
    size_t *pactive;
    get("experimental.arenas.0.pactivep", &pactive, sizeof(pactive));
    if (get_arena(0, "pactive", 0) ==
        get_arena(ALL, "pactive", 0)) { /* what is absent is arena 0's */
        assert_int_equal(*pactive,
                         get_arena(0, "pactive", 0) + get_size("ashlar.stats.absent") / page);
    }
    for (unsigned i = 0; i < 100; i++) {
        t_free(small[i]);
    }
    t_free(large[0]);
    t_free(large[2]);
}

static void test_stats_of_arenas(void **state) {
    (void)state;
    unsigned a = create_arena();
    assert_int_equal(act(named("stats.arenas.%u.pactive", a)), ENOENT);
    assert_int_equal(act("experimental.arenas.4095.pactivep"), ENOENT);
    next_epoch();
    assert_true(has_stats(a));
    assert_string_equal(get_text(named("stats.arenas.%u.dss", a)), "disabled");
    assert_string_equal(get_text(named("stats.arenas.%u.dss", ALL)), "N/A");
    assert_int_equal(get_signed(named("stats.arenas.%u.dirty_decay_ms", ALL)), -1);
    assert_int_equal(get_signed(named("stats.arenas.%u.dirty_decay_ms", a)),
                     get_signed("arenas.dirty_decay_ms"));
    void *p = t_mallocx(1000, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE);
    assert_non_null(p);
    next_epoch();
    assert_int_equal(get_arena(a, "small.allocated", 0), t_malloc_usable_size(p));
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_true(has_stats(a)); /* until the next epoch */
    uint64_t before = get_arena(DESTROYED, "small.nmalloc", 0);
    next_epoch();
    assert_false(has_stats(a));
    assert_true(has_stats(DESTROYED));
    assert_int_equal(get_arena(DESTROYED, "small.nmalloc", 0), before + 1);
    /* The clock may tick while the numbers are collected. */
    assert_true(get_arena(DESTROYED, "uptime", 0) <= get_arena(ALL, "uptime", 0) + 1000000000);
    assert_int_equal(act("stats.arenas.0.bins.41.nmalloc"), ENOENT);
    assert_int_equal(act("stats.arenas.0.lextents.191.nmalloc"), ENOENT);
    assert_int_equal(act("stats.arenas.0.extents.199.ndirty"), ENOENT);
    assert_int_equal(act("stats.arenas.0.hpa_shard.nonfull_slabs.64.ndirty_huge"), ENOENT);
    assert_int_equal(act("stats.arenas.0.hpa_shard.alloc.9.ps"), ENOENT);
}

/* What an arena counted and was told goes with it, also where it has hooks. */
static void test_stats_of_next_arena(void **state) {
    (void)state;
    enum { OBJECTS = 20 };
    extent_hooks_t *hooks = &counting;
    unsigned a;
    assert_int_equal(create_with("arenas.create", &a, &hooks, sizeof(hooks)), 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        assert_non_null(t_mallocx((size_t)3 << 20, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE));
    }
    size_t threshold = get_size(named("arena.%u.oversize_threshold", a));
    size_t other = threshold + 1;
    assert_int_equal(
        t_mallctl(named("arena.%u.oversize_threshold", a), NULL, NULL, &other, sizeof(other)), 0);
    next_epoch();
    size_t before = get_arena(a, "mutexes.extents_retained.num_ops", 0);
    size_t destroyed =
        has_stats(DESTROYED) ? get_arena(DESTROYED, "mutexes.extents_retained.num_ops", 0) : 0;
    assert_true(before >= OBJECTS);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    unsigned next;
    assert_int_equal(create_with("arenas.create", &next, &hooks, sizeof(hooks)), 0);
    assert_int_equal(next, a);
    next_epoch();
    assert_true(get_arena(a, "mutexes.extents_retained.num_ops", 0) < OBJECTS);
    assert_true(get_arena(DESTROYED, "mutexes.extents_retained.num_ops", 0) >= destroyed + before);
    assert_int_equal(get_size(named("arena.%u.oversize_threshold", a)), threshold);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void expect_live(const char *name, size_t value) {
    if (value == 0) {
        fail_msg("%s is 0", name);
    }
}

/* Objects of all kinds come and go in an arena that gives its memory back in two stages. */
static void work_in(unsigned a) {
    enum { OBJECTS = 2000 };
    static void *objects[OBJECTS];
    int flags = (int)MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE;
    assert_int_equal(set_signed(named("arena.%u.muzzy_decay_ms", a), -1), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            objects[i] = t_mallocx(i % 20 == 0 ? 100000 : 64, flags);
            assert_non_null(objects[i]);
        }
        for (unsigned i = 0; i < OBJECTS; i++) {
            t_dallocx(objects[i], MALLOCX_TCACHE_NONE);
        }
        if (round == 0) {
            assert_int_equal(set_signed(named("arena.%u.dirty_decay_ms", a), 0), 0);
            assert_int_equal(act(named("arena.%u.purge", a)), 0);
            assert_int_equal(set_signed(named("arena.%u.dirty_decay_ms", a), -1), 0);
        }
    }
    assert_non_null(t_mallocx(64, flags));
    assert_non_null(t_mallocx(100000, flags));
}

/* What a program has done is seen in every row that counts it: none is a constant 0. */
static void test_rows_are_live(void **state) {
    static const char *const process[] = {
        "allocated",
        "active",
        "metadata",
        "metadata_edata",
        "metadata_rtree",
        "resident",
        "mapped",
        "retained",
        "mutexes.ctl.num_ops",
        "mutexes.max_per_bg_thd.num_ops",
        "mutexes.background_thread.num_ops",
    };
    static const char *const arena[] = {

        "pactive",
        "pdirty",
        "mapped",
        "dirty_npurge",
        "dirty_nmadvise",
        "dirty_purged",
        "muzzy_npurge",
        "muzzy_nmadvise",
        "muzzy_purged",
        "base",
        "metadata_edata",
        "resident",
        "small.allocated",
        "small.nmalloc",
        "small.ndalloc",
        "small.nrequests",
        "small.nfills",
        "small.nflushes",
        "large.allocated",
        "large.nmalloc",
        "large.ndalloc",
        "large.nrequests",
        "large.nfills",
        "bins.4.nmalloc",
        "bins.4.ndalloc",
        "bins.4.nrequests",
        "bins.4.curregs",
        "bins.4.nfills",
        "bins.4.nflushes",
        "bins.4.nslabs",
        "bins.4.nreslabs",
        "bins.4.curslabs",
        "bins.4.nonfull_slabs",
        "bins.4.mutex.num_ops",
        "mutexes.large.num_ops",
        "mutexes.extents_dirty.num_ops",
        "mutexes.extents_muzzy.num_ops",
        "mutexes.decay_dirty.num_ops",
        "mutexes.decay_muzzy.num_ops",
        "mutexes.hpa_shard.num_ops",
        "hpa_shard.npageslabs",
        "hpa_shard.nactive",
        "hpa_shard.ndirty",
        "hpa_shard.npurge_passes",
        "hpa_shard.npurges",
        "hpa_shard.alloc.1.extents",
        "hpa_shard.alloc.1.pages_per_ps",
    };
    static const char *const all[] = {
        "nthreads",
        "retained",
        "internal",
        "metadata_rtree",
        "tcache_bytes",
        "mutexes.extent_avail.num_ops",
        "mutexes.extents_retained.num_ops",
        "mutexes.base.num_ops",
        "mutexes.tcache_list.num_ops",
        "mutexes.hpa_shard_grow.num_ops",
    };
    (void)state;
    unsigned a = create_arena();
    work_in(a);
    t_free(t_malloc(64));
    next_epoch();
    char name[NAME];
    for (size_t i = 0; i < ARRAY_LEN(process); i++) {
        snprintf(name, sizeof(name), "stats.%s", process[i]);
        expect_live(name, get_size(name));
    }
    for (size_t i = 0; i < ARRAY_LEN(arena); i++) {
        expect_live(arena[i], get_arena(a, arena[i], 0));
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool is_unsigned = strcmp(all[i], "nthreads") == 0;
        snprintf(name, sizeof(name), "stats.arenas.%u.%s", ALL, all[i]);
        expect_live(all[i], is_unsigned ? get_unsigned(name) : get_size(name));
    }
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void test_zero_reallocs(void **state) {
    (void)state;
    size_t before = get_size("stats.zero_reallocs");
    void *p = t_realloc(t_malloc(10), 0);
    assert_int_equal(get_size("stats.zero_reallocs"), before + 1);
    t_free(p);
    t_free(t_realloc(NULL, 0));
    assert_int_equal(get_size("stats.zero_reallocs"), before + 1);
}

static void test_locks(void **state) {
    (void)state;
    next_epoch();
    uint64_t before;
    get("stats.mutexes.ctl.num_ops", &before, sizeof(before));
    assert_true(before > 0);
    assert_int_equal(act("stats.mutexes.reset"), 0);
    next_epoch();
    uint64_t after;
    get("stats.mutexes.ctl.num_ops", &after, sizeof(after));
    assert_true(after < before && after > 0);
}

/* Helpers work under their arenas' locks; that of the arena that was purged most is shown. */
static void test_helper_locks(void **state) {
    (void)state;
    enum { PURGES = 1000 };
    unsigned a = create_arena();
    next_epoch();
    size_t before = get_size("stats.mutexes.max_per_bg_thd.num_ops");
    for (size_t i = 0; i < before + PURGES; i++) {
        assert_int_equal(act(named("arena.%u.purge", a)), 0);
    }
    next_epoch();
    size_t own = get_arena(a, "mutexes.decay_dirty.num_ops", 0);
    assert_true(own >= before + PURGES);
    assert_int_equal(get_size("stats.mutexes.max_per_bg_thd.num_ops"), own);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

/* ---- the calling thread, and explicit caches ---- */

static uint64_t get_u64(const char *name) {
    uint64_t value;
    get(name, &value, sizeof(value));
    return value;
}

static int set_unsigned(const char *name, unsigned value) {
    return t_mallctl(name, NULL, NULL, &value, sizeof(value));
}

static void test_thread_counters(void **state) {
    (void)state;
    uint64_t allocated = get_u64("thread.allocated");
    uint64_t deallocated = get_u64("thread.deallocated");
    void *p = t_malloc(1000);
    size_t usable = t_malloc_usable_size(p);
    assert_int_equal(get_u64("thread.allocated"), allocated + usable);
    t_free(p);
    assert_int_equal(get_u64("thread.deallocated"), deallocated + usable);
    uint64_t *allocatedp;
    uint64_t *deallocatedp;
    get("thread.allocatedp", &allocatedp, sizeof(allocatedp));
    get("thread.deallocatedp", &deallocatedp, sizeof(deallocatedp));
    assert_int_equal(*allocatedp, allocated + usable);
    assert_int_equal(act("thread.peak.reset"), 0);
    p = t_malloc(1000);
    assert_int_equal(*allocatedp, allocated + 2 * usable);
    t_free(p);
    assert_int_equal(*deallocatedp, deallocated + 2 * usable);
    assert_int_equal(get_u64("thread.peak.read"), usable);
}

/* Before anybody asks, a thread's peak is seen at large objects at least. */
static void *reach_peak(void *unused) {
    size_t size = (size_t)10 << 20;
    void *small[100];
    (void)unused;
    for (unsigned i = 0; i < 100; i++) {
        small[i] = t_malloc(1000);
    }
    t_free(t_malloc(size));
    for (unsigned i = 0; i < 100; i++) {
        t_free(small[i]);
    }
    uint64_t peak = get_u64("thread.peak.read");
    EXPECT(peak >= size && peak <= size + 200 * 1024, "peak %zu", (size_t)peak);
    EXPECT(act("thread.peak.reset") == 0 && get_u64("thread.peak.read") == 0, "after the reset");
    return NULL;
}

static void test_first_peak(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, reach_peak, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_thread_arena(void **state) {
    (void)state;
    unsigned usual_arena = get_unsigned("thread.arena");
    unsigned a = create_arena();
    unsigned old;
    size_t length = sizeof(old);
    assert_int_equal(t_mallctl("thread.arena", &old, &length, &a, sizeof(a)), 0);
    assert_int_equal(old, usual_arena);
    assert_int_equal(get_unsigned("thread.arena"), a);
    void *p = t_malloc(100);
    unsigned found;
    assert_int_equal(lookup(p, &found), 0);
    assert_int_equal(found, a);
    assert_int_equal(act(named("arena.%u.destroy", a)), EFAULT); /* a thread is bound to it */
    t_free(p);
    assert_int_equal(set_unsigned("thread.arena", usual_arena), 0);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
    assert_int_equal(set_unsigned("thread.arena", a), EFAULT);
    assert_int_equal(set_unsigned("thread.arena", ALL), EFAULT);
    assert_int_equal(get_unsigned("thread.arena"), usual_arena);
    /* Automatic arenas are created on demand. */
    unsigned last = get_unsigned("opt.narenas") - 1;
    assert_int_equal(set_unsigned("thread.arena", last), 0);
    assert_true(get_bool(named("arena.%u.initialized", last)));
    assert_int_equal(set_unsigned("thread.arena", usual_arena), 0);
}

/* What the caller's cache has of an arena is not given away after its reset. */
static void test_reset_of_own_arena(void **state) {
    (void)state;
    enum { OBJECTS = 40 };
    unsigned usual_arena = get_unsigned("thread.arena");
    unsigned a = create_arena();
    void *objects[2 * OBJECTS];
    assert_int_equal(set_unsigned("thread.arena", a), 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = t_malloc(48);
    }
    for (unsigned i = 0; i < OBJECTS / 2; i++) {
        t_free(objects[i]);
    }
    t_free(t_malloc(100000));
    assert_int_equal(act(named("arena.%u.reset", a)), 0);
    for (unsigned i = 0; i < 2 * OBJECTS; i++) {
        objects[i] =
            i % 2 == 0 ? t_malloc(48) : t_mallocx(48, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE);
        for (unsigned k = 0; k < i; k++) {
            assert_ptr_not_equal(objects[i], objects[k]);
        }
    }
    assert_int_equal(set_unsigned("thread.arena", usual_arena), 0);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void *trim_until(void *stop) {
    while (!atomic_load((atomic_bool *)stop)) {
        t_malloc_trim(0);
    }
    return stop;
}

/* What others take out of caches that rest is nothing that a reset may end. */
static void test_reset_while_others_trim(void **state) {
    (void)state;
    enum { OBJECTS = 400, ROUNDS = 4000 };
    static atomic_bool stop;
    static void *objects[OBJECTS];
    unsigned usual_arena = get_unsigned("thread.arena");
    unsigned a = create_arena();
    pthread_t other;
    assert_int_equal(set_unsigned("thread.arena", a), 0);
    assert_int_equal(pthread_create(&other, NULL, trim_until, &stop), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            objects[i] = t_malloc(64);
        }
        for (unsigned i = 0; i < OBJECTS; i++) {
            t_free(objects[i]);
        }
        assert_int_equal(act("thread.tcache.flush"), 0);
        assert_int_equal(act(named("arena.%u.reset", a)), 0);
    }
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(set_unsigned("thread.arena", usual_arena), 0);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

static void *use_other_arenas(void *stop) {
    enum { OBJECTS = 24, SIZE = 1800 << 10 };
    uint64_t *objects[OBJECTS];
    for (uint64_t round = 0; !atomic_load((atomic_bool *)stop); round++) {
        for (uint64_t i = 0; i < OBJECTS; i++) {
            objects[i] = t_malloc(SIZE);
            objects[i][0] = objects[i][SIZE / sizeof(uint64_t) - 1] = round * OBJECTS + i;
        }
        for (uint64_t i = 0; i < OBJECTS; i++) {
            EXPECT(objects[i][0] == round * OBJECTS + i &&
                       objects[i][SIZE / sizeof(uint64_t) - 1] == objects[i][0],
                   "somebody else wrote into the object");
        }
        for (uint64_t i = 0; i < OBJECTS; i++) {
            t_free(objects[i]);
        }
    }
    return stop;
}

/* With a big object goes the chunk of its tail, which others may take while the reset goes on. */
static void test_reset_beside_others(void **state) {
    (void)state;
    enum { OBJECTS = 28, SIZE = (2 << 20) + (64 << 10), ROUNDS = 3000, THREADS = 2 };
    static atomic_bool stop;
    unsigned a = create_arena();
    pthread_t others[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&others[i], NULL, use_other_arenas, &stop), 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            assert_non_null(t_mallocx(SIZE, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE));
        }
        assert_int_equal(act(named("arena.%u.reset", a)), 0);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(others[i], NULL), 0);
    }
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

/* A realloc that leaves the usable size as it was is neither an allocation nor a free. */
static void test_realloc_in_place(void **state) {
    (void)state;
    char *object = t_malloc(100001);
    next_epoch();
    uint64_t before = get_arena(ALL, "large.nmalloc", 0);
    assert_ptr_equal(t_realloc(object, 100002), object);
    next_epoch();
    assert_int_equal(get_arena(ALL, "large.nmalloc", 0), before);
    t_free(object);
}

static int cached_slots(size_t size, size_t *slots) {
    size_t length = sizeof(*slots);
    return t_mallctl("thread.tcache.ncached_max.read_sizeclass", slots, &length, &size,
                     sizeof(size));
}

static void test_thread_cache(void **state) {
    (void)state;
    bool on = get_bool("thread.tcache.enabled");
    assert_true(on);
    assert_int_equal(act("thread.tcache.flush"), 0);
    size_t slots;
    assert_int_equal(cached_slots(64, &slots), 0);
    assert_true(slots > 0);
    assert_int_equal(cached_slots(32769, &slots), EINVAL);
    assert_int_equal(set_text("thread.tcache.ncached_max.write", "64-64:10|1024-2048:0"), 0);
    assert_int_equal(cached_slots(64, &slots), 0);
    assert_int_equal(slots, 10);
    assert_int_equal(cached_slots(2000, &slots), 0);
    assert_int_equal(slots, 0);
    assert_int_equal(set_text("thread.tcache.ncached_max.write", "nonsense"), EINVAL);
    assert_int_equal(set_text("thread.tcache.ncached_max.write", NULL), EINVAL);
    size_t max = get_size("thread.tcache.max");
    size_t less = 5000;
    size_t length = sizeof(less);
    size_t old;
    assert_int_equal(t_mallctl("thread.tcache.max", &old, &length, &less, sizeof(less)), 0);
    assert_int_equal(old, max);
    assert_int_equal(get_size("thread.tcache.max"), 5120);
    assert_int_equal(t_mallctl("thread.tcache.max", NULL, NULL, &max, sizeof(max)), 0);
    on = false;
    assert_int_equal(t_mallctl("thread.tcache.enabled", NULL, NULL, &on, sizeof(on)), 0);
    assert_int_equal(act("thread.tcache.flush"), EFAULT);
    assert_int_equal(set_text("thread.tcache.ncached_max.write", "64-64:10"), ENOENT);
    on = true;
    assert_int_equal(t_mallctl("thread.tcache.enabled", NULL, NULL, &on, sizeof(on)), 0);
    assert_true(get_bool("thread.tcache.enabled"));
    assert_int_equal(act("thread.idle"), 0);
}

static void test_explicit_caches(void **state) {
    (void)state;
    unsigned a = get_unsigned("tcache.create");
    unsigned b = get_unsigned("tcache.create");
    assert_int_not_equal(a, b);
    void *p = t_mallocx(100, MALLOCX_TCACHE(a));
    assert_non_null(p);
    t_dallocx(p, MALLOCX_TCACHE(a));
    assert_int_equal(set_unsigned("tcache.flush", a), 0);
    assert_int_equal(set_unsigned("tcache.destroy", a), 0);
    assert_int_equal(set_unsigned("tcache.destroy", a), EFAULT);
    assert_int_equal(set_unsigned("tcache.flush", a), EFAULT);
    assert_int_equal(get_unsigned("tcache.create"), a);
    assert_int_equal(set_unsigned("tcache.destroy", a), 0);
    assert_int_equal(set_unsigned("tcache.destroy", b), 0);
    unsigned index = 77;
    size_t length = 3;
    assert_int_equal(t_mallctl("tcache.create", &index, &length, NULL, 0), EINVAL);
    assert_int_equal(length, 0);
    assert_int_equal(index, 77);
    assert_int_equal(t_mallctl("tcache.flush", NULL, NULL, NULL, 0), EINVAL);
}

static void test_batch(void **state) {
    (void)state;
    void *objects[100] = {NULL};
    struct {
        void **ptrs;
        size_t num;
        size_t size;
        int flags;
    } batch = {objects, 100, 48, MALLOCX_ZERO};
    size_t filled = 0;
    size_t length = sizeof(filled);
    assert_int_equal(t_mallctl("experimental.batch_alloc", &filled, &length, &batch, sizeof(batch)),
                     0);
    assert_int_equal(filled, 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(t_malloc_usable_size(objects[i]), 48);
        for (unsigned at = 0; at < 48; at++) {
            assert_int_equal(((char *)objects[i])[at], 0);
        }
        t_free(objects[i]);
    }
    assert_int_equal(t_mallctl("experimental.batch_alloc", &filled, &length, &batch, 8), EINVAL);
    assert_int_equal(t_mallctl("experimental.batch_alloc", &filled, &length, NULL, 0), EINVAL);
}

struct query {
    void *next_slab;
    size_t nfree;
    size_t nregs;
    size_t size;
    size_t bin_nfree;
    size_t bin_nregs;
};

static struct query query(void *p) {
    struct query answer;
    size_t length = sizeof(answer);
    assert_int_equal(t_mallctl("experimental.utilization.query", &answer, &length, &p, sizeof(p)),
                     0);
    return answer;
}

static void test_utilization(void **state) {
    (void)state;
    int local;
    void *objects[] = {t_malloc(1000), t_malloc(300000), &local};
    struct query small = query(objects[0]);
    assert_true(small.nregs > small.nfree);
    assert_true(small.size >= small.nregs * 1000);
    assert_true(small.bin_nregs >= small.nregs && small.bin_nfree >= small.nfree);
    struct query large = query(objects[1]);
    assert_int_equal(large.nregs, 1);
    assert_int_equal(large.nfree, 0);
    assert_true(large.size >= 300000);
    assert_int_equal(query(&local).nregs, 0);
    size_t answers[3][3];
    size_t length = sizeof(answers);
    const char *name = "experimental.utilization.batch_query";
    assert_int_equal(t_mallctl(name, answers, &length, objects, sizeof(objects)), 0);
    assert_int_equal(answers[0][0], small.nfree);
    assert_int_equal(answers[0][1], small.nregs);
    assert_int_equal(answers[0][2], small.size);
    assert_int_equal(answers[1][1], 1);
    assert_int_equal(answers[2][1], 0);
    assert_int_equal(t_mallctl(name, answers, &length, objects, 2 * sizeof(void *)), EINVAL);
    assert_int_equal(t_mallctl(name, answers, &length, objects, sizeof(objects) - 1), EINVAL);
    assert_int_equal(t_mallctl(name, answers, &length, NULL, 0), EINVAL);
    assert_int_equal(t_mallctl(name, NULL, NULL, objects, sizeof(objects)), EINVAL);
    t_free(objects[0]);
    t_free(objects[1]);
}

/* ---- helper threads ---- */

static int set_bool(const char *name, bool value) {
    return t_mallctl(name, NULL, NULL, &value, sizeof(value));
}

static void test_background(void **state) {
    (void)state;
    assert_int_equal(set_bool("background_thread", true), 0);
    assert_true(get_bool("background_thread"));
    assert_true(get_size("stats.background_thread.num_threads") >= 1);
    size_t most = get_size("opt.max_background_threads");
    size_t less = 1;
    assert_int_equal(t_mallctl("max_background_threads", NULL, NULL, &less, sizeof(less)), 0);
    assert_int_equal(get_size("max_background_threads"), 1);
    size_t none = 0;
    size_t more = most + 1;
    assert_int_equal(t_mallctl("max_background_threads", NULL, NULL, &none, sizeof(none)), EINVAL);
    assert_int_equal(t_mallctl("max_background_threads", NULL, NULL, &more, sizeof(more)), EINVAL);
    assert_int_equal(t_mallctl("max_background_threads", NULL, NULL, &most, sizeof(most)), 0);
    bool old = false;
    bool off = false;
    size_t length = sizeof(old);
    assert_int_equal(t_mallctl("background_thread", &old, &length, &off, sizeof(off)), 0);
    assert_true(old);
    assert_false(get_bool("background_thread"));
    assert_int_equal(get_size("stats.background_thread.num_threads"), 0);
}

/* ---- fork ---- */

enum { FORKS = 40 };
static atomic_bool stop;

static void *change_all_the_time(void *unused) {
    while (!atomic_load(&stop)) {
        uint64_t epoch = 1;
        t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
        unsigned arena;
        size_t length = sizeof(arena);
        if (t_mallctl("arenas.create", &arena, &length, NULL, 0) == 0) {
            char name[NAME];
            snprintf(name, sizeof(name), "arena.%u.destroy", arena);
            t_mallctl(name, NULL, NULL, NULL, 0);
        }
    }
    return unused;
}

/* In the child, whose parent's other thread may have been in the middle of a change. */
static int use_controls(void) {
    uint64_t epoch = 1;
    unsigned arena;
    size_t length = sizeof(arena);
    size_t allocated;
    size_t size = sizeof(allocated);
    if (t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0 ||
        t_mallctl("stats.allocated", &allocated, &size, NULL, 0) != 0 ||
        t_mallctl("arenas.create", &arena, &length, NULL, 0) != 0 ||
        act(named("arena.%u.destroy", arena)) != 0) {
        return 1;
    }
    return act(named("arena.%u.purge", ALL));
}

static void test_fork(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, change_all_the_time, NULL), 0);
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(20);
            _exit(use_controls());
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

static pthread_mutex_t programs_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool in_hook;

static void lock_program(void) {
    pthread_mutex_lock(&programs_lock);
}

static void unlock_program(void) {
    pthread_mutex_unlock(&programs_lock);
}

static bool purge_slowly(extent_hooks_t *hooks, void *address, size_t size, size_t offset,
                         size_t length, unsigned arena) {
    (void)hooks, (void)address, (void)size, (void)offset, (void)length, (void)arena;
    atomic_store(&in_hook, true);
    usleep(50000); /* the fork begins */
    lock_program();
    unlock_program();
    return true;
}

static void *purge_arena(void *arena) {
    char name[30];
    void *object = t_mallocx(1 << 20, MALLOCX_ARENA(*(unsigned *)arena) | MALLOCX_TCACHE_NONE);
    memset(object, 1, 1 << 20);
    t_dallocx(object, MALLOCX_TCACHE_NONE);
    snprintf(name, sizeof(name), "arena.%u.purge", *(unsigned *)arena);
    return act(name) == 0 ? arena : NULL;
}

/* A fork does not wait for a hook, which may wait for what the program's fork handlers lock. */
static void test_fork_beside_hook(void **state) {
    (void)state;
    static extent_hooks_t slow = {.alloc = count_alloc, .purge_forced = purge_slowly};
    extent_hooks_t *hooks = &slow;
    unsigned a;
    pthread_t thread;
    void *result;
    assert_int_equal(create_with("arenas.create", &a, &hooks, sizeof(hooks)), 0);
    assert_int_equal(pthread_atfork(lock_program, unlock_program, unlock_program), 0);
    assert_int_equal(pthread_create(&thread, NULL, purge_arena, &a), 0);
    while (!atomic_load(&in_hook)) {
        usleep(1000);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        t_free(t_mallocx(1 << 20, MALLOCX_ARENA(a) | MALLOCX_TCACHE_NONE));
        _exit(act("arena.4096.purge"));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(act(named("arena.%u.destroy", a)), 0);
}

/* ---- the hook of a process that must end ---- */

static void hook(const char *text) {
    printf("hook: %s", text);
    fflush(stdout);
}

struct thread_event {
    void (*call)(bool is_alloc, uint64_t allocated, uint64_t deallocated);
    uint64_t interval;
    bool is_alloc_only;
};

static _Thread_local unsigned ncalls;

/* A call may ask, and allocate. */
static void on_event(bool is_alloc, uint64_t allocated, uint64_t deallocated) {
    uint64_t now = 0;
    size_t size = sizeof(now);
    EXPECT(is_alloc, "a call for freed bytes");
    EXPECT(t_mallctl("thread.allocated", &now, &size, NULL, 0) == 0 && now == allocated,
           "%zu, not %zu", (size_t)now, (size_t)allocated);
    EXPECT(deallocated <= allocated, "freed more than allocated");
    t_free(t_malloc(10));
    ncalls++;
}

static void test_thread_event(void **state) {
    (void)state;
    enum { INTERVAL = 100000, TIMES = 50 };
    static const char *const name = "experimental.hooks.thread_event";
    struct thread_event event = {on_event, 0, true};
    assert_int_equal(t_mallctl(name, NULL, NULL, &event, sizeof(event)), EINVAL);
    event.interval = INTERVAL;
    assert_int_equal(t_mallctl(name, NULL, NULL, &event, sizeof(event) - 1), EINVAL);
    assert_int_equal(t_mallctl(name, NULL, NULL, &event, sizeof(event)), 0);
    for (unsigned i = 0; i < TIMES * INTERVAL / 1000; i++) {
        t_free(t_malloc(1000));
    }
    assert_in_range(ncalls, TIMES - 1, TIMES * 11 / 10);
    event.interval = UINT64_MAX;
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(t_mallctl(name, NULL, NULL, &event, sizeof(event)), 0);
    }
    assert_int_equal(t_mallctl(name, NULL, NULL, &event, sizeof(event)), EINVAL);
}

static int part_misuse(void) {
    void (*function)(const char *) = hook;
    EXPECT(t_mallctl("experimental.hooks.safety_check_abort", NULL, NULL, &function,
                     sizeof(function)) == 0,
           "installing the hook");
    int local = 0;
    t_free(&local + 1);
    return GOT_AWAY;
}

static void test_safety_hook(void **state) {
    (void)state;
    static struct child_result result;
    child_run("misuse", NULL, &result);
    assert_true(child_aborted(&result));
    assert_true(child_matches(result.out, "^hook: <ashlar>: free\\(0x[0-9a-f]+\\): "));
    assert_string_equal(result.err, "");
}

/* The first epoch of a process is 1, whether or not anything asked for it. */
static int part_epoch(void) {
    EXPECT(next_epoch() == 2, "the first one asked for is not 2");
    EXPECT(get_u64("epoch") == 2, "reading changes it");
    return 0;
}

static int part_first_epoch(void) {
    EXPECT(get_u64("epoch") == 1, "before anything was asked for it is not 1");
    EXPECT(next_epoch() == 2, "the second one is not 2");
    return 0;
}

static void test_first_epochs(void **state) {
    (void)state;
    static struct child_result result;
    child_run("epoch", NULL, &result);
    assert_true(child_exited(&result, 0));
    child_run("first-epoch", NULL, &result);
    assert_true(child_exited(&result, 0));
}

static int play(const char *part) {
    if (strcmp(part, "epoch") == 0) {
        return part_epoch();
    }
    return strcmp(part, "first-epoch") == 0 ? part_first_epoch() : part_misuse();
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        return play(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_create_and_destroy),
        cmocka_unit_test(test_all_arenas),
        cmocka_unit_test(test_purge),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_grow_limit),
        cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_dss),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_purge_parked),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_stats_of_arenas),
        cmocka_unit_test(test_stats_of_next_arena),
        cmocka_unit_test(test_rows_are_live),
        cmocka_unit_test(test_zero_reallocs),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_helper_locks),
        cmocka_unit_test(test_first_peak),
        cmocka_unit_test(test_thread_counters),
        cmocka_unit_test(test_thread_arena),
        cmocka_unit_test(test_reset_of_own_arena),
        cmocka_unit_test(test_reset_while_others_trim),
        cmocka_unit_test(test_reset_beside_others),
        cmocka_unit_test(test_realloc_in_place),
        cmocka_unit_test(test_thread_cache),
        cmocka_unit_test(test_explicit_caches),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_utilization),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_beside_hook),
        cmocka_unit_test(test_safety_hook),
        cmocka_unit_test(test_first_epochs),
        cmocka_unit_test(test_thread_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

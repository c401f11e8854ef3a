/*
 * table_test.c: every control of our table against controls.tsv, which was written by itself: name, type,
 * access, and whether there is anything behind it.
 *
 * The table may have no control that the list lacks, and the list none that does not resolve. Every
 * control is then used wrongly in every way the rules name; nothing may change by that.
 */
#include "unit/unit.h"

#include <errno.h>

#include "ctl/ctl_internal.h"
#include "opt/opt.h"

int ashlar_mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
int ashlar_mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp);
int ashlar_mallctlbymib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp, void *newp,
                        size_t newlen);

enum { NAME = 128, MAX_EXPECTED = 600, BUFFER = 64 };

struct expected {
    char name[NAME];
    char type[16];
    char access[4];
    char presence[16]; /* always; absent: ENOENT; given: by the program's surroundings */
    bool found;
};

static struct expected expected[MAX_EXPECTED];
static unsigned nexpected;

static void read_list(void) {
    FILE *file = fopen(CONTROLS_TSV, "r");
    assert_non_null(file);
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        struct expected *e = &expected[nexpected];
        if (line[0] == '#') {
            continue;
        }
        assert_true(nexpected < MAX_EXPECTED);
        assert_int_equal(
            sscanf(line, "%127s %15s %3s %15s", e->name, e->type, e->access, e->presence), 4);
        nexpected++;
    }
    fclose(file);
}

/* "stats.arenas.<i>.bins.<j>" -> "stats.arenas.0.bins.0" */
static void concrete(const char *pattern, char name[NAME]) {
    size_t n = 0;
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '<') {
            name[n++] = '0';
            pattern += 2;
        } else {
            name[n++] = *pattern;
        }
    }
    name[n] = '\0';
}

static size_t size_of(const char *type) {
    static const struct {
        const char *type;
        size_t size;
    } sizes[] = {
        {"void", 0},
        {"bool", sizeof(bool)},
        {"unsigned", sizeof(unsigned)},
        {"uint32_t", sizeof(uint32_t)},
        {"uint64_t", sizeof(uint64_t)},
        {"int64_t", sizeof(int64_t)},
        {"size_t", sizeof(size_t)},
        {"ssize_t", sizeof(ssize_t)},
        {"string", sizeof(const char *)},
        {"pointer", sizeof(void *)},
        {"index", sizeof(unsigned)},
    };
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        if (strcmp(type, sizes[i].type) == 0) {
            return sizes[i].size;
        }
    }
    fail_msg("controls.tsv: type %s", type);
    return 0;
}

/* ---- from the list to the table ---- */

static void check_mib(const char *name) {
    size_t mib[CTL_DEPTH_MAX + 1];
    size_t depth = ARRAY_LEN(mib);
    assert_int_equal(ashlar_mallctlnametomib(name, mib, &depth), 0);
    size_t words = 1;
    for (const char *at = name; *at != '\0'; at++) {
        words += *at == '.';
    }
    assert_int_equal(depth, words);
    /* A short mib, and one with a number more. */
    assert_int_equal(ashlar_mallctlbymib(mib, depth - 1, NULL, NULL, NULL, 0), ENOENT);
    mib[depth] = 0;
    assert_int_equal(ashlar_mallctlbymib(mib, depth + 1, NULL, NULL, NULL, 0), ENOENT);
    size_t shorter = depth - 1;
    assert_int_equal(ashlar_mallctlnametomib(name, mib, &shorter), 0);
    assert_int_equal(shorter, depth - 1);
}

/* Its value, exactly, is read by name and by mib, or ENOENT. */
static int check_read(const char *name, size_t size) {
    unsigned char value[BUFFER];
    unsigned char again[BUFFER];
    memset(value, 0x5a, sizeof(value));
    memset(again, 0x5a, sizeof(again));
    size_t length = size;
    int error = ashlar_mallctl(name, value, &length, NULL, 0);
    if (error != 0) {
        return error;
    }
    assert_int_equal(length, size);
    for (size_t i = size; i < sizeof(value); i++) {
        assert_int_equal(value[i], 0x5a);
    }
    size_t mib[CTL_DEPTH_MAX];
    size_t depth = ARRAY_LEN(mib);
    assert_int_equal(ashlar_mallctlnametomib(name, mib, &depth), 0);
    assert_int_equal(ashlar_mallctlbymib(mib, depth, again, &length, NULL, 0), 0);
    assert_int_equal(length, size);
    return 0;
}

/* What fits is copied, the length says how much that was, and the call fails. */
static void check_wrong_lengths(const char *name, size_t size) {
    const size_t lengths[] = {0, 1, size / 2, size - 1, size + 1, BUFFER};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        if (lengths[i] == size) {
            continue;
        }
        unsigned char value[BUFFER];
        memset(value, 0x5a, sizeof(value));
        size_t length = lengths[i];
        assert_int_equal(ashlar_mallctl(name, value, &length, NULL, 0), EINVAL);
        assert_int_equal(length, lengths[i] < size ? lengths[i] : size);
        for (size_t at = length; at < sizeof(value); at++) {
            assert_int_equal(value[at], 0x5a);
        }
    }
}

static void check_refusals(const char *name, const struct expected *e) {
    unsigned char value[BUFFER] = {0};
    size_t length = sizeof(value);
    if (strchr(e->access, 'w') == NULL) {
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, value, 1), EPERM);
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, value, 0), EPERM);
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, NULL, 8), EPERM);
    } else if (strcmp(e->type, "own") != 0) {
        size_t size = strcmp(e->type, "index") == 0 ? sizeof(void *) : size_of(e->type);
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, value, size + 1), EINVAL);
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, value, size - 1), EINVAL);
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, value, 0), EINVAL);
    }
    if (strchr(e->access, 'r') == NULL) {
        assert_int_equal(ashlar_mallctl(name, value, &length, NULL, 0), EPERM);
        assert_int_equal(ashlar_mallctl(name, NULL, &length, NULL, 0), EPERM);
    }
}

static void check_control(const struct expected *e) {
    char name[NAME];
    concrete(e->name, name);
    print_message("%s\n", name);
    check_mib(name);
    if (strcmp(e->presence, "absent") == 0) {
        assert_int_equal(ashlar_mallctl(name, NULL, NULL, NULL, 0), ENOENT);
        return;
    }
    check_refusals(name, e);
    bool acts = strstr(e->name, "create") != NULL || strstr(e->name, "read_sizeclass") != NULL;
    if (strcmp(e->type, "own") == 0 || strcmp(e->type, "index") == 0 || acts ||
        strchr(e->access, 'r') == NULL) {
        return;
    }
    int error = check_read(name, size_of(e->type));
    assert_int_equal(error, strcmp(e->presence, "given") == 0 && error != 0 ? ENOENT : 0);
    if (error == 0) {
        check_wrong_lengths(name, size_of(e->type));
    }
}

static void test_list(void **state) {
    (void)state;
    assert_int_equal(nexpected, 455); /* as many as jemalloc has */
    for (unsigned i = 0; i < nexpected; i++) {
        check_control(&expected[i]);
    }
}

/* ---- from the table to the list ---- */

static const char *type_text(enum ctl_type type) {
    static const char *const texts[CTL_NTYPES] = {
        [CTL_VOID] = "void",       [CTL_BOOL] = "bool",     [CTL_UNSIGNED] = "unsigned",
        [CTL_U32] = "uint32_t",    [CTL_U64] = "uint64_t",  [CTL_I64] = "int64_t",
        [CTL_SIZE] = "size_t",     [CTL_SSIZE] = "ssize_t", [CTL_STRING] = "string",
        [CTL_POINTER] = "pointer", [CTL_OWN_SIZES] = "own", [CTL_INDEX_OF_POINTER] = "index",
        [CTL_CONFIG] = "own",      [CTL_BATCH] = "own",     [CTL_THREAD_EVENT] = "own",
    };
    return texts[type];
}

static void check_row(const char *name, enum ctl_type type, unsigned flags, unsigned function) {
    struct expected *e = NULL;
    for (unsigned i = 0; i < nexpected && e == NULL; i++) {
        e = strcmp(expected[i].name, name) == 0 ? &expected[i] : NULL;
    }
    if (flags & CTL_OURS) {
        assert_null(e);
        return;
    }
    if (e == NULL) {
        fail_msg("%s is not in controls.tsv", name);
        return;
    }
    assert_false(e->found);
    e->found = true;
    char access[3] = {flags & CTL_READ ? 'r' : '-', flags & CTL_WRITE ? 'w' : '-', '\0'};
    assert_string_equal(access, e->access);
    assert_int_equal(strcmp(e->presence, "absent") == 0, function == DO_NOT_BUILT);
    if (function != DO_NOT_BUILT) {
        assert_string_equal(type_text(type), e->type);
    }
}

static void check_level(const struct ctl_level *level, const char *prefix, char index) {
    char path[NAME];
    snprintf(path, sizeof(path), "%s", prefix);
    if (level->index != INDEX_NONE) {
        snprintf(path, sizeof(path), "%s<%c>.", prefix, index);
        index++;
    }
    for (unsigned i = 0; i < level->nrows; i++) {
        const struct ctl_row *row = &level->rows[i];
        char name[NAME + sizeof(row->name) + 1];
        assert_true(memchr(row->name, '\0', sizeof(row->name)) != NULL);
        for (unsigned other = 0; other < i; other++) {
            assert_string_not_equal(row->name, level->rows[other].name);
        }
        if (row->type == CTL_NODE) {
            snprintf(name, sizeof(name), "%s%s.", path, row->name);
            check_level(&ctl_levels[row->next], name, index);
        } else {
            snprintf(name, sizeof(name), "%s%s", path, row->name);
            check_row(name, row->type, row->flags, row->next);
        }
    }
}

static void test_table(void **state) {
    (void)state;
    check_level(&ctl_levels[LEVEL_ROOT], "", 'i');
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        char name[NAME];
        snprintf(name, sizeof(name), "opt.%s", row->name);
        size_t mib[2];
        size_t depth = 2;
        bool shown = ashlar_mallctlnametomib(name, mib, &depth) == 0;
        if (shown && (row->flags & OPT_OURS) == 0) {
            check_row(name, ctl_option_type(row), CTL_READ,
                      row->flags & OPT_NOT_BUILT ? DO_NOT_BUILT : DO_OPTION);
        }
    }
    for (unsigned i = 0; i < nexpected; i++) {
        if (!expected[i].found) {
            fail_msg("%s is not in the table", expected[i].name);
        }
    }
}

/* ---- names and numbers ---- */

static void test_wrong_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "",
        ".",
        "..",
        "nothing",
        "version.",
        ".version",
        "version.x",
        "version ",
        "Version",
        "versio",
        "opt",
        "opt.",
        "opt.nothing",
        "arenas",
        "arenas.bin",
        "arenas.bin.",
        "arenas.bin.0",
        "arenas.bin.41.size",
        "arenas.bin.-1.size",
        "arenas.bin.+1.size",
        "arenas.bin.0x1.size",
        "arenas.bin. 1.size",
        "arenas.bin.1e0.size",
        "arenas.bin.4294967296.size",
        "arenas.bin.18446744073709551616.size",
        "arenas.bin.99999999999999999999999999999999.size",
        "arenas.bin..size",
        "arenas.lextent.191.size",
        "a.very.long.path.with.more.words.than.any.control.has",
        "averylongwordthatnoneofthelevelsofthetreecouldpossiblyhave.size",
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        print_message("'%s'\n", names[i]);
        assert_int_equal(ashlar_mallctl(names[i], NULL, NULL, NULL, 0), ENOENT);
    }
}

static void test_mibs(void **state) {
    (void)state;
    size_t mib[4] = {7, 7, 7, 7};
    size_t depth = 4;
    assert_int_equal(ashlar_mallctlnametomib("arenas.bin", mib, &depth), 0);
    assert_int_equal(depth, 2);
    assert_int_equal(mib[2], 7);
    depth = 4;
    assert_int_equal(ashlar_mallctlnametomib("arenas.bin.40.size", mib, &depth), 0);
    assert_int_equal(depth, 4);
    assert_int_equal(mib[2], 40);
    size_t size;
    size_t length = sizeof(size);
    assert_int_equal(ashlar_mallctlbymib(mib, 4, &size, &length, NULL, 0), 0);
    assert_int_equal(size, 32768);
    const size_t wrong[] = {41, 4096, (size_t)1 << 33, SIZE_MAX};
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        mib[2] = wrong[i];
        assert_int_equal(ashlar_mallctlbymib(mib, 4, &size, &length, NULL, 0), ENOENT);
    }
    for (unsigned at = 0; at < 4; at++) {
        depth = 4;
        assert_int_equal(ashlar_mallctlnametomib("arenas.bin.40.size", mib, &depth), 0);
        mib[at] = SIZE_MAX;
        assert_int_equal(ashlar_mallctlbymib(mib, 4, &size, &length, NULL, 0), ENOENT);
    }
    assert_int_equal(ashlar_mallctlbymib(mib, 0, &size, &length, NULL, 0), ENOENT);
    depth = 0;
    assert_int_equal(ashlar_mallctlnametomib("arenas.bin", mib, &depth), 0);
    assert_int_equal(depth, 0);
    depth = 3;
    assert_int_equal(ashlar_mallctlnametomib("arenas.nothing", mib, &depth), ENOENT);
    assert_int_equal(depth, 3);
}

int main(void) {
    unit_start();
    read_list();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_mibs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

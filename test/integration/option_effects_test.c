/*
 * option_effects_test.c: options that change what a program can measure: sizes, caches, huge pages, what
 * calloc does. Each test starts this program again with options and a part to play (support/child.h).
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "integration/expect_child.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The strongest source. */
const char *t_malloc_conf_2_conf_harder = "mutex_max_spin:77";

/* ---- parts ---- */

static int part_narenas(void) {
    unsigned narenas = 0;
    size_t length = sizeof(narenas);
    EXPECT(t_mallctl("opt.narenas", &narenas, &length, NULL, 0) == 0, "opt.narenas");
    printf("%u\n", narenas);
    return 0;
}

/* How many objects of some sizes the thread caches. */
static int part_slots(void) {
    static const size_t sizes[] = {8, 512, 1024, 2048, 14336, 16384, 32768};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t n = 0;
        size_t length = sizeof(n);
        size_t size = sizes[i];
        int error =
            t_mallctl("thread.tcache.ncached_max.read_sizeclass", &n, &length, &size, sizeof(size));
        EXPECT(error == 0, "read_sizeclass: %d", error);
        printf("%zu ", n);
    }
    printf("\n");
    return 0;
}

static int part_sources(void) {
    char *variable = getenv("MALLOC_CONF");
    EXPECT(variable != NULL, "no MALLOC_CONF");
    memset(variable, 'x', strlen(variable)); /* as a program does that writes its title there */
    int64_t spin = 0;
    const char *text = NULL;
    size_t length = sizeof(spin);
    EXPECT(t_mallctl("opt.mutex_max_spin", &spin, &length, NULL, 0) == 0, "opt");
    length = sizeof(text);
    EXPECT(t_mallctl("opt.malloc_conf.global_var_2_conf_harder", &text, &length, NULL, 0) == 0,
           "override");
    printf("%d %s ", (int)spin, text);
    EXPECT(t_mallctl("opt.malloc_conf.env_var", &text, &length, NULL, 0) == 0, "environment");
    printf("%s\n", text);
    return 0;
}

/* Four sizes per doubling. */
static size_t class_of(size_t size) {
    size_t step = 8 * KIB;
    while (size > 8 * step) {
        step *= 2;
    }
    return (size + step - 1) / step * step;
}

/* That of the system, or what the option page_size says. */
static size_t page_in_use(void) {
    size_t page = 0;
    size_t length = sizeof(page);
    EXPECT(t_mallctl("arenas.page", &page, &length, NULL, 0) == 0, "arenas.page");
    return page;
}

static void check_size(size_t size, bool classes) {
    size_t page = page_in_use();
    size_t wanted = ((classes ? class_of(size) : size) + page - 1) / page * page;
    EXPECT(t_nallocx(size, 0) == wanted, "nallocx(%zu) is %zu", size, t_nallocx(size, 0));
    unsigned char *p = t_malloc(size);
    EXPECT(p != NULL && t_malloc_usable_size(p) == wanted, "usable size of %zu: %zu", size,
           t_malloc_usable_size(p));
    p[0] = 1;
    p[wanted - 1] = 2;
    unsigned char *same = t_realloc(p, wanted);
    EXPECT(same == p && t_malloc_usable_size(p) == wanted, "realloc of %zu to %zu", size, wanted);
    unsigned char *grown = t_realloc(p, wanted + 1);
    EXPECT(grown != NULL && grown[0] == 1 && grown[wanted - 1] == 2, "contents of %zu", size);
    size_t next = ((classes ? class_of(wanted + 1) : wanted + 1) + page - 1) / page * page;
    EXPECT(t_malloc_usable_size(grown) == next, "grown from %zu: %zu", size,
           t_malloc_usable_size(grown));
    t_free(grown);
    unsigned char *zeroed = t_calloc(1, size);
    EXPECT(zeroed != NULL && zeroed[wanted - 1] == 0, "calloc(%zu)", size);
    t_free(zeroed);
}

static int check_sizes(bool classes) {
    for (size_t size = 40 * KIB; size <= 16 * MIB; size += size / 7) {
        check_size(size - 1, classes);
        check_size(size, classes);
        check_size(size + 1, classes);
    }
    for (size_t size = 64 * KIB; size <= 16 * MIB; size *= 2) {
        check_size(size, classes);
        check_size(size + 1, classes);
    }
    if (classes) {
        EXPECT(t_nallocx(PTRDIFF_MAX, 0) == 0 || t_nallocx(PTRDIFF_MAX, 0) >= PTRDIFF_MAX, "most");
    }
    printf("done\n");
    return 0;
}

static int part_classes(void) {
    return check_sizes(true);
}

static int part_pages(void) {
    return check_sizes(false);
}

static size_t resident_pages(void *p, size_t size) {
    static unsigned char present[8192];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t n = 0;
    EXPECT(size / page <= sizeof(present) && mincore(p, size, present) == 0, "mincore");
    for (size_t i = 0; i < size / page; i++) {
        n += present[i] & 1;
    }
    return n;
}

/* Zeroed memory that was used before: all of it is resident, or none but its ends, if these share pages with others. */
static int part_calloc(void) {
    enum { ENDS = 64 << 10 };
    static const size_t sizes[] = {256 * KIB, 1 * MIB, 4 * MIB};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        void *used = hide_pointer(t_malloc(sizes[i]));
        EXPECT(used != NULL, "malloc");
        memset(used, 0x77, sizes[i]);
        t_free(used);
        unsigned char *p = hide_pointer(t_calloc(1, sizes[i]));
        EXPECT(p == used, "another place");
        size_t n = resident_pages(p, sizes[i]);
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        printf("%s ", n * page <= ENDS ? "none" : n == sizes[i] / page ? "all" : "?");
        for (size_t at = 0; at < sizes[i]; at++) {
            EXPECT(p[at] == 0, "byte %zu of %zu", at, sizes[i]);
        }
        t_free(p);
    }
    printf("\n");
    return 0;
}

/* The flags hg and nh (madvise for or against huge pages) of the mapping that holds an address. */
static void print_advice(FILE *maps, uintptr_t address) {
    char line[512];
    bool here = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t begin;
        uintptr_t end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
            here = address >= begin && address < end;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            printf("%s ", strstr(line, " hg") != NULL   ? "always"
                          : strstr(line, " nh") != NULL ? "never"
                                                        : "default");
            return;
        }
    }
    printf("not found ");
}

/* Memory of the first step, and far beyond it. */
static int part_thp(void) {
    char *small = t_malloc(100);
    char *big = t_malloc(200 * MIB);
    EXPECT(small != NULL && big != NULL, "malloc");
    FILE *maps = fopen("/proc/self/smaps", "r");
    EXPECT(maps != NULL, "smaps");
    print_advice(maps, (uintptr_t)small);
    rewind(maps);
    print_advice(maps, (uintptr_t)big + 150 * MIB);
    fclose(maps);
    t_free(small);
    t_free(big);
    printf("\n");
    return 0;
}

/* What /proc/self/smaps says of all mappings together. */
static size_t huge_bytes_of_process(void) {
    char line[512];
    size_t sum = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        size_t kib;
        sum += sscanf(line, "AnonHugePages: %zu kB", &kib) == 1 ? kib * KIB : 0;
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return sum;
}

static size_t read_size(const char *name) {
    size_t value = 0;
    size_t length = sizeof(value);
    int error = t_mallctl(name, &value, &length, NULL, 0);
    return error == 0 ? value : SIZE_MAX;
}

/* Memory of ours and memory that the program maps itself, both of it huge if the system likes. */
static int part_coverage(void) {
    char *own = t_malloc(16 * MIB);
    char *foreign =
        mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(own != NULL && foreign != MAP_FAILED, "memory");
    madvise(foreign, 16 * MIB, MADV_HUGEPAGE);
    size_t others = huge_bytes_of_process() - read_size("ashlar.live.huge_bytes");
    memset(own, 1, 16 * MIB);
    size_t mine = read_size("ashlar.live.huge_bytes");
    EXPECT(mine + others == huge_bytes_of_process(), "%zu and %zu of %zu", mine, others,
           huge_bytes_of_process());
    memset(foreign, 1, 16 * MIB);
    EXPECT(read_size("ashlar.live.huge_bytes") == mine, "foreign memory counts");
    printf("%s of ours", mine != 0 ? "some" : "none");
    printf(", %s\n", huge_bytes_of_process() > mine + others ? "some of others" : "none");
    munmap(foreign, 16 * MIB);
    t_free(own);
    return 0;
}

#define OBJECT ((size_t)100)

/* Objects that fill many chunks and stay; others come and go, so that time is noticed. */
static int part_collapse(void) {
    enum { OBJECTS = 400000, PATIENCE_S = 30 };
    static char *objects[OBJECTS];
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = t_malloc(OBJECT);
        EXPECT(objects[i] != NULL, "malloc");
        memset(objects[i], (int)i & 0xff, OBJECT);
    }
    size_t before = read_size("ashlar.live.huge_bytes");
    uint64_t epoch = 1;
    time_t end = time(NULL) + PATIENCE_S;
    size_t collapsed = 0;
    size_t failed = 0;
    while (collapsed + failed < 4 && time(NULL) < end) {
        for (unsigned i = 0; i < 2000; i++) {
            t_free(hide_pointer(t_malloc(OBJECT)));
            t_free(hide_pointer(t_malloc(64 * KIB)));
        }
        EXPECT(t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0, "epoch");
        collapsed = read_size("stats.arenas.0.hpa_shard.nhugifies");
        failed = read_size("stats.arenas.0.hpa_shard.nhugify_failures");
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        EXPECT(objects[i][0] == (char)i && objects[i][OBJECT - 1] == (char)i, "object %zu", i);
    }
    printf("%s %s %s\n", collapsed != 0 ? "collapsed" : "none",
           read_size("ashlar.live.huge_bytes") > before ? "huge" : "none",
           collapsed == 0 && failed != 0 ? "failed" : "fine"); /* the system may refuse some */
    return 0;
}

/* The same where the system never does it. */
static int part_no_collapse(void) {
    EXPECT(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0, "prctl");
    return part_collapse();
}

/* Mappings that were advised to be huge pages. */
static int part_metadata(void) {
    char line[512];
    unsigned n = 0;
    void *p = t_malloc(100);
    FILE *maps = fopen("/proc/self/smaps", "r");
    EXPECT(p != NULL && maps != NULL, "smaps");
    while (fgets(line, sizeof(line), maps) != NULL) {
        n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL;
    }
    fclose(maps);
    t_free(p);
    printf("%u\n", n);
    return 0;
}

/* Everything that can lack memory. */
static void fail_to_allocate(unsigned how) {
    size_t most = hide_size(PTRDIFF_MAX / 2);
    size_t beyond = hide_size((size_t)PTRDIFF_MAX + 1);
    void *p = t_malloc(100);
    void *unused;
    switch (how) {
    case 0:
        p = t_malloc(most);
        break;
    case 1:
        p = t_malloc(beyond);
        break;
    case 2:
        p = t_calloc(1, most);
        break;
    case 3:
        p = t_calloc(beyond, 4);
        break;
    case 4:
        p = t_realloc(p, most);
        break;
    case 5:
        p = t_reallocarray(p, beyond, 4);
        break;
    case 6:
        p = t_aligned_alloc(64, most);
        break;
    case 7:
        (void)t_posix_memalign(&unused, 64, most);
        break;
    case 8:
        p = t_memalign(4096, most);
        break;
    case 9:
        p = t_valloc(most);
        break;
    case 10:
        p = t_pvalloc(hide_size(SIZE_MAX - 100));
        break;
    case 11:
        p = t_mallocx(most, 0);
        break;
    case 12:
        p = t_mallocx(100, 62); /* aligned to 2^62 bytes */
        break;
    case 13:
        p = t_rallocx(p, most, 0);
        break;
    /* bad alignments */
    case 14:
        p = t_aligned_alloc(hide_size(24), 100);
        break;
    case 15:
        (void)t_posix_memalign(&unused, hide_size(4), 100);
        break;
    default:
        p = t_memalign(hide_size(24), 100);
        break;
    }
    hide_pointer(p);
}

enum { FAILURES = 17 };

/* The part is "fail" and a number. */
static int play_failure(const char *number) {
    printf("before ");
    fflush(stdout);
    fail_to_allocate((unsigned)strtoul(number, NULL, 10));
    printf("after\n");
    return 0;
}

static int part_done(void) {
    t_free(hide_pointer(t_malloc(100)));
    printf("done\n");
    return 0;
}

/* "done" as a user who may have no more threads. Nobody's limits are root's. */
static int part_no_threads(void) {
    struct rlimit none = {0, 0};
    struct rlimit core = {0, 0};
    if ((geteuid() == 0 && setuid(65534) != 0) || setrlimit(RLIMIT_NPROC, &none) != 0 ||
        setrlimit(RLIMIT_CORE, &core) != 0) {
        printf("impossible\n");
        return 0;
    }
    child_become((const char *[]){"test", CHILD_ARGUMENT, "done", NULL});
    printf("impossible\n");
    return 0;
}

/* What binding the thread to arena 0, to a manual one and to arena 0 again answers. */
static int part_bind(void) {
    unsigned arenas[] = {0, 0, 0};
    size_t length = sizeof(arenas[1]);
    EXPECT(t_mallctl("arenas.create", &arenas[1], &length, NULL, 0) == 0, "arenas.create");
    for (size_t i = 0; i < ARRAY_LEN(arenas); i++) {
        int error = t_mallctl("thread.arena", NULL, NULL, &arenas[i], sizeof(arenas[i]));
        printf("%s ", error == 0 ? "0" : error == EPERM ? "EPERM" : "other");
    }
    printf("\n");
    return 0;
}

static int part_grow_limit(void) {
    size_t limit = (size_t)64 << 20;
    int error = t_mallctl("arena.0.retain_grow_limit", NULL, NULL, &limit, sizeof(limit));
    printf("%s\n", error == 0 ? "0" : error == ENOENT ? "ENOENT" : "other");
    return 0;
}

static const struct child_part parts[] = {
    {"narenas", part_narenas},
    {"slots", part_slots},
    {"sources", part_sources},
    {"classes", part_classes},
    {"pages", part_pages},
    {"calloc", part_calloc},
    {"done", part_done},
    {"no-threads", part_no_threads},
    {"thp", part_thp},
    {"metadata", part_metadata},
    {"bind", part_bind},
    {"grow-limit", part_grow_limit},
    {"coverage", part_coverage},
    {"collapse", part_collapse},
    {"no-collapse", part_no_collapse},
};

static int play_part(const char *name) {
    if (strncmp(name, "fail", 4) == 0) {
        return play_failure(name + 4);
    }
    return child_play(parts, ARRAY_LEN(parts), name);
}

/* ---- tests ---- */

static unsigned narenas(const char *conf) {
    child_run("narenas", conf, &result);
    assert_true(child_exited(&result, 0));
    return (unsigned)strtoul(result.out, NULL, 10);
}

static void test_narenas_ratio(void **state) {
    (void)state;
    unsigned ncpus = narenas("narenas_ratio:1");
    assert_true(ncpus >= 1);
    if (ncpus > 1 && ncpus < 1000) {
        assert_int_equal(narenas(""), 2 * ncpus);
        assert_int_equal(narenas("narenas_ratio:4.0"), 4 * ncpus);
        assert_int_equal(narenas("narenas_ratio:1.5"), (3 * ncpus + 1) / 2);
    }
    assert_int_equal(narenas("narenas_ratio:0"), 1);
    assert_int_equal(narenas("narenas_ratio:0.0001"), 1);
    assert_int_equal(narenas("narenas_ratio:3.5,narenas:7"), 7);
}

static void test_slots(void **state) {
    (void)state;
    expect_out("slots", "", "504 120 120 56 24 24 8 \n");
    expect_out("slots", "tcache_nslots_small_max:20", "20 20 20 20 20 24 8 \n");
    expect_out("slots", "tcache_nslots_small_min:100", "504 120 120 100 100 24 8 \n");
    expect_out("slots", "tcache_nslots_small_min:100,tcache_nslots_small_max:50",
               "50 50 50 50 50 24 8 \n");
    expect_out("slots", "tcache_nslots_large:33", "504 120 120 56 24 34 34 \n");
    expect_out("slots", "tcache_nslots_large:2048,tcache_nslots_small_max:2048",
               "504 120 120 56 24 504 504 \n");
    expect_out("slots", "lg_tcache_nslots_mul:2", "504 240 240 112 48 24 8 \n");
    expect_out("slots", "lg_tcache_nslots_mul:16", "504 504 504 504 504 24 8 \n");
    expect_out("slots", "lg_tcache_nslots_mul:-2,tcache_nslots_small_min:1",
               "64 16 16 8 4 24 8 \n");
    expect_out("slots", "lg_tcache_nslots_mul:-16", "16 16 16 16 16 24 8 \n");
    expect_out("slots", "tcache_ncached_max:8-512:10|2048-14336:0|32768-99999:9999",
               "10 10 120 0 0 24 504 \n");
    expect_out("slots", "tcache_ncached_max:1-99999:4|1000-1024:8,tcache_nslots_small_min:99",
               "4 4 8 4 4 4 4 \n");
    expect_out("slots", "tcache_max:1024", "504 120 120 0 0 0 0 \n");
    expect_out("slots", "tcache_max:0", "504 0 0 0 0 0 0 \n");
    expect_out("slots", "lg_tcache_max:14", "504 120 120 56 24 24 0 \n");
}

static void test_override(void **state) {
    (void)state;
    const char *more = getenv("MALLOC_CONF"); /* child_run() puts it before */
    bool both = more != NULL && *more != '\0';
    char wanted[256];
    snprintf(wanted, sizeof(wanted), "77 mutex_max_spin:77 %s%smutex_max_spin:5\n",
             both ? more : "", both ? "," : "");
    expect_out("sources", "mutex_max_spin:5", wanted);
}

/* Controls that an option leaves without an effect say so. */
static void test_controls_without_effect(void **state) {
    (void)state;
    expect_out("bind", "", "0 0 0 \n");
    expect_out("bind", "percpu_arena:percpu", "EPERM 0 0 \n");
    expect_out("grow-limit", "", "0\n");
    expect_out("grow-limit", "retain:false", "ENOENT\n");
}

static void test_large_sizes(void **state) {
    (void)state;
    if (stress_address_space_is_limited()) {
        return;
    }
    expect_out("pages", "", "done\n");
    expect_out("classes", "disable_large_size_classes:false", "done\n");
    expect_out("classes", "disable_large_size_classes:false,tcache:false", "done\n");
}

static void test_zeroing(void **state) {
    (void)state;
    if (stress_is_sanitized() || stress_address_space_is_limited()) {
        return;
    }
    expect_out("calloc", "dirty_decay_ms:-1,calloc_madvise_threshold:0", "none none none \n");
    expect_out("calloc", "dirty_decay_ms:-1,calloc_madvise_threshold:1048577", "all all none \n");
    expect_out("calloc", "dirty_decay_ms:-1", "all all all \n");
}

static void test_huge_pages(void **state) {
    (void)state;
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0 ||
        stress_address_space_is_limited() || stress_is_sanitized()) {
        return;
    }
    expect_out("thp", "", "never default \n");
    expect_out("thp", "thp:default", "never default \n");
    expect_out("thp", "thp:always", "always always \n");
    expect_out("thp", "thp:never", "never never \n");
    expect_out("metadata", "", "0\n");
    expect_out("metadata", "metadata_thp:auto", "0\n");
    expect_out("metadata", "metadata_thp:always", "1\n");
}

/* Whether the system gives huge pages to whoever asks for them, by trial. */
static bool are_huge_pages_there(void) {
    size_t before = huge_bytes_of_process();
    char *memory = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    madvise(memory, 8 * MIB, MADV_HUGEPAGE);
    memset(memory, 1, 8 * MIB);
    bool there = huge_bytes_of_process() > before;
    munmap(memory, 8 * MIB);
    return there;
}

static void test_coverage(void **state) {
    (void)state;
    if (!are_huge_pages_there() || stress_address_space_is_limited() || stress_is_sanitized()) {
        return;
    }
    expect_out("coverage", "thp:always", "some of ours, some of others\n");
    expect_out("coverage", "thp:never", "none of ours, some of others\n");
}

/* By trial: Linux 6.1 and later, if there is a huge page left. */
static bool is_collapse_there(void) {
    enum { ADVICE_COLLAPSE = 25 };
    char *memory = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memset(memory, 1, 4 * MIB);
    bool there = madvise(memory, 4 * MIB, ADVICE_COLLAPSE) == 0;
    munmap(memory, 4 * MIB);
    return there;
}

static void test_collapse(void **state) {
    (void)state;
    if (!is_collapse_there() || stress_address_space_is_limited() || stress_is_sanitized()) {
        return;
    }
    expect_out("collapse", "thp:collapse,dirty_decay_ms:100,background_thread:false",
               "collapsed huge fine\n");
    expect_out("collapse", "thp:collapse,dirty_decay_ms:100,background_thread:true",
               "collapsed huge fine\n");
    child_run("no-collapse", "thp:collapse,dirty_decay_ms:100,background_thread:false", &result);
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "none none failed\n");
}

/* What does not work but can be done without: a line, or the end. */
static void test_warning(void **state) {
    static const char line[] = "<ashlar>: cannot start a helper thread (background_thread:true)\n";
    (void)state;
    if (stress_is_sanitized()) {
        return; /* that has threads of its own */
    }
    child_run("no-threads", "background_thread:true,abort:false", &result);
    if (strcmp(result.out, "impossible\n") == 0) {
        return;
    }
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.out, "done\n");
    assert_string_equal(result.err, line);
    child_run("no-threads", "background_thread:true,abort:true", &result);
    assert_true(child_aborted(&result));
    assert_string_equal(result.err, line);
    expect_out("no-threads", "background_thread:auto,abort:true", "done\n");
}

static void test_xmalloc(void **state) {
    (void)state;
    if (stress_is_sanitized()) {
        return; /* what cannot be allocated is another matter there */
    }
    for (unsigned how = 0; how < FAILURES; how++) {
        char part[20];
        snprintf(part, sizeof(part), "fail%u", how);
        expect_out(part, "xmalloc:false", "before after\n");
        child_run(part, "xmalloc:true", &result);
        if (!child_aborted(&result)) {
            print_error("%s: %s, %s\n", part, child_status_text(&result), result.err);
        }
        assert_true(child_aborted(&result));
        assert_string_equal(result.out, "before ");
        assert_true(child_matches(result.err, "^<ashlar>: .*(memory|alignment).*xmalloc:true"));
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        return play_part(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narenas_ratio), cmocka_unit_test(test_slots),
        cmocka_unit_test(test_override),      cmocka_unit_test(test_controls_without_effect),
        cmocka_unit_test(test_large_sizes),   cmocka_unit_test(test_zeroing),
        cmocka_unit_test(test_huge_pages),    cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_collapse),      cmocka_unit_test(test_xmalloc),
        cmocka_unit_test(test_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

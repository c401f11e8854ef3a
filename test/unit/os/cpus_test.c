/*
 * cpus_test.c: CPU limits read from made-up /proc and cgroup trees, and the scheduler's CPU set.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/cpus.h"

static char root[PATH_MAX];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int make_root(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof(root), "%s/cpus_test.XXXXXX", tmp != NULL ? tmp : "/tmp");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state) {
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes root/path, making the directories it needs. */
static void put_bytes(const char *path, const void *bytes, size_t length) {
    char full[2 * PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        if (mkdir(full, 0755) != 0) {
            assert_int_equal(errno, EEXIST);
        }
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text) {
    put_bytes(path, text, strlen(text));
}

static void expect_limit(unsigned wanted) {
    errno = ENOTTY;
    assert_int_equal(cgroup_cpu_limit(root), wanted);
    assert_int_equal(errno, ENOTTY);
}

#define V2_MOUNTS                                                                                  \
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"                                               \
    "23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"                                       \
    "24 22 0:22 / /sys/fs/cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"

#define V1_MOUNTS                                                                                  \
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                                   \
    "33 31 0:30 / /sys/fs/cgroup/cpuset rw shared:7 - cgroup cgroup rw,cpuset\n"                   \
    "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:8 - cgroup cgroup rw,cpu,cpuacct\n"         \
    "35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"

static void test_nothing_there(void **state) {
    (void)state;
    expect_limit(0);
    put("/proc/self/cgroup", "0::/a\n");
    expect_limit(0); /* no mountinfo */
    put("/proc/self/mountinfo", "");
    expect_limit(0);
    put("/proc/self/mountinfo", V2_MOUNTS);
    expect_limit(0); /* no cpu.max */
    put("/proc/self/cgroup", "");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    expect_limit(0); /* in no group */
    put("/proc/self/cgroup", "0::/a\n");
    expect_limit(2);
}

static void test_v2(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/my.service\n");
    put("/proc/self/mountinfo", V2_MOUNTS);
    static const struct {
        const char *text;
        unsigned limit;
    } rows[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"100001 100000\n", 2},
        {"250000 100000", 3},
        {"1000 100000\n", 1},
        {"50000 10000\n", 5},
        {"6400000 100000\n", 64},
        {"1 1000000\n", 1},
        {"0 100000\n", 0},
        {"100000 0\n", 0},
        {"100000\n", 0},
        {"-1 100000\n", 0},
        {"100000 100000x\n", 0},
        {" 100000 100000\n", 0},
        {"", 0},
        {"\n", 0},
        {"200000  100000\n", 0},
        {"99999999999999999999 1\n", 0},
        {"18446744073709651616 100000\n", 0}, /* 2^64 + 100000 */
        {"900000000000000000 1\n", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put("/sys/fs/cgroup/system.slice/my.service/cpu.max", rows[i].text);
        expect_limit(rows[i].limit);
    }
}

static void test_v2_strictest_level(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/proc/self/mountinfo", V2_MOUNTS);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "700000 100000\n");
    expect_limit(7);
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    expect_limit(3);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    expect_limit(3);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "150000 100000\n");
    expect_limit(2);
    put("/sys/fs/cgroup/cpu.max", "50000 100000\n"); /* the top counts too */
    expect_limit(1);
}

/* Mounted from a group that is not the hierarchy's top, as containers without an own namespace
 * see it: the path below the mount is what remains of our group's name. */
static void test_top_is_a_group(void **state) {
    (void)state;
    put("/proc/self/mountinfo", "24 22 0:22 /docker/0123 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/cpu.max", "500000 100000\n");
    put("/sys/fs/cgroup/job/cpu.max", "200000 100000\n");
    put("/sys/fs/cgroup/docker/0123/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup4/cpu.max", "100000 100000\n");
    put("/proc/self/cgroup", "0::/docker/0123\n");
    expect_limit(5);
    put("/proc/self/cgroup", "0::/docker/0123/job\n");
    expect_limit(2);
    put("/proc/self/cgroup", "0::/docker/01234\n"); /* another group, not below the top */
    expect_limit(5);
    put("/proc/self/cgroup", "0::/elsewhere/job\n");
    expect_limit(5);
}

static void test_v1(void **state) {
    (void)state;
    put("/proc/self/cgroup", "12:cpuset:/x\n5:cpuacct,cpu:/a/b\n0::/v2\n");
    put("/proc/self/mountinfo", V2_MOUNTS V1_MOUNTS);
    put("/sys/fs/cgroup/v2/cpu.max", "100000 100000\n"); /* must not be looked at */
    expect_limit(0);
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    expect_limit(0);
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "350000\n");
    expect_limit(4);
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "90000\n");
    expect_limit(4); /* no period there */
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
    expect_limit(2);
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "junk\n");
    expect_limit(4);
}

/* v1 for other controllers only: v2 has the say over CPU time, whatever the order of the lines. */
static void test_hybrid(void **state) {
    (void)state;
    put("/proc/self/mountinfo", V1_MOUNTS);
    put("/sys/fs/cgroup/unified/a/cpu.max", "300000 100000\n");
    put("/proc/self/cgroup", "0::/a\n9:cpuset,cpuacct:/b\n1:name=cpu:/c\n");
    expect_limit(3);
    put("/proc/self/cgroup", "9:cpuset,cpuacct:/b\n0::/a\n");
    expect_limit(3);
}

static void test_escaped_mount_point(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a b\n");
    put("/proc/self/mountinfo", "24 22 0:22 / /my\\040groups\\134x rw - cgroup2 cgroup2 rw\n");
    put("/my groups\\x/a b/cpu.max", "200000 100000\n");
    expect_limit(2);
}

/* Lines too long for the reader are stepped over, wherever they end. */
static void test_long_lines(void **state) {
    (void)state;
    static char text[8000];
    put("/proc/self/cgroup", "0::/a\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    for (size_t length = 900; length < 3300; length += length < 1100 ? 1 : 67) {
        memset(text, 'x', length);
        text[length] = '\n';
        strcpy(text + length + 1, V2_MOUNTS);
        put("/proc/self/mountinfo", text);
        expect_limit(3);
        /* A mount in the tail of a long line is no mount, wherever the reader stopped. Up to 1023
         * bytes with the newline are read whole, and then it is one, without a limit. */
        static const char tail[] = "24 22 0:22 / /tail rw - cgroup2 cgroup2 rw\n";
        strcpy(text + length, tail);
        strcat(text, V2_MOUNTS);
        put("/proc/self/mountinfo", text);
        expect_limit(length + strlen(tail) <= 1023 ? 0 : 3);
    }
}

/* Paths longer than the buffers set no limit. */
static void test_long_paths(void **state) {
    (void)state;
    static char text[4000];
    put("/proc/self/mountinfo", V2_MOUNTS);
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    for (size_t length = 600; length < 1100; length++) {
        size_t n = (size_t)sprintf(text, "0::/");
        memset(text + n, 'g', length);
        strcpy(text + n + length, "\n");
        put("/proc/self/cgroup", text);
        unsigned limit = cgroup_cpu_limit(root);
        assert_true(limit == 0 || limit == 3);
        assert_true(length > 650 ? length < 768 || limit == 0 : limit == 3);
    }
}

static void test_random_bytes(void **state) {
    (void)state;
    static const char alphabet[] = "0::/a\n4:cpu,- cgroup2 cgroup rw,cpu /sys/fs/\\0407 9\n\0max";
    uint64_t seed = 20261121;
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    for (unsigned round = 0; round < 1500; round++) {
        char bytes[2000];
        size_t length = 0;
        unsigned wanted = (unsigned)(seed % sizeof(bytes));
        while (length < wanted) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[length++] =
                seed % 16 == 0 ? (char)(seed >> 32) : alphabet[(seed >> 8) % sizeof(alphabet)];
        }
        static const char *const paths[] = {"/proc/self/cgroup", "/proc/self/mountinfo",
                                            "/sys/fs/cgroup/a/cpu.max"};
        for (unsigned i = 0; i < 3; i++) {
            static const char *const good[] = {"0::/a\n", V2_MOUNTS, "300000 100000\n"};
            if (round % 3 == i) {
                put_bytes(paths[i], bytes, length);
            } else {
                put(paths[i], good[i]);
            }
        }
        unsigned limit = cgroup_cpu_limit(root);
        assert_true(round % 3 == 2 || limit == 0 || limit == 3);
    }
}

/* Runs in a child, whose CPU set it narrows to one CPU after the other. */
static int count_in_child(void) {
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        return 1;
    }
    unsigned count = os_cpu_count();
    if (count < 1 || count > (unsigned)CPU_COUNT(&all)) {
        return 2;
    }
    unsigned limit = cgroup_cpu_limit("");
    unsigned wanted = (unsigned)CPU_COUNT(&all);
    if (limit != 0 && limit < wanted) {
        wanted = limit;
    }
    if (count != wanted) {
        return 3;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) {
            continue;
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof(one), &one) != 0) {
            return 4;
        }
        if (os_cpu_count() != 1) {
            return 5;
        }
    }
    return 0;
}

static void test_affinity(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(count_in_child());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOT(test_nothing_there),
        IN_ROOT(test_v2),
        IN_ROOT(test_v2_strictest_level),
        IN_ROOT(test_top_is_a_group),
        IN_ROOT(test_v1),
        IN_ROOT(test_hybrid),
        IN_ROOT(test_escaped_mount_point),
        IN_ROOT(test_long_lines),
        IN_ROOT(test_long_paths),
        IN_ROOT(test_random_bytes),
        cmocka_unit_test(test_affinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

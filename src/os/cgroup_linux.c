/*
 * cgroup_linux.c: CPU limits of the scheduler and of control groups.
 *
 * A control group's limit holds for all groups below it, so the one that counts is the smallest on
 * the way from our own group up to the top of what is mounted:
 *   /proc/self/cgroup      our group in each hierarchy: "0::/a/b" (v2), "4:cpu,cpuacct:/a/b" (v1)
 *   /proc/self/mountinfo   where each hierarchy is mounted, and which of its groups is on top
 *   <mount>/a/b/cpu.max    v2: "quota period" in microseconds, or "max period"
 *   <mount>/a/b/cpu.cfs_quota_us, cpu.cfs_period_us    v1: quota is -1 for none
 * Invariants: whatever is missing, unreadable, too long or not understood sets no limit.
 * Locks:      none. Buffers are on the stack, small enough for a thread of the smallest stack.
 *             System calls are made directly: the C library's open() and read() are places where
 *             a thread can be cancelled, and an allocation must not be one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fmt.h"

enum {
    MAX_LINE = 1024,
    MAX_PATH = 768,
    MAX_NUMBERS = 64,    /* bytes of a file that holds one or two numbers */
    MAX_AFFINITY = 1024, /* bytes of a CPU set: the 8192 CPUs that Linux is built for at most */
};

/* ---- files ---- */

static int open_file(const char *path) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

static void close_file(int file) {
    (void)syscall(SYS_close, file);
}

/* The bytes read, 0 at the end or after an error. */
static size_t read_some(int file, char *buffer, size_t capacity) {
    long n;
    do {
        n = syscall(SYS_read, file, buffer, capacity);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

/* Reads a file line by line. Lines longer than the buffer are left out. */
struct lines {
    int file;
    size_t start; /* the next line begins here */
    size_t end;   /* bytes in text */
    char text[MAX_LINE];
};

/* Moves the unread rest to the front and reads behind it. */
static bool lines_refill(struct lines *lines) {
    memmove(lines->text, lines->text + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
    size_t n = read_some(lines->file, lines->text + lines->end, MAX_LINE - 1 - lines->end);
    lines->end += n;
    return n > 0;
}

/* The next line, zero-terminated, or NULL at the end. Valid until the next call. */
static char *lines_next(struct lines *lines) {
    bool too_long = false;
    for (;;) {
        char *line = lines->text + lines->start;
        char *newline = memchr(line, '\n', lines->end - lines->start);
        if (newline != NULL) {
            lines->start = (size_t)(newline + 1 - lines->text);
            *newline = '\0';
            if (!too_long) {
                return line;
            }
            too_long = false;
            continue;
        }
        if (lines->end - lines->start == MAX_LINE - 1) {
            too_long = true;
            lines->start = lines->end;
        }
        if (!lines_refill(lines)) {
            return NULL;
        }
    }
}

/* ---- words and numbers ---- */

/* Ends the word at *cursor, steps behind it, and returns it; NULL when there is none left. */
static char *next_word(char **cursor, char separator) {
    char *word = *cursor;
    if (word == NULL) {
        return NULL;
    }
    char *end = strchr(word, separator);
    *cursor = end == NULL ? NULL : end + 1;
    if (end != NULL) {
        *end = '\0';
    }
    return word;
}

static bool has_word(char *list, const char *wanted) {
    char *word;
    while ((word = next_word(&list, ',')) != NULL) {
        if (strcmp(word, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* A decimal number at *text, which moves behind it. False when there is none or it is too large. */
static bool take_number(const char **text, uint64_t *number) {
    const char *p = *text;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (n > (uint64_t)INT64_MAX / 10 - 1) {
            return false;
        }
        n = n * 10 + (uint64_t)(*p - '0');
    }
    bool some = p != *text;
    *text = p;
    *number = n;
    return some;
}

static bool at_end(const char *text) {
    return *text == '\0' || (*text == '\n' && text[1] == '\0');
}

/* Blanks and the like are written \040 in mountinfo; this undoes it in place. */
static void unescape(char *text) {
    char *to = text;
    for (char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* ---- one hierarchy ---- */

enum version { CGROUP_V1, CGROUP_V2 };

/* The smaller of two limits, 0 being none. */
static unsigned stricter(unsigned a, unsigned b) {
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

static unsigned cpus_of(uint64_t quota, uint64_t period) {
    if (quota == 0 || period == 0) {
        return 0;
    }
    uint64_t cpus = (quota - 1) / period + 1;
    return cpus <= UINT_MAX ? (unsigned)cpus : 0;
}

/* Reads the small file directory/name into text. */
static bool read_numbers(const struct fmt *directory, const char *name, char text[MAX_NUMBERS]) {
    char path[MAX_PATH];
    struct fmt full;
    fmt_init(&full, path, sizeof(path));
    fmt_strn(&full, directory->buffer, directory->length);
    fmt_char(&full, '/');
    fmt_str(&full, name);
    if (fmt_room(&full) == 0) {
        return false;
    }
    int file = open_file(path);
    if (file < 0) {
        return false;
    }
    size_t length = read_some(file, text, MAX_NUMBERS - 1);
    text[length] = '\0';
    close_file(file);
    return length > 0;
}

/* "max 100000" has no number in front and so sets no limit. */
static unsigned limit_v2(const struct fmt *directory) {
    char text[MAX_NUMBERS];
    const char *p = text;
    uint64_t quota;
    uint64_t period;
    if (!read_numbers(directory, "cpu.max", text) || !take_number(&p, &quota) || *p++ != ' ' ||
        !take_number(&p, &period) || !at_end(p)) {
        return 0;
    }
    return cpus_of(quota, period);
}

/* A quota of -1 is no number here and so sets no limit. */
static unsigned limit_v1(const struct fmt *directory) {
    char text[MAX_NUMBERS];
    const char *p = text;
    uint64_t quota;
    uint64_t period;
    if (!read_numbers(directory, "cpu.cfs_quota_us", text) || !take_number(&p, &quota) ||
        !at_end(p)) {
        return 0;
    }
    p = text;
    if (!read_numbers(directory, "cpu.cfs_period_us", text) || !take_number(&p, &period) ||
        !at_end(p)) {
        return 0;
    }
    return cpus_of(quota, period);
}

/* The strictest limit from `group` up to the mount point itself. */
static unsigned limit_of_path(enum version version, const char *root, const char *mount_point,
                              const char *group) {
    char text[MAX_PATH];
    struct fmt path;
    fmt_init(&path, text, sizeof(text));
    fmt_str(&path, root);
    fmt_str(&path, mount_point);
    size_t top = path.length;
    fmt_str(&path, group);
    if (fmt_room(&path) == 0) {
        return 0;
    }
    unsigned limit = 0;
    for (;;) {
        while (path.length > top && text[path.length - 1] == '/') {
            text[--path.length] = '\0';
        }
        limit = stricter(limit, version == CGROUP_V2 ? limit_v2(&path) : limit_v1(&path));
        if (path.length <= top) {
            return limit;
        }
        while (path.length > top && text[path.length - 1] != '/') {
            text[--path.length] = '\0';
        }
    }
}

/* `group` as seen from a mount whose top is the group `top`. Inside a container our group may be
 * named from outside, where nothing below the mount has that name; the top is all we can see. */
static const char *below(const char *group, const char *top) {
    size_t length = strlen(top);
    if (strcmp(top, "/") == 0) {
        return group;
    }
    if (strncmp(group, top, length) == 0 && (group[length] == '/' || group[length] == '\0')) {
        return group + length;
    }
    return "";
}

/* ---- the files in /proc ---- */

static bool lines_open(struct lines *lines, const char *root, const char *name) {
    struct fmt path;
    fmt_init(&path, lines->text, sizeof(lines->text));
    fmt_str(&path, root);
    fmt_str(&path, name);
    lines->file = fmt_room(&path) == 0 ? -1 : open_file(lines->text);
    lines->start = 0;
    lines->end = 0;
    return lines->file >= 0;
}

/* Our group in the hierarchy that limits CPU time, "id:controllers:path" in /proc/self/cgroup. A v1
 * hierarchy with the cpu controller rules out v2, which then has no say over CPU time. */
static bool find_group(const char *root, struct lines *lines, char group[MAX_PATH],
                       enum version *version) {
    if (!lines_open(lines, root, "/proc/self/cgroup")) {
        return false;
    }
    bool found = false;
    char *rest;
    while ((rest = lines_next(lines)) != NULL) {
        const char *id = next_word(&rest, ':');
        char *controllers = next_word(&rest, ':');
        size_t length = rest == NULL ? 0 : strlen(rest);
        if (length == 0 || rest[0] != '/' || length >= MAX_PATH) {
            continue;
        }
        bool v2 = strcmp(id, "0") == 0 && controllers[0] == '\0';
        bool v1 = !v2 && has_word(controllers, "cpu");
        if (v1 || v2) {
            memcpy(group, rest, length + 1);
            *version = v1 ? CGROUP_V1 : CGROUP_V2;
            found = true;
        }
        if (v1) {
            break;
        }
    }
    close_file(lines->file);
    return found;
}

/* One mount that shows our hierarchy:
 * "36 25 0:31 <top> <mount point> <options> [tags...] - <type> <source> <superblock options>". */
static bool parse_mount(char *line, enum version version, char **top, char **mount_point) {
    char *rest = line;
    for (unsigned i = 0; i < 3; i++) {
        (void)next_word(&rest, ' ');
    }
    *top = next_word(&rest, ' ');
    *mount_point = next_word(&rest, ' ');
    const char *word;
    do {
        word = next_word(&rest, ' ');
    } while (word != NULL && strcmp(word, "-") != 0);
    const char *type = next_word(&rest, ' ');
    (void)next_word(&rest, ' ');
    if (type == NULL || rest == NULL) {
        return false;
    }
    if (version == CGROUP_V2 ? strcmp(type, "cgroup2") != 0
                             : strcmp(type, "cgroup") != 0 || !has_word(rest, "cpu")) {
        return false;
    }
    unescape(*top);
    unescape(*mount_point);
    return true;
}

static unsigned find_limit(const char *root) {
    struct lines lines;
    char group[MAX_PATH];
    enum version version;
    if (!find_group(root, &lines, group, &version) ||
        !lines_open(&lines, root, "/proc/self/mountinfo")) {
        return 0;
    }
    unsigned limit = 0;
    char *line;
    while ((line = lines_next(&lines)) != NULL) {
        char *top;
        char *mount_point;
        if (parse_mount(line, version, &top, &mount_point)) {
            limit = limit_of_path(version, root, mount_point, below(group, top));
            break;
        }
    }
    close_file(lines.file);
    return limit;
}

unsigned cgroup_cpu_limit(const char *root) {
    int saved = errno;
    unsigned limit = find_limit(root);
    errno = saved;
    return limit;
}

static unsigned affinity_count(void) {
    uint64_t set[MAX_AFFINITY / sizeof(uint64_t)];
    int saved = errno;
    /* The kernel says how many bytes it wrote. */
    long n = syscall(SYS_sched_getaffinity, 0, sizeof(set), set);
    errno = saved;
    unsigned count = 0;
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(set[0]); i++) {
        count += (unsigned)__builtin_popcountll(set[i]);
    }
    return count > 0 ? count : 1;
}

unsigned os_cpu_count(void) {
    unsigned count = affinity_count();
    /* Groups can only lower it. */
    return count == 1 ? 1 : stricter(count, cgroup_cpu_limit(""));
}

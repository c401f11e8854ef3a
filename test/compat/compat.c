/*
 * compat.c: says what a library with jemalloc's interface answers, for compat_test.py to compare.
 *
 * Usage: compat sizes | calls | json | controls < REQUESTS
 * Runs on whatever libjemalloc.so.2 is preloaded. Each line of output is a question and its answer.
 */
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LARGEST_SMALL ((size_t)64 << 10)

/* ---- usable sizes ---- */

/* Neighbouring sizes with one answer are one line: function, lg(alignment), from, to, answer. */
struct series {
    const char *function;
    unsigned lg_align;
    size_t from, to, answer;
};

static void series_end(struct series *series) {
    if (series->from != 0) {
        printf("%s %u %zu %zu %zu\n", series->function, series->lg_align, series->from, series->to,
               series->answer);
    }
    series->from = 0;
}

static void series_add(struct series *series, size_t size, size_t answer) {
    if (series->from != 0 && (answer != series->answer || size != series->to + 1)) {
        series_end(series);
    }
    if (series->from == 0) {
        series->from = size;
        series->answer = answer;
    }
    series->to = size;
}

struct sizes {
    struct series nallocx, sallocx, usable;
};

static struct sizes sizes_begin(unsigned lg_align) {
    return (struct sizes){
        .nallocx = {.function = "nallocx", .lg_align = lg_align},
        .sallocx = {.function = "sallocx", .lg_align = lg_align},
        .usable = {.function = "malloc_usable_size", .lg_align = lg_align},
    };
}

static void sizes_end(struct sizes *sizes) {
    series_end(&sizes->nallocx);
    series_end(&sizes->sallocx);
    series_end(&sizes->usable);
}

static void sizes_ask(struct sizes *sizes, size_t size, bool allocate) {
    int flags = MALLOCX_LG_ALIGN(sizes->nallocx.lg_align);
    series_add(&sizes->nallocx, size, nallocx(size, flags));
    if (!allocate) {
        return;
    }
    void *p = mallocx(size, flags);
    bool is_aligned = ((uintptr_t)p & (((size_t)1 << sizes->nallocx.lg_align) - 1)) == 0;
    series_add(&sizes->sallocx, size, p != NULL && is_aligned ? sallocx(p, flags) : 0);
    series_add(&sizes->usable, size, malloc_usable_size(p));
    if (p != NULL) {
        sdallocx(p, size, flags);
    }
}

static void ask_small_sizes(void) {
    for (unsigned lg_align = 0; lg_align <= 16; lg_align++) {
        struct sizes sizes = sizes_begin(lg_align);
        for (size_t size = 1; size <= LARGEST_SMALL; size++) {
            sizes_ask(&sizes, size, true);
        }
        sizes_end(&sizes);
    }
}

/* Around powers of two. Memory is not touched, but a system may refuse to promise more than it has. */
static void ask_large_sizes(void) {
    static const long around[] = {-4097, -4096, -4095, -65, -64,  -1,   0,
                                  1,     63,    64,    65,  4095, 4096, 4097};
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned lg_align = 0; lg_align < 64; lg_align++) {
        struct sizes sizes = sizes_begin(lg_align);
        for (unsigned lg = 17; lg <= 62; lg++) {
            for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
                size_t size = ((size_t)1 << lg) + (size_t)around[i];
                bool fits =
                    lg <= 33 && lg_align <= 33 && size + ((size_t)1 << lg_align) < memory / 2;
                sizes_ask(&sizes, size, fits);
            }
        }
        sizes_end(&sizes);
    }
}

/* ---- calls whose arguments or circumstances are out of the ordinary ---- */

static void say(const char *call, const char *answer) {
    printf("%s -> %s\n", call, answer);
}

/* Whether there is an object, and errno. */
static void say_object(const char *call, void *p) {
    char answer[64];
    snprintf(answer, sizeof(answer), "%s, errno %d", p != NULL ? "object" : "NULL", errno);
    say(call, answer);
    free(p);
    errno = 0;
}

static void say_number(const char *call, size_t number) {
    char answer[64];
    snprintf(answer, sizeof(answer), "%zu, errno %d", number, errno);
    say(call, answer);
    errno = 0;
}

#define OBJECT(call) say_object(#call, call)
#define NUMBER(call) say_number(#call, (size_t)(call))

static void ask_libc_calls(void) {
    volatile size_t huge = SIZE_MAX - 4096;
    volatile size_t more_than_half = (size_t)PTRDIFF_MAX + 1;
    volatile size_t largest = (size_t)7 << 60;
    volatile size_t zero = 0;
    volatile size_t three = 3;
    errno = 0;
    OBJECT(malloc(0));
    OBJECT(malloc(huge));
    OBJECT(malloc(more_than_half));
    OBJECT(malloc(largest + 1));
    OBJECT(calloc(0, 5));
    OBJECT(calloc(huge, 2));
    OBJECT(calloc(more_than_half, 1));
    OBJECT(realloc(NULL, huge));
    OBJECT(realloc(NULL, 0));
    OBJECT(realloc(malloc(100), 0));
    OBJECT(aligned_alloc(zero, 100));
    OBJECT(aligned_alloc(three, 100));
    OBJECT(aligned_alloc(1, 100));
    OBJECT(aligned_alloc(4096, 5));
    OBJECT(aligned_alloc(4096, huge));
    OBJECT(memalign(zero, 100));
    OBJECT(memalign(three, 100));
    OBJECT(memalign(64, huge));
    OBJECT(valloc(huge));
    void *p = &errno;
    NUMBER(posix_memalign(&p, 0, 8));
    NUMBER(posix_memalign(&p, 4, 8));
    NUMBER(posix_memalign(&p, 24, 8));
    NUMBER(posix_memalign(&p, 16, huge));
    say("posix_memalign leaves the pointer", p == &errno ? "yes" : "no");
    NUMBER(malloc_usable_size(NULL));
    errno = ERANGE;
    free(malloc(1 << 20));
    say_number("errno after free", 0);
}

static void ask_extended_calls(void) {
    volatile size_t huge = SIZE_MAX - 4096;
    void *p = mallocx(100, 0);
    say_object("rallocx(p, too much, 0)", rallocx(p, huge, 0));
    NUMBER(sallocx(p, 0));
    NUMBER(xallocx(p, 100, 0, 0));
    NUMBER(xallocx(p, 112, 100, 0));
    NUMBER(xallocx(p, 200, 0, 0));
    NUMBER(xallocx(p, 10, 0, 0));
    NUMBER(xallocx(p, huge, 0, 0));
    NUMBER(xallocx(p, 100, SIZE_MAX - 100, 0));
    dallocx(p, 0);
    p = mallocx(1 << 20, 0);
    NUMBER(xallocx(p, 1 << 19, 0, 0));
    NUMBER(xallocx(p, 1 << 14, 0, 0));
    dallocx(p, 0);
    OBJECT(mallocx(huge, 0));
    OBJECT(mallocx(100, MALLOCX_LG_ALIGN(63)));
    OBJECT(mallocx(100, MALLOCX_ALIGN(1)));
    OBJECT(mallocx(100, MALLOCX_ARENA(4000) | MALLOCX_TCACHE_NONE));
    OBJECT(mallocx(100, MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO));
    NUMBER(nallocx(1, MALLOCX_ALIGN(8192)));
    NUMBER(nallocx(100, MALLOCX_ALIGN(64)));
    NUMBER(nallocx(8, MALLOCX_LG_ALIGN(62)));
    NUMBER(nallocx(8, MALLOCX_LG_ALIGN(63)));
    NUMBER(nallocx(huge, 0));
    NUMBER(nallocx(0, MALLOCX_ZERO) != 0);
    NUMBER(nallocx(100, MALLOCX_ZERO | MALLOCX_TCACHE_NONE | MALLOCX_ARENA(0)));

    /* MALLOCX_ARENA alone after an object of another arena was cached. */
    unsigned arena = 0;
    unsigned found = 0;
    size_t length = sizeof(arena);
    mallctl("arenas.create", &arena, &length, NULL, 0);
    free(malloc(100));
    p = mallocx(100, MALLOCX_ARENA(arena));
    mallctl("arenas.lookup", &found, &length, &p, sizeof(p));
    say("MALLOCX_ARENA alone gives an object of that arena", found == arena ? "yes" : "no");
    dallocx(p, MALLOCX_TCACHE_NONE);
}

/* ---- controls ---- */

/* A request is NAME SIZE ACCESS, the last two as the documentation says: what is asked is every way of
 * getting it wrong, and reading; writes only give back what was read. */
static void say_control(const char *name, const char *way, int error, size_t length) {
    printf("%s %s -> %d, %zu\n", name, way, error, length);
}

static void ask_control(const char *name, size_t size, const char *access) {
    unsigned char value[256] = {0};
    unsigned char other[256] = {0};
    size_t length = size;
    int error = mallctl(name, value, &length, NULL, 0);
    say_control(name, "read", error, length);
    bool readable = access[0] == 'r';
    for (size_t wrong = 0; readable && wrong <= size + 1; wrong += size + 1) {
        length = wrong;
        say_control(name, wrong == 0 ? "read-0" : "read-long",
                    mallctl(name, other, &length, NULL, 0), length);
    }
    if (readable && size > 1) {
        length = size - 1;
        int short_error = mallctl(name, other, &length, NULL, 0);
        say_control(name, "read-short", short_error, length);
    }
    length = size;
    if (readable) {
        say_control(name, "read-nowhere", mallctl(name, NULL, &length, NULL, 0), 0);
        /* jemalloc 5.3.0 stores through the NULL. */
        if (strcmp(name, "tcache.create") != 0) {
            say_control(name, "read-no-length", mallctl(name, other, NULL, NULL, 0), 0);
        }
    }
    /* Of the wrong length: refused, so harmless. */
    say_control(name, "write-short", mallctl(name, NULL, NULL, value, size - 1), 0);
    say_control(name, "write-long", mallctl(name, NULL, NULL, value, size + 1), 0);
    if (access[1] != 'w') {
        say_control(name, "write", mallctl(name, NULL, NULL, value, size), 0);
    } else if (readable && error == 0) {
        say_control(name, "write-back", mallctl(name, NULL, NULL, value, size), 0);
    }

    char longer[256];
    snprintf(longer, sizeof(longer), "%s.x", name);
    length = size;
    say_control(longer, "read", mallctl(longer, other, &length, NULL, 0), length);
    size_t mib[16];
    size_t parts = 16;
    say_control(longer, "mib", mallctlnametomib(longer, mib, &parts), 0);
    parts = 16;
    error = mallctlnametomib(name, mib, &parts);
    say_control(name, "mib", error, error == 0 ? parts : 0);
    if (error != 0) {
        return;
    }
    if (readable) {
        length = size;
        say_control(name, "bymib", mallctlbymib(mib, parts, other, &length, NULL, 0), length);
    }
    length = size;
    say_control(name, "bymib-short", mallctlbymib(mib, parts - 1, other, &length, NULL, 0), 0);
    size_t room = parts - 1;
    say_control(name, "mib-truncated", mallctlnametomib(name, mib, &room), room);
}

static void ask_controls(void) {
    char name[200];
    char access[8];
    size_t size;
    while (scanf("%199s %zu %7s", name, &size, access) == 3) {
        ask_control(name, size, access);
    }
}

/* ---- statistics ---- */

static void copy_text(void *file, const char *text) {
    fputs(text, file);
}

static int usage(void) {
    fputs("usage: compat sizes | calls | json | controls\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    const char *version = "";
    size_t length = sizeof(version);
    mallctl("version", (void *)&version, &length, NULL, 0);
    const char *what = argc == 2 ? argv[1] : "";
    if (strcmp(what, "json") == 0) {
        malloc_stats_print(copy_text, stdout, "J");
        return 0;
    }
    printf("version %s\n", version);
    if (strcmp(what, "sizes") == 0) {
        ask_small_sizes();
        ask_large_sizes();
    } else if (strcmp(what, "calls") == 0) {
        ask_libc_calls();
        ask_extended_calls();
    } else if (strcmp(what, "controls") == 0) {
        ask_controls();
    } else {
        return usage();
    }
    return 0;
}

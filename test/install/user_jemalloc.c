/*
 * user_jemalloc.c: a program written for jemalloc: its header, its functions, its names.
 *
 * Exits 0 when all of it behaves as jemalloc 5.3 documents it; it is built against ashlar's header and
 * run on ashlar's and on jemalloc's library, plain and with a prefix. Prints the file that mallctl comes
 * from and the library's version.
 */
#define _GNU_SOURCE /* dladdr */
#define JEMALLOC_NO_DEMANGLE
#include <dlfcn.h>
#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <string.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

/* The flags are part of the binary interface. */
_Static_assert(MALLOCX_LG_ALIGN(6) == 6, "alignment");
_Static_assert(MALLOCX_ZERO == 0x40, "zero");
_Static_assert(MALLOCX_TCACHE_NONE == 0x100 && MALLOCX_TCACHE(0) == 0x200, "tcache");
_Static_assert(MALLOCX_TCACHE(4093) == 0xfff00, "the last tcache");
_Static_assert(MALLOCX_ARENA(0) == 0x100000, "arena");
_Static_assert((unsigned)MALLOCX_ARENA(4094) == 0xfff00000u, "the last arena");
_Static_assert(sizeof(extent_hooks_t) == 9 * sizeof(void *), "hooks");

static int failures;

static void check(bool condition, const char *what) {
    if (!condition) {
        printf("FAILED: %s\n", what);
        failures++;
    }
}

static void objects(void) {
    check(MALLOCX_ALIGN(64) == 6 && MALLOCX_ALIGN((size_t)1 << 40) == 40, "MALLOCX_ALIGN");
    unsigned char *p = je_mallocx(100, MALLOCX_ALIGN(4096) | MALLOCX_ZERO);
    check(p != NULL && (uintptr_t)p % 4096 == 0 && p[0] == 0 && p[99] == 0, "mallocx");
    check(je_sallocx(p, 0) >= 100 && je_sallocx(p, 0) == je_malloc_usable_size(p), "sallocx");
    memset(p, 'x', 100);
    p = je_rallocx(p, 5000, MALLOCX_ZERO);
    check(p != NULL && p[99] == 'x' && p[4999] == 0, "rallocx");
    check(je_sallocx(p, 0) == je_nallocx(5000, 0), "nallocx");
    check(je_xallocx(p, 5000, 0, 0) == je_nallocx(5000, 0), "xallocx");
    je_sdallocx(p, 5000, 0);
    p = je_mallocx(1, MALLOCX_TCACHE_NONE);
    check(je_sallocx(p, 0) == 8, "the smallest object");
    je_dallocx(p, MALLOCX_TCACHE_NONE);
    p = je_malloc(10);
    p = je_realloc(p, 1000);
    check(p != NULL && je_malloc_usable_size(p) == 1024, "realloc");
    je_free(p);
    void *aligned = NULL;
    check(je_posix_memalign(&aligned, 256, 300) == 0 && (uintptr_t)aligned % 256 == 0,
          "posix_memalign");
    je_free(aligned);
}

static void arenas(void) {
    unsigned arena = 0;
    size_t length = sizeof(arena);
    check(je_mallctl("arenas.create", &arena, &length, NULL, 0) == 0 && arena > 0, "arenas.create");
    void *p = je_mallocx(3000, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    unsigned found = 0;
    check(p != NULL && je_mallctl("arenas.lookup", &found, &length, &p, sizeof(p)) == 0 &&
              found == arena,
          "arenas.lookup");
    je_dallocx(p, MALLOCX_TCACHE_NONE);

    size_t mib[3];
    size_t parts = 3;
    check(je_mallctlnametomib("arena.0.destroy", mib, &parts) == 0 && parts == 3, "nametomib");
    mib[1] = arena;
    check(je_mallctlbymib(mib, parts, NULL, NULL, NULL, 0) == 0, "arena.<i>.destroy");

    char name[64];
    snprintf(name, sizeof(name), "arena.%s.purge", STRING(MALLCTL_ARENAS_ALL));
    check(je_mallctl(name, NULL, NULL, NULL, 0) == 0, "purging all arenas");
}

static size_t written;

static void count_text(void *opaque, const char *text) {
    check(opaque == &written, "cbopaque");
    written += strlen(text);
}

static void options(void) {
    bool tcache = true;
    size_t length = sizeof(tcache);
    check(je_mallctl("opt.tcache", &tcache, &length, NULL, 0) == 0, "opt.tcache");
    check(!tcache, "the options in malloc_conf count");
    je_malloc_stats_print(count_text, &written, "Ja");
    check(written > 100, "malloc_stats_print");
}

const char *je_malloc_conf = "tcache:false";

int main(void) {
    objects();
    arenas();
    options();
    const char *version = "";
    size_t length = sizeof(version);
    check(je_mallctl("version", (void *)&version, &length, NULL, 0) == 0, "version");
    union {
        int (*function)(const char *, void *, size_t *, void *, size_t);
        void *address;
    } function = {je_mallctl};
    Dl_info where = {0};
    dladdr(function.address, &where);
    printf("mallctl from %s, version %s\n", where.dli_fname, version);
    return failures == 0 ? 0 : 1;
}

/*
 * stack.c: a variable on the stack, given to each function that takes an object. CRIME, which the
 * build defines, is a row of the table: one program each.
 */
#include <stddef.h>

#include "crimes/crime.h"
#include "support/api.h"
#include "support/hide.h"
#include "support/report.h"

enum { VARIABLE = 64, TCACHE_NONE = 1 << 8 };

static void do_free(void *p) {
    t_free(p);
}

static void do_free_sized(void *p) {
    t_free_sized(p, VARIABLE);
}

static void do_realloc(void *p) {
    EXPECT(t_realloc(p, 100) == NULL, "realloc went on with a variable");
}

static void do_usable_size(void *p) {
    size_t usable = t_malloc_usable_size(p);
    EXPECT(usable == 0, "malloc_usable_size answered %zu", usable);
}

static void do_dallocx(void *p) {
    t_dallocx(p, 0);
}

static void do_dallocx_uncached(void *p) {
    t_dallocx(p, TCACHE_NONE);
}

static void do_sdallocx(void *p) {
    t_sdallocx(p, VARIABLE, 0);
}

static void do_rallocx(void *p) {
    EXPECT(t_rallocx(p, 100, 0) == NULL, "rallocx went on with a variable");
}

enum { FREE, FREE_SIZED, REALLOC, USABLE_SIZE, DALLOCX, DALLOCX_UNCACHED, SDALLOCX, RALLOCX };

static const struct {
    char call[20];
    void (*misuse)(void *p);
} crimes[] = {
    [FREE] = {"free", do_free},
    [FREE_SIZED] = {"free_sized", do_free_sized},
    [REALLOC] = {"realloc", do_realloc},
    [USABLE_SIZE] = {"malloc_usable_size", do_usable_size},
    [DALLOCX] = {"dallocx", do_dallocx},
    [DALLOCX_UNCACHED] = {"dallocx", do_dallocx_uncached},
    [SDALLOCX] = {"sdallocx", do_sdallocx},
    [RALLOCX] = {"rallocx", do_rallocx},
};

const char *const crime_call = crimes[CRIME].call;
const char *const crime_message = "not an object of this allocator";
const char *const crime_options = NULL;

void crime_commit(void) {
    char variable[VARIABLE] = {0};
    void *pointer = hide_pointer(variable);
    crime_announce(pointer);
    crimes[CRIME].misuse(pointer);
}

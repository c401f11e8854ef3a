/*
 * mallctl.c: jemalloc's functions to read and write controls (ctl/ctl.h, docs/controls.md), and to print
 * statistics (report/report.h).
 */
#include <errno.h>

#include "api/names.h"
#include "base/compiler.h"
#include "base/upcall.h"
#include "ctl/ctl.h"
#include "report/report.h"

int API(mallctl)(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
int API(mallctlnametomib)(const char *name, size_t *mibp, size_t *miblenp);
int API(mallctlbymib)(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp, void *newp,
                      size_t newlen);
void API(malloc_stats_print)(void (*write_cb)(void *, const char *), void *cbopaque,
                             const char *opts);
extern void (*API(malloc_message))(void *opaque, const char *text);

EXPORT int API(mallctl)(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    return upcalls.start() ? ctl_by_name(name, oldp, oldlenp, newp, newlen) : EAGAIN;
}

EXPORT int API(mallctlnametomib)(const char *name, size_t *mibp, size_t *miblenp) {
    return upcalls.start() ? ctl_name_to_mib(name, mibp, miblenp) : EAGAIN;
}

EXPORT int API(mallctlbymib)(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
                             void *newp, size_t newlen) {
    return upcalls.start() ? ctl_by_mib(mib, miblen, oldp, oldlenp, newp, newlen) : EAGAIN;
}

/* Without write_cb, malloc_message gets cbopaque. */
EXPORT void API(malloc_stats_print)(void (*write_cb)(void *, const char *), void *cbopaque,
                                    const char *opts) {
    if (upcalls.start()) {
        report_print(write_cb != NULL ? write_cb : API(malloc_message), cbopaque, opts);
    }
}

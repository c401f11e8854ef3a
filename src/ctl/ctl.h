/*
 * ctl.h: the controls, a tree of named values by which a program sees and steers the allocator.
 *
 * Usage:      mib and depth of a name come from ctl_name_to_mib(); ctl_by_mib() reads, writes or
 *             carries out. Names are paths such as stats.arenas.0.bins.3.nmalloc; a number in a name
 *             is itself in the mib, a word is its position in the table of its level. Rows are added
 *             at the end of their level, so the numbers of words stay as they are, but for opt.*,
 *             whose numbers follow the table of options.
 * Locks:      ctl_lock is held while a value is written, an action carried out, or a snapshot read.
 *             Controls of the calling thread need none. An extent hook that such an action calls
 *             may use controls that show or change plain values, not statistics.
 * Checked by: test/unit/ctl/ and test/integration/mallctl_test.c.
 */
#ifndef ASHLAR_CTL_CTL_H
#define ASHLAR_CTL_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "pages/hooks.h" /* <jemalloc/jemalloc.h>: MALLCTL_ARENAS_ALL */
#include "sync/lock.h"

/* Longest path: stats.arenas.<i>.bins.<j>.mutex.<counter>. */
enum { CTL_DEPTH_MAX = 7 };

/* All return 0 or an errno, as documented for mallctl() (docs/controls.md). The library runs. */

/* *depth: how many numbers mib has room for, then how many it got. A path that does not end at a
 * control is accepted, too. */
int ctl_name_to_mib(const char *name, size_t *mib, size_t *depth);

/* A read: oldp and oldlenp are not NULL. A write: newp is not NULL. */
int ctl_by_mib(const size_t *mib, size_t depth, void *oldp, size_t *oldlenp, const void *newp,
               size_t newlen);

int ctl_by_name(const char *name, void *oldp, size_t *oldlenp, const void *newp, size_t newlen);

/* A value without knowing its type: for reports. */
enum ctl_answer_kind { CTL_ANSWER_BOOL, CTL_ANSWER_UNSIGNED, CTL_ANSWER_SIGNED, CTL_ANSWER_TEXT };

struct ctl_answer {
    enum ctl_answer_kind kind;
    union {
        uint64_t u64; /* BOOL: 0 or 1; UNSIGNED */
        int64_t i64;
        const char *text;
    };
    char room[24]; /* for text that is made */
};

/* Reads a control that is a number, a truth value or a text. ENOENT: it is none of these, too. */
int ctl_ask(const char *name, struct ctl_answer *answer);

/* For fork. */
extern struct lock ctl_lock;
extern struct lock ctl_epoch_lock;

#endif

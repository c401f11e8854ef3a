/*
 * report.h: the statistics as text for people, as JSON with jemalloc's keys, or as OpenMetrics.
 */
#ifndef ASHLAR_REPORT_REPORT_H
#define ASHLAR_REPORT_REPORT_H

#include "report/writer.h"
#include "stats/detail.h"

/* What to print. */
struct report_parts {
    bool json;
    bool openmetrics;
    bool general;
    bool merged;
    bool destroyed;
    bool arenas;
    bool bins;
    bool large;
    bool mutexes;
    bool extents;
    bool hpa;
};

/* Refreshes the statistics, then writes a report in pieces: zero-terminated texts of at most 4 KiB.
 * write: NULL means malloc_message or stderr. letters: J JSON, o OpenMetrics; left out are: g general
 * information, m the sum of arenas, d what destroyed arenas left, a single arenas, b bins, l large
 * classes, x mutexes, e extents, h chunks. NULL: none; others have no meaning. */
void report_print(write_function *write, void *opaque, const char *letters);

void report_json(struct writer *w, const struct report_parts *parts);
void report_text(struct writer *w, const struct report_parts *parts);
void report_openmetrics(struct writer *w, const struct report_parts *parts);

/* ---- for the three of them ---- */

enum { REPORT_HPA_ALLOCS = 9, REPORT_ARENA_NAME = 32 };

/* Names of controls in jemalloc's order; each list is for word_next(). */
extern const char report_config[], report_options[], report_prof[];
extern const char report_mutexes[], report_arena_mutexes[], report_arena_bytes[];

/* An unsigned number; 0 when there is no such control. */
uint64_t report_number(const char *control);

/* Numbers of arenas are below; which of them the last refresh has (or MALLCTL_ARENAS_DESTROYED). */
unsigned report_narenas(void);
bool report_has_arena(unsigned arena);
bool report_wants_merged(const struct report_parts *parts);
/* false: it has just been destroyed. */
bool report_arena_name(unsigned arena, char name[REPORT_ARENA_NAME]);

#endif

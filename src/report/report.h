/*
 * report.h: the statistics as text for people, as JSON with jemalloc's keys, or as OpenMetrics.
 */
#ifndef ASHLAR_REPORT_REPORT_H
#define ASHLAR_REPORT_REPORT_H

#include "report/writer.h"

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

/* Arenas in the last refresh. */
/* Classes of lengths of unused runs: stats.arenas.<i>.extents.<j>. */
enum { REPORT_PAGE_CLASSES = 199 };

unsigned report_narenas(void);
bool report_has_arena(unsigned arena);

#endif

/*
 * report.h: the statistics as text for people, written to malloc_message or stderr.
 */
#ifndef ASHLAR_STATS_REPORT_H
#define ASHLAR_STATS_REPORT_H

/* Does not allocate. Any thread. */
void report_write(void);

#endif

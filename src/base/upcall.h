/*
 * upcall.h: the few places where a lower layer must be heard above.
 *
 * The table is a constant that api/init.c defines, so it works before anything was initialised.
 */
#ifndef ASHLAR_BASE_UPCALL_H
#define ASHLAR_BASE_UPCALL_H

#include <stdbool.h>

struct pages;

struct upcalls {
    /* Where a line of diagnostics goes: malloc_message, or file descriptor 2. */
    void (*message)(const char *text);
    /* Starts the library if nobody has; false when there is no memory for it. Any thread. */
    bool (*start)(void);
    /* Between these the calling thread runs an extent hook of the program's: what it allocates comes from
     * arena 0, and not from memory that only a hook could give. enter's result goes to leave. */
    void *(*enter_hook)(void);
    void (*leave_hook)(void *state);
    bool (*in_hook)(void);
    /* An arena has more unused memory than purge_alarm says, or (again) a decay curve changed. */
    void (*unused)(struct pages *pages, bool again);
    /* Another stats_interval bytes have been allocated. */
    void (*report)(void);
};
extern const struct upcalls upcalls;

#endif

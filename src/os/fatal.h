/*
 * fatal.h: diagnostics, and the end of a process whose memory can no longer be trusted.
 *
 * Nothing here allocates, and every line is written with one call, so that lines of several threads
 * do not mix. Every line begins with "<ashlar>: ".
 */
#ifndef ASHLAR_OS_FATAL_H
#define ASHLAR_OS_FATAL_H

#include <stdatomic.h>
#include <stdbool.h>

/* Writes zero-terminated text (one line, ending in \n) to malloc_message, or to stderr. */
void message_write(const char *text);

/* Gets the last line instead of malloc_message or stderr, where it is not NULL. The process aborts when it
 * returns: what was detected cannot be undone. */
extern void (*_Atomic fatal_hook)(const char *text);

/* "<ashlar>: WHAT": something that the program can live without does not work. Ends the process if
 * warnings_abort. */
void warn(const char *what);
extern _Atomic bool warnings_abort;

/* "<ashlar>: CALL(POINTER): WHAT", then abort. `call` names the public function. */
_Noreturn void fatal_pointer(const char *call, const void *pointer, const char *what);

/* "<ashlar>: WHAT", then abort. */
_Noreturn void fatal(const char *what);

#endif

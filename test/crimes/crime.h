/*
 * crime.h: what every file in this folder defines: one misuse, and what must be said about it.
 *
 * A crime's main() (crime.c) runs itself as a child, which calls crime_commit(). The child must end
 * by SIGABRT, with exactly one line on stderr that matches
 *     <ashlar>: CALL(POINTER): crime_message
 * where POINTER is what the criminal announced with crime_announce() right before.
 */
#ifndef ASHLAR_TEST_CRIMES_CRIME_H
#define ASHLAR_TEST_CRIMES_CRIME_H

extern const char *const crime_call;    /* as in the message: "free" */
extern const char *const crime_message; /* POSIX extended regular expression for the whole rest */
extern const char *const crime_options; /* for MALLOC_CONF, or NULL */

/* Must not come back; when it does, the misuse went unnoticed. */
void crime_commit(void);

/* Tells the judge which pointer is going to be misused. */
void crime_announce(const void *pointer);

#endif

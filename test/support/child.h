/*
 * child.h: runs this program again, with an argument and options, and keeps what it wrote.
 *
 * Usage:  main() of a test sees whether argv[1] is CHILD_ARGUMENT; if so argv[2] says which part to
 *         play. The parent calls child_run("part", "junk:true", &result) and looks at the result.
 * Options that the whole test run has in MALLOC_CONF stay in force: the child's come behind them.
 */
#ifndef ASHLAR_TEST_SUPPORT_CHILD_H
#define ASHLAR_TEST_SUPPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHILD_ARGUMENT "--child"

enum { CHILD_TEXT = 256 * 1024, CHILD_SECONDS = 60 };

/* What a child can be told to do. */
struct child_part {
    const char *name;
    int (*play)(void); /* its exit status */
};

/* Plays the part of that name; 2 if there is none. */
int child_play(const struct child_part *parts, size_t nparts, const char *name);

struct child_result {
    int status; /* as of waitpid() */
    char out[CHILD_TEXT];
    char err[CHILD_TEXT];
};

/* conf NULL: no options but those of the test run. The child gets SIGALRM after CHILD_SECONDS. */
void child_run(const char *part, const char *conf, struct child_result *result);

/* Becomes this program anew, as execv() does; returns only if that fails. Where the program runs in an emulator,
 * ASHLAR_TEST_EMULATOR is its path and its options, with a space between each. */
void child_become(const char *const *argv);
bool child_is_emulated(void);

bool child_exited(const struct child_result *result, int code);
bool child_aborted(const struct child_result *result);

/* Whether text matches a POSIX extended regular expression; ^ and $ match at line ends. */
bool child_matches(const char *text, const char *expression);

/* The status in words, in a static buffer. */
const char *child_status_text(const struct child_result *result);

#ifdef __cplusplus
}
#endif

#endif

/*
 * crime.c: main() of a crime: criminal as a child, judge as the parent.
 */
#include "crimes/crime.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/child.h"
#include "support/report.h"

enum { POINTER_TEXT = 40, EXPRESSION_TEXT = 400, GOT_AWAY = 3 };

static struct child_result result;

void crime_announce(const void *pointer) {
    char text[POINTER_TEXT];
    int length = snprintf(text, sizeof(text), "0x%lx\n", (unsigned long)pointer);
    ssize_t written = write(STDOUT_FILENO, text, (size_t)length);
    (void)written;
}

/* The last line that was announced. */
static void find_announced(char *pointer) {
    char *text = result.out;
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '\n') {
        report_failure("the criminal announced nothing; %s; stderr: %s", child_status_text(&result),
                       result.err);
    }
    text[length - 1] = '\0';
    const char *line = strrchr(text, '\n');
    snprintf(pointer, POINTER_TEXT, "%.30s", line == NULL ? text : line + 1);
}

static int judge(void) {
    child_run("crime", crime_options, &result);
    char pointer[POINTER_TEXT];
    find_announced(pointer);
    char expected[EXPRESSION_TEXT];
    snprintf(expected, sizeof(expected), "^<ashlar>: %s\\(%s\\): %s$", crime_call, pointer,
             crime_message);
    if (child_exited(&result, GOT_AWAY)) {
        report_failure("went unnoticed; expected: %s", expected);
    }
    if (!child_aborted(&result)) {
        report_failure("ended with %s instead of abort; stderr: %s", child_status_text(&result),
                       result.err);
    }
    size_t length = strlen(result.err);
    if (length == 0 || strchr(result.err, '\n') != result.err + length - 1) {
        report_failure("not exactly one line on stderr: %s", result.err);
    }
    if (!child_matches(result.err, expected)) {
        report_failure("expected: %s, said: %s", expected, result.err);
    }
    printf("%s", result.err);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], CHILD_ARGUMENT) == 0) {
        crime_commit();
        return GOT_AWAY;
    }
    return judge();
}

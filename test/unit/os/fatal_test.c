/*
 * fatal_test.c: what warnings and fatal messages look like, and which of them end the process.
 */
#include "unit/unit.h"

#include "os/fatal.h"

static char what[] = "it rains";

static void warn_about(void *context) {
    warn(context);
}

static void end_for(void *context) {
    fatal(context);
}

static bool warn_and_go_on(void *context) {
    int ends[2];
    char text[64] = "";
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        return false;
    }
    warn(context);
    return read(ends[0], text, sizeof(text) - 1) > 0 && strcmp(text, "<ashlar>: it rains\n") == 0;
}

static void test_warnings(void **state) {
    (void)state;
    unit_expect_in_child(warn_and_go_on, what);
    atomic_store(&warnings_abort, true); /* the option abort */
    unit_expect_abort(warn_about, what, "<ashlar>: it rains\n");
    atomic_store(&warnings_abort, false);
}

static void test_fatal(void **state) {
    (void)state;
    unit_expect_abort(end_for, what, "<ashlar>: it rains\n");
}

int main(void) {
    unit_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

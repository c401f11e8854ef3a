/*
 * expect_child.h: what tests of options expect of this program when it plays a part (support/child.h).
 */
#ifndef ASHLAR_TEST_INTEGRATION_EXPECT_CHILD_H
#define ASHLAR_TEST_INTEGRATION_EXPECT_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/child.h"

static struct child_result result; /* of the last child */

static inline void say_result(const char *part, const char *conf) {
    print_error("part %s with %s: %s\nstdout: %s\nstderr: %s\n", part, conf,
                child_status_text(&result), result.out, result.err);
}

/* The part ends with status 0 and writes exactly this, and nothing to stderr. */
static inline void expect_out(const char *part, const char *conf, const char *out) {
    child_run(part, conf, &result);
    if (!child_exited(&result, 0) || strcmp(result.out, out) != 0 || result.err[0] != '\0') {
        say_result(part, conf);
    }
    assert_true(child_exited(&result, 0));
    assert_string_equal(result.err, "");
    assert_string_equal(result.out, out);
}

#endif

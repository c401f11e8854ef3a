/*
 * check.h: two ways to say what must hold.
 *
 * ASSERT  states an invariant of our own code; compiled in debug and sanitizer builds only.
 * CHECK   guards against corruption from outside; always on, kept off the hot paths.
 * Both report the expression and the place without allocating, and abort. An operating system is
 * needed for that, so check_failed() is defined one layer up (os/fatal.c).
 */
#ifndef ASHLAR_BASE_CHECK_H
#define ASHLAR_BASE_CHECK_H

#include "base/compiler.h"
#include "base/config.h"

_Noreturn void check_failed(const char *expression, const char *file, int line);

#define CHECK(e) (likely(e) ? (void)0 : check_failed(#e, __FILE__, __LINE__))
#define ASSERT(e) (!config_debug || likely(e) ? (void)0 : check_failed(#e, __FILE__, __LINE__))

#endif

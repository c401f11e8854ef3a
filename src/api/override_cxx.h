/*
 * override_cxx.h: calling C++ code that may throw, from C.
 */
#ifndef ASHLAR_API_OVERRIDE_CXX_H
#define ASHLAR_API_OVERRIDE_CXX_H

#include <stdbool.h>

/* Calls the function and catches what it throws. true: it returned; false: it threw. */
bool cxx_call_catching(void (*function)(void));

#endif

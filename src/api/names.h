/*
 * names.h: how public functions are named in this build.
 *
 * API(malloc) is malloc, or ashlar_malloc in the build that tests link, which leaves libc's alone.
 */
#ifndef ASHLAR_API_NAMES_H
#define ASHLAR_API_NAMES_H

#include "base/config.h"

#ifdef ASHLAR_API_PREFIX
#define API_JOIN(prefix, name) prefix##name
#define API_EXPAND(prefix, name) API_JOIN(prefix, name)
#define API(name) API_EXPAND(ASHLAR_API_PREFIX, name)
#else
#define API(name) name
#endif

#endif

/*
 * fork.h: a usable heap in parent and child of a fork, from any thread at any time.
 */
#ifndef ASHLAR_API_FORK_H
#define ASHLAR_API_FORK_H

#include "sync/lock.h"

/* Installs the handlers; called once, while the library starts. */
void fork_register(void);

extern struct lock init_lock;

#endif

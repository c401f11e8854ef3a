/*
 * exchange.h: what happens when a thread's loaded magazine is empty or full.
 *
 * In order of cost: swap it with the thread's spare one; exchange it at the depot; fill it from slabs
 * (or, through the depot's cap, send the oldest parked one home).
 */
#ifndef ASHLAR_CACHE_EXCHANGE_H
#define ASHLAR_CACHE_EXCHANGE_H

#include "cache/thread.h"

/* Makes the class's bin hold at least one object. false: no memory. */
bool exchange_refill(struct thread *thread, unsigned class);

/* Makes room for one object in the class's bin. false: no memory for a magazine; the object must go
 * home directly. */
bool exchange_make_room(struct thread *thread, unsigned class);

#endif

/*
 * exchange.h: what happens when a thread's loaded magazine is empty or full.
 *
 * In order of cost: swap it with the thread's spare one; exchange it at the depot; fill it from slabs
 * (or, through the depot's cap, send the oldest parked one home). Strict caches know no depot: there
 * magazines are filled from an arena and drained to where their objects belong.
 */
#ifndef ASHLAR_CACHE_EXCHANGE_H
#define ASHLAR_CACHE_EXCHANGE_H

#include "cache/thread.h"

/* Makes the class's bin hold at least one object. false: no memory. */
bool exchange_refill_from(struct thread *thread, unsigned class, struct arena *arena);
static inline bool exchange_refill(struct thread *thread, unsigned class) {
    return exchange_refill_from(thread, class, thread->arena);
}

/* Makes room for one object, p, in the class's bin. false: there is no memory for a magazine, or p is
 * better off at home; it must be drained directly. */
bool exchange_make_room(struct thread *thread, unsigned class, const void *p);

#endif

/*
 * arenas.c: creating arenas and spreading threads over them.
 */
#include "heap/arenas.h"

#include "meta/meta.h"
#include "opt/opt.h"
#include "os/cpus.h"

struct space arenas_space;
struct lock arenas_lock = {.rank = RANK_ARENAS};

static struct arena *_Atomic table[ARENAS_MAX];
static _Atomic unsigned ncreated; /* written under arenas_lock */
static _Atomic unsigned limit;    /* 0: not computed yet; written under arenas_lock */

struct arena *arenas_get(unsigned i) {
    return i < ARENAS_MAX ? atomic_load_explicit(&table[i], memory_order_acquire) : NULL;
}

unsigned arenas_count(void) {
    return atomic_load_explicit(&ncreated, memory_order_acquire);
}

/* Asking for the CPUs costs system calls, so it waits until a second thread appears. */
unsigned arenas_limit(void) {
    unsigned n = atomic_load_explicit(&limit, memory_order_relaxed);
    if (n == 0) {
        unsigned ncpus = os_cpu_count();
        n = opts.narenas != 0 ? opts.narenas : ncpus == 1 ? 1 : 2 * ncpus;
        n = n < ARENAS_MAX ? n : ARENAS_MAX - 1;
        atomic_store_explicit(&limit, n, memory_order_relaxed);
    }
    return n;
}

static struct arena *create_locked(void) {
    lock_assert_held(&arenas_lock);
    unsigned index = arenas_count();
    struct arena *arena = index < ARENAS_MAX ? meta_alloc(sizeof(*arena)) : NULL;
    if (arena == NULL) {
        return NULL;
    }
    arena_init(arena, index, &arenas_space);
    atomic_store_explicit(&table[index], arena, memory_order_release);
    atomic_store_explicit(&ncreated, index + 1, memory_order_release);
    return arena;
}

bool arenas_init(void) {
    if (arenas_count() != 0) {
        return true;
    }
    space_init(&arenas_space);
    lock_acquire(&arenas_lock);
    bool created = create_locked() != NULL;
    lock_release(&arenas_lock);
    return created;
}

static unsigned nthreads_of(const struct arena *arena) {
    return atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
}

struct arena *arenas_bind(void) {
    lock_acquire(&arenas_lock);
    struct arena *best = arenas_get(0);
    for (unsigned i = 1; i < arenas_count() && nthreads_of(best) > 0; i++) {
        struct arena *arena = arenas_get(i);
        if (nthreads_of(arena) < nthreads_of(best)) {
            best = arena;
        }
    }
    if (nthreads_of(best) > 0 && arenas_count() < arenas_limit()) {
        struct arena *created = create_locked();
        best = created != NULL ? created : best;
    }
    atomic_fetch_add_explicit(&best->nthreads, 1, memory_order_relaxed);
    lock_release(&arenas_lock);
    return best;
}

void arenas_unbind(struct arena *arena) {
    lock_acquire(&arenas_lock);
    atomic_fetch_sub_explicit(&arena->nthreads, 1, memory_order_relaxed);
    lock_release(&arenas_lock);
}

void arenas_unbind_all(void) {
    for (unsigned i = 0; i < arenas_count(); i++) {
        atomic_store_explicit(&arenas_get(i)->nthreads, 0, memory_order_relaxed);
    }
}

void arenas_rebind(struct arena *arena) {
    atomic_fetch_add_explicit(&arena->nthreads, 1, memory_order_relaxed);
}

void arenas_decay(uint64_t now_ns) {
    for (unsigned i = 0; i < arenas_count(); i++) {
        purge_decayed(&arenas_get(i)->pages, now_ns);
    }
}

void arenas_check(void) {
    for (unsigned i = 0; i < arenas_count(); i++) {
        arena_check(arenas_get(i));
    }
    space_check(&arenas_space);
}

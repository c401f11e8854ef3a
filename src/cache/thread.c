/*
 * thread.c: a thread's life: boot, running, gone.
 *
 * Starting costs one block from a pool and the binding to an arena; ending costs what the thread used:
 * its magazines are parked as they are, and the next thread begins warm.
 */
#include "cache/thread.h"

#include <pthread.h>

#include "base/upcall.h"
#include "cache/depot.h"
#include "cache/event.h"
#include "heap/arenas.h"
#include "meta/pool.h"
#include "opt/opt.h"

/* What every bin without a magazine points at: pops NULL, and one past it there is no room. */
static void *const dummy[1];
#define DUMMY_BIN                                                                                  \
    { .top = (void **)(uintptr_t)&dummy[0], .limit = (void **)(uintptr_t)&dummy[1] }

struct thread boot_thread = {.bins = {[0 ... NCLASSES - 1] = DUMMY_BIN}};
struct thread gone_thread; /* its bins are set by threads_init, which saves as many relocations */
TLS_INITIAL_EXEC struct thread *this_thread = &boot_thread;

struct lock threads_lock = {.rank = RANK_THREADS};
struct pool thread_pool = POOL_INIT(sizeof(struct thread));

static struct list registry = {&registry, &registry};
static pthread_key_t key;

void thread_load_dummy(struct thread *thread, unsigned class) {
    thread->bins[class].top = boot_thread.bins[class].top;
    thread->bins[class].limit = boot_thread.bins[class].limit;
}

/* Takes the loaded magazine out of its bin, if the two fit together: a fork may have found the thread
 * in between. */
static struct magazine *unload(struct thread *thread, unsigned class) {
    struct magazine *magazine = thread->loaded[class];
    struct cache_bin bin = thread->bins[class];
    thread->loaded[class] = NULL;
    thread_load_dummy(thread, class);
    if (magazine == NULL) {
        return NULL;
    }
    ptrdiff_t count = bin.top + 1 - magazine->slot;
    if (count < 0 || count > (ptrdiff_t)magazine->capacity) {
        return NULL;
    }
    magazine->count = (uint32_t)count;
    return magazine;
}

static void give_away(unsigned class, struct magazine *magazine) {
    if (magazine == NULL) {
        return;
    }
    if (magazine->count > 0) {
        depot_park(class, magazine);
    } else {
        magazine_put(magazine);
    }
}

void thread_flush(struct thread *thread) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (thread->loaded[class] != NULL) {
            give_away(class, unload(thread, class));
        }
        give_away(class,
                  atomic_exchange_explicit(&thread->spare[class], NULL, memory_order_acq_rel));
        thread->lg_want[class] = 1;
    }
    large_cache_empty(&thread->large);
    purge_after_free(&thread->arena->pages);
}

static void setup(struct thread *thread) {
    for (unsigned class = 0; class < NCLASSES; class ++) {
        thread_load_dummy(thread, class);
        thread->bins[class].left = 0;
        thread->bins[class].armed = 0;
        thread->loaded[class] = NULL;
        atomic_store_explicit(&thread->spare[class], NULL, memory_order_relaxed);
        thread->requests[class] = 0;
        thread->lg_want[class] = 1;
        thread->sent_home[class] = 0;
        event_arm(thread, class);
    }
    bool cached = opts.tcache && !opts.zero && opts.junk == JUNK_OFF;
    size_t max = opts.tcache_max < SIZECLASS_MAX ? opts.tcache_max : SIZECLASS_MAX;
    thread->last_cached = cached ? sizeclass_of(max) : 0;
    thread->ticks = 0;
    thread->large = (struct large_cache){0};
    thread->registry_link = (struct list){NULL, NULL};
    thread->arena = arenas_bind();
    large_cache_limit(&thread->large, thread->arena);
}

/* Counters outlive the thread in its arena; they move, so that nobody counts them twice. */
static void retire(struct thread *thread) {
    thread_flush(thread);
    pages_merge_tally(&thread->arena->pages, &thread->large.tally);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        uint64_t n = thread_requests(thread, class);
        if (n != 0) {
            thread->requests[class] = 0;
            thread->bins[class].armed = thread->bins[class].left;
            atomic_fetch_add_explicit(&thread->arena->merged_requests[class], n,
                                      memory_order_relaxed);
        }
    }
}

static void unregister(struct thread *thread) {
    lock_acquire(&threads_lock);
    list_remove(&thread->registry_link);
    lock_release(&threads_lock);
    pool_put(&thread_pool, thread);
}

/* The key's destructor. Other destructors may run after it and still allocate and free. */
static void thread_ends(void *value) {
    struct thread *thread = value;
    if (this_thread != thread) {
        return;
    }
    this_thread = &gone_thread;
    retire(thread);
    arenas_unbind(thread->arena);
    unregister(thread);
}

bool threads_init(void) {
    gone_thread.arena = arenas_get(0);
    for (unsigned class = 0; class < NCLASSES; class ++) {
        thread_load_dummy(&gone_thread, class);
    }
    return pthread_key_create(&key, thread_ends) == 0;
}

static struct thread *start_thread(void) {
    this_thread = &gone_thread; /* while we are at it, nested calls work without a cache */
    struct thread *thread = pool_get(&thread_pool);
    if (thread == NULL) {
        this_thread = &boot_thread;
        return &gone_thread;
    }
    setup(thread);
    lock_acquire(&threads_lock);
    list_push_back(&registry, &thread->registry_link);
    lock_release(&threads_lock);
    this_thread = thread;
    /* May allocate, and then finds the thread set up. Without it nobody would hear of the end. */
    if (pthread_setspecific(key, thread) != 0) {
        thread_ends(thread);
    }
    return this_thread;
}

struct thread *thread_enter_first(void) {
    if (!upcalls.start()) {
        return NULL;
    }
    return this_thread == &boot_thread ? start_thread() : this_thread;
}

void *thread_enter_hook(void) {
    struct thread *thread = this_thread;
    this_thread = &gone_thread;
    return thread;
}

void thread_leave_hook(void *state) {
    this_thread = state;
}

bool thread_in_hook(void) {
    return this_thread == &gone_thread;
}

/* Other threads read these while their owner counts; a word is read at once, so what they see was
 * true a moment ago. */
NO_SANITIZE_THREAD uint64_t thread_requests(const struct thread *thread, unsigned class) {
    const struct cache_bin *bin = &thread->bins[class];
    return thread->requests[class] + (uint64_t)((int64_t)bin->armed - bin->left);
}

NO_SANITIZE_THREAD size_t thread_cached(const struct thread *thread, unsigned class) {
    size_t n = 0;
    const struct magazine *loaded = thread->loaded[class];
    if (loaded != NULL) {
        ptrdiff_t count = thread->bins[class].top + 1 - loaded->slot;
        n += count > 0 && count <= (ptrdiff_t)loaded->capacity ? (size_t)count : 0;
    }
    const struct magazine *spare =
        atomic_load_explicit(&thread->spare[class], memory_order_acquire);
    return n + (spare != NULL ? spare->count : 0);
}

void threads_visit(void (*visit)(struct thread *thread, void *context), void *context) {
    lock_acquire(&threads_lock);
    for (struct list *node = registry.next; node != &registry; node = node->next) {
        visit(list_entry(node, struct thread, registry_link), context);
    }
    lock_release(&threads_lock);
}

void threads_after_fork(void) {
    arenas_unbind_all();
    struct list *node = registry.next;
    while (node != &registry) {
        struct thread *thread = list_entry(node, struct thread, registry_link);
        node = node->next;
        if (thread == this_thread) {
            arenas_rebind(thread->arena);
        } else {
            retire(thread);
            unregister(thread);
        }
    }
}

/*
 * thread.c: a thread's life: boot, running, gone.
 *
 * Starting costs one block from a pool and the binding to an arena; ending costs what the thread used:
 * its magazines are parked as they are, and the next thread begins warm.
 */
#include "cache/thread.h"

#include <pthread.h>
#include <string.h>

#include "base/upcall.h"
#include "cache/background.h"
#include "cache/depot.h"
#include "cache/event.h"
#include "cache/slots.h"
#include "heap/arenas.h"
#include "meta/pool.h"
#include "opt/opt.h"

/* What every bin without a magazine points at: pops NULL, and one past it there is no room. */
static void *const dummy[1];
#define DUMMY_PLACE(i) ((void **)(uintptr_t)&dummy[i])

struct thread boot_thread = {.bins = {.top = {[0 ... NCLASSES - 1] = DUMMY_PLACE(0)},
                                      .limit = {[0 ... NCLASSES - 1] = DUMMY_PLACE(1)}},
                             .active = &boot_thread.bins};
/* Bins of these are set by threads_init, which saves as many relocations. */
struct thread gone_thread;
struct thread freed_thread;
TLS_INITIAL_EXEC struct thread *this_thread = &boot_thread;

enum { LARGEST_FIRST_PAIR = 512 };

struct lock threads_lock = {.rank = RANK_THREADS};
struct pool thread_pool = POOL_INIT(sizeof(struct thread));
struct pool shadow_pool = POOL_INIT(sizeof(struct cache_bins));

static struct list registry = {&registry, &registry};
static unsigned nregistered; /* threads in it; guarded by threads_lock */
static pthread_key_t key;

void thread_load_dummy(struct thread *thread, unsigned class) {
    thread->active->top[class] = boot_thread.bins.top[class];
    thread->active->limit[class] = boot_thread.bins.limit[class];
}

/* Takes the loaded magazine out of its bin, if the two fit together: a fork may have found the thread
 * in between. */
static struct magazine *unload(struct thread *thread, unsigned class) {
    struct magazine *magazine = thread->loaded[class];
    void **top = thread->active->top[class];
    thread->loaded[class] = NULL;
    thread_load_dummy(thread, class);
    if (magazine == NULL) {
        return NULL;
    }
    ptrdiff_t count = top + 1 - magazine->slot;
    if (count < 0 || count > (ptrdiff_t)magazine->capacity) {
        return NULL;
    }
    magazine->count = (uint32_t)count;
    return magazine;
}

static void give_away(struct thread *thread, unsigned class, struct magazine *magazine, bool home) {
    if (magazine == NULL) {
        return;
    }
    thread->moved[class] += magazine->count;
    if (magazine->count > 0 && !home) {
        depot_park(thread->arena, class, magazine);
        return;
    }
    arena_drain(class, magazine->slot, magazine->count);
    magazine_put(magazine);
}

/* Log2 of how many objects the first refill brings: of larger sizes one, since what a thread does not use of
 * them lies between what others use, and is resident with it. */
static uint8_t first_want(unsigned class) {
    return sizeclasses[class].size <= LARGEST_FIRST_PAIR;
}

static bool is_empty(const struct thread *thread, unsigned class) {
    return thread->loaded[class] == NULL &&
           atomic_load_explicit(&thread->spare[class], memory_order_relaxed) == NULL;
}

static void flush_class(struct thread *thread, unsigned class, bool home) {
    if (thread->loaded[class] != NULL) {
        give_away(thread, class, unload(thread, class), home);
    }
    if (atomic_load_explicit(&thread->spare[class], memory_order_relaxed) != NULL) {
        give_away(thread, class,
                  atomic_exchange_explicit(&thread->spare[class], NULL, memory_order_acq_rel),
                  home);
    }
    thread->lg_want[class] = first_want(class);
}

static void flush(struct thread *thread, bool home) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (!is_empty(thread, class)) {
            flush_class(thread, class, home);
        }
    }
    large_cache_empty(&thread->large);
    purge_after_free(&thread->arena->pages);
}

void thread_flush(struct thread *thread) {
    flush(thread, thread->strict);
}

void thread_flush_home(struct thread *thread) {
    flush(thread, true);
}

void thread_flush_class_home(struct thread *thread, unsigned class) {
    flush_class(thread, class, true);
}

/* Filling or marking every object means seeing every operation, so such options end caching. */
void thread_apply_slots(struct thread *thread) {
    bool on = thread->caching && !opts.zero && opts.junk == JUNK_OFF;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        bool cached = on && class <= thread->last_cached;
        thread->slots[class] = cached ? thread->chosen_slots[class] : 0;
    }
    thread->keeps_large = on;
}

static uint8_t first_slots[NCLASSES]; /* by the options; const after threads_init */

void thread_set_up(struct thread *thread, struct arena *arena) {
    size_t kept = offsetof(struct thread, active);
    memset((char *)thread + kept, 0, sizeof(*thread) - kept);
    thread->active = &thread->bins;
    thread->arena = arena;
    thread->caching = opts.tcache;
    for (unsigned class = 0; class < NCLASSES; class ++) {
        thread_load_dummy(thread, class);
        thread->bins.left[class] = EVENT_REQUESTS;
        thread->bins.armed[class] = EVENT_REQUESTS;
        thread->lg_want[class] = first_want(class);
    }
    if (atomic_load_explicit(&thread_events_generation, memory_order_relaxed) != 0) {
        thread->ticks = EVENT_TICKS; /* it learns of events at once */
    }
    memcpy(thread->chosen_slots, first_slots, sizeof(first_slots));
    size_t max = opts.tcache_max < SIZECLASS_MAX ? opts.tcache_max : SIZECLASS_MAX;
    thread->last_cached = (uint8_t)sizeclass_of(max);
    thread_apply_slots(thread);
}

/* Under the lock of the registry, so that no snapshot counts anything twice or not at all. */
void thread_hand_over_counters(struct thread *thread) {
    lock_acquire(&threads_lock);
    pages_merge_tally(&thread->arena->pages, &thread->large.tally);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        uint64_t n = thread_requests(thread, class);
        if (n != 0) {
            thread->requests[class] = 0;
            thread->active->armed[class] = thread->active->left[class];
            thread->moved[class] += (int64_t)n;
            thread->allocated += thread->armed ? 0 : n * sizeclasses[class].size;
            atomic_fetch_add_explicit(&thread->arena->merged_requests[class], n,
                                      memory_order_relaxed);
        }
    }
    lock_release(&threads_lock);
}

/* Counters outlive the thread in its arena; they move, so that nobody counts them twice. */
static void retire(struct thread *thread) {
    thread_flush(thread);
    thread_hand_over_counters(thread);
}

/* Whenever a fork happens, the bins in use hold all that both hold. */
bool thread_use_shadow(struct thread *thread) {
    if (thread->active != &thread->bins) {
        return true;
    }
    if (thread->shadow == NULL) {
        thread->shadow = pool_get(&shadow_pool);
    }
    struct cache_bins *shadow = thread->shadow;
    if (shadow == NULL) {
        return false;
    }
    *shadow = thread->bins;
    __atomic_store_n(&thread->active, shadow, __ATOMIC_RELEASE); /* statistics may be read */
    for (unsigned class = 0; class < NCLASSES; class ++) {
        thread->bins.top[class] = boot_thread.bins.top[class];
        thread->bins.limit[class] = boot_thread.bins.limit[class];
    }
    return true;
}

void thread_leave_shadow(struct thread *thread) {
    if (thread->active == &thread->bins) {
        return;
    }
    thread->bins = *thread->shadow;
    __atomic_store_n(&thread->active, &thread->bins, __ATOMIC_RELEASE);
}

void thread_register(struct thread *thread) {
    lock_acquire(&threads_lock);
    list_push_back(&registry, &thread->registry_link);
    if (!thread->explicit) {
        background_thread_began(++nregistered);
    }
    lock_release(&threads_lock);
}

void thread_unregister(struct thread *thread) {
    lock_acquire(&threads_lock);
    list_remove(&thread->registry_link);
    if (!thread->explicit) {
        background_thread_ended(--nregistered);
    }
    lock_release(&threads_lock);
    if (thread->shadow != NULL) {
        pool_put(&shadow_pool, thread->shadow);
    }
    pool_put(&thread_pool, thread);
}

/* The key's destructor. Other destructors may run after it and still allocate and free. */
static void thread_ends(void *value) {
    struct thread *thread = value;
    if (this_thread != thread) {
        return;
    }
    this_thread = &gone_thread;
    thread_events_end(thread);
    retire(thread);
    arenas_unbind(thread->arena);
    thread_unregister(thread);
}

bool threads_init(void) {
    slots_by_options(first_slots);
    gone_thread.arena = arenas_get(0);
    gone_thread.active = &gone_thread.bins;
    freed_thread.active = &freed_thread.bins;
    for (unsigned class = 0; class < NCLASSES; class ++) {
        thread_load_dummy(&gone_thread, class);
        thread_load_dummy(&freed_thread, class);
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
    thread_set_up(thread, arenas_bind());
    large_cache_limit(&thread->large, thread->arena);
    thread_register(thread);
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
    return thread_is_new(this_thread) ? start_thread() : this_thread;
}

/* What a thread that never asked for anything frees is most often what the C library had for it or for another one
 * that ended, after all destructors: if it were set up now, nobody would hear of its end. So its first free
 * changes nothing but the step it is at, and of the next ones of all such threads every eighth sets one up. */
struct thread *thread_enter_first_to_free(void) {
    enum { FREES = 8 };
    static _Atomic unsigned nfrees;
    if (!upcalls.start()) {
        return NULL;
    }
    if (!thread_is_new(this_thread)) {
        return this_thread;
    }
    bool first = this_thread == &boot_thread;
    if (first || atomic_fetch_add_explicit(&nfrees, 1, memory_order_relaxed) % FREES != FREES - 1) {
        this_thread = &freed_thread;
        return NULL;
    }
    return start_thread();
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
    const struct cache_bins *bins = thread->active;
    return thread->requests[class] + (uint64_t)((int64_t)bins->armed[class] - bins->left[class]);
}

NO_SANITIZE_THREAD size_t thread_cached(const struct thread *thread, unsigned class) {
    size_t n = 0;
    const struct magazine *loaded = thread->loaded[class];
    if (loaded != NULL) {
        ptrdiff_t count = thread->active->top[class] + 1 - loaded->slot;
        n += count > 0 && count <= (ptrdiff_t)loaded->capacity ? (size_t)count : 0;
    }
    const struct magazine *spare =
        atomic_load_explicit(&thread->spare[class], memory_order_acquire);
    return n + (spare != NULL ? spare->count : 0);
}

uint64_t thread_allocated(const struct thread *thread) {
    uint64_t sum = thread->allocated;
    for (unsigned class = 1; class < NCLASSES && !thread->armed; class ++) {
        sum += thread_requests(thread, class) * sizeclasses[class].size;
    }
    return sum;
}

uint64_t thread_deallocated(const struct thread *thread) {
    uint64_t sum = thread->deallocated;
    for (unsigned class = 1; class < NCLASSES && !thread->armed; class ++) {
        uint64_t freed = thread_requests(thread, class) + thread_cached(thread, class) +
                         (uint64_t)thread->moved[class] + counter_read(&thread->stolen[class]);
        sum += freed * sizeclasses[class].size;
    }
    return sum;
}

void thread_look_at_peak(struct thread *thread) {
    uint64_t past_magazines = thread->allocated - thread->deallocated;
    uint64_t all = thread_allocated(thread) - thread_deallocated(thread);
    thread->through_magazines = all - past_magazines;
    thread_note_peak(thread);
}

/* The owner may be exchanging magazines; what it sees of a number is a little old. */
NO_SANITIZE_THREAD static bool is_idle(struct thread *thread) {
    unsigned exchanges = thread->exchanges;
    bool idle = exchanges == thread->exchanges_seen;
    thread->exchanges_seen = exchanges;
    return idle;
}

void thread_steal_spares(struct thread *thread, bool all, struct list lists[NCLASSES]) {
    bool idle = is_idle(thread);
    if (thread->strict || (!idle && !all)) {
        return;
    }
    for (unsigned class = 1; class < NCLASSES; class ++) {
        if (atomic_load_explicit(&thread->spare[class], memory_order_relaxed) == NULL) {
            continue;
        }
        struct magazine *magazine =
            atomic_exchange_explicit(&thread->spare[class], NULL, memory_order_acq_rel);
        if (magazine == NULL) {
            continue;
        }
        counter_add(&thread->stolen[class], magazine->count);
        list_push_front(&lists[class], &magazine->link);
    }
}

void threads_visit(void (*visit)(struct thread *thread, void *context), void *context) {
    lock_acquire(&threads_lock);
    for (struct list *node = registry.next; node != &registry; node = node->next) {
        visit(list_entry(node, struct thread, registry_link), context);
    }
    lock_release(&threads_lock);
}

/* A fork may have found another thread at work on the cache: magazines that do not fit are lost. */
static void drop_torn(struct thread *cache) {
    for (unsigned class = 1; class < NCLASSES; class ++) {
        const struct magazine *loaded = cache->loaded[class];
        ptrdiff_t count = loaded != NULL ? cache->active->top[class] + 1 - loaded->slot : -1;
        if (count < 0 || count > (ptrdiff_t)loaded->capacity) {
            cache->loaded[class] = NULL;
            thread_load_dummy(cache, class);
        }
    }
}

void threads_after_fork(void) {
    arenas_unbind_all();
    struct list *node = registry.next;
    while (node != &registry) {
        struct thread *thread = list_entry(node, struct thread, registry_link);
        node = node->next;
        if (thread == this_thread) {
            arenas_rebind(thread->arena);
        } else if (thread->explicit) {
            drop_torn(thread);
        } else {
            retire(thread);
            thread_unregister(thread);
        }
    }
}

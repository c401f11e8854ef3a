/*
 * os_posix.c: the parts of os.h that any Unix system implements alike.
 *
 * Locks: none. Everything here may be called from any thread and keeps errno as it found it where a
 * failure is an expected answer.
 */
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "os/os_internal.h"

static void *map_pages(size_t size, int protection) {
    int saved = errno;
    void *address = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return address == MAP_FAILED ? NULL : address;
}

static void *posix_reserve(size_t size) {
    return map_pages(size, PROT_NONE);
}

static void *posix_reserve_readable(size_t size) {
    return map_pages(size, PROT_READ);
}

static void *posix_map(size_t size) {
    return map_pages(size, PROT_READ | PROT_WRITE);
}

static bool posix_commit(void *address, size_t size) {
    int saved = errno;
    bool done = mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
    errno = saved;
    return done;
}

static bool advise(void *address, size_t size, int advice) {
    int saved = errno;
    bool done = madvise(address, size, advice) == 0;
    errno = saved;
    return done;
}

static bool posix_purge(void *address, size_t size) {
    return advise(address, size, MADV_DONTNEED);
}

static bool posix_purge_lazy(void *address, size_t size) {
    return advise(address, size, MADV_FREE);
}

_Atomic size_t os_abandoned_bytes;

static void posix_release(void *address, size_t size) {
    int saved = errno;
    if (munmap(address, size) != 0) { /* for want of memory: it splits a mapping */
        atomic_fetch_add_explicit(&os_abandoned_bytes, size, memory_order_relaxed);
    }
    errno = saved;
}

struct os_page_ops os_page_ops = {
    .reserve = posix_reserve,
    .reserve_readable = posix_reserve_readable,
    .commit = posix_commit,
    .map = posix_map,
    .purge = posix_purge,
    .purge_lazy = posix_purge_lazy,
    .move = os_linux_move,
    .collapse = os_linux_collapse,
    .release = posix_release,
};

size_t os_address_space_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return SIZE_MAX;
    }
    return limit.rlim_cur;
}

uint64_t os_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void os_avoid_huge_pages(void *address, size_t size) {
#ifdef MADV_NOHUGEPAGE
    advise(address, size, MADV_NOHUGEPAGE);
#else
    (void)address;
    (void)size;
#endif
}

bool os_prefer_huge_pages(void *address, size_t size) {
#ifdef MADV_HUGEPAGE
    return advise(address, size, MADV_HUGEPAGE);
#else
    (void)address;
    (void)size;
    return false;
#endif
}

bool os_read_link(const char *path, char *buffer, size_t capacity) {
    int saved = errno;
    ssize_t length = readlink(path, buffer, capacity - 1);
    errno = saved;
    if (length < 0) {
        return false;
    }
    buffer[length] = '\0';
    return true;
}

/* A stack too small for the program's thread-local data is refused. */
static bool create(void *(*run)(void *), void *argument, size_t stack_size, pthread_t *thread) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_size != 0) {
        pthread_attr_setstacksize(&attributes, stack_size);
    }
    bool created = pthread_create(thread, &attributes, run, argument) == 0;
    pthread_attr_destroy(&attributes);
    return created;
}

bool os_start_thread(void *(*run)(void *), void *argument) {
    enum { STACK = 1 << 20 };
    int saved = errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    bool created = create(run, argument, STACK, &thread) || create(run, argument, 0, &thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return created;
}

_Noreturn void os_abort(void) {
    abort();
}

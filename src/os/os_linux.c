/*
 * os_linux.c: the parts of os.h that are Linux's own: futex, mremap, coarse clock, memory probes.
 *
 * Locks: none.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/fatal.h"
#include "os/os_internal.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 /* Linux 5.7; older kernels answer EINVAL and the caller copies */
#endif

/* What a move has taken out of the address space. */
static bool map_again(void *address, size_t size, int how) {
    return mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0) !=
           MAP_FAILED;
}

static bool is_mapped(void *address) {
    unsigned char in_memory;
    return mincore(address, 1, &in_memory) == 0 || errno != ENOMEM;
}

/* After a move that failed: another thread's mapping may be there by now, where ours was. Where that cannot be
 * told (seccomp), it is taken for ours. */
static bool mend(uint64_t *to, size_t size, uint64_t mark) {
    return map_again(to, size, MAP_FIXED_NOREPLACE) ||
           (errno == EEXIST && is_mapped(to) && (!os_is_readable(to, sizeof(*to)) || *to == mark));
}

/* MREMAP_FIXED drops what was mapped at `to`, in some cases even when the call fails: then it is mapped
 * anew, unless it is still there. MREMAP_DONTUNMAP leaves `from` mapped and empty. Kernels that do not know it are
 * not asked twice, nor is an emulator (qemu-user 7.2) that moves and then takes `from` for unmapped. */
bool os_linux_move(void *from, void *to, size_t size) {
    static _Atomic enum { UNTRIED, KNOWN, UNKNOWN } leaving_mapped;
    if (atomic_load_explicit(&leaving_mapped, memory_order_relaxed) == UNKNOWN) {
        return false;
    }
    int saved = errno;
    uint64_t mark = (uintptr_t)to ^ (uintptr_t)from;
    *(uint64_t *)to = mark;
    bool moved = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) !=
                 MAP_FAILED;
    bool mended = true;
    if (!moved && errno == EINVAL) {
        atomic_store_explicit(&leaving_mapped, UNKNOWN, memory_order_relaxed);
    } else if (!moved) {
        mended = mend(to, size, mark);
    } else if (atomic_load_explicit(&leaving_mapped, memory_order_relaxed) == UNTRIED) {
        bool known = is_mapped(from);
        mended = known || map_again(from, size, MAP_FIXED);
        atomic_store_explicit(&leaving_mapped, known ? KNOWN : UNKNOWN, memory_order_relaxed);
    }
    if (!mended) {
        fatal("mremap took memory out of the address space that could not be mapped again");
    }
    errno = saved;
    return moved;
}

uint64_t os_coarse_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What sysconf would read as well, from more of the C library's pages. */
size_t os_page_size(void) {
    size_t size = getauxval(AT_PAGESZ);
    return size >= 4096 && is_power_of_two(size) ? size : 4096;
}

/* The stack may lie low (MAP_32BIT, makecontext); what the kernel put on the first stack does not. */
unsigned os_address_bits(void) {
    char here;
    uintptr_t highest = (uintptr_t)&here;
    uintptr_t first_stack = getauxval(AT_RANDOM);
    highest = first_stack > highest ? first_stack : highest;
    return lg_floor(highest) + 1;
}

unsigned os_current_cpu(void) {
    int saved = errno;
    int cpu = sched_getcpu();
    errno = saved;
    return cpu < 0 ? 0 : (unsigned)cpu;
}

void os_sleep_us(unsigned us) {
    int saved = errno;
    struct timespec time = {.tv_nsec = (long)us * 1000};
    syscall(SYS_nanosleep, &time, NULL);
    errno = saved;
}

/* The C library's write is a cancellation point, and a thread must not end with our locks. */
void os_write(int fd, const char *text, size_t length) {
    int saved = errno;
    while (length > 0) {
        long written = syscall(SYS_write, fd, text, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            break;
        }
        text += written;
        length -= (size_t)written;
    }
    errno = saved;
}

void os_wait(const uint32_t *word, uint32_t expected) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
    errno = saved;
}

void os_wait_until(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    int saved = errno;
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                             .tv_nsec = (long)(deadline_ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
            deadline_ns == UINT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = saved;
}

void os_name_thread(const char *name) {
    int saved = errno;
    prctl(PR_SET_NAME, name);
    errno = saved;
}

int os_process_id(void) {
    return (int)syscall(SYS_getpid);
}

int os_seccomp_mode(void) {
    int saved = errno;
    int mode = prctl(PR_GET_SECCOMP);
    errno = saved;
    return mode;
}

void os_wake_one(const uint32_t *word) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

const char *os_environment(const char *name) {
    return secure_getenv(name);
}

bool os_is_readable(const void *address, size_t size) {
    char buffer[64];
    if (size > sizeof(buffer)) {
        return false;
    }
    int saved = errno;
    struct iovec local = {.iov_base = buffer, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    errno = saved;
    return copied == (ssize_t)size;
}

/* Field n (1-based) of /proc/self/stat; the second is a name in parentheses that may hold anything. */
static bool read_stat_field(unsigned n, uint64_t *value) {
    char text[2048];
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    long length = syscall(SYS_read, fd, text, sizeof(text) - 1);
    syscall(SYS_close, fd);
    if (length <= 0) {
        return false;
    }
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    for (unsigned field = 2; at != NULL && field < n; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return false;
    }
    *value = strtoull(at + 1, NULL, 10);
    return true;
}

bool os_brk_heap(uintptr_t *begin, uintptr_t *end) {
    enum { START_BRK_FIELD = 47 }; /* proc(5) */
    static _Atomic uint64_t start;
    int saved = errno;
    uint64_t known = atomic_load_explicit(&start, memory_order_relaxed);
    if (known == 0 && read_stat_field(START_BRK_FIELD, &known)) {
        atomic_store_explicit(&start, known, memory_order_relaxed);
    }
    *begin = (uintptr_t)known;
    *end = (uintptr_t)sbrk(0);
    errno = saved;
    return known != 0 && *begin < *end;
}

const char *os_huge_page_mode(void) {
    static const char *const modes[] = {"always", "madvise", "never"};
    char text[64];
    long fd = syscall(SYS_openat, AT_FDCWD, "/sys/kernel/mm/transparent_hugepage/enabled",
                      O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return "not supported";
    }
    long length = syscall(SYS_read, fd, text, sizeof(text) - 1);
    syscall(SYS_close, fd);
    text[length > 0 ? length : 0] = '\0';
    const char *chosen = strchr(text, '['); /* the mode in force stands in brackets */
    for (unsigned i = 0; chosen != NULL && i < ARRAY_LEN(modes); i++) {
        if (strncmp(chosen + 1, modes[i], strlen(modes[i])) == 0) {
            return modes[i];
        }
    }
    return "not supported";
}

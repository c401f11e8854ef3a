/*
 * os.h: everything the allocator asks of the operating system.
 *
 * Nothing here is a cancellation point of pthreads, and nothing changes errno.
 *
 * Holds: the contract. os_posix.c implements what all Unix systems share, os_linux.c the rest; a port
 * writes a file beside them. Nothing here allocates with malloc or uses stdio.
 * Memory comes through os_page_ops, a table of functions, so that a test can make the Nth call fail.
 */
#ifndef ASHLAR_OS_OS_H
#define ASHLAR_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum os_collapse { OS_COLLAPSE_DONE, OS_COLLAPSE_REFUSED /* this time */, OS_COLLAPSE_IMPOSSIBLE };

/* All addresses and sizes are multiples of os_page_size() unless said otherwise. */
struct os_page_ops {
    /* Address space without memory: not accessible, not accounted. NULL when there is none. */
    void *(*reserve)(size_t size);
    /* Address space that reads as zero; commit() parts of it before writing. NULL when none. */
    void *(*reserve_readable)(size_t size);
    /* Makes a part of a reservation readable and writable; it reads as zero at first. From here on the
     * system accounts for it, as its overcommit policy says. false: no memory, nothing changed. */
    bool (*commit)(void *address, size_t size);
    /* Reserved, committed, zero. NULL when there is no memory. */
    void *(*map)(size_t size);
    /* Gives memory back at once; it reads as zero afterwards. false: still as before. */
    bool (*purge)(void *address, size_t size);
    /* Lets the system take the memory when it needs it; contents become either kept or zero. */
    bool (*purge_lazy)(void *address, size_t size);
    /* Moves the contents of `from` to `to` (committed, does not overlap) by page tables; afterwards
     * `from` is committed and reads as zero. `from` must not contain an end of what was moved before.
     * false: nothing moved, and `to` holds nothing of value. */
    bool (*move)(void *from, void *to, size_t size);
    /* Makes a range of huge pages' size and alignment a huge page with the same contents, in about a
     * millisecond. */
    enum os_collapse (*collapse)(void *address, size_t size);
    /* Ends a reservation. Failure is ignored: the address space stays unused. */
    void (*release)(void *address, size_t size);
};
extern struct os_page_ops os_page_ops;

/* What release() could not give back. */
extern _Atomic size_t os_abandoned_bytes;

/* True while the process surely has one thread: set by the C library, false where it cannot tell. */
#if defined(__GLIBC__)
extern char __libc_single_threaded;
static inline bool os_single_threaded(void) {
    return __libc_single_threaded != 0;
}
#else
static inline bool os_single_threaded(void) {
    return false;
}
#endif

/* The machine's page size in bytes: a power of two, 4096 or more. */
size_t os_page_size(void);

/* Number of address bits a user pointer can have, read off an address of the stack. */
unsigned os_address_bits(void);

/* Bytes of address space the process may have, SIZE_MAX when there is no limit. */
size_t os_address_space_limit(void);

/* Monotonic time in ns, with a resolution of some milliseconds; about the cost of a load. */
uint64_t os_coarse_clock_ns(void);
/* Monotonic time in ns, precise. */
uint64_t os_clock_ns(void);

/* A number that no two running threads share; never 0. */
static inline uintptr_t os_thread_token(void) {
    uintptr_t token;
#if defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(token));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(token));
#else
    token = (uintptr_t)__builtin_thread_pointer();
#endif
    return token;
}

/* Blocks while *word == expected; may return early. Wakes one such waiter. */
void os_wait(const uint32_t *word, uint32_t expected);
/* The same until a time of os_clock_ns(); UINT64_MAX: for ever. */
void os_wait_until(const uint32_t *word, uint32_t expected, uint64_t deadline_ns);
void os_wake_one(const uint32_t *word);

/* Number of the CPU the thread runs on, 0 where that is not known; it may be another one a moment later. */
unsigned os_current_cpu(void);
/* Starts a detached thread that gets no signals and has a stack of a megabyte. May allocate with malloc. */
bool os_start_thread(void *(*run)(void *), void *argument);
/* Names the calling thread: up to 15 characters. */
void os_name_thread(const char *name);

/* The process, and how far its system calls are restricted (seccomp); both ask the system. */
int os_process_id(void);
int os_seccomp_mode(void);

/* Sleeps about so long; not a cancellation point. */
void os_sleep_us(unsigned us);

/* No huge pages there. A hint. */
void os_avoid_huge_pages(void *address, size_t size);
/* Huge pages wherever they fit. false: the system has none. */
bool os_prefer_huge_pages(void *address, size_t size);

/* How much of the range is in memory; at most OS_RESIDENT_MAX pages. 0 if the system does not say. */
enum { OS_RESIDENT_MAX = 512 };
size_t os_resident_bytes(void *address, size_t size);

/* Writes all of text to a file descriptor, as far as it can. */
void os_write(int fd, const char *text, size_t length);

/* When the system backs memory with huge pages: "always", "madvise", "never", or "not supported". */
const char *os_huge_page_mode(void);

/* Calls visit for each mapping of the process that has huge pages, with how many bytes of it they back. The
 * kernel walks its page tables for that: about a millisecond per GiB of small pages. Each answer is of a
 * moment of its own. false: the kernel does not say. */
typedef void os_visit_mapping(void *argument, uintptr_t begin, uintptr_t end, size_t huge_bytes);
bool os_visit_huge_mappings(os_visit_mapping *visit, void *argument);

/* Value of an environment variable, or NULL; NULL in set-user-id programs. */
const char *os_environment(const char *name);

/* Target text of a symbolic link, zero-terminated, cut at capacity - 1; false when there is none. */
bool os_read_link(const char *path, char *buffer, size_t capacity);

/* Whether `size` bytes at `address` can be read. Slow; for error reports. */
bool os_is_readable(const void *address, size_t size);

/* Where the brk heap is, in which a C library's own malloc may have put objects; false when unknown. */
bool os_brk_heap(uintptr_t *begin, uintptr_t *end);

_Noreturn void os_abort(void);

#endif

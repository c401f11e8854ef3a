/*
 * compiler.h: what differs between compilers, and the few macros every file may use.
 *
 * This is the only file that names compilers. gcc 12 and clang 14 are the oldest supported.
 */
#ifndef ASHLAR_BASE_COMPILER_H
#define ASHLAR_BASE_COMPILER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((cold, noinline))
#define EXPORT __attribute__((visibility("default")))
#define WEAK __attribute__((weak))
#define ALIGNED(n) __attribute__((aligned(n)))

/* The one thread-local variable: initial-exec, so that it is one load away and never allocated
 * lazily; 8 bytes, so that dlopen finds room for it in the static TLS surplus. */
#define TLS_INITIAL_EXEC _Thread_local __attribute__((tls_model("initial-exec")))

/* For readers of another thread's plain counters, where any recent value will do. */
#if defined(__SANITIZE_THREAD__)
#define NO_SANITIZE_THREAD __attribute__((no_sanitize("thread")))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_SANITIZE_THREAD __attribute__((no_sanitize("thread")))
#endif
#endif
#ifndef NO_SANITIZE_THREAD
#define NO_SANITIZE_THREAD
#endif

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Keeps the compiler from moving stores across: a fork may photograph a thread anywhere. */
#define compiler_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
/* The compiler forgets how it computed a value, so that it keeps it, and shares nothing it derived from it before. */
#define keep_in_register(value) __asm__("" : "+r"(value))
#define prefetch_write(address) __builtin_prefetch((address), 1)

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

#endif

/*
 * check.h: what the loading programs share: a check that ends the program, contents that show whose
 * they are, and the question whether it is ashlar that serves malloc.
 *
 * Usage: EXPECT(condition) anywhere, also in threads and in children: it reports and aborts, using
 * no memory. Blocks are filled with block_fill() and looked at with block_check().
 * A program calls expect_allocator() first, so that it cannot pass on another malloc.
 */
#ifndef TEST_PROGRAMS_LOADING_CHECK_H
#define TEST_PROGRAMS_LOADING_CHECK_H

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPECT(condition)                                                                          \
    ((condition) ? (void)0 : expect_failed("not so: " #condition " in " __FILE__ "\n"))

static inline void expect_failed(const char *text) {
    if (write(2, text, strlen(text)) > 0) {
        abort();
    }
    _exit(99);
}

/*
 * Whether the malloc this program was linked to or got is the one its caller meant, as told in
 * TEST_ALLOCATOR ("ashlar" or "system"): 100 bytes have 112 usable in ashlar and 104 in glibc.
 */
static inline void expect_allocator(void) {
    const char *wanted = getenv("TEST_ALLOCATOR");
    EXPECT(wanted != NULL);
    void *block = malloc(100);
    EXPECT(block != NULL);
    EXPECT((malloc_usable_size(block) == 112) == (strcmp(wanted, "ashlar") == 0));
    free(block);
}

/* The compiler may not assume anything about a pointer that went through here. */
static inline void *block_hide(void *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

static inline unsigned char block_byte(uint32_t seed, size_t at) {
    return (unsigned char)((seed * 2654435761u >> 13) + at * 131u + (at >> 8));
}

static inline void block_fill(void *block, size_t size, uint32_t seed) {
    unsigned char *bytes = (unsigned char *)block;
    for (size_t at = 0; at < size; at++) {
        bytes[at] = block_byte(seed, at);
    }
}

static inline void block_check(const void *block, size_t size, uint32_t seed) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t at = 0; at < size; at++) {
        EXPECT(bytes[at] == block_byte(seed, at));
    }
}

static inline uint32_t random_next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Mostly small, sometimes large: 1 to 2^16 bytes, now and then up to 2^21. */
static inline size_t random_size(uint64_t *state) {
    unsigned bits = random_next(state) % 64 == 0 ? 21 : 3 + random_next(state) % 14;
    return 1 + random_next(state) % ((size_t)1 << bits);
}

/* Allocates, checks and frees in random order; at most about slots live blocks. The functions are
 * parameters so that it can run on an allocator reached through dlsym. */
struct allocator {
    void *(*allocate)(size_t);
    void *(*resize)(void *, size_t);
    void (*release)(void *);
};

static inline void churn(const struct allocator *with, uint64_t seed, int rounds) {
    enum { SLOTS = 64 };
    struct {
        void *block;
        size_t size;
        uint32_t seed;
    } slots[SLOTS];
    memset(slots, 0, sizeof(slots));
    uint64_t state = seed * 2 + 1;
    for (int round = 0; round < rounds; round++) {
        unsigned at = random_next(&state) % SLOTS;
        if (slots[at].block == NULL) {
            slots[at].size = random_size(&state);
            slots[at].seed = random_next(&state);
            slots[at].block = block_hide(with->allocate(slots[at].size));
            EXPECT(slots[at].block != NULL);
            block_fill(slots[at].block, slots[at].size, slots[at].seed);
        } else if (round % 5 == 0) {
            size_t size = random_size(&state);
            size_t kept = size < slots[at].size ? size : slots[at].size;
            void *moved = with->resize(slots[at].block, size);
            EXPECT(moved != NULL);
            block_check(moved, kept, slots[at].seed);
            slots[at].block = block_hide(moved);
            slots[at].size = size;
            block_fill(moved, size, slots[at].seed);
        } else {
            block_check(slots[at].block, slots[at].size, slots[at].seed);
            with->release(slots[at].block);
            slots[at].block = NULL;
        }
    }
    for (unsigned at = 0; at < SLOTS; at++) {
        if (slots[at].block != NULL) {
            block_check(slots[at].block, slots[at].size, slots[at].seed);
            with->release(slots[at].block);
        }
    }
}

/* malloc and its friends as this program sees them. */
static inline struct allocator allocator_of_program(void) {
    struct allocator found = {malloc, realloc, free};
    return found;
}

#endif

/*
 * fill.c: lists by the longest free run, with lazy bounds.
 *
 * A bound is only lowered when a search in the chunk fails; computing it on every allocation cost half of a
 * large malloc when it was measured.
 */
#include "pages/fill.h"

enum { ALIGNED_TRIES = 8 };

void fill_remove(struct fill *fill, struct chunk *chunk) {
    if (!list_is_member(&chunk->fill_link)) {
        return;
    }
    struct list *next = chunk->fill_link.next;
    struct list *prev = chunk->fill_link.prev;
    list_remove(&chunk->fill_link);
    if (next == prev) { /* only the head is left */
        unsigned longest = (unsigned)(next - fill->by_longest);
        fill->nonempty &= ~((bits128)1 << (longest - 1));
    }
}

void fill_update(struct fill *fill, struct chunk *chunk, unsigned longest) {
    fill_remove(fill, chunk);
    chunk->longest = (uint8_t)longest;
    if (longest > 0) {
        list_push_front(&fill->by_longest[longest], &chunk->fill_link);
        fill->nonempty |= (bits128)1 << (longest - 1);
    }
}

/* Aligned runs: any chunk that is long enough may still lack a run at the right place. */
static struct chunk *find_aligned(struct fill *fill, unsigned n, unsigned alignment,
                                  unsigned *first) {
    int tries = ALIGNED_TRIES;
    for (bits128 rest = fill->nonempty & ~bits128_low(n - 1); rest != 0; rest &= rest - 1) {
        struct list *head = &fill->by_longest[bits128_first(rest) + 1];
        for (struct list *node = head->next; node != head; node = node->next) {
            struct chunk *chunk = list_entry(node, struct chunk, fill_link);
            int found = chunk_find(chunk, n, alignment);
            if (found >= 0) {
                *first = (unsigned)found;
                return chunk;
            }
            if (--tries == 0) {
                return NULL;
            }
        }
    }
    return NULL;
}

struct chunk *fill_find(struct fill *fill, unsigned n, unsigned alignment, unsigned *first) {
    if (alignment > 1) {
        return find_aligned(fill, n, alignment, first);
    }
    bits128 candidates;
    while ((candidates = fill->nonempty & ~bits128_low(n - 1)) != 0) {
        struct list *head = &fill->by_longest[bits128_first(candidates) + 1];
        struct chunk *chunk = list_entry(head->next, struct chunk, fill_link);
        int found = chunk_find(chunk, n, 1);
        if (found >= 0) {
            *first = (unsigned)found;
            return chunk;
        }
        fill_update(fill, chunk, bits128_longest_run(chunk->free));
    }
    return NULL;
}

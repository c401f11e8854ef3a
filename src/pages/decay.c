/*
 * decay.c: the backlog and its weights.
 *
 * The weight of the entry of age a epochs is what may stay at a / DECAY_STEPS of the time, in 24-bit fixed point.
 */
#include "pages/decay.h"

#include <string.h>

#include "base/check.h"

enum { FIXED_BITS = 24 };
static_assert(DECAY_STEPS == 64, "weight() needs DECAY_STEPS^10 = 2^60");

void decay_init(struct decay *decay, ssize_t ms) {
    ASSERT(decay_is_valid(ms));
    atomic_store_explicit(&decay->ms, ms, memory_order_relaxed);
    decay->epoch_ns = 0;
    decay->previous = 0;
    memset(decay->backlog, 0, sizeof(decay->backlog));
}

uint64_t decay_epoch_ns(const struct decay *decay) {
    ssize_t ms = decay_ms(decay);
    return ms <= 0 ? 0 : (uint64_t)ms * 1000000u / DECAY_STEPS + 1;
}

/* The curve of decay.h in 64 bits: y is in 4096ths, and n^5 = 2^60. */
static uint64_t weight(uint64_t age) {
    const uint64_t n = (uint64_t)DECAY_STEPS * DECAY_STEPS;
    const uint64_t square = (DECAY_STEPS - age) * (DECAY_STEPS - age);
    const uint64_t y = n - square * square / n;
    uint64_t s = y * y * y * (6 * y * y + 10 * n * n - 15 * y * n);
    return ((uint64_t)1 << FIXED_BITS) - (s >> (60 - FIXED_BITS));
}

/* What may stay of the pages in the backlog, so many epochs from now. */
static size_t remaining(const struct decay *decay, uint64_t epochs) {
    uint64_t sum = 0;
    for (uint64_t i = epochs; i < DECAY_STEPS; i++) {
        sum += decay->backlog[i] * weight(DECAY_STEPS - 1 - i + epochs);
    }
    return (size_t)(sum >> FIXED_BITS);
}

/* Pages that were used again: the youngest, which count as new once they are unused again. */
static void forget(struct decay *decay, size_t reused) {
    uint64_t left = (uint64_t)reused << FIXED_BITS;
    for (uint64_t age = 0; age < DECAY_STEPS && left > 0; age++) {
        size_t *pages = &decay->backlog[DECAY_STEPS - 1 - age];
        uint64_t part = *pages * weight(age);
        if (part > left) {
            *pages -= (size_t)(left / weight(age));
            break;
        }
        *pages = 0;
        left -= part;
    }
}

/* Some of the pages are used now, and their part of the backlog goes. */
static void see(struct decay *decay, size_t current) {
    if (current < decay->previous) {
        forget(decay, decay->previous - current);
        decay->previous = current;
    }
}

static void advance(struct decay *decay, uint64_t epochs, size_t current) {
    size_t appeared = current > decay->previous ? current - decay->previous : 0;
    if (epochs >= DECAY_STEPS) {
        memset(decay->backlog, 0, sizeof(decay->backlog));
    } else {
        size_t kept = DECAY_STEPS - (size_t)epochs;
        memmove(decay->backlog, decay->backlog + epochs, kept * sizeof(decay->backlog[0]));
        memset(decay->backlog + kept, 0, (size_t)epochs * sizeof(decay->backlog[0]));
    }
    decay->backlog[DECAY_STEPS - 1] = appeared;
    decay->previous = current;
}

size_t decay_limit(struct decay *decay, uint64_t now_ns, size_t current) {
    if (decay_ms(decay) < 0) {
        return current;
    }
    uint64_t length = decay_epoch_ns(decay);
    if (length == 0) {
        return 0;
    }
    see(decay, current);
    if (decay->epoch_ns == 0) {
        decay->epoch_ns = now_ns;
    } else if (now_ns >= decay->epoch_ns + length) {
        uint64_t epochs = (now_ns - decay->epoch_ns) / length;
        advance(decay, epochs, current);
        decay->epoch_ns += epochs * length;
    }
    /* What appeared within the running epoch is young and stays. */
    size_t young = current > decay->previous ? current - decay->previous : 0;
    size_t limit = remaining(decay, 0) + young;
    return limit < current ? limit : current;
}

uint64_t decay_due_ns(const struct decay *decay, size_t current) {
    if (decay_ms(decay) < 0 || current == 0) {
        return UINT64_MAX;
    }
    if (decay_ms(decay) == 0 || decay->epoch_ns == 0) {
        return 0;
    }
    uint64_t epochs = 1;
    if (current <= decay->previous) {
        uint64_t last = DECAY_STEPS; /* by then nothing may stay */
        while (epochs < last) {
            uint64_t middle = (epochs + last) / 2;
            if (remaining(decay, middle) < current) {
                last = middle;
            } else {
                epochs = middle + 1;
            }
        }
    }
    return decay->epoch_ns + epochs * decay_epoch_ns(decay);
}

void decay_purged(struct decay *decay, size_t left) {
    if (left < decay->previous) {
        decay->previous = left;
    }
}

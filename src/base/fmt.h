/*
 * fmt.h: strings and numbers into a buffer of the caller's.
 *
 * Usage:      char text[80];
 *             struct fmt out;
 *             fmt_init(&out, text, sizeof(text));
 *             fmt_str(&out, "bytes: ");
 *             fmt_u64(&out, nbytes);
 *             write(2, text, out.length);
 * Invariants: length < capacity and buffer[length] == '\0' after every call. What does not fit is
 *             dropped from the end. Nothing here allocates, fails, uses stdio or looks at a locale.
 * Locks:      none; a struct fmt belongs to one thread.
 */
#ifndef ASHLAR_BASE_FMT_H
#define ASHLAR_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

struct fmt {
    char *buffer;
    size_t capacity; /* bytes of buffer, the closing zero included; at least 1 */
    size_t length;   /* bytes written so far, without the closing zero */
};

/* Starts an empty text. */
void fmt_init(struct fmt *f, char *buffer, size_t capacity);

/* How many more bytes fit. */
static inline size_t fmt_room(const struct fmt *f) {
    return f->capacity - 1 - f->length;
}

void fmt_char(struct fmt *f, char c);
void fmt_str(struct fmt *f, const char *text);
/* The first `length` bytes of text, whatever they are. */
void fmt_strn(struct fmt *f, const char *text, size_t length);

void fmt_u64(struct fmt *f, uint64_t value);
void fmt_i64(struct fmt *f, int64_t value);
/* 0x and the address, in lower case. */
void fmt_ptr(struct fmt *f, const void *pointer);
/* value / 10^decimals, all decimals shown: fmt_fixed(f, 1234, 2) writes 12.34. decimals <= 19. */
void fmt_fixed(struct fmt *f, uint64_t value, unsigned decimals);

/* Spaces until the current line is `column` bytes long; nothing when it already is. */
void fmt_pad(struct fmt *f, size_t column);

#endif

/*
 * fmt.c: strings and numbers into a buffer of the caller's.
 *
 * Digits are made from the lowest up in a small array and then copied, so every number passes
 * through fmt_strn(), the only place that knows about capacity.
 */
#include "base/fmt.h"

#include <string.h>

enum {
    MAX_DIGITS = 20, /* of UINT64_MAX in decimal; hexadecimal needs 16 */
};

void fmt_init(struct fmt *f, char *buffer, size_t capacity) {
    f->buffer = buffer;
    f->capacity = capacity;
    f->length = 0;
    buffer[0] = '\0';
}

void fmt_strn(struct fmt *f, const char *text, size_t length) {
    size_t room = fmt_room(f);
    size_t n = length < room ? length : room;
    memcpy(f->buffer + f->length, text, n);
    f->length += n;
    f->buffer[f->length] = '\0';
}

void fmt_str(struct fmt *f, const char *text) {
    fmt_strn(f, text, strlen(text));
}

void fmt_char(struct fmt *f, char c) {
    fmt_strn(f, &c, 1);
}

/* `base` is 10 or 16. */
static void put_number(struct fmt *f, uint64_t value, unsigned base, unsigned min_digits) {
    char digits[MAX_DIGITS];
    size_t first = MAX_DIGITS;
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (first > 0 && MAX_DIGITS - first < min_digits) {
        digits[--first] = '0';
    }
    fmt_strn(f, digits + first, MAX_DIGITS - first);
}

void fmt_u64(struct fmt *f, uint64_t value) {
    put_number(f, value, 10, 1);
}

void fmt_i64(struct fmt *f, int64_t value) {
    if (value < 0) {
        fmt_char(f, '-');
        fmt_u64(f, 0 - (uint64_t)value);
    } else {
        fmt_u64(f, (uint64_t)value);
    }
}

void fmt_ptr(struct fmt *f, const void *pointer) {
    fmt_str(f, "0x");
    put_number(f, (uint64_t)(uintptr_t)pointer, 16, 1);
}

void fmt_fixed(struct fmt *f, uint64_t value, unsigned decimals) {
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals; i++) {
        unit *= 10;
    }
    fmt_u64(f, value / unit);
    if (decimals > 0) {
        fmt_char(f, '.');
        put_number(f, value % unit, 10, decimals);
    }
}

void fmt_pad(struct fmt *f, size_t column) {
    size_t line = f->length;
    while (line > 0 && f->buffer[line - 1] != '\n') {
        line--;
    }
    while (f->length - line < column && fmt_room(f) > 0) {
        fmt_char(f, ' ');
    }
}

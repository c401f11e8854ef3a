/*
 * ranges.c: reading one range after the other. Numbers that do not fit are errors.
 */
#include "opt/ranges.h"

#include <stdint.h>

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

static bool read_number(const char **text, const char *end, size_t *number) {
    const char *at = *text;
    unsigned base = 10;
    if (end - at >= 2 && at[0] == '0' && (at[1] | 0x20) == 'x') {
        base = 16;
        at += 2;
    } else if (at < end && at[0] == '0') {
        base = 8;
    }
    const char *first = at;
    size_t value = 0;
    for (; at < end && digit_of(*at) < (int)base; at++) {
        size_t digit = (size_t)digit_of(*at);
        if (value > (SIZE_MAX - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    *text = at;
    *number = value;
    return at > first;
}

static bool read_char(const char **text, const char *end, char wanted) {
    bool found = *text < end && **text == wanted;
    *text += found;
    return found;
}

bool ranges_next(const char **text, const char *end, struct size_range *range) {
    if (!read_number(text, end, &range->first) || !read_char(text, end, '-') ||
        !read_number(text, end, &range->last) || !read_char(text, end, ':') ||
        !read_number(text, end, &range->number) || range->first > range->last) {
        return false;
    }
    return *text == end || (read_char(text, end, '|') && *text < end);
}

bool ranges_are_valid(const char *text, const char *end) {
    struct size_range range;
    bool good;
    do {
        good = ranges_next(&text, end, &range);
    } while (good && text < end);
    return good;
}

/*
 * ranges.h: lists that give sizes a number: "8-128:10|129-4096:0".
 *
 * Both ends belong to a range; later ranges override earlier ones. Numbers are decimal, 0x or octal.
 */
#ifndef ASHLAR_OPT_RANGES_H
#define ASHLAR_OPT_RANGES_H

#include <stdbool.h>
#include <stddef.h>

struct size_range {
    size_t first; /* <= last */
    size_t last;
    size_t number;
};

/* Reads the range at *text, which is not at `end`, and moves behind it and the bar that follows. false:
 * there is no such thing at *text. */
bool ranges_next(const char **text, const char *end, struct size_range *range);

/* Whether all of the text is a list of at least one range. */
bool ranges_are_valid(const char *text, const char *end);

#endif

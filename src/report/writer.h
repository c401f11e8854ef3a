/*
 * writer.h: reports as they are written: text in pieces, and values of controls by their names.
 *
 * A report's numbers come from controls alone, so it says what mallctl says. Nothing here allocates; the piece in
 * hand lies on the stack, and the program's function gets it when it is full.
 * Locks: none are held while the program's function runs.
 */
#ifndef ASHLAR_REPORT_WRITER_H
#define ASHLAR_REPORT_WRITER_H

#include <stdbool.h>

#include "base/fmt.h"
#include "ctl/ctl.h"

enum { WRITER_PIECE = 4096, PATH_MAX_LENGTH = 96 };

typedef void write_function(void *opaque, const char *text);

struct writer {
    write_function *write;
    void *opaque;
    struct fmt out; /* in `piece` */
    char piece[WRITER_PIECE];
};

void writer_begin(struct writer *w, write_function *write, void *opaque);
/* Hands over what has gathered. */
void writer_flush(struct writer *w);
void writer_text(struct writer *w, const char *text);
void writer_u64(struct writer *w, uint64_t value);
/* A number, true or false, or a text as it is. */
void writer_answer(struct writer *w, const struct ctl_answer *answer);
/* In a field of so many columns, or more when the text is longer. */
void writer_left(struct writer *w, const char *text, unsigned width);
void writer_right(struct writer *w, const char *text, unsigned width);
void writer_right_u64(struct writer *w, uint64_t value, unsigned width);

/* The name of a control, built up and cut back. */
struct path {
    char text[PATH_MAX_LENGTH];
    struct fmt out;
};

void path_begin(struct path *path, const char *name);
/* Appends a dot and more; returns the length before, for path_cut(). */
size_t path_add(struct path *path, const char *name);
size_t path_add_n(struct path *path, const char *name, size_t length);
size_t path_add_index(struct path *path, unsigned index);
void path_cut(struct path *path, size_t length);

/* A control's value. false: it does not exist here, or is not built. */
bool path_read(const struct path *path, struct ctl_answer *answer);
/* The same for path.name. */
bool path_ask(struct path *path, const char *name, struct ctl_answer *answer);
/* path.name as an unsigned number, true being 1; 0 when there is none. */
uint64_t path_u64(struct path *path, const char *name);

/* Words of a list that are separated by single spaces; `key=control` shows a control by another name. */
struct word {
    const char *key;
    size_t key_length;
    const char *control;
    size_t control_length;
};
/* The word at *list, which moves on; false at the end. */
bool word_next(const char **list, struct word *word);

#endif

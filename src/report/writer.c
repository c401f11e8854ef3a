/*
 * writer.c: pieces of text, paths of controls, lists of words.
 */
#include "report/writer.h"

#include <string.h>

enum { NUMBER_LENGTH = 24 };

void writer_begin(struct writer *w, write_function *write, void *opaque) {
    w->write = write;
    w->opaque = opaque;
    fmt_init(&w->out, w->piece, sizeof(w->piece));
}

void writer_flush(struct writer *w) {
    if (w->out.length > 0) {
        w->write(w->opaque, w->piece);
        fmt_init(&w->out, w->piece, sizeof(w->piece));
    }
}

void writer_text(struct writer *w, const char *text) {
    size_t length = strlen(text);
    while (length > 0) {
        size_t n = fmt_room(&w->out);
        n = n < length ? n : length;
        fmt_strn(&w->out, text, n);
        text += n;
        length -= n;
        if (fmt_room(&w->out) == 0) {
            writer_flush(w);
        }
    }
}

void writer_u64(struct writer *w, uint64_t value) {
    writer_right_u64(w, value, 0);
}

static void write_i64(struct writer *w, int64_t value) {
    char text[NUMBER_LENGTH];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_i64(&out, value);
    writer_text(w, text);
}

void writer_answer(struct writer *w, const struct ctl_answer *answer) {
    switch (answer->kind) {
    case CTL_ANSWER_BOOL:
        writer_text(w, answer->u64 != 0 ? "true" : "false");
        break;
    case CTL_ANSWER_UNSIGNED:
        writer_u64(w, answer->u64);
        break;
    case CTL_ANSWER_SIGNED:
        write_i64(w, answer->i64);
        break;
    case CTL_ANSWER_TEXT:
        writer_text(w, answer->text);
        break;
    }
}

static void spaces(struct writer *w, size_t used, unsigned width) {
    for (; used < width; used++) {
        writer_text(w, " ");
    }
}

void writer_left(struct writer *w, const char *text, unsigned width) {
    writer_text(w, text);
    spaces(w, strlen(text), width);
}

void writer_right(struct writer *w, const char *text, unsigned width) {
    spaces(w, strlen(text), width);
    writer_text(w, text);
}

void writer_right_u64(struct writer *w, uint64_t value, unsigned width) {
    char text[NUMBER_LENGTH];
    struct fmt out;
    fmt_init(&out, text, sizeof(text));
    fmt_u64(&out, value);
    writer_right(w, text, width);
}

void path_begin(struct path *path, const char *name) {
    fmt_init(&path->out, path->text, sizeof(path->text));
    fmt_str(&path->out, name);
}

size_t path_add_n(struct path *path, const char *name, size_t length) {
    size_t before = path->out.length;
    if (before > 0) {
        fmt_char(&path->out, '.');
    }
    fmt_strn(&path->out, name, length);
    return before;
}

size_t path_add(struct path *path, const char *name) {
    return path_add_n(path, name, strlen(name));
}

size_t path_add_index(struct path *path, unsigned index) {
    size_t before = path->out.length;
    fmt_char(&path->out, '.');
    fmt_u64(&path->out, index);
    return before;
}

void path_cut(struct path *path, size_t length) {
    path->out.length = length;
    path->text[length] = '\0';
}

bool path_read(const struct path *path, struct ctl_answer *answer) {
    return ctl_ask(path->text, answer) == 0;
}

bool path_ask(struct path *path, const char *name, struct ctl_answer *answer) {
    size_t before = path_add(path, name);
    bool found = path_read(path, answer);
    path_cut(path, before);
    return found;
}

uint64_t path_u64(struct path *path, const char *name) {
    struct ctl_answer answer;
    bool found = path_ask(path, name, &answer) &&
                 (answer.kind == CTL_ANSWER_UNSIGNED || answer.kind == CTL_ANSWER_BOOL);
    return found ? answer.u64 : 0;
}

bool word_next(const char **list, struct word *word) {
    while (**list == ' ') {
        ++*list;
    }
    if (**list == '\0') {
        return false;
    }
    word->key = *list;
    word->key_length = strcspn(*list, " =");
    word->control = word->key;
    word->control_length = word->key_length;
    *list += word->key_length;
    if (**list == '=') {
        word->control = ++*list;
        word->control_length = strcspn(*list, " ");
        *list += word->control_length;
    }
    return true;
}

/*
 * opt_fuzz.c: bytes as option strings, one source per line, the weakest first.
 *
 * Checked: every option stands within the range of its row; what is said are whole lines that begin as
 * all messages do; and the options written out as a string set the same again, without a word.
 * Usage: linked with libFuzzer, or with replay.c, which plays files. Each source ends at the end of its
 *        own block of memory, so AddressSanitizer sees a byte read too far.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "opt/opt.h"
#include "opt/ranges.h"
#include "support/report.h"

enum { TEXT_ROOM = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    bool line_begins; /* the next text begins a line */
    bool anything;
    bool abort; /* the last line said so */
};

static void hear(void *opaque, const char *text) {
    static const char prefix[] = "<ashlar>: ";
    static const char abort_line[] =
        "<ashlar>: Abort (abort_conf:true) on invalid conf value (see above).\n";
    struct heard *heard = opaque;
    size_t length = strlen(text);
    EXPECT(length > 0, "an empty message");
    if (heard->line_begins) {
        /* The help is one list; its rows are indented. */
        EXPECT(strncmp(text, prefix, sizeof(prefix) - 1) == 0 || strncmp(text, "  ", 2) == 0 ||
                   strncmp(text, "options of ", 11) == 0,
               "a line without its beginning: %s", text);
        heard->abort = strcmp(text, abort_line) == 0;
    }
    heard->anything = true;
    heard->line_begins = text[length - 1] == '\n';
}

static bool apply(const struct opt_sources *sources, struct heard *heard) {
    struct opt_sources with_message = *sources;
    *heard = (struct heard){.line_begins = true};
    with_message.message = hear;
    with_message.opaque = heard;
    bool go_on = opts_init(&with_message);
    EXPECT(heard->line_begins, "a line that does not end");
    EXPECT(go_on != heard->abort, "told to go on: %d", go_on);
    return go_on;
}

static bool has_field(const struct opt_row *row) {
    return (row->flags & (OPT_NO_FIELD | OPT_OTHER_NAME)) == 0;
}

static void check_row(const struct opt_row *row) {
    if (!has_field(row)) {
        return;
    }
    if (row->kind == OPT_LETTERS) {
        const char *letters = opt_string(&opts, row);
        EXPECT(strlen(letters) < OPT_LETTERS_ROOM, "%s", row->name);
        EXPECT(letters[strspn(letters, row->words)] == '\0', "%s: %s", row->name, letters);
        return;
    }
    if (row->kind == OPT_RANGES) {
        const struct opt_text *text =
            (const struct opt_text *)(const void *)((const char *)&opts + row->offset);
        EXPECT(text->length == 0 || ranges_are_valid(text->text, text->text + text->length), "%s",
               row->name);
        return;
    }
    int64_t value = opt_number(&opts, row);
    EXPECT(value == row->value || (value >= row->min && value <= row->max), "%s is %lld", row->name,
           (long long)value);
}

/* key:value of every option; of those that say something or stop the process only what is usual. */
static size_t write_all(char *text, size_t room) {
    struct fmt out;
    fmt_init(&out, text, room);
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        size_t before = out.length;
        bool quiet = strcmp(row->name, "confirm_conf") != 0 && strcmp(row->name, "help") != 0;
        if (!has_field(row) || !quiet) {
            continue;
        }
        fmt_str(&out, before == 0 ? "" : ",");
        fmt_str(&out, row->name);
        fmt_str(&out, ":");
        size_t empty = out.length;
        opt_write(&out, row, &opts);
        if (row->kind == OPT_RANGES && out.length == empty) {
            out.length = before; /* there is no way to say none */
        }
    }
    EXPECT(fmt_room(&out) > 0, "more text than room");
    text[out.length] = '\0';
    return out.length;
}

static void check_written_and_read(void) {
    static char first[TEXT_ROOM];
    static char second[TEXT_ROOM];
    size_t length = write_all(first, sizeof(first));
    struct opt_sources sources = {.text = {[OPT_FROM_ENVIRONMENT] = first}};
    struct heard heard;
    EXPECT(apply(&sources, &heard) && !heard.anything, "own writing is refused: %s", first);
    EXPECT(write_all(second, sizeof(second)) == length && memcmp(first, second, length) == 0,
           "written %s, read %s", first, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct opt_sources sources = {.message = NULL};
    char *blocks[OPT_NSOURCES] = {NULL};
    for (unsigned i = 0; i < OPT_NSOURCES && size > 0; i++) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) : size;
        blocks[i] = malloc(length + 1);
        EXPECT(blocks[i] != NULL, "no memory");
        memcpy(blocks[i], data, length);
        blocks[i][length] = '\0';
        sources.text[i] = blocks[i];
        size -= end != NULL ? length + 1 : length;
        data += end != NULL ? length + 1 : length;
    }
    struct heard heard;
    if (apply(&sources, &heard)) {
        for (size_t i = 0; i < opt_nrows; i++) {
            check_row(&opt_rows[i]);
        }
        if (opts.tcache_ncached_max.length < TEXT_ROOM / 2) {
            check_written_and_read();
        }
    }
    for (unsigned i = 0; i < OPT_NSOURCES; i++) {
        free(blocks[i]);
    }
    return 0;
}

/*
 * opt_parse.c: option strings into `opts`.
 *
 * Grammar:    string = pair { "," pair }     pair = key ":" value     key = { A-Z a-z 0-9 _ }
 *             value = every byte up to the next comma or the end
 * Invariants: a pair that cannot be applied is reported and leaves the setting as it was; broken
 *             syntax drops the rest of its source. The sources are read twice: the first time only
 *             to learn whether confirm_conf wants an echo, so errors are reported once.
 * Locks:      none; see opt.h.
 * Checked by: test/unit/opt/opt_parse_test.c, with strings of random bytes among others.
 */
#include "opt/opt.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/config.h"
#include "opt/ranges.h"
#include "os/os.h"

#define PREFIX "<ashlar>: "

enum { HELP_COLUMN = 30, HELP_IGNORED_COLUMN = 45 };

struct opts opts;
const char *opt_source_texts[OPT_NSOURCES];

/* A piece of an option string; not zero-terminated. */
struct span {
    const char *text;
    size_t length;
};

/* One pass over one source. */
struct parser {
    const char *cursor;
    const struct opt_sources *sources; /* for messages */
    bool echo;
    bool failed; /* an error that abort_conf is about was seen, in this source or an earlier one */
};

/* ---- messages ---- */

/* A message under way. Texts of any length go through the small buffer in pieces. */
struct line {
    struct fmt out;
    const struct opt_sources *sources;
    char buffer[512];
};

static void line_flush(struct line *line) {
    if (line->out.length == 0) {
        return;
    }
    if (line->sources->message != NULL) {
        line->sources->message(line->sources->opaque, line->buffer);
    } else {
        os_write(2, line->buffer, line->out.length);
    }
    fmt_init(&line->out, line->buffer, sizeof(line->buffer));
}

static void line_strn(struct line *line, const char *text, size_t length) {
    while (length > 0) {
        if (fmt_room(&line->out) == 0) {
            line_flush(line);
        }
        size_t room = fmt_room(&line->out);
        size_t n = length < room ? length : room;
        fmt_strn(&line->out, text, n);
        text += n;
        length -= n;
    }
}

static void line_str(struct line *line, const char *text) {
    line_strn(line, text, strlen(text));
}

static void line_begin(struct line *line, const struct opt_sources *sources, const char *text) {
    line->sources = sources;
    fmt_init(&line->out, line->buffer, sizeof(line->buffer));
    line_str(line, PREFIX);
    line_str(line, text);
}

static void line_end(struct line *line) {
    line_str(line, "\n");
    line_flush(line);
}

static void say(const struct opt_sources *sources, const char *text, struct span rest,
                const char *more) {
    struct line line;
    line_begin(&line, sources, text);
    line_strn(&line, rest.text, rest.length);
    line_str(&line, more);
    line_end(&line);
}

/* ---- suggestions for unknown keys ---- */

enum {
    MAX_KEY = 63, /* longer keys than any there is; distances fit a byte */
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min2(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* How many letters must be added, dropped, replaced or swapped with a neighbour to make one key of
 * the other (optimal string alignment); case does not count. Both are at most MAX_KEY long. */
static unsigned distance(struct span a, struct span b) {
    uint8_t rows[3][MAX_KEY + 1];
    uint8_t *before = rows[0];
    uint8_t *above = rows[1];
    uint8_t *row = rows[2];
    for (size_t j = 0; j <= b.length; j++) {
        row[j] = (uint8_t)j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        uint8_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.length; j++) {
            char x = lower(a.text[i - 1]);
            char y = lower(b.text[j - 1]);
            unsigned best = min2(above[j], row[j - 1]) + 1u;
            best = min2(best, above[j - 1] + (x == y ? 0u : 1u));
            if (i > 1 && j > 1 && x == lower(b.text[j - 2]) && y == lower(a.text[i - 2])) {
                best = min2(best, before[j - 2] + 1u);
            }
            row[j] = (uint8_t)best;
        }
    }
    return row[b.length];
}

/* The option whose name is nearest, or NULL when none is near enough to be meant. */
static const struct opt_row *nearest(struct span key) {
    if (key.length > MAX_KEY) {
        return NULL;
    }
    const struct opt_row *best = NULL;
    unsigned best_distance = 2 + (unsigned)key.length / 4;
    for (size_t i = 0; i < opt_nrows; i++) {
        struct span name = {opt_rows[i].name, strlen(opt_rows[i].name)};
        unsigned d = distance(key, name);
        if (d < best_distance) {
            best_distance = d;
            best = &opt_rows[i];
        }
    }
    return best;
}

/* ---- values ---- */

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* [blanks] [+ or -] (0x hex | 0 octal | decimal), all of it. False when it is anything else or has
 * more than 64 bits. */
static bool parse_number(struct span value, uint64_t *magnitude, bool *negative) {
    const char *p = value.text;
    const char *end = p + value.length;
    while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) {
        p++;
    }
    *negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }
    unsigned base = 10;
    if (end - p > 2 && p[0] == '0' && lower(p[1]) == 'x') {
        base = 16;
        p += 2;
    } else if (p < end && *p == '0') {
        base = 8;
    }
    if (p == end) {
        return false;
    }
    uint64_t n = 0;
    for (; p < end; p++) {
        unsigned digit = digit_of(*p);
        if (digit >= base || n > (UINT64_MAX - digit) / base) {
            return false;
        }
        n = n * base + digit;
    }
    *magnitude = n;
    return true;
}

/* digits [. digits], the whole of it below 65536; rounded to the nearest 65536th. */
static bool parse_fixed(struct span value, int64_t *number) {
    const char *p = value.text;
    const char *end = p + value.length;
    const char *begin = p;
    uint64_t whole = 0;
    for (; p < end && digit_of(*p) < 10; p++) {
        whole = whole * 10 + digit_of(*p);
        if (whole >= UINT32_MAX / OPT_FIXED_ONE + 1) {
            return false;
        }
    }
    if (p == begin) {
        return false;
    }
    uint64_t fraction = 0;
    uint64_t scale = 1;
    if (p < end && *p == '.') {
        begin = ++p;
        for (; p < end && digit_of(*p) < 10; p++) {
            if (scale < 1000000000) {
                fraction = fraction * 10 + digit_of(*p);
                scale *= 10;
            }
        }
        if (p == begin) {
            return false;
        }
    }
    uint64_t rounded = whole * OPT_FIXED_ONE + (fraction * OPT_FIXED_ONE + scale / 2) / scale;
    *number = (int64_t)(rounded < UINT32_MAX ? rounded : UINT32_MAX);
    return p == end;
}

enum verdict { ACCEPTED, INVALID, OUT_OF_RANGE };

static enum verdict fit(const struct opt_row *row, bool below, bool above, int64_t *number) {
    if (below) {
        *number = row->min;
        return (row->flags & OPT_RAISE) != 0 ? ACCEPTED : OUT_OF_RANGE;
    }
    if (above) {
        *number = row->max;
        return (row->flags & OPT_CLIP) != 0 ? ACCEPTED : OUT_OF_RANGE;
    }
    return ACCEPTED;
}

static enum verdict fit_signed(const struct opt_row *row, uint64_t magnitude, bool negative,
                               int64_t *number) {
    bool huge = magnitude > INT64_MAX;
    *number = huge ? 0 : negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return fit(row, huge ? negative : *number < row->min, huge ? !negative : *number > row->max,
               number);
}

/* A negative number stands for the huge one it wraps to, as strtoul() has it. */
static enum verdict fit_unsigned(const struct opt_row *row, uint64_t magnitude, bool negative,
                                 int64_t *number) {
    uint64_t n = negative ? 0 - magnitude : magnitude;
    *number = (int64_t)n;
    return fit(row, n<(uint64_t)row->min, n>(uint64_t) row->max, number);
}

/* false: it is none of the row's words. */
static bool parse_word(const struct opt_row *row, struct span value, int64_t *number) {
    int64_t position = 0;
    for (const char *word = NULL; (word = opt_next_word(row, word)) != NULL; position++) {
        if (strlen(word) == value.length && memcmp(word, value.text, value.length) == 0) {
            uint64_t numeral = 0;
            bool negative;
            *number = position;
            if (row->kind == OPT_NUMERAL && parse_number(value, &numeral, &negative)) {
                *number = (int64_t)numeral;
            }
            return true;
        }
    }
    return false;
}

static enum verdict parse_value(const struct opt_row *row, struct span value, int64_t *number) {
    uint64_t magnitude;
    bool negative;
    if (row->kind != OPT_LETTERS && parse_word(row, value, number)) {
        return ACCEPTED;
    }
    switch ((enum opt_kind)row->kind) {
    case OPT_BOOL:
    case OPT_WORD:
    case OPT_NUMERAL:
        return INVALID;
    case OPT_SSIZE:
    case OPT_I64:
        return parse_number(value, &magnitude, &negative)
                   ? fit_signed(row, magnitude, negative, number)
                   : INVALID;
    case OPT_UNSIGNED:
    case OPT_SIZE:
    case OPT_LG_SIZE:
    case OPT_U64:
        return parse_number(value, &magnitude, &negative)
                   ? fit_unsigned(row, magnitude, negative, number)
                   : INVALID;
    case OPT_FIXED:
        if (row->min < 0 && value.length == 2 && memcmp(value.text, "-1", 2) == 0) {
            *number = -1;
            return ACCEPTED;
        }
        return parse_fixed(value, number) ? fit(row, false, *number > row->max, number) : INVALID;
    case OPT_RANGES:
        *number = -1;
        return value.length > 0 && ranges_are_valid(value.text, value.text + value.length)
                   ? ACCEPTED
                   : INVALID;
    case OPT_LETTERS:
    case OPT_TEXT:
        *number = value.length == 0 ? row->value : -1;
        return ACCEPTED;
    }
    return INVALID;
}

/* ---- pairs ---- */

static bool is_key_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

enum step { STEP_PAIR, STEP_END, STEP_ENDS_WITH_KEY, STEP_MALFORMED };

/* Takes the next pair. After an error, key holds the text it is about. */
static enum step next_pair(struct parser *parser, struct span *key, struct span *value) {
    const char *start = parser->cursor;
    if (*start == '\0') {
        return STEP_END;
    }
    const char *p = start;
    while (is_key_char(*p)) {
        p++;
    }
    *key = (struct span){start, (size_t)(p - start)};
    if (*p == '\0') {
        return STEP_ENDS_WITH_KEY;
    }
    if (*p != ':') {
        key->length = strlen(start);
        return STEP_MALFORMED;
    }
    p++;
    value->text = p;
    value->length = strcspn(p, ",");
    parser->cursor = p + value->length;
    return STEP_PAIR;
}

/* Steps over the comma behind a pair. False when nothing follows it. */
static bool skip_comma(struct parser *parser) {
    if (*parser->cursor == ',') {
        parser->cursor++;
        return *parser->cursor != '\0';
    }
    return true;
}

/* Messages about these are printed but are no reason to abort: the first are experiments that come
 * and go, the others were retired after having been documented. */
static bool is_excused(struct span key) {
    static const char experimental[] = "experimental_";
    static const char *const retired[] = {"hpa_sec_bytes_after_flush", "hpa_sec_batch_fill_extra"};
    if (key.length >= sizeof(experimental) - 1 &&
        memcmp(key.text, experimental, sizeof(experimental) - 1) == 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(retired); i++) {
        if (strlen(retired[i]) == key.length && memcmp(retired[i], key.text, key.length) == 0) {
            return true;
        }
    }
    return false;
}

static void report_unknown(const struct parser *parser, struct span key, struct span pair) {
    struct line line;
    line_begin(&line, parser->sources, "Invalid conf pair: ");
    line_strn(&line, pair.text, pair.length);
    const struct opt_row *row = nearest(key);
    if (row != NULL) {
        line_str(&line, " (did you mean ");
        line_str(&line, row->name);
        line_str(&line, "?)");
    }
    line_end(&line);
}

/* A setting that jemalloc knows is no mistake: it is ignored aloud, whatever abort_conf says. */
static void report_ignored(const struct parser *parser, const struct opt_row *row,
                           struct span pair) {
    bool not_built = (row->flags & OPT_NOT_BUILT) != 0;
    struct line line;
    line_begin(&line, parser->sources, not_built ? "Invalid conf pair: " : "Ignored conf pair: ");
    line_strn(&line, pair.text, pair.length);
    line_str(&line, " (");
    line_str(&line, row->name);
    line_str(&line, not_built ? " is not built into this version: it is of "
                              : " has no meaning here because ");
    line_strn(&line, row->help, strlen(row->help) - 1);
    line_str(&line, ")");
    line_end(&line);
}

static void accept(const struct parser *parser, const struct opt_row *row, struct span pair,
                   struct span value, int64_t number) {
    bool usual = number == row->value && (row->flags & OPT_OTHER_NAME) == 0;
    if ((row->flags & OPT_NO_FIELD) != 0 && !usual) {
        report_ignored(parser, row, pair);
        return;
    }
    if (row->kind == OPT_LETTERS || row->kind == OPT_RANGES) {
        opt_store_text(&opts, row, (struct opt_text){value.text, value.length});
    } else {
        opt_store(&opts, row, number);
    }
    if (parser->echo) {
        say(parser->sources, "-- Set conf value: ", pair, "");
    }
}

static void apply_pair(struct parser *parser, struct span key, struct span value) {
    struct span pair = {key.text, (size_t)(value.text + value.length - key.text)};
    const struct opt_row *row = opt_find(key.text, key.length);
    if (row == NULL) {
        report_unknown(parser, key, pair);
        parser->failed |= !is_excused(key);
        return;
    }
    int64_t number;
    switch (parse_value(row, value, &number)) {
    case ACCEPTED:
        accept(parser, row, pair, value, number);
        break;
    case INVALID:
        say(parser->sources, "Invalid conf value: ", pair, "");
        parser->failed |= !is_excused(key);
        break;
    case OUT_OF_RANGE:
        say(parser->sources, "Out-of-range conf value: ", pair, "");
        parser->failed |= !is_excused(key);
        break;
    }
}

/* ---- sources ---- */

static void apply_source(struct parser *parser, const char *text) {
    struct span key = {"", 0};
    struct span value;
    enum step step;
    parser->cursor = text;
    while ((step = next_pair(parser, &key, &value)) == STEP_PAIR) {
        apply_pair(parser, key, value);
        if (!skip_comma(parser)) {
            say(parser->sources, "Conf string ends with comma", (struct span){"", 0}, "");
            parser->failed = true;
        }
    }
    if (step != STEP_END) {
        say(parser->sources,
            step == STEP_MALFORMED ? "Malformed conf string -- " : "Conf string ends with key -- ",
            key, "");
        parser->failed = true;
    }
}

/* Most processes have nothing else, and shall not touch the code and the table that strings need. */
static bool is_empty(const char *text) {
    return text == NULL || *text == '\0';
}

/* What confirm_conf will be once every source is applied. */
static bool wants_echo(const struct opt_sources *sources) {
    static const char name[] = "confirm_conf";
    int64_t echo = false;
    for (unsigned i = 0; i < OPT_NSOURCES; i++) {
        struct parser parser = {.cursor = sources->text[i]};
        struct span key;
        struct span value;
        while (!is_empty(parser.cursor) && next_pair(&parser, &key, &value) == STEP_PAIR) {
            if (key.length == sizeof(name) - 1 && memcmp(key.text, name, key.length) == 0) {
                (void)parse_value(opt_find(name, key.length), value, &echo);
            }
            (void)skip_comma(&parser);
        }
    }
    return echo != 0;
}

static void confirm_source(const struct opt_sources *sources, unsigned i) {
    static const char *const descriptions[OPT_NSOURCES] = {
        [OPT_FROM_BUILD] = "1 (string fixed when the library was built): \"",
        [OPT_FROM_VARIABLE] = "2 (string pointed to by the global variable malloc_conf): \"",
        [OPT_FROM_SYMLINK] = "3 (text of the symbolic link named " ASHLAR_CONF_LINK "): \"",
        [OPT_FROM_ENVIRONMENT] =
            "4 (value of the environment variable " ASHLAR_CONF_VARIABLE "): \"",
        [OPT_FROM_OVERRIDE] =
            "5 (string pointed to by the global variable malloc_conf_2_conf_harder): \"",
    };
    const char *text = sources->text[i] == NULL ? "" : sources->text[i];
    struct line line;
    line_begin(&line, sources, "malloc_conf #");
    line_str(&line, descriptions[i]);
    line_str(&line, text);
    line_str(&line, "\"");
    line_end(&line);
}

static void print_value(struct line *line, const struct opt_row *row, const struct opts *from) {
    size_t before = line->out.length;
    opt_write(&line->out, row, from);
    if (line->out.length == before) {
        line_str(line, "none");
    }
}

static void print_row(struct line *line, const struct opt_row *row, const struct opts *defaults) {
    line_str(line, "  ");
    line_str(line, row->name);
    fmt_pad(&line->out, HELP_COLUMN);
    print_value(line, row, &opts);
    line_str(line, "  (default ");
    print_value(line, row, defaults);
    line_str(line, "; accepts ");
    opt_write_accepted(&line->out, row);
    line_str(line, ")\n      ");
    line_str(line, row->help);
    line_end(line);
}

/* The options that mean nothing here, each with the reason. */
static void print_ignored(struct line *line, enum opt_flags flag, const char *title) {
    line_str(line, title);
    line_end(line);
    for (size_t i = 0; i < opt_nrows; i++) {
        const struct opt_row *row = &opt_rows[i];
        if ((row->flags & flag) != 0) {
            line_str(line, "  ");
            line_str(line, row->name);
            fmt_pad(&line->out, HELP_IGNORED_COLUMN);
            line_str(line, row->help);
            line_end(line);
        }
    }
}

/* The table, each option with its value as it stands now. */
static void print_help(const struct opt_sources *sources) {
    struct line line;
    line_begin(&line, sources,
               "options, given as " ASHLAR_CONF_VARIABLE "=\"key:value,key:value\"");
    line_end(&line);
    struct opts defaults;
    opts_set_defaults(&defaults);
    for (size_t i = 0; i < opt_nrows; i++) {
        if ((opt_rows[i].flags & OPT_NO_FIELD) == 0) {
            print_row(&line, &opt_rows[i], &defaults);
        }
    }
    print_ignored(&line, OPT_NO_MEANING, "options of jemalloc that have no meaning here, because");
    print_ignored(&line, OPT_NOT_BUILT, "options of parts that are not built into this version");
}

static bool apply_sources(const struct opt_sources *sources) {
    struct parser parser = {.sources = sources, .echo = wants_echo(sources)};
    for (unsigned i = 0; i < OPT_NSOURCES; i++) {
        if (parser.echo) {
            confirm_source(sources, i);
        }
        if (!is_empty(sources->text[i])) {
            apply_source(&parser, sources->text[i]);
        }
        if (opts.abort_conf && parser.failed) {
            say(sources, "Abort (abort_conf:true) on invalid conf value (see above).",
                (struct span){"", 0}, "");
            return false;
        }
    }
    if (opts.help) {
        print_help(sources);
    }
    return true;
}

bool opts_init(const struct opt_sources *sources) {
    int saved = errno;
    opts_set_defaults(&opts);
    memcpy(opt_source_texts, sources->text, sizeof(opt_source_texts));
    bool go_on = apply_sources(sources);
    errno = saved;
    return go_on;
}

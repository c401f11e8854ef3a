/*
 * opt.h: the options of the allocator, as they stand after start-up.
 *
 * Usage:      the starting code gathers the option strings, calls opts_init() once before any other
 *             layer is used, and aborts when it answers false. Everybody else reads `opts`.
 * Invariants: `opts` is constant after opts_init(); every field is within the range its row in
 *             opt_table.c states.
 * Locks:      none; the caller of opts_init() makes sure that no other thread is reading yet.
 */
#ifndef ASHLAR_OPT_OPT_H
#define ASHLAR_OPT_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fmt.h"

/* Bits, so that `junk & JUNK_FREE` is the question to ask. */
enum opt_junk {
    JUNK_OFF = 0,
    JUNK_ALLOC = 1,
    JUNK_FREE = 2,
    JUNK_BOTH = JUNK_ALLOC | JUNK_FREE,
};

/* Whether helper threads give unused memory back (cache/background.h). */
enum opt_background { BACKGROUND_FALSE, BACKGROUND_TRUE, BACKGROUND_AUTO };

/* What realloc(pointer, 0) does. */
enum opt_zero_realloc {
    ZERO_REALLOC_ALLOC,
    ZERO_REALLOC_FREE,
    ZERO_REALLOC_ABORT,
};

/* Whether a thread's arena is the one of the CPU it runs on. */
enum opt_percpu_arena {
    PERCPU_OFF,
    PERCPU_EACH,    /* one per CPU */
    PERCPU_PHYSICAL /* CPUs i and i + n / 2, usually threads of one core, share one */
};

/* Meaning, range and default of each field: its row in opt_table.c. */
struct opts {
    int64_t dirty_decay_ms; /* -1: never purge */
    int64_t muzzy_decay_ms; /* -1: never purge */
    size_t tcache_max;      /* bytes */
    size_t page_size;       /* bytes; 0: ask the system */
    size_t lg_extent_max_active_fit;
    size_t oversize_threshold; /* bytes; 0: none is too large */
    size_t max_background_threads;
    unsigned narenas;           /* 0: computed from the CPUs */
    unsigned percpu_arena;      /* an enum opt_percpu_arena */
    unsigned junk;              /* bits of enum opt_junk */
    unsigned zero_realloc;      /* an enum opt_zero_realloc */
    unsigned background_thread; /* an enum opt_background */
    bool abort_conf;
    bool confirm_conf;
    bool help;
    bool tcache;
    bool retain;
    bool zero;
    bool xmalloc;
    bool stats_print;
};

extern struct opts opts;

/* The sources, weakest first: the last assignment of a key wins. */
enum opt_source {
    OPT_FROM_BUILD,       /* fixed when the library was built */
    OPT_FROM_VARIABLE,    /* the program's malloc_conf */
    OPT_FROM_SYMLINK,     /* target text of /etc/malloc.conf */
    OPT_FROM_ENVIRONMENT, /* MALLOC_CONF */
    OPT_FROM_OVERRIDE,    /* the program's malloc_conf_2_conf_harder */
    OPT_NSOURCES
};

/* Where messages go: zero-terminated text, a line or a part of one. */
typedef void opt_message(void *opaque, const char *text);

struct opt_sources {
    const char *text[OPT_NSOURCES]; /* NULL: there is none */
    opt_message *message;           /* NULL: file descriptor 2 */
    void *opaque;                   /* handed to message */
};

/* Sets `opts` to the defaults, then applies the sources. Does not allocate, use stdio or look at a
 * locale, and leaves errno alone. False when abort_conf asks for an abort; everything has been said
 * by then. */
bool opts_init(const struct opt_sources *sources);

/* ---- the table, for whoever lists options: help, reports, documentation, tests ---- */

enum opt_kind {
    OPT_BOOL,     /* true or false */
    OPT_UNSIGNED, /* unsigned */
    OPT_SIZE,     /* size_t */
    OPT_I64,      /* int64_t */
    OPT_LG_SIZE,  /* the exponent of a size_t that is a power of two */
    OPT_WORD,     /* unsigned, one of the row's words */
    OPT_WORD_SIZE /* size_t, one of the row's words */
};

enum opt_flags {
    OPT_STRICT = 0,     /* outside the range is an error */
    OPT_CLIP = 1,       /* above the range becomes the maximum, silently */
    OPT_OURS = 2,       /* jemalloc has no option of this name */
    OPT_ACTION = 4,     /* asks for something at start, sets nothing */
    OPT_OTHER_NAME = 8, /* a second way to set the field of another row, which has its default */
};

struct opt_word {
    const char *text;
    int64_t value;
};

struct opt_row {
    const char *name;
    enum opt_kind kind;
    size_t offset; /* of the field in struct opts */
    int64_t min;   /* both inclusive */
    int64_t max;
    int64_t value;                /* the default */
    unsigned flags;               /* bits of enum opt_flags */
    const struct opt_word *words; /* accepted besides numbers, ended by a NULL text; or NULL */
    const char *help;             /* with units */
};

/* Sorted by name. */
extern const struct opt_row opt_rows[];
extern const size_t opt_nrows;

/* Keys that jemalloc knows and we do not, sorted. */
extern const char *const opt_foreign_keys[];
extern const size_t opt_nforeign_keys;

/* The row of a key, or NULL. The key need not be zero-terminated. */
const struct opt_row *opt_find(const char *key, size_t length);

/* Whether jemalloc knows the key and we do not. */
bool opt_is_foreign(const char *key, size_t length);

/* The value that `from` has for a row, as a user would write it, and what the row accepts. */
void opt_write(struct fmt *out, const struct opt_row *row, const struct opts *from);
void opt_write_accepted(struct fmt *out, const struct opt_row *row);

/* Sets every field to its row's default. */
void opts_set_defaults(struct opts *to);

/* Stores a value that is within the row's range. */
void opt_store(struct opts *to, const struct opt_row *row, int64_t value);

#endif

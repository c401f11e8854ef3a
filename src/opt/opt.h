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

/* Huge pages for the allocator's own data. */
enum opt_metadata_thp {
    METADATA_THP_OFF,
    METADATA_THP_AUTO,  /* once there is much of it */
    METADATA_THP_ALWAYS /* from the start */
};

/* Huge pages for the program's data. */
enum opt_thp {
    THP_DEFAULT, /* as the system has it */
    THP_ALWAYS,
    THP_NEVER,
    THP_COLLAPSE /* what stays dense */
};

/* Letters without repeats, ended by a zero. */
enum { OPT_LETTERS_ROOM = 16 };

/* Part of an option string, which stays where it is. */
struct opt_text {
    const char *text;
    size_t length; /* 0: there is none */
};

/* Meaning, range and default of each field: its row in opt_table.c. */
struct opts {
    int64_t dirty_decay_ms; /* -1: never purge */
    int64_t muzzy_decay_ms; /* -1: never purge */
    int64_t mutex_max_spin; /* -1: never sleep */
    int64_t stats_interval; /* bytes; -1: none */
    int64_t lg_tcache_nslots_mul;
    size_t tcache_max; /* bytes */
    size_t page_size;  /* bytes; 0: ask the system */
    size_t lg_extent_max_active_fit;
    size_t oversize_threshold; /* bytes; 0: none is too large */
    size_t max_background_threads;
    size_t calloc_madvise_threshold; /* bytes */
    unsigned narenas;                /* 0: computed from the CPUs */
    uint32_t narenas_ratio;          /* arenas per CPU, times OPT_FIXED_ONE */
    unsigned tcache_nslots_small_min;
    unsigned tcache_nslots_small_max;
    unsigned tcache_nslots_large; /* 0: as the class has it */
    unsigned percpu_arena;        /* an enum opt_percpu_arena */
    unsigned junk;                /* bits of enum opt_junk */
    unsigned zero_realloc;        /* an enum opt_zero_realloc */
    unsigned background_thread;   /* an enum opt_background */
    unsigned metadata_thp;        /* an enum opt_metadata_thp */
    unsigned thp;                 /* an enum opt_thp */
    bool abort;
    bool abort_conf;
    bool confirm_conf;
    bool help;
    bool tcache;
    bool retain;
    bool zero;
    bool xmalloc;
    bool stats_print;
    bool disable_large_size_classes;
    bool experimental_infallible_new;
    struct opt_text tcache_ncached_max; /* ranges of sizes (opt/ranges.h) */
    char stats_print_opts[OPT_LETTERS_ROOM];
    char stats_interval_opts[OPT_LETTERS_ROOM];
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
    const char *text[OPT_NSOURCES]; /* NULL: there is none; they stay where they are */
    opt_message *message;           /* NULL: file descriptor 2 */
    void *opaque;                   /* handed to message */
};

/* Sets `opts` to the defaults, then applies the sources. Does not allocate, use stdio or look at a
 * locale, and leaves errno alone. False when abort_conf asks for an abort; everything has been said
 * by then. */
bool opts_init(const struct opt_sources *sources);

/* What opts_init() was given. */
extern const char *opt_source_texts[OPT_NSOURCES];

/* ---- the table, for whoever lists options: help, reports, documentation, tests ---- */

enum opt_kind {
    OPT_BOOL,
    OPT_UNSIGNED,
    OPT_SIZE,    /* size_t */
    OPT_SSIZE,   /* int64_t here, ssize_t as a control */
    OPT_I64,     /* int64_t */
    OPT_U64,     /* uint64_t */
    OPT_LG_SIZE, /* the exponent of a size_t that is a power of two */
    OPT_FIXED,   /* uint32_t: a decimal number times OPT_FIXED_ONE */
    OPT_WORD,    /* unsigned: the position of one of the row's words */
    OPT_NUMERAL, /* size_t: one of the row's words, which are numbers */
    OPT_LETTERS, /* char[OPT_LETTERS_ROOM]: letters of the row's word; others are dropped */
    OPT_RANGES,  /* struct opt_text: ranges of sizes */
    OPT_TEXT,    /* anything */
};

enum { OPT_FIXED_ONE = 1 << 16 };

enum opt_flags {
    OPT_STRICT = 0,      /* outside the range is an error */
    OPT_CLIP = 1,        /* above the range becomes the maximum, silently */
    OPT_RAISE = 2,       /* below the range becomes the minimum, silently */
    OPT_OURS = 4,        /* jemalloc has no option of this name */
    OPT_ACTION = 8,      /* asks for something at start, sets nothing */
    OPT_OTHER_NAME = 16, /* a second way to set the field of another row, which has its default */
    OPT_HIDDEN = 32,     /* there is no control opt.<name> */
    OPT_NO_MEANING = 64, /* known to jemalloc; other values than the default are ignored, with a
                             message. The row's help says why, the row has no field */
    OPT_NOT_BUILT = 128, /* the same, of a part that this version lacks, whose name is the help */
    OPT_NO_FIELD = OPT_NO_MEANING | OPT_NOT_BUILT,
};

/* Without pointers, so that the table is constant and nothing of it is copied at start. `words` are
 * accepted besides numbers, each with its zero; a word's value is its position. */
struct opt_row {
    char name[42];
    uint8_t kind;    /* an enum opt_kind */
    uint8_t flags;   /* bits of enum opt_flags */
    uint16_t offset; /* of the field in struct opts */
    char words[34];
    int64_t min; /* both inclusive */
    int64_t max;
    int64_t value;  /* the default */
    char help[224]; /* with units */
};

/* Sorted by name. */
extern const struct opt_row opt_rows[];
extern const size_t opt_nrows;

/* The row of a key, or NULL. The key need not be zero-terminated. */
const struct opt_row *opt_find(const char *key, size_t length);

/* The word behind `word`, the first for NULL; NULL behind the last. */
const char *opt_next_word(const struct opt_row *row, const char *word);

/* What `from` has for a row: a number of any kind, a bool as 0 or 1, a word as its position. */
int64_t opt_number(const struct opts *from, const struct opt_row *row);
/* The same for words, letters and text. */
const char *opt_string(const struct opts *from, const struct opt_row *row);

/* The value that `from` has for a row, as a user would write it, and what the row accepts. */
void opt_write(struct fmt *out, const struct opt_row *row, const struct opts *from);
void opt_write_accepted(struct fmt *out, const struct opt_row *row);

/* Sets every field to its row's default. */
void opts_set_defaults(struct opts *to);

/* Stores a number that is within the row's range. */
void opt_store(struct opts *to, const struct opt_row *row, int64_t value);
/* Stores letters, behind those there are, or ranges. */
void opt_store_text(struct opts *to, const struct opt_row *row, struct opt_text value);

#endif

/*
 * ctl_table.c: THE table of controls, level by level, what each level's numbers count, and what of the
 * options is shown. Only data, so that tools/gen-docs can print it.
 *
 * A row: name, type, flags, what it does (or the level below), offset. A field's offset is counted from
 * what the row above it points at. docs/controls.md is made of these rows by tools/gen-docs.
 * Invariants: rows are only ever added at the end of a level (numbers in mibs stay).
 */
#include "ctl/ctl_internal.h"

#include "base/compiler.h"
#include "heap/sizeclass.h"
#include "pages/lextent.h"

enum { R = CTL_READ, W = CTL_WRITE, RW = CTL_READ | CTL_WRITE, INTERNAL = CTL_INTERNAL };

/* clang-format off */
static const struct ctl_row top[] = {
    {"version", CTL_STRING, R, DO_VERSION, 0, CTL_HELP(
     "The version of jemalloc that is compatible, in jemalloc's form; what follows -g is ashlar's.")},
    {"config", CTL_NODE, 0, LEVEL_CONFIG, 0, CTL_HELP("")},
    {"opt", CTL_NODE, 0, LEVEL_OPT, 0, CTL_HELP("")},
    {"arenas", CTL_NODE, 0, LEVEL_ARENAS, 0, CTL_HELP("")},
};

static const struct ctl_row config[] = {
    {"cache_oblivious", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP(
     "Large objects begin at varying cache lines. Here they begin where their memory begins.")},
    {"debug", CTL_BOOL, R, DO_CONFIG_DEBUG, 0, CTL_HELP(
     "Assertions and walks over structures are built in.")},
    {"fill", CTL_BOOL, R, DO_CONSTANT, true, CTL_HELP("The options junk and zero are built in.")},
    {"lazy_lock", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP(
     "Locking begins with the second thread by a hook of pthread_create. Here the C library's own "
     "mark of a single thread is read instead.")},
    {"malloc_conf", CTL_STRING, R, DO_CONFIG_MALLOC_CONF, 0, CTL_HELP(
     "The option string fixed when the library was built.")},
    {"opt_safety_checks", CTL_BOOL, R | INTERNAL, DO_CONFIG_DEBUG, 0, CTL_HELP(
     "Checks beyond the usual ones are built in; the same as config.debug.")},
    {"prof", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP("The heap profiler is built in.")},
    {"prof_libgcc", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP("It walks stacks with libgcc.")},
    {"prof_libunwind", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP(
     "It walks stacks with libunwind.")},
    {"prof_frameptr", CTL_BOOL, R | INTERNAL, DO_CONSTANT, false, CTL_HELP(
     "It walks stacks along frame pointers.")},
    {"stats", CTL_BOOL, R, DO_CONSTANT, true, CTL_HELP("Statistics are built in: always.")},
    {"utrace", CTL_BOOL, R, DO_CONSTANT, false, CTL_HELP("utrace(2) is built in: never.")},
    {"xmalloc", CTL_BOOL, R, DO_CONSTANT, true, CTL_HELP("The option xmalloc is built in.")},
};

static const struct ctl_row arenas[] = {
    {"narenas", CTL_UNSIGNED, R, DO_NARENAS, 0, CTL_HELP(
     "Numbers of arenas are below this: automatic ones, used or not, and manual ones.")},
    {"quantum", CTL_SIZE, R, DO_CONSTANT, 16, CTL_HELP("Least distance of sizes, but for 8.")},
    {"page", CTL_SIZE, R, DO_PAGE, 0, CTL_HELP("Page size.")},
    {"hugepage", CTL_SIZE, R, DO_CONSTANT, 1 << LG_CHUNK, CTL_HELP(
     "Size of a huge page, and of a chunk.")},
    {"tcache_max", CTL_SIZE, R, DO_TCACHE_MAX, 0, CTL_HELP(
     "Largest object that new threads cache: the option tcache_max, rounded up to a class.")},
    {"nbins", CTL_UNSIGNED, R, DO_CONSTANT, NCLASSES - 1, CTL_HELP("Number of small classes.")},
    {"nhbins", CTL_UNSIGNED, R, DO_NHBINS, 0, CTL_HELP("Number of classes that new threads cache.")},
    {"bin", CTL_NODE, 0, LEVEL_ARENAS_BIN, 0, CTL_HELP("")},
    {"nlextents", CTL_UNSIGNED, R, DO_CONSTANT, NLEXTENTS, CTL_HELP("Number of large classes.")},
    {"lextent", CTL_NODE, 0, LEVEL_ARENAS_LEXTENT, 0, CTL_HELP("")},
};

static const struct ctl_row arenas_bin[] = {
    {"size", CTL_SIZE, R, DO_BIN_SIZE, 0, CTL_HELP("Bytes of an object of the small class.")},
    {"nregs", CTL_U32, R, DO_BIN_NREGS, 0, CTL_HELP("Objects in a slab.")},
    {"slab_size", CTL_SIZE, R, DO_BIN_SLAB_SIZE, 0, CTL_HELP("Bytes of a slab.")},
    {"nshards", CTL_U32, R | INTERNAL, DO_CONSTANT, 1, CTL_HELP(
     "Parts of a bin with a lock of their own: one, since threads rarely meet at a bin here.")},
};

static const struct ctl_row arenas_lextent[] = {
    {"size", CTL_SIZE, R, DO_LEXTENT_SIZE, 0, CTL_HELP(
     "Largest object of the large class. Objects are rounded to pages, not to this.")},
};
/* clang-format on */

#define LEVEL(rows, index, stride)                                                                 \
    { rows, ARRAY_LEN(rows), index, stride }

const struct ctl_level ctl_levels[CTL_NLEVELS] = {
    [LEVEL_ROOT] = LEVEL(top, INDEX_NONE, 0),
    [LEVEL_CONFIG] = LEVEL(config, INDEX_NONE, 0),
    [LEVEL_OPT] = {NULL, 0, INDEX_NONE, 0},
    [LEVEL_ARENAS] = LEVEL(arenas, INDEX_NONE, 0),
    [LEVEL_ARENAS_BIN] = LEVEL(arenas_bin, INDEX_BIN, 0),
    [LEVEL_ARENAS_LEXTENT] = LEVEL(arenas_lextent, INDEX_LEXTENT, 0),
};

const struct ctl_type_sizes ctl_types[CTL_NTYPES] = {
    [CTL_NODE] = {0, 0},
    [CTL_VOID] = {0, 0},
    [CTL_BOOL] = {sizeof(bool), sizeof(bool)},
    [CTL_UNSIGNED] = {sizeof(unsigned), sizeof(unsigned)},
    [CTL_U32] = {sizeof(uint32_t), sizeof(uint32_t)},
    [CTL_U64] = {sizeof(uint64_t), sizeof(uint64_t)},
    [CTL_I64] = {sizeof(int64_t), sizeof(int64_t)},
    [CTL_SIZE] = {sizeof(size_t), sizeof(size_t)},
    [CTL_SSIZE] = {sizeof(ssize_t), sizeof(ssize_t)},
    [CTL_STRING] = {sizeof(const char *), sizeof(const char *)},
    [CTL_POINTER] = {sizeof(void *), sizeof(void *)},
    [CTL_INDEX_OF_POINTER] = {sizeof(unsigned), sizeof(void *)},
    [CTL_OWN_SIZES] = {0, 0},
};

const struct ctl_row ctl_option_row = {"", CTL_VOID, CTL_READ, DO_OPTION, 0, CTL_HELP("")};

const struct opt_row *ctl_option_find(const char *word, size_t length) {
    const struct opt_row *row = opt_find(word, length);
    return row != NULL && (row->flags & (OPT_ACTION | OPT_OTHER_NAME)) == 0 ? row : NULL;
}

enum ctl_type ctl_option_type(const struct opt_row *row) {
    static const uint8_t types[] = {
        [OPT_BOOL] = CTL_BOOL,      [OPT_UNSIGNED] = CTL_UNSIGNED, [OPT_SIZE] = CTL_SIZE,
        [OPT_I64] = CTL_SSIZE,      [OPT_LG_SIZE] = CTL_SIZE,      [OPT_WORD] = CTL_STRING,
        [OPT_WORD_SIZE] = CTL_SIZE,
    };
    return types[row->kind];
}

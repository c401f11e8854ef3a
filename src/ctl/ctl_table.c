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
#include "pages/pages.h"

enum { R = CTL_READ, W = CTL_WRITE, RW = CTL_READ | CTL_WRITE };
enum { OWN = CTL_UNLOCKED, INTERNAL = CTL_INTERNAL, EXPERIMENTAL = CTL_EXPERIMENTAL };

/* clang-format off */
static const struct ctl_row top[] = {
    {"version", CTL_STRING, R, DO_VERSION, 0, CTL_HELP(
     "The version of jemalloc that is compatible, in jemalloc's form; what follows -g is ashlar's.")},
    {"thread", CTL_NODE, 0, LEVEL_THREAD, 0, CTL_HELP("")},
    {"config", CTL_NODE, 0, LEVEL_CONFIG, 0, CTL_HELP("")},
    {"opt", CTL_NODE, 0, LEVEL_OPT, 0, CTL_HELP("")},
    {"tcache", CTL_NODE, 0, LEVEL_TCACHE, 0, CTL_HELP("")},
    {"arena", CTL_NODE, 0, LEVEL_ARENA, 0, CTL_HELP("")},
    {"arenas", CTL_NODE, 0, LEVEL_ARENAS, 0, CTL_HELP("")},
    {"prof", CTL_NODE, 0, LEVEL_PROF, 0, CTL_HELP("")},
    {"approximate_stats", CTL_NODE, 0, LEVEL_APPROXIMATE, 0, CTL_HELP("")},
    {"experimental", CTL_NODE, 0, LEVEL_EXPERIMENTAL, 0, CTL_HELP("")},
};

static const struct ctl_row thread[] = {
    {"prof", CTL_NODE, 0, LEVEL_THREAD_PROF, 0, CTL_HELP("")},
    {"arena", CTL_UNSIGNED, RW | OWN, DO_THREAD_ARENA, 0, CTL_HELP(
     "The arena that the calling thread allocates from. Automatic ones are created if need be. From "
     "a manual one it gets nothing but objects of that arena. `EFAULT`: there is no such arena.")},
    {"allocated", CTL_U64, R | OWN, DO_THREAD_ALLOCATED, 0, CTL_HELP(
     "Usable bytes that the thread has allocated so far; exact.")},
    {"allocatedp", CTL_POINTER, R | OWN, DO_THREAD_ALLOCATEDP, 0, CTL_HELP(
     "`uint64_t *`: where that number is. From here on it is exact after every call, and the thread's "
     "calls take a few nanoseconds more.")},
    {"deallocated", CTL_U64, R | OWN, DO_THREAD_DEALLOCATED, 0, CTL_HELP(
     "Usable bytes that the thread has freed so far; exact.")},
    {"deallocatedp", CTL_POINTER, R | OWN, DO_THREAD_DEALLOCATEDP, 0, CTL_HELP(
     "`uint64_t *`: where that number is; as thread.allocatedp.")},
    {"tcache", CTL_NODE, 0, LEVEL_THREAD_TCACHE, 0, CTL_HELP("")},
    {"peak", CTL_NODE, 0, LEVEL_THREAD_PEAK, 0, CTL_HELP("")},
    {"idle", CTL_VOID, OWN, DO_THREAD_IDLE, 0, CTL_HELP(
     "The thread will do nothing for a while: its cache is emptied, and if its arena serves no other "
     "thread, that arena's unused memory is given back.")},
};

static const struct ctl_row thread_tcache[] = {
    {"enabled", CTL_BOOL, RW | OWN, DO_THREAD_TCACHE_ENABLED, 0, CTL_HELP(
     "The calling thread has a cache. Switching it off empties it.")},
    {"max", CTL_SIZE, RW | OWN, DO_THREAD_TCACHE_MAX, 0, CTL_HELP(
     "Largest object it caches; what is written is rounded up to a class, 32768 at most.")},
    {"flush", CTL_VOID, OWN, DO_THREAD_TCACHE_FLUSH, 0, CTL_HELP(
     "Sends all that it caches home to the arenas. `EFAULT` if it has no cache.")},
    {"ncached_max", CTL_NODE, 0, LEVEL_THREAD_NCACHED_MAX, 0, CTL_HELP("")},
};

static const struct ctl_row thread_ncached_max[] = {
    {"read_sizeclass", CTL_SIZE, RW | OWN, DO_THREAD_NCACHED_MAX, 0, CTL_HELP(
     "The most objects it caches of the size given; 0: of this size none.")},
    {"write", CTL_STRING, W | OWN, DO_THREAD_SET_NCACHED_MAX, 0, CTL_HELP(
     "`char *`: sets that, as `from-to:count`, several with `|` between them; made even, 248 at most. "
     "`ENOENT` if it has no cache.")},
};

static const struct ctl_row thread_peak[] = {
    {"read", CTL_U64, R | OWN, DO_THREAD_PEAK_READ, 0, CTL_HELP(
     "The most that allocated - deallocated has been above what it was at the last reset. Exact from "
     "the first use on, which makes the thread's calls take a few nanoseconds more.")},
    {"reset", CTL_VOID, OWN, DO_THREAD_PEAK_RESET, 0, CTL_HELP("Begins that anew.")},
};

static const struct ctl_row tcache[] = {
    {"create", CTL_UNSIGNED, R | CTL_CREATES, DO_TCACHE_CREATE, 0, CTL_HELP(
     "Makes a cache for MALLOCX_TCACHE and returns its number. `EFAULT`: no memory, or no number "
     "left of 4094.")},
    {"flush", CTL_UNSIGNED, W, DO_TCACHE_FLUSH, 0, CTL_HELP(
     "Sends all that such a cache holds home. `EFAULT`: there is no such cache.")},
    {"destroy", CTL_UNSIGNED, W, DO_TCACHE_DESTROY, 0, CTL_HELP(
     "The same, and the next cache created gets the number.")},
};

static const struct ctl_row thread_prof[] = {
    {"name", CTL_STRING, RW | CTL_UNLOCKED, DO_NOT_BUILT, 0, CTL_HELP(
     "What the calling thread is called in profiles.")},
    {"active", CTL_BOOL, RW | CTL_UNLOCKED, DO_NOT_BUILT, 0, CTL_HELP(
     "The calling thread's allocations are sampled.")},
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

static const struct ctl_row arena[] = {
    {"initialized", CTL_BOOL, R, DO_ARENA_INITIALIZED, 0, CTL_HELP(
     "The arena exists; automatic ones are created when threads need them. All: true; destroyed "
     "ones: there were some.")},
    {"decay", CTL_VOID, 0, DO_ARENA_DECAY, 0, CTL_HELP(
     "Gives back what the decay curves do not allow to be kept any more. Also for all arenas.")},
    {"purge", CTL_VOID, 0, DO_ARENA_PURGE, 0, CTL_HELP(
     "Gives back all unused memory, empty slabs included. Also for all arenas.")},
    {"reset", CTL_VOID, 0, DO_ARENA_RESET, 0, CTL_HELP(
     "Frees all objects of a manual arena. No thread may use it or them meanwhile. `EFAULT` if the "
     "arena is not a manual one.")},
    {"destroy", CTL_VOID, 0, DO_ARENA_DESTROY, 0, CTL_HELP(
     "The same, and ends the arena; the next one created gets its number. `EFAULT` if it is not a "
     "manual one, or threads are bound to it.")},
    {"dss", CTL_STRING, RW, DO_ARENA_DSS, 0, CTL_HELP(
     "Whether memory comes from sbrk(2). Here it never does: reads `disabled`, which can also be "
     "written; `primary` and `secondary` are `EFAULT`, as where there is no sbrk.")},
    {"dirty_decay_ms", CTL_SSIZE, RW, DO_ARENA_DECAY_MS, PAGES_DIRTY, CTL_HELP(
     "Milliseconds that unused dirty pages may stay; 0: none, -1: for ever. Writing begins the curve "
     "anew. `EFAULT` for less, and where several arenas are meant.")},
    {"muzzy_decay_ms", CTL_SSIZE, RW, DO_ARENA_DECAY_MS, PAGES_MUZZY, CTL_HELP(
     "The same for pages that the system may take when it needs them.")},
    {"extent_hooks", CTL_POINTER, RW, DO_ARENA_HOOKS, 0, CTL_HELP(
     "`extent_hooks_t *`: functions that give the arena its address space. Those set serve what "
     "earlier ones gave, too; what came from the common space stays there. An automatic arena "
     "that does not exist yet is created. `EFAULT` for a table without alloc.")},
    {"retain_grow_limit", CTL_SIZE, RW, DO_ARENA_GROW_LIMIT, 0, CTL_HELP(
     "Most bytes that the arena's extent hooks are asked for at once, but for larger objects. "
     "Without hooks arenas share regions that grow by themselves.")},
    {"name", CTL_OWN_SIZES, RW, DO_ARENA_NAME, 0, CTL_HELP(
     "`char *`. To read, oldp points at the address of a buffer of 32 bytes. To write, newp points "
     "at the address of a text, of which 31 bytes are kept. At first `auto_<i>` or `manual_<i>`.")},
};

static const struct ctl_row arenas[] = {
    {"narenas", CTL_UNSIGNED, R, DO_NARENAS, 0, CTL_HELP(
     "Numbers of arenas are below this: automatic ones, used or not, and manual ones.")},
    {"dirty_decay_ms", CTL_SSIZE, RW, DO_DEFAULT_DECAY_MS, PAGES_DIRTY, CTL_HELP(
     "arena.<i>.dirty_decay_ms of arenas that are created from now on.")},
    {"muzzy_decay_ms", CTL_SSIZE, RW, DO_DEFAULT_DECAY_MS, PAGES_MUZZY, CTL_HELP(
     "arena.<i>.muzzy_decay_ms of arenas that are created from now on.")},
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
    {"create", CTL_INDEX_OF_POINTER, RW | CTL_CREATES, DO_ARENAS_CREATE, 0, CTL_HELP(
     "Creates a manual arena and returns its number; the value given, if any, is an "
     "`extent_hooks_t *`. `EAGAIN` if there is no memory or no number left, `EINVAL` for hooks "
     "without alloc.")},
    {"lookup", CTL_INDEX_OF_POINTER, RW | CTL_UNLOCKED, DO_ARENAS_LOOKUP, 0, CTL_HELP(
     "The number of the arena in whose live slab or large object the pointer given lies; `EINVAL` "
     "for a pointer that is nowhere like that.")},
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
static const struct ctl_row prof[] = {
    {"thread_active_init", CTL_BOOL, RW, DO_NOT_BUILT, 0, CTL_HELP(
     "thread.prof.active of new threads.")},
    {"active", CTL_BOOL, RW, DO_NOT_BUILT, 0, CTL_HELP("Allocations are sampled.")},
    {"dump", CTL_STRING, W, DO_NOT_BUILT, 0, CTL_HELP(
     "Writes a profile to the file named, or to one with a number.")},
    {"gdump", CTL_BOOL, RW, DO_NOT_BUILT, 0, CTL_HELP(
     "A profile is written whenever more memory is mapped than ever before.")},
    {"prefix", CTL_STRING, W, DO_NOT_BUILT, 0, CTL_HELP("How names of profiles begin.")},
    {"reset", CTL_SIZE, W, DO_NOT_BUILT, 0, CTL_HELP(
     "Forgets all samples; a value is the new lg_sample.")},
    {"interval", CTL_U64, R, DO_NOT_BUILT, 0, CTL_HELP(
     "Allocated bytes between profiles that are written unasked.")},
    {"lg_sample", CTL_SIZE, R, DO_NOT_BUILT, 0, CTL_HELP(
     "Base 2 logarithm of the mean number of bytes between samples.")},
    {"log_start", CTL_STRING, W | INTERNAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Begins a log of samples and their ends.")},
    {"log_stop", CTL_VOID, INTERNAL, DO_NOT_BUILT, 0, CTL_HELP("Ends it and writes it.")},
    {"stats", CTL_NODE, 0, LEVEL_PROF_STATS, 0, CTL_HELP("")},
};

static const struct ctl_row prof_stats[] = {
    {"bins", CTL_NODE, 0, LEVEL_PROF_BIN, 0, CTL_HELP("")},
    {"lextents", CTL_NODE, 0, LEVEL_PROF_LEXTENT, 0, CTL_HELP("")},
};

static const struct ctl_row prof_class[] = {
    {"live", CTL_OWN_SIZES, R | INTERNAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Requested bytes and number of the class's live samples.")},
    {"accum", CTL_OWN_SIZES, R | INTERNAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Requested bytes and number of all samples of the class.")},
};

static const struct ctl_row approximate[] = {
    {"active", CTL_SIZE, R, DO_ACTIVE, 0, CTL_HELP(
     "Bytes in slabs and large objects now, whatever epoch says.")},
};

static const struct ctl_row experimental[] = {
    {"hooks", CTL_NODE, 0, LEVEL_HOOKS, 0, CTL_HELP("")},
    {"arenas", CTL_NODE, 0, LEVEL_EXPERIMENTAL_ARENAS, 0, CTL_HELP("")},
    {"arenas_create_ext", CTL_CONFIG, RW | CTL_CREATES | EXPERIMENTAL, DO_ARENAS_CREATE, 0, CTL_HELP(
     "arenas.create, given `struct {extent_hooks_t *hooks; bool metadata_use_hooks;}`. Metadata "
     "never comes from hooks here, whatever the second field says.")},
    {"batch_alloc", CTL_BATCH, RW | CTL_CREATES | CTL_UNLOCKED | EXPERIMENTAL, DO_BATCH_ALLOC, 0, CTL_HELP(
     "Allocates many objects of one size, given `struct {void **ptrs; size_t num, size; int flags;}` "
     "with the flags of mallocx; their addresses go into ptrs. Returns a size_t: how many there are.")},
    {"prof_recent", CTL_NODE, 0, LEVEL_PROF_RECENT, 0, CTL_HELP("")},
};

static const struct ctl_row experimental_arenas[] = {
    {"pactivep", CTL_POINTER, R | EXPERIMENTAL, DO_PACTIVEP, 0, CTL_HELP(
     "`size_t *`: where the number of pages in the arena's slabs and large objects is kept.")},
};

static const struct ctl_row hooks[] = {
    {"prof_backtrace", CTL_POINTER, RW | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Function that walks stacks for the profiler.")},
    {"prof_dump", CTL_POINTER, RW | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Function called with the name of each profile written.")},
    {"prof_sample", CTL_POINTER, RW | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Function called for each sampled object.")},
    {"prof_sample_free", CTL_POINTER, RW | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Function called when a sampled object is freed.")},
    {"safety_check_abort", CTL_POINTER, W | EXPERIMENTAL, DO_SAFETY_CHECK_ABORT, 0, CTL_HELP(
     "`void (*)(const char *)`: gets the last line of a process that must end because of a misuse, "
     "instead of stderr; NULL restores that. The process ends when the function returns.")},
};

static const struct ctl_row prof_recent[] = {
    {"alloc_max", CTL_SSIZE, RW | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Length of the list of recent samples; -1: no limit.")},
    {"alloc_dump", CTL_OWN_SIZES, W | EXPERIMENTAL, DO_NOT_BUILT, 0, CTL_HELP(
     "Writes that list as JSON through a function.")},
};
/* clang-format on */

#define LEVEL(rows, index, stride)                                                                 \
    { rows, ARRAY_LEN(rows), index, stride }

const struct ctl_level ctl_levels[CTL_NLEVELS] = {
    [LEVEL_ROOT] = LEVEL(top, INDEX_NONE, 0),
    [LEVEL_THREAD] = LEVEL(thread, INDEX_NONE, 0),
    [LEVEL_THREAD_TCACHE] = LEVEL(thread_tcache, INDEX_NONE, 0),
    [LEVEL_THREAD_NCACHED_MAX] = LEVEL(thread_ncached_max, INDEX_NONE, 0),
    [LEVEL_THREAD_PEAK] = LEVEL(thread_peak, INDEX_NONE, 0),
    [LEVEL_TCACHE] = LEVEL(tcache, INDEX_NONE, 0),
    [LEVEL_THREAD_PROF] = LEVEL(thread_prof, INDEX_NONE, 0),
    [LEVEL_CONFIG] = LEVEL(config, INDEX_NONE, 0),
    [LEVEL_OPT] = {NULL, 0, INDEX_NONE, 0},
    [LEVEL_ARENA] = LEVEL(arena, INDEX_ARENA, 0),
    [LEVEL_ARENAS] = LEVEL(arenas, INDEX_NONE, 0),
    [LEVEL_ARENAS_BIN] = LEVEL(arenas_bin, INDEX_BIN, 0),
    [LEVEL_ARENAS_LEXTENT] = LEVEL(arenas_lextent, INDEX_LEXTENT, 0),
    [LEVEL_PROF] = LEVEL(prof, INDEX_NONE, 0),
    [LEVEL_PROF_STATS] = LEVEL(prof_stats, INDEX_NONE, 0),
    [LEVEL_PROF_BIN] = LEVEL(prof_class, INDEX_BIN, 0),
    [LEVEL_PROF_LEXTENT] = LEVEL(prof_class, INDEX_LEXTENT, 0),
    [LEVEL_APPROXIMATE] = LEVEL(approximate, INDEX_NONE, 0),
    [LEVEL_EXPERIMENTAL] = LEVEL(experimental, INDEX_NONE, 0),
    [LEVEL_EXPERIMENTAL_ARENAS] = LEVEL(experimental_arenas, INDEX_ARENA, 0),
    [LEVEL_HOOKS] = LEVEL(hooks, INDEX_NONE, 0),
    [LEVEL_PROF_RECENT] = LEVEL(prof_recent, INDEX_NONE, 0),
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
    [CTL_CONFIG] = {sizeof(unsigned), sizeof(struct ctl_arena_config)},
    [CTL_BATCH] = {sizeof(size_t), sizeof(struct ctl_batch)},
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
    bool is_background = row->offset == offsetof(struct opts, background_thread);
    return is_background ? CTL_BOOL : types[row->kind];
}

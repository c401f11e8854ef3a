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
#include "stats/detail.h"
#include "stats/snapshot.h"

enum { R = CTL_READ, W = CTL_WRITE, RW = CTL_READ | CTL_WRITE };
enum { OWN = CTL_UNLOCKED, INTERNAL = CTL_INTERNAL, EXPERIMENTAL = CTL_EXPERIMENTAL };
enum { PAGES = CTL_IN_PAGES };

/* clang-format off */
static const struct ctl_row top[] = {
    {"version", CTL_STRING, R, DO_VERSION, 0, CTL_HELP(
     "The version of jemalloc that is compatible, in jemalloc's form; what follows -g is ashlar's.")},
    {"epoch", CTL_U64, RW, DO_EPOCH, 0, CTL_HELP(
     "Writing any value collects the numbers that stats.* shows. Reads how often they were collected; "
     "1 before the first time.")},
    {"background_thread", CTL_BOOL, RW | CTL_UNLOCKED, DO_BACKGROUND_THREAD, 0, CTL_HELP(
     "Helper threads that give memory back run. Writing starts or stops them and returns when that "
     "is done; with the option at auto they also start by themselves. `EFAULT`: the system gives no "
     "thread.")},
    {"max_background_threads", CTL_SIZE, RW | CTL_UNLOCKED, DO_MAX_BACKGROUND_THREADS, 0, CTL_HELP(
     "How many there may be, from 1 to opt.max_background_threads; `EINVAL` otherwise.")},
    {"thread", CTL_NODE, 0, LEVEL_THREAD, 0, CTL_HELP("")},
    {"config", CTL_NODE, 0, LEVEL_CONFIG, 0, CTL_HELP("")},
    {"opt", CTL_NODE, 0, LEVEL_OPT, 0, CTL_HELP("")},
    {"tcache", CTL_NODE, 0, LEVEL_TCACHE, 0, CTL_HELP("")},
    {"arena", CTL_NODE, 0, LEVEL_ARENA, 0, CTL_HELP("")},
    {"arenas", CTL_NODE, 0, LEVEL_ARENAS, 0, CTL_HELP("")},
    {"prof", CTL_NODE, 0, LEVEL_PROF, 0, CTL_HELP("")},
    {"stats", CTL_NODE, 0, LEVEL_STATS, 0, CTL_HELP("")},
    {"ashlar", CTL_NODE, 0, LEVEL_OURS, 0, CTL_HELP("")},
    {"approximate_stats", CTL_NODE, 0, LEVEL_APPROXIMATE, 0, CTL_HELP("")},
    {"experimental", CTL_NODE, 0, LEVEL_EXPERIMENTAL, 0, CTL_HELP("")},
};

static const struct ctl_row thread[] = {
    {"prof", CTL_NODE, 0, LEVEL_THREAD_PROF, 0, CTL_HELP("")},
    {"arena", CTL_UNSIGNED, RW | OWN, DO_THREAD_ARENA, 0, CTL_HELP(
     "The arena that the calling thread allocates from. Automatic ones are created if need be. From "
     "a manual one it gets nothing but objects of that arena. `EFAULT`: there is no such arena. `EPERM`: it is "
     "an automatic one, and with percpu_arena the CPU chooses; from a manual one any leads back.")},
    {"allocated", CTL_U64, R | OWN, DO_THREAD_ALLOCATED, 0, CTL_HELP(
     "Usable bytes that the thread has allocated so far; exact.")},
    {"allocatedp", CTL_POINTER, R | OWN, DO_THREAD_ALLOCATEDP, 0, CTL_HELP(
     "`uint64_t *`: where that number is. From here on it is exact after every call, and the thread's "
     "calls take a few nanoseconds more.")},
    {"deallocated", CTL_U64, R | OWN, DO_THREAD_DEALLOCATED, 0, CTL_HELP(
     "Usable bytes that the thread has freed so far; exact from its first allocation on: of small objects that it "
     "freed before, the first few do not count.")},
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
     "`char *`: sets that, as `from-to:count`, several with `|` between them; made even, 504 at most. "
     "`ENOENT` if it has no cache.")},
};

static const struct ctl_row thread_peak[] = {
    {"read", CTL_U64, R | OWN, DO_THREAD_PEAK_READ, 0, CTL_HELP(
     "The most that allocated - deallocated has been above what it was at the last reset, or above 0. "
     "Exact from the first use on, which makes the thread's calls take a few nanoseconds more; before "
     "that, what was seen at large objects and every few milliseconds.")},
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

/* The rest of opt.* are the rows of opt/opt_table.c. */
static const struct ctl_row option[] = {
    {"malloc_conf", CTL_NODE, 0, LEVEL_OPT_SOURCES, 0, CTL_HELP("")},
};

static const struct ctl_row option_sources[] = {
    {"global_var", CTL_STRING, R | INTERNAL, DO_OPTION_SOURCE, OPT_FROM_VARIABLE, CTL_HELP(
     "The variable malloc_conf. These four answer `ENOENT` where there is no such text.")},
    {"symlink", CTL_STRING, R | INTERNAL, DO_OPTION_SOURCE, OPT_FROM_SYMLINK, CTL_HELP(
     "The text of the symbolic link /etc/malloc.conf.")},
    {"env_var", CTL_STRING, R | INTERNAL, DO_OPTION_SOURCE, OPT_FROM_ENVIRONMENT, CTL_HELP(
     "The environment variable MALLOC_CONF, as it was when the library started.")},
    {"global_var_2_conf_harder", CTL_STRING, R | INTERNAL, DO_OPTION_SOURCE, OPT_FROM_OVERRIDE,
     CTL_HELP("The variable malloc_conf_2_conf_harder.")},
};

static const struct ctl_row arena[] = {
    {"initialized", CTL_BOOL, R, DO_ARENA_INITIALIZED, 0, CTL_HELP(
     "The arena exists; automatic ones are created when threads need them. All: true; destroyed "
     "ones: there were some.")},
    {"decay", CTL_VOID, CTL_UNLOCKED, DO_ARENA_DECAY, 0, CTL_HELP(
     "Gives back what the decay curves do not allow to be kept any more. Also for all arenas.")},
    {"purge", CTL_VOID, CTL_UNLOCKED, DO_ARENA_PURGE, 0, CTL_HELP(
     "Gives back all unused memory, empty slabs and unused pages of others included. Also for all arenas, and "
     "then with what lies between the caches of threads.")},
    {"reset", CTL_VOID, 0, DO_ARENA_RESET, 0, CTL_HELP(
     "Frees all objects of a manual arena. No thread may use it or them meanwhile. What the calling "
     "thread caches of it is flushed first; other threads that are bound to it, and explicit caches "
     "that hold objects of it, must have been flushed before. `EFAULT` if the arena is not a manual "
     "one.")},
    {"destroy", CTL_VOID, 0, DO_ARENA_DESTROY, 0, CTL_HELP(
     "The same, and ends the arena; the next one created gets its number. `EFAULT` if it is not a "
     "manual one, or threads are bound to it.")},
    {"dss", CTL_STRING, RW, DO_ARENA_DSS, 0, CTL_HELP(
     "Whether memory comes from sbrk(2). Here it never does: reads `disabled`, which can also be "
     "written; `primary` and `secondary` are `EFAULT`, as where there is no sbrk.")},
    {"dirty_decay_ms", CTL_SSIZE, RW | CTL_UNLOCKED, DO_ARENA_DECAY_MS, PAGES_DIRTY, CTL_HELP(
     "Milliseconds that unused dirty pages may stay; 0: none, -1: for ever. Writing begins the curve "
     "anew. `EFAULT` for less, and where several arenas are meant.")},
    {"muzzy_decay_ms", CTL_SSIZE, RW | CTL_UNLOCKED, DO_ARENA_DECAY_MS, PAGES_MUZZY, CTL_HELP(
     "The same for pages that the system may take when it needs them.")},
    {"extent_hooks", CTL_POINTER, RW, DO_ARENA_HOOKS, 0, CTL_HELP(
     "`extent_hooks_t *`: functions that give the arena its address space. Those set serve what "
     "earlier ones gave, too; what came from the common space stays there. An automatic arena "
     "that does not exist yet is created. `EFAULT` for a table without alloc.")},
    {"oversize_threshold", CTL_SIZE, RW | INTERNAL, DO_ARENA_OVERSIZE, 0, CTL_HELP(
     "Requests of the arena's threads from this size on go to an arena of their own, which keeps no "
     "dirty pages; 0: none do. At first the option of that name. A manual arena serves all sizes.")},
    {"retain_grow_limit", CTL_SIZE, RW, DO_ARENA_GROW_LIMIT, 0, CTL_HELP(
     "Most bytes that the arena's extent hooks are asked for at once, but for larger objects, "
     "in whole chunks of 2 MiB. Without hooks arenas share regions that grow by themselves. `ENOENT` with "
     "retain:false, which asks for no more than is needed.")},
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

/* ---- stats: offsets in a struct snapshot, an arena_snapshot, or a detail ---------------------- */

#define PROCESS(field) offsetof(struct snapshot, field)
#define ARENA(field) offsetof(struct arena_snapshot, field)
#define PART(of, field) offsetof(struct of##_snapshot, field)
#define DETAIL(of, field) offsetof(struct of##_detail, field)

static const struct ctl_row stats[] = {
    {"allocated", CTL_SIZE, R, DO_FIELD, PROCESS(allocated), CTL_HELP(
     "Usable bytes in the program's hands, exactly: what lies in caches does not count.")},
    {"active", CTL_SIZE, R, DO_FIELD, PROCESS(active), CTL_HELP(
     "Bytes in slabs and large objects, without what was given back inside slabs (ashlar.stats.absent).")},
    {"metadata", CTL_SIZE, R, DO_FIELD, PROCESS(metadata), CTL_HELP(
     "Bytes of the allocator's own data: base + internal of all arenas.")},
    {"metadata_edata", CTL_SIZE, R | INTERNAL, DO_FIELD, PROCESS(metadata_edata), CTL_HELP(
     "Of them, descriptors of chunks and runs.")},
    {"metadata_rtree", CTL_SIZE, R | INTERNAL, DO_FIELD, PROCESS(metadata_rtree), CTL_HELP(
     "Of them, the two maps from addresses to classes and chunks (jemalloc: its radix tree).")},
    {"metadata_thp", CTL_SIZE, R, DO_FIELD, PROCESS(metadata_thp), CTL_HELP(
     "Huge pages asked for metadata.")},
    {"resident", CTL_SIZE, R, DO_FIELD, PROCESS(resident), CTL_HELP(
     "Bytes that can be in memory at most: active + dirty + pinned + metadata. Muzzy ones, which the "
     "system may take at any moment, do not count.")},
    {"mapped", CTL_SIZE, R, DO_FIELD, PROCESS(mapped), CTL_HELP(
     "Active + dirty + muzzy + pinned + metadata, and what was given back inside slabs.")},
    {"retained", CTL_SIZE, R, DO_FIELD, PROCESS(retained), CTL_HELP(
     "Bytes of usable address space that hold nothing.")},
    {"pinned", CTL_SIZE, R, DO_FIELD, PROCESS(pinned), CTL_HELP(
     "Unused bytes that extent hooks gave as pinned, which are never given back.")},
    {"zero_reallocs", CTL_SIZE, R, DO_ZERO_REALLOCS, 0, CTL_HELP(
     "Calls of realloc(pointer, 0) so far, whatever epoch says.")},
    {"background_thread", CTL_NODE, 0, LEVEL_STATS_BACKGROUND, 0, CTL_HELP("")},
    {"mutexes", CTL_NODE, 0, LEVEL_STATS_MUTEXES, 0, CTL_HELP("")},
    {"arenas", CTL_NODE, 0, LEVEL_STATS_ARENAS, 0, CTL_HELP("")},
};

static const struct ctl_row stats_background[] = {
    {"num_threads", CTL_SIZE, R, DO_BACKGROUND_NTHREADS, 0, CTL_HELP(
     "Helper threads now, whatever epoch says.")},
    {"num_runs", CTL_U64, R, DO_BACKGROUND_NRUNS, 0, CTL_HELP("Times that helpers woke up so far.")},
    {"run_interval", CTL_U64, R, DO_BACKGROUND_INTERVAL, 0, CTL_HELP(
     "Mean nanoseconds between two of them.")},
};

static const struct ctl_row stats_mutexes[] = {
    {"background_thread", CTL_NODE, 0, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_BACKGROUND_THREAD]),
     CTL_HELP("the lock that starting and stopping helpers takes")},
    {"max_per_bg_thd", CTL_NODE, INTERNAL, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_MAX_PER_BG_THD]),
     CTL_HELP("the arenas' locks that helpers purge under (those of the arena whose lock was taken most; helpers have none of their own)")},
    {"ctl", CTL_NODE, 0, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_CTL]),
     CTL_HELP("the lock of controls that change something")},
    {"prof", CTL_NODE, 0, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_PROF]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"prof_thds_data", CTL_NODE, 0, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_PROF_THDS_DATA]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"prof_dump", CTL_NODE, 0, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_PROF_DUMP]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"prof_recent_alloc", CTL_NODE, INTERNAL, LEVEL_MUTEX,
     PROCESS(mutexes[MUTEX_PROF_RECENT_ALLOC]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"prof_recent_dump", CTL_NODE, INTERNAL, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_PROF_RECENT_DUMP]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"prof_stats", CTL_NODE, INTERNAL, LEVEL_MUTEX, PROCESS(mutexes[MUTEX_PROF_STATS]),
     CTL_HELP("a lock of the profiler (which is not built, so it is never taken)")},
    {"reset", CTL_VOID, 0, DO_MUTEXES_RESET, 0, CTL_HELP("Sets the counters of all locks to zero.")},
};

/* Below a row whose help says which lock it is. */
static const struct ctl_row mutex[] = {
    {"num_ops", CTL_U64, R, DO_FIELD, PART(lock, num_ops), CTL_HELP("Acquisitions of %s.")},
    {"num_wait", CTL_U64, R, DO_FIELD, PART(lock, num_wait), CTL_HELP(
     "Acquisitions of %s that slept.")},
    {"num_spin_acq", CTL_U64, R, DO_FIELD, PART(lock, num_spin_acq), CTL_HELP(
     "Acquisitions of %s that spun, but did not sleep.")},
    {"num_owner_switch", CTL_U64, R, DO_FIELD, PART(lock, num_owner_switch), CTL_HELP(
     "Acquisitions of %s by another thread than the one before.")},
    {"total_wait_time", CTL_U64, R, DO_FIELD, PART(lock, total_wait_time), CTL_HELP(
     "Nanoseconds that threads waited for %s.")},
    {"max_wait_time", CTL_U64, R, DO_FIELD, PART(lock, max_wait_time), CTL_HELP(
     "Most nanoseconds that one waited for %s.")},
    {"max_num_thds", CTL_U32, R, DO_FIELD, PART(lock, max_num_thds), CTL_HELP(
     "Most threads that waited at once for %s.")},
};

static const struct ctl_row stats_arenas[] = {
    {"nthreads", CTL_UNSIGNED, R, DO_FIELD, ARENA(nthreads), CTL_HELP("Threads bound to the arena.")},
    {"uptime", CTL_U64, R, DO_FIELD, ARENA(uptime), CTL_HELP(
     "Nanoseconds since it was created; all: since the oldest was; destroyed ones: since the first "
     "of them ended.")},
    {"dss", CTL_STRING, R, DO_STATS_DSS, 0, CTL_HELP(
     "`disabled`; all, or those destroyed: `N/A`.")},
    {"dirty_decay_ms", CTL_SSIZE, R, DO_FIELD, ARENA(dirty_decay_ms), CTL_HELP(
     "arena.<i>.dirty_decay_ms; all, or those destroyed: -1.")},
    {"muzzy_decay_ms", CTL_SSIZE, R, DO_FIELD, ARENA(muzzy_decay_ms), CTL_HELP(
     "arena.<i>.muzzy_decay_ms; all, or those destroyed: -1.")},
    {"pactive", CTL_SIZE, R | PAGES, DO_FIELD, ARENA(active_bytes), CTL_HELP(
     "Pages in slabs and large objects, without those given back inside slabs. Numbers of pages are "
     "rounded down where pages are larger than "
     "16 KiB; bytes are not.")},
    {"pdirty", CTL_SIZE, R | PAGES, DO_FIELD, ARENA(dirty_bytes), CTL_HELP(
     "Unused pages that were not given back yet.")},
    {"pmuzzy", CTL_SIZE, R | PAGES, DO_FIELD, ARENA(muzzy_bytes), CTL_HELP(
     "Unused pages that the system may take.")},
    {"mapped", CTL_SIZE, R, DO_FIELD, ARENA(mapped), CTL_HELP("Active + dirty + muzzy + pinned bytes.")},
    {"retained", CTL_SIZE, R, DO_FIELD, ARENA(retained), CTL_HELP(
     "Bytes of usable address space that hold nothing; what arenas share counts for arena 0.")},
    {"pinned", CTL_SIZE, R, DO_FIELD, ARENA(pinned), CTL_HELP("Unused pinned bytes.")},
    {"extent_avail", CTL_SIZE, R, DO_FIELD, ARENA(extent_avail), CTL_HELP(
     "Blocks of run descriptors that are spare (a number); all arenas share them, so arena 0 has them.")},
    {"dirty_npurge", CTL_U64, R, DO_FIELD, ARENA(dirty.npurge), CTL_HELP(
     "Passes that purged dirty pages, or unused ones inside slabs.")},
    {"dirty_nmadvise", CTL_U64, R, DO_FIELD, ARENA(dirty.nmadvise), CTL_HELP(
     "System calls in them.")},
    {"dirty_purged", CTL_U64, R | PAGES, DO_FIELD, ARENA(dirty.purged_bytes), CTL_HELP("Pages purged in them.")},
    {"muzzy_npurge", CTL_U64, R, DO_FIELD, ARENA(muzzy.npurge), CTL_HELP(
     "Passes that purged muzzy pages.")},
    {"muzzy_nmadvise", CTL_U64, R, DO_FIELD, ARENA(muzzy.nmadvise), CTL_HELP(
     "System calls in them.")},
    {"muzzy_purged", CTL_U64, R | PAGES, DO_FIELD, ARENA(muzzy.purged_bytes), CTL_HELP("Pages purged in them.")},
    {"base", CTL_SIZE, R, DO_FIELD, ARENA(base), CTL_HELP(
     "Bytes of metadata but for `internal`; what belongs to no arena counts for arena 0.")},
    {"internal", CTL_SIZE, R, DO_FIELD, ARENA(internal), CTL_HELP(
     "Bytes of its threads' structs and magazines.")},
    {"metadata_edata", CTL_SIZE, R | INTERNAL, DO_FIELD, ARENA(metadata_edata), CTL_HELP(
     "Bytes of descriptors of chunks and runs.")},
    {"metadata_rtree", CTL_SIZE, R | INTERNAL, DO_FIELD, ARENA(metadata_rtree), CTL_HELP(
     "Bytes of the maps from addresses to classes and chunks; all arenas share them, so arena 0 has them.")},
    {"metadata_thp", CTL_SIZE, R, DO_FIELD, ARENA(metadata_thp), CTL_HELP(
     "Huge pages asked for metadata.")},
    {"tcache_bytes", CTL_SIZE, R | INTERNAL, DO_FIELD, ARENA(tcache_bytes), CTL_HELP(
     "Bytes of objects in the caches of its threads; what is parked between threads counts for arena 0.")},
    {"tcache_stashed_bytes", CTL_SIZE, R | INTERNAL, DO_FIELD, ARENA(tcache_stashed_bytes), CTL_HELP(
     "Of them, bytes kept back to find uses after free: that is not built, so there are none.")},
    {"resident", CTL_SIZE, R, DO_FIELD, ARENA(resident), CTL_HELP(
     "Bytes that can be in memory at most: active + dirty + pinned + base + internal.")},
    {"abandoned_vm", CTL_SIZE, R | INTERNAL, DO_FIELD, ARENA(abandoned_vm), CTL_HELP(
     "Bytes of address space that the system did not take back when it should; they count for arena 0.")},
    {"hpa_sec_bytes", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_bytes), CTL_HELP(
     "Bytes of freed large objects that its threads keep for their next one (jemalloc: the cache of "
     "small extents).")},
    {"hpa_sec_hits", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_hits), CTL_HELP(
     "Large objects served from those.")},
    {"hpa_sec_misses", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_misses), CTL_HELP(
     "Large objects that found none that fits.")},
    {"hpa_sec_dalloc_noflush", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_noflush), CTL_HELP(
     "Large objects freed and kept, without dropping another.")},
    {"hpa_sec_dalloc_flush", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_flush), CTL_HELP(
     "Kept ones that were dropped.")},
    {"hpa_sec_overfills", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(kept_overfills), CTL_HELP(
     "Times there were more than a thread may keep.")},
    {"small", CTL_NODE, 0, LEVEL_STATS_OBJECTS, ARENA(small), CTL_HELP("small objects")},
    {"large", CTL_NODE, 0, LEVEL_STATS_OBJECTS, ARENA(large), CTL_HELP("large objects")},
    {"bins", CTL_NODE, 0, LEVEL_STATS_BIN, ARENA(bins), CTL_HELP("")},
    {"lextents", CTL_NODE, 0, LEVEL_STATS_LEXTENT, ARENA(lextents), CTL_HELP("")},
    {"extents", CTL_NODE, 0, LEVEL_STATS_EXTENT, offsetof(struct detail, extents), CTL_HELP("")},
    {"mutexes", CTL_NODE, 0, LEVEL_STATS_ARENA_MUTEXES, 0, CTL_HELP("")},
    {"hpa_shard", CTL_NODE, 0, LEVEL_STATS_HPA, 0, CTL_HELP("")},
};

/* Below a row whose help says which objects. */
static const struct ctl_row stats_objects[] = {
    {"allocated", CTL_SIZE, R, DO_FIELD, PART(objects, allocated), CTL_HELP(
     "Bytes of %s, those in caches included.")},
    {"nmalloc", CTL_U64, R, DO_FIELD, PART(objects, nmalloc), CTL_HELP(
     "Times %s were handed out by the arena.")},
    {"ndalloc", CTL_U64, R, DO_FIELD, PART(objects, ndalloc), CTL_HELP(
     "Times %s came back to the arena.")},
    {"nrequests", CTL_U64, R, DO_FIELD, PART(objects, nrequests), CTL_HELP(
     "Allocations of %s by its threads.")},
    {"nfills", CTL_U64, R, DO_FIELD, PART(objects, nfills), CTL_HELP(
     "Times a cache was filled with %s; large ones one at a time.")},
    {"nflushes", CTL_U64, R, DO_FIELD, PART(objects, nflushes), CTL_HELP(
     "Times a cache gave %s back.")},
};

static const struct ctl_row stats_bin[] = {
    {"nmalloc", CTL_U64, R, DO_FIELD, PART(bin, nmalloc), CTL_HELP("Objects taken out of slabs.")},
    {"ndalloc", CTL_U64, R, DO_FIELD, PART(bin, ndalloc), CTL_HELP("Objects put back.")},
    {"nrequests", CTL_U64, R, DO_FIELD, PART(bin, nrequests), CTL_HELP(
     "Allocations by the arena's threads.")},
    {"curregs", CTL_SIZE, R, DO_FIELD, PART(bin, curregs), CTL_HELP(
     "Objects out of slabs now, those in caches included.")},
    {"nfills", CTL_U64, R, DO_FIELD, PART(bin, nfills), CTL_HELP("Times a cache was filled.")},
    {"nflushes", CTL_U64, R, DO_FIELD, PART(bin, nflushes), CTL_HELP(
     "Times a cache gave objects back.")},
    {"nslabs", CTL_U64, R, DO_FIELD, PART(bin, nslabs), CTL_HELP("Slabs ever created.")},
    {"nreslabs", CTL_U64, R, DO_FIELD, PART(bin, nreslabs), CTL_HELP(
     "Times a slab that had been full or empty served again.")},
    {"curslabs", CTL_SIZE, R, DO_FIELD, PART(bin, curslabs), CTL_HELP("Slabs now.")},
    {"nonfull_slabs", CTL_SIZE, R, DO_FIELD, PART(bin, nonfull_slabs), CTL_HELP(
     "Of them, those with free objects.")},
    {"mutex", CTL_NODE, 0, LEVEL_MUTEX, PART(bin, mutex), CTL_HELP("the bin's lock")},
};

static const struct ctl_row stats_lextent[] = {
    {"nmalloc", CTL_U64, R, DO_FIELD, PART(lextent, nmalloc), CTL_HELP(
     "Objects of the large class allocated.")},
    {"ndalloc", CTL_U64, R, DO_FIELD, PART(lextent, ndalloc), CTL_HELP("Objects freed.")},
    {"nrequests", CTL_U64, R, DO_FIELD, PART(lextent, nrequests), CTL_HELP("The same as nmalloc.")},
    {"curlextents", CTL_SIZE, R, DO_FIELD, PART(lextent, curlextents), CTL_HELP("Objects now.")},
};

static const struct ctl_row stats_extent[] = {
    {"ndirty", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, ndirty), CTL_HELP(
     "Runs of dirty pages; <j> counts lengths: 1, 2, 3, 4 pages, then four classes per doubling. "
     "Found when the first of stats.arenas.<i>.extents or .hpa_shard is read after an epoch.")},
    {"nmuzzy", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, nmuzzy), CTL_HELP("Runs of muzzy pages.")},
    {"nretained", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, nretained), CTL_HELP(
     "Runs of unused pages without memory.")},
    {"npinned", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, npinned), CTL_HELP(
     "Runs of unused pinned pages.")},
    {"dirty_bytes", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, dirty_bytes), CTL_HELP(
     "Bytes of runs of dirty pages.")},
    {"muzzy_bytes", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, muzzy_bytes), CTL_HELP(
     "Bytes of runs of muzzy pages.")},
    {"retained_bytes", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, retained_bytes), CTL_HELP(
     "Bytes of runs of unused pages without memory.")},
    {"pinned_bytes", CTL_SIZE, R, DO_DETAIL, DETAIL(extents, pinned_bytes), CTL_HELP(
     "Bytes of runs of unused pinned pages.")},
};

static const struct ctl_row stats_arena_mutexes[] = {
    {"large", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_LARGE]), CTL_HELP(
     "the arena's page lock (jemalloc: of the list of large extents)")},
    {"extent_avail", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_EXTENT_AVAIL]), CTL_HELP(
     "the lock of spare run descriptors (arenas share it; it counts for arena 0)")},
    {"extents_dirty", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_EXTENTS_DIRTY]), CTL_HELP(
     "the arena's page lock")},
    {"extents_muzzy", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_EXTENTS_MUZZY]), CTL_HELP(
     "the arena's page lock")},
    {"extents_retained", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_EXTENTS_RETAINED]), CTL_HELP(
     "the lock of the arena's address space (arenas without hooks share one, which counts for arena 0)")},
    {"extents_pinned", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_EXTENTS_PINNED]), CTL_HELP(
     "the lock of the arena's address space (arenas without hooks share one, which counts for arena 0)")},
    {"decay_dirty", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_DECAY_DIRTY]), CTL_HELP(
     "the lock of whoever purges the arena")},
    {"decay_muzzy", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_DECAY_MUZZY]), CTL_HELP(
     "the lock of whoever purges the arena")},
    {"base", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_BASE]), CTL_HELP(
     "the lock of metadata (arenas share it; it counts for arena 0)")},
    {"tcache_list", CTL_NODE, 0, LEVEL_MUTEX, ARENA(mutexes[MUTEX_TCACHE_LIST]), CTL_HELP(
     "the lock of the registry of threads (arenas share it; it counts for arena 0)")},
    {"hpa_shard", CTL_NODE, EXPERIMENTAL, LEVEL_MUTEX, ARENA(mutexes[MUTEX_HPA_SHARD]), CTL_HELP(
     "the arena's page lock")},
    {"hpa_shard_grow", CTL_NODE, EXPERIMENTAL, LEVEL_MUTEX, ARENA(mutexes[MUTEX_HPA_SHARD_GROW]),
     CTL_HELP("the lock of the arena's address space (arenas without hooks share one, which counts for arena 0)")},
    {"hpa_sec", CTL_NODE, EXPERIMENTAL, LEVEL_MUTEX, ARENA(mutexes[MUTEX_HPA_SEC]), CTL_HELP(
     "the locks of the arena's depots between threads, all together")},
};

static const struct ctl_row stats_hpa[] = {
    {"npageslabs", CTL_SIZE, R | EXPERIMENTAL, DO_FIELD, ARENA(cut_chunks), CTL_HELP(
     "Chunks of 2 MiB that are cut into runs (jemalloc: hugepage slabs).")},
    {"nactive", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_FIELD, ARENA(cut_active_bytes), CTL_HELP(
     "Pages in use in them.")},
    {"ndirty", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_FIELD, ARENA(cut_dirty_bytes), CTL_HELP(
     "Unused dirty pages in them.")},
    {"npurge_passes", CTL_U64, R | EXPERIMENTAL, DO_FIELD, ARENA(dirty.npurge), CTL_HELP(
     "Passes that purged dirty pages, or unused ones inside slabs.")},
    {"npurges", CTL_U64, R | EXPERIMENTAL, DO_FIELD, ARENA(dirty.nmadvise), CTL_HELP(
     "Ranges purged in them.")},
    {"nhugifies", CTL_U64, R | EXPERIMENTAL, DO_FIELD, ARENA(nhugifies), CTL_HELP(
     "Ranges of chunks for which the system was asked for huge pages (thp:always), and chunks that were "
     "collapsed into huge pages (thp:collapse); all of them with arena 0.")},
    {"nhugify_failures", CTL_U64, R | EXPERIMENTAL, DO_FIELD, ARENA(nhugify_failures), CTL_HELP(
     "Ranges and chunks for which the system refused.")},
    {"ndehugifies", CTL_U64, R | EXPERIMENTAL, DO_FIELD, ARENA(ndehugifies), CTL_HELP(
     "Ranges for which it was asked to use none (thp:never, and the first one), and collapsed chunks "
     "a part of which was purged since.")},
    {"slabs", CTL_NODE, 0, LEVEL_STATS_HPA_SLABS, offsetof(struct detail, slabs), CTL_HELP(
     "chunks cut into runs")},
    {"full_slabs", CTL_NODE, 0, LEVEL_STATS_HPA_SLABS, offsetof(struct detail, full), CTL_HELP(
     "such chunks that are full")},
    {"empty_slabs", CTL_NODE, 0, LEVEL_STATS_HPA_SLABS, offsetof(struct detail, empty), CTL_HELP(
     "such chunks that are empty")},
    {"nonfull_slabs", CTL_NODE, 0, LEVEL_STATS_HPA_NONFULL, offsetof(struct detail, nonfull), CTL_HELP(
     "such chunks whose longest unused run is of class <j>")},
    {"alloc", CTL_NODE, 0, LEVEL_STATS_HPA_ALLOC, 0, CTL_HELP("")},
};

/* Below a row whose help says which chunks. */
static const struct ctl_row stats_hpa_slabs[] = {
    {"npageslabs_nonhuge", CTL_SIZE, R | EXPERIMENTAL, DO_DETAIL,
     DETAIL(slabs, npageslabs_nonhuge), CTL_HELP("Number of %s, not asked to be huge pages.")},
    {"npageslabs_huge", CTL_SIZE, R | EXPERIMENTAL, DO_DETAIL, DETAIL(slabs, npageslabs_huge),
     CTL_HELP("Number of %s, asked to be huge pages.")},
    {"nactive_nonhuge", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_DETAIL, DETAIL(slabs, active_bytes_nonhuge),
     CTL_HELP("Pages in use in %s, not asked to be huge pages.")},
    {"nactive_huge", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_DETAIL, DETAIL(slabs, active_bytes_huge), CTL_HELP(
     "Pages in use in %s, asked to be huge pages.")},
    {"ndirty_nonhuge", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_DETAIL, DETAIL(slabs, dirty_bytes_nonhuge), CTL_HELP(
     "Unused dirty pages in %s, not asked to be huge pages.")},
    {"ndirty_huge", CTL_SIZE, R | EXPERIMENTAL | PAGES, DO_DETAIL, DETAIL(slabs, dirty_bytes_huge), CTL_HELP(
     "Unused dirty pages in %s, asked to be huge pages.")},
    {"nretained_nonhuge", CTL_SIZE, R | CTL_OURS | PAGES, DO_DETAIL, DETAIL(slabs, retained_bytes_nonhuge),
     CTL_HELP("Unused pages without memory in %s, not asked to be huge pages.")},
};

static const struct ctl_row stats_hpa_alloc[] = {
    {"min_extents", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM, ARENA(nruns), CTL_HELP(
     "Calls that asked for <j> runs at least. Here each asks for one, so all are at 1.")},
    {"max_extents", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM, ARENA(nruns), CTL_HELP(
     "Calls that asked for <j> runs at most: all at 1.")},
    {"extents", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM, ARENA(nruns), CTL_HELP(
     "Calls that got <j> runs: all at 1.")},
    {"ps", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM, ARENA(nruns), CTL_HELP(
     "Calls that got them out of <j> chunks: all at 1.")},
    {"pages_per_ps", CTL_U64, R | EXPERIMENTAL | PAGES, DO_RUN_HISTOGRAM, ARENA(run_bytes), CTL_HELP(
     "Pages of runs, where a chunk gave <j> of them: all at 1.")},
    {"extents_per_ps", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM, ARENA(nruns), CTL_HELP(
     "Times a chunk gave <j> runs: all at 1.")},
    {"total_elapsed_ns_per_ps", CTL_U64, R | EXPERIMENTAL, DO_RUN_HISTOGRAM,
     ARENA(mutexes[MUTEX_LARGE].total_wait_time), CTL_HELP(
     "Time that passed in them. Here, at 1, the nanoseconds threads waited for the page lock: the "
     "search itself is not timed.")},
};

static const struct ctl_row ours[] = {
    {"stats", CTL_NODE, 0, LEVEL_OURS_STATS, 0, CTL_HELP("")},
    {"live", CTL_NODE, 0, LEVEL_OURS_LIVE, 0, CTL_HELP("")},
};

static const struct ctl_row ours_stats[] = {
    {"cached", CTL_SIZE, R | CTL_OURS, DO_FIELD, PROCESS(cached), CTL_HELP(
     "Bytes of free objects and runs in all caches, at the last epoch.")},
    {"absent", CTL_SIZE, R | CTL_OURS, DO_FIELD, PROCESS(absent), CTL_HELP(
     "Bytes of pages inside slabs that were given back to the system and not used since: a part of "
     "stats.mapped, but not of stats.active.")},
    {"reserved", CTL_SIZE, R | CTL_OURS, DO_FIELD, PROCESS(reserved), CTL_HELP(
     "Bytes of address space, used or not.")},
    {"nthreads", CTL_UNSIGNED, R | CTL_OURS, DO_FIELD, PROCESS(nthreads), CTL_HELP(
     "Threads that have allocated and not ended.")},
};

static const struct ctl_row ours_live[] = {
    {"allocated", CTL_SIZE, R | CTL_OURS, DO_LIVE_FIELD, PROCESS(allocated), CTL_HELP(
     "stats.allocated of this moment, whatever epoch says. Costs some microseconds per arena.")},
    {"active", CTL_SIZE, R | CTL_OURS, DO_LIVE_FIELD, PROCESS(active), CTL_HELP(
     "stats.active of this moment.")},
    {"resident", CTL_SIZE, R | CTL_OURS, DO_LIVE_FIELD, PROCESS(resident), CTL_HELP(
     "stats.resident of this moment.")},
    {"cached", CTL_SIZE, R | CTL_OURS, DO_LIVE_FIELD, PROCESS(cached), CTL_HELP(
     "ashlar.stats.cached of this moment.")},
    {"absent", CTL_SIZE, R | CTL_OURS, DO_LIVE_FIELD, PROCESS(absent), CTL_HELP(
     "ashlar.stats.absent of this moment.")},
    {"huge_bytes", CTL_SIZE, R | CTL_OURS | CTL_UNLOCKED, DO_HUGE_BYTES, 0, CTL_HELP(
     "Bytes of the program's memory that the kernel backs with huge pages, by its own accounting "
     "(AnonHugePages in /proc/self/smaps). The kernel walks all page tables for it: about a millisecond "
     "per GiB of small pages. 0 where huge pages are switched off; `ENOENT` where the kernel does not say.")},
};

static const struct ctl_row approximate[] = {
    {"active", CTL_SIZE, R, DO_ACTIVE, 0, CTL_HELP(
     "Bytes in slabs and large objects now, without what was given back inside slabs, whatever epoch says.")},
};

static const struct ctl_row experimental[] = {
    {"hooks", CTL_NODE, 0, LEVEL_HOOKS, 0, CTL_HELP("")},
    {"utilization", CTL_NODE, 0, LEVEL_UTILIZATION, 0, CTL_HELP("")},
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
     "`size_t *`: where the number of pages in the arena's slabs and large objects is kept; what was given back "
     "inside slabs counts.")},
};

static const struct ctl_row utilization[] = {
    {"query", CTL_OWN_SIZES, RW | CTL_UNLOCKED | EXPERIMENTAL, DO_UTILIZATION, 0, CTL_HELP(
     "Given an object's address, `struct {void *next_slab; size_t nfree, nregs, size, bin_nfree, "
     "bin_nregs;}`: where the next object of its arena and class comes from, free and all slots of the "
     "object's slab, its bytes, and free and all slots of all such slabs. A large object has nregs 1 "
     "and bytes; what is not ours has zeros.")},
    {"batch_query", CTL_OWN_SIZES, RW | CTL_UNLOCKED | EXPERIMENTAL, DO_UTILIZATION_BATCH, 0, CTL_HELP(
     "Given an array of addresses, an array of as many `struct {size_t nfree, nregs, size;}`.")},
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
    {"thread_event", CTL_THREAD_EVENT, W | EXPERIMENTAL, DO_THREAD_EVENT, 0, CTL_HELP(
     "`struct {void (*call)(bool is_alloc, uint64_t allocated, uint64_t deallocated); uint64_t "
     "interval; bool is_alloc_only;}`: in every thread, call() is made with its counters after so many "
     "bytes that it allocated, and unless is_alloc_only, that it freed; late by one interval at most, "
     "and frees when memory is allocated or a cache is full. There are four; they stay.")},
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
    [LEVEL_OPT] = LEVEL(option, INDEX_NONE, 0),
    [LEVEL_OPT_SOURCES] = LEVEL(option_sources, INDEX_NONE, 0),
    [LEVEL_ARENA] = LEVEL(arena, INDEX_ARENA, 0),
    [LEVEL_ARENAS] = LEVEL(arenas, INDEX_NONE, 0),
    [LEVEL_ARENAS_BIN] = LEVEL(arenas_bin, INDEX_BIN, 0),
    [LEVEL_ARENAS_LEXTENT] = LEVEL(arenas_lextent, INDEX_LEXTENT, 0),
    [LEVEL_PROF] = LEVEL(prof, INDEX_NONE, 0),
    [LEVEL_PROF_STATS] = LEVEL(prof_stats, INDEX_NONE, 0),
    [LEVEL_PROF_BIN] = LEVEL(prof_class, INDEX_BIN, 0),
    [LEVEL_PROF_LEXTENT] = LEVEL(prof_class, INDEX_LEXTENT, 0),
    [LEVEL_STATS] = LEVEL(stats, INDEX_NONE, 0),
    [LEVEL_STATS_BACKGROUND] = LEVEL(stats_background, INDEX_NONE, 0),
    [LEVEL_STATS_MUTEXES] = LEVEL(stats_mutexes, INDEX_NONE, 0),
    [LEVEL_STATS_ARENAS] = LEVEL(stats_arenas, INDEX_ARENA, 0),
    [LEVEL_STATS_OBJECTS] = LEVEL(stats_objects, INDEX_NONE, 0),
    [LEVEL_STATS_BIN] = LEVEL(stats_bin, INDEX_BIN, sizeof(struct bin_snapshot)),
    [LEVEL_STATS_LEXTENT] = LEVEL(stats_lextent, INDEX_LEXTENT, sizeof(struct lextent_snapshot)),
    [LEVEL_STATS_EXTENT] = LEVEL(stats_extent, INDEX_EXTENT, sizeof(struct extents_detail)),
    [LEVEL_STATS_ARENA_MUTEXES] = LEVEL(stats_arena_mutexes, INDEX_NONE, 0),
    [LEVEL_STATS_HPA] = LEVEL(stats_hpa, INDEX_NONE, 0),
    [LEVEL_STATS_HPA_ALLOC] = LEVEL(stats_hpa_alloc, INDEX_HPA_ALLOC, 0),
    [LEVEL_STATS_HPA_SLABS] = LEVEL(stats_hpa_slabs, INDEX_NONE, 0),
    [LEVEL_STATS_HPA_NONFULL] =
        LEVEL(stats_hpa_slabs, INDEX_HPA_NONFULL, sizeof(struct slabs_detail)),
    [LEVEL_MUTEX] = LEVEL(mutex, INDEX_NONE, 0),
    [LEVEL_OURS] = LEVEL(ours, INDEX_NONE, 0),
    [LEVEL_OURS_STATS] = LEVEL(ours_stats, INDEX_NONE, 0),
    [LEVEL_OURS_LIVE] = LEVEL(ours_live, INDEX_NONE, 0),
    [LEVEL_APPROXIMATE] = LEVEL(approximate, INDEX_NONE, 0),
    [LEVEL_EXPERIMENTAL] = LEVEL(experimental, INDEX_NONE, 0),
    [LEVEL_UTILIZATION] = LEVEL(utilization, INDEX_NONE, 0),
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
    [CTL_THREAD_EVENT] = {0, sizeof(struct ctl_thread_event)},
    [CTL_OWN_SIZES] = {0, 0},
};

const struct ctl_row ctl_option_row = {"", CTL_VOID, CTL_READ, DO_OPTION, 0, CTL_HELP("")};

const struct opt_row *ctl_option_find(const char *word, size_t length) {
    const struct opt_row *row = opt_find(word, length);
    return row != NULL && (row->flags & (OPT_ACTION | OPT_OTHER_NAME | OPT_HIDDEN)) == 0 ? row
                                                                                         : NULL;
}

enum ctl_type ctl_option_type(const struct opt_row *row) {
    static const uint8_t types[] = {
        [OPT_BOOL] = CTL_BOOL,    [OPT_UNSIGNED] = CTL_UNSIGNED, [OPT_SIZE] = CTL_SIZE,
        [OPT_SSIZE] = CTL_SSIZE,  [OPT_I64] = CTL_I64,           [OPT_U64] = CTL_U64,
        [OPT_LG_SIZE] = CTL_SIZE, [OPT_FIXED] = CTL_U32,         [OPT_WORD] = CTL_STRING,
        [OPT_NUMERAL] = CTL_SIZE, [OPT_LETTERS] = CTL_STRING,    [OPT_RANGES] = CTL_STRING,
        [OPT_TEXT] = CTL_STRING,
    };
    bool is_background = row->offset == offsetof(struct opts, background_thread);
    return is_background ? CTL_BOOL : types[row->kind];
}

/*
 * hooks_test.c: arenas whose address space comes from extent hooks.
 *
 * The hooks of `struct world` map real memory and keep books: whatever the allocator says about extents
 * must agree with them, decommitted memory is not accessible, memory that was not promised to be zero is
 * not, each hook can refuse at random, and can allocate and free itself.
 */
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "alloc/fast.h"
#include "heap/arenas.h"
#include "heap/large.h"
#include "heap/reset.h"
#include "meta/meta.h"
#include "opt/opt.h"
#include "os/os.h"
#include "stats/detail.h"
#include "support/pattern.h"

enum { EXTENTS_MAX = 1024, SLOTS = 300, JUNK = 0xee };

enum {
    CALL_ALLOC,
    CALL_DALLOC,
    CALL_DESTROY,
    CALL_COMMIT,
    CALL_DECOMMIT,
    CALL_LAZY,
    CALL_FORCED,
    CALL_SPLIT,
    CALL_MERGE,
    CALLS
};

struct world {
    extent_hooks_t hooks; /* first: the hooks get their world by it */
    pthread_mutex_t mutex;
    struct prng prng;
    unsigned refuses; /* of 100 calls */
    bool allocates;   /* hooks use malloc */
    bool late_commit; /* memory must be committed */
    bool declares_zero;
    bool pinned;
    int file; /* shared memory that extents map, or -1 */
    size_t file_bytes;
    unsigned arena;
    struct extent extents[EXTENTS_MAX];
    unsigned n;
    size_t largest;
    unsigned calls[CALLS];
    unsigned done[CALLS];
};

static struct world *world_of(extent_hooks_t *hooks) {
    return (struct world *)(void *)hooks;
}

static void expect(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "hooks: %s\n", what);
        abort();
    }
}

/* true: the hook shall refuse. */
static bool enter(struct world *world, unsigned call, unsigned arena) {
    if (world->allocates) {
        void *p = fast_malloc(100);
        void *q = fast_malloc(50000);
        expect(p != NULL && arenas_of_pointer(p)->index != arena, "memory of the arena itself");
        memset(q, 1, 50000);
        fast_free(p);
        fast_free(q);
    }
    errno = EDOM;
    expect(arena == world->arena, "wrong arena");
    pthread_mutex_lock(&world->mutex);
    world->calls[call]++;
    bool refused = prng_below(&world->prng, 100) < world->refuses;
    world->done[call] += !refused;
    return refused;
}

static bool leave(struct world *world, bool refused) {
    pthread_mutex_unlock(&world->mutex);
    return refused;
}

static unsigned find(const struct world *world, const void *address, size_t size) {
    for (unsigned i = 0; i < world->n; i++) {
        if (world->extents[i].base == (uintptr_t)address && world->extents[i].size == size) {
            return i;
        }
    }
    expect(false, "no such extent");
    return 0;
}

static void add(struct world *world, uintptr_t base, size_t size) {
    expect(world->n < EXTENTS_MAX, "too many extents");
    world->extents[world->n++] = (struct extent){base, size};
}

static void drop(struct world *world, unsigned i) {
    world->extents[i] = world->extents[--world->n];
}

static char *map_aligned(struct world *world, size_t size, size_t alignment, int protection) {
    char *all =
        mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
        return NULL;
    }
    char *base = (char *)round_up((uintptr_t)all, alignment);
    munmap(all, (size_t)(base - all));
    munmap(base + size, alignment - (size_t)(base - all));
    if (world->file >= 0) {
        expect(ftruncate(world->file, (off_t)(world->file_bytes + size)) == 0, "ftruncate");
        expect(mmap(base, size, protection, MAP_SHARED | MAP_FIXED, world->file,
                    (off_t)world->file_bytes) == base,
               "mmap of the file");
        world->file_bytes += size;
    } else {
        mprotect(base, size, protection);
    }
    return base;
}

static void *world_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment,
                         bool *zero, bool *commit, unsigned arena) {
    struct world *world = world_of(hooks);
    char *base = NULL;
    expect(size % CHUNK_SIZE == 0 && alignment % CHUNK_SIZE == 0 && new_addr == NULL, "alloc");
    if (!enter(world, CALL_ALLOC, arena)) {
        base = map_aligned(world, size, alignment,
                           world->late_commit ? PROT_NONE : PROT_READ | PROT_WRITE);
    }
    if (base != NULL) {
        add(world, (uintptr_t)base, size);
        world->largest = size > world->largest ? size : world->largest;
        *commit = !world->late_commit && !world->pinned; /* pinned implies it */
        *zero = world->declares_zero;
        for (size_t at = 0; !*zero && !world->late_commit && at < size; at += 4096) {
            memset(base + at, JUNK, 64);
        }
        base += world->pinned ? EXTENT_ALLOC_FLAG_PINNED : 0;
    }
    leave(world, false);
    return base;
}

static bool world_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                         unsigned arena) {
    (void)committed;
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_DALLOC, arena);
    unsigned i = find(world, addr, size);
    if (!refused) {
        drop(world, i);
        munmap(addr, size);
    }
    return leave(world, refused);
}

static void world_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                          unsigned arena) {
    (void)committed;
    struct world *world = world_of(hooks);
    enter(world, CALL_DESTROY, arena);
    drop(world, find(world, addr, size));
    munmap(addr, size);
    leave(world, false);
}

static void check_part(struct world *world, void *addr, size_t size, size_t offset, size_t length) {
    find(world, addr, size);
    expect(length > 0 && offset + length <= size && (offset | length) % GRANULE_SIZE == 0, "part");
}

static bool world_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                         size_t length, unsigned arena) {
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_COMMIT, arena);
    check_part(world, addr, size, offset, length);
    if (!refused) {
        mprotect((char *)addr + offset, length, PROT_READ | PROT_WRITE);
    }
    return leave(world, refused);
}

static bool world_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                           size_t length, unsigned arena) {
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_DECOMMIT, arena);
    check_part(world, addr, size, offset, length);
    if (!refused) {
        mprotect((char *)addr + offset, length, PROT_NONE);
    }
    return leave(world, refused);
}

static bool world_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length,
                       unsigned arena) {
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_LAZY, arena);
    check_part(world, addr, size, offset, length);
    if (!refused) {
        memset((char *)addr + offset, JUNK, 64);
    }
    return leave(world, refused);
}

static bool world_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                         size_t length, unsigned arena) {
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_FORCED, arena);
    check_part(world, addr, size, offset, length);
    if (!refused) {
        madvise((char *)addr + offset, length, MADV_DONTNEED);
    }
    return leave(world, refused);
}

static bool world_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a,
                        size_t size_b, bool committed, unsigned arena) {
    (void)committed;
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_SPLIT, arena);
    unsigned i = find(world, addr, size);
    expect(size_a > 0 && size_b > 0 && size_a + size_b == size, "split");
    if (!refused) {
        world->extents[i].size = size_a;
        add(world, (uintptr_t)addr + size_a, size_b);
    }
    return leave(world, refused);
}

static bool world_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b,
                        size_t size_b, bool committed, unsigned arena) {
    (void)committed;
    struct world *world = world_of(hooks);
    bool refused = enter(world, CALL_MERGE, arena);
    unsigned a = find(world, addr_a, size_a);
    unsigned b = find(world, addr_b, size_b);
    expect((char *)addr_a + size_a == (char *)addr_b, "merge");
    if (!refused) {
        world->extents[a].size += size_b;
        drop(world, b);
    }
    return leave(world, refused);
}

static void world_init(struct world *world, uint64_t seed) {
    *world = (struct world){
        .hooks = {world_alloc, world_dalloc, world_destroy, world_commit, world_decommit,
                  world_lazy, world_forced, world_split, world_merge},
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .prng = {seed},
        .file = -1,
    };
}

/* The number is known only afterwards; no hook runs before the first allocation. */
static struct arena *create(struct world *world) {
    struct arena *arena = arenas_create(&world->hooks);
    assert_non_null(arena);
    assert_ptr_equal(arena_hooks(arena), &world->hooks);
    world->arena = arena->index;
    return arena;
}

static void destroy(struct world *world, struct arena *arena) {
    assert_true(arenas_destroy(arena));
    assert_int_equal(world->n, 0);
    assert_int_equal(arena->own.reserved_bytes, 0);
    assert_int_equal(arena->own.committed_bytes, 0);
    arenas_check();
}

/* ---- a workload whose contents are verified ------------------------------------------------------ */

struct object {
    unsigned char *p;
    size_t size;
    uint64_t seed;
};

static size_t random_size(struct prng *prng) {
    switch (prng_below(prng, 60)) {
    case 0:
        return 1 + prng_below(prng, 9 << 20);
    case 1:
    case 2:
    case 3:
        return 1 + prng_below(prng, 900000);
    default:
        return 1 + prng_below(prng, 5000);
    }
}

static void verify(const struct object *object) {
    size_t where;
    expect(pattern_holds(object->p, object->size, object->size, object->seed, &where), "contents");
}

static bool allocate(struct arena *arena, struct prng *prng, struct object *object) {
    size_t size = random_size(prng);
    bool zero = prng_below(prng, 2) == 0;
    void *p = NULL;
    if (size > SIZECLASS_MAX) {
        size_t alignment = prng_below(prng, 16) == 0 ? (size_t)4 << 20 : 1;
        p = large_alloc(arena, size, alignment, zero);
        expect(p == NULL || (uintptr_t)p % alignment == 0, "alignment");
        expect(p == NULL || !zero || unit_is_filled(p, size, 0), "not zero");
    } else {
        arena_fill(arena, sizeclass_of(size), &p, 1);
    }
    *object = (struct object){p, size, prng_next(prng)};
    if (p != NULL) {
        expect(arenas_of_pointer(p) == arena, "other arena");
        pattern_write(p, size, object->seed);
    }
    return p != NULL;
}

static void release(struct object *object) {
    verify(object);
    errno = ERANGE;
    fast_free(object->p);
    expect(errno == ERANGE, "errno changed");
    object->p = NULL;
}

/* Returns how many allocations failed. */
static unsigned churn(struct arena *arena, struct prng *prng, unsigned steps) {
    struct object objects[SLOTS] = {0};
    unsigned failed = 0;
    for (unsigned step = 0; step < steps; step++) {
        struct object *object = &objects[prng_below(prng, SLOTS)];
        if (object->p != NULL) {
            release(object);
        } else if (!allocate(arena, prng, object)) {
            failed++;
        }
        if (step % 512 == 500) {
            for (unsigned i = 0; i < SLOTS; i++) { /* much becomes free at once */
                if (objects[i].p != NULL && prng_below(prng, 4) != 0) {
                    release(&objects[i]);
                }
            }
        }
        if (step % 256 == 255) {
            arena_trim(arena, true);
            purge_all(&arena->pages);
            arena_check(arena);
        }
        if (step % 64 == 63) {
            purge_decayed(&arena->pages, os_clock_ns() + (uint64_t)step * 1000000000);
        }
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (objects[i].p != NULL) {
            release(&objects[i]);
        }
    }
    return failed;
}

/* ---- tests -------------------------------------------------------------------------------------- */

static int setup(void **state) {
    (void)state;
    unit_start();
    return 0;
}

static void test_plain(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    world_init(&world, 1);
    world.declares_zero = true;
    struct arena *arena = create(&world);
    assert_int_equal(churn(arena, &prng, unit_steps(3000)), 0);
    arena_trim(arena, true);
    purge_all(&arena->pages);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    assert_true(world.calls[CALL_DALLOC] > 0 && world.done[CALL_SPLIT] > 0);
    assert_int_equal(world.calls[CALL_COMMIT], 0); /* nothing was decommitted: dalloc took it */
    assert_int_equal(world.calls[CALL_DECOMMIT], 0);
    destroy(&world, arena);
}

/* Every hook may refuse, and all of them allocate. */
static void test_refusing(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    unsigned failed = 0;
    unsigned done[CALLS] = {0};
    for (unsigned round = 0; round < 12; round++) {
        world_init(&world, prng_next(&prng));
        world.refuses = 5 + 8 * (round % 6);
        world.allocates = round % 2 == 0;
        world.late_commit = round % 3 == 0;
        opts.muzzy_decay_ms = round % 4 == 0 ? 1000 : 0;
        if (round % 3 == 1) { /* or the decommitted never come back */
            world.hooks.dalloc = NULL;
        }
        struct arena *arena = create(&world);
        failed += churn(arena, &prng, 2000);
        destroy(&world, arena);
        for (unsigned i = 0; i < CALLS; i++) {
            done[i] += world.done[i];
        }
    }
    opts.muzzy_decay_ms = 0;
    assert_true(failed > 0); /* alloc and commit did refuse */
    for (unsigned i = 0; i < CALLS; i++) {
        assert_true(done[i] > 0);
    }
}

static void test_alloc_only(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    world_init(&world, 2);
    extent_alloc_t *alloc = world.hooks.alloc;
    world.hooks = (extent_hooks_t){.alloc = alloc};
    struct arena *arena = create(&world);
    assert_int_equal(churn(arena, &prng, unit_steps(3000)), 0);
    arena_trim(arena, true);
    size_t dirty = pages_unused(&arena->pages, PAGES_DIRTY);
    size_t committed = arena->own.committed_bytes;
    assert_true(dirty > 0);
    purge_all(&arena->pages);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0); /* kept, and no more looked at */
    assert_int_equal(arena->own.committed_bytes, committed);
    unsigned allocs = world.calls[CALL_ALLOC];
    unsigned char *p = large_alloc(arena, 1 << 20, 1, true);
    assert_true(unit_is_filled(p, 1 << 20, 0));
    assert_int_equal(world.calls[CALL_ALLOC], allocs);
    assert_true(arenas_destroy(arena));
    assert_null(arenas_of_pointer(p));
    for (unsigned i = 0; i < world.n; i++) { /* nobody else can */
        munmap((void *)world.extents[i].base, world.extents[i].size);
    }
    world.hooks = (extent_hooks_t){.dalloc = world_dalloc};
    assert_null(arenas_create(&world.hooks)); /* without alloc */
}

static void test_shared_file(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    world_init(&world, 3);
    world.file = memfd_create("arena", MFD_CLOEXEC);
    assert_true(world.file >= 0);
    struct arena *arena = create(&world);
    static const char text[] = "what another process may read";
    char *p = large_alloc(arena, 100000, 1, false);
    memcpy(p, text, sizeof(text));
    char read_back[sizeof(text)] = {0};
    off_t at = (off_t)((uintptr_t)p - world.extents[0].base);
    assert_int_equal(pread(world.file, read_back, sizeof(text), at), sizeof(text));
    assert_string_equal(read_back, text);
    fast_free(p);
    assert_int_equal(churn(arena, &prng, unit_steps(2000)), 0);
    destroy(&world, arena);
    close(world.file);
}

static void *huge_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment,
                        bool *zero, bool *commit, unsigned arena) {
    (void)hooks;
    (void)arena;
    (void)new_addr;
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (p == MAP_FAILED) { /* no such pages are set aside */
        p = hooks_default.alloc(&hooks_default, NULL, size, alignment, zero, commit, arena);
        if (p != NULL) {
            madvise(p, size, MADV_HUGEPAGE);
        }
    }
    *zero = true;
    *commit = true;
    return p;
}

/* Hooks that call the default ones for all but one thing. */
static void test_huge_pages(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    extent_hooks_t hooks = hooks_default;
    hooks.alloc = huge_alloc;
    hooks.dalloc = NULL;
    struct arena *arena = arenas_create(&hooks);
    assert_int_equal(churn(arena, &prng, unit_steps(2000)), 0);
    assert_true(arena->own.committed_bytes > 0);
    assert_true(arenas_destroy(arena));
}

/* How unused memory is cut up: pinned memory is told apart from dirty memory. */
static void expect_pinned(struct arena *arena) {
    struct detail *detail = calloc(1, sizeof(*detail));
    detail_add(detail, arena);
    size_t runs = 0;
    size_t bytes = 0;
    for (unsigned i = 0; i < NPAGE_CLASSES; i++) {
        assert_int_equal(detail->extents[i].ndirty, 0);
        runs += detail->extents[i].npinned;
        bytes += detail->extents[i].pinned_bytes;
    }
    assert_true(runs > 0);
    assert_int_equal(bytes, pages_unused(&arena->pages, PAGES_PINNED) << LG_GRANULE);
    assert_int_equal(detail->slabs.dirty_bytes_nonhuge, 0);
    free(detail);
}

static void test_pinned(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    world_init(&world, 4);
    world.pinned = true;
    struct arena *arena = create(&world);
    assert_int_equal(churn(arena, &prng, unit_steps(3000)), 0);
    arena_trim(arena, true);
    purge_all(&arena->pages);
    assert_int_equal(pages_unused(&arena->pages, PAGES_DIRTY), 0);
    assert_true(pages_unused(&arena->pages, PAGES_PINNED) > 0);
    expect_pinned(arena);
    for (unsigned i = CALL_DALLOC; i < CALLS; i++) {
        assert_int_equal(world.calls[i], 0); /* not even committed */
    }
    destroy(&world, arena);
    assert_int_equal(pages_unused(&arena->pages, PAGES_PINNED), 0);
}

static void test_growth(void **state) {
    (void)state;
    static struct world world;
    world_init(&world, 5);
    struct arena *arena = create(&world);
    for (unsigned i = 0; i < 100; i++) {
        assert_non_null(large_alloc(arena, 1 << 20, 1, false));
    }
    assert_true(world.largest > CHUNK_SIZE && world.n < 30); /* in growing steps */
    arena_reset(arena);
    destroy(&world, arena);
    world_init(&world, 6);
    arena = create(&world);
    arena_set_grow_limit(arena, 5 << 20);
    for (unsigned i = 0; i < 60; i++) {
        assert_non_null(large_alloc(arena, 1 << 20, 1, false));
    }
    assert_int_equal(world.largest, 4 << 20);
    assert_non_null(large_alloc(arena, 30 << 20, 1, false)); /* needs more */
    assert_int_equal(world.largest, 30 << 20);
    destroy(&world, arena);
    assert_true(arena_grow_limit(arena) == 5 << 20);
    assert_ptr_equal(arenas_create(NULL), arena);
    assert_true(arena_grow_limit(arena) > (size_t)1 << 40); /* a new arena is not limited */
    assert_ptr_equal(arena_hooks(arena), &hooks_default);
    assert_true(arenas_destroy(arena));
}

/* A hook that hands out memory of this allocator would ruin it, and is refused. */
static void *stolen;
static void *stealing_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment,
                            bool *zero, /* NOLINT(readability-non-const-parameter) */
                            bool *commit, unsigned arena) {
    (void)hooks;
    (void)new_addr;
    (void)zero;
    (void)arena;
    *commit = true;
    stolen = slow_malloc_large_with(size, alignment, false);
    return stolen;
}

static void test_stolen_memory(void **state) {
    (void)state;
    extent_hooks_t hooks = {.alloc = stealing_alloc};
    struct arena *arena = arenas_create(&hooks);
    assert_null(large_alloc(arena, 1 << 20, 1, false));
    assert_ptr_equal(arenas_of_pointer(stolen), arenas_get(0));
    fast_free(stolen);
    assert_true(arenas_destroy(arena));
}

/* Hooks of an arena that has run without: what it has stays where it is. */
static bool replace_hooks_of_arena_0(void *context) {
    struct world *world = context;
    struct arena *arena = arenas_get(0);
    extent_hooks_t *old = NULL;
    struct prng prng = {7};
    char *before = large_alloc(arena, 3 << 20, 1, false);
    world->allocates = false; /* checked below: arena 0 is where hooks allocate */
    world->arena = 0;
    bool set = arenas_set_hooks(arena, &world->hooks, &old) && old == &hooks_default &&
               !arenas_set_hooks(arena, &(extent_hooks_t){0}, NULL);
    bool worked = churn(arena, &prng, 2000) == 0 && world->calls[CALL_ALLOC] > 0;
    fast_free(before);
    arena_trim(arena, true);
    purge_all(&arena->pages);
    bool purged = pages_unused(&arena->pages, PAGES_DIRTY) == 0 ||
                  purge_page_size > GRANULE_SIZE; /* parts of pages cannot go */
    bool back = arenas_set_hooks(arena, &hooks_default, &old) && old == &world->hooks;
    unsigned calls = world->calls[CALL_ALLOC];
    back = back && churn(arena, &prng, 1000) == 0 && world->calls[CALL_ALLOC] == calls;
    arenas_check();
    return set && worked && purged && back;
}

static void *recursive_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment,
                             bool *zero, bool *commit, unsigned arena) {
    (void)hooks;
    static unsigned depth;
    expect(++depth == 1, "a hook's own allocation called the hook");
    void *p = slow_malloc_large(50 << 20); /* arena 0 has no room for that */
    expect(p != NULL, "no memory in a hook");
    fast_free(p);
    depth--;
    return hooks_default.alloc(&hooks_default, new_addr, size, alignment, zero, commit, arena);
}

static bool allocate_in_hook_of_arena_0(void *context) {
    (void)context;
    extent_hooks_t hooks = hooks_default;
    hooks.alloc = recursive_alloc;
    return arenas_set_hooks(arenas_get(0), &hooks, NULL) &&
           large_alloc(arenas_get(0), 20 << 20, 1, false) != NULL;
}

static void test_replacing(void **state) {
    (void)state;
    static struct world world;
    world_init(&world, 8);
    unit_expect_in_child(replace_hooks_of_arena_0, &world);
    unit_expect_in_child(allocate_in_hook_of_arena_0, NULL);
}

static void test_no_leak(void **state) {
    (void)state;
    static struct world world;
    struct prng prng = unit_prng();
    size_t meta = 0;
    for (unsigned round = 0; round < 40; round++) {
        world_init(&world, 9);
        struct arena *arena = create(&world);
        churn(arena, &prng, unit_steps(300));
        destroy(&world, arena);
        if (round == 20) {
            meta = meta_allocated_bytes();
        }
    }
    assert_true(meta_allocated_bytes() - meta <= 256 << 10);
}

static struct arena *shared;

static void *churn_shared(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    churn(shared, &prng, unit_steps(2000));
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    static struct world world;
    pthread_t threads[4];
    world_init(&world, 10);
    world.refuses = 20;
    world.late_commit = true;
    world.allocates = true;
    shared = create(&world);
    for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, churn_shared, (void *)(uintptr_t)(i + 1)), 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    destroy(&world, shared);
}

static bool churn_in_child(void *context) {
    struct world *world = context;
    struct prng prng = {11};
    churn(arenas_get(world->arena), &prng, 1000);
    return arenas_destroy(arenas_get(world->arena)) && world->n == 0;
}

static void test_fork(void **state) {
    (void)state;
    static struct world world;
    world_init(&world, 12);
    struct arena *arena = create(&world);
    struct object object;
    struct prng prng = {13};
    assert_true(allocate(arena, &prng, &object));
    unit_expect_in_child(churn_in_child, &world);
    release(&object);
    destroy(&world, arena);
}

int main(void) {
    unit_need_address_space();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),      cmocka_unit_test(test_refusing),
        cmocka_unit_test(test_alloc_only), cmocka_unit_test(test_shared_file),
        cmocka_unit_test(test_huge_pages), cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_growth),     cmocka_unit_test(test_stolen_memory),
        cmocka_unit_test(test_replacing),  cmocka_unit_test(test_no_leak),
        cmocka_unit_test(test_threads),    cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

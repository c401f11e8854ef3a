/*
 * scavenge_test.c: which pages inside slabs go back to the system, when, what others see meanwhile, and how
 * much is said to be absent.
 *
 * The clock is a number here, and page functions note every call, may refuse, and may use the arena while
 * no lock is held. What must have gone is worked out from the objects that live.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "heap/arenas.h"
#include "heap/reset.h"
#include "heap/scavenge.h"
#include "opt/opt.h"
#include "os/os.h"

enum { MOST = 6000, MS = 1000000, DECAY_MS = 1000, THREADS = 3 };

static struct space space;
static struct arena *arena;
static struct os_page_ops real;
static uint64_t now_ns;

static unsigned ncalls;
static size_t purged_bytes;
static bool refuse;
static uintptr_t locked; /* refused for the slab of one granule there */
static void (*during)(void);

static void *live[MOST]; /* NULL: freed */
static unsigned nlive;

static bool noted_purge(void *address, size_t size) {
    ncalls++;
    assert_int_equal((uintptr_t)address % purge_page_size, 0);
    assert_int_equal(size % purge_page_size, 0);
    assert_int_equal(arena->pages.lock.word, LOCK_FREE);
    for (unsigned class = 1; class < NCLASSES; class ++) {
        assert_int_equal(arena->bins[class].lock.word, LOCK_FREE);
    }
    if (during != NULL) {
        void (*once)(void) = during;
        during = NULL;
        once();
    }
    bool refused = refuse || (uintptr_t)address >> LG_GRANULE == locked >> LG_GRANULE;
    purged_bytes += refused ? 0 : size;
    return !refused && real.purge(address, size);
}

static void begin(size_t page_size) {
    static unsigned index;
    arena = calloc(1, sizeof(*arena) + CACHE_LINE);
    assert_non_null(arena);
    arena = (struct arena *)round_up((uintptr_t)arena, CACHE_LINE);
    arena_init(arena, index++, &space);
    arena_set_decay_ms(arena, PAGES_DIRTY, DECAY_MS);
    purge_page_size = page_size;
    os_page_ops = real;
    os_page_ops.purge = noted_purge;
    refuse = false;
    locked = 0;
    during = NULL;
    ncalls = 0;
    purged_bytes = 0;
    nlive = 0;
    now_ns = (uint64_t)1000 * MS;
}

static size_t absent(void) {
    size_t sum = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        sum += gauge_read(&arena->bins[class].absent);
    }
    return sum;
}

static unsigned char fill_byte(unsigned i) {
    return (unsigned char)(i % 255 + 1);
}

/* Objects of a class in all slots of so many slabs. */
static void fill_slabs(unsigned class, unsigned nslabs) {
    unsigned n = nslabs * sizeclasses[class].nslots;
    assert_true(nlive + n <= MOST);
    for (unsigned i = 0; i < n; i++, nlive++) {
        assert_int_equal(arena_fill(arena, class, &live[nlive], 1), 1);
        memset(live[nlive], fill_byte(nlive), sizeclasses[class].size);
    }
}

static void drop(unsigned i) {
    if (live[i] != NULL) {
        arena_drain(map_class_of(live[i]), &live[i], 1);
        live[i] = NULL;
    }
}

static void end(void) {
    arena_check(arena);
    for (unsigned i = 0; i < nlive; i++) {
        drop(i);
    }
    arena_trim(arena, true);
    assert_int_equal(absent(), 0);
    assert_int_equal(arena->pages.nactive, 0);
    purge_all(&arena->pages);
    arena_check(arena);
    space_check(&space);
}

static struct run *slab_of(const void *p) {
    return chunk_run_at(chunk_find_at(p), p);
}

static void check_contents(void) {
    for (unsigned i = 0; i < nlive; i++) {
        assert_true(live[i] == NULL ||
                    unit_is_filled(live[i], sizeclasses[map_class_of(live[i])].size, fill_byte(i)));
    }
}

/* Whether a live object has a byte in there. */
static bool is_used(uintptr_t begin, uintptr_t end) {
    for (unsigned i = 0; i < nlive; i++) {
        uintptr_t p = (uintptr_t)live[i];
        if (p != 0 && p < end && p + sizeclasses[map_class_of(live[i])].size > begin) {
            return true;
        }
    }
    return false;
}

/* Bytes of a slab's pages without any byte of a live object, each of which must read as zero. */
static size_t unused_bytes(const struct run *slab, bool zero) {
    size_t sum = 0;
    uintptr_t end = run_address(slab) + slab->ngranules * GRANULE_SIZE;
    for (uintptr_t page = round_up(run_address(slab), purge_page_size);
         page + purge_page_size <= end; page += purge_page_size) {
        if (!is_used(page, page + purge_page_size)) {
            sum += purge_page_size;
            assert_true(!zero || unit_is_filled((void *)page, purge_page_size, 0));
        }
    }
    return sum;
}

/* Of all slabs with free slots, but for the few that are in no list. */
static size_t all_unused_bytes(bool zero) {
    size_t sum = 0;
    for (unsigned class = 1; class < NCLASSES; class ++) {
        for (unsigned list = 0; list <= BIN_LISTS; list++) {
            struct list *head = bin_list(&arena->bins[class], list);
            for (struct list *node = list_first(head); node != head; node = node->next) {
                sum += unused_bytes(list_entry(node, struct run, link), zero);
            }
        }
    }
    return sum;
}

static uint64_t pass_with(unsigned *effort) {
    scavenge_decayed(arena, now_ns, effort);
    return scavenge_due_ns(arena);
}

/* Time goes on until a pass is due, and is it over then. */
static void one_pass(void) {
    unsigned effort = UINT32_MAX;
    if (arena->scavenger.next_ns > now_ns) {
        now_ns = arena->scavenger.next_ns;
    }
    pass_with(&effort);
    assert_int_equal(arena->scavenger.class, 0);
}

static void drop_randomly(struct prng *prng) {
    for (unsigned i = 0; i < nlive; i++) {
        unsigned part = (unsigned)(run_address(slab_of(live[i])) >> LG_GRANULE) % 5;
        if (part == 0 ? i % 8 == 0 : part < 4 && prng_below(prng, 4 * part) != 0) {
            drop(i);
        }
    }
    arena_trim(arena, true);
}

/* All classes and page sizes: exactly the pages without a live object go, and only those. */
static void test_what_goes(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    for (size_t page_size = 4096; page_size <= 65536; page_size *= 4) {
        for (unsigned class = 1; class < NCLASSES; class += 1 + UNIT_SLOW) {
            begin(page_size);
            fill_slabs(class, sizeclasses[class].nslots > 1000 ? 2 : 8);
            drop_randomly(&prng);
            size_t unused = all_unused_bytes(false);
            one_pass(); /* begins to count */
            one_pass(); /* sees them all, and finds none quiet */
            assert_int_equal(ncalls, 0);
            uint64_t nmalloc = arena->bins[class].nmalloc;
            uint64_t ndalloc = arena->bins[class].ndalloc;
            size_t nslabs = arena->bins[class].nslabs;
            one_pass();
            assert_int_equal(absent(), unused);
            assert_int_equal(purged_bytes, unused);
            assert_int_equal(all_unused_bytes(true), unused);
            assert_int_equal(arena->pages.purged[PAGES_DIRTY].calls, ncalls);
            assert_int_equal(arena->pages.purged[PAGES_DIRTY].slab_bytes, unused);
            assert_int_equal(arena->bins[class].nmalloc, nmalloc);
            assert_int_equal(arena->bins[class].ndalloc, ndalloc);
            assert_int_equal(arena->bins[class].nslabs, nslabs);
            check_contents();
            unsigned calls = ncalls;
            one_pass();
            scavenge_all(arena);
            assert_int_equal(ncalls, calls); /* nothing twice */
            end();
        }
    }
}

/* What an object takes comes back: the pages in which it has a byte, and no others. */
static void test_what_comes_back(void **state) {
    (void)state;
    static const unsigned classes[] = {3, 12, 17, 22, 30, 37, NCLASSES - 1};
    struct prng prng = unit_prng();
    for (unsigned k = 0; k < 2 * ARRAY_LEN(classes); k++) {
        unsigned class = classes[k / 2];
        begin(k % 2 == 0 ? 4096 : 16384);
        fill_slabs(class, 6);
        drop_randomly(&prng);
        scavenge_all(arena);
        assert_int_equal(absent(), all_unused_bytes(true));
        for (unsigned i = 0; i < nlive; i++) {
            if (live[i] == NULL && absent() > 0) {
                unsigned some = 1 + i % 3; /* several slots at once */
                void *slots[3];
                unsigned n = arena_fill(arena, class, slots, some);
                for (unsigned j = i; n > 0 && j < nlive; j++) {
                    if (live[j] == NULL) {
                        live[j] = slots[--n];
                        memset(live[j], fill_byte(j), sizeclasses[class].size);
                    }
                }
                if (n > 0) {
                    arena_drain(class, slots, n);
                    break;
                }
                assert_int_equal(absent(), all_unused_bytes(false));
            }
        }
        assert_int_equal(all_unused_bytes(false) == 0, absent() == 0);
        check_contents();
        end();
    }
}

/* A slab that serves is left alone until it is quiet; slots that come back do not matter. */
static void test_changes(void **state) {
    (void)state;
    enum { CLASS = 17, PER_SLAB = 32 };
    begin(4096);
    fill_slabs(CLASS, 4);
    for (unsigned i = 0; i < nlive; i++) {
        if (i % PER_SLAB != 0 && i % PER_SLAB != PER_SLAB - 1) {
            drop(i); /* two pages of four are unused */
        }
    }
    one_pass();
    one_pass();
    assert_int_equal(arena_fill(arena, CLASS, &live[1], 1), 1);
    memset(live[1], fill_byte(1), 512);
    struct run *serving = slab_of(live[1]);
    unsigned other = serving == slab_of(live[0]) ? PER_SLAB : 0;
    struct run *drained = slab_of(live[other]);
    drop(other);
    assert_true(scavenge_is_wanted(arena));
    one_pass();
    assert_int_equal(ncalls, 3);
    assert_int_equal(slab_absent(serving), 0);
    assert_int_equal(slab_absent(drained), 7);
    one_pass();
    assert_int_equal(ncalls, 4);
    assert_int_equal(slab_absent(serving), 6);
    drop(other + PER_SLAB - 1); /* something new to give back */
    one_pass();
    assert_int_equal(slab_absent(drained), 15);
    assert_int_equal(absent(), all_unused_bytes(true));
    check_contents();
    end();
}

static struct run *hidden; /* the first of them */

/* Objects of slabs whose pages are being given back are freed; new ones come from elsewhere. */
static void meanwhile(void) {
    enum { CLASS = 17 };
    assert_true(arena->bins[CLASS].nhidden > 1);
    hidden = slab_of(live[0]);
    drop(0);
    drop(31); /* now it is all free */
    drop(64);
    arena_check(arena);
    for (unsigned i = 1; i < 31; i++) {
        assert_int_equal(arena_fill(arena, CLASS, &live[i], 1), 1);
        assert_int_equal(slab_of(live[i])->rest, 0);
        assert_ptr_not_equal(slab_of(live[i]), hidden);
        memset(live[i], fill_byte(i), 512);
    }
    arena_check(arena);
}

static void test_meanwhile(void **state) {
    (void)state;
    enum { CLASS = 17, PER_SLAB = 32, SLABS = 8 };
    begin(4096);
    fill_slabs(CLASS, SLABS);
    for (unsigned i = 0; i < nlive; i++) {
        if (i % PER_SLAB != 0 && i % PER_SLAB != PER_SLAB - 1) {
            drop(i);
        }
    }
    one_pass();
    one_pass();
    during = meanwhile;
    one_pass();
    assert_non_null(hidden);
    assert_int_equal(ncalls, SLABS + 2); /* the one that is all free comes to a later list */
    assert_int_equal(arena->bins[CLASS].nhidden, 0);
    assert_int_equal(absent(), (SLABS + 1) * 8192);
    assert_int_equal(slab_absent(hidden), 15);
    check_contents();
    assert_int_equal(slab_absent(slab_of(live[95])), 6); /* what was unused before it changed */
    one_pass();
    assert_int_equal(slab_absent(slab_of(live[95])), 7);
    check_contents();
    end();
}

/* What one call may do is limited, and the next one goes on where it ended. */
static void test_effort(void **state) {
    (void)state;
    enum { CLASS = 21, SLABS = 100 };
    begin(4096);
    fill_slabs(CLASS, SLABS);
    for (unsigned i = 0; i < nlive; i++) {
        if (i % 16 != 0) {
            drop(i);
        }
    }
    one_pass();
    one_pass();
    now_ns = arena->scavenger.next_ns;
    uint64_t began_ns = now_ns;
    unsigned rounds = 0;
    unsigned before = 0;
    do {
        unsigned effort = 10 * SCAVENGE_CALL;
        uint64_t next = pass_with(&effort);
        assert_in_range(ncalls - before, rounds < 10 ? 10 : 0, 10);
        assert_int_equal(effort, rounds < 10 ? 0 : effort);
        assert_true(next <= now_ns || arena->scavenger.class == 0);
        before = ncalls;
        rounds++;
        now_ns += (uint64_t)10 * MS;
        if (rounds == 4) { /* slabs in the walk's way end, and new ones come */
            for (unsigned i = 0; i < nlive; i += 16) {
                if (i / 16 % 10 == 0) {
                    drop(i);
                }
            }
            arena_trim(arena, true);
            fill_slabs(CLASS, 1);
            rounds += 2;
        }
    } while (arena->scavenger.class != 0 && rounds < 100);
    assert_in_range(rounds, 10, 13);
    assert_int_equal(arena->scavenger.next_ns, began_ns + (uint64_t)DECAY_MS / 4 * MS);
    one_pass();
    one_pass();
    assert_int_equal(absent(), all_unused_bytes(true));
    unsigned none = 0;
    assert_int_equal(pass_with(&none), UINT64_MAX);
    check_contents();
    end();
}

/* The system refuses: nothing is absent, and nothing is asked again soon, unless somebody wants it all. */
static void test_refusal(void **state) {
    (void)state;
    enum { CLASS = 21, SLABS = 40 };
    begin(4096);
    fill_slabs(CLASS, SLABS);
    for (unsigned i = 0; i < nlive; i++) {
        if (i % 8 != 0) { /* two pages of four are unused */
            drop(i);
        }
    }
    refuse = true;
    one_pass();
    one_pass();
    now_ns = arena->scavenger.next_ns;
    unsigned effort = UINT32_MAX;
    assert_int_equal(pass_with(&effort), now_ns + (uint64_t)64 * DECAY_MS / 4 * MS);
    assert_in_range(ncalls, 1, 2 * BIN_MAX_RELEASED);
    for (unsigned i = 0; i < 2; i++) {
        ncalls = 0;
        scavenge_all(arena);
        assert_int_equal(ncalls, 2 * SLABS);
    }
    assert_int_equal(absent(), 0);
    assert_int_equal(arena->pages.purged[PAGES_DIRTY].slab_bytes, 0);
    refuse = false;
    scavenge_all(arena);
    assert_int_equal(absent(), all_unused_bytes(true));
    assert_int_equal(absent(), 2 * 4096 * SLABS);
    check_contents();
    end();
}

/* A program has locked some pages: the others go as ever, and these are tried again when something comes or
 * goes. */
static void test_locked_pages(void **state) {
    (void)state;
    enum { CLASS = 21, PER_SLAB = 16, SLABS = 40 };
    begin(4096);
    fill_slabs(CLASS, SLABS);
    for (unsigned i = 0; i < nlive; i++) {
        if (i % PER_SLAB != 0) { /* three pages of four are unused */
            drop(i);
        }
    }
    locked = (uintptr_t)live[0];
    one_pass();
    one_pass();
    one_pass();
    assert_int_equal(ncalls, SLABS);
    assert_int_equal(absent(), (SLABS - 1) * 3 * 4096);
    one_pass();
    assert_int_equal(ncalls, SLABS);
    locked = 0;
    one_pass();
    assert_int_equal(ncalls, SLABS);
    drop(PER_SLAB);
    one_pass();
    assert_int_equal(ncalls, SLABS + 2);
    assert_int_equal(absent(), (SLABS * 3 + 1) * 4096);
    assert_int_equal(absent(), all_unused_bytes(true));
    check_contents();
    end();
}

/* Passes begin a sixteenth of a decay apart, those that visit slots of all sizes a quarter, but not below a limit;
 * with nothing to look at there are none. */
static void test_times(void **state) {
    (void)state;
    enum { CLASS = 21 };
    static const struct {
        ssize_t decay_ms;
        unsigned interval_ms;
        unsigned per_full_pass;
    } cases[] = {{0, 250, 1},    {10, 250, 1},    {1000, 250, 1},   {2000, 250, 2},
                 {4000, 250, 4}, {10000, 312, 8}, {100000, 3125, 8}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        begin(4096);
        arena_set_decay_ms(arena, PAGES_DIRTY, cases[i].decay_ms);
        uint64_t interval = (uint64_t)cases[i].interval_ms * MS;
        unsigned effort = UINT32_MAX;
        assert_int_equal(pass_with(&effort), UINT64_MAX);
        assert_int_equal(scavenge_slack(arena), 0);
        fill_slabs(CLASS, 1);
        for (unsigned k = 2; k < 8; k++) { /* not a whole page */
            if (k != 4) {
                drop(k);
            }
        }
        assert_int_equal(scavenge_slack(arena), 5 * 1024);
        assert_int_equal(pass_with(&effort), now_ns + interval);
        now_ns += interval - 1;
        assert_int_equal(pass_with(&effort), now_ns + 1);
        now_ns++;
        for (unsigned k = 1; k < 2 * cases[i].per_full_pass; k++) {
            assert_int_equal(pass_with(&effort), now_ns + interval);
            now_ns += interval;
        }
        assert_int_equal(ncalls, 0);
        assert_int_equal(pass_with(&effort), UINT64_MAX);
        drop(8);
        assert_int_equal(pass_with(&effort), now_ns + interval);
        arena_set_decay_ms(arena, PAGES_DIRTY, -1);
        assert_false(scavenge_is_wanted(arena));
        assert_int_equal(scavenge_slack(arena), 0);
        now_ns += 1000 * interval;
        assert_int_equal(pass_with(&effort), UINT64_MAX);
        for (unsigned k = 0; k < nlive; k += 2) {
            drop(k);
            drop(k + (k % 16 < 8));
        }
        assert_int_equal(ncalls, 0);
        scavenge_all(arena); /* whoever asks for it gets it */
        assert_int_equal(absent(), all_unused_bytes(true));
        end();
    }
}

/* Huge pages are left to whoever wants everything back. */
static void test_huge_pages(void **state) {
    (void)state;
    enum { CLASS = 21 };
    begin(4096);
    fill_slabs(CLASS, 4);
    for (unsigned i = 0; i < nlive; i++) {
        if (i < 16 ? i % 4 == 0 && i > 0 : i % 16 != 0) { /* the first slab is mostly in use */
            drop(i);
        }
    }
    for (unsigned i = 4; i < 8; i++) {
        drop(i);
    }
    struct chunk *chunk = chunk_find_at(live[0]);
    enum opt_thp saved = opts.thp;
    opts.thp = THP_ALWAYS;
    unsigned effort = UINT32_MAX;
    for (unsigned i = 0; i < 5; i++) {
        now_ns += (uint64_t)DECAY_MS * MS;
        assert_int_equal(pass_with(&effort), UINT64_MAX);
    }
    opts.thp = THP_COLLAPSE;
    chunk->huge = true;
    for (unsigned i = 0; i < 5; i++) {
        one_pass();
    }
    assert_int_equal(ncalls, 0);
    chunk->huge = false;
    drop(48); /* the bin changes */
    for (unsigned i = 0; i < 5; i++) {
        one_pass();
    }
    assert_int_equal(slab_absent(slab_of(live[0])), 0); /* not half empty */
    size_t some = absent();
    assert_true(some > 0);
    assert_int_equal(chunk->nabsent << LG_SLAB_UNIT, some);
    chunk->huge = true;
    scavenge_all(arena);
    assert_int_equal(slab_absent(slab_of(live[0])), 2);
    assert_int_equal(absent(), all_unused_bytes(true));
    assert_false(chunk->huge);
    opts.thp = saved;
    check_contents();
    end();
    assert_int_equal(chunk->nabsent, 0);
}

/* Objects that are forgotten take what is absent along. */
static void test_reset(void **state) {
    (void)state;
    begin(4096);
    struct arena *manual = arenas_create(NULL);
    assert_non_null(manual);
    for (unsigned round = 0; round < 2; round++) {
        void *slots[64];
        for (unsigned n = 0; n < 64;) {
            n += arena_fill(manual, 21, slots + n, 64 - n);
        }
        arena_drain(21, slots, 60);
        scavenge_all(manual);
        assert_int_equal(gauge_read(&manual->bins[21].absent), 3 * 4096);
        arena_reset(manual);
        assert_int_equal(gauge_read(&manual->bins[21].absent), 0);
        arena_check(manual);
    }
    assert_true(arenas_destroy(manual));
    end();
}

/* An arena's number is used again: what was done for the old one is no reason to skip the new one, whose life
 * begins alike. */
static void test_used_again(void **state) {
    (void)state;
    begin(4096);
    uint64_t due_ns = 0;
    for (unsigned life = 0; life < 3; life++) {
        struct arena *manual = arenas_create(NULL);
        assert_non_null(manual);
        arena_set_decay_ms(manual, PAGES_DIRTY, 1000000);
        void *slots[64];
        for (unsigned n = 0; n < 64;) {
            n += arena_fill(manual, 21, slots + n, 64 - n);
        }
        for (unsigned i = 0; i < 64; i++) {
            if ((uintptr_t)slots[i] % GRANULE_SIZE != 0) {
                arena_drain(21, &slots[i], 1);
            }
        }
        assert_true(scavenge_is_wanted(manual));
        for (unsigned i = 0; i < 24; i++) { /* three times all sizes */
            unsigned effort = UINT32_MAX;
            scavenge_decayed(manual, now_ns, &effort);
            now_ns = life == 2 ? now_ns : now_ns + (uint64_t)250000 * MS;
        }
        assert_int_equal(gauge_read(&manual->bins[21].absent), life == 2 ? 0 : 4 * 3 * 4096);
        assert_int_equal(scavenge_is_wanted(manual), life == 2);
        due_ns = counter_read(&manual->scavenger.next_ns);
        assert_true(arenas_destroy(manual));
    }
    struct arena *last = arenas_create(NULL);
    assert_true(due_ns > now_ns);
    assert_int_equal(counter_read(&last->scavenger.next_ns), 0);
    assert_true(arenas_destroy(last));
    end();
}

/* ---- threads ---- */

static _Atomic bool over;

static void *churn(void *argument) {
    struct prng prng = {(uintptr_t)argument};
    static const unsigned classes[] = {5, 17, 21, 25, 33};
    void *mine[400] = {NULL};
    for (unsigned i = 0; !atomic_load(&over); i++) {
        unsigned k = (unsigned)prng_below(&prng, ARRAY_LEN(mine));
        unsigned class = classes[prng_below(&prng, ARRAY_LEN(classes))];
        if (mine[k] != NULL) {
            class = map_class_of(mine[k]);
            assert_int_equal(*(unsigned char *)mine[k], class);
            arena_drain(class, &mine[k], 1);
            mine[k] = NULL;
        } else if (arena_fill(arena, class, &mine[k], 1) == 1) {
            memset(mine[k], (int)class, sizeclasses[class].size);
        }
        if (i % 512 == 0) {
            arena_trim(arena, true);
        }
    }
    for (unsigned k = 0; k < ARRAY_LEN(mine); k++) {
        if (mine[k] != NULL) {
            arena_drain(map_class_of(mine[k]), &mine[k], 1);
        }
    }
    return NULL;
}

static void *scavenge(void *argument) {
    (void)argument;
    const _Atomic uint64_t *bytes = &arena->pages.purged[PAGES_DIRTY].slab_bytes;
    for (unsigned i = 0; i < unit_steps(2000) || counter_read(bytes) == 0; i++) {
        unsigned effort = SCAVENGE_EFFORT;
        if (i % 4 == 0) {
            scavenge_all(arena);
        } else {
            scavenge_restart(arena);
            scavenge_decayed(arena, i, &effort);
            scavenge_decayed(arena, (uint64_t)i << 40, &effort);
        }
        arena_check(arena);
    }
    atomic_store(&over, true);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    begin(4096);
    os_page_ops = real;
    pthread_t threads[THREADS], scavenger;
    assert_int_equal(pthread_create(&scavenger, NULL, scavenge, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(scavenger, NULL);
    end();
}

static int setup(void **state) {
    (void)state;
    unit_start();
    real = os_page_ops;
    space_init(&space);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes),    cmocka_unit_test(test_what_comes_back),
        cmocka_unit_test(test_changes),      cmocka_unit_test(test_meanwhile),
        cmocka_unit_test(test_effort),       cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_huge_pages),
        cmocka_unit_test(test_reset),        cmocka_unit_test(test_used_again),
        cmocka_unit_test(test_locked_pages), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

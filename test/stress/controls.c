/*
 * controls.c: threads allocate while others read every control and print reports, write every control
 * that can be written, and create, use, reset and destroy arenas.
 *
 * The controls and their types come from test/unit/ctl/controls.tsv. Numbers in names are drawn at random,
 * also wrong ones, so reading may find nothing (ENOENT), and an arena may be gone (EFAULT).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "support/api.h"
#include "support/model.h"
#include "support/report.h"
#include "support/stress.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

enum {
    ALLOCATORS = 16,
    READERS = 2,
    WRITERS = 1,
    TENANTS = 2,
    THREADS = ALLOCATORS + READERS + WRITERS + TENANTS,
    MAX_CONTROLS = 600,
    NAME = 128,
    VALUE = 64,
    ALL = 4096,
    DESTROYED = 4097,
    CAPACITY = 5000,
    STEPS_BETWEEN_LOOKS = 100,
};

struct control {
    char pattern[NAME];
    char type[16];
    char access[4];
    char presence[16];
};

static struct control controls[MAX_CONTROLS];
static unsigned ncontrols;
static struct stress stress;
static unsigned nautomatic; /* arenas below this number are not created and destroyed here */

struct worker {
    pthread_t thread;
    struct prng prng;
    uint64_t steps;
};

static void read_list(void) {
    FILE *file = fopen(CONTROLS_TSV, "r");
    EXPECT(file != NULL, "no list of controls");
    char line[256];
    while (ncontrols < MAX_CONTROLS && fgets(line, sizeof(line), file) != NULL) {
        struct control *c = &controls[ncontrols];
        if (line[0] != '#') {
            EXPECT(sscanf(line, "%127s %15s %3s %15s", c->pattern, c->type, c->access,
                          c->presence) == 4,
                   "%s", line);
            ncontrols++;
        }
    }
    fclose(file);
}

/* ---- names ---- */

static unsigned random_index(struct prng *prng, bool arena) {
    if (!arena) {
        return (unsigned)prng_below(prng, 45);
    }
    static const unsigned special[] = {ALL, DESTROYED, 4095};
    return prng_one_in(prng, 4) ? special[prng_below(prng, 3)] : (unsigned)prng_below(prng, 16);
}

static void random_name(struct prng *prng, const char *pattern, char name[NAME]) {
    bool arena = strstr(pattern, "arena.<") != NULL || strstr(pattern, ".arenas.<") != NULL;
    size_t n = 0;
    while (*pattern != '\0' && n < NAME - 8) {
        if (*pattern != '<') {
            name[n++] = *pattern++;
            continue;
        }
        n += (size_t)snprintf(name + n, NAME - n, "%u", random_index(prng, arena));
        arena = false;
        pattern += 3;
    }
    name[n] = '\0';
}

static size_t size_of(const char *type) {
    if (strcmp(type, "bool") == 0) {
        return sizeof(bool);
    }
    return strcmp(type, "unsigned") == 0 || strcmp(type, "uint32_t") == 0 ? 4 : 8;
}

static bool is(const struct control *c, const char *pattern) {
    return strcmp(c->pattern, pattern) == 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* ---- reading ---- */

static bool is_readable(const struct control *c) {
    return c->access[0] == 'r' && strcmp(c->type, "own") != 0 && strcmp(c->type, "index") != 0 &&
           strstr(c->pattern, "create") == NULL && strstr(c->pattern, "read_sizeclass") == NULL;
}

static void read_control(struct prng *prng, const struct control *c) {
    char name[NAME];
    random_name(prng, c->pattern, name);
    unsigned char value[VALUE];
    size_t length = size_of(c->type);
    int error = t_mallctl(name, value, &length, NULL, 0);
    EXPECT(error == 0 || error == ENOENT || error == EFAULT, "reading %s: %s", name,
           strerror(error));
    EXPECT(error != 0 || length == size_of(c->type), "the length of %s", name);
    EXPECT(error == 0 || strchr(c->pattern, '<') != NULL || strcmp(c->presence, "always") != 0,
           "%s: %s", name, strerror(error));
}

/* What a report should be whole at the end of. */
struct printed {
    int depth; /* of brackets */
    size_t length;
    char end[8]; /* the last bytes */
};

/* Allocates, as it may. */
static void look_at_piece(void *opaque, const char *text) {
    struct printed *printed = opaque;
    size_t length = strlen(text);
    char *copy = t_malloc(length + 1);
    if (copy == NULL) {
        EXPECT(stress_address_space_is_limited(), "malloc");
        return;
    }
    memcpy(copy, text, length + 1);
    for (size_t i = 0; i < length; i++) {
        printed->depth += strchr("{[", copy[i]) != NULL   ? 1
                          : strchr("}]", copy[i]) != NULL ? -1
                                                          : 0;
        memmove(printed->end, printed->end + 1, sizeof(printed->end) - 2);
        printed->end[sizeof(printed->end) - 2] = copy[i];
    }
    printed->length += length;
    t_free(copy);
}

static void print_report(struct prng *prng) {
    static const char *const letters[] = {"J", "Jmde", "Jxbl", "o", "", "gblxeh"};
    static const char *const ends[] = {"}}}", "}}}", "}}}", "# EOF\n", "s ---\n", "s ---\n"};
    unsigned i = (unsigned)prng_below(prng, ARRAY_LEN(letters));
    struct printed printed = {0};
    t_malloc_stats_print(look_at_piece, &printed, letters[i]);
    EXPECT(stress_address_space_is_limited() ||
               (printed.length > 1000 && printed.depth == 0 && ends_with(printed.end, ends[i])),
           "report %s: %zu bytes, ends with %s", letters[i], printed.length, printed.end);
}

static void *read_all(void *argument) {
    struct worker *worker = argument;
    do {
        uint64_t epoch = 1;
        EXPECT(t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0, "epoch");
        for (unsigned i = 0; i < ncontrols; i++) {
            if (is_readable(&controls[i])) {
                read_control(&worker->prng, &controls[i]);
                worker->steps++;
            }
        }
        print_report(&worker->prng);
    } while (stress_goes_on(&stress, 0, 1));
    return NULL;
}

/* ---- writing ---- */

/* A value that the control takes; false when that is for the tenants to do. */
static bool random_value(struct prng *prng, const struct control *c, void *value) {
    static const ssize_t decays[] = {-1, 0, 1, 100, 10000};
    static const char *const names[] = {"one", "two",
                                        "a name that is too long for an arena, rather"};
    static const char *disabled = "disabled";
    if (is(c, "arena.<i>.name")) {
        *(const char **)value = names[prng_below(prng, ARRAY_LEN(names))];
    } else if (is(c, "arena.<i>.dss")) {
        *(const char **)value = disabled;
    } else if (ends_with(c->pattern, "_decay_ms")) {
        *(ssize_t *)value = decays[prng_below(prng, ARRAY_LEN(decays))];
    } else if (is(c, "thread.arena")) {
        *(unsigned *)value = (unsigned)prng_below(prng, nautomatic);
    } else if (is(c, "thread.tcache.max")) {
        *(size_t *)value = prng_below(prng, 40 * KIB);
    } else if (is(c, "max_background_threads")) {
        *(size_t *)value = 1 + prng_below(prng, 4);
    } else if (is(c, "arena.<i>.oversize_threshold")) {
        *(size_t *)value = prng_one_in(prng, 2) ? 0 : 8 * MIB;
    } else if (is(c, "arena.<i>.retain_grow_limit")) {
        *(size_t *)value = (4 + prng_below(prng, 100)) * MIB;
    } else if (is(c, "thread.tcache.ncached_max.read_sizeclass")) {
        *(size_t *)value = prng_below(prng, 32 * KIB);
    } else if (is(c, "thread.tcache.ncached_max.write")) {
        *(const char **)value = "16-64:10|1024-2048:3";
    } else if (strcmp(c->type, "bool") == 0) {
        *(bool *)value = prng_one_in(prng, 2);
    } else if (is(c, "epoch")) {
        *(uint64_t *)value = 1;
    } else {
        return false;
    }
    return true;
}

/* Reads the hooks and writes them back. */
static int write_hooks(const char *name) {
    void *hooks = NULL;
    size_t length = sizeof(hooks);
    int error = t_mallctl(name, &hooks, &length, NULL, 0);
    return error != 0 ? error : t_mallctl(name, NULL, NULL, &hooks, sizeof(hooks));
}

static void write_control(struct prng *prng, const struct control *c) {
    char name[NAME];
    random_name(prng, c->pattern, name);
    uint64_t value = 0;
    int error = 0;
    if (strcmp(c->type, "void") == 0) {
        if (!ends_with(name, ".reset") || strncmp(name, "arena.", 6) != 0) {
            error = ends_with(name, ".destroy") ? 0 : t_mallctl(name, NULL, NULL, NULL, 0);
        }
    } else if (is(c, "arena.<i>.extent_hooks")) {
        error = write_hooks(name);
    } else if (random_value(prng, c, &value)) {
        size_t size = strcmp(c->type, "own") == 0 ? sizeof(void *) : size_of(c->type);
        error = t_mallctl(name, NULL, NULL, &value, size);
    }
    EXPECT(error == 0 || error == ENOENT || error == EFAULT ||
               (error == EINVAL && is(c, "max_background_threads")),
           "writing %s: %s", name, strerror(error));
}

static bool is_writable(const struct control *c) {
    return strcmp(c->presence, "absent") != 0 &&
           (c->access[1] == 'w' || strcmp(c->type, "void") == 0);
}

/* One of those that begin so, if there are any. */
static void write_any(struct prng *prng, const char *prefix) {
    unsigned start = (unsigned)prng_below(prng, ncontrols);
    for (unsigned i = 0; i < ncontrols; i++) {
        const struct control *c = &controls[(start + i) % ncontrols];
        if (is_writable(c) && strncmp(c->pattern, prefix, strlen(prefix)) == 0) {
            write_control(prng, c);
            return;
        }
    }
}

static void *write_all(void *argument) {
    struct worker *worker = argument;
    do {
        write_any(&worker->prng, "");
        worker->steps++;
    } while (stress_goes_on(&stress, 0, 1));
    return NULL;
}

/* ---- allocating ---- */

static void *allocate(void *argument) {
    static const struct model_profile profile = {"all sizes", MIB, 16 * KIB, 8 * MIB, 300, 20, 10};
    struct worker *worker = argument;
    struct model *model = model_create(NULL, CAPACITY, prng_next(&worker->prng));
    model->may_fail = stress_address_space_is_limited();
    do {
        for (unsigned i = 0; i < STEPS_BETWEEN_LOOKS; i++) {
            model_step(model, &worker->prng, &profile);
        }
        write_any(&worker->prng, "thread.");
    } while (stress_goes_on(&stress, 0, 1));
    model_verify(model);
    worker->steps = model->steps;
    model_destroy(model);
    return NULL;
}

/* ---- arenas that come and go ---- */

static int act(const char *pattern, unsigned arena) {
    char name[NAME];
    snprintf(name, sizeof(name), pattern, arena);
    return t_mallctl(name, NULL, NULL, NULL, 0);
}

/* Objects of an arena, through a cache of our own or through none; each is where it was asked for. */
static void use_arena(struct prng *prng, unsigned arena, int cache) {
    void *objects[64];
    for (unsigned i = 0; i < ARRAY_LEN(objects); i++) {
        int flags = (int)((arena + 1) << 20) | cache;
        objects[i] = t_mallocx(1 + prng_size(prng, 100 * KIB), flags);
        if (objects[i] == NULL) {
            EXPECT(stress_address_space_is_limited(), "mallocx");
            continue;
        }
        unsigned found;
        size_t length = sizeof(found);
        EXPECT(t_mallctl("arenas.lookup", &found, &length, &objects[i], sizeof(void *)) == 0,
               "arenas.lookup");
        EXPECT(found == arena, "arena %u instead of %u", found, arena);
        if (prng_one_in(prng, 2)) {
            t_dallocx(objects[i], cache);
        }
    }
}

static unsigned create(const char *name) {
    unsigned number;
    size_t length = sizeof(number);
    EXPECT(t_mallctl(name, &number, &length, NULL, 0) == 0, "%s", name);
    return number;
}

/* What is not freed ends with the arena; the cache that held its objects ends before. */
static void *come_and_go(void *argument) {
    struct worker *worker = argument;
    do {
        unsigned arena = create("arenas.create");
        unsigned cache = create("tcache.create");
        for (unsigned i = 0; i < prng_below(&worker->prng, 3); i++) {
            use_arena(&worker->prng, arena, 1 << 8);
            EXPECT(act("arena.%u.reset", arena) == 0, "resetting arena %u", arena);
        }
        use_arena(&worker->prng, arena, (int)(cache + 2) << 8);
        EXPECT(t_mallctl("tcache.flush", NULL, NULL, &cache, sizeof(cache)) == 0, "flushing");
        EXPECT(t_mallctl("tcache.destroy", NULL, NULL, &cache, sizeof(cache)) == 0, "destroying");
        EXPECT(act("arena.%u.destroy", arena) == 0, "destroying arena %u", arena);
        worker->steps++;
    } while (stress_goes_on(&stress, 0, 1));
    return NULL;
}

/* ---- the numbers afterwards ---- */

static size_t get_size(const char *name) {
    size_t value;
    size_t length = sizeof(value);
    EXPECT(t_mallctl(name, &value, &length, NULL, 0) == 0, "%s", name);
    return value;
}

/* 0 for an arena that does not exist. */
static uint64_t get_arena(unsigned arena, const char *field) {
    char name[NAME];
    snprintf(name, sizeof(name), "stats.arenas.%u.%s", arena, field);
    uint64_t value = 0;
    size_t length = sizeof(value);
    int error = t_mallctl(name, &value, &length, NULL, 0);
    EXPECT(error == 0 || error == ENOENT, "%s: %s", name, strerror(error));
    return value;
}

/* Everything was freed, and the arenas sum up. */
static void check_numbers(size_t before) {
    size_t after = get_size("ashlar.live.allocated");
    size_t kept = TEST_INTERPOSED ? 64 * KIB : 0; /* by the C library */
    EXPECT(after >= before ? after - before <= kept : before - after <= kept,
           "%zu bytes before, %zu after", before, after);
    uint64_t epoch = 1;
    EXPECT(t_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0, "epoch");
    unsigned end;
    size_t length = sizeof(end);
    EXPECT(t_mallctl("arenas.narenas", &end, &length, NULL, 0) == 0, "arenas.narenas");
    static const char *const fields[] = {"small.nmalloc", "small.ndalloc", "small.nrequests",
                                         "large.nmalloc", "large.ndalloc", "mapped",
                                         "tcache_bytes",  "resident"};
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        uint64_t sum = 0;
        for (unsigned arena = 0; arena < end; arena++) {
            sum += get_arena(arena, fields[i]);
        }
        EXPECT(sum == get_arena(ALL, fields[i]), "%s: %llu in all arenas", fields[i],
               (unsigned long long)sum);
    }
    EXPECT(get_arena(ALL, "large.nmalloc") - get_arena(ALL, "large.ndalloc") <= kept,
           "large objects are left");
    EXPECT(get_arena(ALL, "small.nmalloc") - get_arena(ALL, "small.ndalloc") <=
               (get_size("stats.allocated") + get_arena(ALL, "tcache_bytes")) / 8,
           "small objects are left");
}

/* ---- all of it ---- */

static void *(*role_of(unsigned i))(void *) {
    return i < ALLOCATORS                       ? allocate
           : i < ALLOCATORS + READERS           ? read_all
           : i < ALLOCATORS + READERS + WRITERS ? write_all
                                                : come_and_go;
}

int main(int argc, char **argv) {
    static struct worker workers[THREADS];
    stress = stress_begin(argc, argv, "controls");
    read_list();
    size_t length = sizeof(nautomatic);
    EXPECT(t_mallctl("opt.narenas", &nautomatic, &length, NULL, 0) == 0, "opt.narenas");
    size_t before = get_size("ashlar.live.allocated");
    struct prng seeds = {stress.seed};
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].prng = prng_fork(&seeds, i);
        EXPECT(pthread_create(&workers[i].thread, NULL, role_of(i), &workers[i]) == 0, "no thread");
    }
    uint64_t steps = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        steps += workers[i].steps;
    }
    check_numbers(before);
    return stress_end("controls", steps);
}

/*
 * churn.c: how much memory is resident while objects of mixed lifetimes come and go for minutes.
 *
 * Holds:      threads that make one object per operation. How many operations it lives is drawn: some
 *             hundred for most, thousands to a million for a quarter, 10 to 60 seconds' worth for two
 *             of 1000, and 1 per cent of what may live stays to the end. Sizes spread evenly over
 *             the powers of two from 16 bytes to 32 KiB, and every 15 seconds' worth of operations
 *             the mix shifts; one object in 4096 has 64 KiB to 4 MiB. One in 8 is freed by the next
 *             thread. While a thread has its part of 256 MiB, its new objects are short-lived; in
 *             phases of small objects about half of that lives.
 * Usage:      churn THREADS SECONDS RATE [SERIES], under LD_PRELOAD; bench/churn.sh does it all. It
 *             prints one line: threads, seconds, operations per second and thread; then, of the
 *             seconds after the first tenth, mean live MiB, mean and worst of resident / live;
 *             resident / live at the end; CPU seconds; by how many milliseconds the slowest thread
 *             was late at worst. SERIES receives a line per second: live bytes, resident bytes.
 * Invariants: each thread's objects, their sizes and lifetimes depend on the arguments alone, and
 *             work is paced: each thread does RATE operations in a second, so every allocator has
 *             the same work in the same time. One that is too slow is late, and that is printed.
 *             Live bytes are what was asked for, to the byte; at the end all is freed and they
 *             must be 0. The tables of this program are mapped, and not counted as resident.
 * Locks:      none. A thread's counters have one writer; a ring has one producer and one consumer.
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    SECONDS_MAX = 86400,
    RATE_MAX = 5000000,
    SLICES = 500, /* per second: after each, a thread waits until it is time for the next */
    PHASE_SECONDS = 15,
    WHEELS = 4, /* of 256 slots each: lifetimes below 2^32 operations */
    RING = 4096,
};

static const double live_limit = 256 << 20;
static const double permanent_part = 0.01;

/* Bounds of sizes, as powers of two, in one phase. */
static const struct { double low, high; } mixes[] = {{4, 15}, {4, 11}, {9, 15}, {6, 12}};

struct object {
    unsigned char *bytes;
    uint32_t size;
    uint32_t next; /* in its slot or among the free ones; 0: none */
    uint64_t due;  /* the operation that ends its life */
};

/* Objects on their way to the thread that frees them. `put` is written by the producer only, `taken`
 * by the consumer only; each is released by its writer and acquired by the other. */
struct ring {
    _Atomic uint64_t put;
    char padding_put[120];
    _Atomic uint64_t taken;
    char padding_taken[120];
    struct {
        unsigned char *bytes;
        uint32_t size;
    } objects[RING];
};

struct worker {
    _Alignas(128) uint64_t state; /* random numbers; never 0 */
    uint64_t tick;                /* operations done */
    uint64_t held;                /* bytes of objects whose life is not over */
    uint64_t permanent;           /* bytes of those that stay to the end */
    uint32_t free_objects;        /* list; 0: none */
    uint32_t slots[WHEELS][256];  /* objects due, by the digits of `due`; 0: none */
    uint32_t kept;                /* list of those that stay */
    struct object *objects;       /* [0] is not used */
    struct ring *incoming;
    struct ring *outgoing; /* the next thread's incoming; its own when it is alone */
    int64_t late_ns;       /* at worst */
    pthread_t id;
    _Alignas(128) _Atomic uint64_t asked; /* bytes; written by the thread, read by the main one */
    _Atomic uint64_t freed;
};

static struct {
    unsigned nthreads;
    uint64_t seconds;
    uint64_t rate;
    uint32_t capacity; /* objects per thread */
    size_t table_bytes;
    int64_t start_ns;
    pthread_barrier_t start_line;
    pthread_barrier_t end_line; /* all work is done; and again: all has been measured */
    atomic_uint running;
} run;

static struct sample {
    uint64_t live;
    uint64_t resident;
} samples[SECONDS_MAX];

static void fail(const char *message) {
    fprintf(stderr, "churn: %s\n", message);
    exit(1);
}

static int64_t now_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {
    }
}

static uint64_t draw(struct worker *worker) {
    uint64_t x = worker->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    worker->state = x;
    return x * 0x2545f4914f6cdd1du;
}

/* A power of two whose exponent is spread evenly between low and high. */
static double draw_power(struct worker *worker, double low, double high) {
    return exp2(low + (double)(draw(worker) >> 11) * 0x1p-53 * (high - low));
}

static uint32_t draw_size(struct worker *worker) {
    uint64_t bits = draw(worker) >> 32;
    if (bits % 4096 == 0) {
        return (uint32_t)draw_power(worker, 16, 22);
    }
    /* A quarter of the objects are of all sizes in any phase. */
    uint64_t phase = worker->tick / (run.rate * PHASE_SECONDS);
    uint64_t mix = (bits >> 12) % 4 == 0 ? 0 : phase % (sizeof mixes / sizeof mixes[0]);
    return (uint32_t)draw_power(worker, mixes[mix].low, mixes[mix].high);
}

/* Operations until the object is freed; 0: never. */
static uint64_t draw_lifetime(struct worker *worker) {
    double limit = live_limit / run.nthreads;
    double past = (double)worker->tick / ((double)run.rate * (double)run.seconds);
    /* Those that stay come one by one in the first tenth. */
    if ((double)worker->permanent < limit * permanent_part * (past < 0.1 ? past * 10 : 1)) {
        return 0;
    }
    uint64_t kind = (draw(worker) >> 32) % 1000;
    if (kind >= 252 || (double)worker->held > limit) {
        return (uint64_t)draw_power(worker, 6, 10);
    }
    if (kind >= 2) {
        return (uint64_t)draw_power(worker, 10, 20);
    }
    double second = log2((double)run.rate);
    return (uint64_t)draw_power(worker, second + log2(10), second + log2(60));
}

/* One writer. Release: live_bytes() acquires; who sees a free also sees the allocation before it. */
static void count(_Atomic uint64_t *bytes, uint64_t more) {
    atomic_store_explicit(bytes, atomic_load_explicit(bytes, memory_order_relaxed) + more,
                          memory_order_release);
}

static void destroy(struct worker *worker, unsigned char *bytes, uint32_t size) {
    if (bytes[0] != (size & 0xff) || bytes[size - 1] != (size & 0xff)) {
        fail("an object lost its content");
    }
    free(bytes);
    count(&worker->freed, size);
}

static void ring_drain(struct worker *worker) {
    struct ring *ring = worker->incoming;
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_acquire);
    for (; taken != put; taken++) {
        destroy(worker, ring->objects[taken % RING].bytes, ring->objects[taken % RING].size);
    }
    atomic_store_explicit(&ring->taken, taken, memory_order_release);
}

/* False when the next thread has not yet taken what it has. */
static int ring_put(struct worker *worker, const struct object *object) {
    struct ring *ring = worker->outgoing;
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&ring->taken, memory_order_acquire) == RING) {
        return 0;
    }
    ring->objects[put % RING].bytes = object->bytes;
    ring->objects[put % RING].size = object->size;
    atomic_store_explicit(&ring->put, put + 1, memory_order_release);
    return 1;
}

/* In the finest wheel in which `due` is within one turn. */
static void wheel_add(struct worker *worker, uint32_t index) {
    struct object *object = &worker->objects[index];
    uint64_t differs = (object->due ^ worker->tick) & 0xffffffff;
    unsigned wheel = differs == 0 ? 0 : (31 - (unsigned)__builtin_clz((unsigned)differs)) / 8;
    uint32_t *slot = &worker->slots[wheel][(object->due >> (wheel * 8)) & 0xff];
    object->next = *slot;
    *slot = index;
}

/* When a finer wheel has gone round, the next slot of the coarser one is spread over it. */
static void wheel_turn(struct worker *worker) {
    for (unsigned wheel = WHEELS - 1; wheel > 0; wheel--) {
        if ((worker->tick & ((1u << (wheel * 8)) - 1)) != 0) {
            continue;
        }
        uint32_t *slot = &worker->slots[wheel][(worker->tick >> (wheel * 8)) & 0xff];
        uint32_t index = *slot;
        *slot = 0;
        while (index != 0) {
            uint32_t next = worker->objects[index].next;
            wheel_add(worker, index);
            index = next;
        }
    }
}

static void object_end(struct worker *worker, uint32_t index) {
    struct object *object = &worker->objects[index];
    worker->held -= object->size;
    if (draw(worker) >> 61 != 0 || !ring_put(worker, object)) {
        destroy(worker, object->bytes, object->size);
    }
    object->next = worker->free_objects;
    worker->free_objects = index;
}

static void object_begin(struct worker *worker) {
    uint32_t index = worker->free_objects;
    if (index == 0) {
        fail("more objects than expected");
    }
    struct object *object = &worker->objects[index];
    worker->free_objects = object->next;
    uint64_t lifetime = draw_lifetime(worker);
    object->size = draw_size(worker);
    object->due = worker->tick + lifetime;
    object->bytes = malloc(object->size);
    if (object->bytes == NULL) {
        fail("out of memory");
    }
    for (size_t at = 0; at < object->size; at += 4096) {
        object->bytes[at] = (unsigned char)object->size;
    }
    object->bytes[object->size - 1] = (unsigned char)object->size;
    count(&worker->asked, object->size);
    worker->held += object->size;
    if (lifetime == 0) {
        worker->permanent += object->size;
        object->next = worker->kept;
        worker->kept = index;
    } else {
        wheel_add(worker, index);
    }
}

static void list_end(struct worker *worker, uint32_t *list) {
    uint32_t index = *list;
    *list = 0;
    while (index != 0) {
        uint32_t next = worker->objects[index].next;
        object_end(worker, index);
        index = next;
    }
}

static void operation(struct worker *worker) {
    worker->tick++;
    if ((worker->tick & 0xff) == 0) {
        wheel_turn(worker);
        ring_drain(worker);
    }
    list_end(worker, &worker->slots[0][worker->tick & 0xff]);
    object_begin(worker);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    pthread_barrier_wait(&run.start_line);
    pthread_barrier_wait(&run.start_line); /* the main thread has set the time in between */
    uint64_t slices = run.seconds * SLICES;
    for (uint64_t slice = 0; slice < slices; slice++) {
        for (uint64_t i = 0; i < run.rate / SLICES; i++) {
            operation(worker);
        }
        int64_t due = run.start_ns + (int64_t)(slice + 1) * (1000000000 / SLICES);
        int64_t late = now_ns(CLOCK_MONOTONIC) - due;
        worker->late_ns = late > worker->late_ns ? late : worker->late_ns;
        if (late < 0) {
            sleep_until(due);
        }
    }
    atomic_fetch_sub(&run.running, 1);
    pthread_barrier_wait(&run.end_line);
    pthread_barrier_wait(&run.end_line);
    for (unsigned wheel = 0; wheel < WHEELS; wheel++) {
        for (unsigned slot = 0; slot < 256; slot++) {
            list_end(worker, &worker->slots[wheel][slot]);
        }
    }
    list_end(worker, &worker->kept);
    /* Nobody hands over any more, and everybody takes what is left. */
    pthread_barrier_wait(&run.end_line);
    ring_drain(worker);
    return NULL;
}

static void *map(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                   -1, 0);
    if (p == MAP_FAILED) {
        fail("cannot map the tables");
    }
    run.table_bytes += bytes;
    return p;
}

static struct worker *workers_make(void) {
    struct worker *workers = map(run.nthreads * sizeof *workers);
    struct ring *rings = map(run.nthreads * sizeof *rings);
    for (unsigned i = 0; i < run.nthreads; i++) {
        struct worker *worker = &workers[i];
        worker->state = (i + 1) * 0x9e3779b97f4a7c15u;
        worker->incoming = &rings[i];
        worker->outgoing = &rings[(i + 1) % run.nthreads];
        worker->objects = map(run.capacity * sizeof *worker->objects);
        for (uint32_t k = run.capacity - 1; k > 0; k--) {
            worker->objects[k].next = worker->free_objects;
            worker->free_objects = k;
        }
    }
    return workers;
}

static uint64_t resident_bytes(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (length <= 0) {
        fail("cannot read /proc/self/statm");
    }
    text[length] = '\0';
    const char *space = strchr(text, ' ');
    uint64_t pages = space == NULL ? 0 : strtoull(space, NULL, 10);
    if (pages == 0) {
        fail("/proc/self/statm has no second field");
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) - run.table_bytes;
}

/* Frees are counted first: what is allocated meanwhile cannot make the difference negative. */
static uint64_t live_bytes(struct worker *workers) {
    uint64_t freed = 0;
    uint64_t asked = 0;
    for (unsigned i = 0; i < run.nthreads; i++) {
        freed += atomic_load_explicit(&workers[i].freed, memory_order_acquire);
    }
    for (unsigned i = 0; i < run.nthreads; i++) {
        asked += atomic_load_explicit(&workers[i].asked, memory_order_acquire);
    }
    return asked - freed;
}

static uint64_t watch(struct worker *workers) {
    uint64_t n = 0;
    for (;;) {
        sleep_until(run.start_ns + (int64_t)(n + 1) * 1000000000);
        if (n == SECONDS_MAX || (n + 1 >= run.seconds && atomic_load(&run.running) == 0)) {
            return n;
        }
        samples[n].live = live_bytes(workers);
        samples[n].resident = resident_bytes();
        n++;
    }
}

static void write_series(const char *path, uint64_t nsamples) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fail("cannot write the series");
    }
    for (uint64_t i = 0; i < nsamples; i++) {
        fprintf(file, "%llu,%llu,%llu\n", (unsigned long long)i + 1,
                (unsigned long long)samples[i].live, (unsigned long long)samples[i].resident);
    }
    if (fclose(file) != 0) {
        fail("cannot write the series");
    }
}

static void report(const struct worker *workers, uint64_t nsamples, double cpu) {
    double live = 0;
    double sum = 0;
    double worst = 0;
    double ratio = 0;
    uint64_t first = run.seconds / 10;
    for (uint64_t i = first; i < nsamples; i++) {
        ratio = (double)samples[i].resident / (double)samples[i].live;
        live += (double)samples[i].live;
        sum += ratio;
        worst = ratio > worst ? ratio : worst;
    }
    double n = (double)(nsamples - first);
    int64_t late = 0;
    for (unsigned i = 0; i < run.nthreads; i++) {
        late = workers[i].late_ns > late ? workers[i].late_ns : late;
    }
    printf("%u,%llu,%llu,%.1f,%.4f,%.4f,%.4f,%.2f,%lld\n", run.nthreads,
           (unsigned long long)run.seconds, (unsigned long long)run.rate, live / n / (1 << 20),
           sum / n, worst, ratio, cpu, (long long)(late / 1000000));
}

static uint64_t number(const char *text, uint64_t low, uint64_t high) {
    char *end = NULL;
    uint64_t value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < low || value > high) {
        fail("usage: churn THREADS SECONDS RATE [SERIES]");
    }
    return value;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) {
        fail("usage: churn THREADS SECONDS RATE [SERIES]");
    }
    run.nthreads = (unsigned)number(argv[1], 1, THREADS_MAX);
    run.seconds = number(argv[2], 1, SECONDS_MAX - 1);
    run.rate = number(argv[3], SLICES, RATE_MAX) / SLICES * SLICES;
    /* On average 38000 of the middle lifetimes live, and 28 seconds' worth of two in 1000. */
    run.capacity = 65536 + (uint32_t)run.rate / 8;
    struct worker *workers = workers_make();
    pthread_barrier_init(&run.start_line, NULL, run.nthreads + 1);
    pthread_barrier_init(&run.end_line, NULL, run.nthreads + 1);
    atomic_store(&run.running, run.nthreads);
    for (unsigned i = 0; i < run.nthreads; i++) {
        if (pthread_create(&workers[i].id, NULL, work, &workers[i]) != 0) {
            fail("cannot create a thread");
        }
    }
    pthread_barrier_wait(&run.start_line);
    run.start_ns = now_ns(CLOCK_MONOTONIC);
    pthread_barrier_wait(&run.start_line);
    uint64_t nsamples = watch(workers);
    pthread_barrier_wait(&run.end_line);
    samples[nsamples].live = live_bytes(workers);
    samples[nsamples].resident = resident_bytes();
    nsamples++;
    double cpu = (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
    pthread_barrier_wait(&run.end_line);
    pthread_barrier_wait(&run.end_line);
    for (unsigned i = 0; i < run.nthreads; i++) {
        pthread_join(workers[i].id, NULL);
    }
    if (live_bytes(workers) != 0) {
        fail("something was not freed");
    }
    report(workers, nsamples, cpu);
    if (argc == 5) {
        write_series(argv[4], nsamples);
    }
    return 0;
}

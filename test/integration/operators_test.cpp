/*
 * operators_test.cpp: the 20 C++ allocation operators.
 *
 * Each is called by name and must be this allocator's, with its size classes; without memory they
 * call the new handler until it gives up, then throw std::bad_alloc, or answer NULL in their
 * nothrow forms, also when the handler itself throws. Not for the build with prefixed names, which
 * has none.
 */
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <malloc.h>

#include "support/child.h"
#include "support/hide.h"
#include "support/report.h"
#include "support/resident.h"

namespace {

constexpr std::size_t MIB = 1024 * 1024;
constexpr int SENTINEL = 7777;

/* More than any object can have; the compiler does not see that. */
std::size_t impossible() {
    return hide_size(SIZE_MAX / 2 + 4096);
}

/* The form of operator new to use. */
struct form {
    const char *name;
    void *(*make)(std::size_t size, std::size_t alignment);
    bool aligned;
    bool nothrow;
};

const form forms[] = {
    {"new", [](std::size_t n, std::size_t) { return ::operator new(n); }, false, false},
    {"new[]", [](std::size_t n, std::size_t) { return ::operator new[](n); }, false, false},
    {"nothrow new", [](std::size_t n, std::size_t) { return ::operator new(n, std::nothrow); },
     false, true},
    {"nothrow new[]", [](std::size_t n, std::size_t) { return ::operator new[](n, std::nothrow); },
     false, true},
    {"aligned new",
     [](std::size_t n, std::size_t a) { return ::operator new(n, std::align_val_t(a)); }, true,
     false},
    {"aligned new[]",
     [](std::size_t n, std::size_t a) { return ::operator new[](n, std::align_val_t(a)); }, true,
     false},
    {"aligned nothrow new",
     [](std::size_t n, std::size_t a) {
         return ::operator new(n, std::align_val_t(a), std::nothrow);
     },
     true, true},
    {"aligned nothrow new[]",
     [](std::size_t n, std::size_t a) {
         return ::operator new[](n, std::align_val_t(a), std::nothrow);
     },
     true, true},
};

/* The form of operator delete to use; those with an alignment take only what was made with one. */
struct unmake {
    const char *name;
    void (*free)(void *p, std::size_t size, std::size_t alignment);
    bool aligned;
};

const unmake unmakes[] = {
    {"delete", [](void *p, std::size_t, std::size_t) { ::operator delete(p); }, false},
    {"delete[]", [](void *p, std::size_t, std::size_t) { ::operator delete[](p); }, false},
    {"nothrow delete",
     [](void *p, std::size_t, std::size_t) { ::operator delete(p, std::nothrow); }, false},
    {"nothrow delete[]",
     [](void *p, std::size_t, std::size_t) { ::operator delete[](p, std::nothrow); }, false},
    {"sized delete", [](void *p, std::size_t n, std::size_t) { ::operator delete(p, n); }, false},
    {"sized delete[]", [](void *p, std::size_t n, std::size_t) { ::operator delete[](p, n); },
     false},
    {"aligned delete",
     [](void *p, std::size_t, std::size_t a) { ::operator delete(p, std::align_val_t(a)); }, true},
    {"aligned delete[]",
     [](void *p, std::size_t, std::size_t a) { ::operator delete[](p, std::align_val_t(a)); },
     true},
    {"aligned nothrow delete",
     [](void *p, std::size_t, std::size_t a) {
         ::operator delete(p, std::align_val_t(a), std::nothrow);
     },
     true},
    {"aligned nothrow delete[]",
     [](void *p, std::size_t, std::size_t a) {
         ::operator delete[](p, std::align_val_t(a), std::nothrow);
     },
     true},
    {"sized aligned delete",
     [](void *p, std::size_t n, std::size_t a) { ::operator delete(p, n, std::align_val_t(a)); },
     true},
    {"sized aligned delete[]",
     [](void *p, std::size_t n, std::size_t a) { ::operator delete[](p, n, std::align_val_t(a)); },
     true},
};

static_assert(sizeof(forms) / sizeof(forms[0]) + sizeof(unmakes) / sizeof(unmakes[0]) == 20,
              "there are twenty operators");

void free_with(const unmake &how, void *p, std::size_t size, std::size_t alignment) {
    errno = SENTINEL;
    how.free(p, size, alignment);
    EXPECT(errno == SENTINEL, "%s changed errno", how.name);
}

void test_pairs() {
    const std::size_t sizes[] = {0, 1, 8, 24, 100, 1000, 5000, 40000, 300000, 5 * MIB};
    for (const form &make : forms) {
        for (const unmake &how : unmakes) {
            if (make.aligned != how.aligned) {
                continue;
            }
            for (std::size_t size : sizes) {
                for (std::size_t alignment = 32; alignment <= 1 * MIB; alignment *= 8) {
                    void *p = hide_pointer(make.make(size, alignment));
                    EXPECT(p != nullptr, "%s of %zu bytes", make.name, size);
                    EXPECT(!make.aligned || reinterpret_cast<std::uintptr_t>(p) % alignment == 0,
                           "%s: alignment %zu", make.name, alignment);
                    EXPECT(malloc_usable_size(p) >= size, "%s: usable size", make.name);
                    std::memset(p, 0x77, size);
                    free_with(how, p, size, alignment);
                }
            }
        }
    }
}

/* glibc has no object of 112 usable bytes, so these are not its operators or its malloc. */
void test_operators_are_ours() {
    for (const form &make : forms) {
        void *p = hide_pointer(make.make(100, 16));
        EXPECT(malloc_usable_size(p) == 112, "%s: usable size %zu", make.name,
               malloc_usable_size(p));
        std::free(p);
    }
}

void test_delete_null() {
    for (const unmake &how : unmakes) {
        free_with(how, nullptr, 100, 64);
    }
    void *p = hide_pointer(::operator new(100));
    EXPECT(p != nullptr, "NULL was cached");
    ::operator delete(p);
}

void test_expressions() {
    struct alignas(128) wide {
        char bytes[300];
    };
    std::vector<wide *> objects;
    for (int i = 0; i < 1000; i++) {
        objects.push_back(new wide);
        EXPECT(reinterpret_cast<std::uintptr_t>(objects.back()) % 128 == 0, "alignas(128)");
    }
    for (wide *object : objects) {
        delete object;
    }
    std::string text;
    for (int i = 0; i < 100000; i++) {
        text += static_cast<char>('a' + i % 26);
    }
    EXPECT(text.size() == 100000 && text[26000] == 'a', "string");
    auto *array = new std::string[100];
    array[99] = text;
    delete[] array;
}

int handler_calls;

void handler_that_gives_up() {
    if (++handler_calls == 3) {
        std::set_new_handler(nullptr);
    }
}

void handler_that_throws() {
    if (++handler_calls == 3) {
        throw std::bad_alloc();
    }
}

/* Whether the form answers as it must when there is no memory. */
void expect_failure(const form &make) {
    bool thrown = false;
    void *p = nullptr;
    try {
        p = hide_pointer(make.make(impossible(), 64));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    EXPECT(p == nullptr, "%s found memory", make.name);
    EXPECT(thrown == !make.nothrow, "%s %s", make.name, thrown ? "threw" : "did not throw");
}

void test_no_memory() {
    for (const form &make : forms) {
        expect_failure(make);
        handler_calls = 0;
        std::set_new_handler(handler_that_gives_up);
        expect_failure(make);
        EXPECT(handler_calls == 3, "%s called the handler %d times", make.name, handler_calls);
        EXPECT(std::get_new_handler() == nullptr, "%s changed the handler", make.name);
    }
}

void test_throwing_handler() {
    for (const form &make : forms) {
        handler_calls = 0;
        std::set_new_handler(handler_that_throws);
        expect_failure(make);
        EXPECT(handler_calls == 3, "%s called the handler %d times", make.name, handler_calls);
        std::set_new_handler(nullptr);
    }
}

void *ballast;

void handler_that_frees() {
    EXPECT(ballast != nullptr, "the handler was called although it had freed memory");
    std::free(ballast);
    ballast = nullptr;
}

/* The handler makes room: the operator must try again, with the same size and alignment. */
int run_with_little_memory() {
    constexpr std::size_t size = 96 * MIB;
    constexpr std::size_t alignment = 64 * 1024;
    ballast = std::malloc(size + 8 * MIB);
    EXPECT(ballast != nullptr, "no ballast");
    rlimit limit = {address_space_bytes() + 16 * MIB, RLIM_INFINITY};
    /* Regions that are already reserved do not count, so fill them first. */
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    while (std::malloc(4 * MIB) != nullptr) {
    }
    for (const form &make : forms) {
        std::set_new_handler(handler_that_frees);
        void *p = hide_pointer(make.make(size, alignment));
        EXPECT(p != nullptr, "%s did not try again", make.name);
        EXPECT(ballast == nullptr, "%s did not need the handler", make.name);
        EXPECT(!make.aligned || reinterpret_cast<std::uintptr_t>(p) % alignment == 0,
               "%s: the second try forgot the alignment", make.name);
        std::set_new_handler(nullptr);
        std::free(p);
        ballast = std::malloc(size + 8 * MIB);
        EXPECT(ballast != nullptr, "%s: memory did not come back", make.name);
    }
    return 0;
}

void test_handler_makes_room() {
    rlimit limit;
    if (child_is_emulated() ||
        (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)) {
        return; /* no limit, or no room for the experiment */
    }
    std::fflush(nullptr);
    pid_t child = fork();
    EXPECT(child >= 0, "fork");
    if (child == 0) {
        std::_Exit(run_with_little_memory());
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
           "with little memory: wait status 0x%x", static_cast<unsigned>(status));
}

/* The handler is not called; every form ends the process with a message. */
void test_infallible() {
    setenv("MALLOC_CONF", "experimental_infallible_new:true", 1);
    for (const form &f : forms) {
        int ends[2];
        EXPECT(pipe(ends) == 0, "pipe");
        std::fflush(nullptr);
        pid_t child = fork();
        EXPECT(child >= 0, "fork");
        if (child == 0) {
            rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            dup2(ends[1], STDERR_FILENO);
            const char *argv[] = {"test", f.name, nullptr};
            child_become(argv);
            _exit(127);
        }
        close(ends[1]);
        char text[200] = "";
        EXPECT(read(ends[0], text, sizeof(text) - 1) >= 0, "read");
        close(ends[0]);
        int status = 0;
        EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
                   WTERMSIG(status) == SIGABRT,
               "%s: wait status 0x%x", f.name, static_cast<unsigned>(status));
        const char line[] =
            "<ashlar>: operator new: out of memory (experimental_infallible_new:true)\n";
        EXPECT(std::strncmp(text, line, sizeof(line) - 1) == 0, "%s says %s", f.name, text);
    }
    unsetenv("MALLOC_CONF");
}

/* The child of test_infallible. */
int fail_with(const char *name) {
    std::set_new_handler(handler_that_throws);
    for (const form &f : forms) {
        if (std::strcmp(f.name, name) == 0) {
            f.make(impossible(), 64);
        }
    }
    return 1;
}

} // namespace

int main(int argc, char **argv) {
    if (argc == 2) {
        return fail_with(argv[1]);
    }
    test_operators_are_ours();
    test_pairs();
    test_delete_null();
    test_expressions();
    test_no_memory();
    test_handler_makes_room();
    test_throwing_handler();
    test_infallible();
    std::puts("operators: ok");
    return 0;
}

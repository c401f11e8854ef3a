/*
 * user.cpp: a C++ program that uses an installed ashlar. Exits 0 when ashlar serves new and malloc.
 *
 * The same as user.c by way of the operators, which libstdc++ defines as well, and of a library that
 * allocates for itself.
 */
#include <dlfcn.h>
#include <malloc.h>

#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

struct alignas(256) Aligned {
    char bytes[256];
};

int main() {
    Dl_info where = {};
    void *(*function)(std::size_t) = &::operator new;
    dladdr(reinterpret_cast<void *>(function), &where);

    auto small = std::make_unique<char>('a');
    auto aligned = std::make_unique<Aligned>();
    std::vector<std::string> words(1000, std::string(100, 'x'));
    std::size_t usable = malloc_usable_size(small.get());
    std::printf("operator new from %s; usable %zu\n",
                where.dli_fname != nullptr ? where.dli_fname : "?", usable);

    bool thrown = false;
    try {
        void *volatile too_much = ::operator new(static_cast<std::size_t>(-1) / 4);
        ::operator delete(too_much);
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    bool is_aligned = reinterpret_cast<std::size_t>(aligned.get()) % 256 == 0;
    bool is_served = usable == 8 && malloc_usable_size(words[0].data()) == 112;
    return is_served && is_aligned && thrown ? 0 : 1;
}

/*
 * foreign.c: recognising objects of glibc's malloc.
 *
 * Facts used (the chunk layout of glibc's malloc, stable since 2.3): objects are 16-byte aligned; the
 * word before an object holds its chunk's size, with bit 1 set for chunks mapped on their own and bit 2
 * for chunks of a secondary heap; others lie in the brk heap. A mapped chunk starts on a page and its
 * size is a multiple of it. A secondary heap begins at a multiple of 64 MiB.
 */
#include "alloc/foreign.h"

#include <errno.h>
#include <string.h>

#include "os/os.h"
#include "pages/chunk.h"

void *__libc_realloc(void *p, size_t size) WEAK;
void __libc_free(void *p) WEAK;

enum { IS_MAPPED = 2, IS_SECONDARY = 4, FLAGS = 7 };

static const uintptr_t secondary_heap_span = (uintptr_t)64 << 20;

struct libc_chunk {
    size_t previous; /* of a mapped chunk: bytes before it in its mapping */
    size_t size;     /* low three bits are flags */
};

/* The chunk header of a plausible object. Nothing inside our own chunks is foreign. Outside the brk heap
 * the header may not even be mapped. */
static bool read_header(const void *p, struct libc_chunk *header) {
    uintptr_t address = (uintptr_t)p;
    if (!config_interposes || __libc_free == NULL || address % 16 != 0 || address < 4096 ||
        chunk_find_at(p) != NULL) {
        return false;
    }
    uintptr_t begin = 0;
    uintptr_t end = 0;
    bool in_brk = os_brk_heap(&begin, &end) && address - sizeof(*header) >= begin && address < end;
    if (!in_brk && !os_is_readable((const char *)p - sizeof(*header), sizeof(*header))) {
        return false;
    }
    memcpy(header, (const char *)p - sizeof(*header), sizeof(*header));
    size_t size = header->size & ~(size_t)FLAGS;
    uintptr_t start = address - sizeof(*header);
    if (size < 32 || size > PTRDIFF_MAX) {
        return false;
    }
    if ((header->size & IS_MAPPED) != 0) {
        size_t page = os_page_size();
        return (start - header->previous) % page == 0 && (size + header->previous) % page == 0;
    }
    if ((header->size & IS_SECONDARY) != 0) {
        uintptr_t heap = round_down(address, secondary_heap_span);
        uintptr_t arena = 0;
        if (!os_is_readable((const void *)heap, sizeof(arena))) {
            return false;
        }
        memcpy(&arena, (const void *)heap, sizeof(arena));
        return arena != 0 && os_is_readable((const void *)arena, sizeof(arena));
    }
    return in_brk && size <= end - start;
}

bool foreign_free(void *p) {
    struct libc_chunk header;
    if (!read_header(p, &header)) {
        return false;
    }
    int saved = errno;
    __libc_free(p);
    errno = saved;
    return true;
}

bool foreign_realloc(void *p, size_t size, void **resized) {
    struct libc_chunk header;
    if (!read_header(p, &header) || __libc_realloc == NULL) {
        return false;
    }
    *resized = __libc_realloc(p, size);
    return true;
}

size_t foreign_usable(const void *p) {
    struct libc_chunk header;
    if (!read_header(p, &header)) {
        return 0;
    }
    size_t size = header.size & ~(size_t)FLAGS;
    return size - ((header.size & IS_MAPPED) != 0 ? 2 * sizeof(size_t) : sizeof(size_t));
}

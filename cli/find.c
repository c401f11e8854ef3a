/*
 * find.c: where the library is, what program is meant, and whether the two can come together.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cli.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- ELF ---- */

/* Kind by the program headers: who asks for an interpreter is linked dynamically. */
static enum elf_kind kind_by_segments(int file, const ElfW(Ehdr) * header) {
    bool has_dynamic = false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        off_t where = (off_t)(header->e_phoff + (size_t)i * sizeof(segment));
        if (pread(file, &segment, sizeof(segment), where) != (ssize_t)sizeof(segment)) {
            return ELF_NOT;
        }
        if (segment.p_type == PT_INTERP) {
            return ELF_DYNAMIC;
        }
        has_dynamic |= segment.p_type == PT_DYNAMIC;
    }
    return has_dynamic && header->e_type == ET_DYN ? ELF_LIBRARY : ELF_STATIC;
}

/* The header of the program that is running: what "our machine" means. */
static const ElfW(Ehdr) * own_header(void) {
    /* The linker defines it. */
    extern const ElfW(Ehdr) image_header __asm__("__ehdr_start")
        __attribute__((visibility("hidden")));
    return &image_header;
}

enum elf_kind elf_kind_of(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return ELF_NOT;
    }
    ElfW(Ehdr) header;
    const ElfW(Ehdr) *own = own_header();
    enum elf_kind kind = ELF_NOT;
    ssize_t n = pread(file, &header, sizeof(header), 0);
    /* Class, byte order and machine stand at the same place in 32-bit files, which are shorter. */
    if (n >= (ssize_t)offsetof(ElfW(Ehdr), e_version) &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0) {
        if (header.e_ident[EI_CLASS] != own->e_ident[EI_CLASS] ||
            header.e_ident[EI_DATA] != own->e_ident[EI_DATA] ||
            header.e_machine != own->e_machine) {
            kind = ELF_OTHER;
        } else if (n == (ssize_t)sizeof(header) && header.e_phentsize == sizeof(ElfW(Phdr))) {
            kind = kind_by_segments(file, &header);
        }
    }
    close(file);
    return kind;
}

/* ---- the library ---- */

/* Whether `path` can be preloaded; complains when it cannot. LD_PRELOAD is a list, so a path that
 * has one of its separators cannot be named in it. */
static bool library_check(const char *path) {
    enum elf_kind kind = elf_kind_of(path);
    if (kind == ELF_OTHER) {
        complain("library '%s' is for another machine", path);
        return false;
    }
    if (kind != ELF_LIBRARY) {
        complain("library '%s' is not a shared library that can be read", path);
        return false;
    }
    if (strpbrk(path, ": ") != NULL) {
        complain("library '%s' cannot be preloaded: its path has a colon or a blank", path);
        return false;
    }
    return true;
}

/* The directory this command lies in, or "" when the system does not tell. */
static void own_directory(char *buffer, size_t capacity) {
    ssize_t n = readlink("/proc/self/exe", buffer, capacity - 1);
    buffer[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(buffer, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

/* Where the library may be: beside us in a build tree or an unpacked archive, at the place relative
 * to us that the installation has, and where it was meant to be installed. */
static bool library_look(char *path, size_t capacity) {
    char here[PATH_MAX];
    own_directory(here, sizeof(here));
    const struct {
        const char *base;
        const char *directory;
    } places[] = {
        {here, "/../lib"},
        {here, "/" ASHLAR_CLI_RELATIVE_LIBDIR},
        {"", ASHLAR_CLI_LIBDIR},
    };
    static const char *const names[] = {"libashlar.so", "libashlar.so.1"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            int n =
                snprintf(path, capacity, "%s%s/%s", places[i].base, places[i].directory, names[k]);
            if (n > 0 && (size_t)n < capacity && access(path, F_OK) == 0) {
                return true;
            }
        }
    }
    complain("the library is missing: no libashlar.so in %s/../lib or %s (--lib names another "
             "place)",
             here, ASHLAR_CLI_LIBDIR);
    return false;
}

bool library_find(const char *wanted, char *buffer, size_t capacity) {
    char path[PATH_MAX];
    if (wanted == NULL) {
        if (!library_look(path, sizeof(path))) {
            return false;
        }
        wanted = path;
    }
    char *whole = realpath(wanted, NULL);
    if (whole == NULL) {
        complain("library '%s': %s", wanted, strerror(errno));
        return false;
    }
    size_t length = strlen(whole);
    bool fits = length < capacity;
    if (fits) {
        memcpy(buffer, whole, length + 1);
    } else {
        complain("library '%s': path too long", wanted);
    }
    free(whole);
    return fits && library_check(buffer);
}

/* ---- the program ---- */

/* 0, or the errno that executing `path` would fail with as far as permissions tell. */
static int try_program(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno;
    }
    if (S_ISDIR(status.st_mode)) {
        return EISDIR;
    }
    return access(path, X_OK) == 0 ? 0 : errno;
}

/* Looks along PATH as execvp() does: a file that may not be executed is passed over, but remembered
 * as the reason when nothing better follows. */
static int search_path(const char *name, char *buffer, size_t capacity) {
    const char *list = getenv("PATH");
    if (list == NULL) {
        list = "/bin:/usr/bin";
    }
    int reason = ENOENT;
    for (;;) {
        size_t length = strcspn(list, ":");
        int n = length == 0 ? snprintf(buffer, capacity, "%s", name)
                            : snprintf(buffer, capacity, "%.*s/%s", (int)length, list, name);
        if (n > 0 && (size_t)n < capacity) {
            int error = try_program(buffer);
            if (error == 0) {
                return 0;
            }
            /* Not one that merely might be in a directory closed to us. */
            if (error == EACCES && access(buffer, F_OK) == 0) {
                reason = EACCES;
            }
        }
        if (list[length] == '\0') {
            return reason;
        }
        list += length + 1;
    }
}

int program_find(const char *name, char *buffer, size_t capacity) {
    int error;
    if (strchr(name, '/') != NULL) {
        int n = snprintf(buffer, capacity, "%s", name);
        error = n > 0 && (size_t)n < capacity ? try_program(name) : ENAMETOOLONG;
    } else {
        error = search_path(name, buffer, capacity);
    }
    if (error == 0) {
        return 0;
    }
    if (error == ENOENT || error == ENOTDIR) {
        complain("program '%s' not found", name);
        return EXIT_NOT_FOUND;
    }
    if (error == EISDIR) {
        complain("program '%s' is a directory", name);
    } else if (error == EACCES) {
        complain("program '%s' is not executable", name);
    } else {
        complain("program '%s': %s", name, strerror(error));
    }
    return EXIT_NOT_RUNNABLE;
}

/* The interpreter in a script's first line, into buffer; false when the file is no script. */
static bool script_interpreter(const char *path, char *buffer, size_t capacity) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    char line[PATH_MAX];
    ssize_t n = read(file, line, sizeof(line) - 1);
    close(file);
    if (n < 2 || line[0] != '#' || line[1] != '!') {
        return false;
    }
    line[n] = '\0';
    char *start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t\r\n")] = '\0';
    int length = snprintf(buffer, capacity, "%s", start);
    return length > 0 && (size_t)length < capacity;
}

/* Whether executing the file gives the process rights that its user does not have. The dynamic
 * linker then ignores LD_PRELOAD. */
static const char *privilege_of(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return NULL;
    }
    if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) {
        return "it is set-user-id";
    }
    if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 &&
        status.st_gid != getgid()) {
        return "it is set-group-id";
    }
    if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0) {
        return "it has file capabilities";
    }
    return NULL;
}

void program_warn(const char *path) {
    char interpreter[PATH_MAX];
    const char *file = path;
    if (script_interpreter(path, interpreter, sizeof(interpreter))) {
        file = interpreter; /* rights of the script itself do not count */
    }
    const char *reason = privilege_of(file);
    if (reason == NULL) {
        switch (elf_kind_of(file)) {
        case ELF_STATIC:
        case ELF_LIBRARY:
            reason = "it is linked statically";
            break;
        case ELF_OTHER:
            reason = "it is for another machine";
            break;
        case ELF_NOT: /* unreadable: the dynamic linker will tell */
        case ELF_DYNAMIC:
            break;
        }
    }
    if (reason != NULL) {
        complain("warning: '%s' will run without ashlar: %s", file, reason);
    }
}

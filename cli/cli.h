/*
 * cli.h: what the parts of the `ashlar` command share.
 *
 * The command is an ordinary program: it uses stdio and the C library's malloc, and is not
 * linked to the allocator it starts others with. Each subcommand is a function in a file of its
 * own.
 */
#ifndef ASHLAR_CLI_CLI_H
#define ASHLAR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of our own, the ones env(1) uses; others come from the program started. */
enum {
    EXIT_OURS = 125,         /* wrong usage, or the library is missing */
    EXIT_NOT_RUNNABLE = 126, /* the program was found but cannot be executed */
    EXIT_NOT_FOUND = 127,
};

/* Prints "ashlar: " and the message on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints text on stdout; returns the exit status. Output that does not arrive, say on a full disk,
 * is a failure. */
int print_text(const char *text);

/* Runs `ashlar run`; argv[0] is "run". Returns only when nothing was started. */
int run_command(int argc, char **argv);

/* Path of the library to preload, into buffer. `wanted` is what --lib said, or NULL to look in the
 * usual places. Complains and answers false when there is none that can be preloaded. */
bool library_find(const char *wanted, char *buffer, size_t capacity);

/* Finds what execvp(name) would execute, into buffer. Returns 0 or the exit status that says why
 * there is none; complains then. */
int program_find(const char *name, char *buffer, size_t capacity);

/* Warns when LD_PRELOAD will not work for the program at `path`, and says why. */
void program_warn(const char *path);

/* What an ELF file is, as far as preloading cares. */
enum elf_kind {
    ELF_NOT,     /* no ELF file, or not readable */
    ELF_OTHER,   /* for a machine or a word size that is not this program's own */
    ELF_STATIC,  /* loads no dynamic linker */
    ELF_DYNAMIC, /* loads one */
    ELF_LIBRARY  /* a shared object that loads none: a library, or a static PIE program */
};
enum elf_kind elf_kind_of(const char *path);

#endif

/*
 * run.c: `ashlar run`: a program with the allocator preloaded.
 *
 * The program replaces this process, so its exit status, signals, terminal and parent are what they
 * would be without us.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: ashlar run [--stats] [--lib PATH] -- PROGRAM [ARGUMENT ...]\n"
    "\n"
    "Runs PROGRAM with its memory allocated by ashlar.\n"
    "\n"
    "  --stats      print statistics when the program exits (not if it has closed\n"
    "               stderr by then, as coreutils do)\n"
    "  --lib PATH   preload this library instead of the installed libashlar.so\n"
    "  --help       print this\n"
    "\n"
    "Options of the allocator come from the environment variable MALLOC_CONF;\n"
    "MALLOC_CONF=help:true lists them.\n"
    "\n"
    "Exit status: PROGRAM's own; 125 when ashlar itself fails, 126 when PROGRAM cannot be\n"
    "executed, 127 when it is not found.\n";

struct run_options {
    bool help;
    bool stats;
    const char *library; /* NULL: look for it */
    char **program;      /* its argv */
};

/* The value of an option that may be given as "--name VALUE" or "--name=VALUE"; *argv moves to the
 * last word used. NULL when it is another option. Empty when there is no value. */
static const char *option_value(char ***argv, const char *name) {
    size_t length = strlen(name);
    const char *word = **argv;
    if (strncmp(word, name, length) != 0) {
        return NULL;
    }
    if (word[length] == '=') {
        return word + length + 1;
    }
    if (word[length] != '\0') {
        return NULL;
    }
    if ((*argv)[1] == NULL) {
        return "";
    }
    return *++*argv;
}

static bool parse_options(char **argv, struct run_options *options) {
    char **word = argv + 1;
    for (; *word != NULL && (*word)[0] == '-'; word++) {
        const char *library;
        if (strcmp(*word, "--") == 0) {
            word++;
            break;
        }
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            options->help = true;
            return true;
        }
        if (strcmp(*word, "--stats") == 0) {
            options->stats = true;
        } else if ((library = option_value(&word, "--lib")) != NULL) {
            if (library[0] == '\0') {
                complain("option '--lib' needs a path");
                return false;
            }
            options->library = library;
        } else {
            complain("unknown option '%s'; try 'ashlar run --help'", *word);
            return false;
        }
    }
    if (*word == NULL || (*word)[0] == '\0') {
        complain("no program given; try 'ashlar run --help'");
        return false;
    }
    options->program = word;
    return true;
}

/* Sets variable `name` to "first<separator>second", leaving out what is empty. */
static bool set_joined(const char *name, const char *first, char separator, const char *second) {
    size_t n1 = strlen(first);
    size_t n2 = strlen(second);
    char *value = malloc(n1 + n2 + 2);
    if (value == NULL) {
        return false;
    }
    memcpy(value, first, n1);
    size_t n = n1;
    if (n1 > 0 && n2 > 0) {
        value[n++] = separator;
    }
    memcpy(value + n, second, n2 + 1);
    bool done = setenv(name, value, 1) == 0;
    free(value);
    return done;
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

/* Ours goes in front of what is preloaded already, and the wish for statistics behind the settings
 * there are: the last word counts. */
static bool set_environment(const char *library, bool stats) {
    if (!set_joined("LD_PRELOAD", library, ':', variable("LD_PRELOAD"))) {
        return false;
    }
    if (!stats) {
        return true;
    }
    char *settings = strdup(variable("MALLOC_CONF"));
    if (settings == NULL) {
        return false;
    }
    size_t length = strlen(settings);
    while (length > 0 && settings[length - 1] == ',') {
        settings[--length] = '\0';
    }
    bool done = set_joined("MALLOC_CONF", settings, ',', "stats_print:true");
    free(settings);
    return done;
}

/* Replaces this process; answers with the errno that says why not. A file of a format the kernel
 * does not know is a shell script to execvp(), but a program for another machine is not. */
static int execute(const char *path, char **argv) {
    execv(path, argv);
    if (errno == ENOEXEC && elf_kind_of(path) == ELF_NOT) {
        execvp(argv[0], argv);
    }
    return errno;
}

/* Says why there is no program running and picks the exit status. */
static int report_failure(const char *program, int error) {
    if (error == ENOENT) {
        complain("cannot run '%s': the interpreter it asks for is missing", program);
        return EXIT_NOT_FOUND;
    }
    complain("cannot run '%s': %s", program, strerror(error));
    return EXIT_NOT_RUNNABLE;
}

int run_command(int argc, char **argv) {
    (void)argc;
    struct run_options options = {0};
    if (!parse_options(argv, &options)) {
        return EXIT_OURS;
    }
    if (options.help) {
        return print_text(help);
    }
    char library[PATH_MAX];
    if (!library_find(options.library, library, sizeof(library))) {
        return EXIT_OURS;
    }
    char path[PATH_MAX];
    int status = program_find(options.program[0], path, sizeof(path));
    if (status != 0) {
        return status;
    }
    program_warn(path);
    if (!set_environment(library, options.stats)) {
        complain("out of memory");
        return EXIT_OURS;
    }
    return report_failure(options.program[0], execute(path, options.program));
}

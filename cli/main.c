/*
 * main.c: the `ashlar` command: picks the subcommand.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: ashlar run [--stats] [--lib PATH] -- PROGRAM [ARGUMENT ...]\n"
    "       ashlar --help | --version\n"
    "\n"
    "Commands:\n"
    "  run        run a program with the ashlar allocator; 'ashlar run --help' tells more\n";

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("ashlar: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

int print_text(const char *text) {
    if (fputs(text, stdout) == EOF || fflush(stdout) != 0) {
        complain("cannot write to standard output");
        return EXIT_OURS;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs(help, stderr);
        return EXIT_OURS;
    }
    const char *word = argv[1];
    if (strcmp(word, "run") == 0) {
        return run_command(argc - 1, argv + 1);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        return print_text(help);
    }
    if (strcmp(word, "--version") == 0) {
        return print_text("ashlar " ASHLAR_CLI_VERSION "\n");
    }
    complain(word[0] == '-' ? "unknown option '%s'; try 'ashlar --help'"
                            : "unknown command '%s'; try 'ashlar --help'",
             word);
    return EXIT_OURS;
}

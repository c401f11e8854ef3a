/*
 * child.c: fork, exec, two pipes read until both end.
 */
#include "support/child.h"

#include <errno.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/report.h"

enum { CONF_BYTES = 4096 };
static const char EMULATOR[] = "ASHLAR_TEST_EMULATOR";

void child_become(const char *const *argv) {
    enum { WORDS = 16 };
    char path[4096];
    char emulator[4096];
    const char *words[WORDS + 1];
    size_t nwords = 0;
    const char *named = getenv(EMULATOR);
    if (named == NULL) {
        execv("/proc/self/exe", (char *const *)argv);
        return;
    }
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0 || strlen(named) >= sizeof(emulator)) {
        return;
    }
    path[length] = '\0';
    strcpy(emulator, named);
    for (char *word = strtok(emulator, " "); word != NULL && nwords < WORDS / 2;
         word = strtok(NULL, " ")) {
        words[nwords++] = word;
    }
    words[nwords++] = path;
    for (argv++; *argv != NULL && nwords < WORDS; argv++) {
        words[nwords++] = *argv;
    }
    words[nwords] = NULL;
    execv(words[0], (char *const *)words);
}

bool child_is_emulated(void) {
    return getenv(EMULATOR) != NULL;
}

static void set_options(const char *conf) {
    const char *inherited = getenv("MALLOC_CONF");
    if (conf == NULL) {
        return;
    }
    inherited = inherited != NULL ? inherited : "";
    bool both = *inherited != '\0' && *conf != '\0';
    char text[CONF_BYTES];
    snprintf(text, sizeof(text), "%s%s%s", inherited, both ? "," : "", conf);
    setenv("MALLOC_CONF", text, 1);
}

static _Noreturn void become_child(const char *part, const char *conf, const int *out,
                                   const int *err) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(CHILD_SECONDS);
    set_options(conf);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    close(out[0]);
    close(out[1]);
    close(err[0]);
    close(err[1]);
    child_become((const char *[]){"test", CHILD_ARGUMENT, part, NULL});
    _exit(127);
}

/* Appends what can be read; false at the end. Text beyond the buffer is dropped. */
static bool drain(int fd, char *text, size_t *length) {
    char piece[4096];
    ssize_t n = read(fd, piece, sizeof(piece));
    if (n < 0) {
        return errno == EINTR;
    }
    size_t room = CHILD_TEXT - 1 - *length;
    size_t taken = (size_t)n < room ? (size_t)n : room;
    memcpy(text + *length, piece, taken);
    *length += taken;
    text[*length] = '\0';
    return n > 0;
}

/* What qemu-user adds when the program that it runs ends by a signal. */
static void drop_emulators_line(char *text) {
    char *line = strstr(text, "qemu: uncaught target signal");
    if (line != NULL && child_is_emulated()) {
        *line = '\0';
    }
}

void child_run(const char *part, const char *conf, struct child_result *result) {
    int out[2];
    int err[2];
    if (pipe(out) != 0 || pipe(err) != 0) {
        report_failure("no pipe");
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        report_failure("cannot fork");
    }
    if (child == 0) {
        become_child(part, conf, out, err);
    }
    close(out[1]);
    close(err[1]);
    result->out[0] = '\0';
    result->err[0] = '\0';
    size_t out_length = 0;
    size_t err_length = 0;
    struct pollfd fds[2] = {{.fd = out[0], .events = POLLIN}, {.fd = err[0], .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0) {
            continue;
        }
        if (fds[0].revents != 0 && !drain(out[0], result->out, &out_length)) {
            fds[0].fd = -1;
        }
        if (fds[1].revents != 0 && !drain(err[0], result->err, &err_length)) {
            fds[1].fd = -1;
        }
    }
    close(out[0]);
    close(err[0]);
    while (waitpid(child, &result->status, 0) < 0 && errno == EINTR) {
    }
    drop_emulators_line(result->err);
}

int child_play(const struct child_part *parts, size_t nparts, const char *name) {
    for (size_t i = 0; i < nparts; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            return parts[i].play();
        }
    }
    return 2;
}

bool child_exited(const struct child_result *result, int code) {
    return WIFEXITED(result->status) && WEXITSTATUS(result->status) == code;
}

bool child_aborted(const struct child_result *result) {
    return WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGABRT;
}

bool child_matches(const char *text, const char *expression) {
    regex_t compiled;
    if (regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0) {
        report_failure("not a regular expression: %s", expression);
    }
    bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

const char *child_status_text(const struct child_result *result) {
    static char text[60];
    if (WIFEXITED(result->status)) {
        snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(result->status));
    } else {
        snprintf(text, sizeof(text), "signal %d", WTERMSIG(result->status));
    }
    return text;
}

/*
 * measure.c: runs one program with an allocator preloaded and says what it cost.
 *
 * Usage:      bench_measure RESULT PRELOAD PROGRAM [ARGUMENT...] PRELOAD is a library path or ""
 *             for none. RESULT receives one JSON object: wall, user and sys in seconds, rss_kib
 *             (largest resident set of the program or of a descendant it waited for), status (exit
 *             status, or 128 + signal).
 * Why:        the kernel starts a new program's peak RSS at that of the process which called
 *             execve, so a program started straight from a script interpreter can never report less
 *             than the interpreter's 10 to 20 MiB. This launcher is linked statically and stays
 *             below 1 MiB.
 * Invariants: LD_PRELOAD is set in the child only; SIGINT and SIGTERM are passed on to it; the
 *             launcher's own exit status is 0 when RESULT was written, whatever the program
 *             returned.
 * Locks:      none, one thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t child_pid;

static void pass_on(int signal_number) {
    if (child_pid > 0) {
        kill((pid_t)child_pid, signal_number);
    }
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_child(const char *preload, char **command) {
    if (*preload != '\0') {
        setenv("LD_PRELOAD", preload, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
    execvp(command[0], command);
    fprintf(stderr, "bench_measure: cannot run %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: bench_measure RESULT PRELOAD PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    signal(SIGINT, pass_on);
    signal(SIGTERM, pass_on);
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        run_child(argv[2], argv + 3);
    }
    child_pid = pid;
    int status = 0;
    struct rusage usage;
    pid_t waited = -1;
    do {
        waited = wait4(pid, &status, 0, &usage);
    } while (waited < 0 && errno == EINTR);
    if (waited != pid) {
        fprintf(stderr, "bench_measure: cannot wait: %s\n", strerror(errno));
        return 2;
    }
    double wall = now() - start;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL) {
        fprintf(stderr, "bench_measure: cannot write %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    fprintf(file,
            "{\"wall\": %.6f, \"user\": %.6f, \"sys\": %.6f, \"rss_kib\": %ld, \"status\": %d}\n",
            wall, seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(file) == 0 ? 0 : 2;
}

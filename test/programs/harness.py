"""
harness.py: runs one real program under the system allocator and then under ashlar, and compares.

A test script builds a Comparison, names the programs it needs, and loops over its two sides:

    test = Comparison("git", programs={"git": "git"})
    for side in test.sides():
        side.record("version", side.run(["git", "--version"]).stdout)
    test.finish()

Each side runs in a fresh directory with the same path (side.work), so that paths in the output are
the same. What a script records must be equal on both sides. For every process of the ashlar side
the harness also checks that
  - the library was mapped and its constructors ran: from the loader's own log (LD_DEBUG=libs) of
    that process and of every process it started, or, for servers, from /proc/PID/maps;
  - nothing it wrote to stderr, or to a log a script hands to check_log(), is a line of the
    allocator's ("<ashlar>").
The system side runs with the same log and must not have the library, so that it is a real control.

Environment: ASHLAR_LIB is the library under test (needed). MALLOC_CONF is passed on to the ashlar
side. With CI set a missing program fails the test; elsewhere the test is skipped (status 77), which
ctest shows as such. ASHLAR_TEST_KEEP keeps the scratch directory.
"""

import atexit
import difflib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARKER = b"<ashlar>"
LIBC = "libc.so.6"


def skip(reason):
    """Ends the test as not run: a failure in CI, a visible skip elsewhere."""
    in_ci = os.environ.get("CI", "") not in ("", "0", "false")
    print("%s: %s" % ("FAILED (in CI nothing may be missing)" if in_ci else "SKIPPED", reason))
    sys.exit(1 if in_ci else SKIPPED)


def fail(reason):
    """Ends the test as failed."""
    print("FAILED: %s" % reason)
    sys.exit(1)


def check(condition, reason):
    if not condition:
        fail(reason)


def find_program(name):
    """The program's path, looking where distributions put programs; None if it is not there."""
    return shutil.which(name, path=SEARCH_PATH)


def need_programs(programs):
    """programs: name -> Debian package. Skips when one is missing."""
    missing = sorted(set(package for name, package in programs.items() if not find_program(name)))
    if missing:
        skip("missing Debian packages: %s" % " ".join(missing))


def library_path():
    path = os.environ.get("ASHLAR_LIB", "")
    check(
        path and os.path.isfile(path), "ASHLAR_LIB must name the library under test, is '%s'" % path
    )
    return os.path.realpath(path)


def is_mapped(pid, library):
    """Whether a running process has the library mapped executable."""
    with open("/proc/%d/maps" % pid) as maps:
        return any(" r-xp " in line and line.rstrip().endswith(library) for line in maps)


def text_of(data, limit=4000):
    text = data.decode("utf-8", "replace")
    return text if len(text) <= limit else text[: limit // 2] + "\n[...]\n" + text[-limit // 2 :]


def describe(argv):
    line = " ".join(str(word) for word in argv)
    return line if len(line) <= 200 else line[:200] + "..."


class Finished:
    """What a program left behind."""

    def __init__(self, returncode, stdout, stderr):
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class Server:
    """A program that runs until it is told to stop. Created by Side.start()."""

    def __init__(self, side, argv, process, log):
        self.side = side
        self.argv = argv
        self.process = process
        self.log = log

    @property
    def pid(self):
        return self.process.pid

    def check_alive(self):
        if self.process.poll() is not None:
            fail(
                "%s: server ended early with status %d: %s\n%s"
                % (self.side.name, self.process.returncode, describe(self.argv), self.read_log())
            )

    def check_mapped(self):
        self.check_alive()
        self.side.check_mapped(self.pid)

    def read_log(self):
        with open(self.log, "rb") as log:
            return text_of(log.read())

    def wait(self, timeout=30, expect=0):
        """Waits for an end that was asked for, and checks status and log."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            fail(
                "%s: server does not end: %s\n%s"
                % (self.side.name, describe(self.argv), self.read_log())
            )
        check(
            status == expect,
            "%s: server ended with status %d: %s\n%s"
            % (self.side.name, status, describe(self.argv), self.read_log()),
        )
        self.side.check_log(self.log)

    def stop(self, number=signal.SIGTERM, expect=0):
        self.check_alive()
        self.process.send_signal(number)
        self.wait(expect=expect)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Side:
    """One of the two runs. work: its directory; preloads: whether it is the ashlar side."""

    def __init__(self, comparison, name, library, user):
        self.comparison = comparison
        self.name = name
        self.library = library
        self.user = user
        self.preloads = name == "ashlar"
        self.work = os.path.join(comparison.scratch, "work")
        self.loader_logs = os.path.join(comparison.scratch, "loader-%s" % name)
        self.records = []
        self.servers = []
        self.processes_seen = 0
        self.seconds = 0.0
        for folder in (self.work, os.path.join(self.work, "tmp"), self.loader_logs):
            os.mkdir(folder)
            if user is not None:
                os.chown(folder, user.pw_uid, user.pw_gid)

    # --- starting programs -------------------------------------------------------------------

    def environment(self, extra=None, loader_log=True, preload_library=True):
        env = {
            "PATH": SEARCH_PATH,
            "HOME": self.work,
            "TMPDIR": os.path.join(self.work, "tmp"),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "TEST_ALLOCATOR": self.name,
        }
        preload = []
        if self.preloads:
            if preload_library:
                preload.append(self.library)
            if "MALLOC_CONF" in os.environ:
                env["MALLOC_CONF"] = os.environ["MALLOC_CONF"]
        elif self.comparison.force_libc:
            # The program is linked to another allocator: libc, searched first, takes its place.
            preload.append(LIBC)
        if preload:
            env["LD_PRELOAD"] = ":".join(preload)
        if loader_log:
            env["LD_DEBUG"] = "libs"
            env["LD_DEBUG_OUTPUT"] = os.path.join(self.loader_logs, "process")
        env.update(extra or {})
        return env

    def popen_arguments(self):
        arguments = {"start_new_session": True}
        if self.user is not None:
            arguments.update(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[])
        return arguments

    def run(
        self,
        argv,
        *,
        stdin=b"",
        cwd=None,
        env=None,
        expect=0,
        timeout=120,
        loader_log=True,
        preload_library=True
    ):
        """Runs a program to its end and checks status, stderr and that the library was there.
        expect: the status, or None for any. loader_log=False for a program (or its children) that
        would mind an open file it did not open; it must then show the library in another way.
        preload_library=False for a program that is linked to it."""
        started = time.monotonic()
        process = subprocess.Popen(
            argv,
            cwd=cwd or self.work,
            env=self.environment(env, loader_log, preload_library),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **self.popen_arguments()
        )
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            fail(
                "%s: still running after %d s: %s\n%s\n%s"
                % (self.name, timeout, describe(argv), text_of(stdout), text_of(stderr))
            )
        self.seconds += time.monotonic() - started
        if expect is not None and process.returncode != expect:
            fail(
                "%s: status %d, expected %d: %s\nstdout: %s\nstderr: %s"
                % (
                    self.name,
                    process.returncode,
                    expect,
                    describe(argv),
                    text_of(stdout),
                    text_of(stderr),
                )
            )
        if MARKER in stderr:
            fail(
                "%s: the allocator complains in: %s\n%s"
                % (self.name, describe(argv), text_of(stderr))
            )
        if loader_log:
            self.check_loader_log(process.pid, argv)
        return Finished(process.returncode, stdout, stderr)

    def start(self, argv, *, log_name, cwd=None, env=None):
        """Starts a server with stdout and stderr in a log file. The comparison kills it at the end
        if the script did not stop it."""
        log = os.path.join(self.work, log_name)
        with open(log, "ab") as output:
            process = subprocess.Popen(
                argv,
                cwd=cwd or self.work,
                env=self.environment(env, loader_log=False),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self.popen_arguments()
            )
        server = Server(self, argv, process, log)
        self.servers.append(server)
        return server

    # --- checking that it is the right run ---------------------------------------------------

    def check_mapped(self, pid):
        self.processes_seen += 1
        if is_mapped(pid, self.library) != self.preloads:
            fail(
                "%s: process %d %s the library mapped"
                % (self.name, pid, "does not have" if self.preloads else "has")
            )

    def check_loader_log(self, pid, argv):
        """The loader wrote one file per process; each must show the library initialised on the
        ashlar side, and none on the other."""
        own = "process.%d" % pid
        names = os.listdir(self.loader_logs)
        check(own in names, "%s: no loader log of %s" % (self.name, describe(argv)))
        wanted = b"calling init: " + self.library.encode() + b"\n"
        for name in names:
            path = os.path.join(self.loader_logs, name)
            with open(path, "rb") as log:
                content = log.read()
            # A process killed or replaced while it was still loading proves nothing.
            complete = b"transferring control" in content
            if complete and (wanted in content) != self.preloads:
                fail(
                    "%s: a process of this command ran %s the library: %s"
                    % (self.name, "without" if self.preloads else "with", describe(argv))
                )
            self.processes_seen += 1
            os.unlink(path)

    def check_log(self, path):
        with open(path, "rb") as log:
            content = log.read()
        if MARKER in content:
            at = content.index(MARKER)
            fail(
                "%s: the allocator complains in %s:\n%s"
                % (
                    self.name,
                    os.path.basename(path),
                    text_of(content[max(0, at - 500) : at + 1500]),
                )
            )

    # --- results -----------------------------------------------------------------------------

    def record(self, what, value):
        """Something that must be the same on both sides: bytes, text or anything with a repr."""
        self.records.append((what, value))

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def write(self, name, content):
        """Creates a file in the work directory and returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as output:
            output.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, *parts):
        with open(self.path(*parts), "rb") as content:
            return content.read()

    def kill_servers(self):
        for server in self.servers:
            server.kill()

    def close(self):
        self.kill_servers()
        os.rename(self.work, os.path.join(self.comparison.scratch, self.name))


class Comparison:
    """Two runs of the same thing. user: run as this unprivileged user when started by root.
    force_libc: the program is linked to another allocator, so the control preloads libc."""

    def __init__(self, name, programs, users=(), force_libc=False):
        self.name = name
        self.force_libc = force_libc
        self.done = []
        self.current = None
        need_programs(programs)
        self.library = library_path()
        self.user = self.choose_user(users)
        self.scratch = tempfile.mkdtemp(prefix="ashlar-%s-" % name)
        atexit.register(self.clean_up)
        if self.user is not None:
            # That user may not be able to read the build tree, but can read this.
            os.chmod(self.scratch, 0o711)
            self.library = shutil.copy(self.library, self.scratch)
            os.chmod(self.library, 0o755)

    @staticmethod
    def choose_user(users):
        if not users or os.geteuid() != 0:
            return None
        for name in users:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        skip("none of the users %s exists" % " ".join(users))

    def sides(self):
        """Yields the system side, then the ashlar side, each in its own turn."""
        for name in ("system", "ashlar"):
            side = Side(self, name, self.library, self.user)
            self.current = side
            yield side
            side.close()
            self.done.append(side)

    def clean_up(self):
        """At exit, however the test ended."""
        if self.current is not None:
            self.current.kill_servers()
        if "ASHLAR_TEST_KEEP" in os.environ:
            print("kept: %s" % self.scratch)
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def finish(self):
        """Compares what the two sides recorded and ends the test."""
        system, ashlar = self.done
        check(system.records, "nothing was compared")
        check(system.processes_seen > 0 and ashlar.processes_seen > 0, "no process was looked at")
        check(
            [what for what, _ in system.records] == [what for what, _ in ashlar.records],
            "the two runs recorded different things",
        )
        for (what, expected), (_, found) in zip(system.records, ashlar.records):
            if expected != found:
                fail("%s differs\n%s" % (what, difference(expected, found)))
        print(
            "%s: %d results equal, %d processes (%.1f s) with the system allocator, "
            "%d (%.1f s) with %s"
            % (
                self.name,
                len(system.records),
                system.processes_seen,
                system.seconds,
                ashlar.processes_seen,
                ashlar.seconds,
                os.path.basename(self.library),
            )
        )


def difference(expected, found):
    def lines(value):
        if isinstance(value, (bytes, bytearray)):
            return text_of(bytes(value), 200000).splitlines()
        return str(value).splitlines()

    shown = list(
        difflib.unified_diff(lines(expected), lines(found), "system", "ashlar", lineterm="", n=1)
    )
    return "\n".join(shown[:60]) or "(differs only in bytes that do not show)"

"""PostgreSQL as a benchmark: the server runs under the allocator, its client pgbench does not.

Usage: find() returns the rows. prepare() makes one cluster with pgbench's tables. A run copies it,
starts a server that listens on a Unix socket only, has pgbench do a fixed number of transactions
and stops the server. wall is the client's time, connecting included; user and sys are those of the
server with all its processes. rss_kib is the largest sum, of the moments looked at, of what these
processes have in memory, each shared page counted once (PSS); where the kernel does not tell that,
it is the peak RSS of the largest of them, and figures say so. PostgreSQL refuses to run as root:
then it runs as postgres or nobody.
"""

import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import allocators
from harness.measure import RunFailed

CLIENTS = 4
SCALE = 4
START_TIMEOUT_S = 30
SAMPLE_S = 0.1
DATABASE = "postgres"
USER = "bench"

# Durability is not what is measured; nothing may happen at times of its own choosing.
SETTINGS = {
    "listen_addresses": "", "fsync": "off", "full_page_writes": "off", "autovacuum": "off",
    "shared_buffers": "16MB", "max_connections": "20", "jit": "off", "checkpoint_timeout": "1h",
    "max_wal_size": "1GB",
}


def program(name):
    """Debian keeps the server's programs out of PATH; the newest version is taken."""
    found = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    versions = [path for path in found if path.split("/")[4].isdigit()]
    return max(versions, key=lambda path: int(path.split("/")[4]), default=shutil.which(name))


def other_user():
    """Whom to become, or None when there is no need or nobody to become."""
    for name in ("postgres", "nobody") if os.geteuid() == 0 else ():
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return None


def as_user(user, command):
    """The command, run by that user, in the same process."""
    if user is None:
        return command
    return [shutil.which("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
            "--clear-groups"] + command


def client_environment():
    return {key: value for key, value in os.environ.items()
            if key not in ("LD_PRELOAD", "MALLOC_CONF") and not key.startswith("PG")}


def client(command, folder):
    """Runs a client program of the server in that folder; returns what it printed."""
    done = subprocess.run(command + ["-h", folder, "-U", USER, DATABASE], capture_output=True,
                          text=True, env=client_environment(), timeout=300)
    if done.returncode != 0:
        raise RunFailed(f"{os.path.basename(command[0])}: {done.stderr.strip()[-300:]}")
    return done.stdout


def wait_until_ready(folder, process):
    deadline = time.monotonic() + START_TIMEOUT_S
    question = [program("pg_isready"), "-q", "-h", folder, "-U", USER, "-d", DATABASE]
    while time.monotonic() < deadline and process.poll() is None:
        if subprocess.run(question, env=client_environment(), check=False).returncode == 0:
            return
        time.sleep(0.02)
    raise RunFailed("postgres did not start")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def check_mapped(pid, library):
    """The loader only warns when it cannot preload, and another user may not be able to."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        if library and os.path.realpath(library) not in maps.read():
            raise RunFailed(f"{library} is not mapped in the server")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE).group(1))


class MemoryWatch:
    """Looks at a process and its children now and then; peak_kib stays None if it never can."""

    def __init__(self, pid):
        self.pid = pid
        self.peak_kib = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def look(self):
        try:
            pids = [self.pid] + children_of(self.pid)
        except OSError:
            return
        total = 0
        for pid in pids:
            try:
                total += pss_kib(pid)
            except (FileNotFoundError, ProcessLookupError):
                if not os.path.exists(f"/proc/{self.pid}/smaps_rollup"):
                    return
            except (OSError, AttributeError):
                return
        self.peak_kib = max(self.peak_kib or 0, total)

    def watch(self):
        while not self.done.wait(SAMPLE_S):
            self.look()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class PostgresRow:
    group = "programs"
    metric = "cpu"  # processes and locks move the wall time by half, with any allocator
    set = "full"

    def __init__(self, name, help_text, transactions, options):
        self.name = name
        self.help = help_text
        self.transactions = transactions
        self.options = options
        self.user = other_user()
        self.folder = None

    def missing(self):
        if not all(program(name) for name in ("initdb", "postgres", "pgbench", "pg_isready")):
            return f"{self.name}: postgresql is not installed"
        if os.geteuid() == 0 and (self.user is None or shutil.which("setpriv") is None):
            return f"{self.name}: PostgreSQL does not run as root, and there is no other user"
        return None

    def server_command(self):
        command = [program("postgres"), "-D", os.path.join(self.folder, "run"), "-k", self.folder]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        return as_user(self.user, command)

    def prepare(self, workdir, quick):
        """The cluster and its tables; the rows share them."""
        self.folder = os.path.join(workdir, "postgres")
        if os.path.exists(os.path.join(self.folder, "cluster")):
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o755)
        if self.user is not None:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
            os.chmod(workdir, 0o711)
        self.make_cluster(os.path.join(workdir, "postgres.log"))
        os.rename(os.path.join(self.folder, "run"), os.path.join(self.folder, "cluster"))

    def make_cluster(self, log):
        subprocess.run(
            as_user(self.user, [program("initdb"), "-D", os.path.join(self.folder, "run"), "-U",
                                USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                                "--no-instructions", "--wal-segsize=1"]),
            cwd=self.folder, env=client_environment(), stdout=subprocess.DEVNULL, check=True)
        with open(log, "wb") as out:
            server = subprocess.Popen(self.server_command(), cwd=self.folder, stdout=out,
                                      stderr=out, env=client_environment())
        try:
            wait_until_ready(self.folder, server)
            client([program("pgbench"), "-i", "-q", "-s", str(SCALE)], self.folder)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()

    def preload_of(self, allocator):
        """The library, where the other user can read it."""
        library = allocators.preload_for(allocator, program("postgres"))
        if not library or self.user is None:
            return library
        copy = os.path.join(self.folder, f"{allocator.name}-{os.path.basename(library)}")
        shutil.copyfile(library, copy)
        os.chmod(copy, 0o755)
        return copy

    def drive(self, server, quick):
        """Runs the client; returns its seconds, transactions per second, and the server's peak."""
        each = self.transactions // (5 if quick else 1)
        command = [program("pgbench"), "-n", "-c", str(CLIENTS), "-j", "2", "-t", str(each),
                   "--random-seed=42"] + self.options
        with MemoryWatch(server) as memory:
            start = time.monotonic()
            printed = client(command, self.folder)
            wall = time.monotonic() - start
        total = CLIENTS * each
        if (f"transactions actually processed: {total}/{total}" not in printed
                or "number of failed transactions: 0 " not in printed):
            raise RunFailed(f"{self.name}: pgbench says: {printed.strip()[-300:]}")
        return wall, total / wall, memory.peak_kib

    def run(self, runner, allocator, quick):
        data = os.path.join(self.folder, "run")
        subprocess.run(["cp", "-a", os.path.join(self.folder, "cluster"), data], check=True)
        command = self.server_command()
        preload = self.preload_of(allocator)
        process = runner.start(command, preload, {"LC_ALL": "C"})
        try:
            wait_until_ready(self.folder, process)
            server = children_of(process.pid)[0]
            check_mapped(server, preload)
            wall, rate, pss = self.drive(server, quick)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            shutil.rmtree(data)
        run = runner.finish(process, command)
        run["server_wall"] = run["wall"]
        run["wall"] = wall
        run["figures"] = {"transactions_per_second": rate, "largest_process_kib": run["rss_kib"],
                          "rss": "largest process" if pss is None else "all processes"}
        run["rss_kib"] = pss or run["rss_kib"]
        return run


def find():
    return [
        PostgresRow("pgbench-select", "PostgreSQL: pgbench, 4 clients, one select per transaction",
                    20000, ["-S"]),
        PostgresRow("pgbench-tpcb", "PostgreSQL: pgbench, 4 clients, updates like TPC-B's", 2000,
                    []),
    ]

"""
redis_jemalloc_test.py FOLDER LIBRARY INCLUDE: Redis, built from Debian's source for jemalloc, on
LIBRARY, a libjemalloc.so.2.

Redis asks jemalloc for its numbers (INFO memory, MEMORY STATS, MEMORY MALLOC-STATS), makes it return
memory (MEMORY PURGE), starts its helper threads, and moves objects together when the numbers and
experimental.utilization.query say that it pays (active defragmentation). The answers must make sense; the
data must survive; and fragmentation must come down. With Debian's libjemalloc.so.2 the same is done
first, to see that the test asks what jemalloc fulfils. Debian's own redis-server, which is linked to
libjemalloc.so.2, runs with ours in its place.

Source and build are kept in FOLDER.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import time

from harness import SEARCH_PATH, check, fail, find_program, skip
from redis_client import Client

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = "deb-src http://deb.debian.org/debian bookworm main\n"
MIB = 1 << 20


def run(argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        print(done.stdout[-3000:], done.stderr[-3000:])
        fail("status %d: %s" % (done.returncode, " ".join(argv)))
    return done.stdout


def fetch(folder):
    """Debian's source of Redis, by apt-get with lists of its own, so that nothing of the system's
    configuration is touched."""
    source = os.path.join(folder, "source")
    if os.path.isdir(source):
        return source
    for name in ("apt-get", "dpkg-source", "make"):
        if not find_program(name):
            skip("%s is missing (Debian package dpkg-dev)" % name)
    apt = os.path.join(folder, "apt")
    os.makedirs(os.path.join(apt, "lists/partial"), exist_ok=True)
    with open(os.path.join(apt, "sources.list"), "w", encoding="ascii") as file:
        file.write(SOURCES)
    options = ["-o", "Dir::Etc::sourcelist=%s/sources.list" % apt, "-o", "Dir::Etc::sourceparts=-",
               "-o", "Dir::State::lists=%s/lists" % apt, "-o", "Dir::Cache=%s" % apt]
    for command in (["update"], ["source", "--download-only", "redis"]):
        done = subprocess.run(["apt-get", *options, *command], cwd=apt, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            skip("apt-get %s: %s" % (command[0], done.stderr[-500:]))
    package = glob.glob(os.path.join(apt, "redis_*.dsc"))
    check(len(package) == 1, "one source package, not %s" % package)
    run(["dpkg-source", "-x", package[0], source + ".part"])
    os.rename(source + ".part", source)
    return source


def build(folder, library, include):
    """redis-server, linked to the library by the name it has in every jemalloc."""
    source = fetch(folder)
    server = os.path.join(source, "src/redis-server")
    hint = os.path.join(folder, "defrag_hint.o")
    header = os.path.join(include, "jemalloc/jemalloc.h")
    inputs = [header, os.path.join(HERE, "jemalloc/defrag_hint.c")]
    if os.path.exists(server) and all(
        os.path.getmtime(name) < os.path.getmtime(server) for name in inputs
    ):
        return server
    run(["cc", "-O2", "-Wall", "-Wextra", "-I", include, "-c", inputs[1], "-o", hint])
    for stale in glob.glob(os.path.join(source, "src/*.o")):
        os.unlink(stale)
    run(
        [
            "make", "-C", os.path.join(source, "src"), "-j", str(os.cpu_count()), "redis-server",
            # Debian builds for the system's jemalloc like this.
            "MALLOC=jemalloc", "USE_SYSTEM_JEMALLOC=yes",
            "BUILD_TLS=no", "USE_SYSTEMD=no", "OPTIMIZATION=-O1", "DEBUG=",
            "REDIS_CFLAGS=-I%s -DJEMALLOC_FRAG_HINT" % include,
            "REDIS_LDFLAGS=%s -L%s" % (hint, os.path.dirname(library)),
        ]
    )
    return server


class Redis:
    """A running server with one client."""

    def __init__(self, server, environment, scratch, *options):
        path = os.path.join(scratch, "sock")
        environment = {"PATH": SEARCH_PATH, "LC_ALL": "C.UTF-8", **environment}
        self.log = open(os.path.join(scratch, "log"), "w+b")
        self.process = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", path, "--dir", scratch, "--save", "",
             "--enable-debug-command", "local", "--daemonize", "no", *options],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for _ in range(400):
            try:
                self.client = Client(path)
                self.call = self.client.call
                self.call("PING")
                return
            except (OSError, ValueError):
                time.sleep(0.05)
        self.stop()
        fail("no answer from the server")

    def memory(self):
        time.sleep(0.25)  # the server takes its samples ten times a second
        text = self.call("INFO", "memory").decode()
        return dict(re.findall(r"^(\w+):(\S+?)\r?$", text, re.M))

    def stop(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.log.seek(0)
        text = self.log.read().decode("utf-8", "replace")
        self.log.close()
        check(status == 0, "the server ended with status %d:\n%s" % (status, text))
        check("<ashlar>" not in text, "the allocator complains:\n%s" % text)


def pairs(reply):
    return dict(zip(reply[::2], reply[1::2]))


def check_numbers(redis):
    """The numbers agree with each other."""
    info = redis.memory()
    used, allocated, active, resident, rss = (
        int(info[name])
        for name in ("used_memory", "allocator_allocated", "allocator_active",
                     "allocator_resident", "used_memory_rss"))
    check(info["mem_allocator"].startswith("jemalloc-5.3."), "mem_allocator: %(mem_allocator)s" % info)
    # What Redis counts by malloc_usable_size, and the allocator's own count, which has Lua's memory and
    # libc's as well.
    check(used <= allocated + MIB and allocated < used * 1.2 + 4 * MIB,
          "used %d, allocated %d" % (used, allocated))
    check(allocated <= active <= resident, "%d, %d, %d" % (allocated, active, resident))
    # The system counts the program's code and data, too.
    check(resident * 0.7 < rss < resident * 1.4 + 12 * MIB, "resident %d, seen by the system %d" % (resident, rss))
    stats = pairs(redis.call("MEMORY", "STATS"))
    check(abs(stats[b"allocator.allocated"] - allocated) < MIB, "MEMORY STATS: %s" % stats)
    check(float(stats[b"allocator-fragmentation.ratio"]) >= 1, "MEMORY STATS: %s" % stats)
    return info


def churn(redis):
    """Values of many sizes, most of which go again: slabs stay that are nearly empty."""
    sizes = (40, 90, 150, 220, 300, 450, 600, 900, 1300)
    redis.client.pipeline(
        [("SET", "key:%d" % n, b"%d" % n + b"v" * sizes[n % 9]) for n in range(160000)], batch=2000)
    full = redis.memory()
    redis.client.pipeline([("DEL", *["key:%d" % k for k in range(n, n + 100) if k * 7919 % 10 != 3])
                           for n in range(0, 160000, 100)])
    check(redis.call("DBSIZE") == 16000, "keys remain that were deleted")
    return full


def defragment(redis, patience=16):
    """The lowest fragmentation ratio that active defragmentation reaches: until it is good, or does not
    change any more."""
    for name, value in (("active-defrag-ignore-bytes", "1mb"), ("active-defrag-threshold-lower", "5"),
                        ("active-defrag-cycle-min", "40"), ("active-defrag-cycle-max", "70"),
                        ("activedefrag", "yes")):
        redis.call("CONFIG", "SET", name, value)
    ratios = [1000.0]
    while min(ratios) > 1.2 and min(ratios[-patience:]) < min(ratios[:-patience], default=2000.0):
        ratios.append(float(redis.memory()["allocator_frag_ratio"]))
    redis.call("CONFIG", "SET", "activedefrag", "no")
    return min(ratios)


def examine(server, library):
    with tempfile.TemporaryDirectory(prefix="ashlar-redis-") as scratch:
        redis = Redis(server, {"LD_PRELOAD": library}, scratch, "--jemalloc-bg-thread", "yes")
        try:
            check_numbers(redis)
            full = churn(redis)
            digest = redis.call("DEBUG", "DIGEST")
            text = redis.call("MEMORY", "MALLOC-STATS").decode()
            for line in ("Begin jemalloc statistics", "Allocated: ", "arenas[0]:", "bins:", "large:"):
                check(line in text, "MEMORY MALLOC-STATS lacks %r" % line)
            check(redis.call("MEMORY", "PURGE") == b"OK", "MEMORY PURGE")
            fragmented = check_numbers(redis)
            before = float(fragmented["allocator_frag_ratio"])
            after = defragment(redis)
            moved = int(re.search(rb"active_defrag_hits:(\d+)", redis.call("INFO", "stats")).group(1))
            redis.call("MEMORY", "PURGE")
            final = redis.memory()
            print("%s: fragmentation %.2f, after defragmentation %.2f (%d objects moved); "
                  "resident %s full, %s after the deletions, %s in the end"
                  % (redis.memory()["mem_allocator"], before, after, moved,
                     *(state["used_memory_rss_human"] for state in (full, fragmented, final))))
            check(redis.call("DEBUG", "DIGEST") == digest, "defragmentation changed the data")
            check(before > 1.5, "the churn fragments nothing: %.2f" % before)
            check(after < 1 + (before - 1) / 2, "fragmentation stays: %.2f, then %.2f" % (before, after))
            check(moved > 1000, "only %d objects were moved" % moved)
            redis.call("FLUSHALL")
            redis.call("MEMORY", "PURGE")
            check(int(redis.memory()["used_memory_rss"]) < int(full["used_memory_rss"]) / 3,
                  "the memory does not go back")
        finally:
            redis.stop()


def replace(library):
    """Debian's binary with our library found first."""
    server = find_program("redis-server")
    if server is None:
        skip("missing Debian package: redis-server")
    with tempfile.TemporaryDirectory(prefix="ashlar-redis-") as scratch:
        redis = Redis(server, {"LD_LIBRARY_PATH": os.path.dirname(library)}, scratch)
        try:
            with open("/proc/%d/maps" % redis.process.pid, encoding="utf-8") as file:
                mapped = {line.split()[-1] for line in file if "libjemalloc" in line}
            check(mapped == {os.path.realpath(library)}, "libraries: %s" % mapped)
            churn(redis)
            check(redis.call("MEMORY", "PURGE") == b"OK", "MEMORY PURGE")
            info = check_numbers(redis)
            check("arenas[0]:" in redis.call("MEMORY", "MALLOC-STATS").decode(), "MEMORY MALLOC-STATS")
            print("%s, Debian's binary: %s used" % (info["mem_allocator"], info["used_memory_human"]))
        finally:
            redis.stop()


def main():
    folder, library, include = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    server = build(folder, library, include)
    table = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    jemalloc = re.search(r"=> (\S*/libjemalloc\.so\.2)$", table.stdout, re.M)
    if jemalloc is None:
        skip("missing Debian package: libjemalloc2")
    examine(server, jemalloc.group(1))
    examine(server, library)
    replace(library)


if __name__ == "__main__":
    main()

"""
redis_test.py: Redis: redis-benchmark with all its default tests, plain and pipelined; a data set of
every type whose digest must be equal; a background save under write load, from which a second
server starts; eviction under a memory limit.

Debian's redis-server is linked to another allocator, so the control run has libc searched first.
All traffic goes through Unix sockets: no port is used.
"""

import os
import random
import re
import threading
import time

from harness import Comparison, check, fail
from redis_client import Client

BENCHMARK_REQUESTS = "4000"


def start_server(side, name, *options):
    """Starts a server whose files are named after it; returns it and a connected client."""
    path = side.path(name + ".sock")
    server = side.start(
        [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            path,
            "--dir",
            side.work,
            "--save",
            "",
            "--dbfilename",
            name + ".rdb",
            "--enable-debug-command",
            "local",
            "--daemonize",
            "no",
            *options,
        ],
        log_name=name + ".log",
    )
    for _ in range(400):
        server.check_alive()
        try:
            client = Client(path)
            client.call("PING")
            server.check_mapped()
            return server, client
        except (OSError, ValueError):
            time.sleep(0.05)
    return fail("%s: no answer from the server\n%s" % (side.name, server.read_log()))


def benchmark(side, client, path, *options):
    """The names of the tests that redis-benchmark says it completed."""
    before = commands_served(client)
    out = side.run(["redis-benchmark", "-s", path, "-n", BENCHMARK_REQUESTS, "-q", *options]).stdout
    rows = re.findall(r"([A-Z][A-Za-z0-9_ ()]*): ([0-9.]+) requests per second", out.decode())
    check(
        len(rows) >= 18 and all(float(rate) > 0 for _, rate in rows),
        "%s: redis-benchmark reports:\n%s" % (side.name, out.decode()),
    )
    served = commands_served(client) - before
    check(
        served >= len(rows) * int(BENCHMARK_REQUESTS),
        "%s: only %d commands served" % (side.name, served),
    )
    return [name for name, _ in rows]


def commands_served(client):
    return int(re.search(rb"total_commands_processed:(\d+)", client.call("INFO", "stats")).group(1))


def data_set():
    """Commands that make keys of every type and encoding, in many sizes, and change many again."""
    rng = random.Random(11)
    blob = rng.randbytes(300000)

    def value(limit):
        size = rng.randint(0, limit)
        start = rng.randint(0, len(blob) - size)
        return blob[start : start + size]

    out = []
    for n in range(12000):
        out.append(("SET", "string:%d" % n, value(200 if n % 50 else 40000)))
    for n in range(0, 12000, 3):
        out.append(("APPEND", "string:%d" % n, value(600)))
    for n in range(0, 12000, 7):
        out.append(("DEL", "string:%d" % n))
    for n in range(300):
        size = rng.choice((3, 30, 300))
        out.append(("RPUSH", "list:%d" % n, *[value(90) for _ in range(size)]))
        out.append(
            ("HSET", "hash:%d" % n, *[w for k in range(size) for w in ("field%d" % k, value(120))])
        )
        out.append(("SADD", "set:%d" % n, *[value(20) for _ in range(size)]))
        out.append(("SADD", "integers:%d" % n, *[rng.randint(0, 10000) for _ in range(size)]))
        out.append(
            (
                "ZADD",
                "sorted:%d" % n,
                *[w for k in range(size) for w in (rng.randint(0, 999), "m%d" % k)],
            )
        )
        out.append(("SETBIT", "bits:%d" % n, rng.randint(0, 200000), 1))
        out.append(("PFADD", "log:%d" % n, *[value(12) for _ in range(size)]))
        for k in range(20):
            out.append(("XADD", "stream:%d" % (n % 40), "%d-%d" % (n + 1, k + 1), "f", value(60)))
        out.append(("LTRIM", "list:%d" % n, 1, -2))
        out.append(("HDEL", "hash:%d" % n, *["field%d" % k for k in range(0, size, 4)]))
    for n in range(0, 300, 10):
        out.append(
            ("SUNIONSTORE", "union:%d" % n, "set:%d" % n, "set:%d" % (n + 1), "set:%d" % (n + 2))
        )
        out.append(("ZUNIONSTORE", "sums:%d" % n, 2, "sorted:%d" % n, "sorted:%d" % (n + 1)))
    script = (
        "local t = {} for i = 1, 3000 do t[#t + 1] = string.rep(ARGV[1], i % 40) .. i end "
        "redis.call('SET', KEYS[1], table.concat(t, ',')) return #t"
    )
    out.extend(("EVAL", script, 1, "script:%d" % n, "s%d" % n) for n in range(40))
    return out


class Writers:
    """Threads that write to database 1 until told to stop."""

    def __init__(self, path, count=2):
        self.stopping = threading.Event()
        self.written = 0
        self.errors = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(path, n)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def write(self, path, number):
        rng = random.Random(number)
        try:
            client = Client(path)
            client.call("SELECT", 1)
            while not self.stopping.is_set():
                client.pipeline(
                    [
                        ("SET", "load:%d" % rng.randint(0, 20000), b"v" * rng.randint(1, 3000))
                        for _ in range(100)
                    ],
                    batch=100,
                )
                with self.lock:
                    self.written += 100
        except (OSError, ValueError) as error:
            self.errors.append(error)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        check(not self.errors, "a writer failed: %s" % self.errors)
        return self.written


def save_under_load(side, server, client, base_digest, count):
    """Saves while clients write; then a second server starts from the file and must have all of the
    data that was not being written."""
    path = side.path("main.sock")
    for _ in range(3):
        writers = Writers(path)
        time.sleep(0.3)
        last = client.call("LASTSAVE")
        before = writers.written
        time.sleep(max(0.0, last + 1.05 - time.time()))  # LASTSAVE counts in whole seconds
        client.call("BGSAVE")
        deadline = time.monotonic() + 60
        while client.call("LASTSAVE") == last:
            server.check_alive()
            check(time.monotonic() < deadline, "%s: the background save does not end" % side.name)
            time.sleep(0.02)
        check(writers.stop() > before, "%s: nothing was written during the save" % side.name)
        persistence = client.call("INFO", "persistence")
        check(b"rdb_last_bgsave_status:ok" in persistence, "%s: save failed" % side.name)
    os.rename(side.path("main.rdb"), side.path("copy.rdb"))
    copy, copy_client = start_server(side, "copy")
    copy_client.call("SELECT", 1)
    check(copy_client.call("DBSIZE") > 0, "%s: the copy has nothing of the load" % side.name)
    copy_client.call("FLUSHDB")
    copy_client.call("SELECT", 0)
    check(copy_client.call("DBSIZE") == count, "%s: keys were lost" % side.name)
    check(copy_client.call("DEBUG", "DIGEST") == base_digest, "%s: the copy differs" % side.name)
    copy_client.call("DEBUG", "RELOAD")
    check(copy_client.call("DEBUG", "DIGEST") == base_digest, "%s: reloading differs" % side.name)
    copy.stop()


def main():
    test = Comparison(
        "redis",
        programs={"redis-server": "redis-server", "redis-benchmark": "redis-tools"},
        force_libc=True,
    )
    commands = data_set()
    for side in test.sides():
        started = time.monotonic()
        server, client = start_server(side, "main", "--lazyfree-lazy-user-del", "yes")
        path = side.path("main.sock")
        side.record("benchmark", benchmark(side, client, path))
        side.record(
            "pipelined benchmark",
            benchmark(side, client, path, "-P", "16", "-r", "2000", "-d", "100"),
        )
        client.call("FLUSHALL", "ASYNC")

        client.pipeline(commands)
        digest = client.call("DEBUG", "DIGEST")
        count = client.call("DBSIZE")
        side.record("keys", count)
        side.record("digest", digest)
        save_under_load(side, server, client, digest, count)

        # Eviction: the server keeps within a limit that counts what malloc_usable_size says.
        client.call("FLUSHALL")
        client.call("CONFIG", "SET", "maxmemory", "20mb")
        client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        client.pipeline([("SET", "evict:%d" % n, b"e" * (n % 2500)) for n in range(30000)])
        evicted = int(re.search(rb"evicted_keys:(\d+)", client.call("INFO", "stats")).group(1))
        check(evicted > 1000, "%s: only %d keys evicted" % (side.name, evicted))
        client.call("CONFIG", "SET", "activedefrag", "no")
        client.call("MEMORY", "PURGE")
        client.call("FLUSHALL")
        check(client.call("DBSIZE") == 0, "%s: keys remain" % side.name)
        server.stop()
        side.seconds = time.monotonic() - started
    test.finish()


main()

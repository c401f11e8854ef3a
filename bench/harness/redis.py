"""Redis as a benchmark: the server runs under the allocator, the client does not.

Usage: find() returns the rows. A run starts a server on a free port of the loopback interface,
drives it with redis-benchmark, and stops it. wall is the time of the client's tests, rss_kib, user
and sys are the server's; figures holds the requests per second of each test.
"""

import csv
import io
import os
import shutil
import socket
import subprocess
import time

from harness import allocators
from harness.measure import RunFailed

START_TIMEOUT_S = 15


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(port, process):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RunFailed("redis-server did not start")


def stop(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"SHUTDOWN NOSAVE\r\n")
        connection.recv(16)


class RedisRow:
    group = "programs"
    metric = "wall"

    def __init__(self, name, help_text, tests, requests, in_set):
        self.name = name
        self.help = help_text
        self.tests = tests
        self.requests = requests
        self.set = in_set

    def missing(self):
        if shutil.which("redis-server") and shutil.which("redis-benchmark"):
            return None
        return f"{self.name}: redis-server or redis-benchmark is not installed"

    def prepare(self, workdir, quick):
        pass

    def drive(self, port, quick):
        """Runs the client; returns its seconds and the requests per second of each test."""
        requests = self.requests // 4 if quick else self.requests
        environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        start = time.monotonic()
        client = subprocess.run(
            ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-t", self.tests, "-n",
             str(requests), "-P", "16", "-c", "20", "-r", "100000", "-d", "100", "--csv"],
            capture_output=True, text=True, env=environment, timeout=300)
        wall = time.monotonic() - start
        if client.returncode != 0:
            raise RunFailed(f"redis-benchmark: {client.stderr.strip()[-300:]}")
        table = list(csv.reader(io.StringIO(client.stdout)))
        rates = {line[0]: float(line[1]) for line in table[1:] if len(line) > 1}
        if not rates:
            raise RunFailed("redis-benchmark reported nothing")
        return wall, rates

    def run(self, runner, allocator, quick):
        server = shutil.which("redis-server")
        port = free_port()
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                   "no", "--daemonize", "no"]
        process = runner.start(command, allocators.preload_for(allocator, server))
        try:
            wait_until_ready(port, process)
            wall, rates = self.drive(port, quick)
            stop(port)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        run = runner.finish(process, command)
        run["server_wall"] = run["wall"]
        run["wall"] = wall
        run["figures"] = {"requests_per_second": rates}
        return run


def find():
    return [
        RedisRow("redis-strings", "redis-benchmark -P 16: set, get, incr, mset",
                 "set,get,incr,mset", 200000, "quick"),
        RedisRow("redis-lists", "redis-benchmark -P 16: lists, sets, hashes, sorted sets",
                 "lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,lrange_100", 80000, "full"),
    ]

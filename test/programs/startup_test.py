"""
startup_test.py: what the library costs a program that does next to nothing (loading/hello.c).

usage: startup_test.py HELLO

Memory, preloaded minus not preloaded, medians of RUNS runs, from smaps (exact, unlike VmRSS):
  - "private dirty": what no other process can share; within MAX_KIB.
  - "own": resident memory of no file and of writable mappings of files, and everything resident of
    the library's file, its shared code included; within MAX_OWN_KIB.
  - "rss": the whole resident set, printed only. It holds clean pages of libc as well, of which the
    kernel maps as many around each one touched as its page cache happens to have in one piece:
    between two runs of the same binary that alone has been seen to differ by 100 KiB.

System calls: counted from strace, per name, how many more the process with the library makes; a
call that it saves (brk) is not set against others. Left out is only what the dynamic loader does to
map the library's file, which any library costs: everything from the open of that file to the close
of that descriptor, and mprotect() calls within the file's mapping. Calls of exit count too.

Threads: one, by the process's status, and no clone in the trace.
"""

import collections
import os
import re
import statistics
import sys

from harness import Comparison, check, need_programs

RUNS = 15
MAX_KIB = 80  # private to the process
# With the code of the library, which processes share: 64 KiB of it, as long as cmake/layout.ld is up to
# date (tools/startup-order).
MAX_OWN_KIB = 150
MAX_CALLS = 12


def fields(output):
    """What hello prints before the copy of smaps."""
    lines = output.decode().splitlines()
    check(lines[0] == "hello", "the program says %r" % lines[0])
    found = {}
    for line in lines[1:]:
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            break
        found[words[0]] = int(words[1])
    check("threads" in found, "the program does not report its threads")
    return found


def mappings(output):
    """Resident KiB by file and protection of the mapping; memory of no file is "anonymous"."""
    rows = re.findall(
        r"^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)\n(?:\S+: .*\n)*?Rss: +(\d+) kB",
        output.decode(),
        re.M,
    )
    check(len(rows) > 10, "smaps not understood")
    resident = collections.Counter()
    for mode, name, rss in rows:
        kind = "anonymous" if name in ("", "[heap]") else "%s %s" % (os.path.basename(name), mode)
        resident[kind] += int(rss)
    return resident


def measured(side, program, library):
    """Medians of the runs: the program's fields, and "own"; and the mappings of the last run."""
    side.run([program])  # warms the page cache, and the harness looks whether the library is there
    runs = []
    for _ in range(RUNS):
        output = side.run([program, "maps"], loader_log=False).stdout
        places = mappings(output)
        runs.append(fields(output))
        runs[-1]["own"] = sum(
            rss
            for kind, rss in places.items()
            if kind == "anonymous" or "w" in kind.rsplit(" ", 1)[-1] or library in kind
        )
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}, places


def traced_calls(side, program):
    """The trace's lines for the program, from its execve on, without signals and exit notes."""
    trace = side.path("trace")
    environment = [
        word
        for name in ("LD_PRELOAD", "MALLOC_CONF")
        if name in side.environment(loader_log=False)
        for word in ("-E", "%s=%s" % (name, side.environment(loader_log=False)[name]))
    ]
    # Only the program gets the library, not strace itself.
    run = side.run(
        ["strace", "-f", "-o", trace, *environment, program],
        loader_log=False,
        preload_library=False,
    )
    fields(run.stdout)
    calls = []
    for line in side.read("trace").decode("utf-8", "replace").splitlines():
        found = re.match(r"\d+ +([a-z0-9_]+)\((.*)", line)
        if found:
            calls.append((found.group(1), found.group(2)))
    check(calls and calls[0][0] == "execve", "strace shows no program start")
    return calls


def without_loading(calls, library):
    """Removes the loader's calls for the library's file. Returns the others and their number."""
    kept, removed = [], []
    descriptor = None
    low = high = None
    for name, rest in calls:
        result = rest.rsplit("= ", 1)[-1].split()[0]
        if (
            descriptor is None
            and low is None
            and name in ("open", "openat")
            and '"%s"' % library in rest
        ):
            descriptor = result
            removed.append(name)
        elif descriptor is not None:
            removed.append(name)
            if name == "mmap" and low is None:
                low = int(result, 16)
                high = low + int(rest.split(",")[1])
            if name == "close" and rest.startswith(descriptor + ")"):
                descriptor = None
        elif name == "mprotect" and low is not None and low <= int(rest.split(",")[0], 16) < high:
            removed.append(name)
        else:
            kept.append((name, rest))
    check(
        low is not None and descriptor is None, "the trace does not show the library being loaded"
    )
    return kept, removed


def main():
    program = sys.argv[1]
    need_programs({"strace": "strace"})
    test = Comparison("startup", programs={})
    # Pages of a file just built count as dirty until they are written.
    for path in (program, test.library):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    memory, calls, places = {}, {}, {}
    for side in test.sides():
        memory[side.name], places[side.name] = measured(
            side, program, os.path.basename(test.library)
        )
        calls[side.name] = traced_calls(side, program)
        side.record("threads", memory[side.name]["threads"])
        check(memory[side.name]["threads"] == 1, "%s: there are other threads" % side.name)
        check(
            not any(
                name.startswith("clone") or name.endswith("fork") for name, _ in calls[side.name]
            ),
            "%s: a thread or process was started" % side.name,
        )

    print("%-14s %10s %10s %10s" % ("KiB", "system", "ashlar", "more"))
    for name in ("own", "private_dirty", "rss", "status_rss", "status_peak"):
        system, ashlar = memory["system"][name], memory["ashlar"][name]
        print("%-14s %10d %10d %10d" % (name, system, ashlar, ashlar - system))

    print("by mapping, where it differs:")
    for kind in sorted(set(places["system"]) | set(places["ashlar"])):
        system, ashlar = places["system"][kind], places["ashlar"][kind]
        if system != ashlar:
            print("  %-26s %8d %10d %+10d" % (kind, system, ashlar, ashlar - system))

    kept, removed = without_loading(calls["ashlar"], test.library)
    more = collections.Counter(name for name, _ in kept)
    more.subtract(collections.Counter(name for name, _ in calls["system"]))
    added = {name: count for name, count in sorted(more.items()) if count > 0}
    print(
        "system calls: %d with the system allocator; %d with ashlar, "
        "and %d by the loader for its file" % (len(calls["system"]), len(kept), len(removed))
    )
    print("calls beyond those of the system allocator: %d: %s" % (sum(added.values()), added))

    for name, most in (("private_dirty", MAX_KIB), ("own", MAX_OWN_KIB)):
        difference = memory["ashlar"][name] - memory["system"][name]
        check(difference <= most, "%s: %d KiB more, allowed are %d" % (name, difference, most))
    check(
        sum(added.values()) <= MAX_CALLS,
        "%d more system calls, allowed are %d:\n%s"
        % (sum(added.values()), MAX_CALLS, "\n".join("%s(%s" % call for call in kept)),
    )
    test.finish()


main()

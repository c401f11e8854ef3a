#!/usr/bin/env python3
"""compat_test: libjemalloc.so.2 of ashlar answers as Debian's does, but for the listed differences.

The program compat asks both libraries the same questions, tens of thousands: usable sizes, calls with
arguments out of the ordinary, every wrong way to use each control, the keys of the statistics. Each
difference must be allowed by a line of differences.txt, whose reason must stand in docs/compat.md; a
line that allows nothing any more is a failure, too.
"""
import argparse
import errno
import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ARGUMENTS = None

# What conditions in differences.txt may use besides the facts.
CONDITIONS = {"pages": lambda n: -(-n // 4096) * 4096, "EPERM": errno.EPERM, "ENOENT": errno.ENOENT,
              "EINVAL": errno.EINVAL, "EFAULT": errno.EFAULT}
SIZES = {"bool": 1, "unsigned": 4, "uint32_t": 4, "uint64_t": 8, "int64_t": 8, "size_t": 8,
         "ssize_t": 8, "const char *": 8, "void *": 8, "void": 1}
# Of 5.3.0, and gone since.
RETIRED = [("experimental.hooks.install", 8, "rw"), ("experimental.hooks.remove", 8, "-w"),
           ("experimental.thread.activity_callback", 16, "rw"),
           ("opt.hpa_sec_bytes_after_flush", 8, "r-"), ("opt.hpa_sec_batch_fill_extra", 8, "r-")]
NONSENSE = [(name, 8, "rw") for name in (
    "nonsense", "stats", "stats.nonsense", "opt", "arena", "arena.0", "arena.nonsense.purge", "arena.-1.purge",
    "arena.4098.purge", "arena.99999999999999999999.purge", "stats.arenas.0.bins.9999.nmalloc",
    "arenas.bin.9999.size", "stats.arenas.3999.pactive", ".", "..", ".version", "version.", "vers",
    "Version", "stats.arenas", "stats.arenas.0.bins", "a" * 150)]


def find_jemalloc():
    table = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False)
    found = re.search(r"=> (\S*/libjemalloc\.so\.2)$", table.stdout, re.M)
    return found.group(1) if found else None


class Rule:
    """kind | condition | reason; the condition is an expression over what differs."""

    def __init__(self, line):
        self.kind, condition, self.reason = (field.strip() for field in line.split(" | "))
        self.code = compile(condition, condition, "eval")
        self.used = 0

    def allows(self, facts):
        return bool(eval(self.code, dict(CONDITIONS), facts))


def read_rules():
    with open(os.path.join(HERE, "differences.txt"), encoding="utf-8") as file:
        return [Rule(line) for line in file if line.strip() and not line.startswith("#")]


def ask(library, what, requests=""):
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MALLOC_CONF", "LD_LIBRARY_PATH")}
    environment["LD_PRELOAD"] = library
    # The classes of large sizes are an option of newer versions, and off by default.
    if what == "classes":
        what = "sizes"
        environment["MALLOC_CONF"] = "disable_large_size_classes:false"
    run = subprocess.run([ARGUMENTS.program, what], input=requests, env=environment,
                         capture_output=True, text=True, check=True)
    return run.stdout


def controls():
    """(name, size, access) of every control that docs/controls.md describes, indices being 0; arenas
    also all together and the destroyed ones."""
    rows = []
    with open(os.path.join(ROOT, "docs/controls.md"), encoding="utf-8") as file:
        for line in file:
            row = re.match(r"\| `([a-z0-9_.<>]+)` \| `([^`]+)` \| `([r-][w-])` \| (.*) \|$", line)
            if row and row.group(2) in SIZES and "*ashlar" not in row.group(4):
                for arena in ("0", "4096", "4097") if "arena" in row.group(1) else ("0",):
                    name = re.sub(r"<\w>", "0", row.group(1).replace("<i>", arena))
                    rows.append((name, SIZES[row.group(2)], row.group(3)))
    return rows


def keys(value, path=""):
    """(path, type) of all values in a JSON document; elements of arrays, and of objects by number, are
    alike."""
    found = {(path, type(value).__name__)}
    if isinstance(value, dict):
        for name, below in value.items():
            found |= keys(below, f"{path}/{'*' if name.isdigit() else name}")
    elif isinstance(value, list):
        for below in value:
            found |= keys(below, path + "/*")
    return found


class CompatTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.jemalloc = find_jemalloc()
        if cls.jemalloc is None:
            print("the Debian package libjemalloc2 is missing")
            sys.exit(1 if os.environ.get("CI") == "true" else 77)
        cls.rules = read_rules()

    def check(self, kind, differences):
        """Each difference, a dictionary of facts, must be allowed."""
        rules = [rule for rule in self.rules if rule.kind == kind]
        forbidden = []
        for facts in differences:
            allowing = [rule for rule in rules if rule.allows(facts)]
            for rule in allowing:
                rule.used += 1
            if not allowing:
                forbidden.append(facts)
        for facts in forbidden[:ARGUMENTS.show]:
            print(kind, facts)
        self.assertEqual(len(forbidden), 0, f"{kind}: differences that differences.txt does not have")
        self.assertEqual([rule.reason for rule in rules if not rule.used], [],
                         f"{kind}: these lines of differences.txt allow nothing")

    def answers(self, what, requests=""):
        """Answers of both by question; questions and versions must be as expected."""
        both = []
        for library, version in ((ARGUMENTS.shared, "5.3.1-0-g6173686c6172"),
                                 (self.jemalloc, "5.3.0-")):
            first, *lines = ask(library, what, requests).splitlines()
            self.assertTrue(first.startswith("version " + version), first)
            both.append(dict(line.split(" -> ") for line in lines))
        # Where one does not know a name, there are fewer questions.
        return {question: (answer, both[1][question]) for question, answer in both[0].items()
                if question in both[1]}

    @staticmethod
    def series(library, what):
        """{(function, lg_align): [(from, to, answer)...]}"""
        found = {}
        for line in ask(library, what).splitlines()[1:]:
            function, *numbers = line.split()
            lg_align, low, high, answer = map(int, numbers)
            found.setdefault((function, lg_align), []).append((low, high, answer))
        return found

    def compare_sizes(self, what, kind):
        ours, theirs = self.series(ARGUMENTS.shared, what), self.series(self.jemalloc, what)
        self.assertEqual(ours.keys(), theirs.keys())
        self.assertGreater(len(ours), 60)
        differences = []
        for question, rows in ours.items():
            # What the answers change to, and where: None behind the last of neighbouring sizes.
            changes = [{high + 1: None for _, high, _ in side} |
                       {low: answer for low, _, answer in side} for side in (rows, theirs[question])]
            edges = sorted(changes[0].keys() | changes[1].keys())
            now = [None, None]
            for low, past in zip(edges, edges[1:]):
                now = [change.get(low, value) for change, value in zip(changes, now)]
                if now[0] != now[1]:
                    differences.append({"function": question[0], "align": 1 << question[1], "low": low,
                                        "high": past - 1, "ours": now[0], "theirs": now[1]})
        self.check(kind, differences)

    def test_sizes(self):
        self.compare_sizes("sizes", "size")

    def test_large_classes(self):
        self.compare_sizes("classes", "class")

    def test_calls(self):
        self.check("call", [{"call": call, "ours": ours, "theirs": theirs}
                            for call, (ours, theirs) in self.answers("calls").items()
                            if ours != theirs])

    def test_controls(self):
        rows = controls() + RETIRED + NONSENSE
        self.assertGreater(len(rows), 380)
        requests = "".join(f"{name} {size} {access}\n" for name, size, access in rows)
        differences = []
        answers = self.answers("controls", requests)
        for question, (ours, theirs) in answers.items():
            if ours != theirs:
                name, way = question.split()
                differences.append({"name": name, "way": way,
                                    "ours": tuple(map(int, ours.split(", "))),
                                    "theirs": tuple(map(int, theirs.split(", ")))})
        self.check("control", differences)

    def test_keys_of_the_statistics(self):
        ours, theirs = (keys(json.loads(ask(library, "json")))
                        for library in (ARGUMENTS.shared, self.jemalloc))
        self.assertGreater(len(ours & theirs), 300)
        names = [{key for key, _ in side} for side in (ours, theirs)]
        self.check("json", [{"key": key, "type": kind, "missing": key not in names[0],
                             "new": key not in names[1]} for key, kind in sorted(ours ^ theirs)])

    def test_defaults(self):
        """Options as they are by default, and what the library says of itself."""
        ours, theirs = (json.loads(ask(library, "json"))["jemalloc"]
                        for library in (ARGUMENTS.shared, self.jemalloc))
        self.check("default", [{"section": section, "key": key, "ours": value,
                                "theirs": theirs[section][key]}
                               for section in ("config", "opt", "arenas")
                               for key, value in ours[section].items()
                               if not isinstance(value, (list, dict)) and key in theirs[section]
                               and value != theirs[section][key]])

    def test_reasons_are_in_the_documentation(self):
        with open(os.path.join(ROOT, "docs/compat.md"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        text = " ".join(" ".join(lines).split())
        self.assertEqual([rule.reason for rule in self.rules if rule.reason not in text], [])
        rows = [line for line in lines if line.startswith("|")]
        self.assertGreater(len(rows), 50)
        self.assertEqual([row for row in rows if row.count("|") != 3], [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", required=True, help="our libjemalloc.so.2")
    parser.add_argument("--program", required=True, help="the built compat.c")
    parser.add_argument("--show", type=int, default=20, help="differences to show of each kind")
    ARGUMENTS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

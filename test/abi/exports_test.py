#!/usr/bin/env python3
"""exports_test: what the libraries show to programs and to the dynamic linker.

Reads libashlar.so and libashlar.a with readelf, nm and ar, and compares with exports.txt and with what
the loading of an allocator needs: see the test names below.
"""
import argparse
import os
import re
import subprocess
import sys
import unittest

ARGUMENTS = None

# Names from a C++ runtime, except the operators that are ours to define.
CXX_RUNTIME = re.compile(r"^(_ZN?K?St|_ZS|_ZT|_Zna|_Znw|_Zda|_Zdl|__cxa_|__gxx_|_Unwind_)")
# __cxa_finalize and __cxa_atexit are libc's.
LIBC_CXA = {"__cxa_finalize", "__cxa_atexit", "__cxa_thread_atexit_impl"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def expected_exports():
    names = {}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "exports.txt"),
              encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split()
            if fields:
                kind, name = fields
                assert name not in names, f"{name} is listed twice"
                names[name] = {"F": "FUNC", "O": "OBJECT"}[kind]
    return names


def symbols(table):
    """(name, type, binding, visibility, section) of each row that readelf -s prints."""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 8 and re.match(r"\d+:$", fields[0]):
            yield fields[7], fields[3], fields[4], fields[5], fields[6]


class SharedLibrary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dynamic_symbols = list(symbols(output("readelf", "-W", "--dyn-syms", ARGUMENTS.shared)))
        cls.dynamic_section = output("readelf", "-W", "-d", ARGUMENTS.shared)
        cls.segments = output("readelf", "-W", "-l", ARGUMENTS.shared)

    def dynamic(self, tag):
        return re.findall(rf"\({tag}\)\s+(.*)", self.dynamic_section)

    def test_exports_are_the_listed_ones(self):
        # Section names and the like (LOCAL) are not exports; a version suffix would be kept.
        defined = {name: kind for name, kind, binding, _, section in self.dynamic_symbols
                   if section != "UND" and binding != "LOCAL"}
        self.assertEqual(defined, expected_exports())

    def test_no_symbol_versions(self):
        # The linker lets a preloaded malloc stand in for malloc@GLIBC_2.2.5 only without versions.
        self.assertEqual(self.dynamic("VERDEF"), [])

    def test_soname(self):
        self.assertEqual(self.dynamic("SONAME"), ["Library soname: [libashlar.so.1]"])

    def test_is_never_unloaded(self):
        self.assertTrue(any("NODELETE" in flags for flags in self.dynamic("FLAGS_1")))

    def test_is_bound_at_once(self):
        self.assertTrue(any("NOW" in flags.split() for flags in self.dynamic("FLAGS_1")))

    def test_needs_libc_only(self):
        needed = re.findall(r"\[(.*)\]", " ".join(self.dynamic("NEEDED")))
        self.assertEqual([name for name in needed if not re.match(r"(libc|ld-linux.*)\.so", name)], [])

    def test_does_not_require_a_cxx_runtime(self):
        strong = [name for name, _, binding, _, section in self.dynamic_symbols
                  if section == "UND" and binding == "GLOBAL"]
        self.assertIn("GLOBAL", {binding for _, _, binding, _, _ in self.dynamic_symbols})
        runtime = [name for name in strong
                   if CXX_RUNTIME.match(name) and name.split("@")[0] not in LIBC_CXA]
        self.assertEqual(runtime, [])

    def test_uses_no_stdio_and_no_allocating_calls(self):
        # Calls into libc that may allocate would come back into the allocator.
        allocating = {"printf", "fprintf", "vfprintf", "snprintf", "vsnprintf", "fopen", "fputs",
                      "puts", "getline", "strdup", "opendir", "__tls_get_addr", "setlocale", "qsort"}
        undefined = {name.split("@")[0] for name, _, _, _, section in self.dynamic_symbols
                     if section == "UND"}
        self.assertEqual(undefined & allocating, set())

    def test_thread_local_storage_is_small(self):
        rows = [line.split() for line in self.segments.splitlines() if line.split()[:1] == ["TLS"]]
        self.assertLessEqual(len(rows), 1)
        size = int(rows[0][5], 16) if rows else 0
        self.assertLessEqual(size, ARGUMENTS.tls_limit)

    def test_no_executable_stack_and_no_writable_code(self):
        flags = {}
        for line in self.segments.splitlines():
            match = re.match(r"\s+(LOAD|GNU_STACK)\s+(?:0x[0-9a-f]+\s+){5}([RWE ]+?)\s+0x", line)
            if match:
                flags.setdefault(match.group(1), []).append(match.group(2))
        self.assertEqual([f.replace(" ", "") for f in flags["GNU_STACK"]], ["RW"])
        self.assertFalse([f for f in flags["LOAD"] if "W" in f and "E" in f])
        self.assertEqual(self.dynamic("TEXTREL"), [])


class StaticLibrary(unittest.TestCase):
    def test_is_one_object(self):
        self.assertEqual(len(output("ar", "t", ARGUMENTS.static).split()), 1)

    def test_globals_are_the_listed_ones(self):
        table = list(symbols(output("readelf", "-W", "-s", ARGUMENTS.static)))
        defined = {name: kind for name, kind, binding, _, section in table
                   if section != "UND" and binding in ("GLOBAL", "WEAK")}
        self.assertEqual(defined, expected_exports())

    def test_internals_are_there_as_locals(self):
        # Guards the test above: the names are not absent because the object is empty.
        table = list(symbols(output("readelf", "-W", "-s", ARGUMENTS.static)))
        local_functions = [name for name, kind, binding, _, section in table
                           if kind == "FUNC" and binding == "LOCAL" and section != "UND"]
        self.assertGreater(len(local_functions), 50)

    def test_does_not_require_a_cxx_runtime(self):
        strong = [line.split()[-1] for line in output("nm", "-u", ARGUMENTS.static).splitlines()
                  if line.split()[:1] == ["U"]]
        self.assertTrue(strong)
        self.assertEqual([name for name in strong
                          if CXX_RUNTIME.match(name) and name not in LIBC_CXA], [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", required=True)
    parser.add_argument("--static", required=True)
    parser.add_argument("--tls-limit", type=int, default=8, help="bytes of static TLS allowed")
    ARGUMENTS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

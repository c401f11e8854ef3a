#!/usr/bin/env python3
"""check_layers_test: tools/check-layers accepts an orderly tree and finds each kind of disorder.

Each test makes a small project in a temporary folder, spoils one thing in it and expects exactly one
finding, so a checker that reports too much fails as well.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = None

ORDERLY = {
    "src/base/bits.h": "/*\n * bits.h: finding set bits.\n */\nint bits_first(int);\n",
    "src/base/config.h.in": "/* config.h: facts of this build. */\n",
    "src/os/os.h": '/* os.h: what the machine can do. */\n#include "base/config.h"\n',
    "src/os/os.c": '/* os.c: does what os.h says it can. */\n#include "os/os.h"\n#include <stdio.h>\n',
    "src/heap/slab.h": '// slab.h: one run cut into slots\n#include "os/os.h"\n#include "base/bits.h"\n',
    "src/heap/slab.c": '/* slab.c: the slots of a run. */\n#include "slab.h"\n',
    "src/sources.cmake": "# all\nset(ASHLAR_SOURCES_OS os/os.c)\nset(ASHLAR_SOURCES_HEAP\n"
                         "    heap/slab.c) # no more\n",
}


class CheckLayersTest(unittest.TestCase):
    def check(self, changes):
        """Findings in the orderly tree after `changes` ({path: text, or None to remove it})."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**ORDERLY, **changes}.items():
                if text is None:
                    continue
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            run = subprocess.run([sys.executable, TOOL, "--root", root], capture_output=True,
                                 text=True, check=False)
        self.assertEqual(run.stderr, "")
        lines = run.stdout.splitlines()
        if run.returncode == 0:
            self.assertEqual(len(lines), 1)
            return []
        self.assertEqual(run.returncode, 1)
        return lines

    def expect_one(self, changes, *parts):
        findings = self.check(changes)
        self.assertEqual(len(findings), 1, findings)
        for part in parts:
            self.assertIn(part, findings[0])

    def test_orderly_tree_passes(self):
        self.assertEqual(self.check({}), [])

    def test_upward_include(self):
        self.expect_one({"src/os/os.c": ORDERLY["src/os/os.c"] + '#include "heap/slab.h"\n'},
                        "src/os/os.c:4", "above")

    def test_upward_include_with_odd_spacing(self):
        self.expect_one({"src/os/os.c": ORDERLY["src/os/os.c"] + '  #  include  "heap/slab.h"\n'},
                        "src/os/os.c:4", "above")

    def test_include_in_a_comment_does_not_count(self):
        self.assertEqual(self.check({"src/os/os.c": ORDERLY["src/os/os.c"] +
                                     '/*\n#include "heap/slab.h"\n*/\n// #include "heap/slab.h"\n'}),
                         [])

    def test_circle(self):
        self.expect_one({"src/heap/bin.h": '/* bin.h: slabs of one class. */\n#include "heap/slab.h"\n',
                         "src/heap/slab.h": '/* slab.h: one run of slots. */\n#include "heap/bin.h"\n'},
                        "circle", "heap/bin.h", "heap/slab.h")

    def test_file_that_includes_itself(self):
        self.expect_one({"src/base/bits.h": '/* bits.h: finding set bits. */\n#include "base/bits.h"\n'},
                        "circle")

    def test_included_source(self):
        self.expect_one({"src/heap/slab.c": '/* slab.c: the slots of a run. */\n#include "os/os.c"\n'},
                        "src/heap/slab.c:2", "source file os/os.c")

    def test_missing_include(self):
        self.expect_one({"src/heap/slab.c": '/* slab.c: the slots of a run. */\n#include "os/no.h"\n'},
                        "os/no.h", "not there")

    def test_own_header_in_angle_brackets(self):
        self.expect_one({"src/heap/slab.c": '/* slab.c: the slots of a run. */\n#include <os/os.h>\n'},
                        "<>")

    def test_same_name_twice(self):
        self.expect_one({"src/heap/bits.h": "/* bits.h: the bits of a heap. */\n"}, "same name")

    def test_same_name_as_a_generated_header(self):
        self.expect_one({"src/heap/config.h": "/* config.h: the heap's own facts. */\n"}, "same name")

    def test_unknown_layer(self):
        self.expect_one({"src/util/misc.h": "/* misc.h: this and that and more. */\n"}, "not a layer")

    def test_file_in_no_layer(self):
        self.expect_one({"src/misc.h": "/* misc.h: this and that and more. */\n"}, "no layer")

    def test_no_opening_comment(self):
        self.expect_one({"src/base/bits.h": "int bits_first(int); /* comes too late for a reader */\n"},
                        "src/base/bits.h:1", "comment")

    def test_empty_opening_comment(self):
        self.expect_one({"src/base/bits.h": "/* */\nint bits_first(int);\n"}, "comment")

    def test_unlisted_source(self):
        self.expect_one({"src/heap/bin.c": "/* bin.c: the slabs of one class. */\n"},
                        "src/heap/bin.c", "not listed")

    def test_source_listed_only_in_a_comment(self):
        self.expect_one({"src/sources.cmake": "set(ASHLAR_SOURCES_OS os/os.c) # heap/slab.c\n"},
                        "src/heap/slab.c", "not listed")

    def test_source_listed_twice(self):
        self.expect_one({"src/sources.cmake": ORDERLY["src/sources.cmake"] +
                         "list(APPEND ASHLAR_SOURCES_OS os/os.c)\n"}, "twice")

    def test_source_in_the_wrong_list(self):
        self.expect_one({"src/sources.cmake": "set(ASHLAR_SOURCES_OS os/os.c heap/slab.c)\n"},
                        "heap/slab.c", "under OS")

    def test_listed_source_that_is_gone(self):
        self.expect_one({"src/heap/slab.c": None}, "heap/slab.c", "not there")

    def test_no_list_at_all(self):
        self.expect_one({"src/sources.cmake": None}, "sources.cmake")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default=os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                       "../../tools/check-layers"))
    arguments, rest = parser.parse_known_args()
    TOOL = arguments.tool
    unittest.main(argv=[sys.argv[0], *rest])

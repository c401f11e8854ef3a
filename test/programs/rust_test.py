"""
rust_test.py SHARED PREFIXED: a Rust program whose global allocator is jemalloc's *allocx functions
(jemalloc/allocator.rs), on SHARED, our libjemalloc.so.2, and on PREFIXED, our static library built
with the prefix _rjem_, under which Rust's usual binding knows jemalloc.
"""

import os
import re
import subprocess
import sys
import tempfile

from harness import check, fail, find_program, need_programs

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jemalloc/allocator.rs")


def output(argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        fail("status %d: %s\n%s%s" % (done.returncode, argv, done.stdout, done.stderr))
    return done.stdout


def main():
    need_programs({"rustc": "rustc"})
    shared, prefixed = sys.argv[1:]
    results = []
    for name, library, flags in (("shared", shared, ()), ("prefixed", prefixed, ("--cfg", "prefixed"))):
        with tempfile.TemporaryDirectory(prefix="ashlar-rust-") as folder:
            program = os.path.join(folder, name)
            kind, file = ("dylib", "jemalloc") if name == "shared" else ("static", "ashlar")
            output([find_program("rustc"), "-O", "-o", program, SOURCE, "-l", kind + "=" + file, "-L",
                    os.path.dirname(library), "-C", "link-arg=-Wl,-rpath," + os.path.dirname(library),
                    *flags])
            imported = {line.split()[-1] for line in output(["nm", "-D", "-u", program]).splitlines()}
            check(("mallocx" in imported) == (name == "shared"), "%s imports %s" % (name, imported))
            said = output([program])
            print("%s: %s" % (name, said), end="")
            match = re.match(r"version 5\.3\.1-0-g6173686c6172\w*, sums (.*)", said)
            check(match, "not ashlar: %s" % said)
            results.append(match.group(1))
    check(results[0] == results[1], "results differ: %s" % results)


main()

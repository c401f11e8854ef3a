"""
compile_test.py: gcc, g++, clang and clang++ under the allocator: the project's own sources and a
file full of templates (inputs/templates.cpp). Object files, programs and what they print must be
equal bit by bit. The loader's log shows the allocator in the driver, the compiler proper, the
assembler and the linker alike.

usage: compile_test.py SOURCE_DIRECTORY INCLUDE_DIRECTORY...
"""

import os
import shutil
import sys

from harness import Comparison, check

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ["-D_GNU_SOURCE", "-DASHLAR_API_PREFIX=ashlar_", "-std=gnu11", "-g", "-w"]


def copy_of(folder, place):
    return shutil.copytree(
        folder, place, ignore=lambda _, names: [n for n in names if n.startswith(".")]
    )


def c_sources(folder):
    found = []
    for path, _, names in os.walk(folder):
        found.extend(os.path.join(path, name) for name in names if name.endswith(".c"))
    return sorted(found)


def main():
    source_directory, includes = sys.argv[1], sys.argv[2:]
    test = Comparison(
        "compile", programs={"gcc": "gcc", "g++": "g++", "clang": "clang", "clang++": "clang"}
    )
    # Both sides compile the same copies, whatever happens to the originals meanwhile.
    includes = [
        copy_of(folder, os.path.join(test.scratch, "include%d" % at))
        for at, folder in enumerate(includes)
    ]
    sources = c_sources(copy_of(source_directory, os.path.join(test.scratch, "sources")))
    check(len(sources) >= 20, "only %d sources in %s" % (len(sources), source_directory))
    for side in test.sides():
        for compiler, level in (("gcc", "-O2"), ("clang", "-O2"), ("gcc", "-O0")):
            objects = side.path("%s%s" % (compiler, level))
            os.mkdir(objects)
            side.run(
                [compiler, level, *FLAGS, *["-I" + folder for folder in includes], "-c", *sources],
                cwd=objects,
            )
            names = sorted(os.listdir(objects))
            check(
                len(names) == len(sources), "%d objects of %d sources" % (len(names), len(sources))
            )
            for name in names:
                side.record("%s %s %s" % (compiler, level, name), side.read(objects, name))
            side.run(["ar", "rcD", "all.a", *names], cwd=objects)
            side.record("archive", side.read(objects, "all.a"))
            side.record("symbols", side.run(["nm", "all.a"], cwd=objects).stdout)
            side.run(["ld", "-r", "-o", "all.o", *names], cwd=objects)
            side.record("linked", side.read(objects, "all.o"))
        for compiler in ("g++", "clang++"):
            side.run(
                [
                    compiler,
                    "-std=c++17",
                    "-O1",
                    "-g",
                    "-pthread",
                    "-c",
                    os.path.join(HERE, "inputs", "templates.cpp"),
                    "-o",
                    compiler + ".o",
                ]
            )
            side.record(compiler + " object", side.read(compiler + ".o"))
            side.run([compiler, "-pthread", compiler + ".o", "-o", compiler + ".program"])
            side.record(compiler + " program", side.read(compiler + ".program"))
            out = side.run([side.path(compiler + ".program")]).stdout
            check(
                out.startswith(b"primes 53\n") and out.count(b"\n") == 13,
                "wrong output:\n%s" % out.decode(),
            )
            side.record(compiler + " program's output", out)
    test.finish()


main()

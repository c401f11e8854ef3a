"""
loading_test.py: one of the programs in loading/, under the system allocator, with the library
preloaded, and linked to it in every way. All of them must print the same. The programs themselves
check their data, and by TEST_ALLOCATOR that they have the malloc they should have.

usage: loading_test.py PROGRAM [--linked PROGRAM] [--static PROGRAM] [-- ARGUMENT...]
--linked is the same program linked to the shared library, --static linked to the static one and to
libc statically.
"""

import argparse
import os

from harness import Comparison


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--linked", action="append", default=[])
    parser.add_argument("--static", action="append", default=[])
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    test = Comparison(os.path.basename(given.program), programs={})
    for side in test.sides():
        out = side.run([given.program, *given.arguments]).stdout
        side.record("output", out)
        for program in given.linked + given.static:
            if side.name == "ashlar":
                again = side.run(
                    [program, *given.arguments], loader_log=False, preload_library=False
                ).stdout
                side.record("output, linked", again)
            else:
                side.record("output, linked", out)
    test.finish()


main()

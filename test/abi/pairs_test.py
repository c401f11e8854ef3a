#!/usr/bin/env python3
"""pairs_test: a malloc and free of a cached class cost at most 60 instructions together.

Runs test/abi/pairs.c, linked to libashlar.so, under valgrind's callgrind with two counts and divides the
difference of executed instructions by the difference of the counts: start and exit drop out, and what
remains is malloc, free, the stubs that call them, the program's loop, and the share of refills and
flushes that falls on each pair. Skipped (77) without valgrind, but not in CI.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 60
# Less than this cannot be two calls with their work: then something else was measured.
LEAST = 20
SHORT, LONG = 64 * 500, 64 * 2500


def instructions(program, library, mode, count):
    """Instructions executed by the program; checks that the library was the one at work."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, mode, str(count)],
            capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f"{mode} {count}: exit status {run.returncode}\n{run.stderr}")
        with open(out, encoding="utf-8") as file:
            profile = file.read()
    if os.path.basename(os.path.realpath(library)) not in profile:
        sys.exit(f"{mode}: {library} was not used")
    return int(re.search(r"^(?:totals|summary): (\d+)", profile, re.MULTILINE).group(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--shared", required=True)
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is missing")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)

    failed = False
    for mode in ("pair", "batch"):
        short, long = (instructions(arguments.program, arguments.shared, mode, count)
                       for count in (SHORT, LONG))
        each = (long - short) / (LONG - SHORT)
        print(f"{mode}: {each:.2f} instructions a pair (limit {LIMIT})")
        failed |= not LEAST <= each <= LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()

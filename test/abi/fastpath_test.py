#!/usr/bin/env python3
"""fastpath_test: the hit paths cost what fastpath.golden says, and never more than their budgets.

Usage: fastpath_test.py --tool tools/fastpath-mix --shared libashlar.so [--update]

The golden table is for gcc 12 -O2 on x86-64; CMake runs the test for that compiler only. When a change
of the code changes a row, look at `tools/fastpath-mix --listing`, and if the change is meant, write the
new table with --update and commit both. The budgets are not for changing.
"""
import argparse
import difflib
import os
import subprocess
import sys

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fastpath.golden")

GOLDEN_COMMENT = """\
# What the hit paths cost: tools/fastpath-mix on libashlar.so, release build, gcc 12 -O2, x86-64.
# Written by fastpath_test.py --update and compared by it.
"""

# entry: (most instructions, most conditional branches) on the longest way that hits
BUDGETS = {"malloc": (20, 3), "free": (18, 1), "mallocx": (22, 4), "dallocx": (20, 2)}


def budget_problems(table):
    header, *rows = [line.split("\t") for line in table.splitlines()]
    by_entry = {row[0]: dict(zip(header, row)) for row in rows}
    for entry, (instructions, branches) in BUDGETS.items():
        row = by_entry[entry]
        if row["end"] != "ret" or int(row["calls"]) > 0:
            yield f"{entry}: the hit path calls another function"
            continue
        for column in ("instructions", "longest"):
            if int(row[column]) > instructions:
                yield f"{entry}: {column} {row[column]}, budget {instructions}"
        if int(row["branches"]) > branches:
            yield f"{entry}: {row['branches']} branches, budget {branches}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()

    run = subprocess.run([sys.executable, arguments.tool, arguments.shared], capture_output=True,
                         text=True, check=False)
    if run.returncode != 0:
        print(run.stderr, end="")
        sys.exit(run.returncode)
    problems = list(budget_problems(run.stdout))
    if arguments.update:
        with open(GOLDEN, "w", encoding="utf-8") as file:
            file.write(GOLDEN_COMMENT + run.stdout)
    with open(GOLDEN, encoding="utf-8") as file:
        golden = file.read().removeprefix(GOLDEN_COMMENT)
    difference = list(difflib.unified_diff(golden.splitlines(), run.stdout.splitlines(),
                                           "fastpath.golden", "this build", lineterm="", n=0))
    for line in difference + problems:
        print(line)
    if difference or problems:
        sys.exit(1)
    print(run.stdout, end="")


if __name__ == "__main__":
    main()

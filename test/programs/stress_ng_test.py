"""
stress_ng_test.py: stress-ng's malloc stressors, and others that live on the heap, with --verify.

What they do depends on chance and timing, so the property compared is the list of stressors that
ran, each of which verified what it wrote and passed.
"""

import re

from harness import Comparison, check

# Sizes are bounds per object; --malloc-max bounds the number of objects of one instance.
RUNS = (
    ["--malloc", "2", "--malloc-bytes", "128k", "--malloc-max", "2000", "--malloc-ops", "200000"],
    [
        "--malloc",
        "2",
        "--malloc-bytes",
        "64k",
        "--malloc-max",
        "1000",
        "--malloc-pthreads",
        "4",
        "--malloc-ops",
        "200000",
    ],
    [
        "--malloc",
        "1",
        "--malloc-bytes",
        "1m",
        "--malloc-max",
        "150",
        "--malloc-touch",
        "--malloc-ops",
        "20000",
    ],
    ["--malloc", "1", "--malloc-bytes", "16m", "--malloc-max", "32", "--malloc-ops", "20000"],
    ["--bigheap", "1", "--bigheap-growth", "1m", "--bigheap-ops", "200"],
    ["--tree", "1", "--tree-size", "50000", "--tree-ops", "4"],
    ["--hsearch", "1", "--hsearch-ops", "20", "--list", "1", "--list-ops", "20"],
    [
        "--pthread",
        "1",
        "--pthread-ops",
        "300",
        "--fork",
        "1",
        "--fork-ops",
        "150",
        "--vfork",
        "1",
        "--vfork-ops",
        "150",
    ],
)


def stressors(log):
    """The stressors that ran, from the table of metrics; each must have done something."""
    rows = re.findall(rb"metrc: \[\d+\] ([a-z][a-z-]*) +(\d+) +\d", log)
    check(rows, "no stressor ran:\n" + log.decode())
    for name, operations in rows:
        check(int(operations) > 0, "stressor %s did nothing:\n%s" % (name.decode(), log.decode()))
    return sorted(name.decode() for name, _ in rows)


def main():
    test = Comparison("stress-ng", programs={"stress-ng": "stress-ng"})
    for side in test.sides():
        for options in RUNS:
            result = side.run(
                [
                    "stress-ng",
                    "--verify",
                    "--no-rand-seed",
                    "--oomable",
                    "--metrics",
                    "--timeout",
                    "20",
                    "--temp-path",
                    side.path("tmp"),
                    *options,
                ]
            )
            log = result.stdout + result.stderr
            check(b"successful run completed" in log, "did not succeed:\n" + log.decode())
            check(
                not re.search(rb"stress-ng: (fail|error):", log), "not verified:\n" + log.decode()
            )
            side.record(" ".join(options), stressors(log))
    test.finish()


main()

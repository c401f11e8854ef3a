"""
node_test.py: node: JSON, buffers, compression, cryptography and worker threads (inputs/workers.js).
"""

import os

from harness import Comparison, check

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inputs", "workers.js")


def main():
    test = Comparison("node", programs={"node": "nodejs"})
    for side in test.sides():
        for mode in (["--max-semi-space-size=1"], ["--no-opt", "--single-threaded-gc"]):
            out = side.run(["node", *mode, SCRIPT]).stdout
            check(
                out.count(b"\n") >= 26 and b"false" not in out, "wrong output:\n%s" % out.decode()
            )
            side.record(" ".join(mode), out)
    test.finish()


main()

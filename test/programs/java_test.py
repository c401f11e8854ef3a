"""
java_test.py: a JVM: javac compiles a multi-threaded program (inputs/Threads.java) and java runs it,
interpreted, compiled, and with two garbage collectors.
"""

import os
import shutil

from harness import Comparison, check

HERE = os.path.dirname(os.path.abspath(__file__))
MODES = (
    ["-XX:+UseSerialGC", "-Xmx160m", "-XX:MaxDirectMemorySize=200m"],
    ["-XX:+UseG1GC", "-Xmx200m", "-XX:TieredStopAtLevel=1"],
    ["-XX:+UseParallelGC", "-Xmx160m", "-XX:NativeMemoryTracking=summary"],
)


def main():
    test = Comparison(
        "java", programs={"java": "default-jdk-headless", "javac": "default-jdk-headless"}
    )
    for side in test.sides():
        shutil.copy(os.path.join(HERE, "inputs", "Threads.java"), side.work)
        side.run(["javac", "-Xlint:all", "-d", "classes", "Threads.java"])
        for name in sorted(os.listdir(side.path("classes"))):
            side.record("class " + name, side.read("classes", name))
        for mode in MODES:
            out = side.run(["java", *mode, "-cp", "classes", "Threads"]).stdout
            check(out.count(b"\n") > 130 and b"DIFFERS" not in out, "wrong output of %s" % mode)
            side.record(" ".join(mode), out)
    test.finish()


main()

"""
compress_test.py: xz and zstd with two threads. Their output depends on the input and the block
size only, so the compressed files must be equal too.
"""

import random

from harness import Comparison, check

MEGABYTES = 7


def input_data():
    """Text with repeats near and far, and some parts that do not compress."""
    rng = random.Random(99)
    words = ["%x" % rng.getrandbits(rng.choice((8, 16, 24, 32))) for _ in range(3000)]
    parts = []
    size = 0
    while size < MEGABYTES * 1000 * 1000:
        if rng.random() < 0.05:
            part = rng.randbytes(rng.randint(1000, 60000))
        elif parts and rng.random() < 0.2:
            part = rng.choice(parts)
        else:
            part = " ".join(rng.choices(words, k=rng.randint(50, 3000))).encode()
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def main():
    test = Comparison("compress", programs={"xz": "xz-utils", "zstd": "zstd"})
    data = input_data()
    for side in test.sides():
        side.write("data", data)
        for name, pack, unpack in (
            ("xz", ["xz", "-T2", "-2", "--block-size=1MiB", "-kc", "data"], ["xz", "-T2", "-dc"]),
            (
                "xz, extreme",
                ["xz", "-T2", "-1e", "--block-size=3MiB", "-kc", "data"],
                ["xz", "-T2", "-dc"],
            ),
            ("zstd", ["zstd", "-q", "-T2", "-5", "-B1048576", "-c", "data"], ["zstd", "-q", "-dc"]),
            (
                "zstd, long",
                ["zstd", "-q", "-T2", "-13", "--long=24", "-c", "data"],
                ["zstd", "-q", "-dc", "--long=24"],
            ),
        ):
            packed = side.run(pack).stdout
            check(len(packed) < 0.9 * len(data), "%s did not compress" % name)
            check(side.run(unpack, stdin=packed).stdout == data, "%s: round trip differs" % name)
            side.record(name, packed)
        side.run(["zstd", "-q", "-b1", "-e3", "-i0", "-T2", "data"])
    test.finish()


main()

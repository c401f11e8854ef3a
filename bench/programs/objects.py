"""Builds and drops objects, dictionaries, strings and JSON; argument: number of rounds.

Prints a checksum that does not depend on memory addresses or hash order.
"""

import json
import sys


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y
        self.name = f"point {x},{y}"


def one_round(seed):
    points = [Point(i, i * seed) for i in range(30000)]
    by_name = {point.name: point for point in points}
    groups = {}
    for point in points:
        groups.setdefault(point.x % 97, []).append(point.y)
    text = ",".join(sorted(by_name)[::7])
    document = json.dumps({str(key): values for key, values in groups.items()})
    parsed = json.loads(document)
    words = {}
    for word in (text * 2).split(","):
        words[word] = words.get(word, 0) + len(word)
    buffers = [bytearray(size) for size in range(600, 200000, 1777)]
    for buffer in buffers:
        buffer.extend(b"x" * (len(buffer) // 2))
    return (len(text) + len(document) + sum(map(len, parsed.values())) + sum(words.values())
            + sum(map(len, buffers)))


def main():
    total = 0
    for number in range(int(sys.argv[1])):
        total = (total * 31 + one_round(number + 1)) % (2**61 - 1)
    print(total)


main()

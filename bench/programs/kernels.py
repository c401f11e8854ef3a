"""Classic kernels one after the other; argument: number of rounds. Prints a line for each.

What it prints depends on neither memory addresses nor hash order. objects.py has the plain objects
and dictionaries; here are arithmetic, JSON, regular expressions, pickles, text and class instances.
"""

import io
import json
import pickle
import random
import re
import sys


def nbody(steps):
    """Planets: floating-point numbers come and go by the million."""
    bodies = [[float(i), i * 0.5, i * 0.25, 0.0, 0.01 * i, 0.0, 1.0 + i] for i in range(5)]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
    for _ in range(steps):
        for a, b in pairs:
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            pull = 0.001 / (dx * dx + dy * dy + dz * dz + 0.1) ** 1.5
            for axis, distance in enumerate((dx, dy, dz), 3):
                a[axis] -= distance * b[6] * pull
                b[axis] += distance * a[6] * pull
        for body in bodies:
            for axis in range(3):
                body[axis] += 0.001 * body[axis + 3]
    return sum(round(body[0] * 1e6) for body in bodies)


def pi_digits(count):
    """Integers of thousands of digits."""
    digits, q, r, t, k, n, l = [], 1, 0, 1, 1, 3, 3
    while len(digits) < count:
        if 4 * q + r - t < n * t:
            digits.append(n)
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, l = (q * k, (2 * q + r) * l, t * l, k + 1,
                                (q * (7 * k + 2) + r * l) // (t * l), l + 2)
    return "".join(map(str, digits[-10:]))


def make_records(count):
    draw = random.Random(count)
    return [{"id": i, "name": f"user {draw.randrange(1000)}", "score": draw.randrange(10**6) / 64,
             "tags": [f"tag{draw.randrange(50)}" for _ in range(draw.randrange(6))],
             "address": {"street": "s" * draw.randrange(40), "number": draw.randrange(200)}}
            for i in range(count)]


def json_both_ways(records):
    text = json.dumps(records, indent=1)
    if json.loads(text) != records:
        raise SystemExit("JSON changed the records")
    return len(text)


def pickle_both_ways(records):
    data = b""
    for protocol in (2, 5):
        data = pickle.dumps(records, protocol)
        if pickle.loads(data) != records:
            raise SystemExit("pickling changed the records")
    return len(data)


def expressions(records):
    text = "\n".join(f"{r['id']:06d} <{r['name']}@example.com> {r['score']:.2f} {r['address']}"
                     for r in records)
    found = re.findall(r"<(\w+) (\d+)@([a-z]+)\.com>", text)
    swapped = re.sub(r"(\d+)\.(\d+)", r"\2,\1", text)
    words = re.split(r"[\W_]+", swapped)
    return len(found), len(swapped), len(set(words))


def templates(records):
    """A page of HTML by pieces, as web programs write it."""
    page = io.StringIO()
    for record in sorted(records, key=lambda r: (r["name"], r["id"])):
        page.write("<tr>" + "".join(f"<td class={key!r}>{str(value).replace('<', '&lt;')}</td>"
                                    for key, value in record.items()) + "</tr>\n")
    return len(page.getvalue())


class Task:
    """One of many that pass messages on, each with a queue."""

    def __init__(self, number):
        self.number = number
        self.queue = []
        self.seen = 0

    def step(self, tasks):
        waiting, self.queue = self.queue, []
        for message in waiting:
            self.seen += message["hops"]
            if message["hops"] < 30:
                following = tasks[(self.number * 7 + message["from"]) % len(tasks)]
                following.queue.append({"from": self.number, "hops": message["hops"] + 1,
                                        "trace": message["trace"][-5:] + (self.number,)})


def messages(count):
    tasks = [Task(number) for number in range(97)]
    for i in range(count):
        tasks[i % 97].queue.append({"from": i, "hops": 0, "trace": ()})
    while any(task.queue for task in tasks):
        for task in tasks:
            task.step(tasks)
    return sum(task.seen for task in tasks)


class Node:
    def __init__(self, depth):
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None

    def count(self):
        return 1 + (self.left.count() + self.right.count() if self.left else 0)


def main():
    for _ in range(int(sys.argv[1])):
        records = make_records(6000)
        print("nbody", nbody(4000))
        print("pi", pi_digits(700))
        print("json", json_both_ways(records))
        print("pickle", pickle_both_ways(records))
        print("expressions", *expressions(records))
        print("templates", templates(records))
        print("messages", messages(2500))
        print("trees", sum(Node(12).count() for _ in range(8)))


main()

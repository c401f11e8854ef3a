"""The rows of the programs group: real programs, as Debian packages them, on generated input.

Usage: find(sources, threads) returns the rows; prepare() makes their input once, run() measures.
The output of deterministic programs is hashed, and bench/run fails when it differs between
allocators.
"""

import os
import random
import shutil
import subprocess

from harness import allocators
from harness import postgres
from harness import redis

WORDS = (
    "the of and to in is was for on that by with from at as it his her were which have first new "
    "also after two who their been one time year people state world city during between system "
    "under number later early part known university government company several history"
).split()


def which(*names):
    for name in names:
        path = name if os.path.isabs(name) and os.path.exists(name) else shutil.which(name)
        if path:
            return path
    return None


def write_text(path, nbytes):
    """Text of common words with numbers in between; the same on every machine."""
    generator = random.Random(1)
    with open(path, "w", encoding="ascii") as file:
        written = 0
        while written < nbytes:
            line = " ".join(generator.choices(WORDS, k=12)) + f" {generator.randrange(10**9)}\n"
            file.write(line)
            written += len(line)


def write_json(path, nrecords):
    generator = random.Random(2)
    with open(path, "w", encoding="ascii") as file:
        file.write("[")
        for i in range(nrecords):
            name = "-".join(generator.choices(WORDS, k=3))
            tags = ", ".join(f'"{word}"' for word in generator.choices(WORDS, k=4))
            file.write(f'{"," if i else ""}\n{{"id": {i}, "name": "{name}", "tags": [{tags}], '
                       f'"value": {generator.randrange(10**6)}}}')
        file.write("\n]\n")


def write_repository(path, ncommits):
    """A repository of some thousand objects, written by fast-import from a generated stream."""
    generator = random.Random(3)
    stream = []
    for i in range(ncommits):
        stream.append(f"commit refs/heads/main\ncommitter A <a@example.com> {10**9 + i} +0000\n"
                      f"data 9\nchange {i % 10}\n\n")
        for _ in range(3):
            content = "\n".join(" ".join(generator.choices(WORDS, k=10)) for _ in range(60))
            name = f"folder{generator.randrange(20)}/file{generator.randrange(40)}"
            stream.append(f"M 100644 inline {name}\ndata {len(content)}\n{content}\n")
        stream.append("\n")
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], input="".join(stream), text=True,
                   check=True)


def write_certificates(path, count):
    """One certificate, repeated: parsing and printing each is what takes the time."""
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                           "30", "-keyout", os.devnull, "-subj", "/CN=bench.example.com"],
                          capture_output=True, text=True, check=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(made.stdout * count)


class CommandRow:
    """A program that is started, works and ends.

    command: list of arguments, or a function of (quick) that returns one.
    output:  what to hash: "stdout", a file in the work folder, or None.
    make:    function of (workdir, quick) that writes the input, once.
    """

    group = "programs"
    metric = "wall"

    def __init__(self, name, help_text, command, in_set="quick", output="stdout", make=None,
                 environment=None):
        self.name = name
        self.help = help_text
        self.set = in_set
        self.command = command if callable(command) else lambda quick: command
        self.output = output
        self.make = make
        self.environment = environment
        self.workdir = None

    def missing(self):
        program = self.command(True)[0]
        return f"{self.name}: a program it needs is not installed" if program is None else None

    def prepare(self, workdir, quick):
        self.workdir = workdir
        if self.make is not None:
            self.make(workdir, quick)

    def run(self, runner, allocator, quick):
        command = self.command(quick)
        output = self.output
        if output not in (None, "stdout"):
            output = os.path.join(self.workdir, output)
        preload = allocators.preload_for(allocator, command[0])
        return runner.run(command, preload, self.environment, output)


def certificates_row():
    return CommandRow(
        "openssl", "openssl parses and prints certificates",
        [which("openssl"), "storeutl", "-noout", "-text", "-certs", "certificates.pem"],
        in_set="full",
        make=lambda workdir, quick: write_certificates(f"{workdir}/certificates.pem", 3000))


def jq_row():
    program = "group_by(.name) | map({n: length, v: (map(.value) | add)}) | sort_by(.v)"
    return CommandRow(
        "jq", "jq groups and sorts records", [which("jq"), "-c", program, "records.json"],
        in_set="full", make=lambda workdir, quick: write_json(f"{workdir}/records.json", 60000))


def git_row(threads):
    return CommandRow(
        "git-repack", "git repack -adf on some thousand objects",
        [which("git"), "-C", "repository", "-c", f"pack.threads={max(2, threads)}", "repack",
         "-adfq", "--window=20"],
        in_set="full", output=None,
        make=lambda workdir, quick: write_repository(f"{workdir}/repository", 1000))


def compressor_rows():
    return [
        CommandRow("xz", "xz -T2 -3 on text",
                   [which("xz"), "-T2", "-3", "--block-size=1MiB", "-c", "xz.txt"], in_set="full",
                   make=lambda workdir, quick: write_text(f"{workdir}/xz.txt", 4 << 20)),
        CommandRow("zstd", "zstd -T2 -9 on text",
                   [which("zstd"), "-T2", "-9", "-q", "-c", "zstd.txt"], in_set="full",
                   make=lambda workdir, quick: write_text(f"{workdir}/zstd.txt", 12 << 20)),
    ]


def compiler_row(name, compiler, source, in_set):
    """The object file is what is compared; its path is the same for all allocators."""
    return CommandRow(
        name, f"{compiler} on a file full of templates",
        lambda quick: [which(compiler), "-std=c++17", "-O0" if quick else "-O1", "-c", source,
                       "-o", f"{name}.o"],
        in_set=in_set, output=f"{name}.o")


def start_up_row():
    def command(quick):
        count = 150 if quick else 500
        script = f"i=0; while [ $i -lt {count} ]; do /bin/true; i=$((i+1)); done"
        return [which("sh"), "-c", script]

    return CommandRow("start-up", "a shell starts many short programs", command)


def cold_compiler_row(source):
    """Many short processes of some MiB each: driver, compiler and assembler."""
    def command(quick):
        count = 50 if quick else 500
        if which("gcc") is None:
            return [None]
        return [which("sh"), "-c", f"i=0; while [ $i -lt {count} ]; do gcc -c -o small.o "
                f"'{source}' || exit 1; i=$((i+1)); done"]

    return CommandRow("compile-500", "gcc -c on a small file, 500 times", command, in_set="full",
                      output="small.o")


def node_row(source):
    return CommandRow(
        "node-json", "node parses, regroups, sorts, packs and prints records",
        lambda quick: [which("node"), source, "node.json", "1" if quick else "3"], in_set="full",
        make=lambda workdir, quick: write_json(f"{workdir}/node.json", 40000))


def find(sources, threads):
    """All rows; `sources` is the folder with our scripts and inputs for them."""
    def source(name):
        return os.path.join(sources, name)

    python = which("/usr/bin/python3", "python3")
    rows = [
        compiler_row("compile-g++", "g++", source("compile_input.cpp"), "quick"),
        compiler_row("compile-clang++", "clang++", source("compile_input.cpp"), "full"),
        CommandRow("python", "python3: objects, dictionaries, strings, JSON",
                   lambda quick: [python, source("objects.py"), "6" if quick else "20"]),
        CommandRow("python-malloc", "the same with every object from malloc",
                   lambda quick: [python, source("objects.py"), "4" if quick else "12"],
                   in_set="full", environment={"PYTHONMALLOC": "malloc"}),
        CommandRow("python-suite", "python3: number, JSON, pickle, regular expression, text kernels",
                   lambda quick: [python, source("kernels.py"), "1" if quick else "6"],
                   in_set="full"),
        node_row(source("records.js")),
        CommandRow("perl", "perl: hashes, strings, sorting",
                   lambda quick: [which("perl"), source("text.pl"), "40000" if quick else "150000"]
                   ),
        CommandRow("sqlite", "sqlite3: bulk load, index, joins in memory",
                   lambda quick: [which("sqlite3"), ":memory:", ".parameter init",
                                  f".parameter set @n {60000 if quick else 250000}",
                                  f".read {source('load.sql')}"]),
        start_up_row(),
        cold_compiler_row(source("small.c")),
        git_row(threads),
        certificates_row(),
        jq_row(),
    ]
    return rows + compressor_rows() + redis.find() + postgres.find()

"""The rows of the micro and patterns groups: every mode of every built benchmark program.

Usage: find(build, threads) asks each program in <build>/bench/{micro,patterns} for its table. A
row has name, group, help, set (quick, full or long), metric (wall or cpu) and run(runner,
allocator, quick).
"""

import json
import os
import subprocess

QUICK_SCALE = 0.2


class ProgramRow:
    """One mode of one of our own programs."""

    def __init__(self, group, program, mode, threads):
        self.group = group
        self.name = mode["name"]
        self.help = mode["help"]
        self.set = mode["set"]
        self.metric = mode["metric"]
        self.command = [program, mode["name"]]
        if mode["threaded"]:
            self.command += ["--threads", str(threads)]

    def missing(self):
        return None

    def prepare(self, workdir, quick):
        pass

    def run(self, runner, allocator, quick):
        scale = ["--scale", str(QUICK_SCALE)] if quick else []
        return runner.run(self.command + scale, allocator.preload)


def find(build, threads):
    rows = []
    for group in ("micro", "patterns"):
        folder = os.path.join(os.path.abspath(build), "bench", group)
        programs = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for program in programs:
            path = os.path.join(folder, program)
            listed = subprocess.run([path, "--list"], capture_output=True, text=True, check=True)
            for line in listed.stdout.splitlines():
                rows.append(ProgramRow(group, path, json.loads(line), threads))
    return rows

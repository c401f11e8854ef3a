"""Runs one program once under one allocator.

Usage: Runner(build, workdir).run(command, preload, ...) returns a dict of wall, user, sys
(seconds), rss_kib (peak), figures (the last JSON line the program printed, if any) and output
(hash of what it wrote). The measuring itself is done by the small launcher bench_measure; its
source says why.
"""

import hashlib
import json
import os
import subprocess


class RunFailed(Exception):
    pass


def file_hash(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def last_figures(path):
    """The last line that is a JSON object, or None; long outputs are looked at from their end."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 65536))
        lines = file.read().splitlines()
    for line in reversed(lines):
        if line.startswith(b"{"):
            try:
                return json.loads(line)
            except ValueError:
                return None
    return None


class Runner:
    def __init__(self, build, workdir):
        self.launcher = os.path.join(os.path.abspath(build), "bench", "bench_measure")
        self.workdir = workdir
        self.result = os.path.join(workdir, "result.json")
        self.stdout = os.path.join(workdir, "stdout")
        self.stderr = os.path.join(workdir, "stderr")

    def start(self, command, preload, environment=None):
        """Starts the launcher; finish() waits for it. Settings of allocators are not inherited."""
        full = {key: value for key, value in os.environ.items()
                if key not in ("LD_PRELOAD", "MALLOC_CONF") and not key.startswith("MIMALLOC_")}
        full.update(environment or {})
        if os.path.exists(self.result):
            os.unlink(self.result)
        with open(self.stdout, "wb") as out, open(self.stderr, "wb") as err:
            return subprocess.Popen([self.launcher, self.result, preload] + command, env=full,
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                    cwd=self.workdir)

    def finish(self, process, command):
        process.wait()
        if not os.path.exists(self.result):
            raise RunFailed(f"{command[0]}: the launcher failed: {self.error_text()}")
        with open(self.result, encoding="utf-8") as file:
            run = json.load(file)
        if run.pop("status") != 0:
            raise RunFailed(f"{' '.join(command)[:200]}: {self.error_text()}")
        return run

    def run(self, command, preload, environment=None, output=None):
        run = self.finish(self.start(command, preload, environment), command)
        run["figures"] = last_figures(self.stdout)
        if output is not None:
            run["output"] = file_hash(self.stdout if output == "stdout" else output)
        return run

    def error_text(self):
        with open(self.stderr, "rb") as file:
            return file.read().decode(errors="replace").strip()[-400:] or "no message"

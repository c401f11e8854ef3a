"""The allocators to compare: where their libraries are, which version, and proof that they load.

Usage: find(names, extra, build) returns Allocator objects in the order asked for and notes on
those left out. An Allocator's `preload` is a library path, or "" for the system's own malloc.
"""

import glob
import hashlib
import os
import subprocess
import sys

DEFAULT = ["ashlar", "glibc", "jemalloc", "mimalloc", "tcmalloc"]

# name: (file name pattern, Debian package)
PEERS = {
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "mimalloc": ("libmimalloc.so.2.*", "libmimalloc2.0"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
}

LIBRARY_DIRS = ["/usr/lib/*-linux-gnu*", "/usr/local/lib", "/usr/lib64", "/usr/lib"]

OWN_ALLOCATOR_MARKS = ("libjemalloc", "libmimalloc", "libtcmalloc")


class Allocator:
    def __init__(self, name, preload, version):
        self.name = name
        self.preload = preload
        self.version = version

    def describe(self):
        return {"name": self.name, "preload": os.path.basename(self.preload), "version": self.version}


def package_version(path):
    """Name and version of the Debian package that owns the file, or what can be said instead."""
    for candidate in (path, os.path.realpath(path), path.removeprefix("/usr"), "/usr" + path):
        try:
            owner = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True)
        except FileNotFoundError:
            break
        if owner.returncode == 0:
            package = owner.stdout.split(": ")[0].split(",")[0]
            shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package],
                                   capture_output=True, text=True)
            return shown.stdout.strip()
    return file_version(path)


def file_version(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    return f"{os.path.basename(os.path.realpath(path))} sha256:{digest}"


def ashlar_version(path, root):
    commit = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"],
                            capture_output=True, text=True)
    suffix = f" at {commit.stdout.strip()}" if commit.returncode == 0 else ""
    return file_version(path) + suffix


def libc_path():
    """The C library this interpreter runs on; preloading it puts its malloc before all others."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.split()[-1]
            if os.path.basename(path).startswith("libc.so.") or "/libc-2." in path:
                return path
    return ""


def has_own_allocator(program):
    """Whether the program is linked with another allocator than the C library's."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return any(mark in listed for mark in OWN_ALLOCATOR_MARKS)


def preload_for(allocator, program):
    """The system's malloc has to be preloaded too where a program brings its own allocator."""
    if allocator.preload == "" and has_own_allocator(program):
        return libc_path()
    return allocator.preload


def find_library(pattern):
    for folder in LIBRARY_DIRS:
        found = sorted(glob.glob(os.path.join(folder, pattern)))
        if found:
            return found[0]
    return None


def check_loads(path):
    """The dynamic loader only warns when it cannot preload; a comparison must not go on then."""
    environment = dict(os.environ, LD_PRELOAD=path)
    shown = subprocess.run(["cat", "/proc/self/maps"], env=environment, capture_output=True,
                           text=True)
    if os.path.realpath(path) not in shown.stdout:
        sys.exit(f"bench: {path} cannot be preloaded: {shown.stderr.strip()}")


def find_one(name, extra, build, root):
    """(Allocator or None, why not)."""
    if name in extra:
        path = os.path.abspath(extra[name])
        if not os.path.exists(path):
            sys.exit(f"bench: --with {name}: no file {path}")
        return Allocator(name, path, package_version(path)), None
    if name == "glibc":
        return Allocator(name, "", package_version(libc_path())), None
    if name == "ashlar":
        path = os.path.abspath(os.path.join(build, "lib", "libashlar.so"))
        if not os.path.exists(path):
            return None, f"ashlar: no {path}; build it first"
        return Allocator(name, path, ashlar_version(path, root)), None
    if name in PEERS:
        pattern, package = PEERS[name]
        path = find_library(pattern)
        if path is None:
            return None, f"{name}: not installed (Debian package {package})"
        return Allocator(name, path, package_version(path)), None
    sys.exit(f"bench: unknown allocator {name}; known: {', '.join(DEFAULT + list(extra))}")


def find(names, extra, build, root):
    allocators, notes = [], []
    for name in names:
        allocator, note = find_one(name, extra, build, root)
        if allocator is None:
            notes.append(note)
            continue
        if allocator.preload:
            check_loads(allocator.preload)
        allocators.append(allocator)
    return allocators, notes

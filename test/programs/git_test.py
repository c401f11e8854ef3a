"""
git_test.py: git on a repository of several thousand objects: import, work, clone, repack, fsck.

Everything that names an object is a hash of contents, so equal output means equal contents.
"""

import random

from harness import Comparison, check

COMMITS = 400
FILES = 900
EDITS_PER_COMMIT = 7

IDENTITY = {
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.org",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
}


def file_text(rng, lines):
    return "".join(
        "%s\n" % " ".join("%x" % rng.getrandbits(24) for _ in range(6)) for _ in range(lines)
    )


def import_stream():
    """A fast-import stream: a history whose commits each change a few of many files."""
    rng = random.Random(2024)
    out = []
    for number in range(COMMITS):
        out.append(
            "commit refs/heads/main\ncommitter Tester <tester@example.org> %d +0000\n"
            % (1600000000 + 60 * number)
        )
        message = "change %d\n" % number
        out.append("data %d\n%s" % (len(message), message))
        changed = range(FILES) if number == 0 else rng.sample(range(FILES), EDITS_PER_COMMIT)
        for index in changed:
            text = file_text(rng, rng.randint(5, 60))
            out.append(
                "M 100644 inline dir%02d/sub%d/file%d.txt\ndata %d\n%s\n"
                % (index % 37, index % 5, index, len(text), text)
            )
    out.append("done\n")
    return "".join(out).encode()


def main():
    test = Comparison("git", programs={"git": "git"})
    stream = import_stream()
    for side in test.sides():

        def git(*words, cwd="repo", stdin=b""):
            return side.run(["git", *words], cwd=side.path(cwd), stdin=stdin, env=IDENTITY).stdout

        git("init", "--quiet", "--initial-branch=main", "repo", cwd=".")
        git("fast-import", "--quiet", "--done", stdin=stream)
        git("checkout", "--quiet", "-f", "main")
        side.record("history", git("log", "--stat", "--format=%H %T %s"))
        side.record("patches", git("log", "-p", "-n", "60", "-M", "--diff-algorithm=patience"))

        # Work as a user does: branches, many loose objects, a merge.
        git("checkout", "--quiet", "-b", "topic", "main~50")
        rng = random.Random(7)
        for number in range(300):
            side.write("repo/new/file%d" % number, file_text(rng, 20))
        git("add", "--all")
        git("commit", "--quiet", "-m", "many new files")
        git("checkout", "--quiet", "main")
        git("merge", "--quiet", "-m", "merge topic", "topic")
        git("gc", "--quiet", "--no-prune")
        side.record("head", git("rev-parse", "HEAD"))
        side.record("status", git("status", "--porcelain"))
        side.record("blame", git("blame", "--line-porcelain", "dir03/sub3/file3.txt"))
        side.record("grep", git("grep", "-n", "-E", "(dead|beef)[0-9a-f]", "HEAD"))

        git("clone", "--quiet", "--no-local", "repo", "copy", cwd=".")
        git(
            "-c",
            "pack.threads=2",
            "repack",
            "-a",
            "-d",
            "-f",
            "--depth=50",
            "--window=20",
            "--quiet",
            cwd="copy",
        )
        side.record("fsck", git("fsck", "--full", "--strict", "--no-progress", cwd="copy"))
        objects = git(
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname) %(objecttype) %(objectsize)",
            cwd="copy",
        )
        check(objects.count(b"\n") >= 4000, "only %d objects" % objects.count(b"\n"))
        side.record("objects", objects)
        side.record(
            "objects of both",
            sorted(git("rev-list", "--all", "--objects").split(b"\n"))
            == sorted(git("rev-list", "--all", "--objects", cwd="copy").split(b"\n")),
        )
        side.record("archive", git("archive", "--format=tar", "HEAD", cwd="copy"))
    test.finish()


main()

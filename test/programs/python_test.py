"""
python_test.py: python3 running its own regression tests, with PYTHONMALLOC=malloc so that every
object comes from malloc and not from the interpreter's own pools. Compared is the outcome of every
single test case.
"""

import xml.etree.ElementTree

from harness import Comparison, check, skip

# Chosen to exercise memory (containers, text, buffers, C libraries, threads, forks) in little time.
TESTS = (
    "test_json test_dict test_list test_set test_re test_thread test_zlib test_bz2 "
    "test_bytes test_unicode test_pickle test_gc test_array test_memoryview test_collections "
    "test_ordered_dict test_deque test_heapq test_sort test_struct test_ctypes test_decimal "
    "test_mmap test_xml_etree test_minidom test_marshal test_codecs test_itertools test_functools "
    "test_generators test_descr test_long test_hashlib test_csv test_atexit test_string test_tuple "
    "test_slice test_copy test_context test_frame test_pyexpat test_sax test_tracemalloc"
).split()

# Parts of slow ones: threads, worker processes made by fork, child processes, files.
PARTS = [
    "test_threading",
    "test_multiprocessing_fork",
    "test_subprocess",
    "test_weakref",
    "test_io",
]
PATTERNS = [
    "test.test_threading.ThreadTests.test_[a-ce-hj-z]*",
    "test.test_threading.Thread*Lock*",
    "test.test_multiprocessing_fork.WithProcessesTestPool.*",
    "test.test_multiprocessing_fork.WithThreadsTestQueue.*",
    "test.test_subprocess.POSIXProcessTestCase.test_[a-p]*",
    "test.test_weakref.*Dictionary*",
    "test.test_weakref.ReferencesTestCase.*",
    "test.test_io.*BufferedRandomTest.*",
    "test.test_io.*TextIOWrapperTest.*",
]
# It expects no other open file than its own, and the loader's log is one.
IGNORED = ["*.test_pass_fds_redirected"]


def outcomes(path):
    """(test case, outcome) for all cases of a result file."""
    found = []
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("error", "failure", "skipped")]
        outcome = "%s %s" % (case.get("result", ""), " ".join(sorted(kinds)))
        found.append("%s: %s" % (case.get("name"), outcome.strip()))
    return sorted(found)


def main():
    test = Comparison("python", programs={"python3": "python3"})
    for side in test.sides():
        python = "/usr/bin/python3"
        if side.name == "system":
            probe = side.run(
                [python, "-c", "import test.libregrtest.main, test.test_dict"], expect=None
            )
            if probe.returncode != 0:
                skip("missing Debian packages: libpython3.11-testsuite")

        def regrtest(names, *options):
            result = side.path("results-%s.xml" % names[0])
            run = side.run(
                [
                    python,
                    "-m",
                    "test",
                    "-j2",
                    "--timeout",
                    "100",
                    "--junit-xml",
                    result,
                    *options,
                    *names,
                ],
                env={"PYTHONMALLOC": "malloc"},
                expect=None,
            )
            cases = outcomes(result)
            bad = [case for case in cases if "error" in case or "failure" in case.split(": ")[-1]]
            check(
                run.returncode == 0,
                "%s: status %d: %s\n%s"
                % (side.name, run.returncode, bad, run.stdout.decode("utf-8", "replace")[-6000:]),
            )
            return cases

        cases = regrtest(TESTS)
        check(len(cases) > 4000, "only %d test cases ran" % len(cases))
        side.record("regression tests", "\n".join(cases))
        words = [("-m", pattern) for pattern in PATTERNS] + [("-i", pattern) for pattern in IGNORED]
        cases = regrtest(PARTS, *[word for pair in words for word in pair])
        check(len(cases) > 400, "only %d test cases of the parts ran" % len(cases))
        side.record("parts of regression tests", "\n".join(cases))
    test.finish()


main()

#!/usr/bin/env python3
"""The `ashlar` command: what it sets up, what it passes through, and what it says when it cannot.

Usage: cli_test.py --cli bin/ashlar --lib lib/libashlar.so --version 0.1.0 --static FILE...

Everything that needs files makes them in a directory of its own, which is removed at the end.
"""
import argparse
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

OPTIONS = None  # the command line, set by main()


def clean_environment(**changes):
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "MALLOC_CONF")}
    env["LC_ALL"] = "C"
    env.update(changes)
    return env


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="cli_test."))
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data, mode=0o755):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, mode)
        return path

    def copy(self, source, name):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)
        os.chmod(path, 0o755)
        return path

    def ashlar(self, *words, env=None, cli=None, **more):
        """Runs the command; the program's environment is clean unless `env` says otherwise."""
        return subprocess.run([cli or OPTIONS.cli, *words], env=env or clean_environment(),
                              stdin=subprocess.DEVNULL, stdout=more.pop("stdout", subprocess.PIPE),
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False, **more)

    def run_program(self, *words, **more):
        """`ashlar run` with the library under test."""
        return self.ashlar("run", "--lib", OPTIONS.lib, *words, **more)

    def assert_fails(self, result, status, message):
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, message)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(result.returncode, status)


class TestCommand(Case):
    def test_help(self):
        for words in (["--help"], ["-h"], ["help"]):
            result = self.ashlar(*words)
            self.assertIn("Usage: ashlar run", result.stdout)
            self.assertEqual((result.stderr, result.returncode), ("", 0))

    def test_run_help(self):
        for words in (["run", "--help"], ["run", "-h"], ["run", "--stats", "--help", "--", "no"]):
            result = self.ashlar(*words)
            for option in ("--stats", "--lib PATH", "--help", "125", "126", "127"):
                self.assertIn(option, result.stdout)
            self.assertEqual((result.stderr, result.returncode), ("", 0))

    def test_version(self):
        result = self.ashlar("--version")
        self.assertEqual(result.stdout, f"ashlar {OPTIONS.version}\n")
        self.assertEqual((result.stderr, result.returncode), ("", 0))

    def test_output_that_cannot_be_written(self):
        for words in (["--version"], ["--help"], ["run", "--help"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                result = self.ashlar(*words, stdout=full)
            self.assertEqual(result.returncode, 125)
            self.assertIn("cannot write", result.stderr)

    def test_nothing(self):
        result = self.ashlar()
        self.assertIn("Usage: ashlar run", result.stderr)
        self.assertEqual((result.stdout, result.returncode), ("", 125))

    def test_unknown_words(self):
        self.assert_fails(self.ashlar("--frob"), 125, "^ashlar: unknown option '--frob'")
        self.assert_fails(self.ashlar("frob"), 125, "^ashlar: unknown command 'frob'")
        self.assert_fails(self.run_program("--frob", "--", "true"), 125,
                          "^ashlar: unknown option '--frob'")
        self.assert_fails(self.run_program("--statsx", "true"), 125, "unknown option '--statsx'")
        self.assert_fails(self.run_program("--libx=/y", "true"), 125, "unknown option '--libx=/y'")

    def test_no_program(self):
        for words in ([], ["--"], ["--stats"], ["--", ""]):
            self.assert_fails(self.run_program(*words), 125, "^ashlar: no program given")
        self.assert_fails(self.ashlar("run", "--lib"), 125, "'--lib' needs a path")
        self.assert_fails(self.ashlar("run", "--lib=", "true"), 125, "'--lib' needs a path")


class TestRun(Case):
    def test_library_is_loaded(self):
        for words in (["--", "cat", "/proc/self/maps"], ["cat", "/proc/self/maps"]):
            result = self.run_program(*words)
            self.assertIn(os.path.realpath(OPTIONS.lib), result.stdout)
            self.assertEqual((result.stderr, result.returncode), ("", 0))

    def test_arguments_arrive(self):
        words = ["a b", "", "--stats", "--", "$x"]
        result = self.run_program("--", sys.executable, "-c",
                                  "import sys; print(ascii(sys.argv[1:]))", *words)
        self.assertEqual(result.stdout, ascii(words) + "\n", result.stderr)

    def test_name_stays(self):
        result = self.run_program("sh", "-c", "tr '\\0' '\\n' </proc/$$/cmdline")
        self.assertEqual(result.stdout.splitlines()[0], "sh")

    def test_exit_status(self):
        for status in (0, 1, 37, 125, 255):
            result = self.run_program("--", "sh", "-c", f"exit {status}")
            self.assertEqual((result.stderr, result.returncode), ("", status))

    def test_signal(self):
        result = self.run_program("--", "sh", "-c", "kill -TERM $$")
        self.assertEqual(result.returncode, -signal.SIGTERM)

    def test_same_process(self):
        command = [OPTIONS.cli, "run", "--lib", OPTIONS.lib, "--", "sh", "-c", "echo $$"]
        with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE) as child:
            self.assertEqual(int(child.stdout.read()), child.pid)

    def test_script_without_interpreter_line(self):
        script = self.write("script", "echo script ran\n")
        result = self.run_program("--", script)
        self.assertEqual((result.stdout, result.stderr), ("script ran\n", ""))

    def test_script(self):
        script = self.write("script", "#! /bin/sh -e\ncat /proc/self/maps\n")
        result = self.run_program("--", script)
        self.assertIn(os.path.realpath(OPTIONS.lib), result.stdout)
        self.assertEqual((result.stderr, result.returncode), ("", 0))


class TestEnvironment(Case):
    def variables(self, *words, **env):
        result = self.run_program(*words, "--", "env", env=clean_environment(**env))
        self.assertEqual(result.returncode, 0)
        return dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)

    def test_preload(self):
        library = os.path.realpath(OPTIONS.lib)
        self.assertEqual(self.variables()["LD_PRELOAD"], library)
        self.assertEqual(self.variables(LD_PRELOAD="libm.so.6")["LD_PRELOAD"],
                         library + ":libm.so.6")
        self.assertEqual(self.variables(LD_PRELOAD="libm.so.6 libc.so.6")["LD_PRELOAD"],
                         library + ":libm.so.6 libc.so.6")
        self.assertEqual(self.variables(LD_PRELOAD="")["LD_PRELOAD"], library)

    def test_stats(self):
        self.assertNotIn("MALLOC_CONF", self.variables())
        self.assertEqual(self.variables(MALLOC_CONF="narenas:2")["MALLOC_CONF"], "narenas:2")
        for before, after in (("", "stats_print:true"), ("narenas:2", "narenas:2,stats_print:true"),
                              ("narenas:2,", "narenas:2,stats_print:true"),
                              ("stats_print:false", "stats_print:false,stats_print:true")):
            self.assertEqual(self.variables("--stats", MALLOC_CONF=before)["MALLOC_CONF"], after)
        self.assertEqual(self.variables("--stats")["MALLOC_CONF"], "stats_print:true")

    def test_others_stay(self):
        self.assertEqual(self.variables(ASHLAR_TEST_WORD="a=b c")["ASHLAR_TEST_WORD"], "a=b c")


class TestProgramErrors(Case):
    def test_missing(self):
        self.assert_fails(self.run_program("--", "no-such-program-here"), 127,
                          "^ashlar: program 'no-such-program-here' not found")
        self.assert_fails(self.run_program("--", self.path("none")), 127, "not found")
        self.assert_fails(self.run_program("--", self.path("none/none")), 127, "not found")
        self.assert_fails(self.run_program("--", "/etc/passwd/x"), 127, "not found")

    def test_not_executable(self):
        plain = self.write("bin/plain", "#!/bin/sh\n", mode=0o644)
        self.assert_fails(self.run_program("--", plain), 126, "^ashlar: program .* not executable")
        env = clean_environment(PATH=os.path.dirname(plain) + ":/nowhere")
        self.assert_fails(self.run_program("--", "plain", env=env), 126, "not executable")

    def test_directory(self):
        self.assert_fails(self.run_program("--", self.directory), 126, "is a directory")

    def test_path_search(self):
        """The first executable counts, as for the shell; empty means the current directory."""
        self.write("a/word", "not executable\n", mode=0o644)
        self.write("b/word", "#!/bin/sh\necho b\n")
        self.write("c/word", "#!/bin/sh\necho c\n")
        os.makedirs(self.path("d/word"))
        a, b, c, d = (self.path(name) for name in "abcd")
        for path, wanted in ((f"{a}:{b}:{c}", "b\n"), (f"{d}:{c}:{b}", "c\n"), (f":{b}", "c\n"),
                             (f"/nowhere:{c}:", "c\n")):
            env = clean_environment(PATH=path)
            result = self.run_program("--", "word", env=env, cwd=c)
            self.assertEqual((result.stdout, result.stderr), (wanted, ""), path)

    def test_missing_interpreter(self):
        script = self.write("script", "#!/no/such/interpreter\n")
        self.assert_fails(self.run_program("--", script), 127, "interpreter it asks for is missing")

    def test_other_machine(self):
        with open("/bin/true", "rb") as file:
            data = bytearray(file.read())
        data[18] ^= 1  # e_machine
        program = self.write("program", bytes(data))
        result = self.run_program("--", program)
        self.assertRegex(result.stderr, "warning: .* will run without ashlar: it is for another "
                                        "machine\nashlar: cannot run .*: Exec format error\n$")
        self.assertEqual(result.returncode, 126)


class TestLibrary(Case):
    def test_missing(self):
        self.assert_fails(self.ashlar("run", "--lib", self.path("none.so"), "--", "true"), 125,
                          "^ashlar: library '.*none.so': No such file")

    def test_not_a_library(self):
        text = self.write("text.so", "hello\n")
        for path in (text, "/bin/true", self.directory, "/dev/null", *OPTIONS.static[:1]):
            self.assert_fails(self.ashlar("run", "--lib", path, "--", "true"), 125,
                              "^ashlar: library '.*' is not a shared library")

    def test_other_machine(self):
        with open(OPTIONS.lib, "rb") as file:
            data = bytearray(file.read())
        data[18] ^= 1  # e_machine
        library = self.write("other.so", bytes(data))
        self.assert_fails(self.ashlar("run", "--lib", library, "--", "true"), 125,
                          "^ashlar: library '.*' is for another machine")

    def test_path_that_cannot_be_named(self):
        for name in ("a b/lib.so", "a:b/lib.so"):
            library = self.copy(OPTIONS.lib, name)
            self.assert_fails(self.ashlar("run", "--lib", library, "--", "true"), 125,
                              "has a colon or a blank")

    def test_relative_path(self):
        library = self.copy(OPTIONS.lib, "here/lib.so")
        result = self.ashlar("run", "--lib=here/lib.so", "cat", "/proc/self/maps",
                             cwd=self.directory)
        self.assertIn(library, result.stdout, result.stderr)

    def test_found_beside_command(self):
        cli = self.copy(OPTIONS.cli, "bin/ashlar")
        for name in ("libashlar.so.1", "libashlar.so"):
            library = self.copy(OPTIONS.lib, "lib/" + name)
            for command in (cli, "bin/ashlar"):
                result = self.ashlar("run", "--", "cat", "/proc/self/maps", cli=command,
                                     cwd=self.directory)
                self.assertIn(library + "\n", result.stdout, result.stderr)
        os.makedirs(self.path("elsewhere"))
        os.symlink(cli, self.path("elsewhere/link"))
        result = self.ashlar("run", "cat", "/proc/self/maps", cli=self.path("elsewhere/link"))
        self.assertIn(library, result.stdout, result.stderr)

    def test_found_nowhere(self):
        """Only where the installation does not provide one, of course."""
        cli = self.copy(OPTIONS.cli, "bin/ashlar")
        result = self.ashlar("run", "--", "true", cli=cli)
        if result.returncode == 0:
            self.skipTest("a library is installed on this machine")
        self.assert_fails(result, 125, "^ashlar: the library is missing: no libashlar.so in .*"
                                       + re.escape(self.path("bin/../lib")))


class TestWarnings(Case):
    def assert_warns(self, result, reason):
        self.assertRegex(result.stderr,
                         f"^ashlar: warning: '.*' will run without ashlar: {reason}\n")

    def test_static(self):
        self.assertTrue(OPTIONS.static)
        for program in OPTIONS.static:
            result = self.run_program("--", program)
            self.assert_warns(result, "it is linked statically")
            self.assertEqual((result.stdout, result.returncode), ("static program ran\n", 0))
            script = self.write("script", f"#!{program}\n")
            self.assert_warns(self.run_program("--", script), "it is linked statically")

    def test_set_user_id(self):
        if os.getuid() == 0:
            program = self.copy(shutil.which("cat"), "cat")
            os.chown(program, 65534, -1)
            os.chmod(program, 0o4755)
            result = self.run_program("--", program, "/dev/null")
            self.assertEqual(result.returncode, 0)
        else:
            result = self.run_program("--", "su", "--help")
        self.assert_warns(result, "it is set-user-id")

    def test_set_group_id(self):
        if os.getuid() != 0:
            self.skipTest("needs root to make such a file")
        program = self.copy(shutil.which("cat"), "cat")
        os.chown(program, -1, 65534)
        os.chmod(program, 0o2755)
        result = self.run_program("--", program, "/dev/null")
        self.assertEqual(result.returncode, 0)
        self.assert_warns(result, "it is set-group-id")

    def test_own_set_user_id_file(self):
        """Gives no rights its user does not have, so there is nothing to warn of."""
        program = self.copy(shutil.which("cat"), "cat")
        os.chmod(program, 0o4755)
        result = self.run_program("--", program, "/proc/self/maps")
        self.assertEqual((result.stderr, result.returncode), ("", 0))
        self.assertIn(os.path.realpath(OPTIONS.lib), result.stdout)

    def test_capabilities(self):
        if os.getuid() != 0:
            self.skipTest("needs root to make such a file")
        program = self.copy(shutil.which("cat"), "cat")
        cli = self.copy(OPTIONS.cli, "bin/ashlar")
        self.copy(OPTIONS.lib, "lib/libashlar.so")
        net_raw = 1 << 13
        attribute = struct.pack("<IIIII", 0x02000001, net_raw, 0, 0, 0)
        try:
            os.setxattr(program, "security.capability", attribute)
        except OSError as error:
            self.skipTest(f"no file capabilities here: {error}")
        result = self.ashlar("run", "--", program, "/dev/null", cli=cli, user=65534, cwd="/")
        self.assert_warns(result, "it has file capabilities")
        result = self.ashlar("run", "--", program, "/dev/null", cli=cli)
        self.assertEqual((result.stderr, result.returncode), ("", 0))


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description="tests of the ashlar command")
    parser.add_argument("--cli", required=True, type=os.path.abspath)
    parser.add_argument("--lib", required=True, type=os.path.abspath)
    parser.add_argument("--version", required=True)
    parser.add_argument("--static", nargs="*", default=[], type=os.path.abspath)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

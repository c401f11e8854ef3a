#!/usr/bin/env python3
"""install_test: an installed copy can be used the ways the README names.

Installs the build into a temporary prefix, and from there builds and runs a small C and a small C++
program with pkg-config and with CMake's find_package, shared and static, and also linked wholly static.
Each program says which file its malloc came from and checks by itself that it is ashlar's. The prefix is
moved once in between: nothing installed may depend on where it first was.
"""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ARGUMENTS = None


def output(*command, **more):
    run = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if run.returncode != 0:
        raise AssertionError(f"{shlex.join(command)}: exit status {run.returncode}\n"
                             f"{run.stdout}{run.stderr}")
    return run.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        first = os.path.join(cls.temporary.name, "first")
        cls.prefix = os.path.join(cls.temporary.name, "moved")
        output(ARGUMENTS.cmake, "--install", ARGUMENTS.build, "--prefix", first)
        os.rename(first, cls.prefix)
        cls.libdir = os.path.join(cls.prefix, ARGUMENTS.libdir)
        cls.environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(cls.libdir, "pkgconfig")}
        for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "MALLOC_CONF"):
            cls.environment.pop(name, None)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def path(self, name):
        return os.path.join(self.temporary.name, name)

    def flags(self, package):
        return shlex.split(output(ARGUMENTS.pkg_config, "--cflags", "--libs", package,
                                  env=self.environment))

    def build(self, language, flags, name):
        compiler = {"c": ARGUMENTS.cc, "cpp": ARGUMENTS.cxx}[language]
        program = self.path(name)
        output(compiler, "-fno-builtin-malloc", os.path.join(HERE, f"user.{language}"), "-o", program,
               *flags, env=self.environment)
        return program

    def run_program(self, program, library_path=None):
        environment = dict(self.environment)
        if library_path is not None:
            environment["LD_LIBRARY_PATH"] = library_path
        return output(program, env=environment)

    def check_shared(self, program):
        said = self.run_program(program, self.libdir)
        self.assertIn(f"from {self.libdir}/libashlar.so", said)
        needed = output("readelf", "-d", program)
        self.assertIn("[libashlar.so.1]", needed)

    def check_static(self, program):
        said = self.run_program(program)
        self.assertIn(f"from {program}", said)
        self.assertNotIn("libashlar", output("readelf", "-d", program))

    def test_what_is_installed(self):
        for path in (f"{ARGUMENTS.libdir}/libashlar.so", f"{ARGUMENTS.libdir}/libashlar.so.1",
                     f"{ARGUMENTS.libdir}/libashlar.a", f"{ARGUMENTS.libdir}/pkgconfig/ashlar.pc",
                     f"{ARGUMENTS.libdir}/cmake/ashlar/ashlar-config.cmake", "bin/ashlar",
                     "share/man/man3/ashlar.3"):
            self.assertTrue(os.path.exists(os.path.join(self.prefix, path)), path)

    def test_headers_compile_alone(self):
        include = os.path.join(self.prefix, "include")
        headers = [os.path.join(folder, name) for folder, _, names in os.walk(include)
                   for name in names]
        self.assertTrue(headers, "no headers are installed")
        for header in headers:
            for compiler, language in ((ARGUMENTS.cc, "c"), (ARGUMENTS.cxx, "c++")):
                output(compiler, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include,
                       "-x", language, "-include", header, os.devnull)

    def test_manual_page(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is missing")
        page = os.path.join(self.prefix, "share/man/man3/ashlar.3")
        said = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True,
                              check=True)
        self.assertEqual(said.stderr, "")
        for word in ("dirty_decay_ms", "epoch", "MALLOCX_TCACHE_NONE"):
            self.assertIn(word, said.stdout)

    def test_version(self):
        for package in ("ashlar", "ashlar-static"):
            self.assertEqual(output(ARGUMENTS.pkg_config, "--modversion", package,
                                    env=self.environment).strip(), ARGUMENTS.version)

    def test_c_by_pkg_config_shared(self):
        self.check_shared(self.build("c", self.flags("ashlar"), "c_shared"))

    def test_cxx_by_pkg_config_shared(self):
        self.check_shared(self.build("cpp", self.flags("ashlar"), "cxx_shared"))

    def test_c_by_pkg_config_static(self):
        self.check_static(self.build("c", self.flags("ashlar-static"), "c_static"))

    def test_cxx_by_pkg_config_static(self):
        self.check_static(self.build("cpp", self.flags("ashlar-static"), "cxx_static"))

    def test_c_wholly_static(self):
        program = self.build("c", ["-static", *self.flags("ashlar-static")], "c_whole")
        self.assertIn("usable 8, 10240", self.run_program(program))

    def test_cxx_wholly_static(self):
        program = self.build("cpp", ["-static", *self.flags("ashlar-static")], "cxx_whole")
        self.assertIn("usable 8", self.run_program(program))

    def test_find_package(self):
        source, build = self.path("project"), self.path("project/build")
        os.mkdir(source)
        with open(os.path.join(HERE, "project.cmake.in"), encoding="utf-8") as file:
            text = file.read().replace("@SOURCE_DIR@", HERE)
        with open(os.path.join(source, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        output(ARGUMENTS.cmake, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
               f"-DCMAKE_C_COMPILER={ARGUMENTS.cc}", f"-DCMAKE_CXX_COMPILER={ARGUMENTS.cxx}")
        output(ARGUMENTS.cmake, "--build", build)
        for language in ("c", "cpp"):
            with self.subTest(language):
                self.check_shared(os.path.join(build, f"user_{language}_ashlar"))
                self.check_static(os.path.join(build, f"user_{language}_static"))

    def test_the_command_finds_the_library(self):
        program = self.path("plain")
        output(ARGUMENTS.cc, "-fno-builtin-malloc", os.path.join(HERE, "user.c"), "-o", program)
        said = output(os.path.join(self.prefix, "bin/ashlar"), "run", "--", program,
                      env=self.environment)
        self.assertIn("libashlar.so", said)

    def test_the_programs_notice_another_malloc(self):
        # Guards all of the above: without ashlar, both programs must fail.
        for language, compiler in (("c", ARGUMENTS.cc), ("cpp", ARGUMENTS.cxx)):
            program = self.path(f"without_{language}")
            output(compiler, "-fno-builtin-malloc", os.path.join(HERE, f"user.{language}"), "-o",
                   program)
            run = subprocess.run([program], env=self.environment, capture_output=True, check=False)
            self.assertEqual(run.returncode, 1, run.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, help="the configured and built tree")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--pkg-config", default=shutil.which("pkg-config") or "pkg-config")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--libdir", default="lib")
    parser.add_argument("--version", required=True)
    ARGUMENTS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

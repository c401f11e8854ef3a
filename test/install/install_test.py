#!/usr/bin/env python3
"""install_test: an installed copy can be used the ways the README names.

Installs the build into a temporary prefix, and from there builds and runs a small C and a small C++
program with pkg-config and with CMake's find_package, shared and static, and also linked wholly static.
Each program says which file its malloc came from and checks by itself that it is ashlar's. The prefix is
moved once in between: nothing installed may depend on where it first was.
"""
import os
import shutil
import subprocess

from installed import ARGUMENTS, HERE, Installed, main, output


class InstallTest(Installed):
    def flags(self, package):
        return self.pkg_config(self.libdir, "--cflags", "--libs", package)

    def compile(self, language, flags, name):
        compiler = {"c": ARGUMENTS.cc, "cpp": ARGUMENTS.cxx}[language]
        program = self.path(name)
        output(compiler, "-fno-builtin-malloc", os.path.join(HERE, f"user.{language}"), "-o", program,
               *flags, env=self.environment)
        return program

    def check_shared(self, program):
        said = self.run_program(program, LD_LIBRARY_PATH=self.libdir)
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
            self.assertEqual(self.pkg_config(self.libdir, "--modversion", package),
                             [ARGUMENTS.version])

    def test_c_by_pkg_config_shared(self):
        self.check_shared(self.compile("c", self.flags("ashlar"), "c_shared"))

    def test_cxx_by_pkg_config_shared(self):
        self.check_shared(self.compile("cpp", self.flags("ashlar"), "cxx_shared"))

    def test_c_by_pkg_config_static(self):
        self.check_static(self.compile("c", self.flags("ashlar-static"), "c_static"))

    def test_cxx_by_pkg_config_static(self):
        self.check_static(self.compile("cpp", self.flags("ashlar-static"), "cxx_static"))

    def test_c_wholly_static(self):
        program = self.compile("c", ["-static", *self.flags("ashlar-static")], "c_whole")
        self.assertIn("usable 8, 10240", self.run_program(program))

    def test_cxx_wholly_static(self):
        program = self.compile("cpp", ["-static", *self.flags("ashlar-static")], "cxx_whole")
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
    main("--version")

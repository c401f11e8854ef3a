#!/usr/bin/env python3
"""jemalloc_test: an installed ashlar stands in for an installed jemalloc.

Installs the build into a temporary prefix that is moved afterwards. A program written for jemalloc is
built by way of jemalloc.pc and of jemalloc-config, shared and static; a program linked to Debian's
libjemalloc.so.2 runs with ours in its place, and the other way round. A second build, whose public names
have a prefix, is installed as well.
"""
import os
import re
import shlex
import shutil
import subprocess

from installed import ARGUMENTS, HERE, Installed, main, output

PREFIX = "_rjem_"

# What jemalloc's newest version has and Debian's 5.3.0 lacks, and the other way round.
NEWER = {"free_sized", "free_aligned_sized", "pvalloc", "malloc_conf_2_conf_harder"}
NO_INTERFACE = {"je_test_hooks_arena_new_hook", "je_test_hooks_libc_hook"}


def find_jemalloc():
    """Debian's library; without it the tests that compare with it are skipped, but not in CI."""
    found = re.search(r"=> (\S*/libjemalloc\.so\.2)$", output("/sbin/ldconfig", "-p"), re.M)
    if found is None and os.environ.get("CI") == "true":
        raise AssertionError("the Debian package libjemalloc2 is missing")
    return found.group(1) if found else None


def defined(library):
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    return {line.split()[2] for line in lines}


class Replacement(Installed):
    """The folder that is laid out as an installed jemalloc, and programs that use it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = os.path.join(cls.libdir, "ashlar-jemalloc")
        cls.lib = os.path.join(cls.home, "lib")
        cls.include = os.path.join(cls.home, "include")

    def config(self, option):
        return output(os.path.join(self.home, "bin/jemalloc-config"), option,
                      env=self.environment).strip()

    def jemalloc_pc(self, *options):
        return self.pkg_config(self.lib, *options, "jemalloc")

    def compile(self, source, name, *flags):
        program = self.path(name)
        output(ARGUMENTS.cc, "-Wall", "-Wextra", "-Werror", "-fno-builtin-malloc",
               os.path.join(HERE, source), "-o", program, *flags)
        return program

    def check_ours(self, said, file):
        self.assertIn(f"mallctl from {file}", said)
        self.assertIn(f"version {self.config('--version')}", said)


class Plain(Replacement):
    def test_what_is_installed(self):
        for path in ("lib/libjemalloc.so.2", "lib/libjemalloc.so", "lib/libjemalloc.a",
                     "lib/libjemalloc_pic.a", "include/jemalloc/jemalloc.h", "bin/jemalloc.sh",
                     "bin/jemalloc-config", "lib/pkgconfig/jemalloc.pc",
                     "share/man/man3/jemalloc.3"):
            self.assertTrue(os.path.exists(os.path.join(self.home, path)), path)

    def test_soname(self):
        said = output("readelf", "-W", "-d", os.path.join(self.lib, "libjemalloc.so"))
        self.assertIn("Library soname: [libjemalloc.so.2]", said)

    def test_exports_are_those_of_jemalloc(self):
        jemalloc = find_jemalloc()
        if jemalloc is None:
            self.skipTest("Debian's libjemalloc2 is not installed")
        self.assertEqual(defined(os.path.join(self.lib, "libjemalloc.so.2")),
                         (defined(jemalloc) - NO_INTERFACE) | NEWER)

    def test_by_pkg_config(self):
        program = self.compile("user_jemalloc.c", "by_pkg_config",
                               *self.jemalloc_pc("--cflags", "--libs"))
        said = self.run_program(program, LD_LIBRARY_PATH=self.lib)
        self.check_ours(said, f"{self.lib}/libjemalloc.so.2")

    def test_by_jemalloc_config(self):
        lib = self.config("--libdir")
        program = self.compile("user_jemalloc.c", "by_config", "-I" + self.config("--includedir"),
                               "-L" + lib, "-Wl,-rpath," + lib, "-ljemalloc",
                               *shlex.split(self.config("--libs")))
        self.check_ours(self.run_program(program), f"{self.lib}/libjemalloc.so.2")

    def test_static(self):
        for name in ("libjemalloc.a", "libjemalloc_pic.a"):
            program = self.compile("user_jemalloc.c", name + ".program", "-I" + self.include,
                                   os.path.join(self.lib, name), *shlex.split(self.config("--libs")))
            self.check_ours(self.run_program(program), program)

    def test_with_ashlar_itself(self):
        program = self.compile("user_jemalloc.c", "with_ashlar",
                               *self.pkg_config(self.libdir, "--cflags", "--libs", "ashlar"))
        said = self.run_program(program, LD_LIBRARY_PATH=self.libdir)
        self.check_ours(said, f"{self.libdir}/libashlar.so.1")

    def test_in_place_of_jemalloc(self):
        # Linked to Debian's library, and run with it to see that the program is right; then ours.
        jemalloc = find_jemalloc()
        if jemalloc is None:
            self.skipTest("Debian's libjemalloc2 is not installed")
        program = self.compile("user_jemalloc.c", "in_place", "-I" + self.include,
                               jemalloc)
        said = self.run_program(program)
        self.assertRegex(said, r"version 5\.3\.0-")
        said = self.run_program(program, LD_LIBRARY_PATH=self.lib)
        self.check_ours(said, f"{self.lib}/libjemalloc.so.2")

    def test_jemalloc_sh(self):
        program = self.compile("user.c", "plain")
        said = output(os.path.join(self.home, "bin/jemalloc.sh"), program, env=self.environment)
        self.assertIn(f"malloc from {self.lib}/libjemalloc.so.2", said)

    def test_jemalloc_config(self):
        for option, value in (("--prefix", ""), ("--bindir", "/bin"), ("--libdir", "/lib"),
                              ("--includedir", "/include"), ("--datadir", "/share"),
                              ("--mandir", "/share/man")):
            self.assertEqual(self.config(option), self.home + value)
        with open(os.path.join(self.include, "jemalloc/jemalloc.h"), encoding="ascii") as file:
            header = file.read()
        self.assertIn(f'#define JEMALLOC_VERSION "{self.config("--version")}"', header)
        self.assertEqual(self.config("--revision"), "2")
        self.assertTrue(shutil.which(self.config("--cc")))
        self.assertIn("ASHLAR_PREFIX=", self.config("--config"))
        for option in ("--cflags", "--cppflags", "--cxxflags", "--ldflags", "--libs", "--help"):
            self.config(option)
        wrong = subprocess.run([os.path.join(self.home, "bin/jemalloc-config"), "--wrong"],
                               capture_output=True, text=True, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("usage:", wrong.stderr)

    def test_versions_agree(self):
        version = self.config("--version")
        with open(os.path.join(self.include, "jemalloc/jemalloc.h"), encoding="ascii") as file:
            macros = dict(re.findall(r"#define JEMALLOC_(VERSION\w*) (\S+)", file.read()))
        numbers = [macros["VERSION_" + part] for part in ("MAJOR", "MINOR", "BUGFIX", "NREV")]
        gid = macros["VERSION_GID"].strip('"')
        self.assertEqual(macros["VERSION_GID_IDENT"], gid)
        self.assertEqual(len(gid), 40)
        self.assertEqual(version, "{}.{}.{}-{}-g{}".format(*numbers, gid))
        self.assertEqual(self.jemalloc_pc("--modversion"), ["{}.{}.{}_{}".format(*numbers)])

    def test_header_alone(self):
        # Without the pragma that would hide its warnings.
        header = self.path("alone.h")
        with open(os.path.join(self.include, "jemalloc/jemalloc.h"), encoding="ascii") as file:
            text = file.read()
        with open(header, "w", encoding="ascii") as file:
            file.write(text.replace("#pragma GCC system_header", ""))
        warnings = ["-Wall", "-Wextra", "-pedantic", "-Wundef", "-Werror"]
        for compiler, language, standards in (
                (ARGUMENTS.cc, "c", ("c99", "c11", "gnu11")),
                (ARGUMENTS.cxx, "c++", ("c++98", "c++11", "c++20"))):
            for standard in standards:
                for macro in ("X", "JEMALLOC_NO_RENAME", "JEMALLOC_NO_DEMANGLE", "JEMALLOC_MANGLE"):
                    output(compiler, "-fsyntax-only", *warnings, "-std=" + standard, "-D" + macro,
                           "-x", language, "-include", "stdlib.h", "-include", "malloc.h",
                           "-include", header, os.devnull)

    def test_header_beside_ashlar_h(self):
        include = os.path.join(self.prefix, "include")
        for order in (("ashlar.h", "jemalloc/jemalloc.h"), ("jemalloc/jemalloc.h", "ashlar.h")):
            for compiler, language in ((ARGUMENTS.cc, "c"), (ARGUMENTS.cxx, "c++")):
                output(compiler, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include, "-I",
                       self.include, "-x", language, "-include", order[0], "-include", order[1],
                       os.devnull)

    def test_names_without_demangling(self):
        source = self.path("names.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <jemalloc/jemalloc.h>\n#ifdef je_mallocx\n#error it leaks\n#endif\n")
        output(ARGUMENTS.cc, "-fsyntax-only", "-I" + self.include, source)


class Prefixed(Replacement):
    @classmethod
    def setUpClass(cls):
        cls.build = ARGUMENTS.prefixed
        super().setUpClass()

    def test_exports(self):
        names = defined(os.path.join(self.lib, "libjemalloc.so.2"))
        self.assertIn(PREFIX + "mallctlbymib", names)
        self.assertEqual({name for name in names if not name.startswith(PREFIX)}, set())

    def test_static(self):
        # The way of Rust's binding: a static library with this prefix, beside libc's malloc.
        program = self.compile("user_jemalloc.c", "static", "-I" + self.include,
                               os.path.join(self.lib, "libjemalloc_pic.a"), "-pthread")
        self.check_ours(self.run_program(program), program)

    def test_shared(self):
        program = self.compile("user_jemalloc.c", "shared", *self.jemalloc_pc("--cflags", "--libs"))
        said = self.run_program(program, LD_LIBRARY_PATH=self.lib)
        self.check_ours(said, f"{self.lib}/libjemalloc.so.2")

    def test_mangled(self):
        program = self.compile("user_mangled.c", "mangled", *self.jemalloc_pc("--cflags", "--libs"))
        said = self.run_program(program, LD_LIBRARY_PATH=self.lib)
        self.assertIn(f"malloc is {PREFIX}malloc; usable 8, 10240", said)

    def test_libc_keeps_its_malloc(self):
        # The control: a program that says malloc gets libc's.
        program = self.compile("user.c", "plain", "-Wl,--no-as-needed",
                               *self.jemalloc_pc("--libs"))
        run = subprocess.run([program], env={**self.environment, "LD_LIBRARY_PATH": self.lib},
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn("libc.so", run.stdout)

    def test_environment(self):
        program = self.compile("user_mangled.c", "environment",
                               *self.jemalloc_pc("--cflags", "--libs"))

        def stderr(**options):
            return subprocess.run([program], env={**self.environment, "LD_LIBRARY_PATH": self.lib,
                                                  **options},
                                  capture_output=True, text=True, check=True).stderr
        self.assertIn("Invalid conf pair: nonsense:1", stderr(_RJEM_MALLOC_CONF="nonsense:1"))
        self.assertEqual(stderr(MALLOC_CONF="nonsense:1"), "")

    def test_pkg_config_tells_the_prefix(self):
        self.assertEqual(self.jemalloc_pc("--variable=jemalloc_prefix"), [PREFIX])


if __name__ == "__main__":
    main("--prefixed")

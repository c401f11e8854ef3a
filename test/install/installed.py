"""What install_test and jemalloc_test share: a copy of the build that was moved after it was installed."""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ARGUMENTS = argparse.Namespace()


def output(*command, **more):
    run = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if run.returncode != 0:
        raise AssertionError(f"{shlex.join(command)}: exit status {run.returncode}\n"
                             f"{run.stdout}{run.stderr}")
    return run.stdout


class Installed(unittest.TestCase):
    """`prefix` has the copy, `libdir` its libraries; programs run with `environment`."""

    build = None  # another tree than --build names

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.environment = dict(os.environ)
        for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "MALLOC_CONF", "DESTDIR"):
            cls.environment.pop(name, None)
        first = cls.path("first")
        cls.prefix = cls.path("moved")
        output(ARGUMENTS.cmake, "--install", cls.build or ARGUMENTS.build, "--prefix", first,
               env=cls.environment)
        os.rename(first, cls.prefix)
        cls.libdir = os.path.join(cls.prefix, ARGUMENTS.libdir)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.temporary.name, name)

    def pkg_config(self, folder, *options):
        """What pkg-config says when it looks into `folder`."""
        environment = {**self.environment, "PKG_CONFIG_PATH": os.path.join(folder, "pkgconfig")}
        return shlex.split(output(ARGUMENTS.pkg_config, *options, env=environment))

    def run_program(self, program, **environment):
        return output(program, env={**self.environment, **environment})


def main(*required):
    """Reads the options, then runs the tests of the calling script. required: options of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, help="the configured and built tree")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--pkg-config", default=shutil.which("pkg-config") or "pkg-config")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--libdir", default="lib")
    for option in required:
        parser.add_argument(option, required=True)
    _, rest = parser.parse_known_args(namespace=ARGUMENTS)
    unittest.main(argv=[sys.argv[0], *rest])

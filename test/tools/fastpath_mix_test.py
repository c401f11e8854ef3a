#!/usr/bin/env python3
"""fastpath_mix_test: tools/fastpath-mix counts what is on the hit path and nothing else.

Assembles functions whose counts are plain to see. x86-64 only; skipped (77) elsewhere.
"""
import argparse
import os
import platform
import subprocess
import sys
import tempfile
import unittest

TOOL = None
CC = "cc"

# name: (code, "instructions loads stores branches calls end longest")
FUNCTIONS = {
    # The miss is behind a jump that is not taken.
    "straight": ("""
        cmp rdi, 16
        ja 1f
        mov rax, [rdi]
        mov [rdi+8], rax
        ret
    1:  jmp other
        """, "5 1 1 1 0 ret 5"),
    # The compiler put the miss first: only taking the jump returns.
    "turned": ("""
        test rdi, rdi
        jne 1f
        jmp other
    1:  mov rax, fs:[0]
        ret
        """, "4 1 0 1 0 ret 4"),
    # An unconditional jump inside the function is part of the path.
    "scattered": ("""
        jmp 2f
    1:  call other
        ret
    2:  test rsi, rsi
        je 1b
        xor eax, eax
        ret
        """, "5 0 0 1 0 ret 5"),
    # Several ways return: the first column takes the one that falls through, the last the longest.
    "forked": ("""
        test rdi, rdi
        jne 1f
        ret
    1:  nop
        nop
        ret
        """, "3 0 0 1 0 ret 5"),
    # Read-modify-write is both; comparing only reads; push and pop are memory accesses; lea is none.
    "memory": ("""
        push rbx
        sub dword ptr [rdi], 1
        cmp byte ptr [rdi], 3
        lea rax, [rdi+rsi*8]
        movzx ecx, byte ptr [rip+straight]
        movups [rdi], xmm0
        movups xmm0, [rdi]
        sete [rdi]
        inc qword ptr [rdi]
        pop rbx
        ret
        """, "11 6 5 0 0 ret 11"),
    # A loop that ends at once is walked through, not round.
    "looping": ("""
    1:  dec rdi
        jne 1b
        ret
        """, "3 0 0 1 0 ret 3"),
    # No way round the call: it is counted.
    "calling": ("""
        push rax
        call other
        pop rax
        ret
        """, "4 1 1 0 1 ret -"),
    # Two ways on, both calls of others: the way that falls through is shown as it is.
    "leaving": ("""
        test rdi, rdi
        je 1f
        jmp other
    1:  jmp third
        """, "3 0 0 1 1 tail -"),
    # Another name for a function, as compilers make of identical ones.
    "alias": ("""
        jmp straight_local
        """, "4 1 0 0 0 ret 4"),
}

OTHERS = """
    .globl straight_local
    .hidden straight_local
    .type straight_local, @function
straight_local:
    mov rax, [rdi]
    inc rax
    ret
    .size straight_local, . - straight_local
    .globl other, third
    .hidden other, third
    .type other, @function
    .type third, @function
other:
    test edi, edi
    je 1f
    call third
1:  call third
    ret
    .size other, . - other
third:
    call other
    ret
    .size third, . - third
"""


class FastpathMixTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        source = os.path.join(cls.folder.name, "paths.s")
        cls.library = os.path.join(cls.folder.name, "paths.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write("    .intel_syntax noprefix\n    .text\n")
            for name, (code, _) in FUNCTIONS.items():
                file.write(f"    .globl {name}\n    .type {name}, @function\n    .p2align 4\n{name}:\n"
                           f"{code}\n    .size {name}, . - {name}\n")
            file.write(OTHERS + '    .section .note.GNU-stack,"",@progbits\n')
        subprocess.run([CC, "-shared", "-nostdlib", "-Wl,-Bsymbolic", "-o", cls.library, source],
                       check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def rows(self, *entries):
        run = subprocess.run([sys.executable, TOOL, self.library, *entries], capture_output=True,
                             text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = run.stdout.splitlines()
        self.assertEqual(lines[0].split("\t")[0], "entry")
        return dict(line.split("\t", 1) for line in lines[1:])

    def test_counts(self):
        rows = self.rows(*FUNCTIONS)
        for name, (_, expected) in FUNCTIONS.items():
            with self.subTest(name):
                self.assertEqual(rows[name].split("\t"), expected.split())

    def test_unknown_entry(self):
        run = subprocess.run([sys.executable, TOOL, self.library, "no_such_function"],
                             capture_output=True, text=True, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("no_such_function", run.stderr)

    def test_not_a_library(self):
        run = subprocess.run([sys.executable, TOOL, __file__], capture_output=True, text=True,
                             check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(run.stdout, "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default=os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                       "../../tools/fastpath-mix"))
    parser.add_argument("--cc", default="cc")
    arguments, rest = parser.parse_known_args()
    if platform.machine() != "x86_64":
        print("skipped: the tool reads x86-64 code only, this is " + platform.machine())
        sys.exit(77)
    TOOL, CC = arguments.tool, arguments.cc
    unittest.main(argv=[sys.argv[0], *rest])

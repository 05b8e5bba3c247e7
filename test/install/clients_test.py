#!/usr/bin/env python3
"""Programs in other languages, and one of the last release, with the library that was built.

Usage: clients_test.py CASE LIBRARY SOURCE WORK

CASE is a function below, LIBRARY the built libvyre.so, SOURCE the repository, WORK a folder for
this case alone. Ends with 77 where a tool is missing.
"""

import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77


def run(*command, env=None):
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        print(f"skipped: {words[0]} is not installed")
        sys.exit(SKIPPED)
    done = subprocess.run(words, env={**os.environ, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\nended with code {done.returncode}:\n{done.stdout}")
    return done.stdout


class Case:
    def __init__(self, library, source, work):
        self.library, self.source, self.work = map(pathlib.Path, (library, source, work))
        self.clients = self.source / "test/install/clients"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.file = self.work / "digits"
        self.file.write_text("123456789", encoding="utf-8")
        # Under the names by which it is linked and loaded.
        for name in ("libvyre.so", "libvyre.so.0"):
            (self.work / name).symlink_to(self.library.resolve())

    def says_ok(self, *command):
        said = run(*command, env={"LD_LIBRARY_PATH": str(self.work)})
        if said.strip() != "ok":
            sys.exit(f"{command[0]} printed {said!r}, not 'ok'")

    def compile_c(self, headers):
        program = self.work / "client"
        run("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{headers}",
            self.clients / "client.c", "-o", program, f"-L{self.work}", "-lvyre")
        return program


def c_of_the_last_release(case):
    """Compiled against the headers that the last release installed."""
    case.says_ok(case.compile_c(case.source / "packaging/release"), case.file)


def c_of_today(case):
    """The same source, so that what it checks is true of both."""
    case.says_ok(case.compile_c(case.source / "include"), case.file)


def without_exceptions(case):
    """The C++ headers in a program that is compiled without exceptions."""
    program = case.work / "client"
    run("c++", "-std=c++20", "-fno-exceptions", "-Wall", "-Wextra", "-Werror",
        f"-I{case.source / 'include'}", case.clients / "no_exceptions.cpp", "-o", program,
        f"-L{case.work}", "-lvyre")
    case.says_ok(program)


def python(case):
    case.says_ok(sys.executable, case.clients / "client.py", case.work / "libvyre.so", case.file)


def rust(case):
    program = case.work / "client"
    run("rustc", "--edition", "2021", "-D", "warnings", case.clients / "client.rs", "-o", program,
        "-L", case.work)
    case.says_ok(program)


def two_copies(case):
    """Two files, so that the loader takes them for two libraries."""
    other = case.work / "other.so"
    shutil.copyfile(case.library, other)
    program = case.work / "client"
    run("cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", f"-I{case.source / 'include'}",
        case.clients / "two_copies.c", "-o", program, "-ldl")
    case.says_ok(program, case.work / "libvyre.so", other, case.file)


if __name__ == "__main__":
    CASES = (c_of_the_last_release, c_of_today, without_exceptions, python, rust, two_copies)
    {case.__name__: case for case in CASES}[sys.argv[1]](Case(*sys.argv[2:]))

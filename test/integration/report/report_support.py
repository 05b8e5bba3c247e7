"""What tests of `vyre report` share: runs of a small program, and their reports."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from cases import VYRE, check, main, write  # noqa: E402,F401

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../../docs/examples/line_count.vir")


def vyre(*arguments, given=None):
    return subprocess.run([VYRE, *arguments], input=given, capture_output=True, timeout=60)


def report(name, *flags, files=3):
    paths = [write(f"{name}.{i}.txt", b"a line\n" * (10 * i + 1)) for i in range(files)]
    ran = vyre("run", PROGRAM, *paths, "--executor", "cpu", "--report", name, *flags)
    check(ran.returncode == 0, ran.stderr)
    with open(name, "rb") as file:
        return json.load(file)


def line(document):
    return json.dumps(document).encode() + b"\n"

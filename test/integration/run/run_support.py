"""What the tests of this folder share: running `vyre` and checks."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from cases import VYRE, check, main, write  # noqa: E402,F401

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "..", "docs", "examples")


def program(name):
    return os.path.join(EXAMPLES, name + ".vir")


def vyre(*arguments, given=b""):
    return subprocess.run([VYRE, *arguments], input=given, capture_output=True, timeout=60)


def run(*arguments, given=b""):
    """`vyre run`, on the CPU if no executor is named; it has to succeed."""
    where = () if "--executor" in arguments else ("--executor", "cpu")
    ran = vyre("run", *where, *arguments, given=given)
    check(ran.returncode == 0, arguments, ran.stderr)
    return ran.stdout.decode()


def same(mine, theirs, *what):
    check(mine == theirs, *what, f"{mine!r:.400}", f"expected {theirs!r:.400}")


def refused(code, why, *arguments, given=b""):
    """It ends with this code, says why, and prints nothing."""
    ran = vyre(*arguments, given=given)
    check(ran.returncode == code and why in ran.stderr.decode() and not ran.stdout, arguments, why,
          ran)

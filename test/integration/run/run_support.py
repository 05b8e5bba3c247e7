"""What the tests of this folder share: running `vyre`, checks, seeds, a folder for each case."""

import os
import random
import subprocess
import sys
import tempfile

VYRE = os.path.abspath(sys.argv[1])
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


def check(condition, *what):
    if not condition:
        raise AssertionError("; ".join(str(w) for w in what))


def same(mine, theirs, *what):
    check(mine == theirs, *what, f"{mine!r:.400}", f"expected {theirs!r:.400}")


def refused(code, why, *arguments, given=b""):
    """It ends with this code, says why, and prints nothing."""
    ran = vyre(*arguments, given=given)
    check(ran.returncode == code and why in ran.stderr.decode() and not ran.stdout, arguments, why,
          ran)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
    return path


def main(cases):
    """Runs the case that is named: with a fixed seed and a fresh one, or with SEED. A case that
    takes no generator runs once."""
    case = cases[sys.argv[2]]
    fresh = random.SystemRandom().randrange(1 << 32)
    seeds = [int(sys.argv[3])] if len(sys.argv) > 3 else [1, fresh]
    if case.__code__.co_argcount == 0:
        seeds = [None]
    home = os.getcwd()
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="vyre_run_") as folder:
            os.chdir(folder)
            try:
                case(*[random.Random(seed)][:case.__code__.co_argcount])
            except BaseException as error:
                print(f"seed {seed}: {error}")
                raise
            finally:
                os.chdir(home)

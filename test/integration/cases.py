"""What tests of the command in this folder share: checks, seeds, a folder for each case.

Usage of a script: SCRIPT VYRE CASE [SEED]
"""

import os
import random
import sys
import tempfile

VYRE = os.path.abspath(sys.argv[1])


def check(condition, *what):
    if not condition:
        raise AssertionError("; ".join(str(w) for w in what))


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
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
        with tempfile.TemporaryDirectory(prefix="vyre_case_") as folder:
            os.chdir(folder)
            try:
                case(*[random.Random(seed)][:case.__code__.co_argcount])
            except BaseException as error:
                if not isinstance(error, SystemExit):  # a case that is skipped
                    print(f"seed {seed}: {error}")
                raise
            finally:
                os.chdir(home)

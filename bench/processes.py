"""What the benches of whole processes share."""
import os
import resource
import subprocess
import sys
import time


def measure(command):
    """Runs a command. Processor time and time on the wall in ms, and what it printed; code 1 is
    an answer, too (grep: nothing found), and a higher one ends the bench."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    ran = subprocess.run(command, stdout=subprocess.PIPE, env=dict(os.environ, LC_ALL="C"),
                         check=False)
    took = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode > 1:
        sys.exit(f"{command[0]} ended with code {ran.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1e3, took * 1e3, ran.stdout

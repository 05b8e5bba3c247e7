"""What the benches of whole processes share."""
import datetime
import json
import os
import resource
import statistics
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


def medians(taken):
    """Of the times that measure() gave for each tool: processor time, and time on the wall."""
    return [{who: statistics.median(t[kind] for t in times) for who, times in taken.items()}
            for kind in (0, 1)]


def print_rows(rows, asked, **more):
    """Writes the JSON of a bench: `asked` are its arguments, `more` goes into the context."""
    version = subprocess.run([asked.vyre, "--version"], capture_output=True, text=True, check=True)
    context = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "build": version.stdout.strip(),
        "cpus": os.cpu_count(),
        "load_avg": os.getloadavg(),
        **more,
        "megabytes": asked.megabytes,
        "rounds": asked.rounds,
    }
    json.dump({"context": context, "rows": rows}, sys.stdout, indent=2)
    print()

#!/usr/bin/env python3
"""Times `vyre scan` beside ripgrep and grep: processor time of whole processes, in turns.

usage: bench/scan_bench.py VYRE [--text FOLDER] [--megabytes N] [--rounds N]    to standard output

The text is made of the files in FOLDER (/usr/include), repeated to N megabytes. Words are taken
from it that occur at most three times in its first 60 MB. All tools print to a pipe and must print
the same bytes. A value is bytes in a second of processor time, of the medians; details have the
medians and their ratio.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from processes import measure, medians, print_rows

HEAD = 60_000_000


def make_text(folder, megabytes, path):
    pieces, size = [], 0
    for name in sorted(pathlib.Path(folder).rglob("*")):
        if name.is_file() and not name.is_symlink():
            piece = name.read_bytes()
            if b"\0" not in piece:
                pieces.append(piece)
                size += len(piece)
        if size >= megabytes * 1_000_000:
            break
    text = b"".join(pieces)
    with open(path, "wb") as file:
        left = megabytes * 1_000_000
        while left > 0:
            left -= file.write(text[:left])
    return text[:HEAD]


def files_of(count, folder):
    r = random.Random(5)
    for i in range(count):
        words = (b"line %d" % r.randrange(1 << 30) for _ in range(300))
        pathlib.Path(folder, f"f{i:05}").write_bytes(b"\n".join(words)[:4096])
    pathlib.Path(folder, "g").write_bytes(b"a needle in a file\n")


def size_of(where):
    if os.path.isfile(where):
        return os.path.getsize(where)
    return sum(file.stat().st_size for file in pathlib.Path(where).iterdir())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vyre")
    parser.add_argument("--text", default="/usr/include")
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text")
        counts = collections.Counter(
            re.findall(rb"[A-Za-z_]{5,14}", make_text(asked.text, asked.megabytes, text)))
        rare = sorted(word for word, count in counts.items() if count <= 3)
        r = random.Random(2)
        cases = []
        for count in (8, 100, 2000):
            words = os.path.join(folder, f"words{count}")
            pathlib.Path(words).write_bytes(b"\n".join(r.sample(rare, count)) + b"\n")
            cases.append((f"one_file/{count}_words", words, text))
        os.mkdir(os.path.join(folder, "files"))
        files_of(10_000, os.path.join(folder, "files"))
        needle = os.path.join(folder, "needle")
        pathlib.Path(needle).write_bytes(b"needle\n")
        cases.append(("10000_files_of_4_KiB/1_word", needle, os.path.join(folder, "files")))
        for name, words, where in cases:
            commands = {
                "vyre": [asked.vyre, "scan", "--executor", "cpu", "-f", words, where],
                "rg": ["rg", "-F", "-N", "--no-heading", "--no-ignore", "-f", words, where],
                "grep": ["grep", "-r", "-F", "-f", words, where],
            }
            taken = {tool: [] for tool in commands}
            for _ in range(asked.rounds):
                outputs = set()
                for tool, command in commands.items():
                    *times, output = measure(command)
                    taken[tool].append(times)
                    outputs.add(output)
                if len(outputs) != 1:
                    sys.exit(f"{name}: the tools do not print the same")
            cpu, wall = medians(taken)
            size = size_of(where)
            details = {f"{tool}_{kind}_ms": round(times[tool], 1)
                       for kind, times in (("cpu", cpu), ("wall", wall)) for tool in commands}
            rows.append({
                "section": "scan", "name": name, "unit": "GB/s",
                "value": round(size / cpu["vyre"] / 1e6, 3),
                "baselines": [{"name": tool, "value": round(size / cpu[tool] / 1e6, 3)}
                              for tool in ("rg", "grep")],
                "details": dict(details, **{f"cpu_of_{tool}": round(cpu["vyre"] / cpu[tool], 3)
                                            for tool in ("rg", "grep")}),
            })
    version = subprocess.run(["rg", "--version"], capture_output=True, text=True, check=True)
    print_rows(rows, asked, rg=version.stdout.split("\n")[0])


main()

#!/usr/bin/env python3
"""Times `vyre run` on the examples beside the tools that users have for the same: processor time of
whole processes, in turns.

usage: bench/programs_bench.py VYRE [--megabytes N] [--rounds N] [--cc CC]    to standard output

The text is made up: lines of an access log, always the same. A value is bytes in a second of
processor time, or processor time in ms for the start of a command; `cpu_of_tool` is the ratio of
the medians. All answers are compared before a number is written.
"""
import argparse
import base64
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import zlib

from processes import measure, medians, print_rows

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "docs" / "examples"

# Ten lines of C that a user would write instead of byte_histogram.vir.
HISTOGRAM_C = r"""
#include <stdio.h>
int main(int argc, char **argv) {
  static unsigned counts[256];
  static unsigned char buffer[1 << 16];
  FILE *file = fopen(argv[1], "rb");
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
    for (size_t i = 0; i < n; ++i) ++counts[buffer[i]];
  for (int v = 0; v < 256; ++v) printf("%u\n", counts[v]);
}
"""

# What gzip -l and the like compute, by zlib itself.
CRC_C = r"""
#include <stdio.h>
#include <zlib.h>
int main(int argc, char **argv) {
  static unsigned char buffer[1 << 16];
  unsigned long crc = crc32(0, 0, 0);
  FILE *file = fopen(argv[1], "rb");
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) crc = crc32(crc, buffer, n);
  printf("%08lx\n", crc);
}
"""


def make_text(size, path):
    r = random.Random(3)
    codes = ["200"] * 80 + ["404"] * 8 + ["301"] * 6 + ["500", "502", "503"]
    lines = []
    for _ in range(40_000):
        lines.append("%d.%d.%d.%d - - [30/Nov/2026:10:%02d:%02d] \"GET /static/%s/item_%d.html "
                     "HTTP/1.1\" %s %d \"-\" \"Mozilla/5.0 (X11; Linux)\"\n" % (
                         *(r.randrange(256) for _ in range(4)), r.randrange(60), r.randrange(60),
                         r.choice(["img", "css", "needle", "js", "pages"]), r.randrange(100_000),
                         r.choice(codes), r.randrange(50_000)))
    block = "".join(lines).encode()
    with open(path, "wb") as file:
        left = size
        while left > 0:
            left -= file.write(block[:left])


def first_number(output):
    return int(output.split()[0])


def cases_of(vyre, folder, text, encoded, tiny, compiled):
    """(name, command of vyre, name and command of the tool, what both outputs must agree on)"""
    run = [vyre, "run", "--executor", "cpu"]

    def example(name):
        return str(EXAMPLES / f"{name}.vir")

    yield ("line_count", run + [example("line_count"), text, "--format", "u32"],
           "wc -l", ["wc", "-l", text], first_number)
    yield ("byte_histogram", run + [example("byte_histogram"), text, "--format", "u32"],
           "10 lines of C", [compiled["histogram"], text],
           lambda out: [int(word) for word in out.replace(b",", b" ").split()])
    yield ("count_status", run + [example("count_status"), text, "--format", "u32"],
           "rg -c", ["rg", "-c", '" 5.. ', text], first_number)
    yield ("literal_count",
           run + [example("literal_count"), text, "--bind", "pattern=text:needle", "--bind",
                  "seen=@seen", "--format", "u32"],
           "rg --count-matches", ["rg", "--count-matches", "needle", text], first_number)
    yield ("crc32", run + [example("crc32"), text, "--format", "hex32"],
           "zlib", [compiled["crc"], text], lambda out: int(out.split()[0], 16))
    yield ("base64_decode",
           run + [example("base64_decode"), encoded, "--count", "words=len(text) * 3 / 16 + 1",
                  "--trim", "words=length", "--output", "words", "--format", "raw"],
           "base64 -d", ["base64", "-d", encoded], lambda out: zlib.crc32(out))
    yield ("start/run", run + [example("line_count"), tiny, "--format", "u32"],
           "wc -l", ["wc", "-l", tiny], first_number)
    yield ("start/scan", [vyre, "scan", "--executor", "cpu", "-e", "needle", tiny],
           "rg -F", ["rg", "-F", "-N", "--no-heading", "needle", tiny], lambda out: out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vyre")
    parser.add_argument("--megabytes", type=int, default=268)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--only", help="rows whose name begins so")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        text, encoded, tiny = (os.path.join(folder, n) for n in ("text", "encoded", "tiny"))
        make_text(asked.megabytes * 1_000_000, text)
        with open(text, "rb") as file:
            pathlib.Path(encoded).write_bytes(
                base64.encodebytes(file.read(asked.megabytes * 250_000)))
        pathlib.Path(tiny).write_bytes(b"a needle\n")
        compiled = {}
        for name, source, libraries in (("histogram", HISTOGRAM_C, []), ("crc", CRC_C, ["-lz"])):
            path = os.path.join(folder, name)
            pathlib.Path(path + ".c").write_text(source)
            subprocess.run([asked.cc, "-O2", path + ".c", "-o", path] + libraries, check=True)
            compiled[name] = path
        for name, ours, tool, theirs, answer in cases_of(asked.vyre, folder, text, encoded, tiny,
                                                         compiled):
            if asked.only and not name.startswith(asked.only):
                continue
            taken = {"vyre": [], "tool": []}
            for _ in range(asked.rounds * (5 if name.startswith("start/") else 1)):
                answers = []
                for who, command in (("vyre", ours), ("tool", theirs)):
                    *times, output = measure(command)
                    taken[who].append(times)
                    answers.append(answer(output))
                if answers[0] != answers[1]:
                    sys.exit(f"{name}: vyre and {tool} do not agree")
            cpu, wall = medians(taken)
            size = os.path.getsize(encoded if name == "base64_decode" else text)
            starts = name.startswith("start/")

            def value_of(ms):
                return round(ms, 2) if starts else round(size / ms / 1e6, 3)

            rows.append({
                "section": "programs", "name": name, "unit": "ms" if starts else "GB/s",
                "value": value_of(cpu["vyre"]),
                "baselines": [{"name": tool, "value": value_of(cpu["tool"])}],
                "details": {"cpu_of_tool": round(cpu["vyre"] / max(cpu["tool"], 0.01), 3),
                            "vyre_cpu_ms": round(cpu["vyre"], 2),
                            "tool_cpu_ms": round(cpu["tool"], 2),
                            "vyre_wall_ms": round(wall["vyre"], 2),
                            "tool_wall_ms": round(wall["tool"], 2)},
            })
    print_rows(rows, asked)


main()

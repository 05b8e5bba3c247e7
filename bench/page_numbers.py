#!/usr/bin/env python3
"""Compares the measured numbers on the pages with bench/results/*.json, or writes them anew.

usage: bench/page_numbers.py [--write] [--root FOLDER]

A table with a column `row` holds numbers of the JSON file that the text before it names
(From `bench/results/NAME.json`). The cell names the row: section and name of our own benches, or
the beginning of the name of a benchmark, and after it a counter if it is not the rate. Every other
cell with a speed is checked; one that begins with a label and a colon is of the baseline whose name
has a word of the label. --write puts the value of the JSON there, with three significant digits.

A speed in the text must be a value of a JSON file that its section names, rounded to the digits
that it shows. Speeds are rates (items/s, GB/s), and times that say p50 or p99. Decisions and the
changelog are dated records and are left out.
"""
import argparse
import json
import math
import pathlib
import re
import statistics
import sys

PREFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
TIME = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
WHAT = r"(?:items|tasks|files|requests|op)/s|B/s"
NUMBER = r"\d[\d,]*(?:\.\d+)?(?: [kMG])?"
RATE = re.compile(rf"((?:{NUMBER} / )*)(\d[\d,]*(?:\.\d+)?) ([kMG] ?)?({WHAT})\b")
LATENCY = re.compile(rf"((?:{NUMBER} / )*)(\d[\d,]*(?:\.\d+)?) (ns|us|ms) (p50|p99)\b")
CELL = re.compile(rf"^(?:([^:]*): )?(\d[\d,]*(?:\.\d+)?) (?:([kMG] ?)?({WHAT})|(ns|us|ms))$")
NAMED = re.compile(r"`(?:bench/)?(?:results/)?([a-z0-9_]+\.json)`")
LEFT_OUT = ("docs/decisions/", "CHANGELOG.md", "shared/", "build/")


def scale_of(unit):
    """(kind, factor) of a unit as the benches and the pages write it."""
    words = unit.split()
    if words and words[0] in TIME:
        return "time", TIME[words[0]]
    prefix, rest = "", unit
    found = re.match(r"([kMG]?) ?(items|tasks|files|requests|op|B|looks|slots)/s", unit)
    if not found:
        return None, 1.0
    prefix, rest = found.groups()
    return ("bytes" if rest == "B" else "rate"), PREFIX[prefix]


class Results:
    """The values of one JSON file, each as (kind, value in SI units)."""

    def __init__(self, data):
        self.values = []
        self.rows = {}
        for row in data.get("rows", []):
            kind, factor = scale_of(row["unit"])
            self.rows[(row["section"], row["name"])] = row
            for one in [row] + row.get("baselines", []):
                if one.get("value") is not None:
                    self.values.append((kind, one["value"] * factor))
            details = row.get("details", {})
            self.values += [(kind, details[k] * factor) for k in ("best", "worst") if k in details]
            self.add_suffixed(details)
        self.benchmarks = {}
        for one in data.get("benchmarks", []):
            if one.get("run_type") == "iteration":
                self.benchmarks.setdefault(one["name"], []).append(one)
        for runs in self.benchmarks.values():
            self.values.append(("time", median(runs, "real_time") * TIME[runs[0]["time_unit"]]))
            for key in runs[0]:
                if key.endswith("_per_second"):
                    kind = "bytes" if key.startswith("bytes") else "rate"
                    self.values.append((kind, median(runs, key)))
                elif key.endswith("_ns"):
                    self.values.append(("time", median(runs, key) * 1e-9))
        if "rows" not in data and "benchmarks" not in data:
            self.add_nested(data)

    def add_suffixed(self, details):
        for key, value in details.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            for unit, factor in TIME.items():
                if key == unit or key.endswith("_" + unit) or key.startswith(unit + "_"):
                    self.values.append(("time", value * factor))
            if key == "GB_per_s":
                self.values.append(("bytes", value * 1e9))
            if key.endswith("_gops"):
                self.values.append(("rate", value * 1e9))

    def add_nested(self, node):
        if isinstance(node, dict):
            self.add_suffixed(node)
            for child in node.values():
                self.add_nested(child)
        elif isinstance(node, list):
            for child in node:
                self.add_nested(child)

    def of_row(self, names, label):
        """(kind, value) that a table's cell has to show; a text says why there is none."""
        if len(names) == 2 and tuple(names) in self.rows:
            row = self.rows[tuple(names)]
            kind, factor = scale_of(row["unit"])
            if not label:
                return kind, row["value"] * factor
            words = set(re.findall(r"\w+", label.lower()))
            for one in row["baselines"]:
                if words & set(re.findall(r"[a-z0-9]+", one["name"].lower())):
                    return kind, one["value"] * factor
            return None, f"no baseline of {names} has a word of '{label}'"
        found = [n for n in self.benchmarks if (n + "/").startswith(names[0] + "/")]
        if len(found) != 1 or label:
            return None, f"{len(found)} benchmarks are named {names[0]}"
        runs = self.benchmarks[found[0]]
        key = names[1] if len(names) > 1 else "items_per_second"
        if key not in runs[0]:
            return None, f"{found[0]} has no {key}"
        if key.endswith("_ns"):
            return "time", median(runs, key) * 1e-9
        return "rate", median(runs, key)


def median(runs, key):
    return statistics.median(run[key] for run in runs if key in run)


def three_digits(value):
    digits = 2 - math.floor(math.log10(abs(value)))
    value = round(value, digits)
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


class Page:
    def __init__(self, path, text, results, write):
        self.path, self.results, self.write = path, results, write
        self.lines = text.split("\n")
        self.problems = []

    def fail(self, number, what):
        self.problems.append(f"{self.path}:{number + 1}: {what}")

    def load(self, name):
        path = self.results / name
        if not path.exists():
            return None
        return Results(json.loads(path.read_text()))

    def check(self):
        section, fenced, header = 0, False, None
        sections, tables = [], set()
        for i, line in enumerate(self.lines):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            if line.startswith("#"):
                sections.append((section, i))
                section = i
            if not line.startswith("|"):
                header = None
                continue
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if header is None:
                header = cells
            elif "row" in header and not set(line) <= set("|-: "):
                tables.add(i)
                self.check_row(i, section, header, cells)
        sections.append((section, len(self.lines)))
        for begin, end in sections:
            self.check_text(begin, end, tables)
        return "\n".join(self.lines)

    def check_row(self, i, section, header, cells):
        files = NAMED.findall("\n".join(self.lines[section:i]))
        names = re.findall(r"`([^`]+)`", cells[header.index("row")])
        results = self.load(files[-1]) if files else None
        if results is None or not names:
            self.fail(i, "no JSON file is named before this table, or the cell names no row")
            return
        seen = 0
        for cell in cells:
            found = CELL.match(cell)
            if not found:
                continue
            seen += 1
            label, shown, prefix, what, time = found.groups()
            unit = time or (prefix or "") + what
            kind, factor = scale_of(unit)
            have, value = results.of_row(names, label)
            if have is None:
                self.fail(i, f"{files[-1]}: {value}")
            elif have != kind:
                self.fail(i, f"'{cell}' is a {kind}, the row of {files[-1]} a {have}")
            elif shown != (right := three_digits(value / factor)):
                if self.write:
                    self.lines[i] = self.lines[i].replace(cell, cell.replace(shown, right, 1))
                else:
                    self.fail(i, f"'{cell}': {files[-1]} has {right}")
        if seen == 0:
            self.fail(i, "the row has no number with a unit")

    def check_text(self, begin, end, tables):
        fenced, text, starts = False, "", []
        for i in range(begin, end):
            if self.lines[i].lstrip().startswith("```"):
                fenced = not fenced
            if not fenced and i not in tables:
                starts.append((len(text), i))
                text += self.lines[i].strip() + " "
        files = sorted(set(NAMED.findall(text)))
        values = [v for r in map(self.load, files) if r for v in r.values]
        for pattern in (RATE, LATENCY):
            for found in pattern.finditer(text):
                line = max(i for at, i in starts if at <= found.start())
                self.check_speeds(line, found, files, values)

    def check_speeds(self, line, found, files, values):
        chain, last, third, unit = found.groups()
        if unit in ("p50", "p99"):
            kind, factor, prefix = "time", TIME[third], ""
        else:
            prefix = (third or "").strip()
            kind, factor = scale_of(prefix + unit)
        for shown in [n for n in chain.split(" / ") if n] + [last]:
            digits, _, own = shown.partition(" ")
            here = PREFIX[own] if own else factor
            number = float(digits.replace(",", ""))
            half = 0.5 * 10.0 ** -len(digits.partition(".")[2]) * here * 1.001
            if not files:
                self.fail(line, f"'{found.group(0)}': the section names no file of bench/results")
                return
            if not any(k == kind and abs(v - number * here) <= half for k, v in values):
                self.fail(line, f"'{found.group(0)}': no value of {', '.join(files)} is {shown}")


def pages_of(root):
    for path in sorted(root.rglob("*.md")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(LEFT_OUT) and "/build" not in name:
            yield name, path


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    root = pathlib.Path(options.root)
    problems = []
    for name, path in pages_of(root):
        text = path.read_text()
        page = Page(name, text, root / "bench/results", options.write)
        new = page.check()
        problems += page.problems
        if options.write and new != text:
            path.write_text(new)
            print(f"{name}: written anew")
    for problem in problems:
        print(problem)
    if problems:
        print("bench/page_numbers.py --write mends the numbers of tables with a `row` column")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

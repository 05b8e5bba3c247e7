#!/usr/bin/env python3
"""`vyre report` merges, compares, judges and converts reports of real runs.

Usage: report_test.py VYRE CASE [SEED]
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser

from report_support import PROGRAM, VYRE, check, line, main, report, vyre, write

def sum_of(documents, *path):
    total = 0
    for document in documents:
        for key in path:
            document = document[key]
        total += document
    return total


READER = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as text_families
text = sys.stdin.read()
json.dump([[f.name, f.type, f.unit, [[s.name, s.labels, s.value] for s in f.samples]]
           for f in text_string_to_metric_families(text)], sys.stdout)
# What the textfile collector reads is the older form.
assert sum(len(f.samples) for f in text_families(text)) > 100
"""


OTLP_READER = """
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
sent = json.load(sys.stdin)
def as_protobuf(value):  # OTLP writes ids in hexadecimal, the mapping of bytes is base64
    if isinstance(value, list):
        return [as_protobuf(one) for one in value]
    if isinstance(value, dict):
        return {key: base64.b64encode(bytes.fromhex(one)).decode()
                if key in ("traceId", "spanId") else as_protobuf(one)
                for key, one in value.items()}
    return value
data = TracesData() if "resourceSpans" in sent else MetricsData()
json_format.ParseDict(as_protobuf(sent), data)
json.dump(json_format.MessageToDict(data), sys.stdout)
"""


def read_by(module, where, script, text):
    """What the script makes of the text, by a Python that has the module: this one, Debian's, or
    the one that VYRE_READER_PYTHON names."""
    for python in (sys.executable, "/usr/bin/python3", os.environ.get("VYRE_READER_PYTHON")):
        if python is None:
            continue
        has = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
        if has.returncode == 0:
            read = subprocess.run([python, "-c", script], input=text, capture_output=True,
                                  check=False)
            check(read.returncode == 0, read.stderr.decode())
            return json.loads(read.stdout)
    print(f"{module} is not installed ({where})")
    sys.exit(77)


def open_metrics_are_read_by_prometheus_client():
    day = [report(f"d{i}", "--label", "job=day", "--label", "op=\"\\x", files=i + 1)
           for i in range(3)]
    night = report("n", "--label", "job=night")
    exported = vyre("report", "export", "d0", "d1", "d2", "n", "--format", "openmetrics", "-o",
                    "out.prom")
    check(exported.returncode == 0 and exported.stdout == b"", exported.stderr)
    with open("out.prom", "rb") as file:
        families = {name: (kind, unit, samples)
                    for name, kind, unit, samples in
                    read_by("prometheus_client.openmetrics.parser",
                            "Debian: python3-prometheus-client", READER, file.read())}

    def value(family, sample, **labels):
        found = [v for n, its, v in families[family][2]
                 if n == sample and labels.items() <= its.items()]
        check(len(found) == 1, family, sample, labels, found)
        return found[0]

    op = night["ops"][0]["name"]
    check(families["vyre_op_items"][0] == "counter", families["vyre_op_items"])
    check(value("vyre_op_items", "vyre_op_items_total", job="day", op=op) ==
          sum(len(d["ops"]) and d["ops"][0]["items"] for d in day))
    check(value("vyre_items_processed", "vyre_items_processed_total", job="night") == 3)
    check(value("vyre_items_processed", "vyre_items_processed_total", job="day",
                run_op="\"\\x") == 6)
    check(families["vyre_op_running_seconds"][:2] == ("histogram", "seconds"))
    for name in ("latency", "running", "queueing"):
        family = f"vyre_op_{name}_seconds"
        check(value(family, family + "_count", job="day") == 6, name)
        check(value(family, family + "_bucket", job="day", le="+Inf") == 6, name)
        total = sum(d["ops"][0][name]["sum_ns"] for d in day)
        check(abs(value(family, family + "_sum", job="day") - total / 1e9) < 1e-12, name)
    wall = sum_of(day, "report", "wall_time_ns") / 1e9
    check(abs(value("vyre_wall_time_seconds", "vyre_wall_time_seconds_total", job="day") -
              wall) < 1e-9)
    peak = max(d["process"]["peak_resident_bytes"] for d in day)
    check(value("vyre_process_peak_resident_bytes", "vyre_process_peak_resident_bytes",
                job="day") == peak)
    check(value("vyre_run_info", "vyre_run_info", job="night", id=night["run"]["id"]) == 1)


def promtool_takes_names_and_types_as_they_are():
    if shutil.which("promtool") is None:
        print("promtool is not installed (Debian: prometheus)")
        sys.exit(77)
    report("a", "--label", "job=x", "--report-files")
    report("b", "--plan", "--lineage", "--rule", "r1")
    exported = vyre("report", "export", "a", "b", "--format", "openmetrics")
    judged = subprocess.run(["promtool", "check", "metrics"], input=exported.stdout,
                            capture_output=True, timeout=60, check=False)
    # It reads the older form, in which the family of a counter has the ending of its samples.
    said = [one for one in judged.stderr.decode().splitlines()
            if not one.endswith("_total no help text")]
    check(judged.returncode in (0, 3) and said == [], judged.returncode, said)


def otlp_is_read_by_protobuf():
    runs = [report("a", "--label", "job=x"), report("b", "--plan", "--lineage", "--rule", "r1")]
    where = "PyPI: opentelemetry-proto"
    module = "opentelemetry.proto.trace.v1.trace_pb2"
    exported = vyre("report", "export", "a", "b", "--format", "otlp-metrics")
    resources = read_by(module, where, OTLP_READER, exported.stdout)["resourceMetrics"]
    check(len(resources) == 2, exported.stdout)

    def attributes(of):
        return {one["key"]: next(iter(one["value"].values())) for one in of["attributes"]}

    first = attributes(resources[0]["resource"])
    check(first["service.instance.id"] == runs[0]["run"]["id"] and first["job"] == "x", first)
    metrics = {metric["name"]: metric for metric in resources[0]["scopeMetrics"][0]["metrics"]}
    point = metrics["vyre.op.items"]["sum"]["dataPoints"][0]
    check(point["asDouble"] == 3 and attributes(point)["op"] == runs[0]["ops"][0]["name"], point)
    wall = int(point["timeUnixNano"]) - int(point["startTimeUnixNano"])
    check(wall == runs[0]["report"]["wall_time_ns"], point)
    times = metrics["vyre.op.latency"]["histogram"]["dataPoints"][0]
    counts = [int(count) for count in times["bucketCounts"]]
    check(sum(counts) == int(times["count"]) == 3, times)
    check(len(counts) == len(times["explicitBounds"]) + 1, times)
    check(metrics["vyre.op.latency"]["unit"] == "s")

    exported = vyre("report", "export", "a", "b", "--format", "otlp-traces")
    spans = read_by(module, where, OTLP_READER, exported.stdout)["resourceSpans"]
    span = spans[1]["scopeSpans"][0]["spans"][0]
    said = attributes(span)
    check(span["name"] == "vyre run" and said["vyre.items"] == "3", span)
    rules = [value["stringValue"] for value in said["vyre.lineage.rules"]["values"]]
    check(rules == runs[1]["lineage"]["rules"], rules)


class Page(HTMLParser):
    VOID = {"meta", "br", "link", "img", "wbr"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}")
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def a_page_needs_nothing_else_and_says_what_its_charts_show():
    document = report("a", "--label", "job=<script>alert(1)</script>&\"x")
    with open("many", "wb") as file:
        for items in range(300):
            document["run"]["started_at"] = f"2026-01-01T00:{items // 60:02}:{items % 60:02}Z"
            file.write(line(document))
    made = vyre("report", "html", "many", "-o", "page.html")
    check(made.returncode == 0 and made.stdout == b"", made.stderr)
    with open("page.html", encoding="utf-8") as file:
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    check(not page.open, page.open)
    tags = [tag for tag, _ in page.seen]
    check("script" not in tags and "link" not in tags and "img" not in tags)
    check(not any(name in ("src", "href", "action") for _, its in page.seen for name in its))
    check("http://" not in text and "https://" not in text and "url(" not in text)
    check(("html", {"lang": "en"}) in page.seen and tags.count("title") == tags.count("h1") == 1)
    check(any(its.get("name") == "viewport" for _, its in page.seen))
    check("prefers-color-scheme: dark" in text)
    check(all(its.get("scope") in ("col", "row") for tag, its in page.seen if tag == "th"))
    charts = [its for tag, its in page.seen if tag == "svg"]
    check(len(charts) >= 2 and all(its["role"] == "img" and its["aria-label"] for its in charts))
    check("job=<script>alert(1)</script>&\"x" in page.text, "a label is shown as it is")
    check("300 runs of vyre" in page.text and "The last 200 of 300" in page.text)
    check(str(300 * 3) in page.text, "items of all runs")
    check(len(text) < 200_000, len(text))


def csv_is_read_by_python():
    document = report("a", "--label", "job=a,\"b\"")
    exported = vyre("report", "export", "a", "--format", "csv")
    rows = list(csv.DictReader(exported.stdout.decode().splitlines()))
    numbers = {row["number"]: float(row["value"]) for row in rows}
    check(numbers["items"] == 3 and rows[0]["labels"] == "job=a,\"b\"", rows[0])
    check(rows[0]["run"] == document["run"]["id"])
    check(numbers["input_bytes"] == sum(document["work"][key] for key in
                                        ("read_bytes", "mapped_bytes", "uploaded_bytes")))


def merging_takes_the_memory_of_one_report():
    document = line(report("a"))
    count = 2000

    def peak(lines, *command):
        write("many", document * lines)
        code = ("import os, resource, sys\n"
                "child = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])\n"
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
                "sys.exit(child)\n")
        ran = subprocess.run([sys.executable, "-c", code, VYRE, "report", *command, "-o", "out"],
                             capture_output=True, check=False)
        check(ran.returncode == 0, ran.stderr)
        return int(ran.stdout)

    size = len(document) * count // 1024
    for command in (["export", "many", "--format", "openmetrics"], ["html", "many"],
                    ["gate", "many", "--rule", "faults == 0"], ["merge", "many"]):
        few, many = peak(20, *command), peak(count, *command)
        check(many - few < size / 3, command, f"{few} KiB for few, {many} KiB for {size} KiB")
    with open("out", "rb") as file:
        merged = json.load(file)
    check(merged["report"]["items_processed"] == 3 * count, merged["report"])
    check(merged["run"]["documents"] == count)
    buckets = merged["ops"][0]["latency"]["buckets"]
    check(sum(bucket["count"] for bucket in buckets) == 3 * count, buckets)
    check(vyre("report", "merge", "out", "out", "--format", "line").stdout.count(b"\n") == 1)


def a_gate_says_by_its_exit_code():
    report("a")
    rules = write("rules", b"# all\nfaults == 0\nitems == baseline\n")
    held = vyre("report", "gate", "a", "--baseline", "a", "--rules", rules, "--rule", "files <= 3")
    check(held.returncode == 0 and held.stdout.count(b"held") == 3, held.stdout, held.stderr)
    failed = vyre("report", "gate", "a", "--rule", "items > 3", "--rule", "items == 3")
    check(failed.returncode == 1, failed.stdout)
    check(failed.stdout.startswith(b"failed  items > 3  (3 > 3)  a run 1\nheld"), failed.stdout)
    told = json.loads(vyre("report", "gate", "a", "--rule", "items > 3", "--json").stdout)
    check(told["passed"] is False and told["rules"][0]["holds"] is False, told)
    wrong = vyre("report", "gate", "a", "--rule", "items > > 3")
    check(wrong.returncode == 2 and b"column 9" in wrong.stderr, wrong.stderr)
    report("b", files=5)
    changed = vyre("report", "diff", "a", "b")
    check(changed.returncode == 0, changed.stderr)
    check(b"\nitems " in changed.stdout and b"+66.7%" in changed.stdout, changed.stdout)
    told = json.loads(vyre("report", "diff", "a", "b", "--json").stdout)
    items = next(row for row in told["differences"] if row["name"] == "items")
    check(items["before"]["median"] == 3 and items["after"]["median"] == 5, items)


def unusable_reports_are_told():
    good = line(report("a"))
    newer = good.replace(b"vyre.report/2", b"vyre.report/3")
    nan = json.loads(good)
    nan["report"]["wall_time_ns"] = float("nan")
    for content, code, why in [
            (b"", 3, b"is empty"), (b"{\"a\": 1}\n", 3, b"not a vyre report"),
            (newer, 3, b"vyre.report/3"), (line(nan), 3, b"not valid JSON"),
            (b"[1, 2]\n", 3, b"object"), (bytes(range(256)), 3, b"JSON"),
            (good[:-40], 3, b"no complete report"), (good + newer, 3, b"line 2")]:
        write("bad", content)
        for arguments in (["merge", "bad"], ["diff", "a", "bad"], ["bad"],
                          ["export", "bad", "--format", "csv"],
                          ["gate", "bad", "--rule", "faults == 0"]):
            ran = vyre("report", *arguments)
            check(ran.returncode == code and why in ran.stderr and ran.stdout == b"", arguments,
                  content[:60], ran)
    write("cut", good + good[:-40])
    ran = vyre("report", "merge", "cut")
    check(ran.returncode == 0 and b"line 2 is incomplete" in ran.stderr, ran.stderr)
    check(vyre("report", "merge", "none").returncode == 4)
    old = json.loads(good)
    old["schema"] = "vyre.report/1"
    for key in ("work", "process"):
        del old[key]
    write("old", line(old))
    check(json.loads(vyre("report", "merge", "a", "old").stdout)["work"] is None)


def mistakes_are_named():
    report("a")
    for arguments, why in [(["merge"], b"needs a FILE"), (["diff", "a"], b"takes two files"),
                           (["export", "a"], b"needs --format"),
                           (["gate", "a"], b"at least one rule"),
                           (["gate", "a", "--rule", "items == baseline"], b"none is given"),
                           (["a", "--rule", "items == 3"], b"report gate"),
                           (["merge", "a", "--format", "csv"], b"--format csv"),
                           (["merge", "a", "-o", "a"], b"-o would write 'a'")]:
        ran = vyre("report", *arguments)
        check(ran.returncode == 2 and why in ran.stderr, arguments, ran)
    piped = vyre("report", "merge", "-", given=line(report("a")))
    check(piped.returncode == 0 and json.loads(piped.stdout)["run"]["documents"] == 1)


if __name__ == "__main__":
    main({case.__name__: case for case in (
        open_metrics_are_read_by_prometheus_client, promtool_takes_names_and_types_as_they_are,
        otlp_is_read_by_protobuf,
        csv_is_read_by_python, a_page_needs_nothing_else_and_says_what_its_charts_show,
        merging_takes_the_memory_of_one_report, a_gate_says_by_its_exit_code,
        unusable_reports_are_told, mistakes_are_named)})

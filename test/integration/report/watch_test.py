#!/usr/bin/env python3
"""What watches of a run say, on each executor, and rows for each file.

Usage: watch_test.py VYRE CASE [SEED]
"""

import json

from report_support import PROGRAM, check, main, report, vyre, write

LOOP = b"""workgroup 4, 1, 1;
buffer a: u32[] read_only;
buffer out: u32[1] read_write output live_out;
fn twice(x) {
  let y = x * 2;
  return y;
}
region "sum" {
  if gid.x < len(a) {
    for i in 0..a[gid.x] {
      let d = twice(i);
      atomic_add(out[0], d);
    }
  }
}
"""


def records_of(*flags, program="loop.vir", files=("a", "b")):
    ran = vyre("run", program, *files, *flags)
    check(ran.returncode == 0, ran.stderr)
    return [one for one in ran.stderr.decode().split("\n") if one], ran.stdout


def each_executor_says_the_same():
    write("loop.vir", LOOP)
    write("a", bytes([3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]))
    write("b", bytes([1, 0, 0, 0] * 9))
    for watch in ("12:7=d,i", "#0", "10@1-2", "12=i@0-3", "5", "loop.vir:5:3=i"):
        said = [records_of("--executor", executor, "--watch", watch, *more)
                for executor, more in (("reference", ()), ("cpu", ()), ("cpu", ("--plan",)),
                                       ("cpu", ("--chunk", "1M")))]
        plain = records_of("--executor", "cpu")
        check(plain[0] == [] and plain[1] == said[0][1], plain, said[0][1])
        for lines, out in said[1:3]:
            check([x for x in lines if "watch" in x] == said[0][0], watch, lines, said[0][0])
            check(out == said[0][1], out)
        check(len(said[3][0]) == len(said[0][0]), said[3][0])
    first = said[0][0][0]
    check(first == "vyre run: watch a: loop.vir:5:3; in fn 'twice', called at loop.vir:11:15: "
                   "workgroup 0, lane 0: i = 0", first)


def a_report_has_the_records():
    write("loop.vir", LOOP)
    write("a", bytes([200, 0, 0, 0]))
    write("b", bytes([3, 0, 0, 0]))
    for executor in ("reference", "cpu"):
        ran = vyre("run", "loop.vir", "a", "b", "--executor", executor, "--watch", "12=d",
                   "--watch-records", "100", "--report", "r", "--report-files")
        check(ran.returncode == 0 and b"a: 100 records found no room" in ran.stderr, ran.stderr)
        with open("r", "rb") as file:
            document = json.load(file)
        debug = document["debug"]
        check((debug["written"], debug["dropped"]) == (103, 100), debug)
        check(len(debug["records"]) == 64 and debug["records_rest"] == 39, debug)
        check(document["files"] == {"rows_rest": 0, "rows": [
            {"name": name, "bytes": 4, "items": 1, "failed": 0} for name in ("a", "b")]},
            document["files"])
        merged = json.loads(vyre("report", "merge", "r", "r").stdout)
        check(merged["debug"]["written"] == 206 and merged["debug"]["records_rest"] == 142)
        check(merged["files"]["rows"][1]["bytes"] == 8, merged["files"])
        gate = vyre("report", "gate", "r", "--rule", "debug.dropped == 100", "--rule",
                    "files.rows[b].items == 1")
        check(gate.returncode == 0, gate.stdout)


def a_recording_of_a_watched_run_replays():
    write("loop.vir", LOOP)
    write("a", bytes([9, 0, 0, 0]))
    ran = vyre("record", "loop.vir", "a", "--trace", "t", "--watch", "12=d", "--executor", "cpu")
    check(ran.returncode == 0 and ran.stderr.count(b"watch a: ") == 9, ran.stderr)
    for executor in ("cpu", "reference"):
        again = vyre("replay", "t", "--executor", executor, "--compare", "expected")
        check(again.returncode == 0, again.stdout, again.stderr)
    shown = vyre("replay", "t", "--timeline", "line", "--report", "r", "--label", "job=again",
                 "--compare", "reference")
    check(shown.returncode == 0, shown.stderr)
    with open("r", "rb") as file:
        check(json.load(file)["run"]["labels"] == {"job": "again"})
    with open("line", "rb") as file:
        line = json.load(file)
    check(line["otherData"]["events"] >= 1 and any(
        one.get("name") == "loop.vir" for one in line["traceEvents"]), line)
    for flags, why in ((("--timeline", "x", "--executor", "reference"), b"has none"),
                       (("--label", "a=b"), b"--report"), (("--timeline", "-"), b"standard output"),
                       (("--report", "r", "--label", "bad"), b"'='"),
                       (("--inspect", "--timeline", "x"), b"--inspect")):
        wrong = vyre("replay", "t", *flags)
        check(wrong.returncode == 2 and why in wrong.stderr, flags, wrong)


def files_have_rows_where_they_are_asked_for():
    check(report("plain")["files"] is None)
    document = report("r", "--report-files")
    check([row["bytes"] for row in document["files"]["rows"]] == [7, 77, 147], document["files"])
    write("big.txt", b"x" * 100_001)
    ran = vyre("run", PROGRAM, "big.txt", "none.txt", "--chunk", "64K", "--overlap", "16",
               "--executor", "cpu", "--report", "c", "--report-files")
    check(ran.returncode == 1, ran.stderr)
    with open("c", "rb") as file:
        rows = json.load(file)["files"]["rows"]
    check(rows == [{"name": "big.txt", "bytes": 100_001, "items": 2, "failed": 0},
                   {"name": "none.txt", "bytes": 0, "items": 1, "failed": 1}], rows)
    write("d/x.txt", b"a needle\n" * 50_000)
    write("d/y.txt", b"hay\n")
    ran = vyre("scan", "-e", "needle", "-c", "d", "--executor", "cpu", "--report", "s",
               "--report-files")
    check(ran.returncode == 0, ran.stderr)
    with open("s", "rb") as file:
        rows = json.load(file)["files"]["rows"]
    check([(row["name"], row["bytes"], row["failed"]) for row in rows] ==
          [("d/x.txt", 450_000, 0), ("d/y.txt", 4, 0)], rows)
    out = vyre("report", "export", "c", "--format", "openmetrics").stdout
    check(b'vyre_files_bytes_total{executor="cpu",file="big.txt"} 100001.0' in out, out)


def mistakes_are_named():
    write("loop.vir", LOOP)
    write("a", bytes(4))
    for watch, why in (("12=dd", "no variable 'dd'"), ("99", "near it: 1"), ("x", "LINE"),
                       ("12=d,i,i", "second watch"), ("12@3-1", "0-31"), ("#99", "last one is"),
                       ("other.vir:3", "no text"), ("0", "LINE"), ("12=", "no name")):
        ran = vyre("run", "loop.vir", "a", "--executor", "cpu", "--watch", watch)
        check(ran.returncode == 2 and why in ran.stderr.decode(), watch, ran.stderr)
    check(vyre("asm", "loop.vir", "-o", "loop.vyre").returncode == 0)
    ran = vyre("run", "loop.vyre", "a", "--watch", "12")
    check(ran.returncode == 2 and b"#STATEMENT" in ran.stderr, ran.stderr)
    ran = vyre("run", "hash.crc32c", "a", "--watch", "12")
    check(ran.returncode == 2 and b"no statements" in ran.stderr, ran.stderr)
    ran = vyre("run", "loop.vir", "a", "--watch-records", "5")
    check(ran.returncode == 2 and b"--watch" in ran.stderr, ran.stderr)


if __name__ == "__main__":
    main(globals())

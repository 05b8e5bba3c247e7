#!/usr/bin/env python3
"""What a run says while it lasts, which `vyre top` shows, and a timeline of it.

Usage: live_test.py VYRE CASE [SEED]
"""

import json
import os
import subprocess
import time

from report_support import PROGRAM, VYRE, check, main, report, vyre, write


def lines_of(path):
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def scan_that_waits(name, *more):
    """A search that goes on until its standard input ends, with a snapshot every 20 ms."""
    process = subprocess.Popen(
        [VYRE, "scan", "--executor", "cpu", "--flush-after", "1", "--report", name,
         "--report-every", "20ms", *more, "-e", "needle", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"a needle\n")
    process.stdin.flush()
    return process


def wait_for(what):
    until = time.monotonic() + 30
    while not what():
        check(time.monotonic() < until, "nothing came in 30 s")
        time.sleep(0.01)


def snapshots_come_while_a_run_lasts():
    write("live", b"{\"schema\": \"cut by a cra")
    process = scan_that_waits("live", "--label", "job=x")
    wait_for(lambda: len(lines_of("live")) >= 4)
    process.stdin.write(b"another needle\n" * 1000)
    out, _ = process.communicate(timeout=30)
    check(process.returncode == 0 and out.count(b"needle") == 1001, out[:200])
    lines = lines_of("live")
    check(lines[0] == b"{\"schema\": \"cut by a cra", lines[0])
    documents = [json.loads(one) for one in lines[1:]]
    snapshots, last = documents[:-1], documents[-1]
    check(last["schema"] == "vyre.report/2" and last["run"]["labels"] == {"job": "x"}, last["run"])
    check(all(one["schema"] == "vyre.snapshot/1" and one["run"] == last["run"]["id"]
              for one in snapshots))
    for name in ("items", "input_bytes", "report.published_items"):
        grown = sum(one["deltas"].get(name, 0) for one in snapshots)
        check(grown == snapshots[-1]["totals"][name], name, grown)
    check(snapshots[-1]["totals"]["items"] == last["report"]["items_processed"])
    elapsed = [one["elapsed_ns"] for one in snapshots]
    check(elapsed == sorted(elapsed), elapsed)
    merged = vyre("report", "merge", "live")
    check(json.loads(merged.stdout)["run"]["documents"] == 1, merged.stderr)

    shown = vyre("top", "live")
    check(shown.returncode == 0 and b"line 1 is cut short" in shown.stderr, shown)
    check(vyre("top", PROGRAM).returncode == 3)
    write("whole", b"\n".join(lines[1:]) + b"\n")
    for path, given in (("whole", None), ("-", b"\n".join(lines[1:]) + b"\n")):
        shown = vyre("top", path, given=given)
        check(shown.returncode == 0, shown.stderr)
        rows = shown.stdout.split(b"\n")
        check(rows[-2] == b"the run has ended" and len(rows) == len(snapshots) + 2, shown.stdout)
        items = last["report"]["items_processed"]
        check(f" {items} items (+".encode() in rows[-3], rows[-3])
    told = vyre("top", "whole", "--json")
    check([json.loads(one) for one in told.stdout.splitlines()] == snapshots)
    ended = vyre("top", "-", given=b"\n".join(lines[1:-1]) + b"\n")
    check(ended.returncode == 3 and b"without a report" in ended.stderr, ended)


def a_run_that_is_killed_leaves_its_snapshots():
    process = scan_that_waits("live")
    wait_for(lambda: len(lines_of("live")) >= 2)
    process.kill()
    process.communicate(timeout=30)
    check(all(json.loads(one)["schema"] == "vyre.snapshot/1" for one in lines_of("live")))
    ran = vyre("report", "live")
    check(ran.returncode == 3 and b"snapshots of a run" in ran.stderr, ran.stderr)


def snapshots_go_through_a_pipe():
    os.mkfifo("pipe")
    with open("shown", "wb") as shown:
        top = subprocess.Popen([VYRE, "top", "pipe"], stdout=shown)
        process = scan_that_waits("pipe")
        wait_for(lambda: b"items" in b"".join(lines_of("shown")))
        process.communicate(timeout=30)
        check(process.returncode == 0 and top.wait(timeout=30) == 0)
    check(lines_of("shown")[-1] == b"the run has ended", lines_of("shown"))


def a_timeline_shows_each_item_where_it_ran():
    document = report("r", "--workers", "2", "--timeline", "t.json", files=20)
    with open("t.json", "rb") as file:
        trace = json.load(file)
    events = trace["traceEvents"]
    begun = {one["id"]: one for one in events if one["ph"] == "b"}
    ended = {one["id"]: one for one in events if one["ph"] == "e"}
    check(begun.keys() == ended.keys() and len(begun) == trace["otherData"]["events"])
    check(trace["otherData"]["kept_one_of"] == 1, trace["otherData"])
    items = {one["args"]["position"]: one for one in begun.values() if one["cat"] == "submitted"}
    check(len(items) == 20, items)
    ran = [one for one in events if one["ph"] == "X"]
    check(sorted(one["args"]["position"] for one in ran) == sorted(items), ran)
    by_worker = {}
    for one in ran:
        item = items[one["args"]["position"]]
        check(item["name"] == one["name"] == document["ops"][0]["name"], one)
        check(item["ts"] <= one["ts"] and
              one["ts"] + one["dur"] <= ended[item["id"]]["ts"] + 0.01, one, item)
        by_worker.setdefault((one["pid"], one["tid"]), []).append((one["ts"], one["dur"]))
    check(len(by_worker) <= 2, by_worker.keys())
    for runs in by_worker.values():
        runs.sort()
        check(all(a[0] + a[1] <= b[0] + 0.01 for a, b in zip(runs, runs[1:])), runs)
    reads = [one for one in begun.values() if one["cat"] == "read"]
    check(sum(one["args"]["bytes"] for one in reads) ==
          sum(tier["completed_bytes"] for tier in document["ingest"]["tiers"]), reads)
    named = {(one["pid"], one["tid"]) for one in events if one["name"] == "thread_name"}
    check(named >= set(by_worker), named)

    planned = report("p", "--plan", "--timeline", "p.json", files=20)["planner"]["regions"]
    with open("p.json", "rb") as file:
        regions = [one for one in json.load(file)["traceEvents"] if one.get("cat") == "region"]
    check(len(regions) == planned["bundle"] + planned["chain"] + planned["lanes"], planned)

    text = write("text", b"a needle\n" * 1000)
    ran = vyre("scan", "--executor", "cpu", "needle", text, "--timeline", "s.json")
    check(ran.returncode == 0, ran.stderr)
    with open("s.json", "rb") as file:
        names = {one["name"] for one in json.load(file)["traceEvents"] if one["ph"] == "X"}
    check(names == {"match.literals"}, names)
    for arguments, why in ((["run", PROGRAM, text, "--timeline", "-"], b"--timeline - and"),
                           (["run", PROGRAM, text, "--timeline", text], b"would write"),
                           (["run", PROGRAM, text, "--timeline", "t", "--executor", "reference"],
                            b"has none"),
                           (["scan", "needle", text, "--timeline", "-"], b"--timeline - and")):
        ran = vyre(*arguments)
        check(ran.returncode == 2 and why in ran.stderr and ran.stdout == b"", arguments, ran)


def mistakes_are_named():
    for every in ("0", "1ns", "-1s", "1h", "s", "nan", "1e9"):
        ran = vyre("run", PROGRAM, "--report", "r", "--report-every", every)
        check(ran.returncode == 2 and b"between reports" in ran.stderr, every, ran)
    check(vyre("run", PROGRAM, "--report-every", "1s").returncode == 2)
    ran = vyre("run", PROGRAM, PROGRAM, "--report", "no/folder", "--report-every", "1s")
    check(ran.returncode == 4 and b"No such file" in ran.stderr and ran.stdout == b"", ran)


if __name__ == "__main__":
    main({case.__name__: case for case in (
        snapshots_come_while_a_run_lasts, a_run_that_is_killed_leaves_its_snapshots,
        snapshots_go_through_a_pipe, a_timeline_shows_each_item_where_it_ran,
        mistakes_are_named)})

#!/usr/bin/env python3
"""Exports that go to a collector: a small server on the loopback takes them, and fails before.

Usage: post_test.py VYRE CASE [SEED]
"""

import http.server
import json
import signal
import subprocess
import sys
import threading
import time

from report_support import VYRE, check, main, report, vyre


class Collector:
    """Answers with each of `answers` in turn, (status, headers), and then with 200. None: the
    connection is dropped."""

    def __init__(self, *answers, body=b"not now"):
        seen, left = [], list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, dict(self.headers), text, time.monotonic()))
                answer = left.pop(0) if left else (200, {})
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.seen = seen
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/metrics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def export(collector, *flags, kind="otlp-metrics"):
    ran = vyre("report", "export", "a", "--format", kind, "--post",
               collector if isinstance(collector, str) else collector.url, *flags)
    if b"this build has none" in ran.stderr:
        check(ran.returncode == 3, ran)
        print("this build has no libcurl (Debian: libcurl4-openssl-dev)")
        sys.exit(77)
    return ran


def an_export_arrives_as_it_is_written():
    report("a", "--label", "job=x")
    for kind in ("otlp-metrics", "otlp-traces"):
        with Collector() as collector:
            ran = export(collector, "--header", "Authorization: Bearer abc", "-o", "out", kind=kind)
            check(ran.returncode == 0 and ran.stdout == b"", ran)
            (path, headers, text, _), = collector.seen
        check(path == "/v1/metrics" and headers["Content-Type"] == "application/json", headers)
        check(headers["Authorization"] == "Bearer abc", headers)
        check(json.loads(text) == json.loads(vyre("report", "export", "a", "--format",
                                                  kind).stdout))
        with open("out", "rb") as file:
            check(json.load(file) == json.loads(text))


def a_collector_that_is_not_ready_is_asked_again():
    report("a")
    with Collector((503, {}), None, (429, {"Retry-After": "2"})) as collector:
        ran = export(collector)
        check(ran.returncode == 0, ran.stderr)
        check(len(collector.seen) == 4, len(collector.seen))
        check(len({text for _, _, text, _ in collector.seen}) == 1, "the same text each time")
        times = [at for *_, at in collector.seen]
    check(times[1] - times[0] >= 0.4 and times[3] - times[2] >= 1.9, times)


def tries_have_a_bound():
    report("a")
    with Collector(*[(503, {})] * 9) as collector:
        ran = export(collector, "--retries", "1")
        check(ran.returncode == 4 and b"answers 503: not now (tried 2 times)" in ran.stderr, ran)
        check(len(collector.seen) == 2)
    with Collector(*[(503, {"Retry-After": "3000"})] * 9) as collector:
        began = time.monotonic()
        ran = export(collector, "--post-timeout", "5")
        check(ran.returncode == 4 and b"within --post-timeout" in ran.stderr, ran)
        check(len(collector.seen) == 1 and time.monotonic() - began < 30)
    closed = Collector()
    closed.server.server_close()
    ran = export(closed.url, "--retries", "0")
    check(ran.returncode == 4 and b"tried 1 times" in ran.stderr, ran)


def answers_that_will_stay_are_not_asked_for_again():
    report("a")
    for status, headers in ((400, {}), (401, {}), (302, {"Location": "http://127.0.0.1:1/"})):
        with Collector((status, headers), body=b"x" * 100_000) as collector:
            ran = export(collector)
            check(ran.returncode == 4 and f"answers {status}".encode() in ran.stderr, ran)
            check(len(collector.seen) == 1 and len(ran.stderr) < 600, ran.stderr)


def a_signal_ends_the_wait():
    report("a")
    with Collector((503, {"Retry-After": "100"})) as collector:
        export("http://127.0.0.1:1/", "--retries", "0")  # or the case is skipped
        process = subprocess.Popen([VYRE, "report", "export", "a", "--format", "otlp-metrics",
                                    "--post", collector.url, "--post-timeout", "600"])
        until = time.monotonic() + 30
        while not collector.seen and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        check(process.wait(timeout=30) == 130)


def mistakes_are_named():
    report("a")
    for flags, why in ((("--format", "csv", "--post", "http://127.0.0.1:1/"), b"from a file"),
                       (("--format", "otlp-metrics", "--retries", "1"), b"--post"),
                       (("--format", "otlp-metrics", "--post", ""), b"empty")):
        ran = vyre("report", "export", "a", *flags)
        check(ran.returncode == 2 and why in ran.stderr, flags, ran)
    ran = vyre("report", "merge", "a", "--post", "http://127.0.0.1:1/")
    check(ran.returncode == 2 and b"of an export" in ran.stderr, ran)
    for url in ("file:///etc/passwd", "localhost:4318"):
        ran = export(url)
        check(ran.returncode == 2 and b"is no address" in ran.stderr, ran)
    ran = export("http://127.0.0.1:1/", "--header", "none")
    check(ran.returncode == 2 and b"NAME: VALUE" in ran.stderr, ran)


if __name__ == "__main__":
    main(globals())

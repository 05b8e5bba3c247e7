#!/usr/bin/env python3
"""The files of docs/cookbook.md: promtool accepts those of Prometheus, dashboards and rules ask for
metrics that an export has, and a collector gets what is posted to it.

usage: cookbook_test.py VYRE SOURCE
"""
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from page_commands import blocks_of

SKIPPED = 77


def check(condition, *what):
    if not condition:
        sys.exit("; ".join(str(one) for one in what))


def files_of(text):
    """The blocks that a page calls files, by name."""
    files = {}
    for block in blocks_of(text, []):
        named = re.search(r"[Tt]he file `([^`]+)`[^`]*:$", block.lead)
        if named:
            files[named.group(1)] = "\n".join(block.lines) + "\n"
    return files


def expressions_of(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def promtool(*arguments, given=None):
    ran = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True,
                         timeout=60, check=False)
    check(ran.returncode == 0, f"promtool {' '.join(arguments)}", ran.stdout, ran.stderr)


def posted(text, vyre):
    """What the commands that post send, by path."""
    seen = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    commands = re.findall(r"^vyre (report export .* --post http://localhost:4318\S*)$", text, re.M)
    check(len(commands) == 2, commands)
    for command in commands:
        words = command.replace("localhost:4318", f"127.0.0.1:{server.server_port}").split()
        ran = subprocess.run([vyre, *words], capture_output=True, text=True, timeout=60,
                             check=False)
        if "this build has none" in ran.stderr:
            return None
        check(ran.returncode == 0, command, ran.stderr)
    server.shutdown()
    return seen


def main():
    vyre, source = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    text = (source / "docs/cookbook.md").read_text(encoding="utf-8")
    files = files_of(text)
    with tempfile.TemporaryDirectory(prefix="vyre_cookbook_") as folder:
        os.chdir(folder)
        os.symlink(source / "docs", "docs")
        os.symlink(source / "README.md", "README.md")
        for name, content in files.items():
            pathlib.Path(name).write_text(content, encoding="utf-8")
        path = os.path.dirname(vyre) + os.pathsep + os.environ["PATH"]
        subprocess.run(["sh", "night.sh"], check=True, env={**os.environ, "PATH": path})
        exported = subprocess.run([vyre, "report", "export", "nightly.jsonl", "--format",
                                   "openmetrics"], capture_output=True, text=True, check=True)
        had = set(re.findall(r"^(\w+)[{ ]", exported.stdout, re.M))
        rules = files["vyre.rules.yml"]
        recorded = set(re.findall(r"record: (\S+)", rules))
        dashboard = json.loads(files["dashboard.json"])
        expressions = expressions_of(dashboard)
        check(len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]))
        asked = set(re.findall(r"\bvyre[:_][\w:]+", " ".join([*expressions, rules])))
        check(asked - had - recorded == set(), "no export has", asked - had - recorded)
        check("4318" in files["collector.yml"] and ":4318/v1/traces" in text)
        seen = posted(text, vyre)
        if seen is not None:
            check("resourceSpans" in seen["/v1/traces"] and
                  "resourceMetrics" in seen["/v1/metrics"], seen)
        if shutil.which("promtool") is None:
            print("promtool is not installed (Debian: prometheus)")
            sys.exit(SKIPPED)
        promtool("check", "config", "prometheus.yml")
        promtool("check", "rules", "vyre.rules.yml")
        pathlib.Path("asked.yml").write_text(json.dumps({"groups": [{"name": "asked", "rules": [
            {"record": f"asked:{i}", "expr": expression}
            for i, expression in enumerate(expressions)]}]}), encoding="utf-8")
        promtool("check", "rules", "asked.yml")


if __name__ == "__main__":
    main()

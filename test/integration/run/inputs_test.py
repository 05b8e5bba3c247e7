"""Where `vyre run` and `vyre record` find what they read: folders, lists, compressed files, live
input, files that grow.

Usage: inputs_test.py VYRE CASE [SEED]
"""

import gzip
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import time

from run_support import VYRE, check, main, program, refused, run, same, vyre, write

LINES = program("line_count")


class Live:
    """`vyre` in the background, whose standard output comes line by line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([VYRE, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seen = b""

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, text):
        until = time.monotonic() + 30
        while text not in self.seen:
            ready, _, _ = select.select([self.process.stdout], [], [], until - time.monotonic())
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            check(more, f"{text} is not in {self.seen}", self.process.poll())
            self.seen += more

    def wait_until_read(self, name):
        """It has this file open, and read all of it."""
        until = time.monotonic() + 30
        folder = f"/proc/{self.process.pid}"
        while time.monotonic() < until:
            for number in os.listdir(f"{folder}/fd"):
                try:
                    if os.path.samefile(f"{folder}/fd/{number}", name):
                        with open(f"{folder}/fdinfo/{number}") as info:
                            if int(info.readline().split()[1]) == os.path.getsize(name):
                                return
                except OSError:
                    pass  # closed meanwhile
            time.sleep(0.01)
        check(False, f"{name} was not read")

    def end(self, number=None):
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, (self.seen + out).decode(), err.decode()


def lines_of(names):
    return "".join(f"{name}: {open(name, 'rb').read().count(10)}\n" for name in names)


def folders_and_lists_are_read(r):
    os.makedirs("tree/b/.hidden")
    names = ["tree/a", "tree/b/c", "tree/b/d"]
    for name in [*names, "tree/b/.hidden/e", "tree/.f"]:
        write(name, b"1\n" * r.randint(0, 50))
    os.symlink("../plain", "tree/link")
    write("plain", b"1\n2\n")
    same(run(LINES, "-r", "tree", "plain"), lines_of([*names, "plain"]))
    same(run(LINES, "-r", "--hidden", "tree"),
         lines_of(["tree/.f", "tree/a", "tree/b/.hidden/e", "tree/b/c", "tree/b/d"]))
    same(run(LINES, "-r", "--follow-links", "tree"), lines_of([*names, "tree/link"]))
    write("list", "\n".join([*names, ""]).encode())
    same(run(LINES, "--files-from", "list"), lines_of(names))
    same(run(LINES, "-0", "--files-from", "-", given="\0".join(names).encode()), lines_of(names))
    same(run(LINES, "-r", "--files-from", "-", given=b"tree\n"), lines_of(names))
    same(run(LINES, "--files-from", "-"), "")
    recorded = vyre("record", LINES, "-r", "tree", "--trace", "trace")
    same(recorded.stdout.decode(), lines_of(names))
    missing = vyre("run", LINES, "-r", "tree", "missing")
    check(missing.returncode == 1 and b"missing" in missing.stderr, missing)
    same(missing.stdout.decode(), lines_of(names))
    check(b"errno 21" in vyre("run", LINES, "tree").stderr)
    refused(2, "exclude each other", "run", LINES, "--files-from", "list", "plain")
    refused(2, "-0 is of the list", "run", LINES, "-0", "plain")
    refused(2, "give -r too", "run", LINES, "--hidden", "plain")
    refused(2, "standard input is named 2 times", "run", LINES, "--files-from", "-", "--bind",
            "text=-")
    refused(2, "standard input is named 2 times", "run", LINES, "--files-from", "-",
            given=b"plain\n-\n")


def compressed_files_give_what_they_hold(r):
    text = bytes(r.choices(b"ab\n", k=r.choice([0, 5, 4096, 70000])))
    write("plain", text)
    write("text.gz", gzip.compress(text[:100]) + gzip.compress(text[100:]))
    names = ["plain", "text.gz"]
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "plain", "-o", "text.zst"], check=True)
        names.append("text.zst")
        # A frame that readers skip comes first in files of pzstd.
        write("skip.zst", b"\x50\x2a\x4d\x18\x04\0\0\0size" + open("text.zst", "rb").read())
        names.append("skip.zst")
    count = text.count(b"\n")
    expected = "".join(f"{name}: {count}\n" for name in names)
    same(run(LINES, "-z", *names), expected)
    total = f"total: {count * len(names)}\n"
    small = str(16 * r.randint(1, 300))
    for cut in ([], ["--chunk", small], ["--chunk", "1MB", "--align", "lines"]):
        for executor in ("cpu", "reference"):
            if executor == "reference" and len(text) > 5000:
                continue
            same(run(LINES, "-z", *names, *cut, "--reduce", "sum", "--executor", executor),
                 expected + total, cut, executor)
    same(run(LINES, "-z", "-", given=open("text.gz", "rb").read()), f"{count}\n")
    if len(text) > 100:
        write("cut.gz", open("text.gz", "rb").read()[:-20])
        ran = vyre("run", LINES, "-z", "cut.gz", "plain")
        check(ran.returncode == 1 and b"ends in the middle of gzip data" in ran.stderr, ran)
        refused(1, "holds more than 64 bytes", "run", LINES, "-z", "text.gz", "--max-memory", "64")
    refused(2, "-z reads here", "run", LINES, "-z", "plain", "--tier", "C")


def live_input_is_answered_while_it_lasts():
    live = Live("run", "--executor", "cpu", LINES, "-", "--chunk", "64", "--flush-after", "20")
    live.send(b"1\n" * 8)
    live.wait_for(b"-@0: 8\n")
    live.send(b"1\n" * 32 + b"22\n" * 6)  # two bytes wait for more
    live.wait_for(b"-@16: 32\n-@80: 5\n")
    live.process.stdin.close()
    live.process.stdin = None
    code, out, err = live.end()
    same((code, out), (0, "-@0: 8\n-@16: 32\n-@80: 5\n-@96: 1\n"), err)
    # Lines that come in parts are not cut.
    live = Live("run", "--executor", "cpu", LINES, "-", "--chunk", "64", "--flush-after", "0",
                "--align", "lines")
    live.send(b"1\n2")
    live.wait_for(b"-@0: 1\n")
    live.send(b"2\n3\n")
    live.wait_for(b"-@2: 2\n")
    same(live.end(signal.SIGINT)[0], 130)


def memory_of_live_input_is_bounded():
    """The runs of little and of much input through a pipe are nearly as large."""
    largest = []
    for megabytes in (2, 192):
        with subprocess.Popen(["head", "-c", f"{megabytes}M", "/dev/zero"],
                              stdout=subprocess.PIPE) as source:
            process = subprocess.Popen([VYRE, "run", "reduce.max.u32", "-", "--chunk", "1MB"],
                                       stdin=source.stdout, stdout=subprocess.PIPE)
            same(process.stdout.read(), b"0\n")
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            same(process.returncode, 0)
            largest.append(usage.ru_maxrss)
    check(largest[1] < largest[0] + (120 << 10), largest)


def numbers_that_come_in_parts_are_not_cut(r):
    numbers = [r.randrange(1 << 32) for _ in range(r.randint(1, 200))]
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    live = Live("run", "reduce.max.u32", "-", "--chunk", "128", "--flush-after", "1")
    at = 0
    while at < len(data):
        step = r.randint(1, 200)
        live.send(data[at:at + step])
        at += step
        time.sleep(r.choice([0, 0, 0.005]))  # so that pieces are of any size; none is waited for
    live.process.stdin.close()
    live.process.stdin = None
    same(live.end()[:2], (0, f"{max(numbers)}\n"))


def a_growing_file_is_followed():
    write("log", b"1\n" * 16)
    live = Live("run", "--executor", "cpu", LINES, "--follow", "log", "--chunk", "32",
                "--flush-after", "20", "--report", "report")
    live.wait_for(b"log@0: 16\n")
    with open("log", "ab") as log:
        log.write(b"2\n" * 8)
        log.flush()
        live.wait_for(b"log@32: 8\n")
        os.rename("log", "log.1")
        write("new", b"3\n" * 9)
        log.write(b"4\n" * 8)  # its writer has not noticed yet
        log.flush()
        live.wait_for(b"log@48: 8\n")
    os.rename("new", "log")
    live.wait_for(b"log@0: 8\n")  # 16 of its 18 bytes
    with open("log", "r+b") as log:
        log.truncate(0)
    live.wait_for(b"log@16: 1\n")
    with open("log", "ab") as log:
        log.write(b"5\n" * 8)
    live.wait_for(b"log@16: 1\nlog@0: 8\n")
    code, out, err = live.end(signal.SIGTERM)
    check(code == 143 and os.path.exists("report"), code, err)
    # What was read has its answer when a signal ends it.
    live = Live("run", "--executor", "cpu", LINES, "--follow", "log", "--chunk", "32", "--reduce",
                "sum", "--json")
    live.wait_until_read("log")
    code, out, err = live.end(signal.SIGINT)
    check(code == 130 and '"values":[8]' in out, code, out, err)
    live = Live("run", "--executor", "cpu", LINES, "--follow", "log", "--chunk", "32", "--reduce",
                "sum", "--report", "report")
    live.wait_until_read("log")
    write("new", b"6\n" * 5)
    os.rename("new", "log")
    live.wait_for(b"log: 8\n")
    live.wait_until_read("log")
    code, out, err = live.end(signal.SIGINT)
    check(code == 130 and out == "log: 8\nlog: 5\ntotal: 13\n", code, out, err)
    check("2 of 2 files had ended" in err and "2 of 2 files" in open("report").read(), err)


def scan_follows_a_growing_file():
    write("log", b"a needle\nhay\n")
    live = Live("scan", "--executor", "cpu", "-n", "needle", "--follow", "log", "--flush-after",
                "20")
    live.wait_for(b"1:a needle\n")
    with open("log", "ab") as log:
        log.write(b"half a nee")
        log.flush()
        log.write(b"dle\n")
    live.wait_for(b"3:half a needle\n")
    os.rename("log", "log.1")
    write("log", b"needle again\n")
    live.wait_for(b"1:needle again\n")
    same(live.end(signal.SIGINT)[0], 130)
    live = Live("scan", "--executor", "cpu", "--json", "needle", "--follow", "log")
    live.wait_for(b'"match"')
    code, out, err = live.end(signal.SIGINT)
    kinds = [json.loads(line).get("type") for line in out.splitlines()]
    check(code == 130 and kinds[-2:] == ["summary", None], code, out, err)


def progress_of_one_file_is_in_bytes():
    """On a terminal; elsewhere nothing is shown. No machine is through with the file before the
    line is seen: the reference takes minutes for it."""
    with open("large", "wb") as large:
        large.truncate(1 << 30)
    arguments = ["run", "--executor", "reference", LINES, "large", "--chunk", "64KB", "--reduce",
                 "sum"]
    shown, terminal = pty.openpty()
    process = subprocess.Popen([VYRE, *arguments], stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    seen = b""
    until = time.monotonic() + 30
    while not re.search(rb"run: [0-9.]+ [KM]iB of 1\.0 GiB, [0-9.]+ [KM]?i?B/s, .* left", seen):
        ready, _, _ = select.select([shown], [], [], until - time.monotonic())
        check(ready, seen)
        seen += os.read(shown, 65536)
    process.kill()
    process.communicate()
    os.close(shown)
    os.truncate("large", 8 << 20)
    quiet = vyre("run", "--executor", "cpu", LINES, "large", "--chunk", "1MB")
    same(quiet.stderr, b"")


def mistakes_are_named():
    write("f", b"1\n")
    for arguments, why in ((["--follow", "f"], "give --chunk too"),
                           (["--follow", "f", "f", "--chunk", "64"], "one file alone"),
                           (["--follow", "-", "--chunk", "64"], "has a name"),
                           (["--follow", "f", "-z", "--chunk", "64"], "exclude each other"),
                           (["--follow", "f", "--chunk", "64", "-o", "x"], "use --out-dir"),
                           (["--follow", "f", "--chunk", "64", "--tier", "C"], "--tier has no"),
                           (["f", "--flush-after", "x"], "--flush-after")):
        refused(2, why, "run", LINES, *arguments)
    missing = vyre("run", LINES, "--follow", "missing", "--chunk", "64")
    check(missing.returncode == 1 and b"missing" in missing.stderr, missing)
    folder = vyre("run", LINES, "--follow", ".", "--chunk", "64")
    check(folder.returncode == 1 and b"no regular file" in folder.stderr, folder)
    with open("huge", "wb") as huge:
        huge.truncate(5 << 30)
    refused(3, "--chunk BYTES cuts it", "run", LINES, "f", "huge")
    refused(1, "--chunk BYTES cuts the input", "run", LINES, "-", "--max-memory", "99",
            given=b"1" * 100)


main(globals())

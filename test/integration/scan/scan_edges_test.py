"""What a search does at its edges: outputs over inputs, very many matches, damaged and live
compressed data. Cases as in scan_test.py."""

import gzip
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from scan_support import VYRE, check, main, need, run, same, scan, write, write_words


def a_report_never_lands_on_what_is_searched():
    write("d/a", b"foo\n")
    write("list", b"d/a\n")
    os.symlink("d/a", "link")
    os.makedirs("links")
    os.symlink("../d/a", "links/l")
    for arguments in (["foo", "d"], ["foo", "--files-from", "list"], ["foo", "d/a"],
                      ["foo", "link"], ["--follow-links", "foo", "links"]):
        refused = scan(*arguments, "--report", "d/a")
        check(refused.returncode == 2, arguments, refused)
        check(re.search(b"written? .*over|would write", refused.stderr), refused.stderr)
        check(open("d/a", "rb").read() == b"foo\n", arguments, "the file was written over")
    new = scan("foo", "d", "--report", "d/new")
    check(new.returncode == 0 and os.path.exists("d/new"), new)


def peak_bytes(command):
    """What the command had resident at most, and its output."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, output


def many_matches_take_no_more_memory():
    """Words inside each other, and lines that are nothing but matches."""
    write_words([b"-" * n for n in range(1, 41)])
    write("nested", (b"-" * 40 + b"\n") * 2000)
    write("line", b"a" * (4 << 20))
    usual, _ = peak_bytes([VYRE, "scan", "--executor", "cpu", "-c", "zzz", "line"])
    for arguments, answer in ((["-c", "-f", "words", "nested"], b"2000\n"),
                              (["--count-matches", "-f", "words", "nested"], b"2000\n"),
                              (["-l", "-f", "words", "nested"], b"nested\n"),
                              (["-c", "a", "line"], b"1\n"), (["-l", "a", "line"], b"line\n"),
                              (["-q", "a", "line"], b"")):
        peak, output = peak_bytes([VYRE, "scan", "--executor", "cpu", *arguments])
        same(output, answer, arguments)
        check(peak < usual + (64 << 20), arguments, f"{peak >> 20} MiB, {usual >> 20} elsewhere")
    _, shown = peak_bytes([VYRE, "scan", "--executor", "cpu", "-o", "-f", "words", "nested"])
    same(shown, (b"-" * 40 + b"\n") * 2000)


def dense_matches_are_those_of_grep(r):
    """More hits than an output has room for, with words across every cut."""
    for _ in range(3):
        words = sorted({bytes(r.choices(b"ab", k=r.randint(1, 30))) for _ in range(60)})
        write_words(words)
        text = b"".join(r.choices([b"ab", b"ba", b"aab", b"\n"], [9, 9, 9, 1], k=60_000))
        write("text", text)
        for flags in (["-o", "-b"], ["-c"], ["-n"], []):
            mine = scan(*flags, "-f", "words", "text")
            theirs = run(["grep", "-a", "-F", *flags, "-f", "words", "text"])
            same(mine.stdout, theirs.stdout, flags)


def damaged_compressed_files_give_what_stands_before_the_damage(r):
    text = b"".join(b"foo %d %x\n" % (i, r.getrandbits(64)) for i in range(60_000))
    packed = bytearray(gzip.compress(text))
    packed[-8] ^= 1  # of the checksum, which comes last
    write("x.gz", packed)
    found = scan("-z", "-c", "foo", "x.gz")
    same(found.stdout, b"60000\n")
    check(found.returncode == 2 and b"gzip" in found.stderr, found)
    write("padded.gz", gzip.compress(b"foo\n") + gzip.compress(b"foo\n") + bytes(512))
    padded = scan("-z", "-c", "foo", "padded.gz")
    check((padded.returncode, padded.stdout, padded.stderr) == (0, b"2\n", b""), padded)
    write("junk.gz", gzip.compress(b"foo\n") + b"\0junk")
    check(scan("-z", "-c", "foo", "junk.gz").returncode == 2, "bytes behind the padding")
    need("zstd")
    write("t", text)
    run(["zstd", "-q", "t"])
    frame = bytearray(open("t.zst", "rb").read())
    frame[len(frame) * 3 // 4] ^= 0xFF
    write("t.zst", frame)
    mine = scan("-z", "foo", "t.zst")
    theirs = run(["zstd", "-dc", "t.zst"]).stdout
    check(mine.returncode == 2, mine.stderr)
    check(mine.stdout.startswith(theirs[:theirs.rfind(b"\n") + 1]), len(mine.stdout), len(theirs))


def compressed_pipes_are_answered_while_they_last():
    """Also where what has come of the next member is too little to begin it."""
    packers = [gzip.compress]
    if shutil.which("zstd"):
        packers.append(lambda text: run(["zstd", "-qc"], text).stdout)
    for pack in packers:
        member = pack(b"foo\n")
        process = subprocess.Popen([VYRE, "scan", "--executor", "cpu", "-z", "foo"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(member + member[:1])
        process.stdin.flush()
        begun = time.monotonic()
        same(process.stdout.readline(), b"foo\n")
        check(time.monotonic() - begun < 30, "it waited for the end")
        process.stdin.write(member[1:])
        process.stdin.close()
        same(process.stdout.read(), b"foo\n")
        check(process.wait() == 0, process.returncode)


def a_followed_file_is_left_once_enough_was_found():
    write("log", b"foo\n")
    process = subprocess.Popen([VYRE, "scan", "--executor", "cpu", "-m", "1", "foo", "--follow",
                                "log"], stdout=subprocess.PIPE)
    same(process.stdout.readline(), b"foo\n")
    with open("log", "ab") as log:
        log.write(b"foo again\n")
    time.sleep(0.3)  # in which it would read the file anew
    os.rename("log", "log.1")
    write("log", b"a foo of another file\n")
    same(process.stdout.readline(), b"a foo of another file\n")
    process.send_signal(signal.SIGINT)
    same(process.stdout.read(), b"")
    process.wait()
    os.makedirs("folder")
    refused = scan("foo", "--follow", "folder")
    check(refused.returncode == 2 and b"folder" in refused.stderr, refused)


def the_report_counts_what_was_found():
    """16 bytes of header a piece and 16 a hit, however large the buffers were. A slow machine may
    cut live input into more pieces than one."""
    lines = b"".join(b"word %d\n" % i if i % 100 == 0 else b"other %d\n" % i for i in range(5000))
    write("d/f", lines)
    hits = lines.count(b"word")
    for given, path in ((None, "d/f"), (lines, "-")):
        found = scan("--report", "report.json", "-e", "word", path, given=given)
        check(found.returncode == 0, found)
        with open("report.json", "rb") as file:
            work = json.load(file)["work"]
        more = work["output_bytes"] - 16 * (hits + 1)
        check(more == 0 if given is None else 0 <= more <= 1024, path, work)


def counts_and_exit_codes_agree():
    write("d/f", b"foo\n" + b"x" * 70_000 + b"\n\0\n")
    for chunk in ("64K", "100K", "1M"):
        for flag in ("-c", "--count-matches"):
            one = scan(flag, "-m", "1", "--chunk", chunk, "foo", "d")
            check((one.returncode, one.stdout) == (0, b"d/f:1\n"), chunk, flag, one)
            all_of_it = scan(flag, "--chunk", chunk, "foo", "d")
            check(all_of_it.returncode == 1, chunk, flag, all_of_it)
    refused = scan("--json", "", "d/f")
    check(refused.returncode == 2, refused)
    check(json.loads(refused.stdout)["error"]["code"], refused.stdout)
    bounds = [resource.RLIMIT_AS, (1 << 29, 1 << 29)]
    write_words([b"a" * n for n in range(1, 1025)])
    starved = subprocess.run([VYRE, "scan", "--executor", "cpu", "-o", "-f", "words", "d/f"],
                             capture_output=True, preexec_fn=lambda: resource.setrlimit(*bounds))
    check(starved.returncode in (0, 1, 2), starved)


main(globals())

"""`vyre scan` beside grep and ripgrep on files that a seed makes.

Usage: scan_test.py VYRE CASE [SEED]      Without SEED: a fixed one and a fresh one.
A seed that fails is printed.
Exit code 77: a tool that the case needs is missing.
"""

import gzip
import json
import os
import pty
import select
import signal
import subprocess
import time

from scan_support import (ALPHABETS, ENVIRONMENT, SMALLEST_CHUNK, VYRE, check, main, need, run,
                          same, scan, some_bytes, some_text, some_words, write, write_words)


def matches_are_those_of_grep(r):
    for round in range(14):
        alphabet = ALPHABETS[round % len(ALPHABETS)]
        text = some_text(r, alphabet)
        write("text", text)
        write_words(some_words(r, text, alphabet, r.choice([1, 2, 5])))
        case = r.choice([[], ["-i"]]) if alphabet[-1] < 128 else []
        mine = scan("-a", "-o", "-b", "--chunk", str(SMALLEST_CHUNK), *case, "-f", "words", "text")
        theirs = run(["grep", "-a", "-F", "-o", "-b", *case, "-f", "words", "text"])
        same(mine.stdout, theirs.stdout, f"round {round}", alphabet, case)
        check(mine.returncode == theirs.returncode, mine, theirs.returncode)
        # A pipe is cut into other pieces.
        piped = scan("-a", "-o", "-b", "--chunk", str(SMALLEST_CHUNK), *case, "-f", "words", "-",
                     given=text)
        same(piped.stdout, theirs.stdout, f"round {round}, through a pipe")


def many_words_are_those_of_grep(r):
    text = b"".join(some_bytes(r, r.randint(0, 60), b"abcdef ") + b"\n" for _ in range(20000))
    words = {some_bytes(r, r.randint(5, 12), b"abcdef") for _ in range(10000)}
    write("text", text)
    write_words(sorted(words))
    same(scan("-o", "-b", "-f", "words", "text").stdout,
         run(["grep", "-F", "-o", "-b", "-f", "words", "text"]).stdout)


def lines_and_counts_are_those_of_grep(r):
    names = []
    for i in range(6):
        names.append(f"file{i}")
        write(names[-1], some_text(r, r.choice([b"ab\n", b"abAB \n", b"abc\r\n"])))
    for flags in (["-n"], ["-b"], ["-n", "-b", "-H"], ["-h"], ["-c"], ["-l"], ["-L"], ["-m", "2"],
                  ["-m", "1", "-n", "-o"], ["-i", "-n"], ["-c", "-h"], ["-l", "--null"],
                  ["--null", "-n"], ["-c", "--null"], ["-o", "-n", "-b", "-m", "3"]):
        for words in (["-e", "ab"], ["-e", "aab", "-e", "bbab"], ["-e", "abababababab"]):
            mine = scan(*flags, *words, *names)
            theirs = run(["grep", "-F", *flags, *words, *names])
            same(mine.stdout, theirs.stdout, flags, words)
            check(mine.returncode == theirs.returncode, flags, words, mine.returncode)
    mine = scan("-m", "0", "-c", "ab", *names)
    same(mine.stdout, run(["grep", "-F", "-c", "ab", *names]).stdout)


def messages(output):
    return [json.loads(line) for line in output.splitlines()]


def essence(messages, number):
    kept = []
    for message in messages:
        data = message["data"]
        if message["type"] == "match":
            for place in data["submatches"]:
                if number:
                    check(isinstance(place.pop("pattern"), int))
            kept.append(data)
        elif message["type"] == "begin":
            kept.append(data)
        elif message["type"] == "end":
            kept.append([data["path"], data["stats"]["matches"], data["stats"]["matched_lines"]])
        else:
            check(message["type"] == "summary", message)
            kept.append([data["stats"]["matches"], data["stats"]["searches_with_match"]])
    return kept


def json_is_that_of_ripgrep(r):
    need("rg")
    for alphabet in (b"xyz \n", b"xyz\xff\xc3\xa9\xed\xa0\x80\n", b"xyz\r\n", "xyzé€😀\n".encode()):
        for i in range(3):
            text = some_text(r, alphabet) + b"xyxy"
            write(os.path.join("folder", f"f{i}"), text)
        write("folder/name\xff".encode("latin-1").decode("utf-8", "surrogateescape"), b"xyxy\n")
        words = ["-e", "xyxy", "-e", "zzx"]  # neither begins the other
        mine = scan("--json", "--chunk", str(SMALLEST_CHUNK), *words, "folder")
        theirs = run(["rg", "--json", "-F", "--no-ignore", "--sort", "path", *words, "folder"])
        a, b = essence(messages(mine.stdout), True), essence(messages(theirs.stdout), False)
        for one, other in zip(a, b):
            check(one == other, one, other)
        check(len(a) == len(b), len(a), len(b))
        check(mine.returncode == theirs.returncode == 0, mine.stderr, theirs.stderr)
    write("one", b"he\nshe\n")
    write("words", b"none\nshe\nhe\nshe\n")
    found = [m["data"]["submatches"][0]["pattern"]
             for m in messages(scan("--json", "-f", "words", "one").stdout) if m["type"] == "match"]
    check(found == [2, 1], found)


def folders_are_those_of_ripgrep(r):
    need("rg")
    for i in range(60):
        parts = [r.choice(["a", "b", ".h", "c-d", "c", "e f"]) for _ in range(r.randint(0, 3))]
        name = r.choice(["x", "x.txt", ".y", "z\n1", "Z"]) + str(r.randint(0, 9))
        write(os.path.join("tree", *parts, name), some_text(r, b"ab\n")[:3000] + b"\nneedle\n")
    os.symlink("../tree/a", "tree/link")
    os.symlink("nowhere", "tree/broken")
    os.mkfifo("tree/pipe")
    for flags, theirs in (([], []), (["--hidden"], ["--hidden"])):
        for path in (["tree"], ["./tree/"], ["tree/a", "tree", "tree/b"]):
            path = [p for p in path if os.path.exists(p)]
            mine = scan("-n", *flags, "needle", *path)
            other = run(["rg", "-n", "-F", "--no-heading", "--no-ignore", "--sort", "path", *theirs,
                         "needle", *path])
            same(mine.stdout, other.stdout, flags, path)
    followed = scan("--follow-links", "-l", "needle", "tree")
    check(followed.returncode == 2 and b"broken" in followed.stderr, followed.stderr)
    check(os.path.isdir("tree/a") == (b"tree/link/" in followed.stdout), followed.stdout)
    os.makedirs("loop/inner")
    os.symlink("..", "loop/inner/up")
    write("loop/f", b"needle\n")
    looped = scan("--follow-links", "needle", "loop")
    check(looped.stdout == b"loop/f:needle\n" and b"leads back" in looped.stderr, looped)
    with open("tree/output", "wb") as output:
        write_into = subprocess.run([VYRE, "scan", "--executor", "cpu", "needle", "tree"],
                                    stdout=output, timeout=60, env=ENVIRONMENT)
    check(write_into.returncode == 0)
    with open("tree/output", "rb") as output:
        check(b"tree/output" not in output.read())


def binary_files_are_those_of_ripgrep(r):
    need("rg")
    late = b"needle early\n" + b"x" * 99 + b"\n"
    write("d/early", b"needle\n\0\nneedle\n")
    write("d/late", late * 3000 + b"\0 needle\n")
    write("d/plain", b"needle\n")
    write("d/silent", b"nothing \0 here\n")
    same(scan("-l", "needle", "d").stdout,
         run(["rg", "-l", "-F", "--sort", "path", "needle", "d"]).stdout)
    for path in ("d/early", "d/late", "d/plain", "d/silent"):
        same(scan("needle", path).stdout, run(["rg", "-F", "needle", path]).stdout, path)
        same(scan("-c", "needle", path).stdout,
             run(["rg", "-c", "-F", "--include-zero", "needle", path]).stdout, path)
        same(scan("-a", "needle", path).stdout,
             run(["grep", "-a", "-F", "needle", path]).stdout, path)
    found = scan("needle", "d").stdout
    check(b"d/early" not in found, found[-300:])
    check(b"d/late: WARNING: stopped searching binary file after match" in found, found[-300:])
    check(found.count(b"d/late:needle") == 3000, found.count(b"d/late:needle"))
    check(b"d/early: binary file matches" in scan("--binary", "needle", "d").stdout)
    # The answer does not depend on how the file is cut.
    for flags in ([], ["-m", "5"], ["-o"], ["-c"], ["--json"]):
        answers = set()
        for chunk in (SMALLEST_CHUNK, 131072, 1 << 20):
            output = scan("--chunk", str(chunk), *flags, "needle", "d/late", "d/early").stdout
            answers.add(b"" if flags == ["--json"] else output)
            if flags == ["--json"]:
                answers.add(json.dumps(essence(messages(output), True)).encode())
        answers.discard(b"")
        check(len(answers) == 1, flags, [a[-200:] for a in answers])


def every_place(text, words):
    places = []
    for word in words:
        at = text.find(word)
        while at >= 0:
            places.append((at, at + len(word), word))
            at = text.find(word, at + 1)
    return places


def overlapping_matches_all_come(r):
    for round in range(6):
        text = some_text(r, b"ab\n")
        words = some_words(r, text, b"ab", 4)
        write("text", text)
        write_words(words)
        output = scan("-o", "-b", "--overlapping", "--chunk", str(SMALLEST_CHUNK), "-f", "words",
                      "text").stdout
        mine = [line.split(b":", 1) for line in output.split(b"\n")[:-1]]
        wanted = sorted((begin, word) for begin, _, word in every_place(text, words))
        check(sorted((int(at), word) for at, word in mine) == wanted, f"round {round}", words,
              len(mine), len(wanted))
    # Far more hits than an output has room for.
    write("text", b"a" * 300000)
    count = ["--count-matches", "-e", "a", "-e", "aa"]
    check(scan("--overlapping", *count, "text").stdout == b"599999\n")
    check(scan(*count, "-", given=b"a" * 300000).stdout == b"150000\n")


def compressed_files_are_looked_into(r):
    need("zstd")
    text = some_text(r, b"ab \n") * 3
    write("text", text)
    write("t.gz", gzip.compress(text[:1000]) + gzip.compress(text[1000:]))
    write("t.zst", run(["zstd", "-c", "text"]).stdout + run(["zstd", "-c"], b"more abab\n").stdout)
    expected = scan("-n", "-b", "abab", "text").stdout
    same(scan("-z", "-n", "-b", "abab", "t.gz").stdout, expected)
    same(scan("-z", "-n", "-b", "abab", "text").stdout, expected, "not compressed")
    with open("t.gz", "rb") as file:
        same(scan("-z", "-n", "-b", "abab", "-", given=file.read()).stdout, expected, "a pipe")
    same(scan("-z", "-o", "-h", "abab", "t.zst").stdout,
         run(["grep", "-F", "-o", "abab"], text + b"more abab\n").stdout)
    both = scan("-z", "-c", "abab", "t.gz", "text", "t.zst").stdout.split(b"\n")
    check([line.split(b":")[0] for line in both[:3]] == [b"t.gz", b"text", b"t.zst"], both)
    check(scan("abab", "t.zst").stdout.count(b"\n") <= 2)


def broken_compressed_files_are_told(r):
    text = b"".join(b"needle %d\n" % r.randint(0, 1 << 60) for _ in range(30000))
    whole = gzip.compress(text)
    write("cut.gz", whole[: len(whole) // 2])
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    write("damaged.gz", bytes(damaged))
    write("tail.gz", whole + b"tail")
    write("good", b"needle\n")
    for name, why in (("cut.gz", b"ends in the middle"), ("damaged.gz", b"no valid gzip"),
                      ("tail.gz", b"other bytes behind")):
        ran = scan("-z", "-c", "needle", name, "good")
        check(ran.returncode == 2 and why in ran.stderr and name.encode() in ran.stderr, ran)
        check(b"good:1\n" in ran.stdout, ran.stdout)
        if name != "damaged.gz":
            check(int(ran.stdout.split(b"\n")[0].split(b":")[1]) > 5000, ran.stdout)


def wait_for(descriptor, wanted, seconds):
    got = b""
    end = time.monotonic() + seconds
    while wanted not in got and time.monotonic() < end:
        if select.select([descriptor], [], [], 0.1)[0]:
            got += os.read(descriptor, 65536)
    check(wanted in got, f"{wanted!r} did not come within {seconds} s", got)
    return got


def live_input_is_answered_while_it_lasts(r):
    # Through a pipe.
    process = subprocess.Popen([VYRE, "scan", "--executor", "cpu", "-n", "-e", "needle", "-"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT)
    for i in range(3):
        process.stdin.write(b"hay\na needle %d\n" % i)
        process.stdin.flush()
        wait_for(process.stdout.fileno(), b"%d:a needle %d\n" % (2 * i + 2, i), 20)
    process.stdin.write(b"the last needle")  # no newline yet: the line may go on
    process.stdin.flush()
    time.sleep(0.5)
    check(not select.select([process.stdout], [], [], 0)[0], "half a line came")
    process.stdin.close()
    check(process.stdout.read() == b"7:the last needle\n")
    check(process.wait(20) == 0)
    # On a terminal.
    parent, child = pty.openpty()
    process = subprocess.Popen([VYRE, "scan", "--executor", "cpu", "-e", "needle", "-"],
                               stdin=child, stdout=child, stderr=child, env=ENVIRONMENT)
    os.close(child)
    os.write(parent, b"a needle\n")
    shown = wait_for(parent, b"\033[1;31mneedle\033[m", 20)
    check(b"\033[32m1\033[m" in shown, shown)
    os.write(parent, b"\x04")
    check(process.wait(20) == 0)
    os.close(parent)


def exit_codes_say_what_happened(r):
    write("yes", b"needle\n")
    write("no", b"hay\n")
    for arguments, code in ((["needle", "yes"], 0), (["needle", "no"], 1),
                            (["needle", "yes", "none"], 2), (["needle", "no", "none"], 2),
                            (["-q", "needle", "yes", "none"], 0),
                            (["-q", "needle", "no", "none"], 2), (["-l", "needle", "no"], 1),
                            (["-c", "needle", "no"], 1), (["--json", "needle", "no"], 1)):
        ran = scan(*arguments)
        check(ran.returncode == code, arguments, ran)
        check(("none" in arguments) == (b"none" in ran.stderr), arguments, ran.stderr)
    check(scan("-q", "needle", "yes").stdout == b"")
    empty = write("empty", b"")
    check(scan("needle", empty).returncode == 1)
    check(scan("needle", "/proc/self/status").returncode == 1)
    check(scan("-o", "Name:", "/proc/self/status").stdout == b"Name:\n")
    same(scan("needle", given=b"a needle\n").stdout, b"a needle\n")


def mistakes_are_named(r):
    write("gap", b"word\n\nother\n")
    write("long", b"x\n" + b"y" * 1025 + b"\n")
    write("none", b"")
    write("text", b"word\n")
    for arguments, why in (([], b"no word"), (["", "text"], b"the word is empty"),
                           (["-f", "gap", "text"], b"'gap', line 2: the word is empty"),
                           (["-f", "long", "text"], b"'long', line 2: the word has 1025 bytes"),
                           (["-f", "none", "text"], b"no word to look for"),
                           (["-f", "missing", "text"], b"missing"),
                           (["-0", "word", "text"], b"--files-from"),
                           (["--files-from", "text", "word", "text"], b"exclude each other"),
                           (["--json", "-c", "word", "text"], b"--json"),
                           (["--chunk", "4096", "word", "text"], b"65536"),
                           (["-m", "-1", "word", "text"], b"-m"),
                           (["--report", "text", "word", "text"], b"--report"),
                           (["--report", "-", "word", "text"], b"standard output"),
                           (["--executor", "x", "word"], b"--executor")):
        ran = scan(*arguments)
        check(ran.returncode == 2 and why in ran.stderr, arguments, ran)
        if "--json" in arguments:
            check(json.loads(ran.stdout)["error"]["message"], arguments, ran)
        else:
            same(ran.stdout, b"", arguments)
    write("crlf", b"word\r\n")
    check(b"CR LF" in scan("-f", "crlf", "text").stderr)


def a_signal_ends_it(r):
    for asked, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen([VYRE, "scan", "--executor", "cpu", "-e", "needle", "--report",
                                    "report.json", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=ENVIRONMENT)
        process.stdin.write(b"a needle\n")
        process.stdin.flush()
        wait_for(process.stdout.fileno(), b"a needle\n", 20)
        process.send_signal(asked)
        check(process.wait(20) == code, process.returncode, process.stderr.read())
        with open("report.json", "rb") as file:
            check(json.load(file)["schema"] == "vyre.report/2")
        os.remove("report.json")
    check(os.listdir(".") == [], os.listdir("."))


def lists_of_paths_are_read(r):
    for name in ("a b", "c\nd", "e"):
        write(name, b"needle in %s\n" % name.replace("\n", " ").encode())
    write("lines", b"e\na b\n")
    same(scan("-h", "--files-from", "lines", "needle").stdout, b"needle in e\nneedle in a b\n")
    same(scan("-h", "-0", "--files-from", "-", "needle", given=b"c\nd\0e\0").stdout,
         b"needle in c d\nneedle in e\n")
    check(scan("--files-from", "-", "needle", given=b"").returncode == 1)


main(globals())

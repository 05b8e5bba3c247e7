"""What the cases of scan_test.py share: running commands, files that a seed makes."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from cases import VYRE, check, main, write  # noqa: E402,F401

ENVIRONMENT = dict(os.environ, LC_ALL="C")
SMALLEST_CHUNK = 65536


def need(tool):
    if shutil.which(tool) is None:
        print(f"{tool} is not installed")
        sys.exit(77)


def run(command, given=None):
    return subprocess.run(command, input=given, capture_output=True, env=ENVIRONMENT, timeout=60)


def scan(*arguments, given=None):
    return run([VYRE, "scan", "--executor", "cpu", *arguments], given)


def same(mine, theirs, *what):
    if mine == theirs:
        return
    ours, others = mine.split(b"\n"), theirs.split(b"\n")
    for i in range(max(len(ours), len(others))):
        a = ours[i] if i < len(ours) else b"(end)"
        b = others[i] if i < len(others) else b"(end)"
        check(a == b, *what, f"line {i + 1}: {a[:200]!r}, expected {b[:200]!r}")


def write_words(words):
    write("words", b"".join(word + b"\n" for word in words))


def some_bytes(r, count, alphabet):
    return bytes(r.choices(alphabet, k=count))


ALPHABETS = [
    b"ab\n",
    b"abAB \n",
    b"abc\r\n",
    b"ab\0\n",
    b"ab\xff\xc3\xa9\n",
    bytes(range(256)),
    b"ab",
]


def some_text(r, alphabet):
    """A text whose length is often near a boundary of chunks."""
    near = r.choice([0, 1, 2, 100, SMALLEST_CHUNK, 2 * SMALLEST_CHUNK, 3 * SMALLEST_CHUNK])
    text = some_bytes(r, max(0, near + r.randint(-40, 40)), alphabet)
    return text + r.choice([b"", b"\n"])


def some_words(r, text, alphabet, count):
    """Words of the text, also those that lie across a boundary of chunks, and others."""
    words = set()
    while len(words) < count:
        length = r.choice([1, 2, 3, 4, 8, 20, 300, 1024])
        if text and r.random() < 0.7:
            at = r.choice([r.randrange(len(text)), SMALLEST_CHUNK - r.randrange(length + 1)])
            word = text[max(0, at):][:length]
        else:
            word = some_bytes(r, min(length, 12), alphabet)
        word = word.split(b"\n")[0].replace(b"\0", b"")
        words.add(word or bytes([r.choice(b"abcdefgh")]) * r.randint(1, 40))
    return sorted(words)

#!/usr/bin/env python3
"""Writes a header to standard output with its plain comments marked for doxygen.

usage: doxygen_filter.py HEADER

A comment above a declaration describes it, one behind a declaration on the same line describes that
one, and the first comment of a file describes the file. Headings (/* ---- Name ---- */) are left
out. Line numbers stay, so that warnings of doxygen name the right line.
"""
import pathlib
import re
import sys


def plain(words):
    """Text of a comment without the characters that doxygen takes for commands and tags."""
    parts = re.split(r"(`[^`]*`)", words)
    for i in range(0, len(parts), 2):
        parts[i] = parts[i].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        parts[i] = re.sub(r"([\\@#])", r"\\\1", parts[i])
    # No links by full name: doxygen knows the types in the inline namespace only.
    return re.sub(r"\bvyre::", "%vyre::", "".join(parts))


def marked_c(path, text):
    """Comments of a C header, on one line or on several."""
    out, inside, first = [], False, True
    for line in text.split("\n"):
        opened = re.match(r"(.*?)/\* (.*)", line)
        if inside:
            line = plain(line)
        elif line.startswith("/* ----"):
            line, opened = "", None
        elif opened and opened[1].strip() and not opened[1].startswith("#"):
            line = f"{opened[1]}/**< {plain(opened[2])}"
        elif opened and not opened[1].startswith("#"):
            line = f"{opened[1]}/** {f'{chr(92)}file {path} ' if first else ''}{plain(opened[2])}"
            first = False
        if opened or inside:
            inside = "*/" not in line
        out.append(line)
    return "\n".join(out)


def marked_cpp(path, text):
    """Comments of a C++ header."""
    out, head = [], True
    for number, line in enumerate(text.split("\n")):
        head = head and line.startswith("//")
        found = re.match(r"(.*?)//(/?) (.*)", line)
        if found and head:
            line = f"/// {f'{chr(92)}file {path} ' if number == 0 else ''}{plain(found[3])}"
        elif found and found[2]:
            line = f"{found[1]}/// {plain(found[3])}"
        elif found and found[1].strip():
            line = f"{found[1]}///< {plain(found[3])}"
        out.append(line)
    return "\n".join(out)


def main(header):
    path = pathlib.Path(header)
    text = path.read_text(encoding="utf-8")
    mark = marked_c if path.suffix == ".h" else marked_cpp
    sys.stdout.write(mark(path.as_posix(), text))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

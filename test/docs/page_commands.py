#!/usr/bin/env python3
"""Runs the commands of a page as they are written, and compares what they print.

usage: page_commands.py PAGE SOURCE BUILD [--section HEADING]...

One shell runs all of it, in a folder that looks like the root of the repository (its documents, and
BUILD as build/release) with a home of its own. What counts:

  The file `NAME`:         the next block is written to NAME
  a block ```sh            runs as a script and has to succeed
  a block with `$ ` lines  each line is a command; the lines after it are what it prints, with its
                           errors. `...` stands for any text in a line, alone for any lines
  <!-- not run -->         the next block is left out

A line that ends with a backslash goes on in the next one. Without --section the whole page runs.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile


class Block:
    def __init__(self, line, language, lead):
        self.line, self.language, self.lead, self.lines = line, language, lead, []


def blocks_of(text, sections):
    """The fenced blocks of the chosen sections; `lead` is the paragraph before each."""
    block, lead, blank, inside, chosen = None, "", True, not sections, []
    for number, line in enumerate(text.split("\n"), 1):
        fence = line.startswith("```")
        if block is None and line.startswith("#"):
            inside = not sections or line.lstrip("# ") in sections
        if fence and block is None:
            block = Block(number, line[3:].strip(), lead)
        elif fence:
            if inside:
                chosen.append(block)
            block, lead, blank = None, "", True
        elif block is not None:
            block.lines.append(line)
        else:
            if line.strip():
                lead = line.strip() if blank else f"{lead} {line.strip()}"
            blank = not line.strip()
    return chosen


def commands_of(block):
    """(command, expected lines) pairs."""
    commands = []
    for line in block.lines:
        if commands and commands[-1][0].endswith("\\"):
            commands[-1][0] += "\n" + line
        elif line.startswith("$ "):
            commands.append([line[2:], []])
        elif commands:
            commands[-1][1].append(line)
        else:
            sys.exit(f"line {block.line}: output before the first command")
    return commands


def agrees(said, expected):
    """`...` alone stands for any number of lines, in a line for any text."""
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*")
        else:
            parts.append(re.escape(line).replace(r"\.\.\.", r"[^\n]*") + r"\n")
    return re.fullmatch("".join(parts), said) is not None


class Shell:
    END = "== the end of a command: "

    def __init__(self, root):
        environment = {**os.environ, "HOME": str(root / "home"), "PWD": str(root)}
        self.process = subprocess.Popen(["bash"], cwd=root, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def run(self, command):
        """(exit code, what it printed)"""
        self.process.stdin.write(f"{command}\n" f"printf '\\n{self.END}%d\\n' $?\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.startswith(self.END):
                return int(line[len(self.END):]), said[:-1]
            said += line
        sys.exit(f"the shell ended in:\n{command}\nit printed:\n{said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def make_root(folder, source, build):
    root = pathlib.Path(folder)
    (root / "home").mkdir()
    (root / "build").mkdir()
    (root / "build/release").symlink_to(build)
    for name in ("docs", "README.md"):
        (root / name).symlink_to(source / name)
    return root


def run_page(page, blocks, shell):
    """How many commands ran."""
    ran = 0
    for block in blocks:
        place = f"{page}:{block.line}"
        if block.lead == "<!-- not run -->":
            continue
        name = re.fullmatch(r".*[Tt]he file `([^`]+)`:", block.lead)
        if name:
            path = name.group(1)
            text = "\n".join(block.lines)
            code, said = shell.run(f"mkdir -p \"$(dirname '{path}')\" && cat >'{path}' "
                                   f"<<'END OF THE BLOCK'\n{text}\nEND OF THE BLOCK")
            if code != 0:
                sys.exit(f"{place}: cannot write {path}: {said}")
        elif block.language == "sh":
            code, said = shell.run("\n".join(block.lines))
            ran += 1
            if code != 0:
                sys.exit(f"{place}: ended with code {code}:\n{said}")
        elif block.lines and block.lines[0].startswith("$ "):
            for command, expected in commands_of(block):
                code, said = shell.run(command)
                ran += 1
                if said and not said.endswith("\n"):
                    said += "\n"
                if not agrees(said, expected):
                    wanted = "\n".join(expected)
                    sys.exit(f"{place}: $ {command}\nended with code {code} and printed:\n{said}"
                             f"the page says:\n{wanted}")
    return ran


def main(arguments):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--section", action="append", default=[])
    options = parser.parse_args(arguments)
    blocks = blocks_of(options.page.read_text(encoding="utf-8"), options.section)
    with tempfile.TemporaryDirectory(prefix="vyre-page-") as folder:
        root = make_root(folder, options.source.resolve(), options.build.resolve())
        with Shell(root) as shell:
            ran = run_page(options.page, blocks, shell)
    if ran == 0:
        sys.exit(f"{options.page}: no command was found")
    print(f"{options.page}: {ran} commands ran")


if __name__ == "__main__":
    main(sys.argv[1:])

#!/usr/bin/env python3
"""The manual pages and completions that tools/manual.py made, against the command itself.

Usage: manual_test.py CASE VYRE MANUAL

CASE is pages, bash, zsh or fish, VYRE the built command, MANUAL the folder that manual.py filled.
Ends with 77 where the shell, or the tool that reads manual pages, is missing.
"""

import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def need(*tools):
    """The first of some tools that is there."""
    for tool in tools:
        if shutil.which(tool):
            return tool
    print(f"skipped: {' or '.join(tools)} is not installed")
    sys.exit(SKIPPED)


def run(*command, stdin=None, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=cwd,
                          check=False)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"{command[0]} ended with code {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: {found} instead of {expected}")


def pages(vyre, manual):
    """Every command has a page, every option stands on it, and groff finds nothing to say."""
    groff = need("groff")
    for command in [vyre, *vyre["commands"]]:
        name = "vyre" if command is vyre else f"vyre-{command['name']}"
        source = gzip.decompress((manual / f"man/{name}.1.gz").read_bytes()).decode()
        # In full lines, so that no name is broken.
        text = run(groff, "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-ww", "-rLL=200n",
                   stdin=source)
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"):
            expect(f"{section} on the page of {name}", f"\n{section}\n" in f"\n{text}", True)
        for option in [*command["options"], *vyre["options"]]:
            for word in option["names"] or [option["value"]]:
                expect(f"{word} on the page of {name}", word in text, True)
            for choice in option["choices"]:
                expect(f"{choice} of {option['names']} on the page of {name}", choice in text, True)
    expect("pages", len(list((manual / "man").iterdir())), 1 + len(vyre["commands"]))


def cases(vyre, folder):
    """Command lines up to the cursor, and what completes them."""
    (folder / "a.vir").touch()
    (folder / "a.log").touch()
    (folder / "a.dir").mkdir()
    commands = sorted(command["name"] for command in vyre["commands"])
    executors = ["auto", "cpu", "cuda", "reference"]
    return [
        (["vyre", ""], commands),
        (["vyre", "con"], ["conformance"]),
        (["vyre", "--log-level", "debug", "re"], ["record", "replay", "report"]),
        (["vyre", "--log-level", "d"], ["debug"]),
        (["vyre", "run", "--exec"], ["--executor"]),
        (["vyre", "run", "--executor", ""], executors),
        (["vyre", "run", "--tier", ""], ["A", "B", "C", "D", "E", "auto"]),
        (["vyre", "run", "a.vir", "--executor", "c"], ["cpu", "cuda"]),
        (["vyre", "replay", "--pace", "r"], ["recorded"]),
        (["vyre", "record", "--exec"], ["--executor"]),
        (["vyre", "caps", "--exec"], []),
        (["vyre", "run", "a.l"], ["a.log"]),
        (["vyre", "run", "a.vir", "--chunk", "a"], []),
        (["vyre", "run", "--report", "a.v"], ["a.vir"]),
        (["vyre", "caps", "--directory", "a"], ["a.dir"]),
        (["vyre", "run", "--cache-dir", "a"], ["a.dir"]),
        (["vyre", "cache", ""], ["clear", "list", "verify"]),
        (["vyre", "cache", "list", ""], []),
        (["vyre", "replay", "a"], ["a.dir"]),
        (["vyre", "report", "li"], ["lineage"]),
        (["vyre", "report", "a"], ["a.dir", "a.log", "a.vir"]),
        (["vyre", "report", "lineage", "li"], []),
        (["vyre", "run", "hash."], ["hash.crc32c", "hash.xxh64"]),
        (["vyre", "run", "a.vir", "hash."], []),
        (["vyre", "ops", "match."], ["match.literals"]),
    ]


def every_option_is_offered(vyre, complete):
    for command in vyre["commands"]:
        known = {name for option in [*command["options"], *vyre["options"]]
                 for name in option["names"] if name.startswith("--")}
        found = set(complete(["vyre", command["name"], "--"]))
        expect(f"options of {command['name']}", found, known)


def bash(vyre, manual):
    need("bash")
    with tempfile.TemporaryDirectory() as name:
        def complete(words):
            script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vyre; '
                      'for reply in "${COMPREPLY[@]}"; do printf "%s\\n" "$reply"; done')
            return run("bash", "-c", script, "bash", str(manual / "bash/vyre"), *words,
                       cwd=name).split()

        for words, expected in cases(vyre, pathlib.Path(name)):
            expect(f"completion of {words}", sorted(complete(words)), expected)
        expect("completion behind =", complete(["vyre", "run", "--executor", "=", "ref"]),
               ["reference"])
        expect("completion behind = and nothing", complete(["vyre", "replay", "--pace", "="]),
               ["full", "recorded"])
        every_option_is_offered(vyre, complete)


def fish(vyre, manual):
    need("fish")
    with tempfile.TemporaryDirectory() as name:
        def complete(words):
            script = "source $argv[1]; complete -C (string join ' ' -- $argv[2..-1])"
            said = run("fish", "--no-config", "-c", script, str(manual / "fish/vyre.fish"), *words,
                       cwd=name)
            return [line.split("\t")[0].rstrip("/") for line in said.splitlines()]

        for words, expected in cases(vyre, pathlib.Path(name)):
            expect(f"completion of {words}", sorted(complete(words)), expected)
        every_option_is_offered(vyre, complete)


def zsh(vyre, manual):
    """The file is one that zsh reads, and it has all words; completing needs a terminal."""
    need("zsh")
    run("zsh", "-n", str(manual / "zsh/_vyre"))
    text = (manual / "zsh/_vyre").read_text(encoding="utf-8")
    for command in [vyre, *vyre["commands"]]:
        for option in command["options"]:
            for word in [*option["names"], " ".join(option["choices"]),
                         " ".join(option["words"])]:
                expect(f"{word} in the file for zsh", word in text, True)


if __name__ == "__main__":
    {case.__name__: case for case in (pages, bash, zsh, fish)}[sys.argv[1]](
        json.loads(run(sys.argv[2], "--describe")), pathlib.Path(sys.argv[3]))

#!/usr/bin/env python3
"""docs/errors.md lists every code of vyre.h with its number, and the exit code of the command."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/vyre/vyre.h").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
EXITS = (ROOT / "tools/exit_codes.hpp").read_text(encoding="utf-8")


def codes_between(first, last, prefix):
    """{number: name} of the enumerators from `first` to `last`."""
    part = HEADER[HEADER.index(f"  {first} ="):]
    part = part[:part.index("}", part.index(f"{last} ="))]
    found = re.findall(rf"^  {prefix}(\w+) = (\d+)", part, re.M)
    return {int(number): name.lower() for name, number in found}


def rows(heading):
    """{number: (code, the third cell)} of the tables under a heading."""
    part = PAGE[PAGE.index(f"\n## {heading}\n"):]
    part = part[:part.index("\n## ", 1)]
    found = re.findall(r"^\| (\d+) \| `(\w+)` \| ([^|]*) \|", part, re.M)
    return {int(number): (code, cell.strip()) for number, code, cell in found}


def exit_codes():
    """{code: exit code} as tools/exit_codes.hpp has them."""
    numbers = {name: int(number) for name, number in
               re.findall(r"constexpr int (kExit\w+)\{\s*(\d+)\}", EXITS)}
    codes, waiting = {}, []
    for case, name in re.findall(r"case Errc::(\w+):|return (kExit\w+);", EXITS):
        if case:
            waiting.append(case)
        else:
            codes.update((code, numbers[name]) for code in waiting)
            waiting = []
    return codes


class ErrorsPage(unittest.TestCase):
    def test_every_error_code_has_its_row(self):
        codes = codes_between("VYRE_OK", "VYRE_BUSY", "VYRE_")
        self.assertGreaterEqual(len(codes), 20)
        self.assertEqual({number: row[0] for number, row in rows("Errors").items()}, codes)

    def test_every_error_code_but_success_says_what_to_do(self):
        advice = PAGE[PAGE.index("\nWhat to do:\n"):PAGE.index("\n## Faults\n")]
        said = set()
        for item in re.findall(r"^- (.*?):", advice, re.M):
            said.update(re.findall(r"`(\w+)`", item))
        codes = set(codes_between("VYRE_OK", "VYRE_BUSY", "VYRE_").values())
        self.assertEqual(said, codes - {"ok"})

    def test_exit_codes_are_those_of_the_command(self):
        shown = {code: int(cell) for code, cell in rows("Errors").values() if code != "ok"}
        self.assertEqual(shown, exit_codes())

    def test_every_fault_has_its_row(self):
        codes = codes_between("VYRE_FAULT_NONE", "VYRE_FAULT_CANCELLED", "VYRE_FAULT_")
        self.assertGreaterEqual(len(codes), 25)
        self.assertEqual({number: row[0] for number, row in rows("Faults").items()}, codes)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Makes a test of the C++ blocks of a page, so that what the page shows compiles and runs.

usage: page_programs.py PAGE OUT.cpp

A block with `int main` is a program of its own. Any other block is run in a function that has a
`session` on CPU workers and the literals of std::chrono. What a block prints has to be what its
comments `// prints TEXT` say, in their order. The folder in which blocks run holds the files that
pages name: access.log, a.log and b.log.
"""
import pathlib
import re
import sys

PRELUDE = """// Made by test/docs/page_programs.py out of {page}.
#include <gtest/gtest.h>

#include "docs/page_fixture.hpp"
{includes}
namespace {{

using namespace std::chrono_literals;

class {suite} : public vyre::test::OnAPage {{}};

"""
PROGRAM = """namespace line_{line} {{
#line {line} "{page}"
{code}
}}  // namespace line_{line}
TEST_F({suite}, TheProgramOfLine{line}Runs) {{
  runs([&] {{ EXPECT_EQ(line_{line}::page_main({arguments}), 0); }}, R"({prints})");
}}

"""
FRAGMENT = """TEST_F({suite}, TheLinesOfLine{line}Run) {{
  runs([&] {{
    auto session = vyre::Session::open({{.device = "cpu"}}).value();
#line {line} "{page}"
{code}
  }}, R"({prints})");
}}

"""


def blocks(text):
    """(line, code) of each C++ block; the line is that of its first line of code."""
    lines, begin = text.split("\n"), None
    for number, line in enumerate(lines, 1):
        if begin is None and line.strip() == "```cpp":
            begin = number + 1
        elif begin is not None and line.strip() == "```":
            yield begin, lines[begin - 1 : number - 1]
            begin = None


def test_of(page, line, code, suite, includes):
    # An include stays where it is as an empty line, so that line numbers agree with the page.
    kept = []
    for text in code:
        if text.startswith("#include"):
            includes.add(text)
            text = ""
        kept.append(text)
    body = "\n".join(kept)
    prints = "".join(found + "\n" for found in re.findall(r"// prints (.*)$", body, re.M))
    values = {"page": page, "line": line, "suite": suite, "prints": prints}
    if "int main(" not in body:
        return FRAGMENT.format(code=body, **values)
    body = body.replace("int main(", "int page_main(", 1)
    arguments = "" if "int page_main()" in body else "argument_count(), arguments()"
    return PROGRAM.format(code=body, arguments=arguments, **values)


def main(page, out):
    page = pathlib.Path(page)
    suite = "".join(part.capitalize() for part in re.split(r"\W+", page.stem)) + "Page"
    includes = set()
    tests = [test_of(page, line, code, suite, includes)
             for line, code in blocks(page.read_text(encoding="utf-8"))]
    if not tests:
        sys.exit(f"{page} has no block of C++")
    head = PRELUDE.format(page=page, suite=suite, includes="\n".join(sorted(includes)))
    pathlib.Path(out).write_text(head + "".join(tests) + "}  // namespace\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Blocks of C++ become tests: programs and lines, with what they print and where they stand."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import page_programs  # noqa: E402


class PagePrograms(unittest.TestCase):
    def made_of(self, page):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a-page.md"
            path.write_text(page)
            out = pathlib.Path(folder) / "out.cpp"
            page_programs.main(path, out)
            return out.read_text()

    def test_lines_run_with_a_session_and_keep_their_place(self):
        made = self.made_of("# A\n\n```cpp\n#include <map>\nint a = 1;\n```\n")
        self.assertIn("TEST_F(APagePage, TheLinesOfLine4Run)", made)
        self.assertIn("auto session = vyre::Session::open", made)
        self.assertIn("#line 4 ", made)
        self.assertIn("\n\nint a = 1;\n", made, "the include leaves an empty line")
        self.assertLess(made.index("#include <map>"), made.index("namespace {"))

    def test_programs_run_with_arguments_if_they_take_some(self):
        made = self.made_of("```cpp\nint main() {\n}\n```\n"
                            "```cpp\nint main(int c, char** v) {\n}\n```\n")
        self.assertIn("line_2::page_main()", made)
        self.assertIn("line_6::page_main(argument_count(), arguments())", made)
        self.assertNotIn("int main", made)

    def test_what_comments_say_is_what_has_to_be_printed(self):
        made = self.made_of("```cpp\nf();  // prints one\n// prints two words\ng();  // no\n```\n")
        self.assertIn('R"(one\ntwo words\n)"', made)

    def test_other_blocks_are_left_out_and_a_page_without_any_is_refused(self):
        self.assertNotIn("nothing", self.made_of("```\nnothing\n```\n```cpp\nint a;\n```\n"))
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            self.made_of("```c\nint a;\n```\n")


if __name__ == "__main__":
    unittest.main()

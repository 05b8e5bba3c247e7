#!/usr/bin/env python3
"""Commands of a page that fail or print something else are found; one shell runs them all."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import page_commands  # noqa: E402


class PageCommands(unittest.TestCase):
    def run_on(self, page, *sections):
        """What ends the run: None, or the message."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "README.md").write_text("# A page\n")
            (root / "page.md").write_text(page)
            arguments = [str(root / "page.md"), folder, folder]
            for section in sections:
                arguments += ["--section", section]
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    page_commands.main(arguments)
            except SystemExit as ended:
                return str(ended.code)
            return None

    def test_commands_that_print_what_the_page_says_pass(self):
        self.assertIsNone(self.run_on("```\n$ echo one\none\n$ echo two\ntwo\n```\n"))
        self.assertIsNone(self.run_on("```\n$ echo a b c\na ... c\n```\n"))
        self.assertIsNone(self.run_on("```\n$ seq 9\n1\n...\n9\n```\n"))
        self.assertIsNone(self.run_on("```\n$ printf 'no end of line'\nno end of line\n```\n"))
        self.assertIsNone(self.run_on("```\n$ ls no-such-file\nls: ...no-such-file...\n```\n"))

    def test_another_output_is_found_with_its_place(self):
        said = self.run_on("Text.\n\n```\n$ echo one\ntwo\n```\n")
        self.assertIn("page.md:3", said)
        self.assertIn("$ echo one", said)
        self.assertIsNotNone(self.run_on("```\n$ echo one\n```\n"), "more than the page says")
        self.assertIsNotNone(self.run_on("```\n$ true\none\n```\n"), "less")
        self.assertIsNotNone(self.run_on("```\n$ echo one.\none!\n```\n"), "a dot is a dot")

    def test_a_script_that_fails_is_found(self):
        self.assertIsNone(self.run_on("```sh\ntrue\n```\n"))
        self.assertIn("code 1", self.run_on("```sh\nfalse\n```\n"))

    def test_variables_folders_and_files_last_from_block_to_block(self):
        page = ("```sh\nexport HERE=$PWD\nmkdir below && cd below\n```\n\nThe file\n`a/b.txt`:\n\n"
                "```\n$not a 'command'\n```\n\n```\n$ cat a/b.txt\n$not a 'command'\n"
                "$ test \"$PWD\" = \"$HERE/below\" && echo same\nsame\n```\n")
        self.assertIsNone(self.run_on(page))

    def test_a_command_may_go_on_in_the_next_line(self):
        self.assertIsNone(self.run_on("```\n$ echo one \\\n    two\none two\n```\n"))

    def test_blocks_that_are_marked_and_other_sections_do_not_run(self):
        self.assertIsNone(self.run_on("<!-- not run -->\n```sh\nfalse\n```\n\n```sh\ntrue\n```\n"))
        page = "# One\n```sh\nfalse\n```\n## Two\n```sh\ntrue\n```\n## Three\n```sh\nfalse\n```\n"
        self.assertIsNone(self.run_on(page, "Two"))
        self.assertIsNotNone(self.run_on(page, "Two", "Three"))

    def test_a_page_without_commands_is_no_success(self):
        self.assertIn("no command", self.run_on("Text.\n"))

    def test_a_shell_that_ends_is_found(self):
        self.assertIn("the shell ended", self.run_on("```sh\nexit 0\n```\n"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Every link of a page to a file or a heading of the repository leads somewhere."""
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_OUT = ("build", "shared", ".git")


def without_code(text):
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)


def anchor(heading):
    """The name that a heading gets, as the usual hosts make it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def anchors(page):
    text = without_code(page.read_text(encoding="utf-8"))
    return {anchor(found) for found in re.findall(r"^#+ (.*)$", text, re.M)}


def broken_links(root):
    broken = []
    for page in sorted(root.rglob("*.md")):
        if page.relative_to(root).parts[0] in LEFT_OUT:
            continue
        for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
            if "://" in link:
                continue
            path, _, name = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists():
                broken.append(f"{page.relative_to(root)}: {link}: there is no such file")
            elif name and target.suffix == ".md" and name not in anchors(target):
                broken.append(f"{page.relative_to(root)}: {link}: there is no such heading")
    return broken


class PageLinks(unittest.TestCase):
    def test_every_link_of_the_tree_leads_somewhere(self):
        self.assertGreater(len(list(ROOT.glob("docs/*.md"))), 10)
        self.assertEqual(broken_links(ROOT), [])

    def test_links_that_lead_nowhere_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "docs/a.md").write_text("# The `one`, heading\n```\n# no [x](y)\n```\n")
            (root / "b.md").write_text(
                "# B\n[a](docs/a.md) [a](docs/a.md#the-one-heading) [b](#b) [w](https://x.y/z)\n"
                "[c](docs/c.md) [a](docs/a.md#no-xy)\n[d](#c)\n")
            self.assertEqual(broken_links(root), [
                "b.md: docs/c.md: there is no such file",
                "b.md: docs/a.md#no-xy: there is no such heading",
                "b.md: #c: there is no such heading",
            ])


if __name__ == "__main__":
    unittest.main()

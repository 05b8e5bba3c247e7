#!/usr/bin/env python3
"""Wrong, unnamed and unknown numbers on a page are found, and --write puts the right ones."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
sys.dont_write_bytecode = True
import page_numbers  # noqa: E402

ROWS = {
    "rows": [
        {
            "section": "tiny",
            "name": "ring",
            "unit": "M items/s",
            "value": 73.4818,
            "baselines": [{"name": "stream launches", "value": 0.27916}],
            "details": {"p99_us": 12.34},
        },
        {"section": "trip", "name": "no_op", "unit": "us p50", "value": 3.677, "baselines": []},
    ]
}
BENCHMARKS = {
    "benchmarks": [
        {
            "name": "BM_Trip/real_time",
            "run_type": "iteration",
            "real_time": 1.0,
            "time_unit": "us",
            "items_per_second": rate,
            "p50_ns": 351.4,
        }
        for rate in (3.0e6, 3.7e6, 9.0e6)
    ]
}


class PageNumbers(unittest.TestCase):
    def run_on(self, page, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "bench/results").mkdir(parents=True)
            (root / "bench/results/ours.json").write_text(json.dumps(ROWS))
            (root / "bench/results/google.json").write_text(json.dumps(BENCHMARKS))
            (root / "page.md").write_text(page)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = page_numbers.main(["--root", folder, *arguments])
            return code, said.getvalue(), (root / "page.md").read_text()

    def table(self, cells, file="ours"):
        head = "| row | here | there |\n|---|---|---|\n"
        return f"From `bench/results/{file}.json`:\n\n{head}{cells}\n"

    def test_right_numbers_pass(self):
        page = self.table("| `tiny` `ring` | 73.5 M items/s | launches: 0.279 M items/s |")
        self.assertEqual(self.run_on(page)[0], 0)
        cells = "| `BM_Trip` | 3.70 M items/s | |\n| `BM_Trip` `p50_ns` | 351 ns | |"
        page = self.table(cells, "google")
        self.assertEqual(self.run_on(page)[0], 0, "the median of the repetitions")
        page = "In `ours.json`: 73 M / 0.28 M items/s, 3.7 us p50, 12.3 us p99. A sleep of 5 us.\n"
        self.assertEqual(self.run_on(page)[0], 0)

    def test_a_wrong_number_in_a_table_is_found_and_written_anew(self):
        page = self.table("| `tiny` `ring` | 81.0 M items/s | launches: 0.279 M items/s |")
        code, said, _ = self.run_on(page)
        self.assertEqual(code, 1)
        self.assertIn("page.md:5: '81.0 M items/s': ours.json has 73.5", said)
        code, _, written = self.run_on(page, "--write")
        self.assertEqual(code, 0)
        self.assertIn("| 73.5 M items/s |", written)

    def test_a_row_baseline_or_unit_that_is_not_there_is_found(self):
        for cells in (
            "| `tiny` `rong` | 73.5 M items/s | |",
            "| `tiny` `ring` | 73.5 M items/s | CUB: 0.279 M items/s |",
            "| `tiny` `ring` | 73.5 us | |",
            "| `tiny` `ring` | fast | |",
            "| none | 73.5 M items/s | |",
        ):
            self.assertEqual(self.run_on(self.table(cells))[0], 1, cells)

    def test_a_wrong_number_in_a_sentence_is_found(self):
        for page in (
            "It takes 74 M items/s (`ours.json`).",
            "It takes 73 M / 0.29 M items/s (`ours.json`).",
            "It takes 3.8 us p50 (`ours.json`).",
            "It moves 73 MB/s (`ours.json`).",
        ):
            self.assertEqual(self.run_on(page)[0], 1, page)

    def test_a_number_whose_section_names_no_file_is_found(self):
        code, said, _ = self.run_on("# One\n`ours.json`\n# Two\nIt takes 73.5 M items/s.\n")
        self.assertEqual(code, 1)
        self.assertIn("page.md:4", said)
        self.assertIn("names no file", said)
        code, said, _ = self.run_on("It takes 73.5 M items/s (`gone.json`).\n")
        self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()

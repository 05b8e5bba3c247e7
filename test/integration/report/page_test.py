#!/usr/bin/env python3
"""The page of `vyre report html` in a browser: numbers, widths, contrasts, what its console says.

Usage: page_test.py VYRE CASE [SEED]
"""

import json
import os
import re
import shutil
import subprocess
import sys

from report_support import check, line, main, report, vyre, write

# A page around the page, which measures it.
FRAME = """<!DOCTYPE html><html lang="en"><title>frame</title>
<iframe src="page.html" style="width: WIDTHpx; height: 800px; border: 0"></iframe>
<pre id="found"></pre>
<script>
const frame = document.querySelector("iframe");
const linear = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = text => {
  const [r, g, b] = text.match(/[0-9.]+/g).map(Number);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
};
const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
frame.onload = () => {
  const page = frame.contentDocument, style = of => frame.contentWindow.getComputedStyle(of);
  const ground = light(style(page.body).backgroundColor);
  const contrast = of => ratio(light(style(of).color), ground);
  const tiles = {};
  for (const term of page.querySelectorAll("dt"))
    tiles[term.textContent] = term.nextElementSibling.textContent;
  document.getElementById("found").textContent = "FOUND" + JSON.stringify({
    tiles, width: page.documentElement.clientWidth, needs: page.documentElement.scrollWidth,
    ground: ground, texts: [...page.querySelectorAll("h1, h2, p, dt, dd, td, th, caption")].map(
      contrast).reduce((a, b) => Math.min(a, b)),
    ink: Math.min(...[...page.querySelectorAll("svg")].map(
      svg => ratio(light(style(svg).fill), ground))),
    small: Math.min(...[...page.querySelectorAll("p, td, th, dt")].map(
      of => parseFloat(style(of).fontSize))),
    rows: [...page.querySelectorAll("tbody tr")].map(
      row => [...row.children].map(cell => cell.textContent.trim())),
  }) + "END";
};
</script></html>
"""


def browse(address, *flags):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("chromium is not installed (Debian: chromium)")
        sys.exit(77)
    home = os.path.join(os.getcwd(), "home")
    ran = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         f"--user-data-dir={home}", "--enable-logging=stderr", "--allow-file-access-from-files",
         "--disable-dev-shm-usage", *flags, address],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "HOME": os.getcwd()})
    check(ran.returncode == 0, ran.stderr[-2000:])
    said = [one for one in ran.stderr.splitlines() if "CONSOLE" in one]
    check(said == [], said)
    return ran.stdout


def shown(width, *flags):
    write("frame.html", FRAME.replace("WIDTH", str(width)).encode())
    dom = browse(f"file://{os.getcwd()}/frame.html", "--virtual-time-budget=10000", "--dump-dom",
                 *flags)
    found = re.search(r'<pre id="found">FOUND(.*)END</pre>', dom, re.S)
    check(found is not None, dom[-500:])
    return json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">")
                      .replace("&amp;", "&"))


def a_browser_shows_what_the_document_says():
    document = report("a", "--label", "job=nightly", "--report-files")
    write("many", line(document) * 5)
    check(vyre("report", "html", "many", "-o", "page.html").returncode == 0)
    merged = json.loads(vyre("report", "merge", "many").stdout)
    grounds = []
    for width in (360, 1280):
        for flags in ((), ("--blink-settings=preferredColorScheme=0",)):
            page = shown(width, *flags)
            check(page["needs"] <= page["width"] <= width, "it scrolls sideways", page)
            check(page["texts"] >= 4.5 and page["ink"] >= 3, "contrast", page)
            check(page["small"] >= 12, "small print", page)
            grounds.append(page["ground"])
    check(len({round(ground, 3) for ground in grounds}) == 2, "dark and light", grounds)
    tiles = page["tiles"]
    check(tiles["items"] == str(merged["report"]["items_processed"]), tiles)
    check(tiles["not done"] == str(merged["faults_total"]), tiles)
    check(tiles["files"] == str(merged["work"]["files"]), tiles)
    number, unit = tiles["run time"].split()
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[unit]
    wall = merged["report"]["wall_time_ns"]
    check(abs(float(number) * scale - wall) <= 0.01 * wall, tiles, wall)
    op, = [row for row in page["rows"] if row[0] == merged["ops"][0]["name"]]
    check(op[1:5] == ["cpu", str(merged["ops"][0]["items"]), "0", "0"], op)
    for row in merged["files"]["rows"]:
        its, = [one for one in page["rows"] if one[0] == row["name"]]
        check(its[2:] == [str(row["items"]), str(row["failed"])], its)
    browse(f"file://{os.getcwd()}/page.html", f"--print-to-pdf={os.getcwd()}/page.pdf")
    with open("page.pdf", "rb") as file:
        check(file.read(5) == b"%PDF-")


if __name__ == "__main__":
    main(globals())

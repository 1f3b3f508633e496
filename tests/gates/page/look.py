# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four looks at a self-contained page with headless Chromium: phone and desk, light and dark.

    look.py PAGE.html AXE.js FOLDER
    look.py --picture PAGE.html PICTURE.png

Each look runs the rules of axe-core and writes a picture to FOLDER. Exit code 1, and a line for each problem: a rule is
violated, the page is wider than its window, it loads something, it has a script, or both schemes look the same. With
--picture there is one look, without axe-core.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WIDTHS = {"phone": 390, "desk": 1440}  # CSS pixels
HEIGHT = 1800
EXAMPLE_WIDTH = 1100
# Blink's numbers of a preferred colour scheme.
SCHEMES = {"dark": 0, "light": 1}
TIMEOUT = 120  # seconds of one look
MIN_RULES = 5  # that pass on any page; fewer means that axe-core did not run
# The report of axe-core and the measures, as the text of an element that is added to the page.
PROBE = """
<script>
(async () => {
  const result = await axe.run(document, {resultTypes: ["violations"]});
  const report = {
    violations: result.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.target.join(" "))})),
    rules: result.passes.length,
    content: document.documentElement.scrollWidth,
    window: window.innerWidth,
    colours: getComputedStyle(document.body).backgroundColor + " " + getComputedStyle(document.body).color,
    loaded: performance.getEntriesByType("resource").map(entry => entry.name),
  };
  const element = document.createElement("pre");
  element.id = "axe-report";
  element.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(report))));
  document.body.append(element);
})();
</script>
"""


def chromium(home: str, width: int, scheme: str, *arguments: str) -> str:
    """Run Chromium in a home of its own, without a network, and return what it prints."""
    height = 800 if width == EXAMPLE_WIDTH else HEIGHT
    command = [
        *("chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={home}/profile", "--hide-scrollbars"),
        *(f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", f"--window-size={width},{height}"),
        *("--virtual-time-budget=20000", "--log-level=3", *arguments),
    ]
    env = {"HOME": home, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"Chromium exited with status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def look(page: Path, axe: str, picture: Path, width: int, scheme: str) -> dict[str, Any]:
    """Write the picture of a page and return the report of axe-core, with the measures."""
    with tempfile.TemporaryDirectory() as home:
        chromium(home, width, scheme, f"--screenshot={picture}", page.resolve().as_uri())
        probed = Path(home, "probed.html")
        # Its own policy, which allows no script, would stop axe-core too.
        text = re.sub(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", page.read_text(encoding="utf-8"))
        probed.write_text(text.replace("</body>", f"<script>{axe}</script>{PROBE}</body>"), encoding="utf-8")
        printed = chromium(home, width, scheme, "--dump-dom", probed.as_uri())
    found = re.search(r'<pre id="axe-report">([A-Za-z0-9+/=]+)</pre>', printed)
    if found is None:
        raise RuntimeError(f"axe-core gave no report of {page} at {width} pixels in {scheme}")
    report: dict[str, Any] = json.loads(base64.b64decode(found[1]))
    return report


def problems_of(report: dict[str, Any], width: int) -> list[str]:
    """Return the problems of one look."""
    found = [f"{row['id']}: {row['help']}: {', '.join(row['nodes'])}" for row in report["violations"]]
    if report["rules"] < MIN_RULES:
        found.append(f"only {report['rules']} rules of axe-core passed, expected {MIN_RULES} at least")
    if report["window"] != width:
        found.append(f"the window has {report['window']} pixels, expected {width}")
    if report["content"] > report["window"]:
        found.append(f"the page is {report['content']} pixels wide, its window {report['window']}")
    if report["loaded"]:
        found.append(f"the page loads {', '.join(report['loaded'])}")
    return found


def main(page: Path, axe: Path, folder: Path) -> int:
    """Print the problems of the four looks, and return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    source = page.read_text(encoding="utf-8").lower()
    problems = ["the page has a script"] if "<script" in source else []
    if "content-security-policy" not in source:
        problems.append("the page has no policy that forbids scripts and requests")
    for size, width in WIDTHS.items():
        colours = set()
        for scheme in SCHEMES:
            picture = folder / f"{page.stem}-{size}-{scheme}.png"
            report = look(page, axe.read_text(encoding="utf-8"), picture, width, scheme)
            colours.add(report["colours"])
            found = problems_of(report, width)
            print(f"{size}, {scheme}: {report['rules']} rules passed, {len(found)} problems, {picture}")
            problems += [f"{size}, {scheme}: {problem}" for problem in found]
        if len(colours) != len(SCHEMES):
            problems.append(f"{size}: light and dark have the same colours")
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


def take_picture(page: Path, picture: Path) -> None:
    """Write one picture of a page, for documents."""
    with tempfile.TemporaryDirectory() as home:
        chromium(home, EXAMPLE_WIDTH, "light", f"--screenshot={picture.resolve()}", page.resolve().as_uri())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--picture"] and len(sys.argv) == 4:
        take_picture(Path(sys.argv[2]), Path(sys.argv[3]))
        sys.exit(0)
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*map(Path, sys.argv[1:])))

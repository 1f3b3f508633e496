# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List what in a program's own strings looks like a usage limit, and `classify` does not know.

Usage: ``python tests/e2e/wordings.py [--all] VERSION ...``. A text that somebody has judged stands in
``wordings_judged.txt`` beside this file: its beginning (or all of it and ``$``), a tab, and why it is no limit of the
account; it is left out.
``--all`` prints the known ones as well, with the rule that knows them. Exits with 1 if nobody has judged a text.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timezone

from harness import cli

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(cli.ROOT, "roles", "claude_failover", "files"))
from claude_failover.limits import Verdict, classify_text  # noqa: E402  the path has to be set first
from claude_failover.limits.wordings import POSSIBLE_LIMIT  # noqa: E402

JUDGED = os.path.join(HERE, "wordings_judged.txt")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
#: Words one of which every text about a limit has.
WORDS = (b"limit", b"usage", b"credits", b"allowance", b"quota", b"allocation")
LONGEST = 320  # bytes of a string
#: In addition to what the daemon would log as an unknown wording.
ABOUT_LIMITS = re.compile(
    r"\b(?:limits?|quota|usage|allowance|credits?|allocation|cap)\b.{0,80}\b(?:reached|hit|exceeded|exhausted|used up|"
    r"ran out|required?s?|disabled|stopped|unavailable|full)\b|"
    r"\b(?:reached|hit|exceeded|exhausted|used up|ran out|run out|out of|requires?|stopped)\b.{0,80}"
    r"\b(?:limits?|quota|usage|allowance|credits?|allocation|cap)\b",
    re.IGNORECASE,
)
#: What stands for a part of a text that the program puts in when it runs.
PLACEHOLDER = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
SAMPLES = ("weekly limit", "Opus", "resets 10:30pm", "5")
BEFORE, AFTER = set(b"(,:=?[{+>&|!;} \n"), set(b"),:;]}.+?&|! \n")
ESCAPE = re.compile(r"\\(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


def strings_of(data: bytes) -> Iterator[str]:
    """Yield each string literal of a program's JavaScript that has one of the words, once."""
    seen = set()
    lowered = data.lower()
    for word in WORDS:
        place = lowered.find(word)
        while place >= 0:
            literal = literal_around(data, place)
            if literal is not None and literal not in seen:
                seen.add(literal)
                yield unescaped(literal.decode("utf-8", "replace"))
            place = lowered.find(word, place + len(word))


def literal_around(data: bytes, place: int) -> bytes | None:
    """Return the shortest string literal around a byte of the program, without its quotes; None where there is none."""
    found = []
    for quote in b"\"'`":
        mark = bytes([quote])
        start = data.rfind(mark, max(0, place - LONGEST), place)
        while start > 0 and data[start - 1 : start] == b"\\":
            start = data.rfind(mark, max(0, place - LONGEST), start)
        end = data.find(mark, place, place + LONGEST)
        while end > 0 and data[end - 1 : end] == b"\\":
            end = data.find(mark, end + 1, place + LONGEST)
        if start > 0 and 0 < end < len(data) - 1 and data[start - 1] in BEFORE and data[end + 1] in AFTER:
            found.append(data[start + 1 : end])
    return min(found, key=len, default=None)


def unescaped(text: str) -> str:
    """Return a string as the program has it when it runs."""

    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(min(int(code, 16), sys.maxunicode)) if code else {"n": "\n", "t": "\t"}.get(match[3], match[3])

    return ESCAPE.sub(character, text)


def is_sentence(text: str) -> bool:
    """Return whether a person could be meant to read a text: several words, with no sign of code."""
    plain = PLACEHOLDER.sub("x", text).strip()
    return (
        (plain[:1].isupper() or text.lstrip().startswith("${") or plain[:1] in "●⎿✻⚠")
        and len(plain.split()) >= 3
        and not re.search(r"[<>{}\\]|=>|\w\(|;$|\n\s*\n|\n- ", plain)
    )


def verdicts(text: str) -> list[Verdict]:
    """Return the verdicts for a text with each of the samples in its gaps."""
    texts = {PLACEHOLDER.sub(sample, text) for sample in SAMPLES}
    return [classify_text(each, now=NOW, tz=timezone.utc, prefix=True) for each in sorted(texts)]


def judged() -> list[str]:
    """Return the beginnings of the texts that are no limit of the account."""
    with open(JUDGED, encoding="utf-8") as stream:
        rows = [line.rstrip("\n").partition("\t") for line in stream if line.strip() and line[0] != "#"]
    for beginning, _tab, why in rows:
        if not why:
            raise SystemExit(f"{JUDGED}: {beginning!r} is judged without a reason; expected a tab and why")
    return [beginning for beginning, _tab, _why in rows]


def main() -> int:
    """Print the texts; returns 1 if there are some that nobody has judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="+", metavar="VERSION", help="a version, or latest")
    parser.add_argument("--all", action="store_true", help="print what is known as well")
    options = parser.parse_args()
    known = judged()
    left = 0
    for version in options.versions:
        with open(cli.program(version), "rb") as stream:
            data = stream.read()
        for text in sorted(set(strings_of(data))):
            if not is_sentence(text) or not (ABOUT_LIMITS.search(text) or POSSIBLE_LIMIT.search(text)):
                continue
            line = " ".join(PLACEHOLDER.sub("${}", text).split())
            rules = sorted({verdict.rule for verdict in verdicts(text)} - {"unknown-wording", "no-limit"})
            if rules or any(f"{line}$".startswith(beginning) for beginning in known):
                if options.all:
                    print(f"{version}\tknown\t{', '.join(rules) or 'judged'}\t{line}")
                continue
            left += 1
            print(f"{version}\tUNKNOWN\t{line}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between the documents lead to files, and to headings in them."""

from __future__ import annotations

import glob
import os
import re

import pytest
from import_path import ROOT

DOCUMENTS = sorted(
    os.path.relpath(path, ROOT)
    for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md")
    for path in glob.glob(os.path.join(ROOT, pattern), recursive=True)
    if os.path.basename(path) != "CHANGELOG.md"
)


def text_of(name: str) -> str:
    with open(os.path.join(ROOT, name), encoding="utf-8") as stream:
        return stream.read()


def anchors(name: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", text_of(name), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def problems(name: str) -> list[str]:
    """Return the links of a document that lead nowhere."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        path, _hash, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if "://" in link or link.startswith("mailto:"):
            continue
        if not os.path.exists(os.path.join(ROOT, target)) or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    assert problems(name) == []


def test_the_documents_that_the_readme_moves_to_are_found() -> None:
    assert {"README.md", "docs/runbook.md", "docs/operations.md", "docs/sessions.md"} <= set(DOCUMENTS)

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the README: a failover in three, each a file of its own that asks nobody for anything."""

from __future__ import annotations

import html
import os
import re
from xml.etree import ElementTree

import pytest
from import_path import ROOT

NAMES = ("before", "during", "after")


def svg(name: str) -> str:
    with open(os.path.join(ROOT, "docs", "pictures", f"status-{name}.svg"), encoding="utf-8") as stream:
        return stream.read()


def words(name: str) -> str:
    """Return what a picture shows."""
    ElementTree.fromstring(svg(name))  # noqa: S314 (our own file)
    return html.unescape(" ".join(re.findall(r"<text [^>]*>([^<]*)</text>", svg(name)))).replace("\xa0", " ")


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_loads_nothing(name: str) -> None:
    text = svg(name)
    assert re.findall(r"(?:url|src|href)\W+(?!#)[\w:/.]*", text.replace("url(#", "")) == []
    assert "<script" not in text and "@import" not in text and "@font-face" not in text


def test_the_pictures_are_those_of_a_failover() -> None:
    before, during, after = map(words, NAMES)
    assert all(name in text for text in (before, during, after) for name in ("compte1", "compte2", "main", "review"))
    assert "limited" not in before
    assert "limited" in during
    assert "compte1" in after and "compte2" in after.partition("main")[2], "the sessions are under the second account"

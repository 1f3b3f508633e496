# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the documentation: a failover in three, the dashboard; each asks nobody for anything."""

from __future__ import annotations

import html
import json
import os
import re
from xml.etree import ElementTree

import pytest
from import_path import ROOT

NAMES = ("status-before", "status-during", "status-after")
DASHBOARD = os.path.join(ROOT, "roles", "claude_failover", "files", "monitoring", "claude-failover.dashboard.json")


def svg(name: str) -> str:
    with open(os.path.join(ROOT, "docs", "pictures", f"{name}.svg"), encoding="utf-8") as stream:
        return stream.read()


def words(name: str) -> str:
    """Return what a picture shows."""
    ElementTree.fromstring(svg(name))  # noqa: S314 (our own file)
    return html.unescape(" ".join(re.findall(r"<text [^>]*>([^<]*)</text>", svg(name)))).replace("\xa0", " ")


@pytest.mark.parametrize("name", [*NAMES, "dashboard"])
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


def test_the_picture_of_the_dashboard_has_every_panel_with_something_in_it() -> None:
    shown = words("dashboard")
    with open(DASHBOARD, encoding="utf-8") as stream:
        titles = [panel["title"] for panel in json.load(stream)["panels"]]
    assert [title for title in titles if title[:15] not in shown] == []  # a long one is cut
    assert "No data" not in shown
    assert all(name in shown for name in ("compte1", "compte2", "accounts_exhausted", "limit switched"))

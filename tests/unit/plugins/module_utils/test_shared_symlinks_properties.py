# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links: properties of a run for any starting tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import mixed, outcome, picture, scratch

pytest.importorskip(
    "hypothesis", reason="SKIPPED, NOT TESTED: hypothesis is not installed (tests/unit/requirements.txt)"
)

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOMES = ("a", "b", "deep/c")
TARGETS = tuple(link.target.rpartition("/")[2] for link in mixed("/"))
PLACES = (
    *HOMES,
    "deep",
    "shared",
    *(f"shared/{name}" for name in TARGETS),
    *(f"{home}/{link.name}" for home in HOMES for link in mixed("/")),
)
TEXTS = (
    "right",
    "wrong",
    "dangling",
    "../shared",
    "shared",
    "a",
    "/",
    ".",
    "..",
    "b",
    "deep/c",
    "a/projects",
    "shared/.claude-projects-shared",
    "shared/.claude-settings.json-shared",
)


class Entry(NamedTuple):
    """One thing to make: where, of what kind, and for a link its text."""

    place: str
    kind: str
    text: str


trees = st.lists(
    st.builds(
        Entry,
        st.sampled_from(PLACES),
        st.sampled_from(("directory", "file", "link", "link", "fifo")),
        st.sampled_from(TEXTS),
    ),
    max_size=12,
)
requests = st.lists(st.sampled_from(HOMES), min_size=1, max_size=3, unique=True)


def build(base: str, tree: list[Entry]) -> None:
    """Make what can be made of a tree; an entry whose place is taken or has no parent is left out."""
    right = {link.name: link.target for link in mixed(base)}
    for entry in tree:
        path = f"{base}/{entry.place}"
        text = {
            "right": right.get(os.path.basename(path), "nowhere"),
            "wrong": f"{base}/elsewhere",
            "dangling": "nowhere",
        }.get(entry.text, entry.text if entry.text.startswith((".", "/")) else f"{base}/{entry.text}")
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if entry.kind == "directory":
                os.mkdir(path)
            elif entry.kind == "link":
                os.symlink(text, path)
            elif entry.kind == "fifo":
                os.mkfifo(path)
            else:
                with open(path, "x", encoding="ascii") as stream:
                    stream.write("mine")
        except OSError:
            continue


@contextmanager
def built(tree: list[Entry]) -> Iterator[str]:
    """Give a scratch folder that holds a tree."""
    base = scratch()
    try:
        os.mkdir(f"{base}/elsewhere")
        build(base, tree)
        yield base
    finally:
        shutil.rmtree(base)


def is_right(path: str, target: str, kind: str) -> bool:
    of_its_kind = os.path.isfile if kind == links.FILE else os.path.isdir
    return os.path.islink(path) and os.readlink(path) == target and of_its_kind(target)


def all_right(base: str, homes: list[str]) -> bool:
    return all(is_right(f"{home}/{link.name}", link.target, link.kind) for home in homes for link in mixed(base))


for_any_tree = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@for_any_tree
@given(trees, requests)
def test_a_run_ends_right_or_says_so_and_leaves_all_that_was_there(tree: list[Entry], wanted: list[str]) -> None:
    with built(tree) as base:
        homes = [f"{base}/{home}" for home in wanted]
        before = picture(base, depth_times=False)
        failures, reports = outcome(homes, mixed(base))
        after = picture(base, depth_times=False)
        assert {path: after.get(path) for path in before} == before, "what was there is there as it was"
        for link in (link for link in mixed(base) if link.kind == links.FILE):
            target = os.path.realpath(link.target)
            if target in after and target not in before:
                content = b"{}" if link.name.endswith(".json") else b""
                assert (after[target][-1], os.stat(target).st_mode & 0o7777) == (content, 0o600)
        made = {
            os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path)
            for r in reports
            for path in r.created
        }
        assert {path for path in after if path not in before} == {path for path in made if path.startswith(base)}
        assert all_right(base, homes) == (not failures)
        for report in reports:
            for link in report.links:
                assert (link.status in ("ok", "created")) == is_right(link.path, link.target, link.kind)


@for_any_tree
@given(trees, requests)
def test_a_second_run_changes_nothing_and_says_the_same(tree: list[Entry], wanted: list[str]) -> None:
    with built(tree) as base:
        homes = [f"{base}/{home}" for home in wanted]
        failures, _reports = outcome(homes, mixed(base))
        before = picture(base)
        again, reports = outcome(homes, mixed(base))
        assert picture(base) == before
        assert again == failures
        assert not any(report.changed for report in reports)


@for_any_tree
@given(trees, requests)
def test_check_mode_touches_nothing_and_foresees_everything(tree: list[Entry], wanted: list[str]) -> None:
    with built(tree) as base:
        homes = [f"{base}/{home}" for home in wanted]
        before = picture(base)
        predicted, foreseen = outcome(homes, mixed(base), check_mode=True)
        assert picture(base) == before
        failures, reports = outcome(homes, mixed(base))
        assert predicted == failures
        assert [
            report._replace(
                links=tuple(
                    link._replace(status=links.CREATED) if link.status == links.MISSING else link
                    for link in report.links
                )
            )
            for report in foreseen
        ] == reports

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from switch_world import T0, minutes

from claude_failover.accounts.usage import DOCUMENT, MAX_WINDOWS, Usage, UsageWindow, read_windows
from claude_failover.storage.store import Store


def set_aside(folder):
    """Return the number of documents that were copied aside."""
    return len(list(folder.glob("*.set-aside")))


@pytest.mark.parametrize("percent", [0, 0.5, 100, 1000])
def test_a_per_cent_from_0_to_1000_is_read(percent):
    assert read_windows({"five_hour": {"used_percentage": percent}}) == {"five_hour": UsageWindow(percent, None)}


@pytest.mark.parametrize("percent", [-0.5, 1000.5, 1001, True, None, "92", float("nan"), [92]])
def test_any_other_per_cent_is_ignored(percent):
    assert read_windows({"five_hour": {"used_percentage": percent}}) == {}


def test_an_invalid_window_does_not_hide_the_next_one():
    figures = {"five_hour": {"used_percentage": "?"}, "seven_day": {"used_percentage": 7}}
    assert read_windows(figures) == {"seven_day": UsageWindow(7.0, None)}


def test_a_window_may_be_a_bare_per_cent():
    assert read_windows({"five_hour": 42}) == {"five_hour": UsageWindow(42.0, None)}


def test_the_reset_is_read_from_its_epoch():
    figures = {"five_hour": {"used_percentage": 42, "resets_at": T0.timestamp()}}
    assert read_windows(figures) == {"five_hour": UsageWindow(42.0, T0)}


@pytest.mark.parametrize("resets_at", [True, "soon", 1e300, float("inf"), None])
def test_an_invalid_reset_is_not_known(resets_at):
    figures = {"five_hour": {"used_percentage": 42, "resets_at": resets_at}}
    assert read_windows(figures) == {"five_hour": UsageWindow(42.0, None)}


def test_the_usage_outlives_a_restart(tmp_path):
    store = Store(str(tmp_path))
    figures = {"five_hour": {"used_percentage": 42, "resets_at": (T0 + minutes(5)).timestamp()}, "seven_day": 7}
    assert Usage(store).record("a", figures)
    again = Usage(store)
    assert not again.record("a", figures)
    assert again.percent("a", T0) == {"five_hour": 42, "seven_day": 7}
    assert again.next_reset("a", T0) == T0 + minutes(5)
    assert set_aside(tmp_path) == 0


@pytest.mark.parametrize("rows", [3, [], {"five_hour": "?", "seven_day": 7}])
def test_invalid_usage_is_copied_aside_and_the_rest_is_kept(tmp_path, rows):
    store = Store(str(tmp_path))
    store.save(DOCUMENT, {"a": rows, "b": {"five_hour": 42}})
    usage = Usage(store)
    assert usage.percent("a", T0) == ({"seven_day": 7} if isinstance(rows, dict) else {})
    assert usage.percent("b", T0) == {"five_hour": 42}
    assert set_aside(tmp_path) == 1


@pytest.mark.parametrize("name", ["\ud800", "", "a b", "\u202e", "x" * 65, "five\nhour", 5])
def test_a_window_of_another_name_is_ignored(name):
    assert read_windows({name: 5, "five_hour": 6}) == {"five_hour": UsageWindow(6.0, None)}


def test_a_stored_name_that_cannot_be_written_is_cured_at_load(tmp_path):
    store = Store(str(tmp_path))
    (tmp_path / f"{DOCUMENT}.json").write_text(
        '{"version": 1, "data": {"a": {"\\ud800": 7, "five_hour": {"used_percentage": 42}}}}'
    )
    usage = Usage(store)
    assert usage.percent("a", T0) == {"five_hour": 42}
    assert set_aside(tmp_path) == 1
    usage.record("a", {"seven_day": 3})
    assert Usage(Store(str(tmp_path))).percent("a", T0) == {"five_hour": 42, "seven_day": 3}
    assert set_aside(tmp_path) == 1


def test_the_windows_of_an_account_are_bounded_and_the_newest_figures_count(tmp_path):
    usage = Usage(Store(str(tmp_path)))
    usage.record("a", {f"old{number}": 5 for number in range(100_000)})
    assert len(usage.percent("a", T0)) == MAX_WINDOWS
    usage.record("a", {"five_hour": 42, "seven_day": 7})
    found = usage.percent("a", T0)
    assert len(found) == MAX_WINDOWS
    assert (found["five_hour"], found["seven_day"]) == (42, 7)

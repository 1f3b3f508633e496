# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of an account: its order, its reasons, and what nothing overrules."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from switch_world import T0, minutes

from claude_failover.accounts.selection import AccountState, select_account


def test_the_order_is_the_preference():
    assert select_account([AccountState("a"), AccountState("b"), AccountState("c")], "a").target == "b"
    assert select_account([AccountState("a"), AccountState("b"), AccountState("c")], "b").target == "a"


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        (AccountState("b", login="expired"), "its login is dead (expired or revoked): run `claude-failover login b`"),
        (AccountState("b", login="missing"), "not logged in: run `claude-failover login b`"),
        (AccountState("b", login="unknown"), "its credentials cannot be read"),
        (AccountState("b", login="new state"), "its credentials cannot be read"),
        (
            AccountState("b", links="projects leads elsewhere"),
            "its shared links are not right: projects leads elsewhere",
        ),
        (AccountState("b", exhausted=True, exhausted_until=T0), "exhausted until 2026-11-22T20:00:00.000Z"),
        (AccountState("b", exhausted=True), "exhausted"),
        (AccountState("b", ban="its links failed"), "banned: its links failed"),
    ],
)
def test_what_bars_a_candidate_is_said(standing, why):
    choice = select_account([AccountState("a"), standing], "a")
    assert choice.target is None
    assert choice.reason_of("b") == why
    assert choice.reason_of("a") == "it is the active account"


@pytest.mark.parametrize("strategy", ["priority", "headroom", "soonest_reset"])
@pytest.mark.parametrize(
    "standing", [AccountState("b", login="expired"), AccountState("b", login="missing"), AccountState("b", links="no")]
)
def test_force_never_passes_a_dead_login_or_wrong_links(strategy, standing):
    assert select_account([AccountState("a"), standing], "a", strategy, force=True, only="b").target is None


def test_force_passes_exhaustion_and_a_ban():
    rows = [AccountState("a"), AccountState("b", exhausted=True, exhausted_until=T0), AccountState("c", ban="links")]
    assert select_account(rows, "a", only="b", force=True).target == "b"
    assert select_account(rows, "a", only="c", force=True).target == "c"


def test_what_only_force_lets_through_comes_last():
    rows = [AccountState("a"), AccountState("b", exhausted=True, exhausted_until=T0), AccountState("c")]
    assert select_account(rows, "a", force=True).target == "c"


@pytest.mark.parametrize("strategy", ["priority", "headroom", "soonest_reset"])
@pytest.mark.parametrize(
    "forced",
    [
        AccountState("b", exhausted=True),  # until when is not known
        AccountState("b", ban="its links failed"),
        AccountState("b", exhausted=True, ban="its links failed", exhausted_until=T0),
    ],
)
def test_a_free_account_comes_before_one_that_only_force_lets_through(forced, strategy):
    rows = [AccountState("a"), forced, AccountState("c", used={"five_hour": 99}, resets_at=T0 + minutes(9))]
    choice = select_account(rows, "a", strategy, force=True)
    assert choice.target == "c"
    assert choice.reason_of("b") == "exhausted or banned, and forced"
    assert choice.reason_of("c").startswith("can be used; ")


@pytest.mark.parametrize("strategy", ["priority", "headroom", "soonest_reset"])
def test_of_the_exhausted_ones_force_takes_the_one_whose_limit_ends_first(strategy):
    rows = [
        AccountState("a"),
        AccountState("b", exhausted=True, exhausted_until=T0 + minutes(2), resets_at=T0),
        AccountState(
            "c", exhausted=True, exhausted_until=T0 + minutes(1), used={"five_hour": 99}, resets_at=T0 + minutes(1)
        ),
    ]
    assert select_account(rows, "a", strategy, force=True).target == "c"


def test_force_passes_a_limit_of_another_kind_and_a_threshold():
    rows = [AccountState("a"), AccountState("b", any_limit=True, used={"five_hour": 95})]
    assert select_account(rows, "a", force=True, clean=True, below=90).target == "b"
    choice = select_account(rows, "a", clean=True)
    assert (
        choice.reason_of("b") == "under a limit of its own: switching between two limited accounts would go in circles"
    )
    choice = select_account(rows, "a", below=90)
    assert choice.reason_of("b") == "it has used 95 % of a window, and 90 % is the threshold"


def test_the_fullest_window_counts_for_a_threshold():
    rows = [AccountState("a"), AccountState("b", used={"five_hour": 10, "seven_day": 95}), AccountState("c")]
    assert select_account(rows, "a", below=90).target == "c"


def test_a_named_account_that_is_active_is_not_switched_to():
    choice = select_account([AccountState("a"), AccountState("b")], "a", only="a", force=True)
    assert (choice.target, choice.reason_of("a")) == (None, "it is the active account")
    assert choice.reason_of("x") == "it is not configured"


def test_without_an_active_account_each_one_may_be_chosen():
    assert select_account([AccountState("a"), AccountState("b")], None).target == "a"


@pytest.mark.parametrize(
    ("strategy", "reasons"),
    [
        ("priority", ["can be used; preference 2", "can be used; preference 3"]),
        ("headroom", ["can be used; 80 % used at most", "can be used; 0 % used at most"]),
        ("soonest_reset", ["can be used; next reset 2026-11-22T20:00:00.000Z", "can be used; next reset not known"]),
    ],
)
def test_the_reason_for_a_candidate_is_what_the_strategy_goes_by(strategy, reasons):
    rows = [
        AccountState("a"),
        AccountState("b", used={"five_hour": 10, "seven_day": 80}, resets_at=T0),
        AccountState("c"),
    ]
    choice = select_account(rows, "a", strategy)
    assert [choice.reason_of("b"), choice.reason_of("c")] == reasons
    assert choice.text() == f"a: it is the active account; b: {reasons[0]}; c: {reasons[1]}"
    assert choice.candidates[1].to_json() == {"account": "b", "eligible": True, "why": reasons[0]}


def test_equal_accounts_are_taken_in_the_order_of_preference():
    used, reset = {"five_hour": 7}, T0
    rows = [AccountState(name, used=used, resets_at=reset) for name in "abc"]
    for strategy in ("priority", "headroom", "soonest_reset"):
        assert select_account(rows, "a", strategy).target == "b"


def test_only_the_named_one_is_chosen():
    choice = select_account([AccountState("a"), AccountState("b"), AccountState("c")], "a", only="c")
    assert choice.target == "c"
    assert choice.reason_of("b") == "c was asked for"


def test_headroom_takes_the_least_used():
    most = {"five_hour": 10, "seven_day": 80}
    rows = [AccountState("a"), AccountState("b", used=most), AccountState("c", used={"five_hour": 50})]
    assert select_account(rows, "a", "headroom").target == "c"
    assert select_account([*rows, AccountState("d")], "a", "headroom").target == "d"


def test_an_account_whose_usage_is_not_known_counts_as_unused():
    rows = [AccountState("a"), AccountState("b", used={"five_hour": 0.5}), AccountState("c")]
    assert select_account(rows, "a", "headroom").target == "c"
    assert select_account(rows, "a", below=0.5).target == "c"


def test_soonest_reset_takes_the_window_that_begins_anew_first():
    rows = [
        AccountState("a"),
        AccountState("b"),
        AccountState("c", resets_at=T0 + minutes(9)),
        AccountState("d", resets_at=T0),
    ]
    assert select_account(rows, "a", "soonest_reset").target == "d"


def test_a_clean_account_is_under_no_limit_at_all():
    rows = [AccountState("a"), AccountState("b", any_limit=True), AccountState("c")]
    assert select_account(rows, "a", clean=True).target == "c"
    assert select_account(rows[:2], "a", clean=True).target is None


def test_below_a_threshold():
    rows = [AccountState("a"), AccountState("b", used={"five_hour": 90}), AccountState("c", used={"five_hour": 89.5})]
    assert select_account(rows, "a", below=90).target == "c"


availability = st.builds(
    AccountState,
    name=st.just("?"),
    login=st.sampled_from(["ok", "ok", "missing", "expired", "unknown"]),
    links=st.sampled_from([None, None, "wrong"]),
    exhausted=st.booleans(),
    any_limit=st.booleans(),
    ban=st.sampled_from([None, None, "links"]),
    used=st.dictionaries(st.sampled_from(["five_hour", "seven_day"]), st.floats(0, 100)),
    exhausted_until=st.sampled_from([None, T0, T0 + minutes(3)]),
    resets_at=st.sampled_from([None, T0, T0 + minutes(5)]),
)


strategies = st.sampled_from(["priority", "headroom", "soonest_reset"])


@given(st.lists(availability, max_size=5), strategies, st.booleans(), st.booleans())
def test_nothing_banned_is_ever_chosen(rows, strategy, force, clean):
    rows = [AccountState(**{**vars(row), "name": f"n{number}"}) for number, row in enumerate(rows)]
    choice = select_account(rows, "n0", strategy, force=force, clean=clean)
    assert [row.account for row in choice.candidates] == [row.name for row in rows]
    assert all(row.why for row in choice.candidates)
    fit = [row for row in rows[1:] if row.login == "ok" and row.links is None]
    fit = [row for row in fit if force or not (row.exhausted or row.ban)]
    if not force and clean:
        fit = [row for row in fit if not row.any_limit]
    assert (choice.target is not None) == bool(fit)
    assert choice.target in {None, *(row.name for row in fit)}
    assert {row.account for row in choice.candidates if row.eligible} == {row.name for row in fit}


def measure(row, strategy):
    """The figure that a strategy compares, least first."""
    if strategy == "headroom":
        return max(row.used.values(), default=0.0)
    if strategy == "soonest_reset":
        return row.resets_at.timestamp() if row.resets_at is not None else float("inf")
    return 0.0


def end_of_limit(row):
    return row.exhausted_until.timestamp() if row.exhausted_until is not None else 0.0


@given(st.lists(availability, min_size=1, max_size=5), strategies, st.booleans())
def test_no_other_candidate_would_be_better(rows, strategy, force):
    rows = [
        dataclasses.replace(row, name=f"n{number}", exhausted_until=row.exhausted_until if row.exhausted else None)
        for number, row in enumerate(rows)
    ]
    choice = select_account(rows, None, strategy, force=force)
    taken = next((row for row in rows if row.name == choice.target), None)
    for candidate, row in zip(choice.candidates, rows):
        if taken is None or not candidate.eligible or row is taken:
            continue
        if (taken.exhausted or bool(taken.ban)) != (row.exhausted or bool(row.ban)):
            assert row.exhausted or row.ban
        elif end_of_limit(taken) != end_of_limit(row):
            assert end_of_limit(taken) < end_of_limit(row)
        elif measure(taken, strategy) != measure(row, strategy):
            assert measure(taken, strategy) < measure(row, strategy)
        else:
            assert rows.index(taken) < rows.index(row)


@pytest.mark.parametrize("only", [None, "d"])
def test_only_what_force_would_let_through_is_forceable(only):
    rows = [
        AccountState("a"),
        AccountState("b"),
        AccountState("c", login="expired", exhausted=True),
        AccountState("d", exhausted=True),
        AccountState("e", ban="its links failed"),
    ]
    choice = select_account(rows, "a", only=only)
    forceable = {item.account: item.forceable for item in choice.candidates}
    assert forceable == {"a": False, "b": False, "c": False, "d": True, "e": only is None}
    assert choice.candidates[0].to_json() == {"account": "a", "eligible": False, "why": "it is the active account"}


def test_an_account_of_another_organization_is_refused_unless_that_is_allowed() -> None:
    states = [
        AccountState("a", organization="o1"),
        AccountState("b", organization="o2"),
        AccountState("c", organization="o1"),
    ]
    found = select_account(states, "a", across=False)
    assert found.target == "c"
    assert "of another organization than the active account" in found.reason_of("b")
    assert select_account(states, "a").target == "b"


@pytest.mark.parametrize("force", [False, True])
def test_not_even_force_leads_to_another_organization(force: bool) -> None:
    states = [AccountState("a", organization="o1"), AccountState("b", organization="o2")]
    found = select_account(states, "a", only="b", force=force, across=False)
    assert found.target is None
    assert not any(candidate.forceable for candidate in found.candidates)


@pytest.mark.parametrize(("active", "other"), [(None, "o2"), ("o1", None), (None, None)])
def test_an_organization_that_is_not_known_refuses_nothing(active: str | None, other: str | None) -> None:
    states = [AccountState("a", organization=active), AccountState("b", organization=other)]
    assert select_account(states, "a", across=False).target == "b"
    assert select_account(states, None, across=False).target == "a"

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the holder of the configuration in force."""

from __future__ import annotations

from dataclasses import replace

from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig

OLD = Config(path="/c.yml", accounts=(Account("a", "/a"),))
NEW = replace(OLD, state_dir="/elsewhere")
NEWEST = replace(OLD, state_dir="/somewhere/else")


def test_the_holder_starts_with_its_configuration() -> None:
    assert ConfigHolder(OLD).current is OLD


def test_subscribers_are_called_in_order_and_see_the_new_configuration() -> None:
    holder = ConfigHolder(OLD)
    calls: list[tuple[str, Config]] = []
    for name in ("first", "second", "third"):
        holder.subscribe(lambda name=name: calls.append((name, holder.current)))  # type: ignore[misc]
    assert calls == [], "a subscription is no replacement"
    holder.replace(NEW)
    assert calls == [("first", NEW), ("second", NEW), ("third", NEW)]
    holder.replace(NEWEST)
    assert calls[3:] == [("first", NEWEST), ("second", NEWEST), ("third", NEWEST)]
    assert holder.current is NEWEST


def test_a_late_subscriber_is_called_for_later_replacements_only() -> None:
    holder = ConfigHolder(OLD)
    holder.replace(NEW)
    calls: list[Config] = []
    holder.subscribe(lambda: calls.append(holder.current))
    assert calls == []
    holder.replace(NEWEST)
    assert calls == [NEWEST]


def test_what_has_not_changed_stays_the_same_object() -> None:
    """So a file that is read again and again leaves one configuration in memory, whatever keeps a part of it."""
    one, two = SessionConfig("one", "/"), SessionConfig("two", "/")
    old = replace(OLD, sessions=(one, two))
    holder = ConfigHolder(old)
    holder.replace(replace(old, sessions=(replace(one), replace(two))))
    assert holder.current is old
    holder.replace(replace(old, sessions=(replace(two), replace(one, cwd="/srv"), SessionConfig("three", "/"))))
    assert [session.name for session in holder.current.sessions] == ["two", "one", "three"]
    assert holder.current.sessions[0] is two
    assert holder.current.sessions[1].cwd == "/srv"

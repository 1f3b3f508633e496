# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parser of the control-mode protocol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.tmux import protocol
from claude_failover.tmux.protocol import CommandReply, Event, Notification, ProtocolParser, UnexpectedLine

# As tmux 3.3a printed it: the attach command, a notification, a hook's command between two of ours, an error.
SEEN = b"""%begin 1795388466 379 0
%end 1795388466 379 0
%session-changed $0 _claude_failover
%begin 1795388466 383 1
%end 1795388466 383 1
%begin 1795388466 385 0
HOOKED
%end 1795388466 385 0
%begin 1795388466 387 1
third
%begin looks like one
%end 1795388466 386 1
\xc3\xa9\xff
%end 1795388466 387 1
%begin 1795388466 388 1
duplicate session: h1
%error 1795388466 388 1
%exit
"""

EVENTS: list[Event] = [
    CommandReply(379, ours=False, ok=True, lines=()),
    Notification("session-changed", "$0 _claude_failover"),
    CommandReply(383, ours=True, ok=True, lines=()),
    CommandReply(385, ours=False, ok=True, lines=("HOOKED",)),
    CommandReply(387, ours=True, ok=True, lines=("third", "%begin looks like one", "%end 1795388466 386 1", "é\ufffd")),
    CommandReply(388, ours=True, ok=False, lines=("duplicate session: h1",)),
    Notification("exit", ""),
]


def test_recorded_output() -> None:
    assert ProtocolParser().feed(SEEN) == EVENTS


@given(st.lists(st.integers(0, len(SEEN))))
def test_chunking_does_not_change_the_events(cuts: list[int]) -> None:
    parser = ProtocolParser()
    edges = [0, *sorted(cuts), len(SEEN)]
    pieces = [SEEN[a:b] for a, b in zip(edges, edges[1:])]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_forged_block_end_leaves_unexpected_lines() -> None:
    captured = b"%begin 5 7 1\nforged:\n%end 5 7 1\nrest of the pane\n%end 5 7 1\n"
    assert ProtocolParser().feed(captured) == [
        CommandReply(7, ours=True, ok=True, lines=("forged:",)),
        UnexpectedLine("rest of the pane"),
        UnexpectedLine("%end 5 7 1"),
    ]


def test_other_output_is_unexpected() -> None:
    for line in ("no server running", "", "%", "%begin", "%begin a b c", "%begin 1 2", "%error 1 2 3"):
        assert ProtocolParser().feed(line.encode() + b"\n") == [UnexpectedLine(line)], line


@given(st.binary())
def test_any_bytes_are_accepted(data: bytes) -> None:
    parser = ProtocolParser()
    assert all(
        isinstance(event, (CommandReply, Notification, UnexpectedLine))
        for event in parser.feed(data) + parser.feed(b"\n")
    )


def test_a_huge_reply() -> None:
    body = b"x" * 120 + b"\n"
    parser = ProtocolParser()
    data = b"%begin 1 2 1\n" + body * 50_000 + b"%end 1 2 1\n"
    events = [event for i in range(0, len(data), 65536) for event in parser.feed(data[i : i + 65536])]
    (reply,) = events
    assert isinstance(reply, CommandReply)
    assert len(reply.lines) == 50_000


@pytest.mark.parametrize("begin", [b"", b"%begin 1 2 1\n"])
def test_what_has_no_end_is_not_kept(monkeypatch, begin):
    monkeypatch.setattr(protocol, "MAX_KEPT", 1000)
    parser = ProtocolParser()
    events = parser.feed(begin)
    while not events:
        events = parser.feed(b"x" * 99 + (b"\n" if begin else b""))
    assert events == [UnexpectedLine("more than 1000 bytes without an end")]
    assert parser.feed(b"%begin 1 2 1\n") == []


def test_many_blocks_are_as_good_as_one(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_KEPT", 1000)
    parser = ProtocolParser()
    for number in range(100):
        block = b"%%begin 1 %d 1\n%s\n%%end 1 %d 1\n%%pause" % (number, b"x" * 500, number)
        assert [type(event).__name__ for event in parser.feed(block + b"\n")] == ["CommandReply", "Notification"]

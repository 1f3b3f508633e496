# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that the CLI answers by itself are no turns: not in the transcript, whatever their name."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from claude_failover.claude.local_commands import is_local_command, without_local_commands
from claude_failover.claude.turns import conversation_of, last_turn_id, refused_request_time
from claude_failover.common import clock
from claude_failover.limits import classify_transcript

NOW = datetime(2026, 11, 26, 5, 0, tzinfo=timezone.utc)


def user(text, second, turn="t", **more):
    stamp = f"2026-11-26T04:00:{second:02d}.000Z"
    return {"type": "user", "promptId": turn, "timestamp": stamp, "message": {"content": text}, **more}


def system(text, second):
    stamp = f"2026-11-26T04:00:{second:02d}.000Z"
    return {"type": "system", "subtype": "local_command", "content": text, "timestamp": stamp}


def command(name, second, turn="local", make=user):
    text = f"<command-name>/{name}</command-name>\n            <command-message>{name}</command-message>"
    return make(text, second) if make is system else make(text, second, turn)


def output(text, second, make=user, stream="stdout"):
    return make(f"<local-command-{stream}>{text}</local-command-{stream}>", second)


CAVEAT = user("<local-command-caveat>The command below was run …</local-command-caveat>", 9, "local", isMeta=True)
PROMPT = user("the job", 1)
REFUSED = {
    "type": "assistant",
    "timestamp": "2026-11-26T04:00:02.000Z",
    "isApiErrorMessage": True,
    "error": "rate_limit",
    "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "You've hit your weekly limit"}]},
}


def judged(*records):
    return classify_transcript(records, now=NOW, tz=timezone.utc)


def moment(second):
    return clock.from_wall(datetime(2026, 11, 26, 4, 0, second, tzinfo=timezone.utc))


@pytest.mark.parametrize("make", [user, system])
@pytest.mark.parametrize("name", ["usage-credits", "config", "model", "mcp", "some-plugin:thing", "a-new-command"])
def test_a_limit_stands_below_the_clis_own_commands(name, make):
    """`/usage-credits` after a banner: the session is continued all the same, and under the right account."""
    after = [CAVEAT, command(name, 10, make=make), {"type": "attachment"}, output("dismissed", 11, make=make)]
    records = [PROMPT, REFUSED, *after, *after]
    assert judged(*records).limited
    assert conversation_of(records) == [PROMPT, REFUSED]
    assert (last_turn_id(records), refused_request_time(records)) == ("t", moment(1))


def test_what_context_writes_for_the_model_is_no_request():
    usage = user("## Context Usage", 12, "later", isMeta=True)
    records = [PROMPT, REFUSED, command("context", 11, make=system), output("…", 11, make=system), usage]
    assert judged(*records).limited
    assert (last_turn_id(records), refused_request_time(records)) == ("t", moment(1))


def test_a_command_that_is_a_prompt_moves_on():
    assert not judged(PROMPT, REFUSED, command("review", 10)).limited
    assert not judged(PROMPT, REFUSED, command("review", 10), user("Review the changes", 10, isMeta=True)).limited


@pytest.mark.parametrize("make", [user, system])
@pytest.mark.parametrize("name", ["login", "rewind", "clear"])
def test_a_command_that_begins_something_else_moves_on_unless_it_is_given_up(name, make):
    command_record = command(name, 10)
    assert not judged(PROMPT, REFUSED, command_record, output("Login successful", 11, make=make)).limited
    assert judged(PROMPT, REFUSED, command_record, output("Login interrupted", 11, make=make)).limited


def test_a_goal_is_the_request_of_the_refusal_below_it():
    """The record that begins its turn is the CLI's own: the refusal is of that moment, not of the turn before."""
    goal = [command("goal", 20, "g"), output("Goal set: finish", 20), user("A session-scoped …", 21, "g", isMeta=True)]
    records = [PROMPT, {"type": "assistant", "message": {"model": "claude", "content": "yes"}}, *goal, REFUSED]
    assert judged(*records).limited
    assert (last_turn_id(records), refused_request_time(records)) == ("g", moment(21))


def test_a_refused_compaction_is_of_its_own_command():
    error = output("Error during compaction: You've hit your weekly limit", 31, make=system, stream="stderr")
    records = [PROMPT, CAVEAT, command("compact", 30, "c"), error]
    assert (last_turn_id(records), refused_request_time(records)) == ("c", moment(30))
    assert conversation_of(records)[-1] == error
    other = output("No messages to compact", 31, make=system, stream="stderr")
    assert judged(PROMPT, REFUSED, command("compact", 30, "c"), other).limited


def test_a_command_without_its_output_yet_is_kept_unless_it_is_known():
    assert without_local_commands([command("compact", 3)]) == [command("compact", 3)]
    assert without_local_commands([command("config", 3)]) == []


def test_a_pasted_text_full_of_marks_is_read_in_time():
    """A search for a name from each mark to the end of the text would take minutes."""
    pasted = user("x" + "<command-name>" * 200_000, 3)
    began = time.monotonic()
    assert without_local_commands([pasted]) == [pasted]
    assert time.monotonic() - began < 5


def test_a_sub_agents_records_end_no_command():
    agent = {**user("x", 4), "isSidechain": True}
    assert without_local_commands([command("odd", 3), agent, output("done", 5)]) == [agent]


@pytest.mark.parametrize(
    ("prompt", "local"),
    [
        ("/usage-credits", True),
        ("/model fable", True),
        ("/CONFIG", True),
        ("Unknown skill: rate-limit-options", True),
        ("Unknown command: /nosuchthing", True),
        ("Unknown slash command: nosuch", True),
        ("/compact", False),
        ("/goal finish", False),
        ("/clear", False),
        ("/login", False),
        ("model", False),
        ("Unknown skill: what is that?", False),
        ("", False),
    ],
)
def test_local_commands_by_name(prompt, local):
    assert is_local_command(prompt) is local

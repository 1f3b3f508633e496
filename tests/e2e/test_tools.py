# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools for a new version: what `wordings.py` reads in a program, and what `harness.normal` makes of a capture."""

from __future__ import annotations

import json

import wordings
from conftest import real
from harness import cli, normal


def test_the_strings_of_a_program_are_found_between_their_quotes() -> None:
    program = (
        b"\0\0f(\"You've hit your weekly limit\",`${a} \\xb7 out of usage credits`);g='Usage limit';"
        b'h="a \\"quoted\\" limit";let limit=5;/* the limit */\xff\xfe'
    )
    assert set(wordings.strings_of(program)) == {
        "You've hit your weekly limit",
        "${a} · out of usage credits",
        "Usage limit",
        'a "quoted" limit',
    }


def test_a_text_that_nobody_has_judged_is_told_and_a_known_one_is_not() -> None:
    assert all(verdict.limited for verdict in wordings.verdicts("You've hit your ${a(b)} · resets ${c}"))
    assert not any(verdict.limited for verdict in wordings.verdicts("Your limit of something new is reached"))
    assert wordings.is_sentence("Your limit of something new is reached")
    assert not wordings.is_sentence("function limit(a) { return reached }")
    assert wordings.judged(), "each with its reason"


def test_the_texts_of_the_real_program_are_found() -> None:
    with open(real(cli.NEW), "rb") as stream:
        texts = set(wordings.strings_of(stream.read()))
    assert any(text.startswith("You've hit your ") for text in texts)
    assert len([text for text in texts if wordings.is_sentence(text)]) > 100


def test_two_runs_look_the_same() -> None:
    def seen(folder: str, clock: str, spinner: str, seconds: int) -> str:
        return normal.screen(
            f"   {folder}/work\n❯ go\n  ⎿  You've hit your weekly limit · resets Dec 3, {clock} (UTC)\n"
            f"✻ {spinner}… ({seconds}s · ↓ 12 tokens)\n\n\n"
        )

    assert seen("/tmp/cf-ab_cd012", "9:30pm", "Baking", 3) == seen("/tmp/cf-01234567", "11:30am", "Frosting", 12)
    one = [{"session_id": "11111111-1111-4111-8111-111111111111", "t": "2026-11-25T12:00:01.123Z", "r": 1800000000}]
    two = [{"session_id": "22222222-2222-4222-8222-222222222222", "t": "2026-11-26T00:00:00.000Z", "r": 1900000000}]
    assert normal.records(one, 1800000000) == normal.records(two, 1900000000)
    assert json.loads(normal.records(one, 1800000000))["r"] == normal.RESET
    assert json.loads(normal.records([{"r": 100}], 0))["r"] == 100, "without a limit there is no reset to replace"


def test_other_records_leave_their_types_only() -> None:
    records = [{"type": "attachment", "text": "long"}, {"type": "user", "a": 1}, {"type": "attachment", "text": "more"}]
    assert normal.conversation(records) == [{"type": "attachment"}, {"type": "user", "a": 1}]

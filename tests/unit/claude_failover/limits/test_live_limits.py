# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Panes whose menu, footer or retry line says that a limit is in force, whatever stands between it and the banner."""

from __future__ import annotations

import os
from datetime import datetime, timezone

import pytest
from limit_looks import FIXTURES, NOW, UTC, box, menu, waiting

from claude_failover.limits import classify_pane
from claude_failover.limits.retry import waits_for_reset

REPORTS = os.path.join(FIXTURES, "reports")
BANNER = ["❯ go", "  ⎿  You've hit your weekly limit · resets Nov 24, 5pm (UTC)", ""]
BUSY = ["─" * 80, "❯ ", "─" * 80, "  ⏵⏵ auto mode on (shift+tab to cycle) · esc to interrupt"]


def at(*parts):
    return datetime(2026, 11, *parts, tzinfo=timezone.utc)


def pane(*lines, now=NOW):
    return classify_pane(lines, now=now, tz=UTC)


def capture(name):
    with open(os.path.join(REPORTS, name), encoding="utf-8") as stream:
        return stream.read().split("\n")


def test_the_real_captures():
    goal = pane(*capture("real_2.1.330_goal_limit.pane.txt"), now=at(25, 19, 49))
    assert (goal.limit, goal.resets_at) == ("seven_day", at(25, 22, 48))
    retry = pane(*capture("real_2.1.330_retry_watchdog.pane.txt"), now=at(25, 19, 44))
    assert (retry.limit, retry.resets_at, retry.rule) == ("seven_day", at(25, 22, 44), "retrying-limit")


@pytest.mark.parametrize("live", [menu(80), waiting(80)], ids=["menu", "footer"])
@pytest.mark.parametrize(
    "between",
    [
        ["● Goal paused · usage limit reached · continues automatically when it resets", ""],
        ["● Goal paused · usage limit reached · send a message after it resets to continue", ""],
        ["● Automatic continue was turned off · this task will not resume on its own", ""],
        ["● Unknown command: /nosuchthing", ""],
        ['● Agent "Wave 2A" finished · 3m', ""],
        ['● Background command "make" completed (exit code 0)', ""],
        ["❯ /usage-credits", "  ⎿  Visit https://claude.ai/settings/usage to manage usage credits.", ""],
        ["❯ /model", "  ⎿  Kept model as Opus 5.5 (default)", ""],
        ["❯ Unknown skill: rate-limit-options", ""],
        ["❯ /nosuch", "  ⎿  Unknown slash command: nosuch", ""],
        ["❯ /some-plugin:command", "  ⎿  (no content)", ""],
        ["❯ /brand-new", "  ⎿  Brand new dialog dismissed", "     and a second line", ""],
        ["● Workflow paused · a sub-agent hit the usage limit", ""],
    ],
)
def test_the_banner_of_the_newest_turn_counts_below_other_texts(live, between):
    verdict = pane(*BANNER, *between, *live)
    assert (verdict.limit, verdict.resets_at) == ("seven_day", at(24, 17)), verdict


@pytest.mark.parametrize("live", [menu(80), waiting(80)], ids=["menu", "footer"])
def test_a_command_that_asks_the_model_after_its_own_output(live):
    """2.1.197 with CLAUDE_CODE_NO_FLICKER=1: /goal is set, and its request refused, with the menu right below."""
    verdict = pane("❯ hi", "", "● Yes.", "", "❯ /goal go on", "  ⎿  Goal set: go on", BANNER[1], *live)
    assert (verdict.limit, verdict.resets_at) == ("seven_day", at(24, 17)), verdict
    assert pane(*BANNER, "❯ /usage-view", "  ⎿  Usage", "  ⎿  and more", "", *live).limit == "seven_day"


def test_the_menus_option_names_the_reset_where_the_banner_is_out_of_view():
    for above in ([], ["❯ /rate-limit-options", ""], ["  and the rest of a reply", "", "● Bash(make)", "  ⎿  ok", ""]):
        verdict = pane(*above, *menu(80))
        assert (verdict.limited, verdict.limit, verdict.rule) == (True, "unknown", "limit-menu"), above
        assert verdict.resets_at == at(22, 21, 36)
    footer = pane("● Bash(make)", "  ⎿  ok", "", *waiting(80))
    assert (footer.rule, footer.resets_at) == ("waiting-footer", at(22, 21, 36))


@pytest.mark.parametrize(
    "after",
    [
        ["❯ /review", "  ⎿  Interrupted · What should Claude do instead?", ""],
        ["❯ /review", "  ⎿  API Error: 529 Overloaded", ""],
        ["❯ /review", "  ⎿  Error: no pull request", ""],
        ["❯ /review", "", "● It is fine.", ""],
        ["❯ /review", ""],
        ["❯ review it", "  ⎿  (no content)", ""],
    ],
)
def test_a_command_that_asks_the_model_begins_a_turn(after):
    assert not pane(*BANNER, *after, *box(80)).limited


def test_the_menu_of_a_pane_of_few_rows():
    """2.1.332 in 7 rows: the selected option is the last row, and the banner the first."""
    lines = ["", BANNER[1], "▔" * 80, "  What do you want to do?", "", "  ❯ 1. Stop and wait for limit to reset", ""]
    verdict = pane(*lines)
    assert (verdict.limit, verdict.resets_at) == ("seven_day", at(24, 17)), verdict
    assert pane(*lines[2:]).rule == "limit-menu"
    assert not pane("▔" * 80, "  Which one?", "", "  ❯ 1. This one").limited


def test_a_menu_over_an_answer_or_another_message_is_no_limit():
    assert not pane("❯ go", "", "● All done.", "", *menu(80)).limited
    assert not pane("❯ go", "  ⎿  API Error: 529 Overloaded", "", *menu(80)).limited


@pytest.mark.parametrize(
    ("line", "limit", "resets"),
    [
        ("5-hour limit reached · retrying in 2h (10:46pm) · attempt 1/300", "five_hour", at(22, 22, 46)),
        ("Weekly limit reached · Retrying in 6h (Nov 24, 7pm) · attempt 1/300", "seven_day", at(24, 19)),
        ("Weekly limit reached · Retrying in 6h · attempt 1/300", "seven_day", None),
        ("Opus limit reached · retrying in 1d 2h (Nov 24, 7pm) · attempt 12/300", "opus", at(24, 19)),
        ("Fable limit reached · retrying in 3h (11pm) · attempt 2/10", "model", at(22, 23)),
        ("Usage limit reached · retrying in 45m (8:55pm) · attempt 2/10", "unknown", at(22, 20, 55)),
        ("Usage credit limit reached · retrying in 5h (Nov 24, 7pm) · attempt 2/10", "spend", at(24, 19)),
        ("Capybara limit reached · retrying in 2h (10:46pm) · attempt 1/300", "model", at(22, 22, 46)),
        ("Weekly lim… · retrying in 2h (10:46pm) · attempt 1/300", "seven_day", at(22, 22, 46)),
    ],
)
@pytest.mark.parametrize("mark", ["✻", "✽", "·", "*"])
def test_the_clis_own_retry_of_a_limit(mark, line, limit, resets):
    verdict = pane("❯ go", "", f"{mark} {line}", "  ⎿  Tip: Use /memory to edit", "", *BUSY)
    assert (verdict.limited, verdict.limit, verdict.resets_at) == (True, limit, resets), verdict
    assert verdict.rule == "retrying-limit"
    later = line.replace("attempt 1/", "attempt 2/").replace("in 2h", "in 1h")
    assert pane("❯ go", "", f"✶ {later}", "", *BUSY).snippet == verdict.snippet, "one refusal, one snippet"


@pytest.mark.parametrize(
    "rows",
    [
        ["Weekly li · Retrying in 5h (Nov 24, 7:30pm) · attempt 1/10"],
        ["Weekly   · Retrying in 5h (Nov 24, 7:30pm) ·", "li…     attempt 1/10"],
        ["Weekly  · Retrying in 5h (Nov 24,", "li…    7:30pm) · attempt 1/10"],
        ["Weekly   · Retrying in 5h (Nov", "li…     24, 7:30pm) · attempt", "        1/10"],
    ],
    ids=["58", "44", "36", "30"],
)
def test_the_retry_that_a_narrow_pane_splits(rows):
    """2.1.197: the mark stands alone, and the text in two columns."""
    tip = ["  ⎿  Tip: Start with small features", "     or bug fixes", ""]
    verdict = pane("❯ go on", "", "✻", *rows, *tip, *BUSY)
    assert (verdict.limited, verdict.limit, verdict.rule) == (True, "seven_day", "retrying-limit"), verdict
    assert verdict.resets_at == datetime(2026, 11, 24, 19, 30, tzinfo=timezone.utc)
    assert waits_for_reset(["❯ go on", "", "✻", *rows, *tip, *BUSY])
    assert not pane("❯ go on", "", *rows, *tip, *BUSY).limited
    assert not pane("❯ go on", "", "✻", *rows, "", "● It goes on.", "", *BUSY).limited
    overloaded = [row.replace("Weekly", "API Er").replace("(Nov 24, 7:30pm) ", "") for row in rows[:1]]
    assert not pane("❯ go on", "", "✻", *overloaded, *tip, *BUSY).limited


@pytest.mark.parametrize(
    "lines",
    [
        ["❯ go", "", "✻ API Error (529 overloaded_error) · retrying in 28s · attempt 9/10", ""],
        ["❯ go", "", "✻ Rate limit reached · retrying in 28s · attempt 9/10", ""],
        [
            "❯ go",
            "",
            "✻ Server is temporarily limiting requests (not your usage limit) · retrying in 28s · attempt 9/10",
        ],
        ["❯ go", "", "✻ Weekly limit reached · retrying… · attempt 9/10"],
        ["❯ go", "", "● Weekly limit reached · retrying in 2h (10:46pm) · attempt 1/300"],
        ["❯ go", "", "  ✻ Weekly limit reached · retrying in 2h (10:46pm) · attempt 1/300"],
        ["❯ Weekly limit reached · retrying in 2h (10:46pm) · attempt 1/300"],
        ["● Bash(cat log)", "  ⎿  ✻ Weekly limit reached · retrying in 2h (10:46pm) · attempt 1/300", ""],
        ["✻ Weekly limit reached · retrying in 2h (10:46pm) · attempt 1/300", "", "● It goes on.", ""],
        ["❯ go", "", "✻ Working at lower priority · waiting for capacity · next try in 2m · attempt 1", ""],
    ],
)
def test_other_retries_are_no_limit(lines):
    assert not pane(*lines, *BUSY).limited


def test_the_output_of_the_clis_own_command_is_no_limit():
    """`/model` is refused, and the session works on."""
    answered = ["❯ explain", "", "● It reads one token ahead.", "", "✻ Baked for 3s", ""]
    for command in ("/model fable", "/usage-credits", "/extra-usage", "/fast"):
        for text in ("You're out of usage credits. Run /usage-credits to buy more.", BANNER[1][5:]):
            verdict = pane(*answered, f"❯ {command}", f"  ⎿  {text}", "     Kept model as Sonnet 5", "", *box(80))
            assert not verdict.limited, verdict


HEADER = [" ▐▛███▛█   Claude Code v2.1.332", "▝▜██████▀  Opus 5.5 · Claude Max", " ▝▝   ▝▝   /srv/work", ""]


@pytest.mark.parametrize(
    ("launch", "limited"), [([], True), (["$ claude"], True), (["$ claude --resume 8888"], False)], ids=str
)
def test_a_refused_compaction_opens_no_menu(launch, limited):
    """2.1.332 and 2.1.197: the prompt box is idle, with nothing below it; so it is when such a session is resumed."""
    answered = ["❯ hello", "", "● Yes.", "", "✻ Baked for 0s · done 4:07 AM", ""]
    error = ["❯ /compact", f"  ⎿  Error during compaction: {BANNER[1][5:]}", ""]
    assert pane(*launch, *HEADER, *answered, *error, *box(120)).limited is limited


def test_a_refused_compaction_on_the_screen():
    for text in (
        "Error during compaction: ",
        "Error: Error during compaction: ",
        "Error: Error during compaction: Error: ",  # 2.1.81, found in its code
    ):
        lines = ["❯ /compact", f"  ⎿  {text}You've hit your weekly limit · resets Nov 24, 5pm (UTC)", "", *box(80)]
        verdict = pane(*lines)
        assert (verdict.limit, verdict.resets_at) == ("seven_day", at(24, 17))
    assert not pane("● Bash(cat log)", f"  ⎿  Error during compaction: {BANNER[1][5:]}", "", *box(80)).limited


DROPPED = [
    "● Remote Control disconnected — signed-in claude.ai account or organization changed on this machine — run",
    "  /remote-control to start a session for the current account, or /login to switch back, then /remote-control",
    "",
]


@pytest.mark.parametrize("looks", [box(80), menu(80), waiting(80)], ids=["box", "menu", "footer"])
def test_the_end_of_remote_control_below_a_banner_changes_nothing(looks):
    assert pane(*BANNER, *looks).limited
    found = pane(*BANNER, *DROPPED, *looks)
    assert found == pane(*BANNER, *looks)


@pytest.mark.parametrize("reply", ["● Remote Control disconnected, so I went on without it.", "● Done."])
def test_a_reply_below_a_banner_is_news(reply):
    assert pane(*BANNER, reply, "", *box(80)).rule == "older-banner"


#: 2.1.332, 40 columns, from 8 rows down to 4: the key hint is left out first, then the option, then all but the title.
DIALOG = ["▔" * 40, "  What do you want to do?"]
LOW = {
    8: [*DIALOG, "", "  ❯ 1. Stop and wait for limit to", "       reset"],
    6: [*DIALOG, "", "  ❯ 1. Stop and wait for limit to      ↓"],
    5: [*DIALOG, "                                       ↓"],
    4: [DIALOG[0], "  What do you want to do?              ↓"],
}


@pytest.mark.parametrize("rows", LOW)
def test_a_menu_in_a_pane_of_few_rows_counts_without_its_key_hint(rows):
    found = pane("  ⎿  You've hit your weekly limit ·", "     resets Nov 24, 5pm (UTC)", "", *LOW[rows])
    assert (found.limit, found.resets_at) == ("seven_day", at(24, 17))


@pytest.mark.parametrize("rows", [8, 6])
def test_its_option_alone_says_that_there_is_a_limit(rows):
    assert pane("✻ Worked for 0s", "", *LOW[rows]).rule == "limit-menu"


@pytest.mark.parametrize("rows", [5, 4])
def test_its_title_alone_does_not(rows):
    assert not pane("✻ Worked for 0s", "", *LOW[rows]).limited


@pytest.mark.parametrize("title", ["  Do you want to proceed?              ↓", "  Resume session"])
def test_another_dialog_in_such_a_pane_is_no_limit(title):
    assert not pane("  ⎿  You've hit your weekly limit · resets Nov 24, 5pm (UTC)", "", "▔" * 40, title).limited

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the accounts on the screen of ``status --watch``: names and resets are whole (pure; with rich)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from ...common.limit_words import limit_word
from ..document import mappings
from ..times import duration, moment, remaining
from .content import text_of

_LOGIN_ENDS = 7 * 86400  # seconds before it, in which it is told
_GAP = "  "
_INDENT = "    "
_LIMITS_COLUMNS = 10  # at least


class _Account(NamedTuple):
    """The parts of an account: its name, bars, login; its limits in one text, in one word, and a line each."""

    name: Text
    bars: list[Text]
    login: Text
    limits: Text
    limits_word: Text
    limits_below: list[Text]


def account_lines(
    rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int, wide: bool, most: int, room: int
) -> list[Text]:
    """Return a head and the accounts: use with bars, until when they are exhausted, the end of the login.

    Each has one line, and ``most`` of them are shown. Where resets have no room in it, they have lines of their own
    below; where names have none, so have those. Then the accounts have ``room`` lines. The active one comes first where
    not all can be shown.
    """
    windows = _windows(rows, most=4 if wide else 2)
    bar_columns = 20 if columns >= 180 else 10 if wide else 4
    accounts = [_account(row, windows, now, wide=wide, bar_columns=bar_columns) for row in rows]
    titles = [*(text_of(limit_word(window)) for window in windows), "exhausted", "login" if wide else "login ends"]
    name_columns = max(cell_len(each.name.plain) for each in accounts) if accounts else 0
    name_columns = max(name_columns, cell_len("  account"))
    whole = [[*each.bars, each.limits, each.login] for each in accounts]
    short = [[*each.bars, each.limits_word, each.login] for each in accounts]
    beside, below = name_columns + len(_GAP), len(_INDENT)
    # From the layout with the fewest lines on: names beside the rest or above it, limits beside the rest or below it.
    for indent, cells in ((beside, whole), (beside, short), (below, whole), (below, short)):
        widths = _widths(titles, cells)
        if indent + sum(widths) + len(_GAP) * (len(widths) - 1) <= columns:
            break
    one_line_each = indent == beside and cells is whole
    head = Text("  account", "dim")
    blocks = []
    for account, line in zip(accounts, cells):
        more = [] if cells is whole else account.limits_below
        if indent == beside:
            blocks.append([_line(account.name, line, indent, widths), *more])
        else:
            blocks.append([account.name, _line(Text(), line, indent, widths), *more])
    found = [_line(head, [Text(title, "dim") for title in titles], max(indent, cell_len(head.plain) + 2), widths)]
    budget = most if one_line_each else max(most, room)
    if sum(map(len, blocks)) <= budget:
        return [*found, *(line for block in blocks for line in block)]
    shown = 0
    for index in sorted(range(len(rows)), key=lambda index: not rows[index].get("active")):
        if shown and len(found) + len(blocks[index]) > budget:
            break
        found += blocks[index]
        shown += 1
    return [*found, Text(f"  and {len(rows) - shown} more", "dim")]


def _account(
    row: Mapping[str, Any], windows: Sequence[str], now: datetime, *, wide: bool, bar_columns: int
) -> _Account:
    used = row.get("used_percent")
    percents = used if isinstance(used, Mapping) else {}
    name = Text("* " if row.get("active") else "  ", "bold green")
    name.append(text_of(row.get("name")), "bold" if row.get("active") else "")
    entries = mappings(row.get("exhausted"))
    if not wide:
        entries = sorted(entries, key=lambda entry: str(entry.get("until")))[-1:]
    told = [text_of(f"{limit_word(entry.get('limit'))} until {moment(entry.get('until'), now)}") for entry in entries]
    words = ", ".join(text_of(limit_word(entry.get("limit"))) for entry in entries)
    return _Account(
        name,
        [_bar(percents.get(window), bar_columns) for window in windows],
        _login(row, now, wide),
        Text(", ".join(told), "yellow") if told else _apart(row),
        Text(words, "yellow") if told else _apart(row),
        [Text(f"{_INDENT}{line}", "yellow") for line in told],
    )


def _apart(row: Mapping[str, Any]) -> Text:
    if row.get("links") not in ("ok", None):
        return Text(f"links {text_of(row.get('links'))}", "bold red")
    apart = "held out" if row.get("enabled") is False else "standby" if row.get("standby") is True else "no"
    return Text(apart, "dim")


def _bar(used: Any, room: int) -> Text:
    if not isinstance(used, (int, float)) or isinstance(used, bool) or not 0 <= used < 1e6:
        return Text("-", "dim")
    # Full and empty are said by 100 and 0 only.
    filled = room if used >= 100 else min(room - 1, max(int(used > 0), round(used * room / 100)))
    style = "red" if used >= 100 else "yellow" if used >= 80 else "green"
    text = Text("█" * filled, style)
    text.append("░" * (room - filled), "dim")
    return text.append(f" {min(used, 999):3.0f}%")


def _login(row: Mapping[str, Any], now: datetime, wide: bool) -> Text:
    login, end = text_of(row.get("login")), row.get("login_expires_at")
    if login != "ok":
        return Text(login, "bold red" if login in ("expired", "missing") else "yellow")
    if end is None:
        return Text("ok", "green")
    left = remaining(end, now)
    style = "green" if left is None or left > _LOGIN_ENDS else "yellow" if left > 0 else "bold red"
    if wide or left is None or left <= 0:
        return Text(text_of(f"until {moment(end, now)}"), style)
    return Text(f"in {duration(left)}", style)


def _widths(titles: Sequence[str], cells: Sequence[Sequence[Text]]) -> list[int]:
    widths = [
        max([cell_len(title), *(cell_len(line[index].plain) for line in cells)]) for index, title in enumerate(titles)
    ]
    widths[-2] = max(widths[-2], _LIMITS_COLUMNS)
    return widths


def _line(first: Text, cells: Sequence[Text], indent: int, widths: Sequence[int]) -> Text:
    """Return a name and the cells from column ``indent`` on, each padded to its width."""
    line = Text(end="")
    line.append_text(first)
    line.append(" " * max(indent - cell_len(first.plain), 0))
    for cell, width in zip(cells, widths):
        line.append_text(cell)
        line.append(" " * (width - cell_len(cell.plain)) + _GAP)
    line.rstrip()
    return line


def _windows(rows: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """Return the windows of use that are known of any account, those first that everybody has."""
    found = dict.fromkeys(("five_hour", "seven_day"))
    for row in rows:
        used = row.get("used_percent")
        found.update(dict.fromkeys(map(str, used if isinstance(used, Mapping) else ())))
    known = {str(key) for row in rows if isinstance(row.get("used_percent"), Mapping) for key in row["used_percent"]}
    return [window for window in found if window in known][:most]

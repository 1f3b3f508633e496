# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutations of bytes, of JSON and of JSON Lines, with values that programs trip over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

MAX_SIZE = 1 << 16
_MARK = "@@%d@@"
#: JSON that json.dumps does not write.
_RAW = (
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "-9223372036854775809",
    "[" * 200 + "]" * 200,
    '{"a":' * 99 + "1" + "}" * 99,
    '{"a":1,"a":2}',
    r'"\ud800"',
    r'"\ud83d\ude00\udfff"',
    r'{"\ud800":1,"\ud801":2}',
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63 - 1, 2**63, 2**64 - 1, -1.5, 1e308, 5e-324, 3e14, 1e15, 253402300800),
    *(
        "",
        " ",
        "²",
        "٣",
        "0",
        "-1",
        "/",
        "..",
        "\x00",
        "\x1b[2J",
        "a\nERROR b",
        "\u202e\u2066",
        "\u2028",
        "\x85",
        "\u200b",
    ),
    *(
        "\U0001f468\u200d\U0001f469",
        "x" * 5000,
        "/" + "x/" * 3000,
        "\x1b[" + "9" * 5000 + "C",
        "%s",
        "{}",
        "$(id)",
        "#{pane_id}",
    ),
    *("2026-11-22T20:00:00.000Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-11-22T20:00:00", "now"),
    *([], {}, [[]], [None], {"": ""}, {"a": {"b": []}}, [{}], ["a", 1]),
)
_PIECES = (
    *(b"\x00", b"\n", b"\r", b"\x1b[2J", b"\x1b[38;5;1m", b"\x1b]0;x\x07", b"\x9b", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(
        b"\xe2\x80\xae",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"- ",
        b"&a",
        b"*a",
        b"<<: ",
        b"!!python/object:x",
    ),
    *(
        b"\x1b[" + b"9" * 5000 + b"C",
        b"resets 9pm (UTC)",
        b"You've hit your limit",
        b"\xe2\x94\x82",
        b"\xe2\x9d\xaf ",
        b"%end 1 1 1\n",
    ),
)


def mutate(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Return a mutation of ``data``, of at most `MAX_SIZE` bytes; ``others`` are inputs to take parts from."""
    for _round in range(random.choice((1, 1, 1, 2, 4))):
        changed = _mutate_json(data, random) if random.random() < 0.6 else None
        data = changed if changed is not None else _mutate_bytes(data, random, others)
    return data[:MAX_SIZE]


def _mutate_json(data: bytes, random: Random) -> bytes | None:
    """Return a mutation of JSON, or of one line of JSON Lines; None if the bytes are neither."""
    lines = data.split(b"\n")
    index = random.randrange(len(lines))
    for begin, end in ((0, len(lines)), (index, index + 1)):
        try:
            value = json.loads(b"\n".join(lines[begin:end]))
        except (ValueError, RecursionError):
            continue
        marks: list[str] = []
        text = json.dumps(_mutated(value, random, marks))
        for number, raw in enumerate(marks):
            text = text.replace('"' + _MARK % number + '"', raw, 1)
        return b"\n".join([*lines[:begin], text.encode(), *lines[end:]])
    return None


def _mutated(value: Any, random: Random, marks: list[str]) -> Any:
    """Return the value with one part of it changed."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        found = dict(value)
        key = random.choice(list(found))
        action = random.random()
        if action < 0.6:
            found[key] = _mutated(found[key], random, marks)
        elif action < 0.75:
            del found[key]
        elif action < 0.9:
            other = random.choice(_VALUES)
            found[other if isinstance(other, str) else str(other)] = found[key]
        else:
            found[random.choice(list(found))] = found[key]
        return found
    if isinstance(value, list) and value and random.random() < 0.9:
        rows = list(value)
        index = random.randrange(len(rows))
        action = random.random()
        if action < 0.6:
            rows[index] = _mutated(rows[index], random, marks)
        elif action < 0.75:
            del rows[index]
        elif action < 0.95:
            rows.insert(index, rows[index])
        else:
            rows = rows * 50
        return rows
    if isinstance(value, str) and value and random.random() < 0.3:
        index = random.randrange(len(value))
        other = random.choice([each for each in _VALUES if isinstance(each, str)])
        return value[:index] + other + value[index + random.randrange(3) :]
    if random.random() < 0.3:
        marks.append(random.choice(_RAW))
        return _MARK % (len(marks) - 1)
    return random.choice(_VALUES)


def _mutate_bytes(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    begin = random.randrange(len(data) + 1)
    end = min(len(data), begin + random.choice((0, 1, 1, 4, 100)))
    action = random.random()
    if action < 0.3:
        piece = random.choice(_PIECES)
    elif action < 0.5:
        piece = bytes(random.randrange(256) for _byte in range(random.choice((1, 1, 2, 8))))
    elif action < 0.6:
        piece = data[begin:end] * random.choice((0, 2, 100))
    elif action < 0.8 and others:
        other = random.choice(others)
        start = random.randrange(len(other) + 1)
        piece = other[start : start + random.choice((8, 100, 1000))]
    else:
        piece = b""
    return data[:begin] + piece + data[end:]

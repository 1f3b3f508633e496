# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the daemon's own values: names, commands, environments, patterns.

None shows a word of a command or a value of an environment, which may be secret.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from re import Pattern
from typing import Any
from urllib.parse import urlsplit

from ..tmux.quoting import EXPANDED, HOLDER, name_expected
from . import validators
from .login_origin import is_foreign_login
from .validators import AlreadyReported, Check, Location, ValidationError, describe

_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_].*", re.DOTALL)
# 0.9.7 to 1.9 of apprise take no longer scheme. Blanks would end it in their configuration.
_NOTIFY_URL = re.compile(r"[A-Za-z0-9]{1,12}://[!-~\u00a1-\u167f\u2e80-\ud7ff]{1,2000}")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
# Claude Code 2.1.330: each chooses the conversation to open, which the daemon does.
_FORBIDDEN = {"--resume": "-r", "--continue": "-c", "--session-id": ""}
_FLAGS_WITHOUT_VALUE = "phv"
_LOGIN_EXPECTED = (
    "it left out or empty, for the session would keep that login at every switch; with claude_args: false it is let "
    "pass, and the session's limits switch nothing"
)


def account_name(value: Any, location: Location) -> str:
    """Check for a name that is safe in a command line, a file name and a metric's label."""
    name = validators.text(value, location)
    if not _ACCOUNT_NAME.fullmatch(name):
        expected = "up to 64 letters, digits and . _ @ + - (ASCII), beginning with a letter or digit"
        raise ValidationError(describe(name), expected)
    return name


def group_name(value: Any, location: Location) -> str:
    """Check for a well-formed name of a group; the group need not exist."""
    name = validators.text(value, location)
    if not _GROUP.fullmatch(name):
        raise ValidationError(describe(name), "the name of a group")
    return name


def link_name(value: Any, location: Location) -> str:
    """Check for the name of one entry of a folder."""
    name = validators.text(value, location)
    if name in (".", "..") or "/" in name or len(name.encode()) > 255:
        raise ValidationError(describe(name), "the name of one entry of the account homes, such as projects")
    return name


def program(value: Any, location: Location) -> str:
    """Check for a program: a name to be found in PATH, or an absolute path."""
    name = validators.text(value, location)
    if ("/" in name and not name.startswith("/")) or name[0] in "~$-":
        raise ValidationError(describe(name), "the name of a program, or an absolute path, written out in full")
    return name


def session_name(value: Any, location: Location) -> str:
    """Check for a session name that tmux keeps unchanged, and that as a target names this session only."""
    if not isinstance(value, str) or not value:
        raise ValidationError(
            describe(value), "the name of a tmux session" + ("" if value in (None, "") else ", as text")
        )
    expected = name_expected(value)
    if expected is not None:
        raise ValidationError(describe(value), expected)
    expanded = EXPANDED.search(value)
    if expanded is not None:
        raise ValidationError(
            f"{describe(value)} with {expanded.group()}", "a name without what tmux expands where it shows it"
        )
    if value[0] in "=@$%-":
        raise ValidationError(
            f"{describe(value)}, which begins with {value[0]}", "a name that does not begin with = @ $ % or -"
        )
    if value != value.strip():
        raise ValidationError(
            f"{describe(value)} with a blank at an end", "a name that neither begins nor ends with a blank"
        )
    if value == HOLDER:
        raise ValidationError(
            describe(value), "another name: the session that keeps the tmux server alive has this one"
        )
    if len(value.encode()) > 200:
        raise ValidationError(f"a name of {len(value.encode())} bytes", "a name of at most 200 bytes")
    return validators.text(value, location)


def command(claude_args: bool) -> Check[tuple[str, ...]]:
    """Return a check for a session's command; ``claude_args`` says that the daemon adds arguments to it."""
    what = "a list, the program and its arguments, as in [claude, --model, opus]"
    words_of = validators.list_of(validators.hidden_text, what, least=1, secret=True)

    def check(value: Any, location: Location) -> tuple[str, ...]:
        before = len(location.problems)
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            if not value[0].strip():
                location.item(0).reject("empty text", "the program to run")
            elif claude_args:
                _check_claude(value, location)
        words = words_of(value, location)
        if len(location.problems) != before:
            raise AlreadyReported
        return words

    return check


def _check_claude(words: Sequence[str], location: Location) -> None:
    first = words[0]
    absolute = first.startswith("/") and "~" not in first and "$" not in first
    if first != "claude" and not (absolute and os.path.basename(first) == "claude"):
        location.item(0).reject(
            describe(first, secret=len(first) > 255),
            "claude or an absolute path to it, for claude_args is true; set claude_args: false for another program",
        )
    settings = 0
    for index, word in enumerate(words[1:], start=1):
        if word == "--":
            break
        flag = _forbidden(word)
        if flag:
            location.item(index).reject(
                f"the option {flag}",
                "none that chooses a conversation, for the daemon does; leave it out, or set claude_args: false",
            )
        if word == "--settings" or word.startswith("--settings="):
            settings += 1
            if settings > 1:
                location.item(index).reject("a second --settings", "at most one, for Claude Code reads only one")
            if word == "--settings" and index + 1 == len(words):
                location.item(index).reject("--settings without a value", "a file or JSON after it")


def _forbidden(word: str) -> str | None:
    """Return the forbidden option that ``word`` is or holds, or None."""
    for long, short in _FORBIDDEN.items():
        if word == long or word.startswith(long + "="):
            return long
        # -rUUID, and -pc for -p -c: one letter options may be joined.
        if short and not word.startswith("--") and word.startswith("-"):
            letters = word[1:].lstrip(_FLAGS_WITHOUT_VALUE)
            if letters.startswith(short[1]):
                return short
    return None


def environment(claude_args: bool) -> Check[dict[str, str]]:
    """Return a check for a session's environment.

    With ``claude_args`` the daemon sets CLAUDE_CONFIG_DIR itself, and no variable may make the login another than that
    of the active link.
    """

    def check(value: Any, location: Location) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError(describe(value, secret=True), "a mapping of names to text")
        before = len(location.problems)
        checked: dict[str, str] = {}
        for name, content in value.items():
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                # NAME VALUE without the colon reads as one name: what follows its first word may be a secret.
                shown = describe(_NOT_IN_NAME.sub("…", name) if isinstance(name, str) else name)
                location.reject(f"the name {shown}", "names of letters, digits and _, not beginning with a digit")
                continue
            at = location.below(name)
            if name == "CLAUDE_CONFIG_DIR" and claude_args:
                at.reject(
                    "the variable set", "it left out: the daemon sets it to active_link, or no session would move"
                )
            try:
                checked[name] = validators.hidden_text(content, at)
            except ValidationError as error:
                at.reject(error.found, error.expected)
            else:
                if claude_args and is_foreign_login(name, checked[name]):
                    at.reject("a variable that makes the login another than the active link's", _LOGIN_EXPECTED)
        if len(location.problems) != before:
            raise AlreadyReported
        return checked

    return check


def pattern(value: Any, _location: Location) -> Pattern[str]:
    """Check for a regular expression that does not match an empty line; returns it compiled."""
    if not isinstance(value, str):
        raise ValidationError(describe(value), "a regular expression as text, between quotes")
    if len(value) > 1000:
        raise ValidationError(f"a text of {len(value)} characters", "a regular expression of at most 1000")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValidationError(f"{describe(value)} ({error})", "a regular expression that Python can compile") from None
    if compiled.search(""):
        raise ValidationError(f"{describe(value)}, which matches an empty line", "one that only a limit matches")
    return compiled


def backoff(value: Any, location: Location) -> tuple[float, float]:
    """Check for the shortest and the longest wait, in seconds."""
    expected = "two numbers of seconds, the shortest and the longest wait, as in [1, 60]"
    waits = validators.list_of(validators.number(0.01, 86400.0, "seconds"), expected)(value, location)
    if len(waits) != 2:
        raise ValidationError(describe(value), expected)
    if waits[1] < waits[0]:
        raise ValidationError(f"a longest wait of {waits[1]:g}, shorter than the shortest of {waits[0]:g}", expected)
    return waits[0], waits[1]


def notify_command(value: Any, location: Location) -> tuple[str, ...]:
    """Check for a program and its arguments."""
    what = "a list, the program and its arguments, as in [logger, -t, failover]"
    words = validators.list_of(validators.hidden_text, what, least=1, secret=True)(value, location)
    program(words[0], location.item(0))
    return words


def notify_urls(value: Any, location: Location) -> tuple[str, ...]:
    """Check for URLs of apprise; none of them is shown."""
    return validators.list_of(_notify_url, "a list of URLs of apprise, as in ntfys://HOST/TOPIC", secret=True)(
        value, location
    )


def _notify_url(value: Any, _location: Location) -> str:
    # A line of apprise's own configuration could be another thing, such as an include.
    if not isinstance(value, str) or not _NOTIFY_URL.fullmatch(value):
        raise ValidationError(
            validators.describe(value, secret=True),
            "a URL of apprise: SCHEME://…, without blanks",
        )
    return value


def endpoint(value: Any, location: Location) -> str:
    """Check for the address of a collector: http or https, a host, and no login in it, which anybody could read."""
    expected = "an address as https://collector.example:4318, with no login and no query in it"
    written = validators.hidden_text(value, location)
    try:
        parts = urlsplit(written)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or "@" in parts.netloc or parts.query or parts.fragment or not written.isascii() or " " in written:
        raise ValidationError("another text", expected)
    return written

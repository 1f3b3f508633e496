# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a configuration that say more than the type of a value: names, commands, places.

None of them shows a word of a command or a value of an environment, which may be secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..tmux.quoting import HOLDER, name_expected, tmux_name
from . import validators
from .validators import AlreadyReported, Check, Location, Problem, ValidationError, describe

_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
# Claude Code 2.1.330: each of them says which conversation to open, and that is the daemon's to say.
_FORBIDDEN = {"--resume": "-r", "--continue": "-c", "--session-id": ""}
_FLAGS_WITHOUT_VALUE = "phv"


def account_name(value: Any, place: Location) -> str:
    """Check for a name that is safe in a command line, a file name and a metric's label."""
    name = validators.text(value, place)
    if not _ACCOUNT_NAME.fullmatch(name):
        expected = "up to 64 letters, digits and . _ @ + - (ASCII), beginning with a letter or digit"
        raise ValidationError(describe(name), expected)
    return name


def group_name(value: Any, place: Location) -> str:
    """Check for what may be the name of a group; whether there is such a group is not looked at."""
    name = validators.text(value, place)
    if not _GROUP.fullmatch(name):
        raise ValidationError(describe(name), "the name of a group")
    return name


def link_name(value: Any, place: Location) -> str:
    """Check for the name of one entry of a folder."""
    name = validators.text(value, place)
    if name in (".", "..") or "/" in name or len(name.encode()) > 255:
        raise ValidationError(describe(name), "the name of one entry of the account homes, such as projects")
    return name


def program(value: Any, place: Location) -> str:
    """Check for a program: a name to be found in PATH, or an absolute path."""
    name = validators.text(value, place)
    if ("/" in name and not name.startswith("/")) or name[0] in "~$-":
        raise ValidationError(describe(name), "the name of a program, or an absolute path, written out in full")
    return name


def session_name(value: Any, place: Location) -> str:
    """Check for a session name that tmux takes as it is, and that as a target means this session only."""
    if not isinstance(value, str) or not value:
        raise ValidationError(
            describe(value), "the name of a tmux session" + ("" if value in (None, "") else ", as text")
        )
    expected = name_expected(value)
    if expected is not None:
        raise ValidationError(describe(value), expected)
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
    return validators.text(value, place)


def command(claude_args: bool) -> Check[tuple[str, ...]]:
    """Return a check for a session's command; ``claude_args`` says that the daemon adds arguments to it."""
    what = "a list, the program and its arguments, as in [claude, --model, opus]"
    words_of = validators.list_of(validators.hidden_text, what, least=1, secret=True)

    def check(value: Any, place: Location) -> tuple[str, ...]:
        before = len(place.problems)
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            if not value[0].strip():
                place.item(0).reject("empty text", "the program to run")
            elif claude_args:
                _check_claude(value, place)
        words = words_of(value, place)
        if len(place.problems) != before:
            raise AlreadyReported
        return words

    return check


def _check_claude(words: Sequence[str], place: Location) -> None:
    first = words[0]
    absolute = first.startswith("/") and "~" not in first and "$" not in first
    if first != "claude" and not (absolute and os.path.basename(first) == "claude"):
        place.item(0).reject(
            describe(first, secret=len(first) > 255),
            "claude or an absolute path to it, for claude_args is true; set claude_args: false for another program",
        )
    settings = 0
    for index, word in enumerate(words[1:], start=1):
        if word == "--":
            break
        flag = _forbidden(word)
        if flag:
            place.item(index).reject(
                f"the option {flag}",
                "none that chooses a conversation, for the daemon does; leave it out, or set claude_args: false",
            )
        if word == "--settings" or word.startswith("--settings="):
            settings += 1
            if settings > 1:
                place.item(index).reject("a second --settings", "at most one, for Claude Code reads only one")
            if word == "--settings" and index + 1 == len(words):
                place.item(index).reject("--settings without a value", "a file or JSON after it")


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
    """Return a check for a session's environment."""

    def check(value: Any, place: Location) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError(describe(value, secret=True), "a mapping of names to text")
        before = len(place.problems)
        checked: dict[str, str] = {}
        for name, content in value.items():
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                place.reject(f"the name {describe(name)}", "names of letters, digits and _, not beginning with a digit")
                continue
            at = place.below(name)
            if name == "CLAUDE_CONFIG_DIR" and claude_args:
                at.reject(
                    "the variable set", "it left out: the daemon sets it to active_link, or no session would move"
                )
            try:
                checked[name] = validators.hidden_text(content, at)
            except ValidationError as bad:
                at.reject(bad.found, bad.expected)
        if len(place.problems) != before:
            raise AlreadyReported
        return checked

    return check


def check_accounts(accounts: Sequence[tuple[str, str]], problems: list[Problem]) -> None:
    """Note accounts of one name, or of one home: the same path, or the same directory where it exists.

    Here and below, empty text stands for a value that is wrong in itself.
    """
    names: dict[str, int] = {}
    homes: dict[object, int] = {}
    for index, (name, home) in enumerate(accounts):
        if name and names.setdefault(name, index) != index:
            place = Location(f"accounts[{index}].name", problems)
            place.reject(f"{describe(name)}, the name of accounts[{names[name]}] too", "a name of its own")
        if not home:
            continue
        same = [homes[key] for key in _places(home) if key in homes]
        if same:
            place = Location(f"accounts[{index}].home", problems)
            place.reject(f"{describe(home)}, the same directory as accounts[{same[0]}].home", "a home of its own")
        for key in _places(home):
            homes.setdefault(key, index)


def check_links(links: Sequence[tuple[str, str]], problems: list[Problem]) -> None:
    """Note shared links of one name, or to one target."""
    names: dict[str, int] = {}
    targets: dict[object, int] = {}
    for index, (target, name) in enumerate(links):
        place = Location(f"shared_links[{index}]", problems)
        if name and names.setdefault(name, index) != index:
            place.reject(f"the name {describe(name)} of shared_links[{names[name]}] again", "each name once")
            continue
        if not target:
            continue
        same = [targets[key] for key in _places(target) if key in targets]
        if same:
            place.reject(
                f"the target {describe(target)}, the same directory as that of shared_links[{same[0]}]",
                "a target of its own",
            )
        for key in _places(target):
            targets.setdefault(key, index)


def check_session_names(names: Sequence[str], problems: list[Problem]) -> None:
    """Note sessions of one name, or whose names tmux would make one."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name and first.setdefault(tmux_name(name), index) != index:
            place = Location(f"sessions[{index}].name", problems)
            place.reject(f"{describe(name)}, the name of sessions[{first[tmux_name(name)]}] too", "a name of its own")


def check_places(
    homes: Mapping[str, str], active_link: str, targets: Mapping[str, str], problems: list[Problem]
) -> None:
    """Note an active link, homes and targets that lie in one another. Keys are those of the configuration."""
    link = Location("active_link", problems)
    for key, home in homes.items():
        # The link itself leads to a home, so it is compared by where it lies, not by where it leads.
        if _lies_in(active_link, home, follow_last=False):
            link.reject(f"{describe(active_link)}, which is or lies in {key}", "a path outside every account home")
        elif _lies_in(home, active_link, follow_last=False):
            link.reject(f"{describe(active_link)}, which {key} lies in", "a path that no account home lies in")
    for target_key, target in targets.items():
        place = Location(target_key, problems)
        if _lies_in(target, active_link, follow_last=False):
            place.reject(f"the target {describe(target)}, which is or lies in active_link", "a target outside of it")
        for key, home in homes.items():
            if _lies_in(target, home):
                place.reject(
                    f"the target {describe(target)}, which is or lies in {key}", "one outside the account homes"
                )
            elif _lies_in(home, target):
                place.reject(f"the target {describe(target)}, which {key} lies in", "one that no account home lies in")


def check_apart_from_link(places: Mapping[str, str], active_link: str, problems: list[Problem]) -> None:
    """Note what would be or lie in the active link: it would be another file after each flip, or in its place."""
    for key, path in places.items():
        if path and _lies_in(path, active_link, follow_last=False):
            Location(key, problems).reject(f"{describe(path)}, which is or lies in active_link", "a path outside of it")


def check_sockets(control: str, tmux: str, problems: list[Problem]) -> None:
    """Note one path for both sockets."""
    if os.path.realpath(control) == os.path.realpath(tmux):
        Location("control_socket", problems).reject(
            f"{describe(control)}, the path of tmux.socket too", "a path of its own"
        )


def _places(path: str) -> list[object]:
    """Return what tells where ``path`` is: its text, the same without links, and the directory if there is one."""
    found: list[object] = [os.path.normpath(path), os.path.realpath(path)]
    try:
        status = os.stat(path)
        found.append((status.st_dev, status.st_ino))
    except OSError:
        pass
    return found


def _lies_in(inner: str, outer: str, *, follow_last: bool = True) -> bool:
    """Say whether ``inner`` is ``outer`` or lies in it, by the text or with links followed.

    Without ``follow_last`` a link at the very end of either path is not followed.
    """
    resolve = os.path.realpath if follow_last else _resolve_folder
    for clean in (os.path.normpath, resolve):
        first, second = clean(inner), clean(outer)
        if first == second or first.startswith(second.rstrip("/") + "/"):
            return True
    return False


def _resolve_folder(path: str) -> str:
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(folder), name)

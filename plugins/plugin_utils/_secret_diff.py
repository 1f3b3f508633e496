# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the values that may be secret out of the diffs of the daemon's files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from ansible_collections.secuaas.claude.plugins.plugin_utils._yaml_mapping import read_mapping

NOT_SHOWN = "<value not shown>"
CHANGED = "<value not shown, changed>"
SECRET_KEYS = frozenset({"env", "notify"})
"""Keys of the configuration, at any depth, below which no value is shown."""
_UNREADABLE = "<content not shown: no YAML document that is a mapping>\n"
_SAME_VALUES = "# differs in comments or layout only\n"
_ATTRIBUTES = re.compile(r"(?:(?:owner|group|mode): [^\n]*\n)*")
# The rest of a command in the language of tmux: to the end of its line, which a backslash or a quote continues.
_TMUX_REST = r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\n])*"""
# tmux takes the alias and any unambiguous beginning of a command's or an option's name. Beside the command that sets a
# variable there are assignments, and what a command, an option or #() gives to a shell or to a program. Words that
# English has too are commands only before an option, a quote or a path.
_TMUX_SECRET = re.compile(
    rf"""(\b(?:setenv|set-e[a-z]*|run-[a-z]*|if-[a-z]*|new-[sw][a-z]*|neww|split-[a-z]*|splitw|respawn[a-z-]*"""
    rf"""|display-po[a-z]*|popup|pipe-[a-z]*|pipep|copy-[cp][a-z-]*|default-c[a-z]*|lock-c[a-z]*)\b)"""
    rf"""(?:[ \t]|\\\n){_TMUX_REST}"""
    rf"""|(\b(?:run|if|new))[ \t]+(?=["'~/$-]){_TMUX_REST}"""
    rf"""|(\#\(){_TMUX_REST}"""
    rf"""|(^[ \t]*(?:%hidden[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=){_TMUX_REST}""",
    re.DOTALL | re.MULTILINE,
)


def hide_secrets(diff: Mapping[str, Any], configurations: Collection[str]) -> dict[str, Any]:
    """Return the diff of one file without values that may be secret.

    Of the files ``configurations`` only values are shown, not comments. Of every other file, what sets a variable or
    runs a program in the language of tmux is left out.
    """
    before, after = str(diff.get("before", "")), str(diff.get("after", ""))
    if diff.get("after_header") in configurations:
        before, after = _hide_configuration(before, after)
    else:
        before, after = (_TMUX_SECRET.sub(_hide_command, text) for text in (before, after))
    return {**diff, "before": before, "after": after}


def _hide_command(found: re.Match[str]) -> str:
    return f"{found.group(found.lastindex or 0)} {NOT_SHOWN}"


def _hide_configuration(before: str, after: str) -> tuple[str, str]:
    """Return both versions of a configuration, each after the lines of its owner, group and mode."""
    (old_head, old_text), (new_head, new_text) = map(_split, (before, after))
    old, new = map(read_mapping, (old_text, new_text))
    old_shown = _dump(_hide(old, None)) if old_text else ""
    new_shown = _dump(_hide(new, old)) if new_text else ""
    if old_shown == new_shown and old_text != new_text:
        new_shown += _SAME_VALUES
    return old_head + old_shown, new_head + new_shown


def _split(text: str) -> tuple[str, str]:
    end = _ATTRIBUTES.match(text).end()  # type: ignore[union-attr]  # it also matches nothing
    return text[:end], text[end:]


def _dump(document: Any) -> str:
    if document is None:
        return _UNREADABLE
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000))


def _hide(value: Any, old: Any, *, secret: bool = False) -> Any:
    """Return a copy of a value in which the secret ones are marked; ``old`` is the value before the change.

    The items of two lists correspond by their ``name``, without one by their position.
    """
    if isinstance(value, dict):
        others = old if isinstance(old, dict) else {}
        return {key: _hide(item, others.get(key), secret=secret or key in SECRET_KEYS) for key, item in value.items()}
    if isinstance(value, list):
        items = _by_name(old)
        return [_hide(item, items.get(_name(item, index)), secret=secret) for index, item in enumerate(value)]
    if not secret or value is None:
        return value
    return NOT_SHOWN if old is None or old == value else CHANGED


def _by_name(items: Any) -> dict[Any, Any]:
    return {_name(item, index): item for index, item in enumerate(items)} if isinstance(items, list) else {}


def _name(item: Any, index: int) -> Any:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else index

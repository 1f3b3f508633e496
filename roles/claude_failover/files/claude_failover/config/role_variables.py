# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variable behind a key of a configuration that the role has rendered."""

from __future__ import annotations

from ..common.text import decoded

#: In a comment of such a configuration (the role's template config.yml.j2).
MARK = "Rendered from the variables of the role secuaas.claude.claude_failover."
_HEAD = 4096  # bytes in which the mark is looked for
_NAMED = {
    "tmux.socket": "tmux_socket",
    "metrics.textfile": "metrics_textfile_dir",
    "notify.command": "notify_command",
    "notify.urls": "notify_urls",
    "notify.waiting_after": "notify_waiting_after",
    "log.level": "log_level",
}
_FIXED = ("state_dir", "control_socket", "tmux.binary")  # no variable sets them


def is_rendered(text: str | bytes) -> bool:
    """Return whether the role has rendered this configuration."""
    head = text[:_HEAD]
    return f"# {MARK}" in (decoded(head) if isinstance(head, bytes) else head)


def variable_of(key: str) -> str:
    """Return the role's variable for a key, with what is below it; the key itself where there is none."""
    for path, name in _NAMED.items():
        if key == path or key.startswith((f"{path}[", f"{path}.")):
            return f"claude_failover_{name}{key[len(path) :]}"
    return key if key in _FIXED or not key else f"claude_failover_{key}"

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of the launcher, the command that starts the current release."""

from __future__ import annotations

import shlex

from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout

_LAUNCHER = """\
#!/bin/sh
# Starts the current release of claude-failover.
# Installed by the Ansible collection secuaas.claude; changes are overwritten.
release=$(CDPATH= cd -P -- {current} 2>/dev/null && pwd -P) || release=
if [ "${{1-}}" = hook ]; then
    [ -n "$release" ] || exit 0
    exec {python} -I -S -B "$release/lib" "$@"
fi
if [ -z "$release" ]; then
    echo "claude-failover: "{current}" leads to no release; expected the role"\
        "secuaas.claude.claude_failover to have installed one" >&2
    exit 1
fi
exec {python} -I -B "$release/lib" "$@"
"""


def launcher_text(layout: Layout) -> str:
    """Return the shell script that starts the current release.

    It resolves ``current`` once, so that a process never mixes two releases. A hook of Claude Code is started
    without ``site``, for speed, and exits 0 even without a release, because it must not fail a session.
    """
    return _LAUNCHER.format(current=shlex.quote(layout.current), python=shlex.quote(layout.python))


def is_launcher(data: bytes) -> bool:
    """Return True if ``data`` is a launcher of this collection, of any version."""
    return data.startswith(b"#!/bin/sh\n# Starts the current release of claude-failover.")

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
if [ "${{1-}}" = hook ]; then
    shift
    exec {python} -I -S -B -c {hook} {current} "$@"
fi
release=$(CDPATH= cd -P -- {current} 2>/dev/null && pwd -P) || release=
if [ -z "$release" ]; then
    echo "claude-failover: "{current}" leads to no release; expected the role"\
        "secuaas.claude.claude_failover to have installed one" >&2
    exit 1
fi
exec {python} -I -B "$release/lib" "$@"
"""

# Every release has `main` of `claude_failover.hook`; a launcher can be newer than the release that it starts.
_HOOK = """\
import posix, sys
try:
    current = sys.argv.pop(1)
    try:
        release = posix.readlink(current)
        release = release if release[0] == "/" else current[:current.rindex("/") + 1] + release
    except OSError:
        release = current
    sys.path.insert(0, release + "/lib")
    from claude_failover import hook
    hook.main(sys.argv[1:])
    sys.stdout.flush()
finally:
    posix._exit(0)
"""


def launcher_text(layout: Layout) -> str:
    """Return the shell script that starts the current release.

    It resolves ``current`` once, so that a process never mixes two releases. A hook of Claude Code must not fail a
    session, and exits 0 whatever it finds. Claude Code waits for it, so it starts without ``site``, by a program that
    imports one module, and ends without the interpreter's cleaning up: to run the folder of the release instead
    doubles its time.
    """
    return _LAUNCHER.format(
        current=shlex.quote(layout.current), python=shlex.quote(layout.python), hook=shlex.quote(_HOOK)
    )


def is_launcher(data: bytes) -> bool:
    """Return True if ``data`` is a launcher of this collection, of any version."""
    return data.startswith(b"#!/bin/sh\n# Starts the current release of claude-failover.")

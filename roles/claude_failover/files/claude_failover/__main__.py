# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry of the command line, for ``python3 -m claude_failover`` and for the launcher.

Claude Code waits for its hooks, so the hook is taken out before anything that costs start-up time is imported.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments[:1] == ["hook"]:
        from . import hook

        return hook.main(arguments[1:])
    if arguments[:1] == ["fake-claude"]:  # what ``rehearse`` runs as ``claude``; not a command for people
        from .rehearsal.fake_claude import program

        return program.main(arguments[1:])
    from .cli import main

    return main.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

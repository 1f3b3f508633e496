# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of ``python3 -m claude_failover`` and of the launcher.

Claude Code waits for its hooks, so ``hook`` is dispatched before anything that costs start-up time is imported.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments[:1] == ["hook"]:
        from . import hook

        return hook.main(arguments[1:])
    if arguments[:1] == ["fake-claude"]:  # internal: ``rehearse`` runs it as ``claude``
        from .rehearsal.fake_claude import program

        return program.main(arguments[1:])
    from .cli import main

    return main.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of ``python3 -m claude_failover``, of the launcher, and of ``python3 …/claude_failover`` in a checkout.

Claude Code waits for its hooks, so ``hook`` is dispatched before anything that costs start-up time is imported.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments[:1] == ["hook"]:
        from . import hook

        return hook.main(arguments[1:])
    if arguments[:1] == ["fake-claude"]:  # internal: ``rehearse`` runs it as ``claude``
        from .rehearsal.fake_claude import program

        return program.main(arguments[1:])
    if arguments[:1] == ["end-rehearsal"]:  # internal: it outlives ``rehearse``
        from .rehearsal import scratch

        return scratch.end_with_parent(*arguments[1:3])
    from .common import checkout

    checkout.make_importable()
    from .cli import main

    return main.main(arguments)


def _main_of_folder() -> None:
    """Run the package that this file lies in: ``python3 …/claude_failover`` names a folder, and so no package."""
    import runpy

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(here), *(path for path in sys.path if os.path.abspath(path) != here)]
    runpy.run_module(os.path.basename(here), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if not __package__:
        _main_of_folder()
    sys.exit(main(sys.argv[1:]))

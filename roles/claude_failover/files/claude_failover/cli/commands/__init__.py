# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``claude-failover``; each file is named as its command.

A command has ``register(commands)``, which adds its parser, and ``run(arguments)``, which runs it and returns its exit
code. Modules that cost start-up time (asyncio, yaml, the daemon) are imported in ``run`` only, since every call of
the command line registers all commands.
"""

from __future__ import annotations

from . import (
    attach,
    check_config,
    classify,
    complete,
    dispatch,
    doctor,
    history,
    login,
    queue,
    rehearse,
    reload,
    restart,
    run,
    sessions,
    status,
    stop,
    switch,
    validate,
    version,
)

#: Every command, in the order of the help. A new command is added here.
COMMANDS = (
    run,
    check_config,
    reload,
    version,
    validate,
    doctor,
    login,
    status,
    sessions,
    attach,
    restart,
    stop,
    switch,
    dispatch,
    queue,
    history,
    classify,
    rehearse,
    complete,
)

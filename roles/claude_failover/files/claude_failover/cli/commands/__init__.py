# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``claude-failover``, one file for each group of them.

A group has ``register(commands)``, which adds its parsers; each parser's default ``act`` is the function that
does the command and returns its exit code. What costs start-up time (asyncio, yaml, the daemon) is imported
inside those functions only: registering every group must stay cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import attach, classify, dispatch, history, login, rehearse, run, status, switch, validate

Register = Callable[[Any], None]

#: Every group, in the order of the help.
GROUPS: tuple[Register, ...] = (
    run.register,
    validate.register,
    login.register,
    status.register,
    attach.register,
    switch.register,
    dispatch.register,
    history.register,
    classify.register,
    rehearse.register,
)

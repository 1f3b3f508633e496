# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of the control socket, with the keys of their requests."""

from __future__ import annotations

from typing import Any, Protocol

from ..config.model import Config
from ..detection.monitor import LimitMonitor
from ..failover.controller import FailoverController
from ..reporting.status import StatusReport
from ..tasks.dispatcher import Dispatcher
from .requests import Operation

_NULL = type(None)


class DaemonProtocol(Protocol):
    """The members of the daemon that the operations use."""

    status: StatusReport
    monitor: LimitMonitor
    failover: FailoverController
    dispatcher: Dispatcher

    def reload(self) -> Config:
        """Load the configuration again and put it in force; return it."""


def operations(daemon: DaemonProtocol) -> dict[str, Operation]:
    """Return the operations of a daemon, by name."""

    async def status(_options: dict[str, Any]) -> dict[str, Any]:
        return daemon.status.document()

    async def sessions(_options: dict[str, Any]) -> list[dict[str, Any]]:
        return daemon.status.session_rows()

    async def reload(_options: dict[str, Any]) -> dict[str, Any]:
        return {"reloaded": daemon.reload().path}

    async def hook(options: dict[str, Any]) -> None:
        daemon.monitor.handle_hook(options["payload"], options["env"])

    async def switch(options: dict[str, Any]) -> dict[str, Any]:
        return await daemon.failover.switch(**options)

    async def history(options: dict[str, Any]) -> list[dict[str, Any]]:
        return daemon.failover.history(**options)

    async def dispatch(options: dict[str, Any]) -> dict[str, Any]:
        return await daemon.dispatcher.dispatch(**options)

    async def queue(options: dict[str, Any]) -> Any:
        if options.get("cancel") is not None:
            return daemon.dispatcher.cancel(options["cancel"])
        return daemon.dispatcher.queue()

    return {
        "status": Operation(status, keys={}),
        "sessions": Operation(sessions, keys={}),
        "reload": Operation(reload, keys={}),
        "switch": Operation(
            switch,
            keys={"account": (str, _NULL), "reason": (str, _NULL), "dry_run": (bool,), "force": (bool,)},
        ),
        "history": Operation(history, keys={"limit": (int,)}),
        "dispatch": Operation(
            dispatch,
            keys={"prompt": (str,), "session": (str, _NULL), "cwd": (str, _NULL), "request_id": (str, _NULL)},
            required=("prompt",),
        ),
        "queue": Operation(queue, keys={"cancel": (str, _NULL)}),
        "hook": Operation(hook, keys={"payload": (dict,), "env": (dict,)}, required=("payload", "env")),
    }

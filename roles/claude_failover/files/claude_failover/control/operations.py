# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of the control socket, with the keys of their requests."""

from __future__ import annotations

from typing import Any, Callable, Protocol

from ..config.model import Config
from ..detection.monitor import LimitMonitor
from ..failover.controller import FailoverController
from ..reporting.status import StatusReport
from ..sessions.session_control import SessionControl
from ..tasks.dispatcher import Dispatcher
from .requests import Operation

_NULL = type(None)


class PartsProtocol(Protocol):
    """The parts of the daemon that the operations use."""

    status: StatusReport
    monitor: LimitMonitor
    failover: FailoverController
    dispatcher: Dispatcher
    session_control: SessionControl


def operations(parts: PartsProtocol, reload_config: Callable[[], Config]) -> dict[str, Operation]:
    """Return the operations of a daemon, by name.

    ``reload_config`` loads the configuration again, puts it in force, and returns it.
    """

    async def status(_options: dict[str, Any]) -> dict[str, Any]:
        return parts.status.document()

    async def sessions(_options: dict[str, Any]) -> list[dict[str, Any]]:
        return parts.status.session_rows()

    async def reload(_options: dict[str, Any]) -> dict[str, Any]:
        return {"reloaded": reload_config().path}

    async def hook(options: dict[str, Any]) -> None:
        parts.monitor.handle_hook(options["payload"], options["env"])

    async def switch(options: dict[str, Any]) -> dict[str, Any]:
        return await parts.failover.switch(**options)

    async def history(options: dict[str, Any]) -> list[dict[str, Any]]:
        return parts.failover.history(**options)

    async def dispatch(options: dict[str, Any]) -> dict[str, Any]:
        return await parts.dispatcher.dispatch(**options)

    async def restart(options: dict[str, Any]) -> dict[str, Any]:
        return await parts.session_control.restart(**options)

    async def stop(options: dict[str, Any]) -> dict[str, Any]:
        return await parts.session_control.stop(**options)

    async def queue(options: dict[str, Any]) -> Any:
        if options.get("cancel") is not None:
            return parts.dispatcher.cancel(options["cancel"])
        return parts.dispatcher.queue()

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
            keys={
                "prompt": (str,),
                "session": (str, _NULL),
                "cwd": (str, _NULL),
                "request_id": (str, _NULL),
                "command": (bool,),
                "dry_run": (bool,),
            },
            required=("prompt",),
        ),
        "queue": Operation(queue, keys={"cancel": (str, _NULL)}),
        "restart": Operation(restart, keys={"session": (str,), "force": (bool,)}, required=("session",)),
        "stop": Operation(stop, keys={"session": (str,), "force": (bool,)}, required=("session",)),
        "hook": Operation(hook, keys={"payload": (dict,), "env": (dict,)}, required=("payload", "env")),
    }

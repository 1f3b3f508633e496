# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End a run of the playbook site with a line for each host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: claude_failover_summary
type: aggregate
author:
  - secuaas.claude contributors (@secuaas)
short_description: End a run of the playbook site with a line for each host
version_added: 0.4.0
description:
  - Prints a line for each host at the end of a run of the playbook C(secuaas.claude.site), with the sessions that are
    up and down and why, the accounts that are logged in, and the next step.
  - A host on which a task has failed, or that was not reached, has a line with the reason.
  - Prints nothing in check mode. C(make provision) enables it for an inventory.
requirements:
  - To be enabled, as by E(ANSIBLE_CALLBACKS_ENABLED=secuaas.claude.claude_failover_summary).
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.secuaas.claude.plugins.plugin_utils import _host_summary

STATUS_TASK = "Read the status for the summary"


class CallbackModule(CallbackBase):
    """Collects the status of each host and the failures, and prints them at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "secuaas.claude.claude_failover_summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        """Begin without a host."""
        super().__init__()
        self._lines: dict[str, str] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        """Take the status of a host."""
        if result._task.name == STATUS_TASK:
            host = result._host.get_name()
            answer = str(result._result.get("stdout", ""))
            self._lines[host] = _host_summary.summarize(host, answer) if answer else _host_summary.not_installed(host)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Take the failure of a host."""
        if not ignore_errors:
            host, message = result._host.get_name(), result._result.get("msg", "failed")
            self._lines[host] = _host_summary.host_that_failed(host, str(result._task.name), str(message))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Take a host that was not reached."""
        host = result._host.get_name()
        self._lines[host] = _host_summary.host_not_reached(host, str(result._result.get("msg", "unreachable")))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the lines."""
        del stats
        for host in sorted(self._lines):
            self._display.display(self._lines[host])

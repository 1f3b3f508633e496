# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about the systemd units, from what ``systemctl show`` prints; no right is needed for that."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping

from ..common.text import decoded
from ..common.users import SYSTEM_PATH
from ..host.finding import ERROR, WARNING, Finding, ok

UNITS = ("claude-failover-tmux.service", "claude-failover.service")
_BOOTED = "/run/systemd/system"  # as sd_booted(3) looks
_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NeedDaemonReload"
_TIMEOUT = 10.0  # seconds


def check_units() -> Iterator[Finding]:
    """Look at the units of this host, where systemd runs."""
    if not os.path.isdir(_BOOTED):
        yield ok("units", "systemd does not run on this host: no unit is expected")
        return
    try:
        done = subprocess.run(
            ["systemctl", "show", f"--property={_PROPERTIES}", *UNITS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield _unknown(str(error))
        return
    if done.returncode != 0:
        yield _unknown(decoded(done.stderr).strip() or f"exit code {done.returncode}")
        return
    yield from unit_findings(decoded(done.stdout))


def unit_findings(text: str) -> Iterator[Finding]:
    """Yield what is to be said of the units in what ``systemctl show`` has printed (pure)."""
    units = [_properties(block) for block in text.strip().split("\n\n")]
    for name in UNITS:
        unit = next((unit for unit in units if unit.get("Id") == name), None)
        yield from [_unknown(f"it says nothing of {name}")] if unit is None else _about_unit(name, unit)


def _about_unit(name: str, unit: Mapping[str, str]) -> Iterator[Finding]:
    state, sub = unit.get("ActiveState", "unknown"), unit.get("SubState", "unknown")
    if unit.get("LoadState") == "not-found":
        yield Finding(
            "units", WARNING, f"there is no unit {name}", "the units of the role", "run the role: make provision"
        )
        return
    if state == "active":
        yield ok("units", f"{name} is {state} ({sub})")
    else:
        how = f", {unit.get('Result')}, exit code {unit.get('ExecMainStatus')}" if state == "failed" else ""
        yield Finding(
            "units",
            WARNING if state in ("activating", "reloading") else ERROR,
            f"{name} is {state} ({sub}{how})",
            "a unit that is active",
            f"sudo systemctl restart {name}; what it said: sudo journalctl -u {name} -n 20",
        )
    if unit.get("UnitFileState") not in ("enabled", "enabled-runtime", "static", "generated"):
        found = f"{name} does not start at boot ({unit.get('UnitFileState') or 'unknown'})"
        yield Finding("units", WARNING, found, "a unit that is enabled", f"sudo systemctl enable {name}")
    if unit.get("NeedDaemonReload") == "yes":
        found = f"the file of {name} has changed since systemd read it"
        yield Finding("units", WARNING, found, "the file in force", "sudo systemctl daemon-reload")


def _properties(block: str) -> dict[str, str]:
    return {key: value for key, _equals, value in (line.partition("=") for line in block.splitlines())}


def _unknown(why: str) -> Finding:
    return Finding(
        "units", WARNING, f"the units could not be looked at: {why}", "an answer of systemctl", "systemctl status"
    )

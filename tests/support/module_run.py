# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of a module in this process, with the arguments that a controller would send it."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils import basic


def run_module(
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, Any],
    check: bool = False,
) -> dict[str, Any]:
    """Return the result of a module, which is one line of JSON, whatever the arguments are."""
    sent = {"_ansible_check_mode": check, "_ansible_diff": True, **arguments}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": sent}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit) as ended:
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert bool(result.get("failed")) == (ended.value.code != 0)
    return result

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role removes from the folder of the control socket what status lines leave there."""

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import socket

import jinja2
import yaml

from claude_failover import hook

ROLE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "claude_failover"


def test_the_figures_of_a_status_line_are_disposable(tmp_path: pathlib.Path) -> None:
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    control_socket = variables["__claude_failover_control_socket"]
    [entry] = [
        entry
        for entry in variables["__claude_failover_runtime_directories"]
        if "__claude_failover_control_socket" in entry["path"]
    ]
    environment = jinja2.Environment(autoescape=True)
    environment.filters["basename"] = os.path.basename
    patterns = [environment.from_string(pattern).render(**variables) for pattern in entry["disposable"]]
    path = str(tmp_path / os.path.basename(control_socket))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        hook.deliver_figures(
            path, json.dumps({"rate_limits": {}}).encode(), {"CLAUDE_FAILOVER_SESSION": "one/two", "TMUX_PANE": "%1"}
        )
    os.unlink(path)
    [left] = os.listdir(tmp_path)
    assert any(fnmatch.fnmatchcase(left, pattern) for pattern in patterns), left

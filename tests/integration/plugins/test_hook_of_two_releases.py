# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks of running sessions keep their command, whatever launcher and release an upgrade or a rollback leaves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator

import earlier_release
import pytest
import staged_release

EVENT = b'{"hook_event_name":"Stop","session_id":"x"}'
STATUS_LINE = b'{"rate_limits":{"five_hour":{"used_percentage":9}},"workspace":{"project_dir":"/"}}'


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("releases")
    earlier_release.extract(str(folder / "before" / "ansible_collections" / "secuaas" / "claude"))
    staged_release.stage(str(folder / "old"), str(folder / "before"))
    staged_release.stage(str(folder / "new"))
    return {"old": str(folder / "old"), "new": str(folder / "new")}


@pytest.fixture
def server(short_folder: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short_folder}/control.sock")
        listener.listen()
        listener.settimeout(20)
        yield listener


@pytest.mark.parametrize("payload", [EVENT, STATUS_LINE])
@pytest.mark.parametrize("release", ["old", "new"])
@pytest.mark.parametrize("launcher", ["old", "new"])
def test_every_launcher_starts_the_hook_of_every_release(
    roots: dict[str, str], server: socket.socket, short_folder: str, launcher: str, release: str, payload: bytes
) -> None:
    with open(os.path.join(roots[launcher], "claude-failover"), encoding="utf-8") as file:
        text = file.read().replace(roots[launcher], roots[release])
    program = os.path.join(short_folder, "claude-failover")
    with open(program, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(program, 0o755)
    environment = {"PATH": "/usr/bin:/bin", "TMUX_PANE": "%1", "CLAUDE_FAILOVER_STATUS_LINE": "printf 'own: '; cat"}
    words = [program, "hook", "--socket", server.getsockname()]
    done = subprocess.run(words, input=payload, capture_output=True, env=environment, check=False, timeout=60)
    shown = b"" if payload == EVENT else b"own: " + payload
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, b"")
    connection, _address = server.accept()
    with connection, connection.makefile("rb") as stream:
        sent = json.loads(stream.readline())
    assert sent == {"op": "hook", "payload": json.loads(payload), "env": {"TMUX_PANE": "%1"}}

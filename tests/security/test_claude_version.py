# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role asks the sessions' Claude Code for its version in the user's name, and no program there holds root up."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
import yaml
from user_host import UserHost, needs_root

pytestmark = needs_root

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
with open(os.path.join(ROOT, "roles", "claude_failover", "vars", "main.yml"), encoding="utf-8") as _stream:
    VARIABLES = yaml.safe_load(_stream)
SCRIPT = VARIABLES["__claude_failover_old_claude_script"]
MINIMUM = VARIABLES["__claude_failover_claude_minimum"]


def install(host: UserHost, *lines: str) -> str:
    """Install a ``claude`` of the user's; return its path."""
    folder = host.path("home", "bin")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "claude")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(["#!/bin/sh", *lines, ""]))
    os.chmod(path, 0o755)
    return path


def ask(host: UserHost, *, script: str = SCRIPT, managed: str = "", programs: tuple[str, ...] = ("claude",)) -> str:
    """Run the script as the role does, with root's secrets in the environment; return what it prints."""
    path = f"{host.path('home', 'bin')}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", script, "sh", host.user.pw_name, host.home, path, MINIMUM, managed, *programs],
        env={"PATH": os.environ["PATH"], "SECRET": "of root's"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("version", ["2.1.80", "2.1.78", "1.0.128"])
def test_an_old_one_is_told_with_its_place(host: UserHost, version: str) -> None:
    place = install(host, f"echo '{version} (Claude Code)'")
    assert ask(host) == f"{version} {place}\n"
    assert ask(host, programs=(place,)) == f"{version} {place}\n"
    assert ask(host, managed=place) == "", "what the role itself installs is not the user's"


@pytest.mark.parametrize(
    "line",
    [
        "echo '2.1.81 (Claude Code)'",
        "echo '2.1.332 (Claude Code)'",
        "echo 'Claude Code 2.1.78'",
        "exit 1",
        "echo '2.1.78 (Claude Code); rm -rf /'",
        "yes 2.1.78",
    ],
)
def test_a_newer_one_and_any_other_program_is_none(host: UserHost, line: str) -> None:
    install(host, line)
    assert ask(host) == ""


def test_no_program_at_all_is_none(host: UserHost) -> None:
    assert ask(host, programs=("no-such-claude",)) == ""


def test_it_runs_with_nothing_of_roots(host: UserHost) -> None:
    seen = host.path("home", "seen")
    fields = "Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs"
    install(
        host,
        f"{{ id -u; env; tty; readlink /proc/self/fd/0; ls /proc/self/fd; grep -E '^({fields}):' /proc/self/status; }}"
        f" >{seen} 2>&1",
        "echo '2.1.78 (Claude Code)'",
    )
    assert ask(host)
    with open(seen, encoding="utf-8") as stream:
        text = stream.read()
    assert text.splitlines()[0] == str(host.user.pw_uid)
    assert "SECRET" not in text
    assert "not a tty" in text and "/dev/null" in text
    assert "NoNewPrivs:\t1" in text and "CapEff:\t0000000000000000" in text
    assert f"Uid:\t{host.user.pw_uid}\t{host.user.pw_uid}\t{host.user.pw_uid}\t" in text


def test_a_program_that_hangs_or_leaves_a_process_behind_holds_root_up_for_a_bounded_time(host: UserHost) -> None:
    """With the bounds of the script divided by ten."""
    short = SCRIPT.replace("timeout --kill-after=1 40", "timeout --kill-after=1 4").replace("=1 30", "=1 3")
    assert short.count("=1 4 ") == 1 and short.count("=1 3 ") == 1
    for line in ("trap '' TERM; exec sleep 20", "setsid sleep 20 & echo '2.1.78 (Claude Code)'"):
        install(host, line)
        began = time.monotonic()
        ask(host, script=short)
        assert time.monotonic() - began < 10


def test_a_folder_with_control_characters_writes_nothing_to_roots_terminal(host: UserHost) -> None:
    folder = host.path("home", "bin", "\x1b[2J")
    os.makedirs(folder)
    with open(os.path.join(folder, "claude"), "w", encoding="utf-8") as stream:
        stream.write("#!/bin/sh\necho '2.1.78 (Claude Code)'\n")
    os.chmod(stream.name, 0o755)
    assert "\x1b" not in ask(host, programs=(stream.name,))

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's looks at a host, before a change: root reads below the user's folders in the user's name."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from user_host import DEADLINE, UserHost, needs_root, script_of

pytestmark = needs_root


def look(host: UserHost) -> list[str]:
    script = script_of("__claude_failover_live_script")
    none = host.path("none")
    done = subprocess.run(
        [
            *("sh", "-c", script, "sh", "nogroup", host.state, none, none, none, "/usr/bin"),
            *(host.path("home", ".new"), host.path("home", ".claude"), str(len(host.homes)), *host.homes),
            *(f"{home}/projects" for home in host.homes),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_it_finds_the_active_account_the_links_and_whether_a_new_link_is_free(host: UserHost) -> None:
    def make() -> None:
        for home in host.homes:
            os.mkdir(home)
            os.symlink("/shared/projects", f"{home}/projects")
        os.symlink(host.homes[1], host.path("home", ".claude"))

    assert host.as_user(make) == 0
    found = look(host)
    assert found[0] == f"owner={host.user.pw_name}"
    assert found[2:] == [
        "free",
        f"active={host.homes[1]}",
        *(f"link={home}/projects=/shared/projects" for home in host.homes),
    ]
    assert host.as_user(lambda: os.symlink("nowhere", host.path("home", ".new"))) == 0
    assert "free" not in look(host)


def test_a_link_of_the_user_shows_nothing_of_a_folder_of_roots(host: UserHost) -> None:
    secret = host.make("secret", mode=0o700)
    os.symlink("/root/hidden", f"{secret}/projects")

    def plant() -> None:
        os.symlink(secret, host.homes[0])
        os.symlink(f"{secret}/projects", host.path("home", ".claude"))

    assert host.as_user(plant) == 0
    assert not [fact for fact in look(host) if fact.startswith("link=")]


def test_a_state_folder_of_nobody_tells_nothing_of_the_user(host: UserHost) -> None:
    os.chown(host.state, 54321, 54321)
    assert look(host) == ["owner=UNKNOWN", "group="]


def host_facts(host: UserHost, user: str) -> list[str]:
    script, look = (script_of(f"__claude_failover_{name}_script") for name in ("probe", "homes"))
    none = "/no/such"
    done = subprocess.run(
        [
            *("sh", "-c", script, "sh", user, "nogroup", none, none, look, f"{host.path('home')}/.claude-"),
            *("sessions .claude.json", host.path("home", ".claude"), "no-such-package-cf", *host.homes),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [fact for fact in done.stdout.splitlines() if fact == "looked" or fact.startswith("own=")]


def test_the_host_facts_tell_nothing_of_a_folder_of_roots(host: UserHost) -> None:
    """A home that cannot be looked at is no home without entries."""
    secret = host.make("secret", mode=0o700)
    os.mkdir(f"{secret}/sessions")
    user = host.user.pw_name
    assert host_facts(host, user) == ["looked"]
    assert host.as_user(lambda: os.makedirs(f"{host.homes[1]}/sessions")) == 0
    assert host_facts(host, user) == [f"own={host.homes[1]}/sessions", "looked"]
    assert host.as_user(lambda: os.symlink(secret, host.homes[0])) == 0
    assert host_facts(host, user) == []
    assert host_facts(host, "no-such-user-cf") == []


@pytest.mark.parametrize("linked", [False, True])
def test_no_link_of_roots_is_made_in_an_exporters_folder_below_the_users(host: UserHost, linked: bool) -> None:
    """By a link in the folder's place, root's link to a file of the user's would come to lie elsewhere."""
    folder = host.path("home", "exporter")
    assert host.as_user(lambda: os.mkdir(folder)) == 0
    etc = host.make("etc")
    named = host.path("exporter") if linked else folder
    if linked:
        os.symlink(folder, named)
    with open(f"{etc}/node_exporter", "w", encoding="utf-8") as stream:
        stream.write(f'ARGS="--collector.textfile.directory={named}"\n')
    script = script_of("__claude_failover_probe_script").replace("/etc/default", etc)

    def told(user: str) -> list[str]:
        words = (user, "nogroup", "/no/such", "/no/such", "", "", "", "", "no-such-package-cf")
        done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return [fact for fact in done.stdout.splitlines() if fact.startswith("textfile")]

    assert told(host.user.pw_name) == []
    assert told(host.other.pw_name) == [f"textfile_dir={folder}"]


def test_a_process_of_the_user_s_that_holds_the_pipe_does_not_hold_the_look(host: UserHost) -> None:
    """Whoever runs the look can give its output to a process that outlives it."""
    script = script_of("__claude_failover_probe_script").replace("40 sh", "3 sh").replace("30 setpriv", "1 setpriv")
    words = (host.user.pw_name, "nogroup", "/no/such", "/no/such", "setsid sleep 20 & echo looked", "", "", "", "x-cf")
    began = time.monotonic()
    done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - began < 15
    assert "user" in done.stdout.splitlines()

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No program of the sessions' user is started by root, and none of the user's gets root's terminal."""

from __future__ import annotations

import glob
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from terminals import read_to_end
from user_host import DEADLINE, USERS_PYTHON, UserHost, needs_root

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEXT_STEPS = os.path.join(ROOT, "playbooks", "provision", "next_steps.py")
# Notes its controlling terminal, and pushes a line into it.
SPY = f"""#!{USERS_PYTHON} -I
import fcntl, os, sys, termios
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
    device = os.fstat(terminal).st_rdev
    for letter in b"PUSHED\\n":
        fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
except OSError as error:
    device = error.strerror
secret = os.environ.get("SECRET")
with open("{{note}}", "a") as note:
    print(os.path.basename(sys.argv[0]), os.getuid(), os.ttyname(0) if os.isatty(0) else None, secret, file=note)
"""
PLANTED = ["sh", "env", "claude", "tmux", "python3", "runuser", "claude-failover", "stat", "id"]


@pytest.fixture
def spies(host: UserHost) -> UserHost:
    """Plant programs of the user's where the PATH of the sessions finds them first."""
    note = f"{host.home}/note"

    def plant() -> None:
        os.makedirs(f"{host.home}/.local/bin")
        with open(note, "w", encoding="utf-8"):
            pass
        for name in PLANTED:
            path = f"{host.home}/.local/bin/{name}"
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(SPY.format(note=note))
            os.chmod(path, 0o755)

    assert host.as_user(plant) == 0
    return host


def notes(host: UserHost) -> list[list[str]]:
    with open(f"{host.home}/note", encoding="utf-8") as stream:
        return [line.split() for line in stream]


def on_a_terminal(command: list[str], environment: dict[str, str]) -> tuple[str, str, int]:
    """Run a command with a terminal as its controlling one; return what it shows, the terminal, and the exit code."""
    reader, writer = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.write(writer, os.ttyname(0).encode())
        os.execve(command[0], command, environment)
    name = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    shown = read_to_end(pid, terminal, DEADLINE)
    return shown.decode(), name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@needs_root
@pytest.mark.parametrize("systemd", [True, False])
def test_the_end_of_a_provisioning_starts_no_program_of_the_users(spies: UserHost, systemd: bool) -> None:
    home_path = f"{spies.home}/.local/bin"
    spies.write_config(sessions=[{"name": "x", "cwd": "/"}])
    command = [sys.executable, "-I", NEXT_STEPS, "--library", spies.code, "--config", spies.config]
    command += [] if systemd else ["--no-systemd"]
    shown, _terminal, code = on_a_terminal(command, spies.environment(PATH=f"{home_path}:/usr/bin:/bin"))
    assert code == 0, shown
    assert notes(spies) == []
    line = f"runuser --pty -u {spies.user.pw_name} -- /usr/local/bin/claude-failover --config {spies.config} login "
    assert [account for account in "ab" if f"{line}{account}\r\n" in shown] == ["a", "b"]
    assert ("tmux -D" in shown) is not systemd
    assert "sudo -u" not in shown
    for told in re.findall(r".*runuser.*", shown):
        assert " --pty " in told or "setsid --fork" in told, told


@needs_root
def test_root_is_told_to_make_no_folder_below_one_of_the_users(host: UserHost) -> None:
    """A link of the user's there would give the user what it leads to: install and chown follow it."""
    place = host.path("home", "tmux")
    host.write_config(tmux={"socket": f"{place}/tmux.sock"})
    command = [sys.executable, "-I", NEXT_STEPS, "--library", host.code, "--config", host.config, "--no-systemd"]
    told = subprocess.run(command, env=host.environment(), capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in told.splitlines() if line.endswith(place) or host.run_folder in line]
    assert len(lines) == 2, told
    assert lines[0] == f"install -d -o {host.user.pw_name} -m 0755 {host.run_folder}"
    assert lines[1].endswith(f"/usr/sbin/runuser --pty -u {host.user.pw_name} -- /usr/bin/mkdir -p -m 0700 {place}")


@needs_root
@pytest.mark.skipif(shutil.which("runuser") is None, reason="SKIPPED, NOT TESTED: there is no runuser (util-linux)")
def test_the_line_for_root_gives_the_user_another_terminal_and_nothing_of_roots(spies: UserHost) -> None:
    """The spy stands in the place of claude-failover; what is pushed comes to its own terminal only."""
    told = spies.run("attach", "main").stderr if os.path.exists(spies.tmux) else spies.run("validate").stderr
    line = told.partition(": run ")[2].strip()
    assert line.startswith('env -i TERM="$TERM" /usr/sbin/runuser --pty -u '), told
    line = line.replace("/usr/local/bin/claude-failover", f"{spies.home}/.local/bin/claude-failover")
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "SECRET": "of-root"}
    script = f'{line}; IFS= read -r -t 2 pushed; echo "root reads [$pushed]"'
    shown, terminal, _code = on_a_terminal(["/bin/bash", "-c", script], environment)
    ((name, uid, own, secret),) = notes(spies)
    assert (name, uid, secret) == ("claude-failover", str(spies.user.pw_uid), "None")
    assert own.startswith("/dev/")
    assert own != terminal
    assert "root reads []" in shown


@needs_root
@pytest.mark.skipif(shutil.which("runuser") is None, reason="SKIPPED, NOT TESTED: there is no runuser (util-linux)")
def test_the_same_line_without_a_terminal_of_its_own_gives_roots(spies: UserHost) -> None:
    """Shows that the tests above can fail; newer kernels let nobody push (dev.tty.legacy_tiocsti)."""
    command = ["/usr/sbin/runuser", "-u", spies.user.pw_name, "--", f"{spies.home}/.local/bin/sh"]
    _shown, terminal, _code = on_a_terminal(command, {"SECRET": "of-root", "PATH": "/usr/bin:/bin"})
    assert notes(spies) == [["sh", str(spies.user.pw_uid), terminal, "of-root"]]


def documents() -> Iterator[tuple[str, str]]:
    """Yield each line that a person may type: of the documents, and of what the product says."""
    files = [*glob.glob(f"{ROOT}/*.md"), *glob.glob(f"{ROOT}/*/**/*.md", recursive=True)]
    for folder in ("docs", "playbooks", "plugins", "roles"):
        files += glob.glob(f"{ROOT}/{folder}/**", recursive=True)
    for name in sorted(set(files)):
        if os.path.isfile(name) and "__pycache__" not in name and not name.endswith(".png"):
            with open(name, encoding="utf-8") as stream:
                for number, line in enumerate(stream, 1):
                    yield f"{name}:{number}", line


def test_no_line_to_type_runs_a_program_of_the_user_on_roots_terminal() -> None:
    shared = re.compile(
        r"\bsudo\s+(-u|--user)\s+(\{[^}]*\}|[\w$.-])+\s+\S|\bsu\s+(-|--login)|\brunuser\s+-(?!-pty)"
        r"""|["']sudo["'],\s*["'](-u|--user)"""
    )
    lines = list(documents())
    assert any(where.startswith(f"{ROOT}/README.md:") for where, _line in lines)
    assert any(where.startswith(f"{ROOT}/roles/") for where, _line in lines)
    assert [where for where, line in lines if shared.search(line)] == []

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of the README: ``status --watch`` before, during and after a failover.

A real daemon and real tmux in a scratch folder, with the stand-in for Claude Code; ``status --watch`` runs in a
terminal of its own, and what that shows becomes an SVG. `make pictures` runs this; it needs tmux, PyYAML and rich.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from import_path import ROOT
from rich.console import Console
from rich.text import Text

from claude_failover.claude.refresh_lock import LOCK
from claude_failover.rehearsal.rehearsal import FIRST, SECOND, RehearsalHost

PICTURES = Path(ROOT, "docs", "pictures")
COLUMNS, LINES = 100, 20
BOUND = 60.0  # seconds for what normally takes one or two
ACCOUNTS = {"compte1": FIRST, "compte2": SECOND}
SESSIONS = ("main", "review", "ops")
USED = {"five_hour": 0.91, "seven_day": 0.46}


class PictureHost(RehearsalHost):
    """The host of a rehearsal, with the names of the README, and a terminal that shows ``status --watch``."""

    def build(self) -> None:
        """Create the accounts, the configuration and the programs."""
        super().build()
        path = Path(self.path("config.yml"))
        config = json.loads(path.read_text(encoding="utf-8"))
        config["accounts"] = [{"name": name, "home": self.home(tag)} for name, tag in ACCOUNTS.items()]
        config["sessions"] = [{"name": name, "cwd": self.path("work"), "command": ["claude"]} for name in SESSIONS]
        path.write_text(json.dumps(config), encoding="utf-8")
        for days, tag in enumerate(ACCOUNTS.values(), 19):
            path = Path(self.home(tag), ".credentials.json")
            login = json.loads(path.read_text(encoding="utf-8"))
            login["claudeAiOauth"]["refreshTokenExpiresAt"] = int((time.time() + days * 86400) * 1000)
            path.write_text(json.dumps(login), encoding="utf-8")
        os.mkdir(self.path("state"), 0o700)
        who = {name: {"account_uuid": name, "address": f"{name}@example.org", "plan": "max"} for name in ACCOUNTS}
        Path(self.path("state"), "identities.json").write_text(
            json.dumps({"version": 1, "data": who}), encoding="utf-8"
        )

    def run(self, *arguments: str) -> str:
        """Run a command of claude-failover; return what it prints."""
        command = [*self.command, "--config", self.path("config.yml"), *arguments]
        pipe = subprocess.PIPE
        done = subprocess.run(command, env=self.environment, stdout=pipe, stderr=pipe, check=True, text=True)
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Return the status of the daemon; an empty one until it answers."""
        with contextlib.suppress(subprocess.CalledProcessError, ValueError):
            found: dict[str, Any] = json.loads(self.run("status", "--json"))
            return found
        return {}

    def states(self) -> dict[str, str]:
        """Return the state of each session."""
        return {session["name"]: session["state"] for session in self.status().get("sessions", [])}

    def terminal(self, *arguments: str) -> str:
        """Run a command of the tmux server of the terminal."""
        command = [self.tmux_binary, "-S", self.path("terminal.sock"), "-f", os.devnull, *arguments]
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=True, text=True).stdout

    def watch(self) -> None:
        """Open the terminal."""
        command = [*self.command, "--config", self.path("config.yml"), "status", "--watch"]
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        self.terminal("new-session", "-d", "-s", "watch", *size, "env", *self._variables(), *command)
        self.terminal("set-option", "-g", "status", "off")

    def screen(self) -> str:
        """Return what the terminal shows, with its colours."""
        return self.terminal("capture-pane", "-p", "-e", "-t", "watch")

    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in {**self.environment, "TERM": "tmux-256color"}.items()]


def wait_for(condition: Callable[[], Any], what: str, bound: float = BOUND) -> None:
    """Wait until a condition holds. Raises RuntimeError at the bound."""
    end = time.monotonic() + bound
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {bound:.0f} s for {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def host_in_a_folder(kind: type[PictureHost] = PictureHost) -> Iterator[PictureHost]:
    """Give a host that runs; nothing of it is left."""
    folder = tempfile.mkdtemp(prefix="cf-")
    host = kind(folder, shutil.which("tmux") or "tmux")
    try:
        host.build()
        host.spawn(host.tmux_binary, "-D", "-f", host.path("tmux.conf"), "-S", host.path("tmux.sock"))
        wait_for(lambda: os.path.exists(host.path("tmux.sock")), "the tmux server")
        host.spawn(*host.command, "--config", host.path("config.yml"), "run")
        yield host
    finally:
        if os.path.exists(host.path("terminal.sock")):
            with contextlib.suppress(subprocess.CalledProcessError):
                host.terminal("kill-server")
        host.end()
        shutil.rmtree(folder, ignore_errors=True)


def take(host: PictureHost, name: str, shows: Callable[[str], bool]) -> None:
    """Save the screen as a picture, once it shows what it has to."""
    wait_for(lambda: shows(plain(host.screen())), f"the picture {name}: {host.screen()}")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    lines = host.screen().rstrip("\n").split("\n")
    console.print(Text.from_ansi("\n".join(lines)), no_wrap=True, overflow="crop", crop=True)
    svg = console.export_svg(title="claude-failover status --watch", unique_id=f"status-{name}")
    # No page has to be asked for a font: the viewer's own will do.
    svg = re.sub(r"\s*@font-face \{.*?\n\s*\}", "", svg, flags=re.DOTALL)
    (PICTURES / f"status-{name}.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def plain(screen: str) -> str:
    """Return a screen without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


def main() -> None:
    """Make the three pictures."""
    PICTURES.mkdir(exist_ok=True)
    with host_in_a_folder() as host:
        wait_for(lambda: set(host.states().values()) == {"idle"}, "idle sessions")
        host.set_world({FIRST: {"used": USED}, SECOND: {"used": {"five_hour": 0.08, "seven_day": 0.12}}})
        host.run("dispatch", "--session", "main", "--wait", "read the plan")
        host.run("dispatch", "--session", "review", "review the last change [[slow 300]]")
        wait_for(lambda: host.states().get("review") == "busy", "a busy session")
        host.watch()
        take(host, "before", lambda screen: "91" in screen and "busy" in screen)

        # A refresh of the second account's login is under way, which a switch waits for.
        lock = os.path.join(host.home(SECOND), LOCK)
        os.mkdir(lock)
        limit = {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time()) + 2 * 3600 + 900, "used": USED}
        host.set_world({FIRST: limit, SECOND: {"used": {"five_hour": 0.08, "seven_day": 0.12}}})
        host.run("dispatch", "--session", "main", "a long job that runs into the limit")
        take(host, "during", lambda screen: "limited" in screen)
        os.rmdir(lock)
        wait_for(lambda: host.states().get("main") == "idle", "the resumed session")
        take(host, "after", goes_on)


def goes_on(screen: str) -> bool:
    """Tell if the second account is active, its use is known, and no session is limited or being resumed."""
    active = re.search("active( account)?: compte2", screen, re.IGNORECASE)
    return bool(active and re.search(r"\b8 ?%", screen)) and not re.search("limited|resuming", screen)


if __name__ == "__main__":
    main()

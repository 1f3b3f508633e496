# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the daemon with a fault at one of its durable steps: ``launcher.py PLAN ARGUMENT…``.

The daemon's own functions do the work; what fails is below them: a system call, the process, the tmux server. PLAN is a
JSON file: ``step``, ``fault``, ``link``, ``state``, ``shared`` (the file of all homes), ``folder`` (of the marks),
``tmux`` (the server's pid), ``clock`` (the file that says what the clock is set to, and the one to put in its place).
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from typing import Any, Callable

OPEN, REPLACE, RENAME, FSYNC, SYMLINK = os.open, os.replace, os.rename, os.fsync, os.symlink


class Injector:
    """Names each durable step, and lets the planned one fail, once for all runs of the daemon."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.step, self.fault = plan["step"], plan["fault"]
        self.link, self.state, self.folder, self.tmux = plan["link"], plan["state"], plan["folder"], plan["tmux"]
        self.clock, self.shared = plan["clock"], plan["shared"]
        self._documents: dict[str, Any] = {}
        self._armed = False

    # -- marks ---------------------------------------------------------------------------------------------

    def _mark(self, name: str, text: str = "") -> None:
        descriptor = OPEN(os.path.join(self.folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, text.encode())
        os.close(descriptor)

    def _marked(self, name: str) -> bool:
        return os.path.exists(os.path.join(self.folder, name))

    @property
    def broken(self) -> int | None:
        """The number with which writes fail now."""
        if self.fault.startswith("E") and self._marked("fired") and not self._marked("mended"):
            return int(getattr(errno, self.fault))
        return None

    # -- steps ---------------------------------------------------------------------------------------------

    def run(self, step: str, work: Callable[[], None]) -> None:
        """Do the work of a step, with the fault if it is the planned one and has not been met yet."""
        self._mark("trace", step + "\n")
        if step != self.step or self._marked("fired"):
            work()
            return
        self._mark("fired")
        if self.fault == "kill before":
            self.die()
        elif self.fault == "kill within":
            self._armed = True
        elif self.fault.startswith("tmux"):
            os.kill(self.tmux, signal.SIGKILL if self.fault == "tmux killed" else signal.SIGSTOP)
        elif self.fault.startswith("clock"):
            RENAME(self.clock["next"], self.clock["file"])
        elif self.fault == "cli stopped":
            with open(os.path.join(self.state, "registry.json"), encoding="utf-8") as stream:
                os.kill(json.load(stream)["data"]["main"]["pid"], signal.SIGSTOP)
        work()
        if self.fault == "kill after":
            self.die()

    @staticmethod
    def die() -> None:
        """End as a kill does."""
        os.kill(os.getpid(), signal.SIGKILL)

    # -- system calls --------------------------------------------------------------------------------------

    def _fails(self, path: object) -> bool:
        """Return whether a call for this path fails: of two steps what they replace, of the others the state."""
        text = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        folder, name = os.path.split(self.shared)
        beside = {"link": self.link + ".", "account named": os.path.join(folder, f".{name}.")}
        wanted = beside.get(self.step, self.state + os.sep)
        return self.broken is not None and text.startswith(wanted)

    def _raise(self, path: object) -> None:
        number = self.broken or errno.EIO
        raise OSError(number, os.strerror(number), path)

    def open(self, path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and self._fails(path):
            self._raise(path)
        return OPEN(path, flags, *arguments, **options)

    def fsync(self, descriptor: int) -> None:
        if self._armed:
            self.die()
        if self._fails(os.readlink(f"/proc/self/fd/{descriptor}")):
            self._raise(None)
        FSYNC(descriptor)

    def symlink(self, text: str, path: str, *arguments: Any, **options: Any) -> None:
        if self._fails(path):
            self._raise(path)
        SYMLINK(text, path, *arguments, **options)

    def rename(self, old: str, new: str, **options: Any) -> None:
        if new != self.link:
            RENAME(old, new, **options)
            return

        def work() -> None:
            if self._armed:
                self.die()
            if self._fails(old):
                self._raise(new)
            RENAME(old, new, **options)

        self.run("link" if os.path.islink(new) else "first link", work)

    # -- names ---------------------------------------------------------------------------------------------

    def step_of(self, path: str, data: bytes) -> str:
        """Return the name of the step that replaces a document by ``data``."""
        name = os.path.relpath(path, self.state)
        if name.startswith("settings/"):
            return "settings"
        new = json.loads(data)["data"]
        old = self._documents.get(name, {})
        self._documents[name] = new
        if name.startswith("tasks/"):
            state = "assigned" if new["state"] == "queued" and new["handed"] else new["state"]
            return f"task {state}"
        return {
            "switch-journal.json": self._journal_step,
            "failover.json": self._failover_step,
            "carrying.json": lambda _old, new: "resume begins" if new else "resume ends",
            "exhaustion.json": lambda _old, _new: "account exhausted",
            "accounts.json": lambda _old, _new: "accounts seen",
            "clock.json": lambda _old, _new: "clock noted",
            "flips.json": lambda old, _new: "flips" if old else "first look at the link",
            "registry.json": self._registry_step,
            "prompts.json": self._prompts_step,
            "lifecycle.json": lambda _old, new: f"session {new['main']['state'] if 'main' in new else 'started'}",
        }.get(name, lambda _old, _new: name)(old, new)

    @staticmethod
    def _journal_step(old: dict[str, Any], new: dict[str, Any]) -> str:
        if new["under_way"] is not None:
            return f"journal: {new['under_way']['step']}"
        known = {row["id"] for row in old.get("open", [])}
        if any(row["id"] not in known for row in new["open"]):
            return "journal: record"
        return "journal: sessions" if new["open"] else "journal: closed"

    @staticmethod
    def _failover_step(old: dict[str, Any], new: dict[str, Any]) -> str:
        if len(new["inbox"]) > len(old.get("inbox", [])):
            return "evidence stored"
        if len(new["held"]) > len(old.get("held", [])):
            return "session held"
        if len(new["held"]) < len(old.get("held", [])):
            return "session resumed"
        return "cooldown" if new["cooldown_until"] != old.get("cooldown_until") else "evidence attributed"

    @staticmethod
    def _prompts_step(old: dict[str, Any], new: dict[str, Any]) -> str:
        before, after = (sum(sum(row["counts"].values()) for row in rows.values()) for rows in (old, new))
        if len(new) < len(old):
            return "prompts answered"
        if after > before:
            return "prompt counted"
        return "prompt seen" if before else "reset noted"

    @staticmethod
    def _registry_step(_old: dict[str, Any], new: dict[str, Any]) -> str:
        return "conversation running" if any(entry["pid"] for entry in new.values()) else "conversation assigned"


def install(plan: dict[str, Any]) -> None:
    """Put the injector below the daemon."""
    injector = Injector(plan)
    from claude_failover.claude import settings, state_file_edit
    from claude_failover.storage import files, grouped_writes, store

    # On a busy machine two steps within one rest would be one write, and the first of them be missed.
    grouped_writes.INTERVAL = grouped_writes.MOST = 0.0
    write_atomic, append_line = files.write_atomic, files.append_line

    def write(path: str, data: bytes, mode: int = 0o600) -> None:
        if not path.startswith(injector.state + os.sep):
            write_atomic(path, data, mode)
            return
        injector.run(injector.step_of(path, data), lambda: write_atomic(path, data, mode))

    def append(path: str, text: str, mode: int = 0o600) -> None:
        step = "event logged" if os.path.basename(path) == "events.jsonl" else "log"
        injector.run(step, lambda: append_line(path, text, mode))

    def name_account(path: str, data: bytes, mode: int, *, before_rename: Callable[[str], None]) -> None:
        injector.run("account named", lambda: write_atomic(path, data, mode, before_rename=before_rename))

    state_file_edit.write_atomic = name_account  # type: ignore[assignment]
    store.write_atomic = settings.write_atomic = write  # type: ignore[assignment]
    store.append_line = append  # type: ignore[assignment]
    os.open, os.fsync, os.symlink, os.rename = injector.open, injector.fsync, injector.symlink, injector.rename


def main() -> int:
    """Run the daemon."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        install(json.load(stream))
    from claude_failover import __main__ as program

    return program.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())

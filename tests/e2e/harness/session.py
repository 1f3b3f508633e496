# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Claude Code session in the world's tmux server, driven as a person would: by its keys, seen on its screen."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from typing import Any, Callable

from .wait import T, until
from .world import World

#: A rule of the prompt box; the name of the conversation can stand in the upper one.
RULE = re.compile(r"^\s*─{20,}|^─* \S.* ─$")
#: In the footer while a turn runs.
INTERRUPTS = "esc to interrupt"
#: The titles of the guard's question and of the one that follows it (2.1.330).
OWNER_QUESTION = "This session belongs to another account"
COPY_QUESTION = "Copy this session to"
LIMIT_MENU = "What do you want to do?"
#: Seconds after which a question of the guard's takes a key: none in its first one (2.1.332), and nothing on the screen
#: tells when it does.
KEY_WAIT = 1.2


class Session:
    """One session. ``name`` is the tmux session's, ``id`` the conversation's.

    Where the world's guard is on, a person sits before it who copies the conversation when asked whose it is; ``id`` is
    then the copy's, and ``ids`` all that there were. A test that has ``world.person`` False answers by itself, or not.
    """

    def __init__(self, world: World, name: str, *, identity: str | None = None, cwd: str | None = None) -> None:
        self.world, self.name = world, name
        self.ids = [identity or str(uuid.uuid4())]
        self.cwd = cwd or world.cwd

    @property
    def id(self) -> str:
        """The conversation that the session is in."""
        return self.ids[-1]

    def hooks(self, event: str) -> list[dict[str, Any]]:
        """Return the payloads of an event, of this conversation and of those that it was copied from."""
        return [payload for payload in self.world.hooks(event) if payload["session_id"] in self.ids]

    def start(
        self, *arguments: str, resume: bool = False, settings: bool = True, ready: bool = True, **env: str
    ) -> Session:
        """Start it with ``--session-id`` (or ``--resume``) and wait for its prompt box."""
        argv = [self.world.claude, "--resume" if resume else "--session-id", self.id, *arguments]
        if settings:
            argv += ["--settings", self.world.session_settings]
        environment = self.world.env(PWD=self.cwd, **env)
        options = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        self.world.tmux(
            "new-session",
            "-d",
            "-s",
            self.name,
            "-x",
            "120",
            "-y",
            "50",
            "-c",
            self.cwd,
            *options,
            "env",
            "-i",
            *(f"{key}={value}" for key, value in environment.items()),
            *argv,
        )
        if ready:
            self.wait_ready()
        return self

    def restart(self, *arguments: str) -> Session:
        """Start it again with ``--resume`` in a new pane."""
        self.world.tmux("kill-session", "-t", f"={self.name}")
        return self.start(*arguments, resume=True)

    def screen(self, *options: str) -> str:
        """Return what the pane shows."""
        return self.world.tmux("capture-pane", "-p", *options, "-t", f"={self.name}:")

    def lines(self) -> list[str]:
        """Return the screen's lines that are not empty."""
        return [line.rstrip() for line in self.screen().splitlines() if line.strip()]

    def box(self) -> str | None:
        """Return the text in the prompt box, or None where the screen shows no prompt box."""
        lines = self.screen().splitlines()
        for first in range(len(lines) - 1, -1, -1):
            if RULE.match(lines[first]):
                for second in range(first - 1, -1, -1):
                    if RULE.match(lines[second]):
                        inside = lines[second + 1 : first]
                        if inside and inside[0].startswith("❯"):
                            return "\n".join([inside[0][1:], *inside[1:]]).replace("\xa0", " ").strip()
                        return None
        return None

    def until(self, condition: Callable[[], T | None], what: str, **options: Any) -> T:
        """Wait as `wait.until` does, while what the guard asks is answered; shows the screen unless told otherwise."""
        options.setdefault("show", self.screen)

        def holds() -> T | None:
            found = condition()
            if not found:
                self.answer_owner()
            return found

        return until(holds, what, **options)

    def wait_ready(self, timeout: float = 30) -> None:
        """Wait for the prompt box, and until the screen has stood still for half a second (see the facts)."""
        self.until(lambda: self.box() is not None, f"the prompt box of {self.name}", timeout=timeout)
        self.wait_still(timeout)

    def wait_still(self, timeout: float = 30) -> None:
        """Wait until the screen has stood still for half a second."""
        shown, since = "", 0.0

        def still() -> bool:
            nonlocal shown, since
            text = self.screen()
            if text != shown:
                shown, since = text, time.monotonic()
            return time.monotonic() - since >= 0.5

        until(still, f"the screen of {self.name} to stand still", timeout=timeout, show=self.screen)

    def turn_over(self) -> None:
        """Wait for the end of the turn that runs, which is after its answer: by then its hooks have ended.

        Text that is typed and entered before is queued; 2.1.197 now and then leaves it in the prompt box as well.
        """
        self.until(lambda: INTERRUPTS not in self.screen(), "the end of the turn")
        self.wait_still()

    def redraw(self) -> None:
        """Have the program draw its whole screen: by a change of the window's size, and back."""
        width = int(self.world.tmux("display-message", "-p", "-t", f"={self.name}:", "#{window_width}"))
        for columns in (width - 1, width):
            self.world.tmux("resize-window", "-t", f"={self.name}:", "-x", str(columns))
            self.wait_still()

    def keys(self, *names: str) -> None:
        """Press keys by name."""
        self.world.tmux("send-keys", "-t", f"={self.name}:", *names)

    def escape(self) -> None:
        """Press Escape and wait until what it cancels is gone: a menu, or Claude's own wait for the reset.

        Text that follows Escape at once is taken for Alt and a letter, and the letter is lost: of ``continue``
        only ``ontinue`` arrives (seen on 2.1.330).
        """
        self.keys("Escape")
        until(
            lambda: "Esc to cancel" not in self.screen() and self.box() is not None,
            "Escape to take effect",
            show=self.screen,
        )

    def text(self, text: str) -> None:
        """Type text, without Enter."""
        self.world.tmux("send-keys", "-l", "-t", f"={self.name}:", text)

    def prompt(self, text: str) -> None:
        """Type a prompt once no turn runs, see it in the box, press Enter once that is taken for a key, see it go."""
        self.turn_over()
        before = len(self.hooks("UserPromptSubmit"))
        self.text(text)
        until(lambda: text.split("\n")[0][:60] in (self.box() or ""), f"{text!r} in the prompt box", show=self.screen)
        # Text and Enter that arrive in one read are taken for a paste (facts): Enter goes when the box shows the text.
        self.keys("Enter")
        until(
            lambda: len(self.hooks("UserPromptSubmit")) > before,
            f"the prompt {text!r} to be taken",
            show=self.screen,
        )

    def ask(self, text: str, timeout: float = 30) -> dict[str, Any]:
        """Type a prompt and wait for its answer; return the stub's record of the request that was answered."""
        before = len(self.hooks("Stop"))
        self.prompt(text)
        self.until(lambda: len(self.hooks("Stop")) > before, f"an answer to {text!r}", timeout=timeout)
        return self.world.turns(self.ids)[-1]

    def shows(self, text: str) -> bool:
        """Return whether a text of the CLI's own is on the screen, also where a narrow pane has wrapped it."""
        return text in " ".join(self.screen().split())

    def copies(self) -> list[str]:
        """Return the conversations not in ``ids`` that were copied from one of them."""
        others = [identity for identity in self.world.conversations() if identity not in self.ids]
        return [
            identity
            for identity in others
            if any(r.get("forkedFrom", {}).get("sessionId") in self.ids for r in self.world.records(identity))
        ]

    def owner_asked(self) -> bool:
        """Return whether the guard's question is open: its title alone begins a message in the conversation as well."""
        return self.shows(f"{OWNER_QUESTION} Started as")

    def cursor_at(self, option: str) -> bool:
        """Return whether an open dialog's cursor is at an option that begins so."""
        return any(line.lstrip().startswith(f"❯ {option}") for line in self.lines())

    def choose(self, option: str, key: str) -> None:
        """Move an open dialog's cursor to an option by a key, and press Enter once it is seen there.

        A question of the guard's takes no key in its first second, and each key in it begins the second anew (2.1.332:
        "Not answered yet · wait a second, then press again"). The usage-limit menu can open over it: it is closed.
        """

        def chosen() -> bool:
            if self.cursor_at(option):
                return True
            self.keys("Escape" if self.shows(LIMIT_MENU) else key)
            return False

        time.sleep(KEY_WAIT)
        until(chosen, f"{option!r} chosen", every=KEY_WAIT, show=self.screen)
        self.keys("Enter")

    def answer_owner(self) -> None:
        """Copy the conversation to the account that is logged in, if Claude Code asks whose it is and a person is by.

        It asks again where another account is active by the end of it.
        """
        if not self.world.person:
            return
        self.ids += self.copies()  # of an answer after which it asked again
        if not self.owner_asked():
            return
        self.choose("Copy to ", "Down")
        until(lambda: self.shows(COPY_QUESTION), "the second question", show=self.screen)
        self.choose("Continue", "Up")
        until(lambda: self.owner_asked() or self.copies(), "the copy, or the question again", show=self.screen)
        self.ids += self.copies()

    def wait_screen(self, text: str, timeout: float = 30) -> list[str]:
        """Wait until a text is on the screen; return the screen's lines."""
        until(
            lambda: text in self.screen(), f"{text!r} on the screen of {self.name}", timeout=timeout, show=self.screen
        )
        return self.lines()

    def pid(self) -> int:
        """Return the id of the pane's program: of the CLI itself, which replaced the shell."""
        return int(self.world.tmux("display-message", "-p", "-t", f"={self.name}:", "#{pane_pid}"))

    def dead(self) -> tuple[str, str] | None:
        """Return the pane's exit status and signal, or None as long as its program runs or tmux does not know them.

        tmux 3.3a now and then misses a child's end: the pane is dead, the program stays a zombie, and its status is
        unknown until another SIGCHLD comes. So one is sent.
        """
        text = self.world.tmux(
            "display-message",
            "-p",
            "-t",
            f"={self.name}:",
            "#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{pid}",
        ).strip()
        dead, status, number, server = text.split("|")
        if dead == "1" and not status and not number:
            self.world.namespace.run(["kill", "-CHLD", server], self.world.env())
            return None
        return (status, number) if dead == "1" else None

    def status_file(self) -> dict[str, Any] | None:
        """Return ``sessions/<pid>.json`` of the running CLI, from whichever home holds it."""
        for tag in self.world.accounts:
            path = os.path.join(self.world.account_home(tag), "sessions", f"{self.pid()}.json")
            try:
                with open(path, encoding="utf-8") as stream:
                    data: dict[str, Any] = json.load(stream)
                return data
            except (FileNotFoundError, ValueError):
                continue
        return None

    def status(self) -> str | None:
        """Return ``idle``, ``busy`` or ``waiting`` as the CLI says it, or None."""
        found = self.status_file()
        return found.get("status") if found else None

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handle key presses according to the screen's state."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable

from ...storage.files import write_atomic
from . import dialogs
from .editor import Editor
from .keys import InputEvent
from .own_commands import COMMANDS
from .session import FakeSession
from .settings import read_object
from .texts import UNTRUSTED


class Keyboard:
    """Applies input events to a session; ``leave(status, reason, notice)`` ends the program."""

    def __init__(self, session: FakeSession, leave: Callable[[int, str, str], None]) -> None:
        self.session, self.leave = session, leave
        self.editor = Editor()
        self._vim = bool(session.view.vim)
        session.put_back = self._put_back
        self._clearing = False
        self._leaving = False
        self._closed = asyncio.Event()

    async def closed(self, dialog: dialogs.FakeDialog) -> None:
        """Wait until a dialog is answered."""
        while self.session.view.dialog is dialog:
            self._closed.clear()
            await self._closed.wait()

    def take(self, event: InputEvent) -> None:
        """Apply one input event."""
        view = self.session.view
        if view.dialog is not None:
            self._in_dialog(event, view.dialog)
        elif event.kind == "text":
            self._type(event.value)
        elif event.kind == "paste":
            self.editor.paste(event.value)
        else:
            self._key(event.value)
        if event.kind != "key" or event.value not in ("Escape", "C-c"):
            self._clearing = self._leaving = False
        view.draft = self.editor.text

    def _put_back(self, prompt: str) -> None:
        self.editor.type(prompt)
        self.session.view.draft = self.editor.text

    def _type(self, text: str) -> None:
        """Type text; in vim's NORMAL mode it is commands, of which only those that lead to INSERT are imitated."""
        while self.normal and text:
            command, text = text[0], text[1:]
            if command in "iaIAoO":
                self._set_normal(False)
        self.editor.type(text)

    @property
    def normal(self) -> bool:
        """True in vim's NORMAL mode, which the screen does not show."""
        return self._vim and not self.session.view.vim

    def _set_normal(self, normal: bool) -> None:
        self.session.view.vim = "" if normal else "INSERT"

    def _key(self, key: str) -> None:
        if key == "Enter":
            self._submit()
        elif key == "Backspace":
            self.editor.backspace()
        elif key == "C-u":
            self.editor.kill_line()
        elif key == "Escape":
            self._escape()
        elif key in ("C-c", "C-d"):
            self._leave_key(key)

    def _submit(self) -> None:
        prompt = self.editor.take()
        if not prompt.strip():
            return
        command = prompt.strip()
        if command in ("/exit", "/quit"):
            self.leave(0, "prompt_input_exit", "")
        elif command == "/clear":
            asyncio.get_running_loop().create_task(self.session.clear())
        elif command == "/login":
            self.session.view.dialog = dialogs.login()
            self.session.file.update("waiting", "dialog open")
        elif command in COMMANDS and not self.session.busy:
            self.session.core.spawn(self.session.own_commands.run(command))
        else:
            self.session.submit(prompt)

    def _escape(self) -> None:
        view = self.session.view
        if self._vim and not self.normal:
            self._set_normal(True)
        elif self.session.busy:
            self.session.interrupt()
        elif self.session.limit.cancel(by_escape=True):
            return
        elif self.editor.text:
            if self._clearing:
                self.editor.clear()
            self._clearing = not self._clearing
            view.toast = "esc again to clear" if self._clearing else ""

    def _leave_key(self, key: str) -> None:
        if key == "C-c" and self.session.busy:
            self.session.interrupt()
        elif key == "C-c" and self.editor.text:
            self.editor.clear()
        elif self._leaving:
            self.leave(0, "prompt_input_exit", "")
        else:
            self._leaving = True
            self.session.view.toast = f"Press Ctrl-{key[-1].upper()} again to exit"

    # -- dialogs ----------------------------------------------------------------------------------------------

    def _in_dialog(self, event: InputEvent, dialog: dialogs.FakeDialog) -> None:
        """Apply an input event to a dialog: arrows move, a digit or Enter selects, Escape closes, text is ignored."""
        if event.kind == "text" and dialog.numbered and event.value.isdigit():
            if 0 < int(event.value) <= len(dialog.options):
                dialog.selected = int(event.value) - 1
                self._choose(dialog)
        elif event.kind != "key":
            return
        elif event.value in ("Up", "Down"):
            dialog.move(-1 if event.value == "Up" else 1)
        elif event.value == "Enter":
            self._choose(dialog)
        elif event.value in ("Escape", "C-c"):
            self._close(dialog)

    def _close(self, dialog: dialogs.FakeDialog) -> None:
        if dialog.kind in ("trust", "bypass", "theme"):
            self.leave(1, "", UNTRUSTED if dialog.kind == "trust" else "")
        elif dialog.kind == "permission":
            self.session.tools.decide(False)
        else:
            if dialog.kind == "login":
                self.session.view.add("prompt", "/login")
                self.session.view.add("note", "Login interrupted")
            self.session.view.dialog = None
            self.session.file.update("idle")

    def _choose(self, dialog: dialogs.FakeDialog) -> None:
        context = self.session.context
        if dialog.kind in ("trust", "bypass") and dialog.selected == 0:
            self._close(dialog)
        elif dialog.kind == "permission":
            self.session.tools.decide(dialog.selected < len(dialog.options) - 1)
        elif dialog.kind == "trust":
            state = read_object(context.state_file)
            state.setdefault("projects", {}).setdefault(context.cwd, {})["hasTrustDialogAccepted"] = True
            self._remember(context.state_file, state)
        elif dialog.kind == "bypass":
            path = os.path.join(context.config_dir, "settings.json")
            self._remember(path, {**read_object(path), "skipDangerousModePermissionPrompt": True})
        elif dialog.kind == "theme":
            self._remember(context.state_file, {**read_object(context.state_file), "hasCompletedOnboarding": True})
        elif dialog.kind == "login":
            return  # no login is possible: the fake Claude accepts made-up tokens only
        else:
            self._close(dialog)

    def _remember(self, path: str, data: dict[str, object]) -> None:
        write_atomic(os.path.realpath(path), json.dumps(data).encode())  # beside the target of a link, as 2.1.332
        self.session.view.dialog = None
        self._closed.set()

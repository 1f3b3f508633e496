# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program: start-up checks, main loop and exit."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import signal
import sys
from collections.abc import Mapping

from ...common import clock
from . import context as surroundings
from . import dialogs, texts, transcripts
from .context import Context
from .credentials import Credentials
from .keyboard import Keyboard
from .keys import Decoder
from .options import OptionError, Options, parse
from .requests import FakeApi
from .screen import render
from .session import FakeSession
from .settings import SettingsError, from_option, of_account, read_object
from .terminal import Terminal, is_terminal
from .world import WORLD_VARIABLE, World

ESCAPE_WAIT = 0.05  # seconds after which a lone Escape is the Escape key
HELP = """Usage: claude [options] [prompt]

A fake Claude Code CLI: it behaves like the real one, calls no API and accepts made-up logins only.
CLAUDE_FAKE_WORLD names the file that defines the response for each account.

  --session-id UUID      start a conversation with this id   --resume UUID   resume a conversation
  --settings FILE|JSON   hooks and status line               --permission-mode MODE
  -p, --print            answer one prompt and exit          --version
"""


def main(argv: list[str], environ: Mapping[str, str] | None = None) -> int:
    """Run the fake Claude; returns its exit status."""
    env = dict(os.environ if environ is None else environ)
    try:
        options = parse(argv)
        if options.version:
            print(f"{surroundings.version(env)} (Claude Code)")
            return 0
        if options.help:
            print(HELP, end="")
            return 0
        context = prepare(options, env)
    except (OptionError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.print_only:
        return asyncio.run(print_answer(context))
    if not is_terminal():
        print(
            "Error: Input must be provided either through stdin or as a prompt argument when using --print",
            file=sys.stderr,
        )
        return 1
    _set_process_name()
    return asyncio.run(Program(context).run())


def prepare(options: Options, env: dict[str, str]) -> Context:
    """Resolve the conversation and settings. Raises OptionError with the real CLI's message, and SettingsError."""
    cwd, folder = os.path.realpath(os.getcwd()), surroundings.config_dir(env)
    settings = from_option(options.settings)
    session_id, source, path = options.session_id or surroundings.new_id(), "startup", None
    if options.session_id and transcripts.find(folder, session_id):
        raise OptionError(f"Error: Session ID {session_id} is already in use.")
    if options.resume is not None:
        session_id = options.resume or transcripts.newest(folder, cwd) or ""
        path = transcripts.find(folder, session_id) if session_id else None
        if path is None:
            raise OptionError(
                f"No conversation found with session ID: {session_id}"
                if session_id
                else "No conversation found to continue"
            )
        source = "resume"
    zone, zone_name = surroundings.zone(env)
    return Context(
        options, env, cwd, folder, surroundings.version(env), settings, session_id, source, path, zone, zone_name
    )


def _set_process_name() -> None:
    """Set the process name to ``claude``, by which /proc lists the real CLI."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as stream:
            stream.write("claude")
    except OSError:
        pass  # the name is cosmetic


async def print_answer(context: Context) -> int:
    """Answer one prompt (``-p``); returns exit status 1 at a usage limit or an error."""
    prompt = context.options.prompt or sys.stdin.read()
    api = FakeApi(
        World(context.env.get(WORLD_VARIABLE)),
        Credentials(context.config_dir, context.env),
        context.delay("CLAUDE_FAKE_RETRY_UNIT"),
    )
    answer = await api.ask(context.session_id, prompt, tool_result=False, messages=1, on_retry=lambda _text: None)
    text, failed = answer.text, answer.kind in ("limit", "error")
    if answer.kind == "limit":
        text = texts.limit_line(
            answer.claim, answer.resets_at, clock.wall(), context.zone, context.zone_name, context.version
        )
    if context.options.output_format == "text":
        print(text)
    else:
        result = {
            "type": "result",
            "subtype": "success",
            "is_error": failed,
            "result": text,
            "session_id": context.session_id,
        }
        if failed:
            result["api_error_status"] = answer.status
        if answer.kind == "limit":
            result["api_error"] = "usage_limit_reached"
        print(json.dumps(result))
    return 1 if failed else 0


class Program:
    """An interactive session on a terminal."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.terminal = Terminal()
        self.session = FakeSession(context, self._changed)
        self.keyboard = Keyboard(self.session, self._leave)
        self.decoder = Decoder()
        # A read of a long paste may end in the middle of a character.
        self.utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._left: asyncio.Future[tuple[int, str, str]] | None = None
        self._begun = False
        self._scheduled = False

    async def run(self) -> int:
        """Run until the session ends; returns the exit status."""
        loop = asyncio.get_running_loop()
        self._left = loop.create_future()
        self.terminal.open()
        notice = ""
        try:
            for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)):
                loop.add_signal_handler(number, self._leave, status, "other", "")
            loop.add_signal_handler(signal.SIGWINCH, self._resized)
            await asyncio.sleep(self.context.delay("CLAUDE_FAKE_START"))
            loop.add_reader(0, self._readable)
            status, notice = await self._live(self._left)
            return status
        finally:
            loop.remove_reader(0)
            self.terminal.close(notice)

    async def _live(self, left: asyncio.Future[tuple[int, str, str]]) -> tuple[int, str]:
        starting = asyncio.get_running_loop().create_task(self._start())
        status, reason, notice = await left
        starting.cancel()
        if not self._begun:
            return status, notice
        await self.session.end(reason)
        if self.session.core.transcript.written:
            notice = texts.exit_notice(self.session.core.id, self.context.options.settings, self._other_flags())
        return status, notice

    def _other_flags(self) -> bool:
        return self.context.options.permission_mode is not None

    async def _start(self) -> None:
        """Show the dialogs of a new home or folder one by one, then begin the session."""
        for dialog in self._questions():
            self.session.view.dialog = dialog
            self._changed()
            await self.keyboard.closed(dialog)
        self._begun = True
        await self.session.begin()
        self._changed()
        if self.context.options.prompt:
            self.session.submit(self.context.options.prompt)

    def _questions(self) -> list[dialogs.FakeDialog]:
        state = read_object(self.context.state_file)
        found = [] if state.get("hasCompletedOnboarding") else [dialogs.theme()]
        projects = state.get("projects", {})
        folder = self.context.cwd
        while not projects.get(folder, {}).get("hasTrustDialogAccepted"):
            if folder == os.path.dirname(folder):
                found.append(dialogs.trust(self.context.cwd))
                break
            folder = os.path.dirname(folder)
        settings = {**of_account(self.context.config_dir), **self.context.settings}
        if self.session.core.mode == "bypassPermissions" and not settings.get("skipDangerousModePermissionPrompt"):
            found.append(dialogs.bypass())
        return found

    def _leave(self, status: int, reason: str, notice: str) -> None:
        if self._left is not None and not self._left.done():
            self._left.set_result((status, reason, notice))

    # -- the terminal -------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            raw = os.read(0, 65536)
        except OSError:
            raw = b""
        if not raw:
            # The terminal is gone, and stays readable: the hooks of the session's end may still run.
            asyncio.get_running_loop().remove_reader(0)
            self._leave(0, "other", "")
            return
        for event in self.decoder.feed(self.utf8.decode(raw)):
            self.keyboard.take(event)
        if self.decoder.pending_escape:
            asyncio.get_running_loop().call_later(ESCAPE_WAIT, self._escape_alone)
        self._changed()

    def _escape_alone(self) -> None:
        for event in self.decoder.flush():
            self.keyboard.take(event)
        self._changed()

    def _resized(self) -> None:
        self.terminal.redraw()
        self._changed()

    def _changed(self) -> None:
        """Schedule a redraw; changes of one loop iteration are drawn together."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        self._scheduled = False
        columns, height = self.terminal.size()
        if self._begun or self.session.view.dialog is not None:
            self.terminal.show(render(self.session.view, columns, height))

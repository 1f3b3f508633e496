# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tmux server as the daemon sees it: sessions, panes, screens and keys.

Everything goes over one control-mode client (`control.ControlClient`); no process per pane or command.
Facts are those of tmux 3.3a.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Optional, Union

from .control import ControlClient, TmuxError, TmuxGone, TmuxNotFound, TmuxTimeout
from .quoting import HOLDER, QuotingError, literal_format, search_pattern, session_name, typable, window_target

__all__ = ["Pane", "Tmux", "TmuxError", "TmuxGone", "TmuxNotFound", "TmuxTimeout"]

KEYS = frozenset({"Escape", "Enter", "C-u", "C-c", "C-e", "BSpace"})
"""The only keys that are ever sent by name."""

_PANE_ID = re.compile(r"%[0-9]+\Z")
# By its path: a session's own PATH may hold no more than the folder of its program.
_ENV = "/usr/bin/env"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_NUMBERS = (
    "pane_id",
    "session_id",
    "window_id",
    "pane_pid",
    "pane_dead",
    "pane_dead_status",
    "pane_dead_signal",
    "window_activity",
    "pane_width",
    "pane_height",
    "pane_in_mode",
    "pane_active",
    "window_active",
)
_TEXTS = ("session_name", "pane_current_command", "pane_current_path")


@dataclass(frozen=True)
class Pane:
    """One pane, as it was when it was listed.

    ``exit_status`` and ``exit_signal`` are known of a dead pane only (the signal from tmux 3.3 on), and its ``cwd``
    is empty. ``activity`` is the epoch second of the window's last output; ``width`` and ``height`` are in cells;
    ``in_mode`` tells that somebody looks at its history; ``active`` that it is the one that its session shows.
    """

    session: str
    session_id: str
    window_id: str
    pane_id: str
    pid: int
    dead: bool
    exit_status: Optional[int]
    exit_signal: Optional[int]
    command: str
    cwd: str
    activity: int
    width: int
    height: int
    in_mode: bool
    active: bool


class _Listing:
    """A format for one pane a record, and the way back.

    A folder's name can hold any character, a line break too, so the fields of free text stand between marks that
    nobody can know beforehand.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(6)
        numbers = ",".join(f"#{{{name}}}" for name in _NUMBERS)
        texts = self._mark.join(f"#{{{name}}}" for name in _TEXTS)
        self.format = f"{self._mark}{self._mark}{numbers}{self._mark}{texts}"

    def read(self, lines: Sequence[str]) -> list[Pane]:
        records = "\n".join(lines).split(self._mark * 2)
        return [self._pane(record) for record in records[1:]]

    def _pane(self, record: str) -> Pane:
        numbers, *texts = record.rstrip("\n").split(self._mark)
        values = dict(zip(_NUMBERS, numbers.split(",")))
        if len(texts) != len(_TEXTS) or len(values) != len(_NUMBERS):
            raise TmuxError(f"tmux listed a pane as {record!r}, which is not what was asked for")
        return Pane(
            session=texts[0],
            session_id=values["session_id"],
            window_id=values["window_id"],
            pane_id=values["pane_id"],
            pid=int(values["pane_pid"] or 0),
            dead=values["pane_dead"] == "1",
            exit_status=_number(values["pane_dead_status"]),
            exit_signal=_number(values["pane_dead_signal"]),
            command=texts[1],
            cwd=texts[2],
            activity=int(values["window_activity"] or 0),
            width=int(values["pane_width"]),
            height=int(values["pane_height"]),
            in_mode=values["pane_in_mode"] not in ("", "0"),
            active=values["pane_active"] == "1" and values["window_active"] == "1",
        )


def _number(text: str) -> Optional[int]:
    return int(text) if text else None


def _pane_id(pane_id: str) -> str:
    if not _PANE_ID.match(pane_id):
        raise TmuxError(f"{pane_id!r} is no pane: expected %NUMBER, as tmux lists it")
    return pane_id


def _program(command: Sequence[str], cwd: str) -> list[str]:
    """Return the arguments that make tmux execute ``command`` in ``cwd``, with no shell between.

    tmux gives a single argument to a shell, and runs a program whose folder is missing in the home folder
    instead. With ``env`` neither happens: a missing folder ends the pane with status 125 and env's own words.
    """
    if not command or not command[0]:
        raise TmuxError("a session needs a command to run, and the one given is empty")
    if "=" in command[0]:
        raise TmuxError(f"{command[0]!r} cannot be run: a program with '=' in its path would be taken for a variable")
    return ["--", _ENV, f"--chdir={cwd}", "--", *command]


def _environment(env: Mapping[str, str]) -> list[str]:
    arguments: list[str] = []
    for name, value in env.items():
        if not _ENV_NAME.match(name):
            raise TmuxError(f"{name!r} is no name of an environment variable")
        if "\0" in value or "\n" in value:
            raise QuotingError(f"environment variable {name} holds a NUL or a line break: tmux cannot be given it")
        arguments += ["-e", f"{name}={value}"]
    return arguments


class Tmux:
    """A tmux server on a socket of its own; never started from here.

    Every method raises TmuxGone (TmuxTimeout) when no server answers, TmuxNotFound when the target does not
    exist, TmuxError with tmux's own words when it refuses, and QuotingError for text that no command can hold.
    """

    def __init__(
        self,
        binary: str,
        socket: str,
        *,
        on_notice: Optional[Callable[[str, str], None]] = None,
        timeout: float = 10.0,
        backoff: tuple[float, float] = (0.1, 5.0),
    ) -> None:
        self._control = ControlClient(binary, socket, on_notice=on_notice, timeout=timeout, backoff=backoff)

    # -- the connection

    @property
    def connected(self) -> bool:
        """Whether a server answers."""
        return self._control.connected

    @property
    def connected_event(self) -> asyncio.Event:
        """Set while a server answers. Exists from `start` on."""
        return self._control.connected_event

    @property
    def server_pid(self) -> Optional[int]:
        """The pid of the server of the last connection; another one means that the server was restarted."""
        return self._control.server_pid

    async def start(self) -> None:
        """Begin to keep a connection; returns at once."""
        await self._control.start()

    async def stop(self) -> None:
        """End the connection; every session goes on."""
        await self._control.stop()

    async def command(self, *arguments: str) -> list[str]:
        """Run one tmux command, quoted here; return the lines that it printed."""
        return (await self._control.run(arguments))[0]

    # -- sessions and panes

    async def panes(self) -> list[Pane]:
        """Return every pane of the server, but those of the holder session."""
        listing = _Listing()
        lines = await self.command("list-panes", "-a", "-F", listing.format)
        return [pane for pane in listing.read(lines) if pane.session != HOLDER]

    async def pane(self, pane_id: str) -> Pane:
        """Return one pane. Raises TmuxNotFound when it does not exist any more."""
        listing = _Listing()
        condition = f"#{{==:#{{pane_id}},{_pane_id(pane_id)}}}"
        found = listing.read(await self.command("list-panes", "-a", "-f", condition, "-F", listing.format))
        if not found:
            raise TmuxNotFound(f"there is no pane {pane_id}")
        return found[0]

    async def new_session(
        self,
        name: str,
        cwd: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        width: int = 200,
        height: int = 50,
    ) -> Pane:
        """Start a session that nobody is attached to; return its pane.

        The pane stays when its program ends, however soon that is: the option is set in the same line of
        commands, before the server looks at children again.
        """
        listing = _Listing()
        printed = await self._control.run(
            [
                "new-session",
                "-d",
                "-s",
                literal_format(session_name(name)),
                "-c",
                literal_format(cwd),
                "-x",
                str(width),
                "-y",
                str(height),
                *_environment(env),
                "-P",
                "-F",
                listing.format,
                *_program(command, cwd),
            ],
            ["set-option", "-w", "-t", window_target(name), "remain-on-exit", "on"],
        )
        return listing.read(printed[0])[0]

    async def respawn(self, pane_id: str, cwd: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Start a program in a pane whose own has ended. Raises TmuxError when that still runs.

        What the pane showed before stays in its history, and the session's earlier environment below ``env``.
        """
        await self.command(
            "respawn-pane",
            "-t",
            _pane_id(pane_id),
            "-c",
            literal_format(cwd),
            *_environment(env),
            *_program(command, cwd),
        )

    # -- what a pane shows

    async def capture(self, pane_id: str, *, lines: int = 500, join: bool = True, escapes: bool = False) -> list[str]:
        """Return the last ``lines`` lines of a pane, history included, also while somebody scrolls in it.

        ``join`` puts wrapped lines together; ``escapes`` keeps colours and attributes.
        """
        options = ["-J"] if join else []
        options += ["-e"] if escapes else []
        found = await self.command("capture-pane", "-p", *options, "-S", str(-lines), "-t", _pane_id(pane_id))
        if not escapes:
            # -J keeps trailing blanks. A no-break space is text: Claude Code writes one after its prompt sign.
            found = [line.rstrip(" ") for line in found]
        return found[-lines:]

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        """Return the visible rows of a pane, one item a row."""
        options = ["-e"] if escapes else []
        return await self.command("capture-pane", "-p", *options, "-t", _pane_id(pane_id))

    async def search(self, anchor: Union[str, Sequence[str]], *, since: Optional[int] = None) -> list[str]:
        """Return the ids of the panes whose screen shows an anchor in one of its rows.

        The server searches, so nothing but the hits is transferred. ``since`` (epoch second): only windows that
        had output from then on. A hit needs confirmation: punctuation matches any character, and wrapped text
        is not found. An anchor is text, not a pattern.
        """
        anchors = [anchor] if isinstance(anchor, str) else list(anchor)
        condition = f"#{{C/r:{search_pattern(anchors)}}}"
        if since is not None:
            condition = f"#{{?#{{e|>=:#{{window_activity}},{since:d}}},{condition},0}}"
        return await self.command("list-panes", "-a", "-f", condition, "-F", "#{pane_id}")

    # -- what a pane is sent

    # ``before`` may raise, and then nothing is sent: see `ControlClient.run`.

    async def leave_mode(self, pane_id: str, *, before: Optional[Callable[[], None]] = None) -> None:
        """End copy mode and the like, in which keys do not reach the program."""
        await self._control.run(["copy-mode", "-q", "-t", _pane_id(pane_id)], before=before)

    async def keys(self, pane_id: str, *names: str, before: Optional[Callable[[], None]] = None) -> None:
        """Send keys of the closed set `KEYS`. Raises TmuxError for any other name."""
        unknown = [name for name in names if name not in KEYS]
        if unknown or not names:
            raise TmuxError(f"keys {unknown or names!r} are not sent: expected some of {', '.join(sorted(KEYS))}")
        await self._control.run(["send-keys", "-t", _pane_id(pane_id), "--", *names], before=before)

    async def type_text(self, pane_id: str, text: str, *, before: Optional[Callable[[], None]] = None) -> None:
        """Type one line of text, without Enter. Raises TmuxError for text with a control character."""
        if typable(text) != text or "\n" in text or "\t" in text:
            raise TmuxError("text with control characters is not typed; paste it, or take them out")
        if text:
            await self._control.run(["send-keys", "-l", "-t", _pane_id(pane_id), "--", text], before=before)

    async def paste(self, pane_id: str, text: str, *, before: Optional[Callable[[], None]] = None) -> None:
        """Paste text of any length, without Enter, bracketed if the program asks for it.

        Control characters but line breaks and tabs are dropped. The text goes through a buffer of its own that
        does not outlive the call, and lies in no file.
        """
        # paste-buffer sends CR for each LF anyway; written as CR, a line break fits in a line of commands.
        content = typable(text).replace("\n", "\r")
        if not content:
            return
        buffer = f"claude-failover-{secrets.token_hex(8)}"
        try:
            await self._control.run(
                ["set-buffer", "-b", buffer, "--", content],
                ["paste-buffer", "-p", "-d", "-b", buffer, "-t", _pane_id(pane_id)],
                before=before,
            )
        except TmuxGone:
            raise
        except TmuxError:
            await self._control.run(["delete-buffer", "-b", buffer])
            raise

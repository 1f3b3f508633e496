# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on a tmux server: sessions, panes, screens and keys.

All commands use one control-mode connection (`control.ControlClient`), with no process per pane or command. Facts are
those of tmux 3.3a.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Callable, Optional, Union

from ..common.health import SourceHealth
from .batches import run_each
from .capture import capture_command, captured, output_since, search_filter
from .control import ControlClient
from .errors import TmuxError, TmuxGone, TmuxNotFound, TmuxTimeout
from .panes import Pane, PaneFormat, PaneListing
from .programs import environment_arguments, is_own_start, program_arguments
from .quoting import HOLDER, literal_format, session_name, typable, window_target

__all__ = ["Pane", "Tmux", "TmuxError", "TmuxGone", "TmuxNotFound", "TmuxTimeout"]

KEYS = frozenset({"Escape", "Enter", "Up", "Down", "C-u", "C-c", "C-e", "BSpace"})
"""The only keys that are sent by name."""

_PANE_ID = re.compile(r"%[0-9]+\Z")

_MARK = "@claude_failover_"  # begins the names of the options of panes


def _checked_pane_id(pane_id: str) -> str:
    if not _PANE_ID.match(pane_id):
        raise TmuxError(f"{pane_id!r} is no pane: expected %NUMBER, as tmux lists it")
    return pane_id


class Tmux:
    """A tmux server on its own socket; this class never starts one.

    Every method raises TmuxGone (TmuxTimeout) when no server answers, TmuxNotFound when the target does not exist,
    TmuxError with tmux's own text when a command fails, and QuotingError for text that a command cannot contain.
    """

    def __init__(
        self,
        binary: str,
        socket: str,
        *,
        on_notification: Optional[Callable[[str, str], None]] = None,
        timeout: float = 10.0,
        backoff: tuple[float, float] = (0.1, 5.0),
        health: Optional[SourceHealth] = None,
    ) -> None:
        self._control = ControlClient(
            binary, socket, on_notification=on_notification, timeout=timeout, backoff=backoff, health=health
        )
        self._listing = PaneListing()

    # -- connection

    @property
    def connected(self) -> bool:
        """True while the connection is established."""
        return self._control.connected

    @property
    def connected_event(self) -> asyncio.Event:
        """Set while the connection is established. Exists from `start` on."""
        return self._control.connected_event

    @property
    def server_pid(self) -> Optional[int]:
        """The server's pid at the last connection; it changes when the server is restarted."""
        return self._control.server_pid

    async def start(self) -> None:
        """Start connecting; return without waiting for the connection."""
        await self._control.start()

    async def stop(self) -> None:
        """Close the connection; the sessions keep running."""
        await self._control.stop()

    async def command(self, *arguments: str) -> list[str]:
        """Quote and run one tmux command; return the lines that it printed."""
        return (await self._control.run(arguments))[0]

    # -- sessions and panes

    async def panes(self) -> list[Pane]:
        """Return all panes of the server except those of the holder session.

        Of a pane without output since the last listing, what changes seldom (command, folder) is at most a minute old.
        """
        listing = self._listing
        pane_format = listing.format(self._control.server_pid)
        lines = await self.command("list-panes", "-a", "-F", pane_format.format)
        found = listing.panes(pane_format, lines)
        if found is None:  # there is one that was not listed before
            pane_format = listing.full_format(self._control.server_pid)
            found = listing.panes(pane_format, await self.command("list-panes", "-a", "-F", pane_format.format))
        return [pane for pane in found or [] if pane.session != HOLDER]

    async def pane(self, pane_id: str) -> Pane:
        """Return one pane. Raises TmuxNotFound if it no longer exists."""
        pane_format = PaneFormat()
        condition = f"#{{==:#{{pane_id}},{_checked_pane_id(pane_id)}}}"
        # Of its window: with -a the server would write out every pane that it has.
        arguments = ["-t", pane_id, "-f", condition, "-F", pane_format.format]
        found = pane_format.parse(await self.command("list-panes", *arguments))
        if not found:
            raise TmuxNotFound(f"pane {pane_id} does not exist")
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
        """Start a detached session; return its pane.

        The pane remains when its program exits, however soon: remain-on-exit is set in the same line of commands,
        before the server checks for exited children.
        """
        pane_format = PaneFormat()
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
                *environment_arguments(env),
                "-P",
                "-F",
                pane_format.format,
                *program_arguments(command, cwd),
            ],
            ["set-option", "-w", "-t", window_target(name), "remain-on-exit", "on"],
        )
        return pane_format.parse(printed[0])[0]

    async def respawn(
        self, pane_id: str, cwd: str, command: Sequence[str], env: Mapping[str, str], *, unset: Sequence[str] = ()
    ) -> None:
        """Start a program in a dead pane. Raises TmuxError if the pane's program is still running.

        The pane keeps its history; ``env`` is added to the session's existing environment, without what is ``unset``.
        """
        await self.command(
            "respawn-pane",
            "-t",
            _checked_pane_id(pane_id),
            "-c",
            literal_format(cwd),
            *environment_arguments(env),
            *program_arguments(command, cwd, unset),
        )

    async def session_variable(self, session_id: str, name: str) -> Optional[str]:
        """Return a variable that new panes of the session get from it; None if it has none of that name."""
        try:
            lines = await self.command("show-environment", "-t", session_id, name)
        except TmuxGone:
            raise
        except TmuxError:  # "unknown variable" (3.3a)
            return None
        found, separator, value = (lines[0] if lines else "").partition("=")
        return value if separator and found == name else None

    async def set_session_variable(self, session_id: str, name: str, value: str) -> None:
        """Set a variable that new panes of the session get from it."""
        await self.command("set-environment", "-t", session_id, name, value)

    async def has_own_program(self, pane_id: str) -> bool:
        """Return whether a pane's program was started by this class, and not by a person who has split its window."""
        condition = f"#{{==:#{{pane_id}},{_checked_pane_id(pane_id)}}}"
        lines = await self.command("list-panes", "-a", "-f", condition, "-F", "#{pane_start_command}")
        return bool(lines) and is_own_start(lines[0])

    async def rename_session(self, session_id: str, name: str) -> None:
        """Give a session another name."""
        await self.command("rename-session", "-t", session_id, "--", literal_format(session_name(name)))

    async def kill_pane(self, pane_id: str) -> None:
        """Close a pane, and with the last one its session."""
        await self.command("kill-pane", "-t", _checked_pane_id(pane_id))

    # -- output

    async def capture(self, pane_id: str, *, lines: int = 500, join: bool = True, escapes: bool = False) -> list[str]:
        """Return the last ``lines`` lines of a pane, including its history, even in copy mode.

        ``join`` joins wrapped lines; ``escapes`` keeps colours and attributes.
        """
        asked = capture_command(lines, join=join, escapes=escapes)
        return captured(await self.command(*asked, _checked_pane_id(pane_id)), lines, escapes)

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        """Return the visible rows of a pane."""
        options = ["-e"] if escapes else []
        return await self.command("capture-pane", "-p", *options, "-t", _checked_pane_id(pane_id))

    async def capture_each(
        self, pane_ids: Sequence[str], *, lines: int = 500, escapes: bool = False
    ) -> dict[str, list[str]]:
        """Return what `capture` returns of each pane; one that no longer exists is left out."""
        asked = capture_command(lines, join=True, escapes=escapes)
        texts = await run_each(self._control.run, {name: [*asked, _checked_pane_id(name)] for name in pane_ids})
        return {name: captured(text, lines, escapes) for name, text in texts.items()}

    async def activity(
        self, pane_ids: Optional[Sequence[str]] = None, *, since: Optional[int] = None
    ) -> dict[str, int]:
        """Return the epoch second of the last output in the window of each pane; ``pane_ids``: of some of them.

        ``since`` (epoch second) leaves out those without output from then on.
        """
        fields = ["-F", "#{pane_id} #{window_activity}"]
        fields += ["-f", output_since(since)] if since is not None else []
        if pane_ids is None:
            rows = await self.command("list-panes", "-a", *fields)
        else:
            one = {pane_id: ["list-panes", "-t", _checked_pane_id(pane_id), *fields] for pane_id in pane_ids}
            rows = [row for rows in (await run_each(self._control.run, one)).values() for row in rows]
        return {pane_id: int(moment or 0) for pane_id, _blank, moment in (row.partition(" ") for row in rows)}

    async def search(
        self,
        anchor: Union[str, Sequence[str]],
        *,
        since: Optional[int] = None,
        panes: Optional[Sequence[str]] = None,
    ) -> list[str]:
        """Return the ids of the panes that show an anchor in a visible row.

        The server searches, so only the hits are transferred. ``since`` (epoch second) limits the search to windows
        with output from then on. An anchor is literal text, but a hit needs confirmation: punctuation matches any
        character. Wrapped text is not found. With ``panes`` only their windows are searched, at twice the cost a pane.
        """
        anchors = [anchor] if isinstance(anchor, str) else list(anchor)
        asked = ["-f", search_filter(anchors, since), "-F", "#{pane_id}"]
        if panes is None:
            return await self.command("list-panes", "-a", *asked)
        one = {pane_id: ["list-panes", "-t", _checked_pane_id(pane_id), *asked] for pane_id in panes}
        return list(
            dict.fromkeys(pane_id for rows in (await run_each(self._control.run, one)).values() for pane_id in rows)
        )

    # -- marks: they live as long as the pane, and need no room on the disk

    async def mark(self, pane_id: str, name: str) -> None:
        """Give a pane a mark."""
        await self.command("set-option", "-p", "-t", _checked_pane_id(pane_id), _MARK + name, "1")

    async def unmark(self, pane_id: str, name: str) -> None:
        """Remove a mark from a pane."""
        await self.command("set-option", "-p", "-u", "-t", _checked_pane_id(pane_id), _MARK + name)

    async def marked(self, pane_id: str, name: str) -> bool:
        """Return whether a pane has a mark."""
        shown = await self.command("display-message", "-p", "-t", _checked_pane_id(pane_id), f"#{{{_MARK}{name}}}")
        return shown == ["1"]

    # -- input

    # If ``before`` raises, nothing is sent: see `ControlClient.run`.

    async def leave_mode(self, pane_id: str, *, before: Optional[Callable[[], None]] = None) -> None:
        """Leave copy mode and the like, in which keys do not reach the program."""
        await self._control.run(["copy-mode", "-q", "-t", _checked_pane_id(pane_id)], before=before)

    async def keys(self, pane_id: str, *names: str, before: Optional[Callable[[], None]] = None) -> None:
        """Send keys by name. Raises TmuxError for a name that is not in `KEYS`."""
        unknown = [name for name in names if name not in KEYS]
        if unknown or not names:
            raise TmuxError(f"keys {unknown or names!r} are not sent: expected some of {', '.join(sorted(KEYS))}")
        await self._control.run(["send-keys", "-t", _checked_pane_id(pane_id), "--", *names], before=before)

    async def paste(self, pane_id: str, text: str, *, before: Optional[Callable[[], None]] = None) -> None:
        """Paste text of any length, without Enter, bracketed if the program has requested it.

        Control characters except line breaks and tabs are dropped. The text passes through a temporary tmux buffer,
        never through a file.
        """
        # paste-buffer sends CR for each LF anyway; a CR does not end the line of commands.
        content, target = typable(text).replace("\n", "\r"), _checked_pane_id(pane_id)
        if not content:
            return
        buffer = f"claude-failover-{secrets.token_hex(8)}"
        try:
            await self._control.run(
                ["set-buffer", "-b", buffer, "--", content],
                ["paste-buffer", "-p", "-d", "-b", buffer, "-t", target],
                before=before,
            )
        except TmuxGone:
            raise
        except TmuxError:
            try:
                await self._control.run(["delete-buffer", "-b", buffer])
            except TmuxError:  # none was made; the first error decides
                pass
            raise

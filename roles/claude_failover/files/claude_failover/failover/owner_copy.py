# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether Claude Code's owner dialog may be answered with a copy of the conversation, and have it answered.

It may where the operator has said ``failover.session_owner: copy``, the session follows the active link, it is known
which conversation the question is about, and the conversation's owner, as its transcript names it, is of the
organization of the active account, as it was recorded at its login.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..accounts.availability import AccountAvailability
from ..claude.conversation_owner import owner_of
from ..claude.identity import Identity
from ..claude.owner_answer import copy_conversation
from ..claude.prompt_box import Dialog
from ..claude.session_files import SessionFiles
from ..claude.transcript import NotATranscriptError, sizes_of
from ..common.backoff import Backoff
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..detection.owner_watch import WHY
from ..sessions.registry import SessionRegistry
from ..sessions.session_account import follows_link
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux, TmuxError

log = logging.getLogger(__name__)

_DELAYS = (2.0, 60.0)  # seconds between two copies of a session that failed


class OwnerCopy:
    """Copies conversations, several at once; `answer` is for `OwnerWatch`."""

    def __init__(
        self,
        config: ConfigHolder,
        tmux: Tmux,
        registry: SessionRegistry,
        availability: AccountAvailability,
        *,
        copy: Callable[..., Awaitable[str | None]] = copy_conversation,
    ) -> None:
        self._config = config
        self._tmux = tmux
        self._registry = registry
        self._availability = availability
        self._copy = copy
        self._running: dict[str, asyncio.Task[str | None]] = {}  # by session
        self._failed: dict[str, tuple[float, str]] = {}  # by session: time.monotonic() of the next copy, and why
        self._backoff: dict[str, Backoff] = {}  # by session
        # By session: conversation and state of the transcript as it was read, and the record of the owner found there.
        self._owners: dict[str, tuple[tuple[str, list[tuple[int, int]]], dict[str, Any] | None]] = {}

    async def answer(self, tracked: TrackedSession, _dialog: Dialog) -> str | None:
        """Return why a session's question is left to a person, or None while it is being answered."""
        task = self._running.get(tracked.name)
        if task is not None and not task.done():
            return None
        if task is not None:
            self._note(tracked.name, self._running.pop(tracked.name).result())
        again_at, failure = self._failed.get(tracked.name, (0.0, ""))
        if time.monotonic() < again_at:
            return f"{WHY}; the copy failed and is tried again: {failure}"
        uuid = self._asked_about(tracked)
        refusal, active = await self._refusal(tracked, uuid)
        if refusal is not None or active is None or active.address is None or tracked.pane is None:
            return f"{WHY}; it is not copied: {refusal or 'the address of the active account is not known'}"
        task = asyncio.ensure_future(self._run(tracked, tracked.pane.pane_id, uuid, active, active.address))
        self._running[tracked.name] = task
        return None

    def _note(self, session: str, failure: str | None) -> None:
        """Note the end of a copy, and when the next may be tried after one that failed."""
        if failure is None:
            self._failed.pop(session, None)
            self._backoff.pop(session, None)
        else:
            delay = self._backoff.setdefault(session, Backoff(*_DELAYS)).failed(0.0)
            self._failed[session] = (time.monotonic() + delay, failure)

    async def stop(self) -> None:
        """Cancel the copies that are under way."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _asked_about(self, tracked: TrackedSession) -> str | None:
        """Return the conversation that a session's question is about; None unless the registry has it for certain.

        It is another one as soon as somebody opens it by ``/resume``, which the session file says at once, and a hook
        right after (2.1.332). After a flip the file can stay as it was in the other home; then the hooks say it.
        """
        entry = self._registry.get(tracked.name)
        if entry is None or tracked.claude is None:
            return None
        file = SessionFiles(self._config.current.homes).of(tracked.claude)
        if file is not None and file.status == "waiting":  # it tells of this question
            return entry.uuid if file.uuid == entry.uuid else None
        return entry.uuid if entry.source == "hook" and tracked.hook_seen else None

    async def _refusal(self, tracked: TrackedSession, uuid: str | None) -> tuple[str | None, Identity | None]:
        """Return why a session's conversation may not be copied, and the active account's identity."""
        config = self._config.current
        if config.failover.session_owner != "copy":
            return "failover.session_owner is ask", None
        if not follows_link(tracked, config):
            return "the session does not follow the active link", None
        name = self._availability.active()
        active = self._availability.identities.get(name) if name is not None else None
        if active is None or active.organization_uuid is None:
            return "the organization of the active account is not known", None
        if uuid is None:
            return "which conversation it is about is not known", None
        try:
            owner = await asyncio.get_running_loop().run_in_executor(None, self._owner, tracked.name, uuid)
        except (OSError, NotATranscriptError) as error:
            return f"its transcript cannot be read: {error}", None
        if owner is None:
            return "its transcript does not name its owner", None
        if owner.get("restricted"):
            return "its organization keeps conversations for a limited time", None
        organization = owner.get("organizationUuid")
        if not isinstance(organization, str) or organization.lower() != active.organization_uuid:
            return "it is of another organization than the active account", None
        return None, active

    def _owner(self, session: str, uuid: str) -> dict[str, Any] | None:
        """Return the record of a conversation's owner; its transcript is read when it has changed."""
        projects = self._config.current.projects
        state = uuid, sizes_of(projects, uuid)
        known = self._owners.get(session)
        if known is None or known[0] != state:
            known = self._owners[session] = state, owner_of(projects, uuid)
        return known[1]

    async def _run(
        self, tracked: TrackedSession, pane_id: str, uuid: str | None, active: Identity, address: str
    ) -> str | None:
        def allowed() -> bool:
            name = self._availability.active()
            known = self._availability.identities.get(name) if name is not None else None
            asked = self._config.current.failover.session_owner == "copy" and self._asked_about(tracked)
            return known == active and uuid is not None and asked == uuid

        log.info(
            "session %s: its conversation is copied to the active account",
            tracked.name,
            extra=log_fields(session=tracked.name),
        )
        try:
            failure = await self._copy(self._tmux, pane_id, address, allowed)
        except TmuxError as error:
            failure = str(error)
        if failure is not None:
            log.warning(
                "session %s: its conversation was not copied: %s",
                tracked.name,
                failure,
                extra=log_fields(session=tracked.name),
            )
        return failure

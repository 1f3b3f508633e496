# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations that went on elsewhere than in their session's pane: in a background process of Claude Code.

The agents view moves one there (`claude.background_jobs`). As long as its process lives, the conversation is a person's
to bring back; once that has ended, the session goes on in the newest conversation that descends from its own.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
from collections.abc import Sequence

from ..claude.background_jobs import BackgroundJob, background_jobs, holder_of
from ..claude.lineage import can_go_on_from, newest_descendant
from ..claude.settings import file_name, settings_folder
from ..common.errors import FailoverError
from ..common.log_fields import log_fields
from ..config.model import Config
from .registry import RegistryEntry
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)


def session_of(job: BackgroundJob, config: Config) -> str | None:
    """Return the name of the daemon's session that the job began in, by the settings that it was given; or None."""
    folder = settings_folder(config.state_dir)
    for spec in config.sessions:
        if job.settings == os.path.join(folder, file_name(spec.name)):
            return spec.name
    return None


def moved_reason(tracked: TrackedSession, config: Config, jobs: Sequence[BackgroundJob]) -> str | None:
    """Return what to tell of a running session that has a conversation in the background, or None.

    ``jobs``: those that run.
    """
    if tracked.parked_job is not None:
        job = next((job for job in jobs if job.id == tracked.parked_job), None)
        name, stop = (job.uuid, _stop(job)) if job else (tracked.parked_job, f"claude stop {tracked.parked_job}")
        return (
            f"its conversation went on in the background (agents view) as {name}: no usage limit is seen there, "
            "nothing goes on there after a switch, and it gets no task; to bring it back, end the program in the pane, "
            f"and then the job: {stop}"
        )
    own = [job.id for job in jobs if tracked.spec is not None and session_of(job, config) == tracked.name]
    return f"not watched: its background jobs {', '.join(own)} (claude agents)" if own else None


def newest_conversation(name: str, known: RegistryEntry, config: Config) -> RegistryEntry:
    """Return the entry to start a session with: ``known``, or that of the conversation that goes on from it.

    Raises FailoverError while another process has the conversation or can have it, and where several go on from it.
    """
    jobs = background_jobs(config.homes)
    descent = newest_descendant(config.projects, known.uuid, jobs)
    if descent.job is not None:
        before = "" if descent.uuid == known.uuid else f"conversation {known.uuid} went on, and "
        raise FailoverError(
            f"{before}process {descent.job.pid} has conversation {descent.uuid} in the background (agents view): no "
            f"older copy is resumed, and none beside it; to go on in it here, end that job: {_stop(descent.job)}"
        )
    if descent.rivals:
        names = ", ".join(f"{job.uuid} (job {job.id})" for job in descent.rivals)
        raise FailoverError(
            f"conversation {descent.uuid} went on in the background in more than one: {names}; which one is meant "
            f"cannot be known: remove the others from the list of jobs, as with {_stop(descent.rivals[0], 'rm')}"
        )
    for job in jobs:
        own = job.running and session_of(job, config) == name
        if own and can_go_on_from(config.projects, descent.uuid, job.uuid):
            raise FailoverError(
                f"whether conversation {descent.uuid} went on in the background (agents view) as {job.uuid} cannot be "
                f"known yet, as process {job.pid} has written nothing of its own, so no older copy is resumed; a turn "
                f"that ends there tells it; where none runs, end that job: {_stop(job)}"
            )
    holder = holder_of(config.homes, descent.uuid)
    if holder not in (None, known.pid):
        raise FailoverError(
            f"process {holder} has conversation {descent.uuid} outside of this session, and a second one would corrupt "
            "the conversation; the session is started again once that process has ended"
        )
    if descent.uuid == known.uuid:
        return known
    log.warning(
        "session %s: conversation %s went on in the background (agents view) as %s, and is resumed as that one",
        name,
        known.uuid,
        descent.uuid,
        extra=log_fields(session=name),
    )
    return dataclasses.replace(known, uuid=descent.uuid, source="assigned", transcript=None, pid=None, started=None)


def _stop(job: BackgroundJob, command: str = "stop") -> str:
    return f"CLAUDE_CONFIG_DIR={shlex.quote(job.home)} claude {command} {job.id}"

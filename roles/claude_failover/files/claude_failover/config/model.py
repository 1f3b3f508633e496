# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration's sections and keys, each with its type, its default and its check.

A new key is a new field here: ``section`` reads and checks it, ``rules`` holds the rules between keys.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from re import Pattern
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DEFAULT_SHARED_ROOT,
    DIRECTORY,
    FILE,
    KINDS,
    SharedSymlink,
    required_shared,
    shared_symlink,
)

from . import defaults, validators, values
from .section import key, mapping
from .validators import Check, Location, ValidationError, boolean, integer, list_of, number, optional

_DAY = 86400.0
_ACCOUNTS = "a list of {name, home}, in the order of preference"


@dataclass(frozen=True)
class Account:
    """A Claude account: its name here, and its home (absolute path, no trailing slash).

    One that is not ``enabled`` is held out, a ``standby`` one is used only while all others are out; the threshold (per
    cent) takes the place of that of `FailoverConfig`.
    """

    name: str = field(metadata=key(values.account_name, expected="a name, such as compte1"))
    home: str = field(
        metadata=key(validators.path, expected="the account's home, such as /home/ubuntu/.claude-compte1")
    )
    enabled: bool = field(default=True, metadata=key(boolean))
    standby: bool = field(default=False, metadata=key(boolean))
    proactive_threshold: float | None = field(default=None, metadata=key(optional(number(1, 100, "per cent"))))


@dataclass(frozen=True)
class SharedLink:
    """A shared link with a target or a kind of its own.

    The target stays as written, for links are compared by their text.
    """

    name: str = field(metadata=key(values.link_name, expected="the name of an entry of the account homes"))
    target: str | None = field(default=None, metadata=key(validators.exact_path))
    kind: str = field(default=DIRECTORY, metadata=key(validators.Choice(*KINDS)))


@dataclass(frozen=True)
class SessionConfig:
    """A tmux session that the daemon keeps alive."""

    name: str = field(metadata=key(values.session_name, expected="the name of a tmux session"))
    cwd: str = field(
        metadata=key(validators.path, expected="the folder that the session works in, as an absolute path")
    )
    command: tuple[str, ...] = field(default=("claude",), metadata=key(values.command, given="claude_args"))
    claude_args: bool = field(default=True, metadata=key(boolean))
    dedicated: bool = field(default=False, metadata=key(boolean))
    env: dict[str, str] = field(default_factory=dict, metadata=key(values.environment, given="claude_args"))
    agent_view: bool = field(default=False, metadata=key(boolean))
    remote_control: bool = field(default=False, metadata=key(boolean))
    restart: str = field(default="always", metadata=key(validators.Choice("always", "on_failure", "never")))
    renamed_from: str | None = field(default=None, metadata=key(optional(values.session_name)))


@dataclass(frozen=True)
class FailoverConfig:
    """The rules of switching; where not ``automatic``, only by hand.

    ``cooldown`` and ``unknown_reset_wait`` in seconds, the threshold in per cent.
    """

    automatic: bool = field(default=True, metadata=key(boolean))
    session_owner: str = field(default="ask", metadata=key(validators.Choice("ask", "copy")))
    across_organizations: bool = field(default=False, metadata=key(boolean))
    cooldown: float = field(default=60, metadata=key(number(0, 7 * _DAY, "seconds")))
    strategy: str = field(default="priority", metadata=key(validators.Choice("priority", "headroom", "soonest_reset")))
    failback: bool = field(default=False, metadata=key(boolean))
    proactive_threshold: float | None = field(default=None, metadata=key(optional(number(1, 100, "per cent"))))
    resume_prompt: str = field(default="continue", metadata=key(validators.text))
    unknown_reset_wait: float = field(default=18000, metadata=key(number(1, 31 * _DAY, "seconds")))


@dataclass(frozen=True)
class DetectionConfig:
    """The sources of evidence. ``sweep_interval`` in seconds; ``extra_patterns`` are compiled."""

    hooks: bool = field(default=True, metadata=key(boolean))
    transcripts: bool = field(default=True, metadata=key(boolean))
    panes: bool = field(default=True, metadata=key(boolean))
    sweep_interval: float = field(default=1.0, metadata=key(number(0.05, 3600, "seconds")))
    capture_lines: int = field(default=500, metadata=key(integer(10, 100_000)))
    extra_patterns: tuple[Pattern[str], ...] = field(
        default=(), metadata=key(list_of(values.pattern, "a list of regular expressions"))
    )


@dataclass(frozen=True)
class LifecycleConfig:
    """The interval of checks, and the shortest and longest wait before a restart (seconds)."""

    check_interval: float = field(default=10, metadata=key(number(0.05, 3600, "seconds")))
    restart_backoff: tuple[float, float] = field(default=(1, 60), metadata=key(values.backoff))


@dataclass(frozen=True)
class TmuxConfig:
    """The tmux server's socket, and the program: a name found in PATH or an absolute path."""

    socket: str = field(default=defaults.TMUX_SOCKET, metadata=key(validators.socket_path))
    binary: str = field(default=defaults.TMUX, metadata=key(values.program))


@dataclass(frozen=True)
class MetricsConfig:
    """The file that metrics are written to, for node_exporter's textfile collector."""

    textfile: str | None = field(default=None, metadata=key(optional(validators.path)))


@dataclass(frozen=True)
class NotifyConfig:
    """The command that is started for each event, and the URLs that it is sent to by apprise.

    A session that waits is told of after ``waiting_after`` seconds.
    """

    command: tuple[str, ...] | None = field(default=None, metadata=key(optional(values.notify_command)))
    urls: tuple[str, ...] = field(default=(), metadata=key(values.notify_urls))
    waiting_after: float = field(default=600, metadata=key(number(1, 30 * 86400, "seconds")))


@dataclass(frozen=True)
class LogConfig:
    """The least level of what is logged."""

    level: str = field(default="info", metadata=key(validators.Choice("debug", "info", "warning", "error")))


@dataclass(frozen=True)
class TelemetryConfig:
    """Claude Code's own OpenTelemetry: where the sessions send it, and the file of the headers."""

    endpoint: str | None = field(default=None, metadata=key(optional(values.endpoint)))
    protocol: str = field(
        default="http/protobuf", metadata=key(validators.Choice("http/protobuf", "http/json", "grpc"))
    )
    headers_file: str | None = field(default=None, metadata=key(optional(validators.path)))


def _shared_links(shared_root: str) -> Check[tuple[SharedSymlink, ...]]:
    """Return a check for the shared links; one without a target has its usual one under ``shared_root``."""

    def link(value: Any, location: Location) -> SharedSymlink:
        if isinstance(value, str):
            return shared_symlink(shared_root, values.link_name(value, location))
        if not isinstance(value, dict):
            raise ValidationError(validators.describe(value), "the name of a link, or {name, target, kind}")
        written = mapping(SharedLink)(value, location)
        target = written.target
        if not value.keys() & {"target", "kind"}:
            location.below("target").reject("nothing: the key is missing", "it, or kind, or the name of the link alone")
        if target and written.kind == FILE and os.path.basename(target) in ("", "."):
            expected = "the path of a file, which does not end in a slash"
            location.below("target").reject(validators.describe(target), expected)
            target = ""
        if target is None:
            # Not where the target is missing because it, or the name, is wrong.
            usual = written.name and "target" not in value
            target = shared_symlink(shared_root, written.name).target if usual else ""
        return SharedSymlink(target, written.name, written.kind)

    return list_of(link, "a list of names, or of {name, target, kind}", least=1)


@dataclass(frozen=True)
class Config:
    """A configuration that passed every check. ``path`` is the file that it came from."""

    path: str
    accounts: tuple[Account, ...] = field(
        metadata=key(list_of(mapping(Account), _ACCOUNTS, least=1), expected=_ACCOUNTS, stand_in=())
    )
    active_link: str = field(default=defaults.ACTIVE_LINK, metadata=key(validators.path))
    # As written, for the links below it are compared by their text.
    shared_root: str = field(default=DEFAULT_SHARED_ROOT, metadata=key(validators.exact_path))
    shared_links: tuple[SharedSymlink, ...] = field(
        default=required_shared(DEFAULT_SHARED_ROOT),
        metadata=key(_shared_links, given="shared_root", default_for=required_shared),
    )
    sessions: tuple[SessionConfig, ...] = field(
        default=(), metadata=key(list_of(mapping(SessionConfig), "a list of sessions", secret=True))
    )
    # What becomes of a session that the configuration names no more, and of one that runs otherwise than it says.
    removed_sessions: str = field(default="keep", metadata=key(validators.Choice("keep", "stop")))
    restart_sessions: str = field(default="never", metadata=key(validators.Choice("never", "idle")))
    failover: FailoverConfig = field(default=FailoverConfig(), metadata=key(mapping(FailoverConfig)))
    detection: DetectionConfig = field(default=DetectionConfig(), metadata=key(mapping(DetectionConfig)))
    lifecycle: LifecycleConfig = field(default=LifecycleConfig(), metadata=key(mapping(LifecycleConfig)))
    tmux: TmuxConfig = field(default=TmuxConfig(), metadata=key(mapping(TmuxConfig)))
    state_dir: str = field(default=defaults.STATE_DIR, metadata=key(validators.path))
    control_socket: str = field(default=defaults.CONTROL_SOCKET, metadata=key(validators.socket_path))
    control_group: str | None = field(default=None, metadata=key(optional(values.group_name)))
    metrics: MetricsConfig = field(default=MetricsConfig(), metadata=key(mapping(MetricsConfig)))
    notify: NotifyConfig = field(default=NotifyConfig(), metadata=key(mapping(NotifyConfig)))
    log: LogConfig = field(default=LogConfig(), metadata=key(mapping(LogConfig)))
    telemetry: TelemetryConfig = field(default=TelemetryConfig(), metadata=key(mapping(TelemetryConfig)))

    def account(self, name: str) -> Account | None:
        """Return the account of that name, or None."""
        return next((account for account in self.accounts if account.name == name), None)

    def threshold_of(self, account: Account) -> float | None:
        """Return the per cent of a window at which the account is left; None where only its limits count."""
        return self.failover.proactive_threshold if account.proactive_threshold is None else account.proactive_threshold

    def session(self, name: str) -> SessionConfig | None:
        """Return the session of that name, or None."""
        return next((session for session in self.sessions if session.name == name), None)

    @property
    def homes(self) -> list[str]:
        """The account homes, in the order of preference."""
        return [account.home for account in self.accounts]

    @property
    def link_places(self) -> list[str]:
        """The account homes, and the targets of the shared links."""
        return [*self.homes, *(link.target for link in self.shared_links)]

    @property
    def link_folders(self) -> list[str]:
        """The account homes, and the folders of the shared links' targets: of a file, the one that it lies in."""
        targets = (os.path.dirname(link.target) if link.kind == FILE else link.target for link in self.shared_links)
        return [*self.homes, *targets]

    @property
    def projects(self) -> str:
        """The folder of all accounts' transcripts; the active account's own where none is shared."""
        shared = (link.target for link in self.shared_links if link.name == "projects")
        return next(shared, os.path.join(self.active_link, "projects"))

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the daemon: one YAML file, read whole, with every error at once.

Here are its shape and its defaults; `config_rules` holds what must be true between values, `schema` the checks
of single ones, `yamldoc` the reading.
"""

from __future__ import annotations

import errno
import os
import re
import warnings
from dataclasses import dataclass, field
from re import Pattern
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DEFAULT_SHARED_ROOT,
    SharedSymlink,
    required_shared,
    shared_symlink,
)

from ..common.errors import FailoverError
from ..storage.regular_file import NotARegularFileError, read_regular
from . import defaults, validators, yaml_loader
from . import rules as rules
from .validators import Location, Problem, Section, ValidationError, describe

STRATEGIES = ("priority", "headroom", "soonest_reset")

_DAY = 86400.0
_ACCOUNTS = "a list of {name, home}, in the order of preference"


@dataclass(frozen=True)
class Account:
    """A Claude account: its name here, and its home (absolute path, no trailing slash)."""

    name: str
    home: str


@dataclass(frozen=True)
class SessionConfig:
    """A tmux session that the daemon keeps alive."""

    name: str
    cwd: str
    command: tuple[str, ...] = ("claude",)
    claude_args: bool = True
    dedicated: bool = False
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FailoverConfig:
    """When and where to switch. ``cooldown`` and ``unknown_reset_wait`` in seconds, the threshold in per cent."""

    cooldown: float = 60
    strategy: str = "priority"
    failback: bool = False
    proactive_threshold: float | None = None
    resume_prompt: str = "continue"
    unknown_reset_wait: float = 18000


@dataclass(frozen=True)
class DetectionConfig:
    """Where limits are looked for. ``sweep_interval`` in seconds; ``extra_patterns`` are compiled."""

    hooks: bool = True
    transcripts: bool = True
    panes: bool = True
    sweep_interval: float = 1.0
    capture_lines: int = 500
    extra_patterns: tuple[Pattern[str], ...] = ()


@dataclass(frozen=True)
class LifecycleConfig:
    """How often sessions are looked at, and the shortest and longest wait before one is made again (seconds)."""

    check_interval: float = 10
    restart_backoff: tuple[float, float] = (1, 60)


@dataclass(frozen=True)
class TmuxConfig:
    """The tmux server's socket, and the program: a name found in PATH or an absolute path."""

    socket: str = defaults.TMUX_SOCKET
    binary: str = defaults.TMUX


@dataclass(frozen=True)
class Config:
    """A configuration that passed every check. ``path`` is the file that it came from."""

    path: str
    accounts: tuple[Account, ...]
    active_link: str = defaults.ACTIVE_LINK
    shared_root: str = DEFAULT_SHARED_ROOT
    shared_links: tuple[SharedSymlink, ...] = required_shared(DEFAULT_SHARED_ROOT)
    sessions: tuple[SessionConfig, ...] = ()
    failover: FailoverConfig = FailoverConfig()
    detection: DetectionConfig = DetectionConfig()
    lifecycle: LifecycleConfig = LifecycleConfig()
    tmux: TmuxConfig = TmuxConfig()
    state_dir: str = defaults.STATE_DIR
    control_socket: str = defaults.CONTROL_SOCKET
    control_group: str | None = None
    metrics_textfile: str | None = None
    notify_command: tuple[str, ...] | None = None

    def account(self, name: str) -> Account | None:
        """Return the account of that name, or None."""
        return next((account for account in self.accounts if account.name == name), None)

    def session(self, name: str) -> SessionConfig | None:
        """Return the session of that name, or None."""
        return next((session for session in self.sessions if session.name == name), None)

    @property
    def homes(self) -> list[str]:
        """The account homes, in the order of preference."""
        return [account.home for account in self.accounts]

    @property
    def projects(self) -> str:
        """The folder of all accounts' transcripts; the active account's own where none is shared."""
        shared = (link.target for link in self.shared_links if link.name == "projects")
        return next(shared, os.path.join(self.active_link, "projects"))


class ConfigError(FailoverError):
    """A configuration cannot be used; ``problems`` says all of why, and the text names file, line and key."""

    exit_code = 2

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(self._line(problem) for problem in problems))

    def _line(self, problem: Problem) -> str:
        where = self.path if problem.line is None else f"{self.path}:{problem.line}"
        key = f"{problem.key}: " if problem.key else ""
        return f"{where}: {key}found {problem.found}; expected {problem.expected}"


def load(path: str) -> Config:
    """Read the configuration file ``path``. Raises ConfigError."""
    return parse(_read(path), path)


def parse(text: str | bytes, path: str) -> Config:
    """Read a configuration from ``text``; ``path`` only names it in messages. Raises ConfigError."""
    document = yaml_loader.read(text)
    problems = document.problems
    config = None
    if document.value is not None or not problems:
        told = {problem.key for problem in problems}
        found: list[Problem] = []
        config = _config(document.value, path, found)
        problems += [problem for problem in found if problem.key not in told]
    if problems or config is None:
        lined = [
            problem if problem.line is not None else problem._replace(line=document.line_of(problem.key))
            for problem in problems
        ]
        raise ConfigError(path, sorted(lined, key=lambda problem: problem.line or 0))
    return config


def _read(path: str) -> bytes:
    """Return the file's bytes, a few more than may be at most. Raises ConfigError."""
    expected = "a regular file that can be read"
    try:
        return read_regular(path, yaml_loader.MAX_BYTES + 1)
    except NotARegularFileError as error:
        if error.kind == "a directory":
            raise ConfigError(path, [Problem("", error.kind, "a YAML file")]) from None
        found = f"{error.kind}, and no regular file"
        raise ConfigError(path, [Problem("", found, f"{expected}, or - for standard input")]) from None
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        advice = ""
        if number == errno.ENOENT:
            advice = "; write one, or name another by --config"
        elif number == errno.EACCES:
            advice = "; run this as root or as the daemon's user"
        found = (os.strerror(number) if number else str(error)).lower()
        raise ConfigError(path, [Problem("", found, expected + advice)]) from None


_TOP = (
    "accounts",
    "active_link",
    "shared_root",
    "shared_links",
    "sessions",
    "failover",
    "detection",
    "lifecycle",
    "tmux",
    "state_dir",
    "control_socket",
    "control_group",
    "metrics",
    "notify",
)


_NO_ACCOUNTS: tuple[Account, ...] = ()
_NO_SESSIONS: tuple[SessionConfig, ...] = ()


def _config(value: Any, path: str, problems: list[Problem]) -> Config | None:
    """Build a configuration from what was read; None if there are problems, which go into ``problems``."""
    top = Section(value, Location("", problems), _TOP)
    if top.broken:
        return None
    # For what is wrong in itself empty text stands in, and the rules between values pass over it.
    accounts = top.require("accounts", validators.list_of(_account, _ACCOUNTS, least=1), _NO_ACCOUNTS, _ACCOUNTS)
    sessions = top.get("sessions", validators.list_of(_session, "a list of sessions"), _NO_SESSIONS)
    # Links are compared by their text, so the root stays as it is written, as it does where the links are made.
    shared_root = top.get("shared_root", validators.exact_path, DEFAULT_SHARED_ROOT)
    links = _shared_links(top, shared_root)
    tmux = _tmux(_section(top, "tmux", ("socket", "binary")))
    metrics = _section(top, "metrics", ("textfile",))
    notify = _section(top, "notify", ("command",))
    config = Config(
        path=path,
        accounts=accounts,
        active_link=top.get("active_link", validators.path, defaults.ACTIVE_LINK),
        shared_root=shared_root,
        shared_links=links,
        sessions=sessions,
        failover=_failover(top),
        detection=_detection(top),
        lifecycle=_lifecycle(top),
        tmux=tmux,
        state_dir=top.get("state_dir", validators.path, defaults.STATE_DIR),
        control_socket=top.get("control_socket", validators.socket_path, defaults.CONTROL_SOCKET),
        control_group=top.get("control_group", validators.optional(rules.group_name), None),
        metrics_textfile=metrics.get("textfile", validators.optional(validators.path), None),
        notify_command=notify.get("command", validators.optional(_notify_command), None),
    )
    rules.check_accounts([(item.name, item.home) for item in accounts], problems)
    rules.check_links([(item.target, item.name) for item in links], problems)
    rules.check_session_names(_raw_names(top.raw("sessions")), problems)
    rules.check_places(
        {f"accounts[{index}].home": item.home for index, item in enumerate(accounts) if item.home},
        config.active_link,
        {f"shared_links[{index}]": item.target for index, item in enumerate(links) if item.target},
        problems,
    )
    rules.check_apart_from_link(
        {
            "state_dir": config.state_dir,
            "control_socket": config.control_socket,
            "tmux.socket": config.tmux.socket,
            "metrics.textfile": config.metrics_textfile or "",
        },
        config.active_link,
        problems,
    )
    rules.check_sockets(config.control_socket, config.tmux.socket, problems)
    return None if problems else config


def _section(top: Section, name: str, known: tuple[str, ...]) -> Section:
    return Section(top.raw(name) if name in top else {}, top.place.below(name), known)


def _account(value: Any, place: Location) -> Account:
    section = Section(value, place, ("name", "home"))
    name = section.require("name", rules.account_name, "", "a name, such as compte1")
    home = section.require("home", validators.path, "", "the account's home, such as /home/ubuntu/.claude-compte1")
    return Account(name, home)


def _raw_names(sessions: Any) -> list[str]:
    """Return the names as they were read, for two may be one though one of them is refused."""
    items = sessions if isinstance(sessions, list) else []
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return [name if isinstance(name, str) else "" for name in names]


def _session(value: Any, place: Location) -> SessionConfig:
    section = Section(value, place, ("name", "cwd", "command", "claude_args", "dedicated", "env"))
    claude_args = section.get("claude_args", validators.boolean, True)
    return SessionConfig(
        name=section.require("name", rules.session_name, "", "the name of a tmux session"),
        cwd=section.require("cwd", validators.path, "", "the folder that the session works in, as an absolute path"),
        command=section.get("command", rules.command(claude_args), ("claude",)),
        claude_args=claude_args,
        dedicated=section.get("dedicated", validators.boolean, False),
        env=section.get("env", rules.environment(claude_args), {}),
    )


def _shared_links(top: Section, shared_root: str) -> tuple[SharedSymlink, ...]:
    def link(value: Any, place: Location) -> SharedSymlink:
        if isinstance(value, str):
            name = rules.link_name(value, place)
            return shared_symlink(shared_root, name)
        if not isinstance(value, dict):
            raise ValidationError(describe(value), "the name of a link, or {name, target}")
        section = Section(value, place, ("name", "target"))
        name = section.require("name", rules.link_name, "", "the name of an entry of the account homes")
        # A link is compared by its text, so the target stays as it is written.
        target = section.require("target", validators.exact_path, "", "the shared folder, as an absolute path")
        return SharedSymlink(target, name)

    checked = validators.list_of(link, "a list of names, or of {name, target}", least=1)
    return top.get("shared_links", checked, required_shared(shared_root))


def _failover(top: Section) -> FailoverConfig:
    section = _section(
        top,
        "failover",
        ("cooldown", "strategy", "failback", "proactive_threshold", "resume_prompt", "unknown_reset_wait"),
    )
    default = FailoverConfig()
    return FailoverConfig(
        cooldown=section.get("cooldown", validators.number(0, 7 * _DAY, "seconds"), default.cooldown),
        strategy=section.get("strategy", validators.choice(*STRATEGIES), default.strategy),
        failback=section.get("failback", validators.boolean, default.failback),
        proactive_threshold=section.get(
            "proactive_threshold", validators.optional(validators.number(1, 100, "per cent")), None
        ),
        resume_prompt=section.get("resume_prompt", validators.text, default.resume_prompt),
        unknown_reset_wait=section.get(
            "unknown_reset_wait", validators.number(1, 31 * _DAY, "seconds"), default.unknown_reset_wait
        ),
    )


def _detection(top: Section) -> DetectionConfig:
    section = _section(
        top, "detection", ("hooks", "transcripts", "panes", "sweep_interval", "capture_lines", "extra_patterns")
    )
    default = DetectionConfig()
    return DetectionConfig(
        hooks=section.get("hooks", validators.boolean, default.hooks),
        transcripts=section.get("transcripts", validators.boolean, default.transcripts),
        panes=section.get("panes", validators.boolean, default.panes),
        sweep_interval=section.get("sweep_interval", validators.number(0.05, 3600, "seconds"), default.sweep_interval),
        capture_lines=section.get("capture_lines", validators.integer(10, 100_000), default.capture_lines),
        extra_patterns=section.get(
            "extra_patterns", validators.list_of(_pattern, "a list of regular expressions"), default.extra_patterns
        ),
    )


def _pattern(value: Any, _place: Location) -> Pattern[str]:
    if not isinstance(value, str):
        raise ValidationError(describe(value), "a regular expression as text, between quotes")
    if len(value) > 1000:
        raise ValidationError(f"a text of {len(value)} characters", "a regular expression of at most 1000")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValidationError(f"{describe(value)} ({error})", "a regular expression that Python can compile") from None
    if compiled.search(""):
        raise ValidationError(f"{describe(value)}, which matches an empty line", "one that only a limit matches")
    return compiled


def _lifecycle(top: Section) -> LifecycleConfig:
    section = _section(top, "lifecycle", ("check_interval", "restart_backoff"))
    default = LifecycleConfig()
    return LifecycleConfig(
        check_interval=section.get("check_interval", validators.number(0.05, 3600, "seconds"), default.check_interval),
        restart_backoff=section.get("restart_backoff", _backoff, default.restart_backoff),
    )


def _backoff(value: Any, place: Location) -> tuple[float, float]:
    expected = "two numbers of seconds, the shortest and the longest wait, as in [1, 60]"
    waits = validators.list_of(validators.number(0.01, _DAY, "seconds"), expected)(value, place)
    if len(waits) != 2:
        raise ValidationError(describe(value), expected)
    if waits[1] < waits[0]:
        raise ValidationError(f"a longest wait of {waits[1]:g}, shorter than the shortest of {waits[0]:g}", expected)
    return waits[0], waits[1]


def _tmux(section: Section) -> TmuxConfig:
    default = TmuxConfig()
    return TmuxConfig(
        socket=section.get("socket", validators.socket_path, default.socket),
        binary=section.get("binary", rules.program, default.binary),
    )


def _notify_command(value: Any, place: Location) -> tuple[str, ...]:
    what = "a list, the program and its arguments, as in [logger, -t, failover]"
    words = validators.list_of(validators.hidden_text, what, least=1, secret=True)(value, place)
    rules.program(words[0], place.item(0))
    return words

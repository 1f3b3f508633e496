# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what becomes of a live host when a variable of the role is changed.

The role's README has it for readers, test_live_changes.py proves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CONFIG, SETTINGS = "/etc/claude-failover/config.yml", "/etc/claude-failover/claude-settings.json"
TMUX_CONF = "/etc/claude-failover/tmux.conf"
DAEMON_UNIT, TMUX_UNIT = (f"/etc/systemd/system/claude-failover{part}.service" for part in ("", "-tmux"))
HOME = "/home/claude"
FIRST, SECOND, THIRD = ({"name": f"compte{n}", "home": f"{HOME}/.claude-compte{n}"} for n in (1, 2, 3))
MAIN = {"name": "main", "cwd": "/srv/work", "env": {"TOKEN": "planted"}}

#: The host before the change: compte1 is active, and both units run.
BEFORE: dict[str, Any] = {
    "claude_failover_user": "claude",
    "claude_failover_accounts": [FIRST, SECOND],
    "claude_failover_sessions": [MAIN],
    "claude_failover_control_group": "operators",
    "claude_failover_metrics_textfile_dir": "/srv/metrics",
}
FACTS = [
    "owner=claude",
    "group=claude",
    "tmux",
    "free",
    f"active={FIRST['home']}",
    *(
        f"link={account['home']}/{name}={HOME}/.claude-{name}-shared"
        for account in (FIRST, SECOND)
        for name in ("session-env", "file-history", "projects")
    ),
]
LIVE = "live"


@dataclass(frozen=True)
class Row:
    """A change of one variable; ``answer`` and ``sessions`` are the README's words."""

    variable: str
    change: str
    answer: str
    values: dict[str, Any] = field(default_factory=dict)
    """Variables after the change."""
    files: tuple[str, ...] = ()
    """Files that differ afterwards: `--check --diff` shows them, and drift names them."""
    told: tuple[str, ...] = ()
    """Parts of the sentences that the play shows."""
    refused: str = ""
    """Part of the sentence with which the play fails, in check mode too."""
    task: str = ""
    """Task that brings the change about, where no file does."""
    sessions: str = LIVE
    new_link: str = ""
    """Home to which the role makes the active link."""
    package: str = ""
    """Package that the host lacks for it."""

    @property
    def name(self) -> str:
        """The name of the row."""
        return f"{self.variable.partition('claude_failover_')[2]}, {self.change}"

    @property
    def restarts(self) -> bool:
        """True if the daemon is restarted."""
        return bool({CONFIG, SETTINGS, DAEMON_UNIT} & set(self.files)) and not self.refused

    @property
    def waits(self) -> bool:
        """True if it takes effect at a restart of the tmux server only."""
        return bool({TMUX_UNIT, TMUX_CONF} & set(self.files)) and not self.refused

    @property
    def drift(self) -> str:
        """The kinds of drift before the play."""
        kinds = ["host"] if self.package else []
        if self.refused or {CONFIG, SETTINGS, TMUX_CONF} & set(self.files):
            kinds.append("configuration")
        if {DAEMON_UNIT, TMUX_UNIT} & set(self.files):
            kinds.append("units")
        return ", ".join(kinds)


def _row(variable: str, change: str, answer: str, value: Any, *files: str, **more: Any) -> Row:
    name = f"claude_failover_{variable}"
    return Row(name, change, answer, {name: value, **more.pop("values", {})}, files, **more)


_BOTH_UNITS = (DAEMON_UNIT, TMUX_UNIT)
ROWS = [
    _row(
        "state",
        "`absent`",
        "told: every session ends with the tmux server; homes, shared folders and state stay",
        "absent",
        task="absent.yml: Stop the units",
        sessions="end",
    ),
    _row(
        "user",
        "another one",
        "refused: run as the former user, or uninstall and give the files away",
        "other",
        *_BOTH_UNITS,
        refused="Set claude_failover_user to claude again",
        values={"claude_failover_home": HOME, "claude_failover_group": "claude"},
    ),
    _row(
        "group",
        "one that the tmux server is not in",
        "refused: end the tmux server first",
        "staff",
        *_BOTH_UNITS,
        refused="sudo systemctl stop claude-failover-tmux",
    ),
    _row(
        "create_user",
        "either way",
        "nothing: it is for a user that is missing",
        False,
        task="preflight.yml: Validate the user and the group",
    ),
    _row(
        "home",
        "another one, with all that is below it",
        "refused while an account that moves is active",
        "/srv/claude",
        CONFIG,
        *_BOTH_UNITS,
        refused="compte1 has another home",
        values={"claude_failover_accounts": [{**FIRST, "home": "/srv/claude/.claude-compte1"}]},
    ),
    _row(
        "accounts",
        "one added",
        "told: log it in; the daemon restarts, and sees it",
        [FIRST, SECOND, THIRD],
        CONFIG,
        *_BOTH_UNITS,
        told=("The account compte3 is new", "claude-failover login compte3"),
    ),
    _row(
        "accounts",
        "one removed, active",
        "refused: switch before it",
        [SECOND],
        CONFIG,
        *_BOTH_UNITS,
        refused="compte1 is no longer in claude_failover_accounts (home /home/claude/.claude-compte1), but it is "
        "active: the sessions use it. Switch before it: claude-failover switch compte2.",
    ),
    _row(
        "accounts",
        "one removed, not active",
        "told: the home that stays; the daemon restarts",
        [FIRST],
        CONFIG,
        *_BOTH_UNITS,
        told=(f"compte2 is no longer configured; its home {SECOND['home']} stays",),
    ),
    _row(
        "accounts",
        "all replaced",
        "refused: add the others beside them first",
        [THIRD],
        CONFIG,
        *_BOTH_UNITS,
        refused="Keep compte1 as it is beside the others",
    ),
    _row(
        "accounts",
        "an account's home moved, active",
        "refused: switch before it",
        [{**FIRST, "home": "/srv/one"}, SECOND],
        CONFIG,
        *_BOTH_UNITS,
        refused="claude-failover switch compte2",
    ),
    _row(
        "accounts",
        "an account's home moved, not active",
        "told: the former home stays, and how its login is kept; the daemon restarts",
        [FIRST, {**SECOND, "home": "/srv/two"}],
        CONFIG,
        *_BOTH_UNITS,
        told=(f"/usr/sbin/runuser --pty -u claude -- /bin/mv -nT {SECOND['home']} /srv/two",),
    ),
    _row(
        "accounts",
        "renamed",
        "told; the daemon restarts",
        [{**FIRST, "name": "work"}, SECOND],
        CONFIG,
        told=("is called work, was compte1",),
    ),
    _row(
        "active_link",
        "another path",
        "told: made for the account that is active; which sessions keep the old one; the daemon restarts",
        f"{HOME}/.active",
        CONFIG,
        told=(f"{HOME}/.active, was {HOME}/.claude", "claude-failover restart NAME"),
        new_link=FIRST["home"],
        task="accounts.yml: Make the new active link for the account that is active",
    ),
    _row(
        "shared_root",
        "another folder",
        "refused: leave the folders there, or move them with the sessions ended",
        "/srv",
        CONFIG,
        *_BOTH_UNITS,
        refused=f"mv -T {HOME}/.claude-projects-shared /srv/.claude-projects-shared",
    ),
    _row(
        "shared_links",
        "one added",
        "the link is made in every home; the daemon restarts",
        ["session-env", "file-history", "projects", "cache", {"name": "stats", "kind": "file"}],
        CONFIG,
        *_BOTH_UNITS,
    ),
    _row(
        "shared_links",
        "one removed",
        "told: links and folder stay; the daemon restarts",
        ["session-env", "projects"],
        CONFIG,
        *_BOTH_UNITS,
        told=("file-history is no longer in claude_failover_shared_links",),
    ),
    _row(
        "shared_links",
        "another target",
        "refused: leave the folder there, or move it with the sessions ended",
        ["session-env", "file-history", {"name": "projects", "target": "/srv/p"}],
        CONFIG,
        *_BOTH_UNITS,
        refused=f"{{name: projects, target: {HOME}/.claude-projects-shared}}",
    ),
    _row(
        "shared_settings",
        "`false`",
        "told: links, folders and files stay; the daemon restarts",
        "false",
        CONFIG,
        *_BOTH_UNITS,
        told=("settings.json, CLAUDE.md, agents", f"{HOME}/.claude-claude.json-shared stay"),
    ),
    _row(
        "shared_settings",
        "`true`, or `auto` where they are shared",
        "an entry of a home's own stops the play, and is named with the way",
        True,
        task="accounts.yml: Fail if a home has its own of what the accounts are to share",
    ),
    _row(
        "sessions",
        "one added",
        "told; the daemon restarts, and starts it",
        [MAIN, {"name": "b", "cwd": "/srv"}],
        CONFIG,
        told=("The session b is new",),
    ),
    _row(
        "sessions",
        "one removed",
        "told: it goes on, and how to end it; the daemon restarts",
        [],
        CONFIG,
        told=("to end it: claude-failover stop main",),
    ),
    _row(
        "sessions",
        "`cwd`, `command`, `env`, … of one",
        "told: it goes on as it was started, and how to apply it; the daemon restarts",
        [{**MAIN, "cwd": "/srv", "env": {"TOKEN": "other"}}],
        CONFIG,
        told=("without the change of cwd, env; to apply it: claude-failover restart main",),
    ),
    _row(
        "sessions",
        "one renamed, with `renamed_from`",
        "told: it keeps its conversation; the daemon restarts",
        [{**MAIN, "name": "b", "renamed_from": "main"}],
        CONFIG,
        told=("The session main is called b, and keeps its conversation",),
    ),
    _row(
        "removed_sessions",
        "`stop`",
        "the daemon restarts; a session that is removed ends once it is idle",
        "stop",
        CONFIG,
    ),
    _row(
        "restart_sessions",
        "`idle`",
        "the daemon restarts; a session that is changed is restarted once it is idle",
        "idle",
        CONFIG,
    ),
    _row("failover", "any key", "the daemon restarts", {"cooldown": 30}, CONFIG),
    _row(
        "detection",
        "`hooks`",
        "told: each session goes on as it was started; the daemon restarts",
        {"hooks": False},
        CONFIG,
        told=("without the change of detection.hooks",),
    ),
    _row("detection", "any other key", "the daemon restarts", {"sweep_interval": 2}, CONFIG),
    _row("lifecycle", "any key", "the daemon restarts", {"check_interval": 5}, CONFIG),
    _row(
        "tmux_socket",
        "another path",
        "refused: end the tmux server first",
        "/run/x/tmux.sock",
        CONFIG,
        TMUX_UNIT,
        refused="sudo systemctl stop claude-failover-tmux",
    ),
    _row(
        "tmux_extra_config",
        "any line",
        "told: it waits for a restart of the tmux server, which is yours to make",
        "set-option -g mouse on",
        TMUX_CONF,
    ),
    _row(
        "control_group",
        "another one",
        "told: the former group stays, without the right; the daemon restarts",
        "staff",
        CONFIG,
        DAEMON_UNIT,
        told=("The members of operators may not use the control socket any more",),
    ),
    _row(
        "metrics_textfile_dir",
        "another folder",
        "told: the old file stays; the daemon restarts",
        "/srv/other",
        CONFIG,
        DAEMON_UNIT,
        told=("/srv/metrics/claude_failover.prom is not written any more",),
    ),
    _row(
        "notify_command",
        "any word",
        "the daemon restarts; its unit may use the network",
        ["logger"],
        CONFIG,
        DAEMON_UNIT,
    ),
    _row(
        "notify_urls",
        "any URL",
        "the daemon restarts; its unit may use the network, and `apprise` is installed",
        ["json://127.0.0.1/planted"],
        CONFIG,
        DAEMON_UNIT,
        package="apprise",
    ),
    _row("notify_waiting_after", "another time", "the daemon restarts", 30, CONFIG),
    _row("log_level", "another one", "the daemon restarts", "debug", CONFIG),
    _row(
        "telemetry",
        "any key",
        "told: each session goes on as it was started; the daemon restarts",
        {"endpoint": "https://collector.example:4318"},
        CONFIG,
        told=("without the change of telemetry; to apply it: claude-failover restart main",),
    ),
    _row(
        "service_enabled",
        "`false`",
        "both units are disabled, and go on",
        False,
        task="service_state.yml: Start or stop the daemon",
    ),
    _row(
        "service_state",
        "`stopped`",
        "the daemon stops; the tmux server goes on",
        "stopped",
        task="service_state.yml: Start or stop the daemon",
    ),
    _row("claude_install", "`none`", "nothing is removed", "none", task="prepare.yml: Install the Claude Code CLI"),
    _row(
        "claude_version",
        "another one",
        "told: a running session keeps its version until it is restarted",
        "2.1.331",
        task="claude.yml: Tell which sessions keep their version of Claude Code",
    ),
    _row(
        "seed_trust",
        "either way",
        "keys are added where no session uses the home; none is taken away",
        True,
        task="present.yml: Trust the sessions' directories",
    ),
    _row(
        "keep_releases",
        "fewer",
        "older releases are removed, none that a process runs",
        2,
        task="deploy.yml: Install the release, its configuration and its units",
    ),
]

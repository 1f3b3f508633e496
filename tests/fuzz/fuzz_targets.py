# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: each takes bytes from elsewhere the way that the daemon takes them, and checks what must hold for any.

No exception but the declared one; nothing that was taken in that could not be stored, shown and sent again; what was
refused has been told.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from glob import glob
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ansible_collections.secuaas.claude.plugins.module_utils import control_client
from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import displayable
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import status_facts
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_report import fleet_report
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_table import fleet_lines

from claude_failover import hook
from claude_failover.accounts.exhaustion import Exhaustion
from claude_failover.accounts.identities import Identities
from claude_failover.accounts.login_watch import LoginWarning, LoginWatch
from claude_failover.accounts.logins import Logins
from claude_failover.accounts.renames import AccountRenames
from claude_failover.accounts.usage import Usage, read_windows
from claude_failover.claude import remote_control, settings, transcript
from claude_failover.claude.background_jobs import BackgroundJob, background_jobs
from claude_failover.claude.credentials import read_login
from claude_failover.claude.identity import Identity, named_identity, read_identity
from claude_failover.claude.lineage import newest_descendant
from claude_failover.claude.login_settings import LoginSettings, given_settings, home_settings
from claude_failover.claude.prompt_box import find_dialog, find_prompt_box, holds
from claude_failover.claude.running_turn import find_running_turn
from claude_failover.claude.screen import parse_screen
from claude_failover.claude.screen_reader import find_prompt, in_marks
from claude_failover.claude.session_files import SessionFiles
from claude_failover.claude.start_screen import find_start_question
from claude_failover.claude.state_file_edit import edit_state_file
from claude_failover.claude.state_file_lock import StateFileLocks
from claude_failover.claude.turns import (
    is_conversation_record,
    is_reply,
    last_turn_id,
    record_time,
    refused_request_time,
)
from claude_failover.cli import history_page, host_look, render
from claude_failover.cli.answers import check_answer
from claude_failover.cli.commands import switch
from claude_failover.cli.watch.content import LastAnswers
from claude_failover.cli.watch.keys import ViewState
from claude_failover.cli.watch.view import draw
from claude_failover.common import ansi, clock, json_text, processes
from claude_failover.common.errors import FailoverError, UsageError
from claude_failover.common.steady_clock import SteadyClock
from claude_failover.common.text import SPECIAL, decoded, one_line
from claude_failover.config import loader
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.loader import ConfigError
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.control.operations import operations
from claude_failover.control.requests import BadRequest, answer_to
from claude_failover.detection.monitor import LimitMonitor
from claude_failover.doctor.home_scripts import check_home_scripts
from claude_failover.doctor.homes import check_home_differences
from claude_failover.doctor.mcp_logins import check_mcp_logins
from claude_failover.doctor.running_daemon import status_findings
from claude_failover.failover.resumer import SessionResumer
from claude_failover.failover.state import FailoverState
from claude_failover.limits import classify_hook, classify_pane, classify_record, classify_transcript
from claude_failover.limits.evidence import evidence_from_json, evidence_to_json
from claude_failover.reporting import metrics
from claude_failover.reporting.cause_book import CauseBook
from claude_failover.reporting.events import new_event
from claude_failover.reporting.log_format import LogFormatter
from claude_failover.reporting.tallies import Tallies
from claude_failover.sessions import table
from claude_failover.sessions.launch import launch_in, launch_of
from claude_failover.sessions.lifecycle_state import STOPPED, LifecycleEntry, LifecycleState
from claude_failover.sessions.prompt_budget import PromptBudget
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.clock_document import ClockDocument
from claude_failover.storage.store import Store
from claude_failover.switching.flip_log import FlipLog
from claude_failover.switching.journal import Journal
from claude_failover.switching.record import log_line, new_record
from claude_failover.tasks.queue import TaskDocuments, TaskQueue
from claude_failover.tasks.task import normalize_prompt
from claude_failover.tmux.client import Pane
from claude_failover.tmux.protocol import ProtocolParser

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "claude-code")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
ONE = "11111111-1111-4111-8111-111111111111"
# In memory where there is such a folder: every document is synced.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
FOLDER = tempfile.mkdtemp(prefix="cf-fuzz-", dir=os.environ.get("FUZZ_WORK_FOLDER", MEMORY))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


@dataclass(frozen=True)
class Target:
    """What takes in the bytes, and the real inputs that mutations begin with."""

    name: str
    body: Callable[[bytes], None]
    seeds: list[bytes]

    def check(self, data: bytes) -> None:
        """Take in the bytes, and check every line that is logged meanwhile. Raises whatever breaks a property."""
        log = logging.getLogger("claude_failover")
        before = log.level, log.propagate
        steady = clock.install(SteadyClock())  # stored moments move it
        log.addHandler(_LOG_CHECK)
        log.setLevel(logging.INFO)
        log.propagate = False
        try:
            self.body(data)
        finally:
            clock.install(steady)
            log.removeHandler(_LOG_CHECK)
            log.setLevel(before[0])
            log.propagate = before[1]


class _LogCheck(logging.Handler):
    """Formats every record as the daemon does, and checks the line."""

    _formatter = LogFormatter("%(levelname)s %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        if "a bug" in str(record.msg):
            raise AssertionError(record.getMessage()) from (record.exc_info[1] if record.exc_info else None)
        line = self._formatter.format(record)
        assert line.encode().decode() == line
        assert not SPECIAL.search(line)


_LOG_CHECK = _LogCheck()


def can_go_out(value: Any) -> None:
    """Check that a value can be stored, sent and printed, and comes back the same."""
    text = json_text.render(value)
    assert json_text.parse(text.encode()) == value
    shown = json_text.render(value, terminal=True)
    assert not SPECIAL.search(shown)
    assert json.loads(shown) == value


def can_be_printed(page: str) -> None:
    """Check that a page holds nothing that a terminal interprets."""
    assert page.encode().decode() == page
    assert not SPECIAL.search(page.replace("\n", ""))


def fixtures(*patterns: str) -> list[bytes]:
    """Return the contents of fixtures of Claude Code."""
    found = []
    for pattern in patterns:
        for path in sorted(glob(os.path.join(FIXTURES, pattern))):
            with open(path, "rb") as stream:
                found.append(stream.read())
    assert found, patterns
    return found


def lines_of(*patterns: str) -> list[bytes]:
    """Return the lines of fixtures."""
    return [line for content in fixtures(*patterns) for line in content.splitlines() if line.strip()]


def empty_folder(name: str) -> str:
    """Return an empty folder of that name."""
    path = os.path.join(FOLDER, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


# -- configuration and settings ------------------------------------------------------------------------------------

_CONFIGURATION = b"""
accounts:
  - {name: a, home: /home/u/.claude-a}
  - {name: b, home: /home/u/.claude-b}
active_link: /home/u/.claude
sessions:
  - {name: main, cwd: /srv/work, command: [claude], dedicated: true, env: {A: secret}}
failover: {cooldown: 60, strategy: headroom}
detection: {extra_patterns: ["out of (coffee|tea)"]}
notify: {command: [/usr/bin/logger, -t, secret]}
metrics: {textfile: /var/lib/node/claude.prom}
telemetry: {endpoint: "https://collector:4318", protocol: grpc, headers_file: /etc/headers.json}
"""


def configuration(raw: bytes) -> None:
    try:
        config = loader.parse(raw, "/etc/x.yml")
    except ConfigError as error:
        text = str(error)
        assert text.encode().decode() == text
        assert not SPECIAL.search(text.replace("\n", ""))
        return
    repr(config).encode()


def operators_settings(raw: bytes) -> None:
    text = decoded(raw)
    if not text.lstrip().startswith("{"):
        return
    try:
        given = settings.read_settings(text)
    except UsageError as error:
        str(error).encode()
        return
    whole = settings.merged(settings.own_settings("claude-failover", "/run/x.sock"), given)
    settings.status_line_command(whole)
    can_go_out(whole)


# -- control socket and hooks --------------------------------------------------------------------------------------


def _stub_parts() -> Any:
    async def echo(**options: Any) -> Any:
        return options

    async def dispatch(prompt: str, session: str | None = None, cwd: str | None = None) -> Any:
        return {"prompt": normalize_prompt(prompt), "session": session, "cwd": cwd}

    return SimpleNamespace(
        status=SimpleNamespace(document=dict, session_rows=list),
        monitor=SimpleNamespace(handle_hook=lambda payload, environment: can_go_out([payload, environment])),
        failover=SimpleNamespace(switch=echo, history=lambda **options: [options]),
        dispatcher=SimpleNamespace(dispatch=dispatch, queue=list, cancel=str),
    )


_OPERATIONS = operations(_stub_parts(), lambda: SimpleNamespace(path="/etc/x.yml"))
_LOOP = asyncio.new_event_loop()


def control(raw: bytes) -> None:
    try:
        answer = _LOOP.run_until_complete(answer_to(raw.replace(b"\n", b" "), _OPERATIONS))
    except BadRequest as error:
        str(error).encode()
        return
    assert answer.count(b"\n") == 1
    assert b"internal error" not in answer
    can_go_out(json_text.parse(answer))


def control_answer(raw: bytes) -> None:
    try:
        result = control_client._parse_answer("/run/x.sock", raw)
    except control_client.ControlError as error:
        str(error)
        return
    for op, options, page_of in _ANSWERED:
        try:
            check_answer(op, options, result)
        except FailoverError as error:
            can_be_printed(str(error))
        else:
            can_be_printed(page_of(result))
    for addresses in (True, False):
        try:
            status = status_facts(displayable(result), addresses)
        except control_client.ControlError as error:
            str(error)
            return
        text = json.dumps(status, allow_nan=False)
        assert not SPECIAL.search(json.dumps(json.loads(text), ensure_ascii=False))
        report = fleet_report({"host": {"running": True, "status": status}}, NOW, addresses)
        json.dumps(report, allow_nan=False)
        can_be_printed("\n".join(fleet_lines(report)))


#: The operations, and what shows their results.
_ANSWERED: tuple[tuple[str, dict[str, Any], Callable[[Any], str]], ...] = (
    ("status", {}, lambda result: render.status(result, NOW)),
    ("sessions", {}, lambda result: render.sessions(result, NOW)),
    ("history", {}, lambda result: history_page.page(result, NOW)),
    ("switch", {}, lambda result: switch.explain(result, NOW)),
    ("dispatch", {}, render.task),
    ("queue", {}, lambda result: render.tasks(result, NOW)),
    ("queue", {"cancel": "x"}, render.task),
    ("stop", {}, lambda result: one_line(f"{result['session']}: {result['detail']}")),
    ("reload", {}, lambda result: one_line(result["reloaded"])),
)


class _Session:
    """A monitor with one session whose process is this one."""

    def __init__(self) -> None:
        folder = empty_folder("session")
        config = Config(
            path=os.path.join(folder, "config.yml"),
            accounts=(Account("a", os.path.join(folder, "a")),),
            active_link=os.path.join(folder, "link"),
            shared_links=(),
            state_dir=os.path.join(folder, "state"),
        )
        self.projects = config.projects
        assert self.projects.startswith(folder)
        os.makedirs(os.path.join(self.projects, "-srv"))
        self.transcript = os.path.join(self.projects, "-srv", ONE + ".jsonl")
        holder = ConfigHolder(config)
        self.store = Store(config.state_dir)
        self.registry = SessionRegistry(self.store)
        self.sessions = SessionTable(holder, self.registry)
        me = processes.read(os.getpid())
        assert me is not None
        # What else runs on the machine is of no concern.
        trees = SimpleNamespace(tree=lambda _pid: (me,), get=lambda _pid: None)
        pane = Pane("main", "$0", "@0", "%0", me.pid, False, None, None, "claude", "/", 0, 80, 24, False, True)
        with mock.patch.object(table, "ProcessTrees", return_value=trees):
            self.sessions.observe([pane])
        main = self.sessions.get("main")
        assert main is not None
        main.claude = me
        self.registry.propose("main", RegistryEntry(ONE, "hook", pid=me.pid, started=me.start))
        self.environment = {
            "TMUX": config.tmux.socket + ",1,0",
            "TMUX_PANE": "%0",
            "CLAUDE_PID": str(me.pid),
            "CLAUDE_CONFIG_DIR": config.active_link,
        }
        self.told: list[Any] = []
        self.monitor = LimitMonitor(
            holder,
            self.sessions,
            self.registry,
            None,  # type: ignore[arg-type]
            on_evidence=lambda evidence: self.told.append(evidence_to_json(evidence)),
            on_turn=lambda turn: self.told.append({**vars(turn), "at": clock.iso(turn.at)}),
            on_usage=lambda tracked, figures: self.told.append([tracked.name, figures]),
            on_login_dead=lambda tracked, message: self.told.append([tracked.name, message]),
        )


def hook_payload(raw: bytes) -> None:
    session = _Session()
    environment = {**session.environment, "CLAUDE_CODE_SESSION_ID": raw[:50].decode("utf-8", "surrogateescape")}
    with contextlib.suppress(ValueError, RecursionError):
        assert ascii(hook.parsed(raw)) == ascii(json.loads(raw))
    line = hook.request(raw, environment)
    assert line.count(b"\n") == 1
    try:
        request = json_text.parse(line)
    except json_text.JsonError:
        return
    payload = request.get("payload")
    if isinstance(payload, dict) and isinstance(request.get("env"), dict):
        session.monitor.handle_hook(payload, request["env"])
        can_go_out(session.told)
        classify_hook(payload, now=NOW, tz=timezone.utc).to_json()
        again = SessionRegistry(Store(session.store.folder))
        assert again.get("main") == session.registry.get("main")


def launch(raw: bytes) -> None:
    """The variable that tells what a session was started with, which a person can set to anything."""
    found = launch_in(raw.decode("utf-8", "surrogateescape"))
    if found is not None:
        can_go_out([found.cwd, found.changed(*_LAUNCHED)])
        assert launch_in(found.to_text()) == found


def home_identity(raw: bytes) -> None:
    """Who a home's ``.claude.json`` names."""
    home = empty_folder("home")
    with open(os.path.join(home, ".claude.json"), "wb") as stream:
        stream.write(raw)
    found = read_identity(home)
    if found is not None:
        can_go_out(found.to_status())
        assert found.account_uuid
        can_go_out(found.entry)


def state_file(raw: bytes) -> None:
    """A ``.claude.json`` that homes share, into which the active account is written: all else stays as it was."""
    homes, entry = [empty_folder("home"), empty_folder("other")], {"accountUuid": "u"}
    path = os.path.join(homes[0], ".claude.json")
    with open(path, "wb") as stream:
        stream.write(raw)
    os.symlink(path, os.path.join(homes[1], ".claude.json"))

    def change(document: dict[str, Any]) -> bool:
        named_identity(document)
        document["oauthAccount"] = entry
        return True

    try:
        edit_state_file(homes[::-1], change, StateFileLocks())
        changed = True
    except OSError:
        changed = False
    with open(path, "rb") as stream:
        written = stream.read()
    assert [os.listdir(home) for home in homes] == [[".claude.json"]] * 2
    if changed:
        assert list(json.loads(written).items()) == list({**json.loads(raw), "oauthAccount": entry}.items())
    else:
        assert written == raw


_HOME = json.dumps(
    {
        "permissions": {"deny": ["A"], "allow": [], "defaultMode": "plan"},
        "hooks": {"PreToolUse": [{"hooks": [{"command": "sh -c '$CLAUDE_CONFIG_DIR/.claude.json' >x"}]}]},
        "apiKeyHelper": "${CLAUDE_CONFIG_DIR:-x}/settings.json",
        "enabledPlugins": {"p@m": True},
        "enabledMcpjsonServers": ["x"],
        "mcpServers": {"srv": {"url": "u", "headers": {}}},
        "projects": {
            "/srv": {"hasTrustDialogAccepted": True, "allowedTools": ["B"], "mcpServers": {"x": {"url": "u"}}}
        },
        "hasCompletedOnboarding": True,
        "mcpOAuth": {"srv|0": {"accessToken": "t", "refreshToken": "t", "expiresAt": 1}, "x|0": {"accessToken": ""}},
    }
).encode()


def home_differences(raw: bytes) -> None:
    """The settings, the state file and the credentials of a home that is compared with another one."""
    homes = [empty_folder("home"), empty_folder("other-home")]
    for name in ("settings.json", ".claude.json", ".credentials.json"):
        with open(os.path.join(homes[0], name), "wb") as stream:
            stream.write(raw)
    with open(os.path.join(homes[1], "settings.json"), "wb") as stream:
        stream.write(_HOME)
    accounts = tuple(Account(name, home) for name, home in zip("ab", homes))
    config = Config("/etc/x.yml", accounts, sessions=(SessionConfig("main", homes[0]),))
    found = [*check_home_differences(config), *check_home_scripts(config), *check_mcp_logins(config)]
    assert found
    login = read_login(homes[0])
    can_go_out([login.state, clock.optional_iso(login.ends_at)])
    can_go_out(LoginSettings().found_in([home_settings(homes[0])]))
    given_settings(["--settings", raw.decode("utf-8", "surrogateescape")], "/")
    can_go_out(host_look.document(found))
    can_be_printed(host_look.page(found, NOW))


def status_line(raw: bytes) -> None:
    try:
        figures = json_text.parse(raw)
    except json_text.JsonError:
        return
    store = Store(empty_folder("usage"))
    usage = Usage(store)
    for account in ("a", "b"):
        usage.record(account, figures.get("rate_limits") if isinstance(figures, dict) else figures)
        usage.matches(account, read_windows(figures))
    again = Usage(Store(store.folder))
    for account in ("a", "b"):
        found = usage.percent(account, NOW)
        assert again.percent(account, NOW) == found
        usage.next_reset(account, NOW)
        can_go_out(found)
        status = {**_STATUS, "accounts": [{**_STATUS["accounts"][0], "used_percent": found}]}
        text = metrics.render(status, Tallies())
        assert text.encode().decode() == text
        assert len(text) < 20_000
        can_be_printed(render.status(status, NOW, columns=100))
    assert not glob(os.path.join(store.folder, "*.set-aside"))


# -- transcripts, panes, session files, tmux -----------------------------------------------------------------------


_OTHER_JOB = BackgroundJob("87654321", "22222222-2222-4222-8222-222222222222", None, "/")


def transcripts(raw: bytes) -> None:
    session = _Session()
    with open(session.transcript, "wb") as stream:
        stream.write(raw)
    tail = transcript.TranscriptTail(session.projects, "-srv", ONE + ".jsonl", 0)
    records = list(tail.read(most=1000))
    while tail.behind:
        records += tail.read(most=1000)
    assert transcript.last_records(session.projects, "-srv", ONE + ".jsonl") == records
    assert transcript.read_conversation(session.projects, ONE) == records
    for record in records:
        can_go_out(record)
        record_time(record)
        if is_conversation_record(record) or is_reply(record):
            can_go_out(classify_record(record, now=NOW, tz=timezone.utc).to_json())
    newest_descendant(session.projects, ONE, [BackgroundJob("12345678", ONE, None, "/"), _OTHER_JOB])
    newest_descendant(session.projects, _OTHER_JOB.uuid, [BackgroundJob("12345678", ONE, None, "/")])
    drop, on = remote_control.drop_of(records), remote_control.is_on(records)
    assert drop is None or not on
    last_turn_id(records)
    refused_request_time(records)
    can_go_out(classify_transcript(records, now=NOW, tz=timezone.utc).to_json())
    session.monitor._on_records(ONE, records)
    main = session.sessions.get("main")
    assert main is not None
    newest = session.monitor.newest_turns.of(main)
    if newest is not None:
        stored = evidence_to_json(newest)
        can_go_out(stored)
        assert evidence_to_json(evidence_from_json(json_text.parse(json_text.render(stored)))) == stored
    can_go_out(session.told)


def pane(raw: bytes) -> None:
    lines = decoded(raw).split("\n")
    verdict = classify_pane(lines, now=NOW, tz=timezone.utc)
    can_go_out(verdict.to_json())
    shown = ansi.plain_lines(lines)
    assert sum(map(len, shown)) <= 1100 * (len(raw) + 1)
    assert not [line for line in shown if "\x1b[2J" in line]
    parse_screen(lines).footer_text()
    box = find_prompt_box(lines)
    if box is not None:
        holds(box, "continue")
    find_dialog(lines)
    find_running_turn(lines)
    find_start_question(shown)
    find_prompt(shown)
    in_marks(shown)


def session_file(raw: bytes) -> None:
    me = processes.read(os.getpid())
    assert me is not None
    home = empty_folder("home")
    os.mkdir(os.path.join(home, "sessions"))
    raw = raw.replace(b"987654321", str(me.pid).encode()).replace(b"123456789", str(me.start).encode())
    with open(os.path.join(home, "sessions", f"{me.pid}.json"), "wb") as stream:
        stream.write(raw)
    name = raw[:100].replace(b"/", b"").replace(b"\0", b"")
    if name not in (b"", b".", b".."):
        with open(os.path.join(home.encode(), b"sessions", name), "wb") as stream:
            stream.write(raw)
    found = SessionFiles([home]).of(me)
    if found is not None:
        can_go_out({**vars(found), "status_at": clock.optional_iso(found.status_at)})


def background_job(raw: bytes) -> None:
    """The first line is a job's state, the second the session file of its process."""
    me = processes.read(os.getpid())
    assert me is not None
    home = empty_folder("home")
    state, _newline, session = raw.partition(b"\n")
    session = session.replace(b"987654321", str(me.pid).encode()).replace(b"123456789", str(me.start).encode())
    for place, content in (("jobs/12345678/state.json", state), (f"sessions/{me.pid}.json", session)):
        path = os.path.join(home, place)
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as stream:
            stream.write(content)
    for job in background_jobs([home]):
        can_go_out(vars(job))


def tmux(raw: bytes) -> None:
    whole, cut = ProtocolParser(), ProtocolParser()
    events = whole.feed(raw)
    middle = len(raw) // 2
    assert cut.feed(raw[:middle]) + cut.feed(raw[middle:]) == events
    repr(events).encode()


_LAUNCHED = SessionConfig("main", "/srv"), Config("/etc/x.yml", (Account("a", "/home/u/.claude-a"),))

# -- pages ---------------------------------------------------------------------------------------------------------

_STATUS: dict[str, Any] = {
    "version": "0.4.0",
    "pid": 4711,
    "started_at": clock.iso(NOW),
    "active_account": "a",
    "accounts": [
        {
            "name": "a",
            "home": "/home/u/.claude-a",
            "active": True,
            "links": "ok",
            "login": "ok",
            "exhausted": [{"limit": "five_hour", "until": clock.iso(NOW)}],
            "used_percent": {"five_hour": 42.0},
        }
    ],
    "sessions": [
        {"name": "main", "uuid": ONE, "state": "idle", "reason": None, "cwd": "/srv", "pid": 1, "account": "a"}
    ],
    "queue": {"queued": 1},
    "blind": [{"source": "transcripts", "since": clock.iso(NOW), "reason": "found no folder"}],
    "unsaved": [{"document": "registry", "reason": "[Errno 28] No space left on device"}],
    "switching": False,
    "suspended": None,
    "open_events": [
        {
            "event": "session_down",
            "severity": "error",
            "summary": "main is down",
            "since": clock.iso(NOW),
            "session": "main",
        }
    ],
    "background_jobs": [{"id": "12345678", "session": "main", "pid": 2, "cwd": "/srv", "uuid": ONE}],
    "advised_switch": {"from_account": "a", "to_account": "b", "since": clock.iso(NOW)},
    "pace": {"per_hour": 3.5, "runs_out_at": clock.iso(NOW)},
    "failback": {"waits_for": "main"},
    "cooldown_until": clock.iso(NOW),
    "last_switch": {"time": clock.iso(NOW), "reason": "limit", "outcome": "switched", "seconds": 1.5, "limit": "spend"},
}


def page(raw: bytes) -> None:
    try:
        document = json_text.parse(raw)
    except json_text.JsonError:
        return
    if isinstance(document, dict):
        can_be_printed(render.status(document, NOW, columns=100))
        can_be_printed(render.status(document, NOW, columns=None))
        can_be_printed(host_look.page(list(status_findings(document, "0.4.0")), NOW))
        for columns, lines in ((80, 24), (200, 60)):
            frame = draw(LastAnswers(document), ViewState(), NOW, width=columns, height=lines, colour=False)
            can_be_printed(_ATTRIBUTES.sub("", "".join(frame.lines)))


_ATTRIBUTES = re.compile(r"\x1b\[[0-9;]*m")


# -- state documents -----------------------------------------------------------------------------------------------


def _document(
    name: str, build: Callable[[Store], Any], store_again: Callable[[Any], None], view: Callable[[Any], Any]
) -> Callable[[bytes], None]:
    """Return a check: any document is loaded or set aside, can be shown, stored again, and is whole then."""

    def check(raw: bytes) -> None:
        store = Store(empty_folder(name))
        with open(store.path(name), "wb") as stream:
            stream.write(raw)
        loaded = build(store)
        aside = len(glob(os.path.join(store.folder, "*.set-aside")))
        try:
            json_text.parse(raw)
        except json_text.JsonError:
            assert aside
        can_go_out(view(loaded))
        store_again(loaded)
        with open(store.path(name), "rb") as stream:
            can_go_out(json_text.parse(stream.read()))
        again = build(Store(store.folder))
        assert len(glob(os.path.join(store.folder, "*.set-aside"))) == aside, "a part that was stored is not loaded"
        can_go_out(view(again))
        reserve = os.path.join(store.folder, f"{name}.reserve")
        if os.path.exists(reserve):
            with open(reserve, "wb") as stream:
                stream.write(raw)
            can_go_out(view(build(Store(store.folder))))

    return check


def _stored(data: Any, **beside: Any) -> bytes:
    return json.dumps({"version": 1, **beside, "data": data}).encode()


def _accounts(loaded: Any, view: Callable[[str], Any]) -> Any:
    return {account: view(account) for account in ("a", "b", "")}


_EVIDENCE = {
    "session": "main",
    "uuid": ONE,
    "source": "hook",
    "verdict": {
        "limited": True,
        "limit": "five_hour",
        "resets_at": clock.iso(NOW + timedelta(hours=1)),
        "rule": "usage-limit-reached",
        "snippet": "You've hit your limit",
        "detail": "resets 9pm",
    },
    "at": clock.iso(NOW),
    "request_at": clock.iso(NOW),
    "config_dir": "/home/u/.claude",
    "turn": "t1",
}
_RECORD = new_record("limit", NOW, origin="a", target="b", outcome="switched", trigger=evidence_from_json(_EVIDENCE))
_ENTRY = RegistryEntry(ONE.replace("1", "2"), "hook", cwd="/srv", pid=os.getpid(), started=1)


def _exhaustion_view(loaded: Exhaustion) -> Any:
    loaded.next_reset(["a", "b"], None, NOW)
    return _accounts(loaded, lambda name: [loaded.status_rows(name, NOW), vars(loaded.ban_of(name, NOW) or _NOTHING)])


_NOTHING = SimpleNamespace()


def _ban_text(view: Any) -> Any:
    return json.loads(json.dumps(view, default=str))


def _state(loaded: FailoverState) -> Any:
    return [
        clock.optional_iso(loaded.cooldown_until),
        None if loaded.reset_wait is None else [loaded.reset_wait.account, loaded.reset_wait.limit],
        [evidence_to_json(evidence) for evidence in loaded.unattributed],
        {name: [evidence_to_json(item.evidence), item.account] for name, item in loaded.limited_sessions.items()},
    ]


def _update(loaded: FailoverState) -> None:
    with loaded.update():
        pass


def _flips(loaded: FlipLog) -> Any:
    return [
        loaded.linked_account,
        [[clock.iso(flip.at), flip.origin, flip.target, flip.reason] for flip in loaded.all()],
    ]


def _journal(loaded: Journal) -> Any:
    entry = None if loaded.entry is None else loaded.entry.to_json()
    for record in loaded.open_records():
        log_line(record)
    Tallies(loaded.history(10))
    return [entry, loaded.open_records(), loaded.history(10)]


def _registry(loaded: SessionRegistry) -> Any:
    return {name: vars(loaded.get(name) or _NOTHING) for name in ("main", "other", "")}


def _propose(loaded: SessionRegistry) -> None:
    for name in ("main", "other", ""):
        loaded.propose(name, _ENTRY)
    loaded.flush()


def _lifecycle(loaded: LifecycleState) -> Any:
    found = [loaded.get(name) for name in ("main", "other", "zz")]
    return [dataclasses.asdict(entry) for entry in found if entry is not None]


def _resumer(store: Store) -> SessionResumer:
    return SessionResumer(ConfigHolder(None), None, None, None, None, store)  # type: ignore[arg-type]


def _login_watch(store: Store) -> LoginWatch:
    told: list[LoginWarning] = []
    return LoginWatch(ConfigHolder(_LAUNCHED[1]), store, Logins(store), told.clear, told.append)


def _listed(view: Any) -> Any:
    return json.loads(json.dumps(view))


def task(raw: bytes) -> None:
    folder = empty_folder("tasks")
    documents = TaskDocuments(folder)
    queue = TaskQueue(documents)
    known = queue.add("x", NOW, wanted=None, cwd=None)
    path = documents._store.path(documents.names()[0])
    with open(path, "wb") as stream:
        stream.write(raw.replace(b"deadbeef", known.id.encode()))
    queue = TaskQueue(documents)
    aside = len(glob(os.path.join(os.path.dirname(path), "*.set-aside")))
    for found in queue:
        can_go_out(found.row())
        can_be_printed(render.task(found.row()))
        can_be_printed(render.tasks([found.row()], NOW))
        queue.put(found)
    can_go_out(queue.counts())
    queue.add("y", NOW, wanted=None, cwd="/srv")
    assert len(list(TaskQueue(documents))) == len(list(queue))
    assert len(glob(os.path.join(os.path.dirname(path), "*.set-aside"))) == aside


def switch_log(raw: bytes) -> None:
    store = Store(empty_folder("switches"))
    with open(store.log_path("switches"), "wb") as stream:
        stream.write(raw)
    journal = Journal(store)
    before = journal.history(1000)
    tallies = Tallies(before)
    for record in before:
        can_go_out(record)
        log_line(record).encode()
    status = {**_STATUS, "last_switch": before[0] if before else None}
    can_be_printed(render.status(status, NOW))
    metrics.render(status, tallies).encode()
    added = {**_RECORD, "id": "0123456789abcdef", "time": "2027-01-01T00:00:00.000Z"}
    journal.add_record(added)
    journal.close(added)
    assert sorted(json_text.render(row) for row in Journal(store).logged(1000)) == sorted(
        json_text.render(row) for row in [*before, added]
    )


_TASK = {
    "id": "deadbeef",
    "number": 1,
    "prompt": "do it",
    "created_at": clock.iso(NOW),
    "wanted": "main",
    "cwd": "/srv",
    "state": "sent",
    "session": "main",
    "attempts": 1,
    "detail": "",
    "handed": None,
    "sent_at": clock.iso(NOW),
    "accepted_at": None,
    "finished_at": None,
}


def targets() -> list[Target]:
    """Return all targets."""
    hooks = lines_of("hooks/*.jsonl")
    requests = [
        b'{"op": "status"}',
        b'{"op": "switch", "account": "b", "reason": null, "dry_run": true, "force": false}',
        b'{"op": "history", "limit": 10}',
        b'{"op": "dispatch", "prompt": "do it", "session": null, "cwd": "/srv"}',
        b'{"op": "queue", "cancel": "deadbeef"}',
        *(b'{"op": "hook", "payload": ' + payload + b', "env": {"TMUX_PANE": "%0"}}' for payload in hooks),
    ]
    row = {"id": "t", "state": "sent", "session": "main", "detail": None, "created_at": clock.iso(NOW), "prompt": "p"}
    handled = {"session": "main", "state": "down", "uuid": ONE, "detail": "ended"}
    results = [{}, _STATUS, _STATUS["sessions"], [_RECORD], _RECORD, row, [row], {"reloaded": "/etc/x.yml"}, handled]
    answers = [json.dumps({"ok": True, "result": result}).encode() for result in results]
    answers.append(b'{"ok": false, "error": "no", "code": 2}')
    session = {
        "pid": 987654321,
        "sessionId": ONE,
        "cwd": "/srv",
        "procStart": "123456789",
        "status": "busy",
        "statusUpdatedAt": 1795387626941,
    }
    session_seed = json.dumps(session).encode().replace(b'"pid": 987654321', b'"pid": 987654321')
    limits = {"five_hour": {"used_percentage": 92, "resets_at": 1795387626}, "seven_day": {"used_percentage": 7}}
    until = clock.iso(NOW + timedelta(hours=1))
    flips = {"known": "b", "flips": [{"at": clock.iso(NOW), "origin": "a", "target": "b", "reason": "limit"}]}
    under_way = {
        "id": "ab",
        "time": clock.iso(NOW),
        "reason": "limit",
        "origin": "a",
        "target": "b",
        "step": "flip",
        "detail": "",
        "trigger": _EVIDENCE,
    }
    waiting = {"account": "a", "limit": "five_hour", "until": until}
    failover = {
        "cooldown_until": until,
        "waiting": waiting,
        "inbox": [_EVIDENCE],
        "held": [{"evidence": _EVIDENCE, "account": "a"}],
    }
    exhausted = {
        "limits": {"a": {"five_hour": {"until": until, "known": True, "since": clock.iso(NOW)}}},
        "bans": {"b": {"reason": "links", "until": until}},
    }
    entry = {**vars(_ENTRY), "uuid": ONE, "transcript": "/x/y.jsonl", "command": ["claude"], "updated_at": until}
    usage = _document(
        "usage",
        Usage,
        lambda loaded: loaded.record("zz", {"five_hour": 1}) and None,
        lambda loaded: _accounts(loaded, lambda name: loaded.percent(name, NOW)),
    )
    logins = _document(
        "logins",
        Logins,
        lambda loaded: loaded.record_rejection(Account("zz", "/nowhere")) and None,
        lambda loaded: loaded._rejected,
    )
    identities = _document(
        "identities",
        Identities,
        lambda loaded: loaded.record("zz", Identity("u")) and None,
        lambda loaded: _accounts(loaded, lambda name: vars(loaded.get(name) or _NOTHING)),
    )
    warnings = _document(
        "login-warnings",
        _login_watch,
        lambda loaded: loaded.rename_accounts({"a": "zz"}),
        lambda loaded: {name: list(told) for name, told in loaded._told.items()},
    )
    told = _document(
        "told-causes",
        CauseBook,
        lambda loaded: loaded.begin(new_event("source_blind", True, "blind", details={"source": "zz"})) and None,
        lambda loaded: [loaded.open_rows(), [sorted(cause.event) for cause in loaded.causes()]],
    )
    accounts = _document(
        "accounts",
        lambda store: AccountRenames(ConfigHolder(_LAUNCHED[1]), store),
        lambda loaded: loaded.apply(),
        lambda loaded: loaded._homes,
    )
    exhaustion = _document(
        "exhaustion",
        Exhaustion,
        lambda loaded: loaded.ban("zz", "a reason", NOW, now=NOW),
        lambda loaded: _ban_text(_exhaustion_view(loaded)),
    )
    series = {
        "counts": {"a": 2},
        "resets": {"a": {"ends": until, "long": False}},
        "renewed": ["b"],
        "texts": ["continue"],
        "awaited": True,
        "turn": None,
        "last": clock.iso(NOW),
        "spent": None,
    }
    prompts = _document(
        "prompts",
        lambda store: PromptBudget(store, lambda _session: "a"),
        lambda loaded: loaded.take("zz", "continue") and None,
        lambda loaded: {**loaded.spent(), "refused": [loaded.refusal("main"), loaded.refusal("other")]},
    )
    stopped = LifecycleEntry(STOPPED, "a reason", pid=1, started=2)
    steady = {
        "boot_id": "b",
        "anchor": 1.5,
        "seen": clock.iso(NOW),
        "skews": [{"start": clock.iso(NOW), "end": None, "seconds": 3600.0}],
    }
    moved = _document(
        "clock", ClockDocument, lambda loaded: loaded._on_jump(2.0), lambda _loaded: clock.iso(clock.now())
    )
    resume = _document(
        "carrying",
        _resumer,
        lambda loaded: loaded._under_way.begin("zz"),
        lambda loaded: sorted(loaded._under_way._interrupted),
    )
    return [
        Target("configuration", configuration, [_CONFIGURATION]),
        Target("settings", operators_settings, [json.dumps(settings.own_settings("x", "/run/x")).encode()]),
        Target("control", control, requests),
        Target("control-answer", control_answer, answers),
        Target("hook", hook_payload, hooks),
        Target(
            "status-line",
            status_line,
            [*lines_of("hooks/statusline.jsonl"), json.dumps({"rate_limits": limits}).encode()],
        ),
        Target("transcript", transcripts, fixtures("transcripts/*.jsonl", "../reports/*.transcript.jsonl")),
        Target("pane", pane, fixtures("panes/*.txt", "../reports/*.pane.txt")),
        Target("session-file", session_file, [session_seed]),
        Target("background-job", background_job, [b'{"sessionId": "' + ONE.encode() + b'"}\n' + session_seed]),
        Target("tmux", tmux, [b"%begin 1 2 1\nmain\n%end 1 2 1\n%exit\n%session-changed $1 main\n"]),
        Target("page", page, [json.dumps(_STATUS).encode()]),
        Target("usage", usage, [_stored({"a": limits, "b": {"five_hour": 5}})]),
        Target("logins", logins, [_stored({"a": [1, 2, 3]})]),
        Target(
            "identities",
            identities,
            [_stored({"a": {"account_uuid": "u", "address": "a@b", "plan": None, "entry": {"accountUuid": "u"}}})],
        ),
        Target("login-warnings", warnings, [_stored({"a": 3, "b": 0}, ends={"a": clock.iso(NOW)})]),
        Target(
            "told-causes",
            told,
            [_stored([{"event": new_event("session_down", True, "down", session="main"), "since": clock.iso(NOW)}])],
        ),
        Target("accounts", accounts, [_stored({"a": "/home/a", "b": "/home/b"})]),
        Target("home-identity", home_identity, [b'{"oauthAccount": {"accountUuid": "U", "emailAddress": "a@b"}}']),
        Target("home-differences", home_differences, [_HOME]),
        Target("state-file", state_file, [b'{"oauthAccount": {"accountUuid": "U"}, "a": [1.5, "\\ud83d"]}', b"{}"]),
        Target("exhaustion", exhaustion, [_stored(exhausted)]),
        Target("failover-state", _document("failover", FailoverState, _update, _state), [_stored(failover)]),
        Target(
            "flips", _document("flips", FlipLog, lambda loaded: loaded.record_initial("zz"), _flips), [_stored(flips)]
        ),
        Target(
            "journal",
            _document("switch-journal", Journal, lambda loaded: loaded.add_record({**_RECORD, "id": "zz"}), _journal),
            [_stored({"under_way": under_way, "open": [_RECORD]}), _stored({"under_way": None, "open": [_RECORD]})],
        ),
        Target(
            "registry",
            _document("registry", SessionRegistry, _propose, lambda loaded: _listed(_registry(loaded))),
            [_stored({"main": entry})],
        ),
        Target(
            "lifecycle",
            _document("lifecycle", LifecycleState, lambda loaded: loaded.record("zz", stopped), _lifecycle),
            [_stored({"main": dataclasses.asdict(stopped)})],
        ),
        Target("launch", launch, [launch_of(*_LAUNCHED, ["WORD"]).to_text().encode()]),
        Target("prompts", prompts, [_stored({"main": series})]),
        Target("clock", moved, [_stored(steady)]),
        Target("carrying", resume, [_stored(["main", "other"])]),
        Target("task", task, [_stored(_TASK)]),
        Target("switches", switch_log, [json.dumps(_RECORD).encode() + b"\n"]),
    ]

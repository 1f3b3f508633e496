# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the configuration: values that are accepted, and every refusal with its reason."""

from __future__ import annotations

import errno
import os
import string
from typing import Any

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    SharedSymlink,
    required_shared,
    shared_symlink,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_failover.config import yaml_loader
from claude_failover.config.loader import ConfigError, load, parse
from claude_failover.config.login_origin import HEADERS, STORAGE, VARIABLES
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.config.validators import Problem
from claude_failover.tmux.quoting import HOLDER

# The example of the documentation, which says every default.
EXAMPLE = """\
accounts:
  - {name: compte1, home: /home/ubuntu/.claude-compte1}
  - {name: compte2, home: /home/ubuntu/.claude-compte2}
active_link: /home/ubuntu/.claude
shared_root: /home/ubuntu
shared_links: [session-env, file-history, projects]
sessions:
  - name: main
    cwd: /srv/work
    command: [claude, --permission-mode, acceptEdits]
    claude_args: true
    dedicated: true
    env: {}
failover:
  cooldown: 60
  strategy: priority
  failback: false
  proactive_threshold: null
  resume_prompt: continue
  unknown_reset_wait: 18000
detection: {hooks: true, transcripts: true, panes: true, sweep_interval: 1.0, capture_lines: 500, extra_patterns: []}
lifecycle: {check_interval: 10, restart_backoff: [1, 60]}
tmux: {socket: /run/claude-failover-tmux/tmux.sock, binary: tmux}
state_dir: /var/lib/claude-failover
control_socket: /run/claude-failover/control.sock
control_group: null
metrics: {textfile: null}
notify: {command: null}
log: {level: info}
telemetry: {endpoint: null, protocol: http/protobuf, headers_file: null}
"""
ACCOUNTS = "accounts: [{name: a, home: /h/a}, {name: b, home: /h/b}]\n"


def problems_of(text: str | bytes) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "/etc/config.yml")
    assert caught.value.exit_code == 2
    return caught.value.problems


def the_problem(extra: str) -> Problem:
    """Return the one problem of a configuration that is right but for ``extra``."""
    found = problems_of(ACCOUNTS + extra)
    assert len(found) == 1, found
    return found[0]


def with_session(**keys: Any) -> str:
    session = {"name": "main", "cwd": "/srv", **keys}
    return ACCOUNTS + yaml.safe_dump({"sessions": [session]}, allow_unicode=True)


# ---- what is taken -----------------------------------------------------------------------------------------


def test_the_example_is_taken_and_says_the_defaults() -> None:
    example = parse(EXAMPLE, "x")
    assert example.accounts == (
        Account("compte1", "/home/ubuntu/.claude-compte1"),
        Account("compte2", "/home/ubuntu/.claude-compte2"),
    )
    assert example.sessions == (
        SessionConfig("main", "/srv/work", ("claude", "--permission-mode", "acceptEdits"), True, True, {}),
    )
    accounts = EXAMPLE[: EXAMPLE.index("active_link")]
    sessions = EXAMPLE[EXAMPLE.index("sessions:") : EXAMPLE.index("failover:")]
    assert parse(accounts + sessions, "x") == example
    assert example.shared_links == required_shared("/home/ubuntu")


def test_a_session_needs_a_name_and_a_folder_only() -> None:
    session = parse(with_session(), "x").sessions[0]
    assert session == SessionConfig("main", "/srv", ("claude",), claude_args=True, dedicated=False, env={})


def test_looking_things_up() -> None:
    config = parse(EXAMPLE, "x")
    assert config.homes == ["/home/ubuntu/.claude-compte1", "/home/ubuntu/.claude-compte2"]
    assert config.account("compte2") == config.accounts[1]
    assert config.account("none") is None
    assert config.session("main") == config.sessions[0]
    assert config.session("none") is None


def test_targets_follow_the_shared_root_and_stay_as_they_are_written() -> None:
    text = ACCOUNTS + "shared_root: /srv/\nshared_links: [projects, {name: todo, target: /data//todo/}]\n"
    assert parse(text, "x").shared_links == (
        SharedSymlink("/srv/.claude-projects-shared", "projects"),
        SharedSymlink("/data//todo/", "todo"),
    )
    assert parse(ACCOUNTS + "shared_root: /srv\n", "x").shared_links == required_shared("/srv")
    # As it is written: the links are made by the same function of the same text.
    for root in ("//srv//./x//", "/srv\\x", "/"):
        config = parse(ACCOUNTS + f"shared_root: {root}\nshared_links: [projects]\n", "x")
        assert config.shared_links == (shared_symlink(root, "projects"),)
        assert parse(ACCOUNTS + f"shared_root: {root}\n", "x").shared_links == required_shared(root)


def test_a_link_may_lead_to_a_file_and_have_its_usual_target() -> None:
    text = (
        "shared_root: /srv\nshared_links: [projects, {name: .claude.json, kind: file}, "
        "{name: agents, kind: directory}, {name: h, target: /d/h, kind: file}]\n"
    )
    config = parse(ACCOUNTS + text, "x")
    assert config.shared_links == (
        SharedSymlink("/srv/.claude-projects-shared", "projects"),
        SharedSymlink("/srv/.claude-claude.json-shared", ".claude.json", "file"),
        SharedSymlink("/srv/.claude-agents-shared", "agents"),
        SharedSymlink("/d/h", "h", "file"),
    )
    folders = ["/srv/.claude-projects-shared", "/srv", "/srv/.claude-agents-shared", "/d"]
    assert config.link_folders == [*config.homes, *folders], "a file is replaced in the folder that it lies in"
    assert config.link_places[-1] == "/d/h"


def test_transcripts_stand_in_the_shared_folder_or_else_in_the_active_accounts() -> None:
    links = "active_link: /h/link\nshared_links: "
    assert parse(ACCOUNTS + links + "[{name: projects, target: /data/projects}]\n", "x").projects == "/data/projects"
    assert parse(ACCOUNTS + links + "[session-env]\n", "x").projects == "/h/link/projects"


def test_paths_lose_slashes_that_would_follow_a_link() -> None:
    config = parse("accounts: [{name: a, home: /h/a/}]\nactive_link: /h//link/\n", "x")
    assert (config.accounts[0].home, config.active_link) == ("/h/a", "/h/link")


def test_headers_go_to_an_endpoint_only() -> None:
    (problem,) = problems_of(ACCOUNTS + "telemetry: {headers_file: /etc/headers.json}\n")
    assert problem.key == "telemetry.headers_file" and "telemetry.endpoint" in problem.found


def test_no_login_of_an_endpoint_is_shown() -> None:
    assert "secret" not in str(problems_of(ACCOUNTS + "telemetry: {endpoint: 'https://a:secret@collector'}\n"))


def test_every_optional_value_can_be_set() -> None:
    config = parse(
        ACCOUNTS
        + "control_group: ops\nmetrics: {textfile: /var/lib/m/claude.prom}\nnotify: {command: [/bin/logger, -t, x]}\n"
        + "failover: {proactive_threshold: 95, strategy: soonest_reset, cooldown: 0}\n"
        + "detection: {extra_patterns: ['^Out of .* tokens']}\nlifecycle: {restart_backoff: [0.5, 0.5]}\n",
        "x",
    )
    assert config.control_group == "ops"
    assert config.metrics.textfile == "/var/lib/m/claude.prom"
    assert config.notify.command == ("/bin/logger", "-t", "x")
    assert config.failover.proactive_threshold == 95
    assert [pattern.pattern for pattern in config.detection.extra_patterns] == ["^Out of .* tokens"]
    assert config.lifecycle.restart_backoff == (0.5, 0.5)


def test_aliases_and_merge_keys_are_ordinary_yaml() -> None:
    text = ACCOUNTS + (
        "sessions:\n  - &first {name: a, cwd: /srv, dedicated: true}\n  - {<<: *first, name: b}\n"
        "  - {<<: [*first], name: c, dedicated: false}\n"
    )
    sessions = parse(text, "x").sessions
    assert [(each.name, each.cwd, each.dedicated) for each in sessions] == [
        ("a", "/srv", True),
        ("b", "/srv", True),
        ("c", "/srv", False),
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["claude"],
        ["/opt/bin/claude", "-p", "x"],
        ["claude", "--", "--resume", "-c"],
        ["claude", "--settings", "{}"],
        ["claude", "--cwd", "--reset", "-d"],
    ],
)
def test_commands_that_are_taken(command: list[str]) -> None:
    assert parse(with_session(command=command), "x").sessions[0].command == tuple(command)


def test_a_command_that_runs_as_it_stands_may_be_anything() -> None:
    command = ["sh", "-c", "exec claude --continue"]
    assert parse(with_session(command=command, claude_args=False), "x").sessions[0].command == tuple(command)


@pytest.mark.parametrize("name", ["main", "a b", "é漢", "x-1", "a=b", "50%", "*", "~", "a#b", "a$1", "a$"])
def test_session_names_that_tmux_takes_as_they_are(name: str) -> None:
    assert parse(with_session(name=name), "x").sessions[0].name == name


# ---- the text as a whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("---\n", "null"),
        ("- a\n", "list"),
        ("just text", "text"),
        ("5", "number"),
        (b"\xff\xfe\x00", "0xff"),
        (b"accounts: \x80", "0x80"),
        ("a: 1\n---\nb: 2\n", "second YAML document"),
        ("a: !!python/object/apply:os.system [id]", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("[" * 41 + "]" * 41, "more than 40 deep"),
        ("- " * 41 + "a", "more than 40 deep"),
        ("a: &a [*a]", "unfold"),
        ("x" * (2 << 20), "bytes"),
        ("? [a]\n: 1\n", "a key that is a list"),
        ("<<: 5\n", "no mapping"),
    ],
)
def test_what_is_no_configuration(text: str | bytes, word: str) -> None:
    assert any(word in problem.found for problem in problems_of(text)), problems_of(text)


@pytest.mark.parametrize("text", ["a: \x00", "a: *b", "a: [", "\t- a", "%", "[" * 5000, "- " * 5000, "{a: " * 5000])
@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_what_is_no_yaml_is_one_problem_in_any_of_the_parsers(
    monkeypatch: pytest.MonkeyPatch, loader: str, text: str
) -> None:
    if not hasattr(yaml, loader):
        pytest.skip("SKIPPED, NOT TESTED: this PyYAML was built without libyaml")
    monkeypatch.setattr(yaml_loader, "_Loader", getattr(yaml, loader))
    (problem,) = problems_of(text)
    # How deep the text may be before a parser refuses it by itself is different from version to version.
    assert problem.found.startswith(("no valid YAML: ", "values nested more than 40 deep"))
    assert problem.line in (1, 2, None)


def test_a_syntax_error_is_reported_in_the_parsers_words_without_the_text_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark = yaml.Mark("name", 9, 1, 4, "secret: [", 0)

    def fail(*_arguments: Any, **_options: Any) -> None:
        raise yaml.MarkedYAMLError("while reading a list", mark, "found the end", mark)

    monkeypatch.setattr(yaml, "parse", fail)
    assert problems_of("secret: [") == [
        Problem("", "no valid YAML: found the end in column 5 (while reading a list)", "YAML that can be read", 2)
    ]


def test_nested_aliases_are_refused_before_they_unfold() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    assert "unfold" in problems_of("\n".join(lines))[0].found


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbf" + ACCOUNTS.encode(), "x").homes == ["/h/a", "/h/b"]


def test_a_key_twice_is_an_error_wherever_it_is() -> None:
    found = problems_of(ACCOUNTS + "state_dir: /s\nstate_dir: /t\nfailover: {cooldown: 1, cooldown: 2}\n")
    assert [(problem.key, problem.line) for problem in found] == [("state_dir", 3), ("failover.cooldown", 4)]
    assert "first in line 2" in found[0].found


@pytest.mark.parametrize("value", ["2026-99-99", "9" * 5000])
def test_a_plain_value_that_cannot_be_built_is_told(value: str) -> None:
    assert the_problem(f"failover: {{cooldown: {value}}}\n").key == "failover.cooldown"


# ---- the file ----------------------------------------------------------------------------------------------


def test_a_file_is_read(tmp_path: Any) -> None:
    path = str(tmp_path / "config.yml")
    with open(path, "w") as stream:
        stream.write(EXAMPLE)
    assert load(path) == parse(EXAMPLE, path)


def test_files_that_cannot_be_read(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError) as null:  # noqa: PT011  Python's own words are what is compared
        os.open("a\0b", os.O_RDONLY)
    for path, word in (
        (str(tmp_path / "none"), os.strerror(errno.ENOENT).lower()),
        (str(tmp_path), "found a directory; expected a YAML file"),
        (str(tmp_path / "fifo"), "found a FIFO, and no regular file; expected"),
        (str(tmp_path / "none" / "x"), os.strerror(errno.ENOENT).lower()),
        ("a\0b", str(null.value).lower()),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert word in str(caught.value)
        assert str(caught.value).startswith(path)


# ---- single values -----------------------------------------------------------------------------------------


def test_every_error_at_once_by_file_line_and_key() -> None:
    text = (
        "accounts:\n"
        "  - {name: yes, home: relative}\n"
        "  - {name: a, hone: /x}\n"
        "sesions: []\n"
        "failover:\n"
        "  cooldown: true\n"
        "  strategy: Priorty\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, "/etc/c.yml")
    starts = [line.split(": found")[0] for line in str(caught.value).splitlines()]
    assert starts == [
        "/etc/c.yml:2: accounts[0].name",
        "/etc/c.yml:2: accounts[0].home",
        "/etc/c.yml:3: accounts[1].hone",
        "/etc/c.yml:3: accounts[1].home",
        "/etc/c.yml:4: sesions",
        "/etc/c.yml:6: failover.cooldown",
        "/etc/c.yml:7: failover.strategy",
    ]
    assert all("; expected " in line for line in str(caught.value).splitlines())
    for hint in ("did you mean home?", "did you mean sessions?", "did you mean priority?", "between quotes"):
        assert hint in str(caught.value)


def test_accounts_are_needed() -> None:
    assert [problem.key for problem in problems_of("state_dir: /s\n")] == ["accounts"]
    assert "empty list" in problems_of("accounts: []\n")[0].found
    assert "a mapping" in problems_of("accounts: {name: a, home: /a}\n")[0].found


@pytest.mark.parametrize("name", ["", " ", "-a", ".a", "a/b", "a b", "é", "a\n", "x" * 65, "a;b", "$a"])
def test_account_names_that_are_refused(name: str) -> None:
    text = yaml.safe_dump({"accounts": [{"name": name, "home": "/h/a"}]}, allow_unicode=True)
    assert [problem.key for problem in problems_of(text)] == ["accounts[0].name"]


@pytest.mark.parametrize(
    "path",
    ["", "x", "~/x", "/a/~", "/a/$HOME", "/a/../b", "/a\nb", "/a\0b", "/" + "x" * 256, "/x" * 3000, "./a", " /a"],
)
@pytest.mark.parametrize("key", ["active_link", "shared_root", "state_dir", "control_socket"])
def test_paths_that_are_refused(key: str, path: str) -> None:
    assert the_problem(yaml.safe_dump({key: path})).key == key


@pytest.mark.parametrize("key", ["control_socket", "tmux.socket"])
def test_a_socket_path_has_at_most_107_bytes(key: str) -> None:
    def text(size: int) -> str:
        path = "/" + "é" * ((size - 1) // 2) + "x" * ((size - 1) % 2)
        assert len(path.encode()) == size
        outer, _dot, inner = key.partition(".")
        return yaml.safe_dump({outer: {inner: path} if inner else path}, allow_unicode=True)

    assert parse(ACCOUNTS + text(107), "x")
    problem = the_problem(text(108))
    assert problem.key == key
    assert "108 bytes" in problem.found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failover.cooldown", "-1"),
        ("failover.cooldown", ".nan"),
        ("failover.cooldown", ".inf"),
        ("failover.cooldown", "true"),
        ("failover.cooldown", "'60'"),
        ("failover.cooldown", "1e300"),
        ("failover.unknown_reset_wait", "0"),
        ("failover.unknown_reset_wait", "null"),
        ("failover.proactive_threshold", "0"),
        ("failover.proactive_threshold", "101"),
        ("failover.proactive_threshold", "yes"),
        ("failover.strategy", "fastest"),
        ("failover.strategy", "1"),
        ("failover.failback", "0"),
        ("failover.resume_prompt", "''"),
        ("failover.resume_prompt", "'  '"),
        ("failover.resume_prompt", '"a\\nb"'),
        ("failover.resume_prompt", '"\\x1b[201~"'),
        ("failover.resume_prompt", "1"),
        ("detection.hooks", "1"),
        ("detection.panes", "'no'"),
        ("detection.sweep_interval", "0"),
        ("detection.capture_lines", "1.5"),
        ("detection.capture_lines", "true"),
        ("detection.capture_lines", "0"),
        ("detection.extra_patterns", "x"),
        ("lifecycle.check_interval", "0"),
        ("lifecycle.restart_backoff", "[1]"),
        ("lifecycle.restart_backoff", "[5, 1]"),
        ("lifecycle.restart_backoff", "[1, 2, 3]"),
        ("lifecycle.restart_backoff", "1"),
        ("tmux.binary", "./tmux"),
        ("tmux.binary", "''"),
        ("tmux.binary", "~/tmux"),
        ("metrics.textfile", "x.prom"),
        ("metrics.textfile", "5"),
        ("notify.command", "logger"),
        ("notify.command", "[]"),
        ("notify.command", "{}"),
        ("notify.urls", "json://x"),
        ("notify.urls", "null"),
        ("log.level", "INFO"),
        ("log.level", "null"),
        ("log.level", "6"),
        ("telemetry.endpoint", "collector:4318"),
        ("telemetry.endpoint", "ftp://collector"),
        ("telemetry.endpoint", "https://"),
        ("telemetry.endpoint", "https://somebody:secret@collector"),
        ("telemetry.endpoint", "https://collector/?token=secret"),
        ("telemetry.endpoint", "https://collector:99999"),
        ("telemetry.endpoint", "'https://[collector'"),
        ("telemetry.protocol", "http"),
        ("telemetry.headers_file", "headers.json"),
    ],
)
def test_values_that_are_refused(key: str, value: str) -> None:
    outer, _dot, inner = key.partition(".")
    assert the_problem(f"{outer}: {{{inner}: {value}}}\n").key == key


@pytest.mark.parametrize("value", ["null", "[]", "text", "5"])
@pytest.mark.parametrize("key", ["failover", "detection", "lifecycle", "tmux", "metrics", "notify", "log", "telemetry"])
def test_sections_that_are_no_mapping(key: str, value: str) -> None:
    problem = the_problem(f"{key}: {value}\n")
    assert problem.key == key
    assert "a mapping" in problem.expected


@pytest.mark.parametrize("pattern", ["(", "x*", "", "[", "(?P<a", "^|$", "x" * 1001])
def test_patterns_that_are_refused(pattern: str) -> None:
    problem = the_problem(yaml.safe_dump({"detection": {"extra_patterns": ["fine", pattern]}}))
    assert problem.key == "detection.extra_patterns[1]"


@pytest.mark.parametrize(
    "links",
    [
        "[]",
        "projects",
        "[projects, projects]",
        "[5]",
        "['a/b']",
        "['..']",
        "['']",
        "[{name: a}]",
        "[{name: a, target: rel}]",
        "[{name: a, target: /x, mode: 1}]",
        "[{name: a, target: /x}, {name: b, target: /x/}]",
        "[{name: a, kind: folder}]",
        "[{name: a, target: /x/, kind: file}]",
        "[{name: a, target: /x/., kind: file}]",
        "[{name: a, target: null, kind: file}]",
        "[{name: 'a/b', kind: file}]",
        "[{name: a, target: /x, kind: file}, {name: b, target: /x}]",
        "[{name: a, target: /x, kind: file}, {name: b, target: /x/y/z}]",
        "[{name: .claude.json, kind: file}, {name: claude.json, kind: file}]",
    ],
)
def test_shared_links_that_are_refused(links: str) -> None:
    assert the_problem(f"shared_links: {links}\n").key.startswith("shared_links")


@pytest.mark.parametrize("group", ["''", "a b", "5", "'a\\nb'", "-x"])
def test_groups_that_are_refused(group: str) -> None:
    assert the_problem(f"control_group: {group}\n").key == "control_group"


# ---- sessions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.b",
        "a:b",
        "a\\b",
        "=a",
        "@a",
        "$a",
        "%a",
        "-a",
        "a\tb",
        "a\nb",
        "a\x1bb",
        "a$b",
        "a${HOME}",
        "a$_",
        "a\u2028b",
        "a\u0378b",
        "a\ufffeb",
        " a",
        "a ",
        HOLDER,
        "x" * 201,
        None,
        5,
        True,
    ],
)
def test_session_names_that_are_refused(name: Any) -> None:
    assert [problem.key for problem in problems_of(with_session(name=name))] == ["sessions[0].name"]


@pytest.mark.parametrize("name", ["#{x}", "a#{pid}b", "a#(id)", "#[fg=red]", "a#S", "##{x}"])
def test_a_session_name_that_tmux_would_expand_is_refused(name: str) -> None:
    (problem,) = problems_of(with_session(name=name))
    assert (problem.key, problem.expected) == ("sessions[0].name", "a name without what tmux expands where it shows it")


def test_what_tmux_would_make_of_a_name_is_told() -> None:
    assert "'a_b'" in problems_of(with_session(name="a.b"))[0].expected
    assert repr("a\\$b") in problems_of(with_session(name="a$b"))[0].expected


def test_two_sessions_of_one_name_also_after_tmux_has_changed_it() -> None:
    sessions = [{"name": name, "cwd": "/"} for name in ("x", "a.b", "x", "a_b")]
    found = problems_of(ACCOUNTS + yaml.safe_dump({"sessions": sessions}))
    assert [problem.key for problem in found] == ["sessions[1].name", "sessions[2].name", "sessions[3].name"]


@pytest.mark.parametrize(
    "words",
    [
        ["--resume"],
        ["--resume=x"],
        ["-r", "x"],
        ["-rx"],
        ["--continue"],
        ["-c"],
        ["-pc"],
        ["-pvr"],
        ["--session-id", "u"],
        ["--session-id=u"],
        ["--settings", "{}", "--settings={}"],
        ["--settings"],
    ],
)
def test_options_that_are_the_daemons(words: list[str]) -> None:
    found = problems_of(with_session(command=["claude", *words]))
    index = 3 if len(words) == 3 else 1  # of several --settings the last is one too many
    assert [problem.key for problem in found] == [f"sessions[0].command[{index}]"]


@pytest.mark.parametrize("first", ["bash", "./claude", "b/claude", "~/claude", "/o/claude-code", "/$HOME/claude", ""])
def test_a_command_with_our_arguments_must_be_the_claude_cli(first: str) -> None:
    assert [problem.key for problem in problems_of(with_session(command=[first]))] == ["sessions[0].command[0]"]


@pytest.mark.parametrize("command", [[], "claude", None, 5, {"a": 1}])
def test_commands_that_are_no_list(command: Any) -> None:
    assert [problem.key for problem in problems_of(with_session(command=command))] == ["sessions[0].command"]


@pytest.mark.parametrize("word", ["a\nb", "a\0b", 5, None, True, ["x"]])
def test_words_of_a_command_that_are_refused(word: Any) -> None:
    found = problems_of(with_session(command=["claude", word]))
    assert [problem.key for problem in found] == ["sessions[0].command[1]"]


@pytest.mark.parametrize(
    ("env", "key"),
    [
        ({"A": 1}, "sessions[0].env.A"),
        ({"A": "x\ny"}, "sessions[0].env.A"),
        ({"A": "x\0"}, "sessions[0].env.A"),
        ({"1A": "x"}, "sessions[0].env"),
        ({"A=B": "x"}, "sessions[0].env"),
        ({"": "x"}, "sessions[0].env"),
        ({5: "x"}, "sessions[0].env"),
        (["A=B"], "sessions[0].env"),
        ("A=B", "sessions[0].env"),
        ({"CLAUDE_CONFIG_DIR": "/x"}, "sessions[0].env.CLAUDE_CONFIG_DIR"),
    ],
)
def test_environments_that_are_refused(env: Any, key: str) -> None:
    assert [problem.key for problem in problems_of(with_session(env=env))] == [key]


def test_a_program_of_the_operators_own_may_choose_its_home() -> None:
    config = parse(with_session(claude_args=False, env={"CLAUDE_CONFIG_DIR": "/x", "EMPTY": ""}), "x")
    assert config.sessions[0].env == {"CLAUDE_CONFIG_DIR": "/x", "EMPTY": ""}


@pytest.mark.parametrize("name", sorted({*VARIABLES, STORAGE}))
def test_a_variable_that_makes_the_login_another_is_refused(name: str) -> None:
    """The session would keep that login at every switch."""
    secret = "sk-ant-oat01-secret"
    problem = the_problem_of_session(env={name: secret, "OTHER": "x"})
    assert problem.key == f"sessions[0].env.{name}"
    assert problem.found == "a variable that makes the login another than the active link's"
    assert "left out" in problem.expected
    assert secret not in str(problem)
    assert parse(with_session(claude_args=False, env={name: secret}), "x").sessions[0].env == {name: secret}


@pytest.mark.parametrize("name", sorted(VARIABLES))
@pytest.mark.parametrize("value", ["", "0", "False", " no ", "off"])
def test_a_variable_that_is_empty_or_off_is_taken(name: str, value: str) -> None:
    """So the one of the tmux server's environment is taken from a session."""
    assert parse(with_session(env={name: value}), "x").sessions[0].env == {name: value}


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ("X-Team: a", False),
        ("Authorization: Bearer x", True),
        ("x-api-key: y", True),
        ("", False),
    ],
)
def test_a_header_of_the_login_is_refused(headers: str, refused: bool) -> None:
    text = with_session(env={HEADERS: headers})
    assert _is_taken(text) is not refused


def _is_taken(text: str) -> bool:
    try:
        parse(text, "x")
    except ConfigError:
        return False
    return True


def the_problem_of_session(**keys: Any) -> Problem:
    """Return the one problem of a configuration with one session."""
    found = problems_of(with_session(**keys))
    assert len(found) == 1, found
    return found[0]


def test_no_secret_is_shown() -> None:
    secret = "sk-ant-oat01-secret"
    text = ACCOUNTS + (
        f"sessions:\n  - {{name: a, cwd: /, command: 'claude --token {secret}', env: 'TOKEN={secret}'}}\n"
        f'  - {{name: b, cwd: /, command: [claude, "--resume={secret}", "{secret}\\n"],\n'
        f'     env: {{T: "{secret}\\0"}}}}\n'
        f"  - '{secret}'\n"
        f"notify: {{command: '{secret}', urls: ['{secret}', 'json://a b{secret}', 5]}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, "x")
    assert len(caught.value.problems) == 10
    assert secret not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        parse(ACCOUNTS + f"sessions: '{secret}'\nnotify: '{secret}'\n", "x")
    assert len(caught.value.problems) == 2
    assert secret not in str(caught.value)
    for broken in (secret, f"accounts: [{secret}", f"a: '{secret}", f"{secret}:\n  {secret}:\n -"):
        with pytest.raises(ConfigError) as caught:
            parse(broken, "x")
        if not broken.startswith(secret + ":"):
            assert secret not in str(caught.value)


# ---- between values ----------------------------------------------------------------------------------------


def test_two_accounts_of_one_name_or_one_home() -> None:
    homes = [("a", "/h/a"), ("a", "/h/b"), ("c", "/h//a/")]
    found = problems_of(yaml.safe_dump({"accounts": [{"name": name, "home": home} for name, home in homes]}))
    assert [problem.key for problem in found] == ["accounts[1].name", "accounts[2].home"]


def test_one_account_at_least_is_enabled() -> None:
    text = "accounts:\n  - {name: a, home: /h/a, enabled: false}\n  - {name: b, home: /h/b, enabled: %s}\n"
    assert [problem.key for problem in problems_of(text % "false")] == ["accounts"]
    assert parse(text % "true", "x").accounts[0].enabled is False


def test_two_homes_that_are_one_directory(tmp_path: Any) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    accounts = [{"name": name, "home": str(tmp_path / name)} for name in ("real", "link")]
    assert [problem.key for problem in problems_of(yaml.safe_dump({"accounts": accounts}))] == ["accounts[1].home"]


@pytest.mark.parametrize("link", ["/h/a", "/h/a/x", "/h"])
def test_an_active_link_and_homes_in_one_another(link: str) -> None:
    assert {problem.key for problem in problems_of(ACCOUNTS + f"active_link: {link}\n")} == {"active_link"}


def test_an_active_link_that_leads_to_a_home_is_not_in_it(tmp_path: Any) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to("home")
    text = yaml.safe_dump(
        {"accounts": [{"name": "a", "home": str(tmp_path / "home")}], "active_link": str(tmp_path / "link")}
    )
    assert parse(text, "x").active_link == str(tmp_path / "link")


def test_an_active_link_in_a_home_by_way_of_another_link(tmp_path: Any) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "way").symlink_to("home")
    text = yaml.safe_dump(
        {"accounts": [{"name": "a", "home": str(tmp_path / "home")}], "active_link": str(tmp_path / "way" / "link")}
    )
    assert [problem.key for problem in problems_of(text)] == ["active_link"]


@pytest.mark.parametrize("target", ["/h/a", "/h/b/x", "/h", "/home/ubuntu/.claude/x", "/home/ubuntu/.claude"])
def test_targets_in_homes_or_in_the_active_link(target: str) -> None:
    found = problems_of(ACCOUNTS + f"shared_links: [{{name: projects, target: {target}}}]\n")
    assert {problem.key for problem in found} == {"shared_links[0]"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("state_dir: /home/ubuntu/.claude", "state_dir"),
        ("state_dir: /home/ubuntu/.claude/state", "state_dir"),
        ("control_socket: /home/ubuntu/.claude", "control_socket"),
        ("tmux: {socket: /home/ubuntu/.claude/s}", "tmux.socket"),
        ("metrics: {textfile: /home/ubuntu/.claude}", "metrics.textfile"),
        ("telemetry: {endpoint: 'http://x', headers_file: /home/ubuntu/.claude/h}", "telemetry.headers_file"),
    ],
)
def test_nothing_of_the_daemon_is_or_lies_in_the_active_link(text: str, key: str) -> None:
    assert the_problem(text + "\n").key == key


def test_one_path_for_both_sockets() -> None:
    assert the_problem("control_socket: /run/x\ntmux: {socket: /run//x}\n").key == "control_socket"


def test_remote_control_needs_settings_of_the_daemons() -> None:
    (problem,) = problems_of(with_session(remote_control=True, claude_args=False, command=["claude"]))
    assert problem.key == "sessions[0].remote_control"
    assert parse(with_session(remote_control=True), "x").sessions[0].remote_control is True


def test_a_name_that_sounds_like_a_home_is_no_place_in_it() -> None:
    assert parse("accounts: [{name: a, home: /h/a}]\nactive_link: /h/ab\n", "x").active_link == "/h/ab"


# ---- for any text ------------------------------------------------------------------------------------------

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["/a", "/a/b", "~", "claude", "--resume", "a.b", "priority", "compte1"]),
)
_KEYS = st.one_of(
    st.sampled_from(
        [
            "accounts",
            "name",
            "home",
            "sessions",
            "cwd",
            "command",
            "env",
            "failover",
            "cooldown",
            "tmux",
            "socket",
            "shared_links",
            "target",
            "detection",
            "extra_patterns",
            "lifecycle",
            "restart_backoff",
            "active_link",
            "notify",
            "telemetry",
            "endpoint",
        ]
    ),
    st.text(alphabet=string.printable, max_size=8),
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_any_document_is_taken_or_refused_with_reasons(document: dict[str, Any]) -> None:
    try:
        text = yaml.safe_dump(document, allow_unicode=True)
        read: Config | ConfigError = parse(text, "f")
    except ConfigError as error:
        read = error
    if isinstance(read, ConfigError):
        assert read.problems
        lines = str(read).split("\n")
        assert all(line.startswith("f") and "found " in line and "; expected " in line for line in lines)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="{}[]:-,&*!|>'\"%@`#? \n\tab~<0", max_size=60))
def test_any_bytes_are_refused_with_reasons(text: str | bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert caught.value.problems


def test_a_variable_without_its_colon_is_not_shown_whole() -> None:
    text = "accounts: [{name: a, home: /h/a}]\nsessions: [{name: m, cwd: /srv, env: {TOKEN sk-ant-1}}]\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "/etc/x.yml")
    assert "TOKEN" in str(caught.value)
    assert "sk-ant" not in str(caught.value)

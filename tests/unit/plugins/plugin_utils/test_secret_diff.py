# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test which values of a diff are hidden, and what of them is still told."""

from __future__ import annotations

import pytest
from ansible_collections.secuaas.claude.plugins.plugin_utils._secret_diff import hide_secrets

CONFIG = "/etc/claude-failover/config.yml"
ATTRIBUTES = "group: 0\nmode: 0644\n"


def shown(before: str, after: str, path: str = CONFIG) -> tuple[str, str]:
    diff = {"before_header": path, "after_header": path, "before": before, "after": after}
    found = hide_secrets(diff, [CONFIG])
    assert found["before_header"] == found["after_header"] == path
    return found["before"], found["after"]


def session(name: str, **env: str) -> str:
    return f"- name: {name}\n  env: {env}\n"


def test_a_changed_value_is_told_from_an_unchanged_and_a_new_one() -> None:
    before, after = shown(
        "sessions:\n" + session("a", same="planted", other="planted 1"),
        "sessions:\n" + session("b", new="planted") + session("a", same="planted", other="planted 2"),
    )
    hidden = "<value not shown>"
    assert before == f"sessions:\n- name: a\n  env:\n    same: {hidden}\n    other: {hidden}\n"
    assert after == (
        f"sessions:\n- name: b\n  env:\n    new: {hidden}\n"
        f"- name: a\n  env:\n    same: {hidden}\n    other: <value not shown, changed>\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "sessions: [{name: a, env: planted}]",
        "sessions: [{name: a, env: [planted, {x: planted}]}]",
        "sessions: {a: {env: {TOKEN: |\n  planted\n  planted\n}}}",
        "sessions:\n- env: {T: 'planted'}\n  # planted\n",
        "secrets: [{env: &e {T: planted}}]\nsessions: [{name: a, env: *e}]",
        "base: &b {env: {T: planted}}\nsessions: [{<<: *b, name: a}]",
        "notify: {command: [curl, -H, planted]}",
        "notify: planted",
        "notify: {urls: ['https://planted@x']}",
        "planted",
        "- planted",
        "a: b: planted",
        "a: !planted 1",
        "a: 1\n---\nb: planted",
        "? [planted]\n: 1",
        "\x00planted",
    ],
)
def test_no_secret_is_shown_wherever_it_stands(text: str) -> None:
    for before, after in ((text, ""), ("", text), (text, "a: 1\n"), ("a: 1\n", text)):
        found = shown(before, after)
        assert "planted" not in "".join(found)
        assert found[0] != found[1]


def test_everything_else_is_shown_with_the_attributes() -> None:
    before, after = shown(
        ATTRIBUTES + "# head\nlink: /a\nwaits: [1, 2.5]\n", "group: 7\nmode: 0640\nlink: /b\non: true\n"
    )
    assert before == ATTRIBUTES + "link: /a\nwaits:\n- 1\n- 2.5\n"
    assert after == "group: 7\nmode: 0640\nlink: /b\ntrue: true\n"


def test_a_change_of_attributes_alone_shows_no_content() -> None:
    assert shown("mode: 0644\n", "mode: 0640\n") == ("mode: 0644\n", "mode: 0640\n")


def test_a_change_that_no_value_shows_is_told() -> None:
    before, after = shown("# planted\na: 1\n", "a:   1\n")
    assert before == "a: 1\n"
    assert after == "a: 1\n# differs in comments or layout only\n"


def test_variables_in_the_language_of_tmux_are_hidden_in_other_files() -> None:
    text = (
        "set-option -g mouse on\nset-environment -g KEY planted\n"
        "if-shell true { setenv KEY 'planted' }\nset-env K planted\n"
    )
    before, after = shown("", text, "/etc/claude-failover/tmux.conf")
    assert before == ""
    assert after == (
        "set-option -g mouse on\nset-environment <value not shown>\n"
        "if-shell <value not shown>\nset-env <value not shown>\n"
    )


def test_a_diff_without_texts_stays_usable() -> None:
    assert hide_secrets({"prepared": "x"}, [CONFIG]) == {"prepared": "x", "before": "", "after": ""}


@pytest.mark.parametrize(
    "text",
    [
        "set-environment -g T \\\n {}",
        "set-environment\\\n -g T {}",
        "setenv T 'a\n{}'",
        'setenv T "a\n{}"',
        "setenv T don't {}",
        "T={}",
        "%hidden T={}",
        "new-session -d -e T={} -s x",
        "neww -eT={}",
        "split-window -e 'T=a {}'",
        'respawn-pane -e "T=a\n{}"',
    ],
)
def test_every_way_to_set_a_variable_of_tmux_is_hidden(text: str) -> None:
    planted = "a-value-that-nobody-is-to-see"
    text = f"set -g status-style bg=red\n{text.format(planted)}\nset -g status off\n"
    diff = {"after_header": "/etc/claude-failover/tmux.conf", "before": "", "after": text}
    after = hide_secrets(diff, [])["after"]
    assert planted not in after
    assert after.startswith("set -g status-style bg=red\n")
    assert after.endswith("\nset -g status off\n") or "don't" in text


@pytest.mark.parametrize(
    "text",
    [
        "run-shell 'curl -H \"Token: {}\" https://x'",
        "run-shell -b 'export T={}; exec x'",
        "run-sh 'a\n{}\nb'",
        "run \"a '{}'\"",
        "run -b ~/x {}",
        "bind-key r run-shell 'x {}'",
        "set-hook -g client-attached 'run-shell \"x {}\"'",
        "if-shell 'test x = {}' 'set -g status on'",
        "if -F '#{{x}}' 'run \"x {}\"'",
        "new-session -d -s x -- sh -c 'T={} exec claude'",
        "neww 'claude --token {}'",
        "new-window claude --token {}",
        "splitw -h 'x {}'",
        "respawn-pane -k 'x {}'",
        "respawn-window 'x {}'",
        "display-popup -E 'x {}'",
        "popup -E 'x {}'",
        "pipe-pane -o 'x {}'",
        "set -g default-command 'T={} exec bash'",
        "set -g default-c 'x {}'",
        "set -s copy-command 'x {}'",
        "set -g lock-command 'x {}'",
        "bind -T copy-mode y send -X copy-pipe-and-cancel 'x {}'",
        "set -g status-right '#(curl -u me:{} https://x) %H:%M'",
        "bind r display-popup -E \\\n 'x {}'",
    ],
)
def test_a_command_that_tmux_runs_is_hidden(text: str) -> None:
    planted = "a-value-that-nobody-is-to-see"
    text = f"set -g status-style bg=red\n{text.format(planted)}\nset -g status off\n"
    diff = {"after_header": "/etc/claude-failover/tmux.conf", "before": text, "after": text}
    found = hide_secrets(diff, [])
    assert planted not in found["before"] + found["after"]
    assert found["after"].startswith("set -g status-style bg=red\n")
    assert found["after"].endswith("\nset -g status off\n")


def test_what_runs_no_program_is_shown() -> None:
    text = (
        "# Read once, if the server is new; a run of the role restarts nothing.\n"
        "set-option -g status-style bg=red,fg=#00ff00\nbind-key -n F1 next-window\n"
        "set -g status-left '#{session_name}'\n"
    )
    diff = {"after_header": "/etc/claude-failover/tmux.conf", "before": "", "after": text}
    assert hide_secrets(diff, [])["after"] == text


@pytest.mark.parametrize("value", ["2026-13-45", "!!int ''", "!!bool maybe", "!!timestamp soon", "!!float one"])
def test_a_configuration_that_no_reader_takes_shows_nothing(value: str) -> None:
    diff = {"after_header": "c", "before": f"env: {{A: secret}}\nx: {value}\n", "after": "x: 1\n"}
    shown = hide_secrets(diff, ["c"])
    assert ("secret" in shown["before"], "content not shown" in shown["before"], shown["after"]) == (
        False,
        True,
        "x: 1\n",
    )

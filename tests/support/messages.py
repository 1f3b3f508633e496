# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages that the code can say to an operator, found in its source.

A message is the text of

* an exception that is raised, unless its class is in `INSIDE`: a new class counts,
* a ``log.warning``, ``log.error``, ``log.exception`` or ``log.critical``,
* a `Finding` that is not ``ok``: what it found,
* ``fail_json`` of a module,
* ``fail_msg`` of an assertion, and ``msg`` of a failure, in a task of the role or of a playbook,
* a reason, in the modules of `REASONS`: what a function returns or yields, or keeps under a name of `REASON_NAMES`.

Each is a template: what the program puts in is ``…``. A template without words of its own (``…: …``) only hands on what
another one says, and is left out.
"""

from __future__ import annotations

import ast
import glob
import itertools
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml
from import_path import DAEMON_LIB, ROOT

DAEMON = os.path.join(DAEMON_LIB, "claude_failover")
PLUGINS = os.path.join(ROOT, "plugins")
GAP = "…"
MOST = 40
"""Templates of one expression: a longer one has the gap in the place of its choices."""

# Caught where they are raised for: what the operator reads is another message, or a bug.
INSIDE = {
    *("ValueError", "TypeError", "RuntimeError", "AssertionError", "KeyError", "OSError", "PermissionError"),
    *("FileExistsError", "FileNotFoundError", "BlockingIOError", "ConnectionError", "ArgumentTypeError"),
    *("JsonError", "QuotingError", "NotATranscriptError", "NotARegularFileError", "TooLargeError", "_UnknownError"),
    # A part of "FILE:LINE: KEY: found …, expected …", the message of config.section.
    "ValidationError",
}
LOGGED = {"log.warning", "log.error", "log.exception", "log.critical"}
# Words that a message of the same module puts in.
NO_MESSAGES = {"an account's sessions", "an account's settings or history"}
FAILURES = {"ansible.builtin.assert": "fail_msg", "ansible.builtin.fail": "msg"}
REASON_NAMES = {"reason", "why", "note", "problem", "detail"}
REASON_CALLS = ("_tell", ".set_changed", "problems.append")
# Where a session does not go on, a switch is not made, or an account is not taken.
REASONS = {
    *("sessions/ownership.py", "sessions/launch.py", "sessions/lifecycle.py", "sessions/changes.py"),
    *("sessions/restart_policy.py", "sessions/session_control.py", "sessions/moved_conversations.py"),
    *("sessions/prompt_budget.py", "sessions/remote_control.py", "claude/prompt_sender.py"),
    *("detection/activity_check.py", "detection/lost_contexts.py", "detection/owner_watch.py"),
    *("detection/source_checks.py", "failover/own_limits.py", "failover/owner_copy.py", "failover/resume_queue.py"),
    *("failover/resumer.py", "failover/attribution.py", "switching/steps.py", "switching/switcher.py"),
    *("accounts/selection.py", "accounts/identities.py", "accounts/link_watch.py", "accounts/login_watch.py"),
    *("accounts/shared_identity.py", "accounts/active_link.py", "tasks/routing.py", "tasks/tracker.py"),
    *("host/access.py", "host/links.py", "host/folders.py", "plugins/module_utils/_adopt_problems.py"),
    *("plugins/module_utils/_symlink_setup.py", "plugins/module_utils/_symlink_request.py"),
    *("plugins/plugin_utils/_live_refusals.py", "cli/login_lines.py", "cli/login_outcome.py", "cli/login_name.py"),
    *("accounts/home_logins.py", "claude/owner_answer.py", "sessions/tracked_session.py", "config/loader.py"),
}
# The imitation of Claude Code speaks to nobody.
LEFT_OUT = ("rehearsal/fake_claude/",)


Names = dict[str, list[ast.expr]]


class Message(NamedTuple):
    """One template, and where it is said."""

    text: str
    kind: str
    place: str


def templates(node: ast.expr | None, percent: bool = False, names: Names | None = None) -> list[str]:
    """Return what an expression can say, with a gap for what is only known when it runs.

    ``names`` are the values of local variables, which are looked up where they are the whole text.
    """
    if isinstance(node, ast.Name) and names and node.id in names:
        return [text for value in names[node.id] for text in templates(value, percent)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"%[-+0-9.]*[a-zA-Z]", GAP, node.value).replace("%%", "%") if percent else node.value
        return [text]
    if isinstance(node, ast.JoinedStr):
        return joined([templates(value) for value in node.values])
    if isinstance(node, ast.FormattedValue):
        return templates(node.value) if isinstance(node.value, (ast.IfExp, ast.Constant)) else [GAP]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return joined([templates(node.left, percent), templates(node.right, percent)])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return templates(node.left, True)
    if isinstance(node, ast.IfExp):
        return [*templates(node.body, percent, names), *templates(node.orelse, percent, names)]
    if isinstance(node, ast.BoolOp):
        return list(itertools.chain.from_iterable(templates(value, percent, names) for value in node.values))
    return [GAP]


def joined(parts: list[list[str]]) -> list[str]:
    """Return every text that the parts make one after another."""
    count = 1
    for part in parts:
        count *= len(part)
    if count > MOST:
        parts = [part if len(part) == 1 else [GAP] for part in parts]
    return ["".join(choice) for choice in itertools.product(*parts)]


def normal(text: str) -> str:
    """Return a template on one line, with one gap where several follow each other."""
    return re.sub(f"{GAP}[{GAP}'\"]*{GAP}", GAP, " ".join(text.split())).strip()


def has_words(text: str) -> bool:
    """Tell if a template says anything of its own, and is no name of the program's."""
    return " " in text and len(re.findall(r"[A-Za-z]{2,}", text.replace(GAP, " "))) >= 2


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Give every source of the daemon and of the plugins: its path, of the daemon within its package."""
    for root, above in ((DAEMON, DAEMON), (PLUGINS, ROOT)):
        for folder, _folders, names in sorted(os.walk(root)):
            for path in sorted(os.path.join(folder, name) for name in names if name.endswith(".py")):
                name = os.path.relpath(path, above).replace(os.sep, "/")
                if not name.startswith(LEFT_OUT):
                    with open(path, encoding="utf-8") as stream:
                        yield name, ast.parse(stream.read())


def said_by(name: str, tree: ast.Module) -> Iterator[Message]:
    """Give the messages of one source."""
    for node, names in with_local_names(tree):
        for kind, expression in expressions(name, node):
            for text in map(normal, templates(expression, kind in LOGGED, names)):
                if has_words(text) and text not in NO_MESSAGES:
                    yield Message(text, kind, f"{name}:{expression.lineno}")


def with_local_names(tree: ast.Module) -> Iterator[tuple[ast.AST, Names]]:
    """Give each node with the local variables of the function that it is in."""
    names: dict[ast.AST, Names] = {}
    for function in ast.walk(tree):  # an inner function after the one that it is in
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            local: Names = {}
            for node in ast.walk(function):
                names[node] = local
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    local.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        yield node, names.get(node, {})


def expressions(name: str, node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Give what a node of the source says, with the kind of the message."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        kind = ast.unparse(node.exc.func).rpartition(".")[2]
        if kind not in INSIDE:
            yield from ((kind, argument) for argument in node.exc.args)
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in LOGGED:
            yield called, node.args[0]
        elif called == "Finding" and len(node.args) > 2:
            yield called, node.args[2]
        elif called.endswith(".fail_json"):
            yield from (("fail_json", keyword.value) for keyword in node.keywords if keyword.arg == "msg")
        elif name in REASONS and called.endswith(REASON_CALLS):
            yield from (("reason", argument) for argument in node.args)
    elif name in REASONS:
        if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
            yield from (("reason", value) for value in members(node.value))
        elif isinstance(node, ast.AugAssign):
            yield from (("reason", value) for value in members(node.value) if isinstance(node.value, ast.List))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            constant = ast.unparse(targets[0]).isupper() and is_sentence(node.value)
            if constant or any(ast.unparse(target) in REASON_NAMES for target in targets):
                yield "reason", node.value
        elif isinstance(node, ast.Dict):
            yield from (("reason", value) for value in node.values if is_sentence(value))


def is_sentence(value: ast.expr) -> bool:
    """Tell if a constant is a text of three words or more."""
    return isinstance(value, ast.Constant) and len(str(value.value).split()) >= 3


def members(value: ast.expr) -> list[ast.expr]:
    """Return the members of a tuple or a list, or the value itself."""
    return list(value.elts) if isinstance(value, (ast.Tuple, ast.List)) else [value]


def said_by_tasks() -> Iterator[Message]:
    """Give the messages with which a task of the role or of a playbook fails."""
    roles = os.path.join(ROOT, "roles", "claude_failover", "tasks", "*.yml")
    for path in sorted([*glob.glob(roles), *glob.glob(os.path.join(ROOT, "playbooks", "*.yml"))]):
        with open(path, encoding="utf-8") as stream:
            waiting = [yaml.safe_load(stream)]
        while waiting:
            value = waiting.pop()
            waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            for module, key in FAILURES.items() if isinstance(value, dict) else ():
                text = normal(re.sub(r"\{\{.*?\}\}", GAP, str((value.get(module) or {}).get(key, "")), flags=re.DOTALL))
                if has_words(text):
                    yield Message(text, module, os.path.relpath(path, ROOT))


def all_messages() -> dict[str, list[Message]]:
    """Return every message by its text."""
    found: dict[str, list[Message]] = {}
    said = (said_by(name, tree) for name, tree in sources())
    for message in itertools.chain(*said, said_by_tasks()):
        found.setdefault(message.text, []).append(message)
    return found

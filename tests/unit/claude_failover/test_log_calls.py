# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each call of the log names in fields what it is about, and writes words rather than Python's forms of objects."""

from __future__ import annotations

import ast
import os
import re

import pytest

import claude_failover

PACKAGE = os.path.dirname(os.path.abspath(claude_failover.__file__))
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# What follows is the name of one; there is none in `%d sessions`.
NAMED = re.compile(r"\b(session|account|switch) %s")
FIELD = {"session": "session", "account": "account", "switch": "switch_id"}
# What returns a mapping or a list, by the end of its name.
OBJECTS = re.compile(r"(_row|_rows|_document|to_json|to_status|as_dict|asdict)$")
# The fields of a whole record are made beside the call.
EXCEPTIONS = {("switching/open_records.py", "switch %s")}
FILES = sorted(
    name
    for name in (
        os.path.relpath(os.path.join(folder, name), PACKAGE).replace(os.sep, "/")
        for folder, _folders, names in os.walk(PACKAGE)
        for name in names
        if name.endswith(".py")
    )
    if not name.startswith("rehearsal/")
)


def source_of(name: str) -> str:
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as stream:
        return stream.read()


def log_calls(source: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in METHODS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


def format_of(arguments: list[ast.expr]) -> str:
    texts = [each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return texts[0] if texts else ""


def assigned(source: str, line: int, value: ast.expr) -> ast.expr:
    """Return the value that a name was given last above a line, or what is no name itself."""
    if not isinstance(value, ast.Name):
        return value
    above = [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and node.lineno < line
        and any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
    ]
    return max(above, key=lambda row: row[0], default=(0, value))[1]


def problems(source: str) -> list[str]:
    """Return what is wrong with the calls of the log in a module."""
    found = []
    for call in log_calls(source):
        given = [assigned(source, call.lineno, each) for each in call.args]
        text, written = format_of(given), [ast.unparse(each) for each in call.args]
        extras = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
        extra = "".join(ast.unparse(assigned(source, call.lineno, each)) for each in extras)
        missing = [
            noun
            for noun in FIELD
            if f"{FIELD[noun]}=" not in extra and (noun in NAMED.findall(text) or names(noun, call.args))
        ]
        found += [f"{call.lineno}: no field {FIELD[noun]}: {text}" for noun in missing]
        if not text:
            found.append(f"{call.lineno}: the first text is no constant: {written}")
        if "%r" in text or "%a" in text or any("!r}" in each or each.startswith("repr(") for each in written):
            found.append(f"{call.lineno}: a form of Python's: {text}")
        if any(is_object(each) for each in call.args):
            found.append(f"{call.lineno}: an object: {written}")
    return found


def names(noun: str, arguments: list[ast.expr]) -> bool:
    """Return whether an argument is a session's or an account's name, by what it is called."""
    last = [ast.unparse(each).rpartition(".") for each in arguments]
    words = {"session": {"session"}, "account": {"account"}, "switch": {"switch_id", "record_id"}}[noun]
    owners = {"session": {"tracked", "spec", "session"}, "account": {"account", "active", "target"}, "switch": set()}
    return any(
        name in words or (name == "name" and owner.rpartition(".")[2] in owners[noun]) for owner, _dot, name in last
    )


def is_object(argument: ast.expr) -> bool:
    if isinstance(argument, (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set, ast.SetComp, ast.Tuple)):
        return True
    return isinstance(argument, ast.Call) and OBJECTS.search(ast.unparse(argument.func)) is not None


@pytest.mark.parametrize("name", FILES)
def test_a_call_of_the_log_has_its_fields_and_writes_words(name: str) -> None:
    allowed = tuple(f": {text}" for place, text in EXCEPTIONS if place == name)
    assert [line for line in problems(source_of(name)) if not line.endswith(allowed)] == []


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("log.info('session %s: up', name)", "no field session"),
        ("log.info('session %s: up', name, extra=log_fields(account=a))", "no field session"),
        ("log.info('it is up: %s', tracked.name)", "no field session"),
        ("log.info('it is up: %s', task.session)", "no field session"),
        ("log.error('account %s: out', x)", "no field account"),
        ("log.log(level, 'it is out: %s', self.account)", "no field account"),
        ("log.error('switch %s: failed', entry.id)", "no field switch_id"),
        ("log.error('failed: %r', error)", "a form of Python's"),
        ("log.error('failed: %s', f'{error!r}')", "a form of Python's"),
        ("log.error('failed: %s', session_row(result))", "an object"),
        ("log.error('failed: %s', {'a': 1})", "an object"),
        ("log.error('failed: %s', [1])", "an object"),
        ("log.error(text)", "the first text is no constant"),
    ],
)
def test_a_wrong_call_is_found(call: str, problem: str) -> None:
    (found,) = problems(call)
    assert problem in found


@pytest.mark.parametrize(
    "call",
    [
        "log.info('session %s: up', name, extra=log_fields(session=name))",
        "fields = log_fields(session=name)\nlog.info('session %s: up', name, extra=fields)",
        "text = 'session %s: up'\nlog.info(text, name, extra=log_fields(session=name))",
        "log.info('%d sessions', len(sessions))",
        "log.error('switch %s: account %s', i, a, extra=log_fields(switch_id=i, account=a))",
        "other.info('session %s: up', name)",
    ],
)
def test_a_right_call_is_taken(call: str) -> None:
    assert problems(call) == []

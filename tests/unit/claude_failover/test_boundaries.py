# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text passes one boundary on its way in and one on its way out: no other module makes the raw calls.

In: `common.json_text.parse`, `common.text.decoded` and `whole_number`, `storage.regular_file`. Out: `json_text.render`,
`common.text.printable`, `reporting.log_format`, the functions that print in `cli.common`.
"""

from __future__ import annotations

import ast
import os

import pytest

import claude_failover

PACKAGE = os.path.dirname(os.path.abspath(claude_failover.__file__))
# The imitation of Claude Code is another program, and reads what a rehearsal has written.
OTHER_PROGRAM = os.path.join("rehearsal", "")

# Raw calls, as they are written, and the modules that may make them.
CALLS = {
    "json": ({"json.load", "json.loads", "json.dump", "json.dumps", "json.JSONDecoder"}, {"common/json_text.py"}),
    "decode": ({".decode"}, {"common/text.py", "common/json_text.py"}),
    "digits": ({".isdigit", ".isdecimal", ".isnumeric"}, {"common/text.py"}),
    "open": (
        {
            "open",
            "io.open",
            "os.open",
            "os.fdopen",
            "posix.open",
            ".read_text",
            ".read_bytes",
            ".write_text",
            ".write_bytes",
        },
        {"storage/regular_file.py"},
    ),
    "print": ({"print", "sys.stdout.write", "sys.stderr.write"}, {"cli/common.py"}),
    "log": ({"logging.basicConfig", "logging.StreamHandler", "logging.Formatter"}, {"reporting/log_format.py"}),
}
EXCEPTIONS = {
    # Its process is the session's, and starts with every event: it imports next to nothing. It answers to nobody.
    ("hook.py", "json"),
    ("hook.py", "open"),
    ("hook.py", "print"),
    # A file of Claude Code's goes back with all else that it held, lone surrogates too.
    ("claude/state_file_edit.py", "json"),
    # Both tell where the first byte is that is no UTF-8.
    ("config/yaml_loader.py", "decode"),
    ("cli/commands/dispatch.py", "decode"),
    # /proc and /etc, which no user of the daemon's can change.
    ("common/processes.py", "open"),
    ("common/clock.py", "open"),
    # A temporary file of its own, and folders.
    ("storage/files.py", "open"),
    ("claude/transcript.py", "open"),
    # /dev/null in the place of a closed descriptor.
    ("cli/main.py", "open"),
}
FILES = sorted(
    name
    for name in (
        os.path.relpath(os.path.join(folder, name), PACKAGE)
        for folder, _folders, names in os.walk(PACKAGE)
        for name in names
        if name.endswith(".py")
    )
    if not name.startswith(OTHER_PROGRAM)
)


def raw_calls(name: str, source: str) -> dict[str, list[int]]:
    """Return the lines of the raw calls in a module that may not make them, by kind."""
    found: dict[str, list[int]] = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        written = ast.unparse(node.func)
        method = "." + node.func.attr if isinstance(node.func, ast.Attribute) else ""
        for kind, (calls, places) in CALLS.items():
            if (written in calls or method in calls) and name not in places and (name, kind) not in EXCEPTIONS:
                found.setdefault(kind, []).append(node.lineno)
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_module_goes_round_the_boundaries(name: str) -> None:
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as stream:
        assert raw_calls(name.replace(os.sep, "/"), stream.read()) == {}


@pytest.mark.parametrize(("name", "kind"), sorted(EXCEPTIONS))
def test_an_exception_is_still_needed(name: str, kind: str) -> None:
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as stream:
        written = ast.parse(stream.read())
    called = [ast.unparse(node.func) for node in ast.walk(written) if isinstance(node, ast.Call)]
    assert [call for call in called if call in CALLS[kind][0] or "." + call.rpartition(".")[2] in CALLS[kind][0]]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import json\njson.loads('')", "json"),
        ("b''.decode()", "decode"),
        ("open('x').read()", "open"),
        ("import os\nos.open('x', 0)", "open"),
        ("print('x')", "print"),
        ("'²'.isdigit()", "digits"),
        ("import logging\nlogging.basicConfig()", "log"),
    ],
)
def test_a_raw_call_is_found(source: str, kind: str) -> None:
    assert list(raw_calls("failover/policy.py", source)) == [kind]

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller part of claude_failover_release: render and pack everything for one module call."""

from __future__ import annotations

import ast
import base64
import os
from collections.abc import Iterator
from typing import Any, Optional

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible.release import __version__ as ansible_version
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle
from ansible_collections.secuaas.claude.plugins.plugin_utils._secret_diff import hide_secrets

_COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PACKAGE = "ansible_collections.secuaas.claude.plugins.module_utils"
_SHARED_MODULES = ("shared_symlinks", "control_client", "_home_scripts")


def release_sources(collection: str) -> dict[str, bytes]:
    """Return the files of a release, by path below its library folder, from a collection's folder.

    They are the daemon, and the module_utils that it shares with the modules, at their import path in the
    collection. Every package on that path gets an ``__init__.py``: a bare namespace would lose to a regular
    ``ansible_collections`` elsewhere on ``sys.path``. Raises OSError where a file cannot be read.
    """
    daemon = os.path.join(collection, "roles", "claude_failover", "files")
    sources = {"__main__.py": _read_file(os.path.join(daemon, "__main__.py"))}
    for where, inner, names in os.walk(os.path.join(daemon, "claude_failover")):
        inner[:] = [name for name in inner if name != "__pycache__"]
        for name in names:
            if name.endswith(".pyc") or name.startswith("."):
                continue
            path = os.path.join(where, name)
            sources[os.path.relpath(path, daemon).replace(os.sep, "/")] = _read_file(path)
    parts = _PACKAGE.split(".")
    for depth in range(1, len(parts) + 1):
        sources["/".join(parts[:depth]) + "/__init__.py"] = b""
    for name, data in _shared_module_utils(os.path.join(collection, "plugins", "module_utils")).items():
        sources["%s/%s.py" % ("/".join(parts), name)] = data
    return sources


def _shared_module_utils(folder: str) -> dict[str, bytes]:
    """Return the module_utils of the daemon, by module name: the shared ones and all that they import."""
    found: dict[str, bytes] = {}
    pending = list(_SHARED_MODULES)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = _read_file(os.path.join(folder, name + ".py"))
            pending += _imported_module_utils(found[name])
    return found


def _imported_module_utils(source: bytes) -> Iterator[str]:
    """Yield the names of the collection's module_utils that a module imports by their absolute names."""
    below = _PACKAGE + "."
    start = len(below)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == _PACKAGE:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(below):
            yield str(node.module)[start:]
        elif isinstance(node, ast.Import):
            yield from (alias.name[start:] for alias in node.names if alias.name.startswith(below))


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class ActionModule(ActionBase):
    """Render the templates, pack them with the daemon, and call the module once."""

    TRANSFERS_FILES = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Run the module on the host; return its result without the bundle."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if arguments.get("state", "present") == "present":
            bundle = _release_bundle.pack(self._members(arguments, variables))
            arguments["bundle"] = base64.b64encode(bundle).decode("ascii")
        result.update(self._run_module(arguments, variables))
        result.get("invocation", {}).get("module_args", {}).pop("bundle", None)
        configurations = result.pop("configurations", [])
        if isinstance(result.get("diff"), list):
            result["diff"] = [hide_secrets(diff, configurations) for diff in result["diff"]]
        return result

    def _run_module(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run the module; its result still holds secrets, which with -vvv the connection would show."""
        # The connection has its own copy of the settings of the task.
        context = self._connection._play_context
        shown, context.no_log = context.no_log, True
        try:
            result: dict[str, Any] = self._execute_module(
                module_name="secuaas.claude.claude_failover_release", module_args=arguments, task_vars=variables
            )
        finally:
            context.no_log = shown
        return result

    def _members(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, bytes]:
        try:
            sources = release_sources(_COLLECTION)
        except OSError as error:
            raise AnsibleActionFail(
                "The collection on the controller is not whole: %s: %s" % (error.filename, error.strerror)
            ) from error
        members = {_release_bundle.LIBRARY + name: data for name, data in sources.items()}
        files = arguments.get("files") or []
        if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
            raise AnsibleActionFail("files is %r; expected a list of dictionaries" % (files,))
        for index, entry in enumerate(files):
            if entry.get("src"):
                members["%s%d" % (_release_bundle.FILES, index)] = self._render(str(entry["src"]), variables)
        return members

    def _render(self, src: str, variables: dict[str, Any]) -> bytes:
        # Before 2.19 a text that looks like JSON would come back as a dictionary; since 2.21 the option is deprecated.
        older = tuple(int(part) for part in ansible_version.split(".")[:2]) < (2, 19)
        options = {"convert_data": False} if older else {}
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            return str(lookup.run([src], variables=variables, **options)[0]).encode("utf-8")
        except AnsibleError as error:
            raise AnsibleActionFail("The template %s cannot be rendered: %s" % (src, error)) from error

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe the drift of a host in sentences, by kind.

The role calls it in ``__claude_failover_drift`` of its vars/main.yml, where a result of a new task is passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: claude_failover_drift
author:
  - secuaas.claude contributors (@secuaas)
short_description: Describe the drift of a host
version_added: 0.4.0
description:
  - Describes the differences that the role P(secuaas.claude.claude_failover#role) found in check mode, in sentences.
  - Written for that role. Its entry point C(drift) sets the fact C(claude_failover_drift) from it.
positional: _input
options:
  _input:
    description: The registered results of the role's tasks. A result that is missing has no drift.
    type: dict
    required: true
    suboptions:
      claude_installation:
        description: The installation of the Claude Code CLI.
        type: dict
      claude_link:
        description: The link C(/usr/local/bin/claude).
        type: dict
      control_group:
        description: The group of the control socket.
        type: dict
      links:
        description: The result of M(secuaas.claude.claude_shared_symlinks).
        type: dict
      release:
        description: The result of M(secuaas.claude.claude_failover_release).
        type: dict
      tmux_service:
        description: The unit of the tmux server.
        type: dict
      daemon_service:
        description: The unit of the daemon.
        type: dict
      removal:
        description: The result of M(secuaas.claude.claude_failover_release) with C(state=absent).
        type: dict
  unit_paths:
    description: Paths that count as C(units).
    type: list
    elements: str
    required: true
  code_paths:
    description: Paths that count as C(code). Every other path counts as C(configuration).
    type: list
    elements: str
    required: true
  missing_packages:
    description: Names of the packages that are not installed.
    type: list
    elements: str
    default: []
  missing_user:
    description: Name of the sessions' user if it does not exist.
    type: str
    default: ''
  missing_group:
    description: Name of the sessions' group if it does not exist.
    type: str
    default: ''
  control_group:
    description: Name of the group of the control socket.
    type: str
    default: ''
  claude_version:
    description: Version of the Claude Code CLI.
    type: str
    default: ''
  old_claude:
    description: Sentences about programs of the sessions that are an unsupported version of the Claude Code CLI.
    type: list
    elements: str
    default: []
  refused_changes:
    description: Sentences about changes of the configuration that are refused while the host is in use.
    type: list
    elements: str
    default: []
  tmux_newer:
    description: Paths of files that the running tmux server was started without, as they are now.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Compare the links
  secuaas.claude.claude_shared_symlinks:
    account_homes: [/home/claude/.claude-compte1, /home/claude/.claude-compte2]
    links: [{name: projects}]
  check_mode: true
  register: links

- name: Show the drift of the links
  ansible.builtin.debug:
    msg: "{{ {'links': links} | secuaas.claude.claude_failover_drift(unit_paths=[], code_paths=[]) }}"
"""

RETURN = r"""
_value:
  description:
    - The sentences of each kind of drift. The kinds are C(host), C(links), C(configuration), C(units), C(code),
      C(service) and C(rollback). A kind without drift is left out.
    - A host that was rolled back has C(rollback), and no sentence about a file that came back with the release.
  type: dict
  sample:
    links: ['/home/claude/.claude-compte2/projects: missing']
    configuration: ['/etc/claude-failover/config.yml: changed']
"""

Result = Mapping[str, Any]
"""The registered result of a task."""


def describe_drift(
    results: Mapping[str, Result],
    unit_paths: Sequence[str],
    code_paths: Sequence[str],
    missing_packages: Sequence[str] = (),
    missing_user: str = "",
    missing_group: str = "",
    control_group: str = "",
    claude_version: str = "",
    old_claude: Sequence[str] = (),
    refused_changes: Sequence[str] = (),
    tmux_newer: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Return the sentences of each kind of drift, without the kinds that have none.

    Raises AnsibleFilterError if ``results`` is not a dictionary of dictionaries.
    """
    if not isinstance(results, Mapping) or not all(isinstance(result, Mapping) for result in results.values()):
        raise AnsibleFilterError("results is %r; expected a dictionary of task results" % (results,))
    release = results.get("release", {})
    host = [
        (missing_packages, "packages missing: %s" % " ".join(missing_packages)),
        (_changed(results, "claude_installation"), "Claude Code CLI missing: %s" % claude_version),
        (_changed(results, "claude_link"), "/usr/local/bin/claude: not the Claude Code CLI %s" % claude_version),
        (missing_user, "user missing: %s" % missing_user),
        (missing_group, "group missing: %s" % missing_group),
        (_changed(results, "control_group"), "group missing: %s" % control_group),
        *((sentence, sentence) for sentence in old_claude),
        *((sentence, sentence) for sentence in _unmet(release)),
    ]
    services = [results[name] for name in ("tmux_service", "daemon_service") if _changed(results, name)]
    drift = {
        "host": [sentence for found, sentence in host if found],
        "links": _links(results.get("links", {})),
        "configuration": [*refused_changes, *([] if "conditions" in release else _failure(release))],
        "units": [],
        "code": _code(release),
        "service": [_service(service) for service in services] + _stale(release) + _stale_server(tmux_newer),
        "rollback": _rollback(release),
    }
    kinds = {**dict.fromkeys(unit_paths, "units"), **dict.fromkeys(code_paths, "code")}
    for path, change in _file_changes(release, results.get("removal", {})):
        drift[kinds.get(path, "configuration")].append("%s: %s" % (path, change))
    return {kind: sentences for kind, sentences in drift.items() if sentences}


def _changed(results: Mapping[str, Result], name: str) -> bool:
    return bool(results.get(name, {}).get("changed"))


def _failure(result: Result) -> list[str]:
    """Return the message of a module that failed; ``failed`` is false where ``failed_when`` has overruled it."""
    return [result["msg"]] if "msg" in result else []


def _unmet(release: Result) -> list[str]:
    """Return the conditions of a start that the host does not meet; divergent links are drift of their own kind."""
    errors = [row for row in release.get("conditions", ()) if row["level"] == "error" and row["name"] != "shared_links"]
    return ["%s; expected %s" % (row["found"], row["expected"]) for row in errors]


def _file_changes(release: Result, removal: Result) -> list[tuple[str, str]]:
    """Return the paths that differ, each with its change."""
    changes = ((release, "created", "missing"), (release, "updated", "changed"), (removal, "removed", "left over"))
    restored = release.get("restored", ())
    return [(path, change) for result, key, change in changes for path in result.get(key, ()) if path not in restored]


def _links(result: Result) -> list[str]:
    different = [link for link in result.get("links", ()) if link["status"] != "ok"]
    return ["%s: %s" % (link["path"], link["status"]) for link in different] or _failure(result)


def _code(release: Result) -> list[str]:
    sentences = list(release.get("drift", ()))
    if release.get("switched") and not release.get("rolled_back"):
        sentences.append("release %s expected, current is %s" % (release["release"], release.get("previous") or "none"))
    return sentences


def _rollback(release: Result) -> list[str]:
    rollback = release.get("rolled_back")
    if not rollback or not (release.get("switched") or release.get("restored")):
        return []
    back = (
        "release %(left)s was left for %(release)s" % rollback
        if rollback["left"] != rollback["release"]
        else "release %(release)s went back to the configuration before" % rollback
    )
    expected = "release %s" % release["release"] if release.get("switched") else "the new one"
    return ["%s at %s (%s); the role goes forward to %s" % (back, rollback["time"], rollback["reason"], expected)]


def _service(result: Result) -> str:
    status = result.get("status", {})
    states = [status.get(key, "unknown") for key in ("ActiveState", "UnitFileState")]
    return ", ".join([result["name"], *states])


def _stale(release: Result) -> list[str]:
    if not release.get("stale"):
        return []
    return ["claude-failover.service: runs older code or configuration than is installed; restart it"]


def _stale_server(newer: Sequence[str]) -> list[str]:
    if not newer:
        return []
    names = " and ".join(path.rpartition("/")[2] for path in newer)
    return [
        "claude-failover-tmux.service: runs without the installed %s; a restart, which ends every session, applies it"
        % names
    ]


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_drift": describe_drift}

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of a look at the host: what was found, what is expected, and the command that mends it (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

OK, WARNING, ERROR = "ok", "warning", "error"
LEVELS = (OK, WARNING, ERROR)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    ``error``: the daemon does not start, or a switch does not work; ``warning``: something that is configured does
    not work, and the rest does. ``path`` is set where making that path, or giving it to the user, mends it;
    ``passing``: it can be over by itself.
    """

    name: str
    level: str
    found: str
    expected: str = ""
    mend: str = ""
    path: str = ""
    passing: bool = False

    @property
    def text(self) -> str:
        """The finding in one sentence or two."""
        if self.level == OK:
            return self.found
        return f"{self.found}; expected {self.expected}. To mend it: {self.mend}"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a document."""
        return asdict(self)


def ok(name: str, found: str) -> Finding:
    """Return a finding of nothing to mend."""
    return Finding(name, OK, found)


def from_json(document: Mapping[str, Any]) -> Finding:
    """Return a finding from its document. Raises ValueError."""
    values = {field.name: document.get(field.name, field.default) for field in fields(Finding)}
    if values["level"] not in LEVELS or not all(
        isinstance(value, bool if name == "passing" else str) for name, value in values.items()
    ):
        raise ValueError("found no finding, expected the document of one")
    return Finding(**values)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are errors."""
    return [finding for finding in findings if finding.level == ERROR]


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are warnings."""
    return [finding for finding in findings if finding.level == WARNING]

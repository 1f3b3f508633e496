# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of accounts outside the host: one that is an address is ``account-1``, by its place in the configuration. Pure.

``plugins/module_utils/_status_facts.py`` has the same rule, for modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


class AccountLabels:
    """The labels of the accounts of one configuration, in its order."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        listed = self._names = list(names)
        self._labels = {name: _label(number, listed) for number, name in enumerate(listed, 1) if "@" in name}
        self._by_label = {label: name for name, label in self._labels.items()}
        longest = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile(r"(?<![\w@+])(?:" + "|".join(map(re.escape, longest)) + r")(?![\w@+-]|\.\w)")

    def of(self, name: str) -> str:
        """Return the label of an account."""
        return self._labels.get(name, name)

    def name_of(self, word: str) -> str | None:
        """Return the account that a person means by its name or its label, None if there is none; names come first."""
        return word if word in self._names else self._by_label.get(word)

    def in_words(self) -> str:
        """Return the names of all accounts, for an error message; those that have a label with it."""
        return ", ".join(f"{name} ({self._labels[name]})" if name in self._labels else name for name in self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._labels

    def hide(self, text: str) -> str:
        """Return a text with labels in the place of the names that are addresses."""
        if not self._labels or "@" not in text:
            return text
        return self._pattern.sub(lambda found: self._labels[found.group()], text)


def _label(number: int, names: list[str]) -> str:
    label = f"account-{number}"
    while label in names:  # two accounts of one label would be one series of the metrics
        label += "_"
    return label

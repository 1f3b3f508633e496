# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show text of other users, such as names of files, in the results and messages of modules.

Ansible prints a message as it is, on the terminal of the controller: a line break could forge a result there, and a
control character could do whatever the terminal does for one.
"""

from __future__ import annotations

import os


def escaped(text: str) -> str:
    """Return ``text`` with escapes for what a terminal interprets or hides, and for bytes that are not UTF-8.

    They are those of Python: ``\\n``, ``\\x1b``, ``\\u202e``.
    """
    shown = os.fsencode(text).decode("utf-8", "backslashreplace")
    return shown if shown.isprintable() else "".join(map(_escaped_character, shown))


def _escaped_character(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]

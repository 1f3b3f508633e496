# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the fake Claude as the executable ``claude``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ...storage.files import write_atomic


def install(folder: str, command: Sequence[str]) -> str:
    """Write the executable ``claude`` into ``folder`` (absolute, existing) and return its path.

    ``command`` runs the fake Claude, for instance ``["/usr/bin/python3", "-I", "/opt/…/lib", "fake-claude"]``; the
    arguments of ``claude`` are appended. Raises OSError.
    """
    path = os.path.join(folder, "claude")
    text = f'#!/bin/sh\nexec {" ".join(shlex.quote(word) for word in command)} "$@"\n'
    write_atomic(path, text.encode(), mode=0o755)
    return path

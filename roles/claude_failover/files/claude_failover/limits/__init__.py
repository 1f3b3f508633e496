# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognise usage limits: text in, verdict out, no I/O."""

from __future__ import annotations

from .message import UNDECIDED, UNKNOWN_WORDING, classify_text
from .pane import classify_pane
from .sources import classify_hook, classify_record, classify_transcript
from .verdict import Verdict

__all__ = [
    "UNDECIDED",
    "UNKNOWN_WORDING",
    "Verdict",
    "classify_hook",
    "classify_pane",
    "classify_record",
    "classify_text",
    "classify_transcript",
]

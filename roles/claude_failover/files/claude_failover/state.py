# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one store of everything that has to outlive the daemon: JSON documents and JSON Lines logs.

A document is ``{"version": 1, "data": …}``. One that is torn, foreign or written by a newer version is set
aside and told, never a crash and never thrown away.
"""
from __future__ import annotations

import json
import os
from typing import Any

from .files import append_line, set_aside, write_atomic

VERSION = 1


class Store:
    """Documents (``<name>.json``) and logs (``<name>.jsonl``) in one folder.

    ``folder`` is an absolute path; it is made (0700) when it is missing.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.folder = folder

    def path(self, name: str) -> str:
        """Return the path of the document ``name``."""
        return os.path.join(self.folder, name + ".json")

    def log_path(self, name: str) -> str:
        """Return the path of the log ``name``."""
        return os.path.join(self.folder, name + ".jsonl")

    def load(self, name: str, default: Any) -> Any:
        """Return the document ``name``, or ``default`` where there is none that can be used.

        ``default`` also says the expected type: a document of another type is foreign.
        Raises OSError when the file is there and cannot be read at all.
        """
        path = self.path(name)
        try:
            with open(path, "rb") as stream:
                raw = stream.read()
        except FileNotFoundError:
            return default
        except IsADirectoryError:
            set_aside(path, "is a directory")
            return default
        reason = "cannot be read as JSON"
        try:
            document = json.loads(raw)
            if not isinstance(document, dict) or not isinstance(document.get("version"), int):
                reason = "is no document of this daemon"
            elif document["version"] > VERSION:
                reason = f"has version {document['version']}, newer than {VERSION}"
            elif not isinstance(document.get("data"), type(default)):
                reason = f"holds a {type(document.get('data')).__name__} instead of a {type(default).__name__}"
            else:
                return document["data"]
        except (ValueError, RecursionError):
            pass
        set_aside(path, reason)
        return default

    def save(self, name: str, data: Any) -> None:
        """Replace the document ``name``, durably. Raises OSError; then the old one still stands."""
        text = json.dumps({"version": VERSION, "data": data}, ensure_ascii=False, indent=1)
        write_atomic(self.path(name), text.encode() + b"\n")

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Add one record to the log ``name``, durably. Raises OSError."""
        append_line(self.log_path(name), json.dumps(record, ensure_ascii=False))

    def newest(self, name: str, limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` records of the log, newest first, passing over torn lines."""
        records: list[dict[str, Any]] = []
        try:
            with open(self.log_path(name), "rb") as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return records
        for line in reversed(lines):
            if len(records) >= limit:
                break
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                records.append(record)
        return records

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one store of everything that has to outlive the daemon: JSON documents and JSON Lines logs.

A document is ``{"version": 1, "data": …}``. One that is torn, foreign or written by a newer version is set
aside and told, never a crash and never thrown away; one of which only a part makes no sense is copied aside.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any, Callable, TypeVar

from ..common.text import shorten
from .files import append_line, copy_aside, make_folder, set_aside, write_atomic
from .regular_file import NotARegularFileError, read_regular

log = logging.getLogger(__name__)

T = TypeVar("T")

VERSION = 1


class Store:
    """Documents (``<name>.json``) and logs (``<name>.jsonl``) in one folder.

    ``folder`` is an absolute path; it is made (0700) when it is missing.
    """

    def __init__(self, folder: str) -> None:
        """Raises OSError when the folder cannot be made."""
        make_folder(folder)
        self.folder = folder
        self._told: set[str] = set()  # the logs of which it was told that there are lines of no use in them

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
            raw = read_regular(path)
        except FileNotFoundError:
            return default
        except NotARegularFileError as error:
            set_aside(path, f"is {error.kind}")
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

    def read_part(self, name: str, what: str, read: Callable[[Any], T], value: Any) -> T | None:
        """Return what ``read`` makes of a part of the document ``name``, or None where that makes no sense.

        ``read`` raises KeyError, TypeError, ValueError or AttributeError for what makes none; that is told, and the
        document is copied aside before the next `save` leaves it out.
        """
        try:
            return read(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: %s makes no sense and is passed over: %s", name, what, shorten(repr(error), 300))
            self.copy_aside(name)
            return None

    def copy_aside(self, name: str) -> None:
        """Copy the document ``name`` aside, once as it stands: there is something in it that the next `save` will
        leave out. On a full disk that is told, and stops nothing: no `save` succeeds there either."""
        try:
            copy_aside(self.path(name), "holds what makes no sense")
        except OSError as error:
            log.error("%s cannot be copied aside: %s", self.path(name), error)

    def save(self, name: str, data: Any) -> None:
        """Replace the document ``name``, durably. Raises OSError; then the old one still stands."""
        text = json.dumps({"version": VERSION, "data": data}, ensure_ascii=False, indent=1)
        # A lone surrogate, as half an emoji from a transcript is, becomes the escape that JSON has for it.
        write_atomic(self.path(name), text.encode(errors="backslashreplace") + b"\n")

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Add one record to the log ``name``, durably. Raises OSError."""
        append_line(self.log_path(name), json.dumps(record, ensure_ascii=False))

    def newest_records(
        self, name: str, limit: int, fits: Callable[[dict[str, Any]], bool] = lambda _record: True
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` records of the log, newest first.

        Lines that are torn, or whose record does not ``fit``, stay where they are and are passed over, which is
        told once. Raises OSError when the file is there and cannot be read at all.
        """
        records: list[dict[str, Any]] = []
        path = self.log_path(name)
        try:
            lines = read_regular(path).splitlines()
        except FileNotFoundError:
            return records
        except NotARegularFileError as error:
            set_aside(path, f"is {error.kind}")
            return records
        passed_over = 0
        for line in reversed(lines):
            if len(records) >= limit:
                break
            record = _record(line)
            if record is not None and fits(record):
                records.append(record)
            else:
                passed_over += 1
        if passed_over and name not in self._told:
            self._told.add(name)
            log.warning("%s: passed over lines that are torn or no records of this daemon: %d", path, passed_over)
        return records


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")  # and would be in none of the answers that a record is shown in


# What `Store.read_part` reads the plain parts of a document with. Each raises TypeError for a value of another type.


def as_list(value: Any) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise TypeError(f"found {type(value).__name__}, expected a list")
    return value


def as_items(value: Any) -> list[tuple[str, Any]]:
    """Return the items of an object."""
    if not isinstance(value, dict):
        raise TypeError(f"found {type(value).__name__}, expected an object")
    return list(value.items())


def as_optional_text(value: Any) -> str | None:
    """Return a text, or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"found {type(value).__name__}, expected a text")
    return value

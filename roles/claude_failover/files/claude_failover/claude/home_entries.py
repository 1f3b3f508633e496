# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the entries of an account home by which homes are compared: bounded, and never waiting.

An entry itself may be a link, as the shared ones are. Below it no link is followed: it counts by its text.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Callable, NamedTuple

from ..common import json_text
from ..common.file_identity import FileIdentity, identity_of
from ..storage.regular_file import NotARegularFileError, read_regular

MOST_ENTRIES = 2000  # in a folder and below it
MOST_BYTES = 32 << 20  # of a text, and of all files below a folder


class HomeEntry(NamedTuple):
    """The content of an entry, by name: digests of files, or the keys of a JSON object.

    ``identity`` is None where there is nothing. ``problem`` says why the content is not known.
    """

    identity: FileIdentity | None = None
    content: Mapping[str, Any] = MappingProxyType({})
    problem: str = ""


class _UnknownError(Exception):
    """The content is not known, for the reason that this says."""


def read_all(paths: Iterable[str], read: Callable[[str], HomeEntry]) -> list[HomeEntry]:
    """Return the entry at each path; one that several paths lead to is read once."""
    places = [os.path.realpath(path) for path in paths]
    found = {place: read(place) for place in dict.fromkeys(places)}
    return [found[place] for place in places]


def read_object(path: str) -> HomeEntry:
    """Return the keys and values of the JSON object in a file. Never raises."""
    return _entry(path, _object)


def read_tree(path: str) -> HomeEntry:
    """Return the digests of a file, under the name "", or of everything below a folder. Never raises.

    A missing entry, an empty file and an empty folder are the same.
    """
    return _entry(path, _digests)


def read_presence(path: str) -> HomeEntry:
    """Return, under the name "", which file or folder it is, where it holds anything. Never raises."""
    return _entry(path, _presence)


def _entry(path: str, content: Callable[[str, os.stat_result], Mapping[str, Any]]) -> HomeEntry:
    identity = None
    try:
        status = os.stat(path)
        identity = identity_of(status)
        return HomeEntry(identity, content(path, status))
    except FileNotFoundError:
        return HomeEntry()
    except NotARegularFileError as error:
        return HomeEntry(identity, problem=f"it is {error.kind}")
    except OSError as error:
        return HomeEntry(identity, problem=error.strerror or "it cannot be read")
    except _UnknownError as error:
        return HomeEntry(identity, problem=str(error))
    except ValueError:  # its text may quote the content
        return HomeEntry(identity, problem="it is no JSON")


def _object(path: str, _status: os.stat_result) -> Mapping[str, Any]:
    raw = read_regular(path)
    found = json_text.parse(raw) if raw.strip() else {}
    if not isinstance(found, dict):
        raise _UnknownError("it is no JSON object")
    return found


def _presence(path: str, status: os.stat_result) -> Mapping[str, str]:
    holds = bool(os.listdir(path)) if stat.S_ISDIR(status.st_mode) else status.st_size > 0
    return {"": f"{status.st_dev}:{status.st_ino}"} if holds else {}


def _digests(path: str, status: os.stat_result) -> Mapping[str, str]:
    budget = MOST_BYTES
    if not stat.S_ISDIR(status.st_mode):
        size, digest = _digest(path, budget)
        return {"": digest} if size else {}
    found: dict[str, str] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(path, folder)) as entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                if len(found) >= MOST_ENTRIES:
                    raise _UnknownError(f"there are more than {MOST_ENTRIES} files in it")
                if entry.is_symlink():
                    found[name] = f"link {os.readlink(entry.path)}"
                elif entry.is_dir(follow_symlinks=False):
                    found[name] = "folder"
                    folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    size, found[name] = _digest(entry.path, budget)
                    budget -= size
                else:
                    found[name] = "no file"
    return found


def _digest(path: str, budget: int) -> tuple[int, str]:
    """Return the size and the digest of a file."""
    content = read_regular(path, budget + 1, os.O_RDONLY | os.O_NOFOLLOW)
    if len(content) > budget:
        raise _UnknownError(f"it holds more than {MOST_BYTES >> 20} MiB")
    return len(content), hashlib.sha256(content).hexdigest()

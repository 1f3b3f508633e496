# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack, unpack and name a release of the daemon.

The controller packs and the managed host unpacks; both name a release by its content.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

LIBRARY = "lib/"
"""Prefix of the files of the release, which name it by their content."""
FILES = "files/"
"""Prefix of the files that are installed outside the release (configuration, units)."""
MAXIMUM_BYTES = 64 * 1024 * 1024
"""Limit for the unpacked size; the daemon has less than 2 MB."""

_VERSION = re.compile(rb"^VERSION = \"([0-9A-Za-z][0-9A-Za-z.+-]*)\"$", re.MULTILINE)


class BundleError(Exception):
    """The data is not a bundle of :func:`pack`; the text says what was found."""


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return ``members`` (name with ``/`` to content) as one compressed archive.

    The bytes depend on names and contents alone, not on order, file times, modes or the umask.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            _check_member_name(name)
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive of :func:`pack`; write no file.

    Raises BundleError for data that is no archive or damaged, a repeated name, and a name that leaves its folder.
    """
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(info.file_size for info in archive.infolist())
            if total > MAXIMUM_BYTES:
                raise BundleError("the bundle unpacks to %d bytes; expected at most %d" % (total, MAXIMUM_BYTES))
            for info in archive.infolist():
                _check_member_name(info.filename)
                if info.filename in members:
                    raise BundleError("the bundle holds %r twice" % info.filename)
                members[info.filename] = archive.read(info)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise BundleError("the bundle is damaged: %s" % error) from error
    return members


def members_below(members: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    """Return the members below ``prefix``, named without it."""
    start = len(prefix)
    return {name[start:]: data for name, data in members.items() if name.startswith(prefix)}


def content_hash(sources: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hexadecimal) of names and contents."""
    digest = hashlib.sha256()
    for name in sorted(sources):
        data = sources[name]
        digest.update(("%s\0%d\0" % (name, len(data))).encode("utf-8"))
        digest.update(data)
    return digest.hexdigest()


def release_name(sources: Mapping[str, bytes]) -> str:
    """Return ``<version>-<first twelve digits of the content's hash>`` for the files of a release.

    The version is that of ``claude_failover/__init__.py``. Raises BundleError where it has none.
    """
    found = _VERSION.search(sources.get("claude_failover/__init__.py", b""))
    if "__main__.py" not in sources or found is None:
        raise BundleError(
            "these files are no release of the daemon: expected __main__.py, and claude_failover/__init__.py with a"
            ' line VERSION = "…"; found %s' % (", ".join(sorted(sources)[:5]) or "nothing")
        )
    return "%s-%s" % (found.group(1).decode("ascii"), content_hash(sources)[:12])


def _check_member_name(name: str) -> None:
    parts = name.split("/")
    if "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise BundleError("%r is no name for a file of a bundle: expected a relative path without . and .." % name)

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep an inode and a block beside the active link, which a flip on a full file system gives up for its link.

A new link needs an inode before the old one is replaced; some file systems also store its text in a block.
"""

from __future__ import annotations

import logging
import os

from ..storage.regular_file import open_regular

log = logging.getLogger(__name__)

SUFFIX = ".failover.spare"
_CONTENT = b"\0" * 4096


def keep_spare(link: str) -> None:
    """Create the spare file of a link if it is missing. Never raises: without it a flip fails only where it is full."""
    try:
        descriptor = open_regular(link + SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    except OSError as error:
        log.debug("%s: %s", link + SUFFIX, error)
        return
    try:
        os.write(descriptor, _CONTENT)
    except OSError as error:  # the inode alone is of use too
        log.debug("%s: %s", link + SUFFIX, error)
    finally:
        os.close(descriptor)


def release_spare(link: str) -> bool:
    """Remove the spare file; return whether there was one. Anything else at its path stays. Raises OSError."""
    path = link + SUFFIX
    try:
        descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        own = status.st_uid == os.geteuid() and status.st_size <= len(_CONTENT)
        own = own and not os.read(descriptor, len(_CONTENT)).strip(b"\0")
    finally:
        os.close(descriptor)
    if own:
        os.unlink(path)
        log.warning("%s: no room for a new link; the spare inode is used for it", path)
    return own

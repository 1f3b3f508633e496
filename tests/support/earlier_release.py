# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as it was at an earlier commit: the release before, for tests of upgrades and rollbacks.

``python3 tests/support/earlier_release.py FOLDER`` writes it there. The standard library only.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile

COMMIT = "7f92ae668fab5e81508343b871647df32a2893dd"
"""The last commit before rollbacks."""

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class EarlierReleaseError(Exception):
    """The checkout does not have the commit; the text says what to do."""


def extract(folder: str, checkout: str = CHECKOUT) -> None:
    """Write the collection of the commit to ``folder``, which may be missing. Raises EarlierReleaseError, OSError."""
    git = ["git", "-c", f"safe.directory={os.path.realpath(checkout)}", "-C", checkout]
    done = subprocess.run([*git, "archive", "--format=tar", COMMIT], capture_output=True, check=False)
    if done.returncode != 0:
        raise EarlierReleaseError(
            f"{checkout} does not hold the commit {COMMIT} ({done.stderr.decode(errors='replace').strip()}); expected "
            "a checkout with its history. In a shallow clone, run: git fetch --unshallow"
        )
    os.makedirs(folder, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)  # noqa: S202  of our own history


if __name__ == "__main__":
    try:
        extract(sys.argv[1])
    except EarlierReleaseError as error:
        sys.exit(str(error))

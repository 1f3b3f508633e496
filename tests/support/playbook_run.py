# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ``ansible-playbook`` on this machine, with nothing of the environment of the tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: Mark of the tests that run a playbook.
on_a_controller = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)


def run_playbook(
    path: str, collections: str, *options: str, inventory: str = "here,", timeout: float | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook against this machine with the Python of the tests; its folder is HOME and the current one.

    ``collections`` is the folder whose ``ansible_collections`` holds this collection; ``variables`` are added to the
    environment.
    """
    folder = os.path.dirname(path)
    environment = {
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
        "HOME": folder,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        **variables,
    }
    interpreter = f"ansible_python_interpreter={sys.executable}"
    command = [sys.executable, "-m", "ansible", "playbook", "-i", inventory, "-c", "local", "-e", interpreter]
    return subprocess.run(
        [*command, *options, path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=timeout,
    )

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' own judge of metrics, rules and queries, which tests/gates/prometheus.sh gets."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from import_path import ROOT

_CACHED = os.path.join(ROOT, ".cache", "prometheus", "promtool")


def promtool(*arguments: str, text: str = "", cwd: str | os.PathLike[str] = ROOT) -> tuple[int, str]:
    """Run promtool with ``text`` as its input; return its exit code and all that it says.

    Skips the test where there is none, but fails it where CI=true.
    """
    done = subprocess.run(
        [_program(), *arguments],
        input=text,
        text=True,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def _program() -> str:
    cached = _CACHED if os.access(_CACHED, os.X_OK) else None
    program = os.environ.get("PROMTOOL") or shutil.which("promtool") or cached
    if program is None:
        why = "there is no promtool: run tests/gates/prometheus.sh, or install Debian's package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return program

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of every fuzz target, with the same mutations each time. ``make fuzz`` is the long one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fuzz_mutation import mutate
from fuzz_targets import Target, targets

SECONDS = 0.7  # for each target
SLOWEST = 5.0  # seconds for one input


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_no_input_breaks_it(target: Target) -> None:
    for seed in target.seeds:
        target.check(seed)
    target.check(b"")
    chance = random.Random(target.name)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        data = mutate(chance.choice(target.seeds), chance, target.seeds)
        began = time.monotonic()
        try:
            target.check(data)
        except Exception as error:
            pytest.fail(f"{target.name} breaks at {data!r}: {error!r}")
        assert time.monotonic() - began < SLOWEST, data


@pytest.mark.parametrize("package", ["pytest", "hypothesis", "ansible"])
def test_the_long_run_does_without_the_packages_of_the_tests(package: str) -> None:
    blocked = f"import sys; sys.modules[{package!r}] = None; from fuzz_run import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "--list"],  # an entry of None lets an import fail
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [target.name for target in targets()], done.stderr

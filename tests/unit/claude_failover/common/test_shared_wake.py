# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from claude_failover.common.shared_wake import pause


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        (100.0, 10.0, 10.0),
        (100.003, 10.0, 9.997),
        (104.0, 10.0, 6.0),
        (104.0, 5.0, 6.0),
        (108.9, 10.0, 11.1),
        (109.9999999, 10.0, 10.0000001),
    ],
)
def test_a_pause_ends_at_a_multiple_and_is_never_next_to_nothing(now, seconds, expected):
    assert pause(now, seconds) == pytest.approx(expected)


def test_pauses_that_began_at_different_moments_end_together():
    assert {round(now + pause(now, 5.0), 6) for now in (100.0, 101.0, 102.4)} == {105.0}
    assert (101.0 + pause(101.0, 10.0)) % 5.0 == pytest.approx(0.0)

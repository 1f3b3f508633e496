# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISO 8601 timestamps."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from claude_failover.common.clock import iso, parse_iso


def test_round_trip():
    moment = datetime(2026, 11, 22, 20, 0, 35, 624000, timezone.utc)
    assert parse_iso(iso(moment)) == moment
    assert parse_iso("2026-11-22T21:00:35.624+01:00") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-22T20:00:35",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "9999-12-31T00:00:00Z",
        "0002-01-01T00:00:00+23:59",  # it would be written in year 1
        "9998-12-31T23:59:59-00:01",
    ],
)
def test_an_invalid_timestamp_raises_value_error(text):
    with pytest.raises(ValueError, match=r"^Invalid|time zone|calendar"):
        parse_iso(text)


@pytest.mark.parametrize("text", ["0002-01-01T00:00:00.000Z", "0809-11-22T21:00:00.007Z", "9998-12-31T23:59:59.999Z"])
def test_a_time_of_any_year_is_written_as_it_is_read(text):
    assert iso(parse_iso(text)) == text

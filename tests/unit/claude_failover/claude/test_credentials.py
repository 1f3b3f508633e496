# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is read of a credentials file: emptiness and dates."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from claude_failover.claude.credentials import read_login
from claude_failover.common import clock

FAR = 4102444800000  # 2100-01-01, in milliseconds
PAST = 1577836800000  # 2020-01-01
TOKENS = {"accessToken": "made-up-access", "refreshToken": "made-up-refresh"}


def login_of(folder, oauth, **beside):
    (folder / ".credentials.json").write_text(json.dumps({**beside, "claudeAiOauth": oauth}))
    return read_login(str(folder))


def test_a_login_ends_on_the_day_that_its_file_names(tmp_path):
    found = login_of(tmp_path, {**TOKENS, "expiresAt": 1, "refreshTokenExpiresAt": FAR, "scopes": ["user:inference"]})
    assert found == ("ok", datetime(2100, 1, 1, tzinfo=timezone.utc))


def test_a_login_past_its_day_is_expired(tmp_path):
    found = login_of(tmp_path, {**TOKENS, "expiresAt": FAR, "refreshTokenExpiresAt": PAST})
    assert found == ("expired", datetime(2020, 1, 1, tzinfo=timezone.utc))


def test_a_login_ends_at_that_moment(tmp_path, monkeypatch):
    end = datetime(2100, 1, 1, tzinfo=timezone.utc)
    oauth = {**TOKENS, "refreshTokenExpiresAt": FAR}
    for moment, state in ((end.replace(year=2099), "ok"), (end, "expired")):
        monkeypatch.setattr(clock, "wall", lambda moment=moment: moment)
        assert login_of(tmp_path, oauth).state == state


def test_a_file_of_2_1_197_names_no_day(tmp_path):
    assert login_of(tmp_path, {**TOKENS, "expiresAt": FAR}) == ("ok", None)


def test_the_day_of_another_servers_login_is_none_of_the_accounts(tmp_path):
    other = {"server|1": {**TOKENS, "refreshTokenExpiresAt": PAST}}
    assert login_of(tmp_path, TOKENS, mcpOAuth=other) == ("ok", None)
    (tmp_path / ".credentials.json").write_text(json.dumps({"claudeAiOauth": TOKENS, "mcpOAuth": other}))
    assert read_login(str(tmp_path)) == ("ok", None)


def test_an_object_within_the_login_hides_nothing_after_it(tmp_path):
    oauth = {"tokenAccount": {"uuid": "u"}, **TOKENS, "profile": {"a": 1}, "refreshTokenExpiresAt": PAST}
    assert login_of(tmp_path, oauth).state == "expired"
    assert login_of(tmp_path, {"tokenAccount": {"uuid": "u"}, **TOKENS, "accessToken": ""}).state == "expired"


@pytest.mark.parametrize("value", [None, 0, -5, "2100-01-01", True, 10**15, 10**40, 1.5, [FAR]])
def test_a_day_that_is_none_is_unknown(tmp_path, value):
    assert login_of(tmp_path, {**TOKENS, "refreshTokenExpiresAt": value}) == ("ok", None)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (None, "missing"),
        ("{}", "missing"),
        ('{"claudeAiOauth": {"accessToken":"","refreshToken":"","expiresAt":0}}', "expired"),
        ('{"claudeAiOauth": {"refreshTokenExpiresAt": 4102444800000}}', "missing"),
    ],
)
def test_a_home_without_a_login(tmp_path, text, state):
    if text is not None:
        (tmp_path / ".credentials.json").write_text(text)
    assert read_login(str(tmp_path)).state == state


def test_a_file_that_is_none_is_unknown(tmp_path):
    (tmp_path / ".credentials.json").mkdir()
    assert read_login(str(tmp_path)) == ("unknown", None)

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test whose name a shared ``.claude.json`` bears after a login."""

from __future__ import annotations

from datetime import timedelta

import pytest
from switch_world import T0

from claude_failover.claude.credentials import HomeLogin
from claude_failover.claude.identity import Identity
from claude_failover.cli.login_name import Moment, login_name

RECORDED = {"a": Identity("ann"), "b": Identity("bob")}
UNSURE = "can name another account's login"
FLIPPED = "was flipped during the login"
NOBODY = "names nobody"


def moment(named, *, days=None, active="a", flip=None, state="ok"):
    document = {} if named is None else {"oauthAccount": {"accountUuid": named}}
    return Moment(active, flip, document, HomeLogin(state, None if days is None else T0 + timedelta(days=days)))


@pytest.mark.parametrize(
    ("account", "before", "after", "found"),
    [
        pytest.param("b", moment("ann"), moment("bob"), "bob", id="as recorded"),
        pytest.param("b", moment("ann"), moment("cleo"), "cleo", id="another login than recorded"),
        pytest.param("c", moment("ann"), moment("cleo"), "cleo", id="the first login"),
        pytest.param("c", moment(None), moment("cleo"), "cleo", id="a file that named nobody"),
        pytest.param("c", moment("ann"), moment("ann"), UNSURE, id="left with /exit"),
        pytest.param("c", moment("ann", days=3), moment("ann", days=3), UNSURE, id="a refresh"),
        pytest.param("c", moment("ann", days=3), moment("ann", days=30), "ann", id="the active one's login, made anew"),
        pytest.param(
            "c", moment("ann"), moment("ann", days=30), "ann", id="the active one's login, for the first time"
        ),
        pytest.param(
            "b", moment("bob", active="b"), moment("bob", active="b"), "bob", id="the active one, as recorded"
        ),
        pytest.param(
            "c", moment("dan", active="c"), moment("dan", active="c"), UNSURE, id="the active one, not recorded"
        ),
        pytest.param("c", moment("cleo"), moment("ann"), UNSURE, id="a session of the active account wrote its name"),
        pytest.param("c", moment("ann"), moment("cleo", active="b", flip=1), FLIPPED, id="a flip meanwhile"),
        pytest.param("c", moment("ann"), moment("cleo", flip=1), FLIPPED, id="two flips meanwhile"),
        pytest.param("c", moment("ann"), moment(None), NOBODY, id="a logout"),
        pytest.param("c", moment("ann"), moment("cleo", state="missing"), NOBODY, id="no login"),
    ],
)
def test_whose_name_it_is(account, before, after, found):
    identity, why = login_name(account, before, after, RECORDED)
    if identity is None:
        assert found in why
    else:
        assert (identity.account_uuid, why) == (found, "")

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the host in the name of the daemon's user, and show what was found."""

from __future__ import annotations

import argparse
import pwd
import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..common.errors import Refused
from ..common.text import one_line
from . import other_user
from .times import with_moments

if TYPE_CHECKING:
    from ..config.model import Config
    from ..host.conditions import Condition
    from ..host.finding import Finding

_WIDTH = 80


def findings(config: Config, arguments: argparse.Namespace, *, programs: bool) -> list[Finding]:
    """Return what is found of each condition of a start; with ``programs`` some are asked for their version.

    Root looks as the user who decides over the daemon's folders. Raises Refused where several users do.
    """
    from ..host import conditions

    return look_as_user(config, arguments, conditions.WITH_PROGRAMS if programs else conditions.CONDITIONS)


def look_as_user(config: Config, arguments: argparse.Namespace, wanted: Sequence[Condition]) -> list[Finding]:
    """Return what is found of the conditions, by root in the name of the daemon's user. Raises Refused."""
    from ansible_collections.secuaas.claude.plugins.module_utils import _run_as

    from ..host import conditions
    from ..host.finding import from_json

    reader = other_user.reader_of([*config.link_places, config.active_link, config.state_dir], arguments)
    if reader is None:
        return conditions.look(config, wanted)
    try:
        user = pwd.getpwuid(reader)
        rows = _run_as.run_as(user, lambda: [row.to_json() for row in conditions.look(config, wanted)])
        return [from_json(row) for row in rows]
    except KeyError:
        raise Refused(f"the folders belong to the user {reader}, who has no name on this host; expected one") from None
    except (_run_as.RunAsError, ValueError, TypeError, AttributeError) as error:
        raise Refused(f"the host could not be looked at as {user.pw_name}: {error}") from None


def document(rows: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as JSON, each on one line that is printable; ``ok`` is false where there is an error."""
    from ..host.finding import errors, warnings

    return {
        "ok": not errors(rows),
        "errors": len(errors(rows)),
        "warnings": len(warnings(rows)),
        "checks": [
            {key: one_line(value) if isinstance(value, str) else value for key, value in row.to_json().items()}
            for row in rows
        ],
    }


def page(rows: Sequence[Finding], now: datetime) -> str:
    """Return the findings as text: a line each, and below one that is not right what was expected and what mends it."""
    from ..host.finding import OK

    lines: list[str] = []
    for row in rows:
        lines += _wrapped(f"{row.level:8}", with_moments(row.found, now))
        if row.level != OK:
            lines += _wrapped("", with_moments(f"expected {row.expected}", now))
            lines.append(f"{'':10}mend: {one_line(row.mend)}")  # not wrapped: it is to be copied
    return "\n".join(lines)


def exit_code(rows: Sequence[Finding]) -> int:
    """Return 1 where there is an error, else 0."""
    from ..host.finding import errors

    return 1 if errors(rows) else 0


def _wrapped(head: str, text: str) -> list[str]:
    """Return a text on lines of 80 columns; a word that is longer is left whole."""
    first = f"{head:10}" if head else " " * 10
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
    )

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send every event to ``notify.urls`` by the command line of Debian's ``apprise``.

A URL holds a password or a token. It is handed over in a file in memory, and stands in no argument, file or log; what
an event is about goes by standard input, since every user sees the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from ..config.holder import ConfigHolder
from .program_runs import ATTACHED, ProgramRun, ProgramRuns

PROGRAM = "apprise"
TIMEOUT = 30.0  # seconds that one run may take; apprise waits 4 s for a connection, and as long for an answer
TYPES = {"info": "info", "warning": "warning", "error": "failure"}  # by severity
_HIDDEN = "<not shown>"
_URL = re.compile(r"\S*://\S*")
_SEPARATORS = re.compile(r"[\s/:@?&=,;#]+")
_LEAST_SECRET = 4  # characters of a part of a URL that is not shown


class AppriseNotifier(ProgramRuns):
    """Runs ``apprise`` in the background."""

    def __init__(self, config: ConfigHolder, *, timeout: float = TIMEOUT) -> None:
        super().__init__(timeout)
        self._config = config

    def send(self, event: dict[str, Any]) -> None:
        """Queue an event for the URLs; returns at once. Needs a running event loop."""
        urls = self._config.current.notify.urls
        if urls:
            self.add(run_for(event, urls))


def run_for(event: dict[str, Any], urls: Sequence[str]) -> ProgramRun:
    """Return the run that sends an event. The options are those that apprise 0.9.7 has, too."""
    over = " is over" if event["state"] == "over" else ""
    return ProgramRun(
        (
            PROGRAM,
            *("--verbose", f"--config={ATTACHED}", "--input-format=text"),
            f"--notification-type={TYPES[event['severity']]}",
            f"--title=claude-failover {event['host']}: {event['event']}{over}",
        ),
        event["summary"].encode(errors="replace") + b"\n",
        attached="".join(f"{url}\n" for url in urls).encode(),
        all_output=True,
        says=lambda text: without_urls(text, urls),
    )


def without_urls(text: str, urls: Sequence[str]) -> str:
    """Return a text without the URLs, without their parts, and without any other URL."""
    text = _URL.sub(_HIDDEN, text)
    for part in sorted(set(_parts(urls)), key=len, reverse=True):
        text = text.replace(part, _HIDDEN)
    return text


def _parts(urls: Sequence[str]) -> Iterator[str]:
    for url in urls:
        for part in _SEPARATORS.split(url.partition("://")[2]):
            for form in (part, unquote(part)):
                if len(form) >= _LEAST_SECRET:
                    yield form

# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that never goes back: it begins as the wall clock's, and goes on by the time since the boot.

Steady time orders what happened. A jump of the wall clock changes the skew between both; with the skews of the past
the wall times that others wrote are converted to steady time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .processes import boot_id

#: A change of the wall clock against the time since the boot from which on it is a jump; less is followed.
JUMP = timedelta(seconds=1)

#: A stored moment that is further from the wall clock is no moment of this host.
MOST_APART = timedelta(days=36525)

_AHEAD = timedelta(seconds=1)  # that another program's clock reading may be ahead of ours
_KEPT = 50  # skews
_EXACT = 0.01  # seconds between two readings of the time since the boot, around one of the wall clock
_ORIGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Skew:
    """Steady time minus wall time, in force between two moments of steady time (``end`` None: until now).

    Two consecutive skews overlap by the time in which the jump was not seen yet.
    """

    start: datetime
    end: datetime | None
    value: timedelta


@dataclass(frozen=True)
class ClockState:
    """The state to store: the boot, steady time minus the time since that boot, the newest moment, and the skews."""

    boot_id: str
    anchor: timedelta
    seen: datetime
    skews: tuple[Skew, ...]


def _wall() -> float:
    return time.time()


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteadyClock:
    """The clock of one process; ``on_jump`` is called with the seconds of each jump of the wall clock.

    ``wall`` returns epoch seconds, ``since_boot`` the seconds since the boot ``boot``, suspended time included.
    """

    def __init__(
        self,
        wall: Callable[[], float] = _wall,
        since_boot: Callable[[], float] = _since_boot,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._read_wall, self._read_since_boot, self._boot_id = wall, since_boot, boot
        self.on_jump: Callable[[float], None] = lambda _seconds: None
        wall_now, elapsed = self._look()
        self._anchor = wall_now - elapsed - _ORIGIN
        self._last = wall_now
        self._skews = [Skew(_ORIGIN, None, timedelta(0))]
        self.jumps = 0  # how often the conversion between steady time and wall time has changed

    def _look(self) -> tuple[datetime, timedelta]:
        """Return the wall time and the time since the boot, of one moment."""
        for _attempt in range(5):
            before, wall, after = self._read_since_boot(), self._read_wall(), self._read_since_boot()
            if after - before < _EXACT:
                break
        return _ORIGIN + timedelta(seconds=wall), timedelta(seconds=after)

    @property
    def _skew(self) -> timedelta:
        return self._skews[-1].value

    def now(self) -> datetime:
        """Return the steady time, never one before an earlier answer. Each call looks for a jump."""
        wall, elapsed = self._look()
        moment = _ORIGIN + self._anchor + elapsed
        jump = self._skew - (moment - wall)  # positive: the wall clock was set forward
        if abs(jump) < JUMP:
            # Small corrections are followed, so that both times stay the same.
            moment, self._anchor = moment + jump, self._anchor + jump
            self._last = max(self._last, moment)
            return self._last
        self._begin_skew(self._last, moment, moment - wall)
        self._last = max(self._last, moment)
        self.on_jump(jump.total_seconds())
        return self._last

    def wall(self) -> datetime:
        """Return the wall time."""
        return _ORIGIN + timedelta(seconds=self._read_wall())

    def _begin_skew(self, start: datetime, end: datetime, value: timedelta) -> None:
        """Begin a skew at ``start``; the one before holds until ``end``."""
        last = self._skews[-1]
        self.jumps += 1
        self._skews = [*self._skews[1 - _KEPT : -1], Skew(last.start, end, last.value), Skew(start, None, value)]

    # -- conversion --------------------------------------------------------------------------------------------

    def from_wall(self, moment: datetime) -> datetime | None:
        """Return the steady time of a past wall time that another program wrote; None for one in the future.

        After the clock was set back a wall time can stand for two moments: the later one counts.
        """
        now = self.now()
        for skew in reversed(self._skews):
            try:
                found = moment + skew.value
            except OverflowError:
                continue
            if skew.start <= found <= (skew.end or now) + _AHEAD:
                return min(found, now)
        return None

    def since_boot(self, seconds: float) -> datetime:
        """Return the steady time of a moment that many seconds after the boot."""
        self.now()
        return _ORIGIN + self._anchor + timedelta(seconds=seconds)

    def expected(self, moment: datetime, at: datetime | None = None) -> datetime:
        """Return the steady time of a wall time that is still to come, as the clock is set now or was at ``at``."""
        self.now()
        skews = [skew for skew in self._skews if at is None or skew.start < at] or self._skews
        try:
            return moment + skews[-1].value
        except OverflowError:
            return moment

    def to_wall(self, moment: datetime) -> datetime:
        """Return the wall time of a steady time, by the clock as it is set now."""
        self.now()
        return moment - self._skew

    # -- over restarts -----------------------------------------------------------------------------------------

    def state(self) -> ClockState:
        """Return the state to store."""
        return ClockState(self._boot_id(), self._anchor, self.now(), tuple(self._skews))

    def restore(self, state: ClockState) -> float:
        """Go on from a stored state; returns the seconds by which the wall clock was set since, as far as known.

        Raises ValueError for a state that is more than `MOST_APART` from the wall clock.
        """
        same_boot = bool(state.boot_id) and state.boot_id == self._boot_id()
        wall, elapsed = self._look()
        moment = _ORIGIN + state.anchor + elapsed if same_boot else wall
        moment = max(moment, state.seen)
        if abs(moment - wall) > MOST_APART:
            raise ValueError(f"found {moment:%Y-%m-%d}, expected a day within a century of the wall clock's")
        self._anchor, self._last = moment - elapsed - _ORIGIN, moment
        self._skews = list(state.skews) or [Skew(_ORIGIN, None, timedelta(0))]
        self.jumps += 1
        jump = self._skew - (moment - wall)
        if abs(jump) < JUMP:
            self._anchor += jump
            return 0.0
        self._begin_skew(state.seen, moment, moment - wall)
        return jump.total_seconds() if same_boot else min(0.0, (wall - moment).total_seconds())

    def not_before(self, moment: datetime) -> float:
        """Go on at least from this moment of an earlier run; returns the seconds by which it was ahead, else 0.

        One that is more than `MOST_APART` ahead of the wall clock is none.
        """
        now = self.now()
        if now >= moment or moment - self.wall() > MOST_APART:
            return 0.0
        ahead = moment - now
        self._anchor += ahead
        self._last = moment
        self._begin_skew(moment, moment, self._skew + ahead)
        return ahead.total_seconds()

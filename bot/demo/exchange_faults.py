"""Switches that make the demo exchange behave badly, and its request weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final

from bot.demo.instruments import Instrument
from core.sim.book import VenueState

_MINUTE_S: Final = 60.0


class Failure(Enum):
    UNAVAILABLE = "503 with the venue's error body"
    SERVICE_UNAVAILABLE = "503, and the request was not taken"
    OVERLOADED = "503 with -1008, and the request was not taken"
    RESET = "the connection is cut without an answer, before anything is done"
    LOST = "the request is carried out, then the connection is cut"
    SWALLOWED = "the request is carried out, and no answer comes for a long time"
    UNKNOWN = "503 'Unknown error': nothing was done"
    UNKNOWN_DONE = "503 'Unknown error': carried out, `late_s` later if that is inside the receive window"
    TIMED_OUT = "408 with -1007: nothing was done"
    TIMED_OUT_DONE = "408 with -1007: carried out, `late_s` later"
    REFUSED = "a code of one's choice, and nothing is done"
    THROTTLED = "429 with Retry-After"
    BANNED = "418 with Retry-After"
    HTML = "a page of HTML with status 200"

    @property
    def is_carried_out(self) -> bool:
        """The order is taken although the client does not hear of it."""
        return self in _CARRIED_OUT


_CARRIED_OUT: Final = (Failure.LOST, Failure.SWALLOWED, Failure.UNKNOWN_DONE, Failure.TIMED_OUT_DONE)


@dataclass(slots=True)
class Planned:
    """What happens to the next `left` requests whose method and path match, after `skip` that pass."""

    failure: Failure
    left: int
    path: str
    retry_after_s: int = 1
    method: str = ""
    skip: int = 0
    late_s: float = 0.0
    code: int = 0
    message: str = ""
    status: int = 400

    def is_due(self, path: str, method: str, is_protective: bool) -> bool:
        """Counts the request off when it matches. Overload spares orders that only reduce."""
        if self.left <= 0 or not path.startswith(self.path) or self.method not in ("", method):
            return False
        if is_protective and self.failure is Failure.OVERLOADED:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Slow:
    path: str
    method: str
    seconds: float


@dataclass(slots=True)
class Faults:
    """All off at first. `latency_s` delays every answer; symbols are the venue's ("BTCUSDT").

    `clock_skew_ms` is added to the venue's clock; `query_lag_ms` (market time) is how long orders and trades
    stay unknown to queries; `is_under_maintenance` answers everything with a page of HTML. Of the streams:
    `are_streams_silent` keeps connections open and sends nothing, `repeats_events` sends each event twice,
    `reorders_events` sends every two events in the wrong order.
    """

    latency_s: float = 0.0
    frozen_at_ms: int | None = None
    clock_skew_ms: int = 0
    query_lag_ms: int = 0
    is_under_maintenance: bool = False
    are_streams_silent: bool = False
    repeats_events: bool = False
    reorders_events: bool = False
    delisted: set[str] = field(default_factory=set)
    """Symbols that are closed for new positions."""
    _planned: list[Planned] = field(default_factory=list)
    _slow: list[_Slow] = field(default_factory=list)
    _shares: list[Decimal] = field(default_factory=list)
    changed: dict[str, Instrument] = field(default_factory=dict)
    """Symbols whose trading rules are no longer those of the market."""
    _positions: list[VenueState] = field(default_factory=list)
    _balances: list[VenueState] = field(default_factory=list)
    _missing: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    _spoilt: dict[str, str] = field(default_factory=dict)

    def fail_next(
        self,
        count: int,
        failure: Failure,
        *,
        path: str = "/",
        retry_after_s: int = 1,
        method: str = "",
        skip: int = 0,
        late_s: float = 0.0,
    ) -> None:
        """The next `count` requests whose path begins with `path` fail this way; plans queue up.

        aiohttp's client repeats a GET by itself when a kept connection is cut: two `RESET`s are felt as one.
        """
        self._planned.append(Planned(failure, count, path, retry_after_s, method, skip, late_s))

    def refuse_next(
        self,
        count: int,
        code: int,
        message: str,
        *,
        path: str,
        method: str = "",
        skip: int = 0,
        status: int = 400,
    ) -> None:
        """The next `count` requests are answered with this code: a stop that would trigger at once, say."""
        self._planned.append(
            Planned(
                Failure.REFUSED,
                count,
                path,
                method=method,
                skip=skip,
                code=code,
                message=message,
                status=status,
            )
        )

    def slow(self, path: str, seconds: float, method: str = "") -> None:
        """Answers below `path` take `seconds` longer."""
        self._slow.append(_Slow(path, method, seconds))

    def delay_s(self, path: str, method: str) -> float:
        slow = (each for each in self._slow if path.startswith(each.path) and each.method in ("", method))
        return self.latency_s + sum(each.seconds for each in slow)

    def fill_partly(self, *shares: Decimal) -> None:
        """The next orders are filled by these fractions; the rest waits until it is cancelled or released."""
        self._shares.extend(shares)

    def partial_share(self) -> Decimal | None:
        """The fraction for the order that comes now, counted off."""
        return self._shares.pop(0) if self._shares else None

    def show_positions(self, state: VenueState, reads: int) -> None:
        """The next `reads` of the position endpoint show those of `state`."""
        self._positions.extend([state] * reads)

    def show_balances(self, state: VenueState, reads: int) -> None:
        """The next `reads` of account and balance show `state`."""
        self._balances.extend([state] * reads)

    def seen_positions(self, state: VenueState) -> VenueState:
        """What a read of positions shows, counted off."""
        return self._positions.pop(0) if self._positions else state

    def seen_balances(self, state: VenueState) -> VenueState:
        return self._balances.pop(0) if self._balances else state

    def freeze(self, at_ms: int) -> None:
        """Go on answering, but with the market of this instant. `/fapi/v1/time` still tells the time."""
        self.frozen_at_ms = at_ms

    def thaw(self) -> None:
        self.frozen_at_ms = None

    def lose_candle(self, symbol: str, interval: str, open_ms: int) -> None:
        """Leave a hole in the candles: the row that opens at `open_ms` is missing ("1h" and so on)."""
        self._missing.setdefault((symbol, interval), set()).add(open_ms)

    def lost_candles(self, symbol: str, interval: str) -> set[int]:
        """Open times of the missing rows."""
        return self._missing.get((symbol, interval), set())

    def spoil(self, symbol: str, text: str) -> None:
        """Send `text` ("NaN", "0") wherever the symbol's present price belongs."""
        self._spoilt[symbol] = text

    def heal(self) -> None:
        """Everything back to normal."""
        self.latency_s, self.frozen_at_ms = 0.0, None
        self.clock_skew_ms, self.query_lag_ms = 0, 0
        self.is_under_maintenance = self.are_streams_silent = False
        self.repeats_events = self.reorders_events = False
        self.delisted.clear()
        self._planned.clear()
        self._slow.clear()
        self._shares.clear()
        self._positions.clear()
        self._balances.clear()
        self.changed.clear()
        self._missing.clear()
        self._spoilt.clear()

    def shown(self, symbol: str, price: str) -> str:
        return self._spoilt.get(symbol, price)

    def is_spoilt(self, symbol: str) -> bool:
        return symbol in self._spoilt

    def take(self, path: str, method: str = "GET", *, is_protective: bool = False) -> Planned | None:
        """The failure due for this request, counted off; None when it may pass."""
        if self.is_under_maintenance:
            return Planned(Failure.HTML, 1, "/")
        due = next(
            (planned for planned in self._planned if planned.is_due(path, method, is_protective)), None
        )
        self._planned = [planned for planned in self._planned if planned.left > 0]
        return due


@dataclass(frozen=True, slots=True)
class Weighed:
    """`used` in this minute; `status` is 200, 429 or 418; `wait_s` until requests pass again."""

    used: int
    status: int
    wait_s: int


class WeightMeter:
    """Request weight per minute of real time. Over the limit: 429; going on regardless: a ban, 418.

    The venue bans for two minutes at first; it counts whoever keeps asking after a 429.
    """

    BAN_S: Final = 120
    PATIENCE: Final = 10  # requests answered 429 in one minute before the ban

    def __init__(self, limit: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._seconds = seconds
        self._minute = -1
        self._used = 0
        self._refused = 0
        self._banned_until = 0.0

    def ban(self, seconds: float) -> None:
        """From now on every request is answered 418, until the ban ends."""
        self._banned_until = self._seconds() + seconds

    def weigh(self, weight: int) -> Weighed:
        now = self._seconds()
        if now < self._banned_until:
            return Weighed(self._used, 418, _up(self._banned_until - now))
        if int(now // _MINUTE_S) != self._minute:
            self._minute, self._used, self._refused = int(now // _MINUTE_S), 0, 0
        self._used += weight
        if self._used <= self.limit:
            return Weighed(self._used, 200, 0)
        self._refused += 1
        if self._refused > self.PATIENCE:
            self._banned_until = now + self.BAN_S
            return Weighed(self._used, 418, self.BAN_S)
        return Weighed(self._used, 429, _up(_MINUTE_S - now % _MINUTE_S))


def _up(seconds: float) -> int:
    return max(1, -int(-seconds // 1))

"""Switches that make the demo exchange behave badly, and its request weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

_MINUTE_S: Final = 60.0


class Failure(Enum):
    UNAVAILABLE = "503 with the venue's error body"
    RESET = "the connection is cut without an answer"
    THROTTLED = "429 with Retry-After"
    BANNED = "418 with Retry-After"
    HTML = "a page of HTML with status 200"


@dataclass(slots=True)
class _Planned:
    failure: Failure
    left: int
    path: str
    retry_after_s: int


@dataclass(slots=True)
class Faults:
    """All off at first. `latency_s` delays every answer; symbols are the venue's ("BTCUSDT")."""

    latency_s: float = 0.0
    frozen_at_ms: int | None = None
    _planned: list[_Planned] = field(default_factory=list)
    _missing: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    _spoilt: dict[str, str] = field(default_factory=dict)

    def fail_next(self, count: int, failure: Failure, *, path: str = "/", retry_after_s: int = 1) -> None:
        """The next `count` requests whose path begins with `path` fail this way; plans queue up.

        aiohttp's client repeats a GET by itself when a kept connection is cut: two `RESET`s are felt as one.
        """
        self._planned.append(_Planned(failure, count, path, retry_after_s))

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
        self._planned.clear()
        self._missing.clear()
        self._spoilt.clear()

    def shown(self, symbol: str, price: str) -> str:
        return self._spoilt.get(symbol, price)

    def is_spoilt(self, symbol: str) -> bool:
        return symbol in self._spoilt

    def take(self, path: str) -> tuple[Failure, int] | None:
        """The failure due for this request with its Retry-After, counted off; None when it may pass."""
        for planned in self._planned:
            if planned.left > 0 and path.startswith(planned.path):
                planned.left -= 1
                return planned.failure, planned.retry_after_s
        self._planned = [planned for planned in self._planned if planned.left > 0]
        return None


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

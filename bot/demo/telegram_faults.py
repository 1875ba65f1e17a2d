"""Bad days on demand: flood limits, refusals, lost answers, an unreachable or failing server."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.demo.telegram_errors import ApiError, too_many_requests

CHAT_BURST = 5
CHAT_PER_S = 1.0
GROUP_PER_S = 20 / 60
OVERALL_PER_S = 30.0
"""Telegram's published guidance: one message a second per chat with short bursts, 20 a minute in a group,
30 a second overall."""

NEVER_LIMITED = frozenset({"getupdates", "getme", "answercallbackquery", "setwebhook", "deletewebhook"})


@dataclass
class _Bucket:
    rate: float
    burst: float
    level: float = 0.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until there is room; takes it when there is some now."""
        self.level = max(0.0, self.level - (now - self.at) * self.rate)
        self.at = now
        if self.level + 1 > self.burst:
            return (self.level + 1 - self.burst) / self.rate
        self.level += 1
        return 0.0


@dataclass
class _Planned:
    method: str  # lower case; empty for every method
    times: int
    error: ApiError | None  # None: perform, then drop the connection instead of answering


@dataclass
class Faults:
    """`is_strict` switches Telegram's flood limits on; `gateway_fails` answers 502 to everything."""

    clock: Callable[[], float]
    is_strict: bool = False
    gateway_fails: bool = False
    refused: int = 0
    _planned: deque[_Planned] = field(default_factory=deque)
    _chats: dict[int, _Bucket] = field(default_factory=dict)
    _overall: _Bucket = field(default_factory=lambda: _Bucket(OVERALL_PER_S, OVERALL_PER_S))

    def plan_refusal(self, error: ApiError, method: str = "", times: int = 1) -> None:
        self._planned.append(_Planned(method.lower(), times, error))

    def plan_lost_answer(self, method: str, times: int = 1) -> None:
        self._planned.append(_Planned(method.lower(), times, None))

    def before(self, method: str) -> None:
        """Raises the refusal that is due for this call."""
        if self.gateway_fails:
            raise ApiError(502, "Bad Gateway")
        planned = self._take(method, is_refusal=True)
        if planned is not None and planned.error is not None:
            self.refused += 1
            raise planned.error

    def loses_answer(self, method: str) -> bool:
        return self._take(method, is_refusal=False) is not None

    def flood(self, chat_id: int) -> None:
        if not self.is_strict:
            return
        now = self.clock()
        rate, burst = (CHAT_PER_S, CHAT_BURST) if chat_id > 0 else (GROUP_PER_S, 20)
        chat = self._chats.setdefault(chat_id, _Bucket(rate, burst, at=now))
        wait = max(chat.wait(now), self._overall.wait(now))
        if wait > 0:
            self.refused += 1
            raise too_many_requests(math.ceil(wait))

    def _take(self, method: str, *, is_refusal: bool) -> _Planned | None:
        for planned in self._planned:
            fits = planned.method == method or (not planned.method and method not in NEVER_LIMITED)
            if fits and (planned.error is not None) == is_refusal:
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                return planned
        return None

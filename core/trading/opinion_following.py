"""Resolves the advisers' open judgements by the market's closed bars, a bounded amount a pass.

Laws:
- Nothing that trades waits for it, and it changes nothing but outcomes.
- The journal is its only memory of what is open: after a restart it goes on where it was.
- Only a market that answers and lacks the bars makes an outcome unknown; one that is silent is asked again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from core.advice.outcomes import BAR, FRAME, given_up, horizon_end, resolved
from core.adviser_record import Judgement, OpinionJournal, Resolution
from core.errors import BadMarketFacts, PerpilotError, UnknownSymbol
from core.market import TIMEFRAMES, Candles, bar_open
from core.ports import Clock, Market

log = logging.getLogger("perpilot.record")

MOST_READ = 2_000
"""Open judgements a look; the oldest first, so that nothing is left behind for ever."""
MOST_WRITTEN = 100
"""Outcomes a transaction: after a long pause there are many, and what guards waits for the same writer."""
SYMBOLS_A_PASS = 12
MOST_BARS = 480
"""A request: what every venue's market port gives at once."""
REQUESTS = 2
"""A symbol and pass: ten days, more than the longest horizon of seven."""
PATIENCE = timedelta(days=2)
"""After its horizon an opinion waits so long for bars that are missing."""
LEAST_MISSES = 3
"""Passes in which the market answered without the bars, before they count as missing."""


class OpinionFollower:
    def __init__(self, journal: OpinionJournal, market: Market, clock: Clock, account: str) -> None:
        self._journal = journal
        self._market = market
        self._clock = clock
        self._account = account
        self._looked: dict[str, datetime] = {}
        """Symbol → close of the newest bar that it was looked at with."""
        self._misses: dict[str, int] = {}

    async def follow(self) -> int:
        """One pass over the symbols that have a new bar; how many judgements were resolved.

        Raises `JournalError`.
        """
        bar = bar_open(self._clock.now(), FRAME)
        self._looked = {symbol: seen for symbol, seen in self._looked.items() if seen >= bar}
        waiting = await self._journal.open_judgements(self._account, MOST_READ, tuple(self._looked))
        by_symbol: dict[str, list[Judgement]] = defaultdict(list)
        for one in waiting:
            by_symbol[one.symbol].append(one)
        ended = 0
        for symbol in list(by_symbol)[:SYMBOLS_A_PASS]:
            found = await self._resolved(symbol, by_symbol[symbol], bar)
            for begin in range(0, len(found), MOST_WRITTEN):
                portion = found[begin : begin + MOST_WRITTEN]
                ended += await self._journal.resolve_judgements(self._account, portion)
            if len(found) < len(by_symbol[symbol]) or len(waiting) < MOST_READ:
                self._looked[symbol] = bar  # else there may be more that these bars can tell
        return ended

    async def _resolved(self, symbol: str, own: Sequence[Judgement], bar: datetime) -> list[Resolution]:
        due = [one for one in own if one.bar < bar]
        if not due:
            return []
        try:
            candles = await self._candles(symbol, due[0].bar, bar)
        except (BadMarketFacts, UnknownSymbol) as error:
            log.info("opinions wait: symbol=%s error=%s", symbol, error)
            return self._missed(symbol, due)
        except PerpilotError as error:
            log.info("opinions not followed now: symbol=%s error=%s", symbol, error)
            return []
        found = [made for one in due if (made := resolved(one, candles)) is not None]
        known = {one.id for one in found}
        left = [one for one in due if one.id not in known]
        if any(self._is_late(one, due[0].bar) for one in left):
            return found + self._missed(symbol, left)
        self._misses.pop(symbol, None)
        return found

    async def _candles(self, symbol: str, since: datetime, bar: datetime) -> Candles:
        """Closed bars that open from `since` on, at most `REQUESTS` x `MOST_BARS`. Raises `BadMarketFacts`
        where two answers don't join."""
        parts: list[Candles] = []
        for _ in range(REQUESTS):
            until = min(bar, since + MOST_BARS * BAR)
            count = (until - since) // BAR
            if count <= 0:
                break
            parts.append(await self._market.candles(symbol, FRAME, until, count))
            since = until
        rows = np.concatenate([part.rows for part in parts])
        if (np.diff(rows[:, 0]) != TIMEFRAMES[FRAME]).any():
            raise BadMarketFacts(f"{symbol} {FRAME}: a gap between two answers")
        return Candles(symbol, FRAME, rows)

    def _is_late(self, judgement: Judgement, since: datetime) -> bool:
        """It was asked about with the bars from `since` on, and waited for long enough."""
        end = horizon_end(judgement)
        return end <= since + REQUESTS * MOST_BARS * BAR and self._clock.now() >= end + PATIENCE

    def _missed(self, symbol: str, own: Sequence[Judgement]) -> list[Resolution]:
        self._misses[symbol] = self._misses.get(symbol, 0) + 1
        if self._misses[symbol] < LEAST_MISSES:
            return []
        now = self._clock.now()
        return [given_up(one, now) for one in own if self._is_late(one, own[0].bar)]

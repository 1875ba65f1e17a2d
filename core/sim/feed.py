"""Live prices and funding into a simulated venue; the paper venue's stand-in for a price stream."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import PerpilotError
from core.market import TIMEFRAMES, Candles, Instrument, Quote, to_ms
from core.money import exact, nearest_to
from core.ports import Clock, Market
from core.sim.history import path_of
from core.sim.venue import SimVenue

log = logging.getLogger("perpilot.feed")

QUIET = timedelta(minutes=2)
"""A longer silence than this is made up for from candles."""
CATCH_UP_BARS = 480
"""Eight hours of minutes; a longer absence is walked in larger bars."""
HALF_SPREAD = Decimal("0.0001")
"""Assumed half spread while catching up, fraction of price."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The funding that was announced for a time that is still to come."""

    at: datetime
    rate: Decimal


class PriceFeed:
    def __init__(self, venue: SimVenue, market: Market, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._clock = clock
        self._announced: dict[str, Settlement] = {}

    async def pull(self) -> bool:
        """One price for every exposed symbol; True when the venue executed something.

        A symbol whose price cannot be had is skipped: its stop waits for the next price, as it would for
        the next trade on a real venue.
        """
        executed = False
        for symbol in self._venue.exposed():
            try:
                quote = await self._market.quote(symbol)
                await self._fund(symbol)
            except PerpilotError as error:
                log.warning("no price: symbol=%s error=%s", symbol, str(error))
                continue
            executed |= await self._venue.on_quote(quote)
        return executed

    async def catch_up(self) -> bool:
        """Walks the bars that passed while nobody fed prices; True when the venue executed something."""
        executed = False
        now = self._clock.now()
        for symbol in self._venue.exposed():
            since = self._venue.state.seen_at.get(symbol)
            if since is None or now - since < QUIET:
                continue
            instrument = await self._market.instrument(symbol)
            for candles in await self._missed(symbol, since, now):
                for quote in quotes_of(candles, since, instrument):
                    executed |= await self._venue.on_quote(quote)
        return executed

    async def _missed(self, symbol: str, since: datetime, now: datetime) -> list[Candles]:
        """The finest bars that reach back far enough."""
        for timeframe in ("1m", "15m", "4h"):
            needed = int((to_ms(now) - to_ms(since)) / TIMEFRAMES[timeframe]) + 2
            if needed <= CATCH_UP_BARS or timeframe == "4h":
                limit = min(needed, CATCH_UP_BARS)
                return [await self._market.candles(symbol, timeframe, now, limit)]
        return []

    async def _fund(self, symbol: str) -> None:
        """Settles an announced funding once its time has come."""
        announced = self._announced.get(symbol)
        if announced is not None and self._clock.now() >= announced.at:
            await self._venue.on_funding(symbol, announced.rate, announced.at)
            del self._announced[symbol]
        if symbol not in self._announced:
            background = await self._market.background(symbol)
            rate, at = background.funding_rate, background.next_funding_at
            if rate is not None and at is not None and at > self._clock.now():
                self._announced[symbol] = Settlement(at, exact(rate))


def quotes_of(candles: Candles, since: datetime, instrument: Instrument) -> list[Quote]:
    """Four prices per bar, those after `since` only, as quotes with an assumed spread."""
    length = timedelta(milliseconds=TIMEFRAMES[candles.timeframe])
    quotes = []
    for row in candles.rows:
        opened = datetime.fromtimestamp(row[0] / 1000, tz=since.tzinfo)
        for part, price in enumerate(path_of(row)):
            at = opened + length * part / 4
            if at > since:
                quotes.append(_quote(candles.symbol, price, at, instrument))
    return quotes


def _quote(symbol: str, price: float, at: datetime, instrument: Instrument) -> Quote:
    mark = nearest_to(exact(price), instrument.tick)
    half = max(nearest_to(mark * HALF_SPREAD, instrument.tick), instrument.tick)
    return Quote(symbol, mark - half, mark + half, mark, mark, at)

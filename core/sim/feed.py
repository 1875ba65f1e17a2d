"""Live prices and funding into a simulated venue; the paper venue's stand-in for a price stream.

Laws:
- A price that nobody fed is made up for from candles before the next one is applied: a stop that was
  crossed meanwhile, was crossed.
- One symbol's failure stops no other's price; missing funding facts stop no price at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import BadMarketFacts, PerpilotError, UnknownSymbol
from core.market import TIMEFRAMES, Candles, Instrument, Quote, from_ms, to_ms
from core.money import exact, nearest_to
from core.ports import Clock, Market
from core.sim.history import Path, passage, path_of
from core.sim.venue import SimVenue

log = logging.getLogger("perpilot.feed")

QUIET = timedelta(minutes=2)
"""A longer silence than this is made up for from candles."""
CATCH_UP_BARS = 480
"""Eight hours of minutes; a longer absence is walked in larger bars."""
CATCH_UP_TIMEFRAMES = ("1m", "15m", "4h", "1d")
PATIENCE = timedelta(minutes=1)
"""So long the next price waits for candles that cannot be read; then guarding goes on without them."""
HALF_SPREAD = Decimal("0.0001")
"""Assumed half spread while catching up, fraction of price."""

Settlements = Callable[[str, datetime, datetime], Awaitable[Sequence[tuple[datetime, Decimal]]]]
"""(symbol, after, until) → funding (time, rate) settled in (after, until], oldest first."""


class PriceFeed:
    """Without `settlements`, funding missed while nobody fed prices is paid at the last announced rate."""

    def __init__(
        self, venue: SimVenue, market: Market, clock: Clock, settlements: Settlements | None = None
    ) -> None:
        self._venue = venue
        self._market = market
        self._clock = clock
        self._settlements = settlements
        self._waiting: dict[str, datetime] = {}
        """Symbol → since when its candles cannot be read."""

    async def pull(self) -> bool:
        """One price for every exposed symbol; True when the venue executed something.

        A symbol whose price cannot be had is skipped: what it missed is made up for when it is back.
        """
        symbols = self._venue.exposed()
        quotes = await asyncio.gather(*(self._facts(symbol) for symbol in symbols))
        executed = False
        for symbol, quote in zip(symbols, quotes, strict=True):
            if quote is None:
                continue
            try:
                executed |= await self._make_up_if_possible(symbol, quote.at)
                executed |= await self._venue.on_quote(quote)
            except PerpilotError as error:
                log.warning("price not applied: symbol=%s error=%s", symbol, str(error))
        return executed

    async def catch_up(self) -> bool:
        """Walks the bars that passed while nobody fed prices; True when the venue executed something.

        Every symbol is walked before the first failure is raised; what was walked is not walked again.
        """
        executed = False
        failed: PerpilotError | None = None
        for symbol in self._venue.exposed():
            try:
                executed |= await self._make_up(symbol, self._clock.now())
            except (UnknownSymbol, BadMarketFacts) as error:
                # Delisted, or no such bars: waiting would not bring them, and guarding must start.
                log.error("no prices to catch up with: symbol=%s error=%s", symbol, str(error))
            except PerpilotError as error:
                log.warning("catching up failed: symbol=%s error=%s", symbol, str(error))
                failed = failed or error
        if failed is not None:
            raise failed
        return executed

    async def _facts(self, symbol: str) -> Quote | None:
        """The newest price; funding is announced on the way."""
        try:
            quote = await self._market.quote(symbol)
        except PerpilotError as error:
            log.warning("no price: symbol=%s error=%s", symbol, str(error))
            return None
        try:
            background = await self._market.background(symbol)
        except PerpilotError as error:
            log.warning("funding unknown: symbol=%s error=%s", symbol, str(error))
            return quote
        rate, at = background.funding_rate, background.next_funding_at
        if rate is not None and at is not None:
            await self._venue.announce(symbol, exact(rate), at, background.funding_interval_h)
        return quote

    async def _make_up_if_possible(self, symbol: str, until: datetime) -> bool:
        """Raises while it is worth waiting; then the gap stays a gap."""
        try:
            executed = await self._make_up(symbol, until)
        except BadMarketFacts as error:
            log.error("a gap cannot be made up: symbol=%s error=%s", symbol, str(error))
            executed = False
        except PerpilotError:
            now = self._clock.now()
            if now - self._waiting.setdefault(symbol, now) < PATIENCE:
                raise
            log.exception("a gap is given up: symbol=%s", symbol)
            executed = False
        self._waiting.pop(symbol, None)
        return executed

    async def _make_up(self, symbol: str, until: datetime) -> bool:
        """Walks what one symbol missed, funding in its place between the prices."""
        since = self._venue.state.seen_at.get(symbol)
        if since is None or until - since < QUIET:
            return False
        instrument = await self._market.instrument(symbol)
        candles = await self._missed(symbol, since, until)
        owed = list(await self._settlements(symbol, since, until)) if self._settlements else []
        executed = False
        for row in candles.rows:
            state = self._venue.state
            held = state.holdings.get(symbol)
            path = path_of(row, held.side if held else None)
            opened = from_ms(int(row[0]))
            for quote in quotes_of(candles, opened, path, state.triggers(symbol), instrument):
                owed = await self._pay(symbol, owed, quote.at, quote.mark)
                executed |= await self._venue.on_quote(quote)  # older ones change nothing
        await self._pay(symbol, owed, until)
        return executed

    async def _pay(
        self,
        symbol: str,
        owed: list[tuple[datetime, Decimal]],
        until: datetime,
        mark: Decimal | None = None,
    ) -> list[tuple[datetime, Decimal]]:
        """Settles what was due by `until` at the mark of then; returns the rest."""
        for at, rate in owed:
            if at <= until:
                await self._venue.on_funding(symbol, rate, at, mark)
        return [row for row in owed if row[0] > until]

    async def _missed(self, symbol: str, since: datetime, until: datetime) -> Candles:
        """The finest bars that reach back far enough; of the longest, as many as we may ask for."""
        gap = to_ms(until) - to_ms(since)
        needed = {timeframe: gap // TIMEFRAMES[timeframe] + 2 for timeframe in CATCH_UP_TIMEFRAMES}
        fitting = (timeframe for timeframe, count in needed.items() if count <= CATCH_UP_BARS)
        timeframe = next(fitting, CATCH_UP_TIMEFRAMES[-1])
        limit = min(needed[timeframe], CATCH_UP_BARS)
        return await self._market.candles(symbol, timeframe, until, limit)


def quotes_of(
    candles: Candles, opened: datetime, path: Path, triggers: Iterable[Decimal], instrument: Instrument
) -> Iterator[Quote]:
    """The prices of one bar's path, and the triggers they pass, as quotes with an assumed spread."""
    length = timedelta(milliseconds=TIMEFRAMES[candles.timeframe])
    triggers = tuple(triggers)
    for part, end in enumerate(path):
        start = path[part - 1] if part else end
        for price in passage(start, end, triggers):
            yield _quote(candles.symbol, price, opened + length * part / 3, instrument)


def _quote(symbol: str, price: float, at: datetime, instrument: Instrument) -> Quote:
    mark = nearest_to(exact(price), instrument.tick)
    half = max(nearest_to(mark * HALF_SPREAD, instrument.tick), instrument.tick)
    return Quote(symbol, mark - half, mark + half, mark, mark, at)

"""`core.ports.Market` over a real venue: instruments, candles, quotes and background, each fetched once for
all.

Laws:
- Public reads only. Nothing here can place, change or cancel an order.
- A bar counts as closed by the venue's clock, not by ours.
- An unknown symbol is refused from the instrument list: it costs no request.
- Old instruments beat none: a failed daily reload is tried again and the old rules hold meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

from core.adapters.exchange.binance import BINANCE_RULE, BinanceReader
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import GUARDING, OPENING, SCANNING, Calls, Urgency
from core.adapters.exchange.candle_cache import (
    CandleCache,
    Series,
    cut,
    joined,
    missing_bars,
    newest_open,
)
from core.adapters.exchange.checks import checked_candles, closed_only
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.reader import BackgroundBoard, BudgetRule, Interest, QuoteBoard, Reader, VenueTime
from core.adapters.exchange.sharing import Desk, Flights
from core.adapters.exchange.unified import OTHER_RULE, RULES, UnifiedReader
from core.errors import BadMarketFacts, Throttled, Unknown, UnknownSymbol
from core.market import TIMEFRAMES, Background, Candles, Instrument, Quote, to_ms
from core.ports import Clock, ClockReading, ComponentHealth, Market

logger = logging.getLogger("perpilot.exchange")

MEASURING = Urgency("measuring", deadline_s=4.0, attempt_s=1.8, urgent=True)
"""Of the clock: a tiny answer, and one that was long under way says little."""

MAX_CANDLES = 500
QUOTE_LIFE_S = 1.0
BACKGROUND_LIFE_S = 60.0
INSTRUMENTS_LIFE_S = 86_400.0
CLOCK_LIFE_S = 300.0
DOUBT_PAUSE_S = 600.0
"""Between two reloads that rejected orders ask for."""
UPKEEP_PAUSE_S = 60.0
"""Between tries of a reload that failed."""

QUOTE_MAX_AGE_S = 30.0
"""The mark price ticks every few seconds; a replay that runs faster needs its factor on top."""


class CcxtMarket:
    """Scanning view of the market; `guarding()` gives the one that may use the reserve.

    `open` before use, `close` after. Every method raises `Unknown`, `Throttled`, `NotAllowed`,
    `BadMarketFacts` or `UnknownSymbol`.
    """

    def __init__(
        self,
        exchange_id: str,
        *,
        clock: Clock,
        url: str | None = None,
        ws_url: str | None = None,
        testnet: bool = False,
        api_key: str = "",
        secret: str = "",
        password: str = "",
        budget: WeightBudget | None = None,
        quote_max_age_s: float = QUOTE_MAX_AGE_S,
    ) -> None:
        self.exchange_id = exchange_id
        self._access = Access(exchange_id, url, ws_url, testnet, api_key, secret, password)
        self._clock = clock
        self._time = VenueTime(clock)
        self._quote_max_age_s = quote_max_age_s
        self._budget = budget or _budget(clock, _rule(exchange_id))
        self._flights = Flights()
        self._candles = CandleCache()
        self._instruments: Mapping[str, Instrument] = {}
        self._refined: dict[str, Instrument] = {}
        self._backgrounds: dict[str, tuple[float, Background]] = {}
        self._due: dict[str, float] = {}
        self._doubted_at: float | None = None
        self._link: _Link | None = None

    async def open(self, within_s: float | None = None) -> None:
        """Builds the client, measures the clock and loads the instruments.

        `within_s`: what is not there by then goes on loading, and `Unknown` is raised meanwhile; the clock is
        waited for even shorter. None: as long as the questions themselves last.

        After `Unknown` or `Throttled` the market stays usable: the first question that gets through loads
        what is missing. Any other error means that the configuration must change; `close` then.
        """
        if self._link is None:
            self._link = await self._connected()
        loading = self._flights.join("instruments", self._load_instruments)
        measuring = self._flights.join("clock", lambda: self._measure_clock(OPENING))
        clock_s = None if within_s is None else min(within_s, MEASURING.deadline_s)
        results = await asyncio.gather(
            self._in_time("instrument list", loading, within_s),
            self._in_time("clock", measuring, clock_s),
            return_exceptions=True,
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in sorted(errors, key=lambda error: isinstance(error, Unknown | Throttled)):
            raise error

    async def _in_time(self, what: str, answer: Awaitable[object], within_s: float | None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await answer
        except TimeoutError:
            raise Unknown(f"{self.exchange_id}: the {what} hasn't come within {within_s:g} s") from None

    async def close(self) -> None:
        await self._flights.close()
        link, self._link = self._link, None
        if link is not None:
            await close_client(link.client)

    def guarding(self) -> Market:
        return _Guarding(self)

    @property
    def clock_offset_s(self) -> float | None:
        """The venue's clock minus ours; None when it was never measured."""
        return self._time.offset_s

    def clock_reading(self) -> ClockReading | None:
        return self._time.reading()

    def outage(self) -> str:
        """Since when and why the venue gives no usable answer; empty while it does, and before `open`."""
        return self._link.calls.outage() if self._link is not None else ""

    def doubt(self, symbol: str) -> None:
        """The venue rejected an order by a rule of the instrument: the rules are read again, by the next
        question and at most once in `DOUBT_PAUSE_S`."""
        now = self._clock.monotonic()
        if self._doubted_at is not None and now - self._doubted_at < DOUBT_PAUSE_S:
            return
        self._doubted_at = self._due["instruments"] = now
        logger.warning("exchange_rules_doubted symbol=%s", symbol)

    @property
    def budget(self) -> WeightBudget:
        return self._budget

    def health(self) -> ComponentHealth:
        if self._link is None:
            return ComponentHealth("down", "not opened")
        return self._link.calls.health()

    async def measure_clock(self) -> float:
        """Reads the venue's time and returns the new `clock_offset_s`, right to half the answer's latency."""
        return await self._measure_clock(MEASURING)

    async def _measure_clock(self, urgency: Urgency) -> float:
        reader = self._reader()
        sent = self._clock.now()
        server_ms = await reader.server_ms(urgency)
        received = self._clock.now()
        middle = sent + (received - sent) / 2
        self._time.offset_s = offset_s = (server_ms - to_ms(middle)) / 1000
        self._connection().client.options["timeDifference"] = to_ms(middle) - server_ms  # for signed requests
        self._due["clock"] = self._clock.monotonic() + CLOCK_LIFE_S
        return offset_s

    async def candles(
        self, symbol: str, timeframe: str, until: datetime, limit: int, *, urgency: Urgency = SCANNING
    ) -> Candles:
        if timeframe not in TIMEFRAMES or not 0 < limit <= MAX_CANDLES:
            raise ValueError(
                f"{limit} candles of {timeframe!r}: 1 to {MAX_CANDLES} of {', '.join(TIMEFRAMES)}"
            )
        await self._listed(symbol, urgency)
        now_ms = to_ms(self._time.now())
        closed_by_ms = min(to_ms(until), now_ms)
        series = self._candles.get((symbol, timeframe))
        rows = cut(series, timeframe, closed_by_ms, limit) if series else None
        if rows is not None:
            return Candles(symbol, timeframe, rows)
        newest = newest_open(closed_by_ms, timeframe)
        is_past = newest < newest_open(now_ms, timeframe)
        key = ("candles", symbol, timeframe, newest, limit, urgency.name)
        if is_past:
            return await self._flights.join(
                key, lambda: self._past_candles(symbol, timeframe, closed_by_ms, limit, urgency)
            )
        return await self._flights.join(
            key, lambda: self._new_candles(symbol, timeframe, closed_by_ms, limit, urgency)
        )

    async def quote(self, symbol: str, *, urgency: Urgency = SCANNING) -> Quote:
        await self._listed(symbol, urgency)
        board = await self._connection().quotes.board(symbol, urgency)
        return board.quote(symbol)

    async def background(self, symbol: str, *, urgency: Urgency = SCANNING) -> Background:
        await self._listed(symbol, urgency)
        kept = self._backgrounds.get(symbol)
        if kept and self._clock.monotonic() - kept[0] < BACKGROUND_LIFE_S:
            return kept[1]
        key = ("background", symbol, urgency.name)
        return await self._flights.join(key, lambda: self._new_background(symbol, urgency))

    async def instrument(self, symbol: str, *, urgency: Urgency = SCANNING) -> Instrument:
        listed = await self._listed(symbol, urgency)
        if not listed.tiers_assumed:
            return listed
        refined = self._refined.get(symbol)
        if refined is not None:
            return refined
        return await self._flights.join(
            ("tiers", symbol, urgency.name), lambda: self._refine(listed, urgency)
        )

    async def symbols_by_volume(self, count: int, *, urgency: Urgency = SCANNING) -> tuple[str, ...]:
        await self._any_instruments(urgency)
        volumes = await self._flights.join(("volumes", urgency.name), lambda: self._reader().volumes(urgency))
        active = [symbol for symbol in volumes if (at := self._instruments.get(symbol)) and at.is_active]
        return tuple(sorted(active, key=lambda symbol: volumes[symbol], reverse=True)[:count])

    # What follows is asked once for everybody.

    async def _new_candles(
        self, symbol: str, timeframe: str, closed_by_ms: int, limit: int, urgency: Urgency
    ) -> Candles:
        series = self._candles.get((symbol, timeframe))
        missing = missing_bars(series, timeframe, closed_by_ms, limit) if series else None
        if series and missing is not None:
            longer = await self._extended(series, symbol, timeframe, closed_by_ms, missing, urgency)
            if longer is not None:
                return Candles(symbol, timeframe, longer.rows[-limit:])
        raw = await self._reader().candles(symbol, timeframe, limit + 1, None, urgency)
        rows = closed_only(raw, timeframe, closed_by_ms)[-limit:]
        candles = checked_candles(symbol, timeframe, rows, closed_by_ms)
        self._candles.put((symbol, timeframe), Series(candles.rows, limit))
        return candles

    async def _extended(
        self, series: Series, symbol: str, timeframe: str, closed_by_ms: int, missing: int, urgency: Urgency
    ) -> Series | None:
        """The series with the missing bars, or None when it must be read anew."""
        raw = await self._reader().candles(
            symbol, timeframe, missing + 2, None, urgency
        )  # + overlap + unfinished
        rows = joined(series, closed_only(raw, timeframe, closed_by_ms))
        try:
            if rows is None:
                raise BadMarketFacts(f"{symbol} {timeframe}: new candles don't continue the known ones")
            candles = checked_candles(symbol, timeframe, rows, closed_by_ms)
        except BadMarketFacts as error:
            logger.warning(
                "exchange_candles_reread symbol=%s timeframe=%s reason=%r", symbol, timeframe, str(error)
            )
            return None
        longer = Series(candles.rows, series.depth)
        self._candles.put((symbol, timeframe), longer)
        return longer

    async def _past_candles(
        self, symbol: str, timeframe: str, closed_by_ms: int, limit: int, urgency: Urgency
    ) -> Candles:
        end_ms = newest_open(closed_by_ms, timeframe) + TIMEFRAMES[timeframe]
        raw = await self._reader().candles(symbol, timeframe, limit, end_ms, urgency)
        return checked_candles(symbol, timeframe, closed_only(raw, timeframe, closed_by_ms), closed_by_ms)

    async def _new_background(self, symbol: str, urgency: Urgency) -> Background:
        asked_at = self._clock.monotonic()
        board, interest = await asyncio.gather(
            self._connection().backgrounds.board(symbol, urgency), self._interest(symbol, urgency)
        )
        background = board.background(symbol, interest)
        self._backgrounds[symbol] = (asked_at, background)
        return background

    async def _interest(self, symbol: str, urgency: Urgency) -> Interest | None:
        try:
            return await self._reader().open_interest(symbol, urgency)
        except (Unknown, UnknownSymbol):
            return None  # logged by the call; the rest of the background doesn't hang on it

    async def _refine(self, listed: Instrument, urgency: Urgency) -> Instrument:
        refined = await self._reader().refined(listed, urgency)
        if not refined.tiers_assumed:
            self._refined[listed.symbol] = refined
        return refined

    async def _listed(self, symbol: str, urgency: Urgency) -> Instrument:
        await self._any_instruments(urgency)
        listed = self._instruments.get(symbol)
        if listed is None:
            raise UnknownSymbol(f"{self.exchange_id} lists no perpetual {symbol[:40]}")
        return listed

    async def _any_instruments(self, urgency: Urgency) -> None:
        if not self._instruments:
            try:
                async with asyncio.timeout(urgency.deadline_s):
                    await self._flights.join("instruments", self._load_instruments)
            except TimeoutError:
                raise Unknown(f"{self.exchange_id}: the instrument list hasn't come yet") from None
        now = self._clock.monotonic()
        for name, life_s, question in (
            ("instruments", INSTRUMENTS_LIFE_S, self._load_instruments),
            ("clock", CLOCK_LIFE_S, self.measure_clock),
        ):
            if now >= self._due.setdefault(name, now + life_s):
                self._due[name] = now + UPKEEP_PAUSE_S
                self._flights.launch(name, question())

    async def _load_instruments(self) -> None:
        loaded = await self._reader().instruments(OPENING)
        self._instruments, self._refined = loaded, {}
        self._due["instruments"] = self._clock.monotonic() + INSTRUMENTS_LIFE_S

    async def _connected(self) -> _Link:
        client = await open_client(self._access)
        calls = Calls(client, self._budget, self._clock)
        reader: Reader
        if self.exchange_id == "binanceusdm":
            reader = BinanceReader(client, calls, self._budget, self._time, self._quote_max_age_s)
        else:
            reader = UnifiedReader(client, calls, self._time)
        return _Link(client, calls, reader, self._flights, self._clock)

    def _connection(self) -> _Link:
        if self._link is None:
            raise Unknown("the market isn't open")
        return self._link

    def _reader(self) -> Reader:
        return self._connection().reader


class _Link:
    """What exists only while the market is open."""

    def __init__(self, client: Any, calls: Calls, reader: Reader, flights: Flights, clock: Clock) -> None:
        self.client = client
        self.calls = calls
        self.reader = reader
        self.quotes: Desk[QuoteBoard] = Desk(
            "quotes", reader.quotes, flights, clock, life_s=QUOTE_LIFE_S, joint_from=reader.joint_from
        )
        self.backgrounds: Desk[BackgroundBoard] = Desk(
            "backgrounds",
            reader.backgrounds,
            flights,
            clock,
            life_s=BACKGROUND_LIFE_S,
            joint_from=reader.joint_from,
        )


class _Guarding:
    """The same market for guarding: short deadlines, the reserve, and no waiting behind scanning."""

    def __init__(self, market: CcxtMarket) -> None:
        self._market = market

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        return await self._market.candles(symbol, timeframe, until, limit, urgency=GUARDING)

    async def quote(self, symbol: str) -> Quote:
        return await self._market.quote(symbol, urgency=GUARDING)

    async def background(self, symbol: str) -> Background:
        return await self._market.background(symbol, urgency=GUARDING)

    async def instrument(self, symbol: str) -> Instrument:
        return await self._market.instrument(symbol, urgency=GUARDING)

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return await self._market.symbols_by_volume(count, urgency=GUARDING)


def _rule(exchange_id: str) -> BudgetRule:
    return BINANCE_RULE if exchange_id == "binanceusdm" else RULES.get(exchange_id, OTHER_RULE)


def _budget(clock: Clock, rule: BudgetRule) -> WeightBudget:
    return WeightBudget(
        clock,
        limit=rule.limit,
        window_s=rule.window_s,
        reserve_fraction=rule.reserve_fraction,
        max_wait_s=rule.max_wait_s,
    )

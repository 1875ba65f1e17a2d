"""Backtests for the chat: of one symbol, and of a setting's old and new value.

Laws:
- One at a time: the machine is there for trading.
- Strategies are named, never fetched by path: whoever gets hold of the chat must not run programs here.
- What is shown is what a process of its own found (`bot.backtest_process`); nothing is changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bot.backtest_process import BacktestFailed, BacktestProcess, Told
from bot.backtest_request import Request, Variant
from bot.book import SettingsBook
from bot.limits import limits_of
from bot.settings import Settings, with_chat_change
from core.advice.strategy_voice import PREFIX
from core.backtest_views import (
    LEAST_DAYS,
    MOST_DAYS,
    STRATEGIES,
    TIMEFRAME,
    USUAL_DAYS,
    USUAL_STRATEGY,
    BacktestView,
    BacktestWish,
    ComparisonView,
)
from core.codec import from_plain, to_text
from core.errors import UnknownSymbol
from core.market import TIMEFRAMES, Instrument, coin, to_ms
from core.ports import Clock
from core.strategy_use import StrategyPart

log = logging.getLogger("perpilot.backtest")

T = TypeVar("T")

MOST_SYMBOLS = 12
"""Of a comparison: each costs some ten requests the first time."""
BUSY = "A backtest is running already; one at a time, so that trading is not held up."


class Instruments(Protocol):
    async def instrument(self, symbol: str) -> Instrument: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where candles come from and are kept."""

    exchange: str
    url: str | None
    folder: Path


@dataclass(frozen=True, slots=True)
class Script:
    """A strategy that may be played."""

    strategy: str
    """A shipped one's name, or FILE.py:Class where the settings name it."""
    timeframe: str = TIMEFRAME
    given: tuple[tuple[str, str], ...] = ()


class BacktestDesk:
    def __init__(
        self,
        book: SettingsBook,
        market: Instruments,
        clock: Clock,
        source: Source,
        process: BacktestProcess,
        capital: Callable[[], Decimal | None],
    ) -> None:
        """`capital`: what the account is sized by now, USDT."""
        self._book = book
        self._market = market
        self._clock = clock
        self._source = source
        self._process = process
        self._capital = capital
        self._running: tuple[str, asyncio.Event] | None = None

    async def backtest(self, wish: BacktestWish, told: Told) -> BacktestView | None:
        """None when it was stopped. Raises `PerpilotError`."""
        known = _known(self._book.settings)
        named = {name.lower(): one for name, one in known.items()}  # phones like to capitalise
        script = named.get(wish.strategy.lower()) if wish.strategy else next(iter(known.values()))
        if script is None:
            raise BacktestFailed(
                f"{wish.strategy[:30]!r} is no strategy that the chat can play: {', '.join(known)}; one from "
                "a file is played only where STRATEGIES names it, because a chat must not start programs"
            )
        if not LEAST_DAYS <= wish.days <= MOST_DAYS:
            raise BacktestFailed(f"{wish.days} days are not from {LEAST_DAYS} to {MOST_DAYS}")
        with self._alone(wish.run) as stopped:
            instruments, remarks = await self._listed([wish.symbol])
            request = self._request(script, wish.days, instruments, remarks)
            request = replace(request, variants=(self._variant(self._book.settings),))
            found = await self._played(request, told, stopped)
        return None if found is None else _seen(BacktestView, *found)

    async def what_if(self, name: str, text: str, run: str, told: Told) -> ComparisonView | None:
        """As `backtest`, of the symbols that are scanned, with the old and the new value of a setting."""
        old = self._book.settings
        new = with_chat_change(old, name, text)
        script = next(iter(_known(old).values()))
        with self._alone(run) as stopped:
            instruments, remarks = await self._listed(await self._book.symbols())
            request = replace(
                self._request(script, USUAL_DAYS, instruments, remarks),
                variants=(self._variant(old), self._variant(new)),
                setting=(name, old.shown(name), new.shown(name)),
            )
            found = await self._played(request, told, stopped)
        return None if found is None else _seen(ComparisonView, *found)

    def stop(self, run: str) -> bool:
        """False where nothing of that name runs any more."""
        if self._running is None or self._running[0] != run:
            return False
        self._running[1].set()
        return True

    @contextmanager
    def _alone(self, run: str) -> Iterator[asyncio.Event]:
        if self._running is not None:
            raise BacktestFailed(BUSY)
        self._running = run, asyncio.Event()
        try:
            yield self._running[1]
        finally:
            self._running = None

    async def _listed(self, symbols: Sequence[str]) -> tuple[list[Instrument], list[str]]:
        """Those that the exchange lists, and what is left out. Raises where none is."""
        found, remarks = list[Instrument](), list[str]()
        for symbol in symbols[:MOST_SYMBOLS]:
            try:
                found.append(await self._market.instrument(symbol))
            except UnknownSymbol as error:
                if len(symbols) == 1:
                    raise
                remarks.append(f"Left out: {error}.")
        if not found:
            raise BacktestFailed("none of the symbols is listed by the exchange")
        if len(symbols) > MOST_SYMBOLS:
            remarks.append(f"Only the first {MOST_SYMBOLS} of {len(symbols)} symbols are played.")
        guessed = [coin(one.symbol) for one in found if one.tiers_assumed]
        if guessed:
            remarks.append(f"Leverage tiers of {', '.join(guessed)} are a careful stand-in.")
        return found, remarks

    def _request(
        self, script: Script, days: int, instruments: Sequence[Instrument], remarks: Sequence[str]
    ) -> Request:
        length = TIMEFRAMES[script.timeframe]
        since_ms = to_ms(self._clock.now()) // length * length - days * TIMEFRAMES["1d"]
        return Request(
            exchange=self._source.exchange,
            url=self._source.url,
            folder=str(self._source.folder.resolve()),
            instruments=tuple(instruments),
            timeframe=script.timeframe,
            since_ms=since_ms,
            strategy=script.strategy,
            given=dict(script.given),
            variants=(),
            remarks=tuple(remarks),
        )

    def _variant(self, settings: Settings) -> Variant:
        capital = self._capital() or settings.initial_capital
        return Variant(limits_of(settings), float(capital), settings.max_leverage)

    async def _played(
        self, request: Request, told: Told, stopped: asyncio.Event
    ) -> tuple[dict[str, Any], bytes | None] | None:
        symbols = ",".join(coin(one.symbol) for one in request.instruments)
        log.info("backtest begins: strategy=%s symbols=%s", request.strategy, symbols)
        began = self._clock.monotonic()
        found = await _unless(stopped, self._process.play(to_text(request), told))
        took_s = self._clock.monotonic() - began
        log.info("backtest ends: seconds=%.1f stopped=%s", took_s, found is None)
        return found


def _known(settings: Settings) -> dict[str, Script]:
    """By the name that the chat knows, the usual one first: those in live use, then the shipped ones."""
    known = {
        part.name.removeprefix(PREFIX): Script(_placed(part), part.timeframe, part.given)
        for part in settings.strategies
    }
    usual = (USUAL_STRATEGY, *(name for name in STRATEGIES if name != USUAL_STRATEGY))
    return known | {name: Script(name) for name in usual}


def _placed(part: StrategyPart) -> str:
    """The process that plays stands elsewhere than the bot."""
    return str(Path(part.strategy).absolute()) if part.is_own else part.strategy


async def _unless(stopped: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What the work returns; None where it was stopped, once it is over. Raises what it raises."""
    doing, told = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        told.cancel()
        await asyncio.gather(doing, told, return_exceptions=True)


def _seen(kind: type[T], found: dict[str, Any], picture: bytes | None) -> T:
    try:
        view: Any = from_plain(kind, found)
    except ValueError as error:
        raise BacktestFailed("the backtest's process answered what cannot be read") from error
    seen: T = replace(view, picture=picture)
    return seen

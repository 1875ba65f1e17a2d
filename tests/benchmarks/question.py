"""What the question costs on recorded candles: its size, how often its answer is known, who is not asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.demo.ai import AiStandIn
from core.adapters.advisers import (
    AdviserAccess,
    AdviserLimits,
    Around,
    ModelAdviser,
    Provider,
    build_advisers,
)
from core.advice.brief import write_brief
from core.advice.citations import shown_in
from core.analysis.features import describe
from core.analysis.flags import FlagLimits, red_flags
from core.journal import Mode
from core.market import TIMEFRAMES, Background, Candles, Instrument, canonical_symbol, to_ms
from core.opinion import Abstention, Brief, Decider, Features, Opinion
from core.plan import StayOut
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket, path_of
from core.trading.decide import Circle, Rules, decide, trade_terms
from core.trading.screen import barred
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.adapters.advisers.worlds import FREE
from tests.core.analysis.bars import recorded, recorded_frames
from tests.core.builders import D, an_account, an_instrument
from tests.core.sim.stage import Funding, recorded_funding

COINS = ("BTC", "ETH", "SOL")
"""Those whose 15-minute candles are recorded."""
DAY = datetime(2026, 3, 4, tzinfo=UTC)
"""Inside the month of which open interest is recorded as well."""
SCAN_EVERY = timedelta(seconds=300)
WARM_UP = timedelta(days=68)
QUARTER_MS = TIMEFRAMES["15m"]
ACCOUNT = "paper"
DEADLINE_S = 60.0
SCREENS = ("flags", "entries", "data", "symbol")
"""Gates before anybody is asked."""


# ---------------------------------------------------------------- size


@dataclass(frozen=True)
class Size:
    question: int
    """Characters, as the next."""
    rubric: int
    pretty: int
    """The same figures and candles, rounded as they are shown, as indented JSON with short names."""

    @property
    def ratio(self) -> float:
        return self.question / self.pretty


def size_of(question: str, rubric: str) -> Size:
    return Size(len(question), len(rubric), len(json.dumps(as_json(question), indent=2)))


def as_json(question: str) -> dict[str, Any]:
    """Everything that a question says, keyed."""
    figures: dict[str, Any] = {}
    for name, texts in shown_in(question).items():
        timeframe, _, figure = name.rpartition(".")
        place = figures.setdefault(timeframe, {}) if timeframe else figures
        place[figure] = [_value(text) for text in texts] if len(texts) > 1 else _value(texts[0])
    return {"figures": figures, "candles": dict(_tables(question))}


def _tables(question: str) -> list[tuple[str, list[dict[str, Any]]]]:
    blocks = [block.splitlines() for block in question.split("\n\n") if block.startswith("CANDLES ")]
    keys = ("close", "up", "down", "volume")
    return [
        (
            lines[0].split(" ")[1].rstrip(","),
            [dict(zip(keys, map(_value, row.split(",")), strict=True)) for row in lines[2:]],
        )
        for lines in blocks
    ]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def sizes(every: int = 2_000, first: int = 40_000) -> list[Size]:
    """Of questions at moments spread over the recorded years."""
    made = []
    for coin in COINS:
        for at in range(first, len(recorded(f"{coin}USDT-15m")) - 1, every):
            frames = recorded_frames(coin, at)
            brief = write_brief(described(coin, frames), frames, trade_terms(Limits()))
            made.append(size_of(brief.question, brief.system))
    return made


def described(coin: str, frames: dict[str, Candles]) -> Features:
    closed_at = frames["15m"].closed_at
    rate = _rate_at(recorded_funding(coin), to_ms(closed_at))
    background = Background(canonical_symbol(coin), rate, 8.0, None, 1.9e9, 4.1e9, closed_at)
    return describe(canonical_symbol(coin), frames, background)


# ---------------------------------------------------------------- screens


def screened(every: int = 60, first: int = 40_000) -> Counter[str]:
    """How many looks at recorded bars are ended by red flags (`ended`) and how many go on (`asked`)."""
    ends: Counter[str] = Counter()
    for coin in COINS:
        for at in range(first, len(recorded(f"{coin}USDT-15m")) - 1, every):
            flags = red_flags(described(coin, recorded_frames(coin, at)), FlagLimits())
            ends["ended" if flags.strike_both else "asked"] += 1
    return ends


# ---------------------------------------------------------------- a day of scans


class DriftingMarket(HistoryMarket):
    """Recorded bars whose background moves inside them as a venue's does: the coming rate is an estimate that
    nears its settlement, volume is summed over a sliding day, open interest goes from record to record."""

    async def background(self, symbol: str) -> Background:
        now = self._clock.now()
        coin = symbol.split("/", maxsplit=1)[0]
        rows, at = self._bars[symbol], to_ms(now)
        day = rows[(rows[:, 0] >= at - 96 * QUARTER_MS) & (rows[:, 0] < at)]
        begun = (at % QUARTER_MS) / QUARTER_MS
        volume = float((day[:, 4] * day[:, 5]).sum() - day[0, 4] * day[0, 5] * begun)
        interest = float(np.interp(at, *_interest(coin)))
        return Background(symbol, _rate_at(recorded_funding(coin), at), 8.0, None, volume, interest, now)


def _rate_at(funding: Funding, at_ms: int) -> float:
    return float(np.interp(at_ms, funding.at_ms, funding.rate))


@cache
def _interest(coin: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from tests.core.sim.stage import _folder

    table = pd.read_csv(_folder() / "oi" / f"{coin}USDT-oi-4h.csv.gz")
    return (
        table["timestamp"].to_numpy(dtype=np.float64),
        table["open_interest_value"].to_numpy(dtype=np.float64),
    )


@dataclass(frozen=True)
class Together:
    """A panel without a deadline: under a clock that stands still during a call, none falls due."""

    advisers: Sequence[ModelAdviser]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(adviser.name for adviser in self.advisers)

    async def ask(
        self, brief: Brief, heard: Any = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        answers = await asyncio.gather(*(adviser.ask(brief, DEADLINE_S) for adviser in self.advisers))
        assert all(isinstance(answer, Opinion) for answer in answers), answers
        return tuple(answer for answer in answers if isinstance(answer, Opinion)), ()


@dataclass(frozen=True)
class Day:
    """What a day of scans asked for."""

    gates: Counter[str]
    """Looks at a symbol by the gate that ended them; `asked` for those that reached the advisers."""
    requests: int
    hits: int
    sent: int
    """HTTP requests that the providers saw."""

    @property
    def hit_rate(self) -> float:
        return self.hits / (self.hits + self.requests)

    @property
    def screened_share(self) -> float:
        return 1 - self.gates["asked"] / self.gates.total()


async def a_day_of_scans(
    coins: Sequence[str],
    providers: Sequence[Provider],
    folder: Path,
    flags: FlagLimits,
    hours: int = 24,
    late_s: float = 7.0,
) -> Day:
    """Scans every 300 s, `late_s` after the bar's close, over the real call path: SDKs over loopback, journal
    and cache in SQLite."""
    clock = VirtualClock(DAY)
    market = DriftingMarket(
        {canonical_symbol(coin): _bars(coin) for coin in coins},
        "15m",
        {canonical_symbol(coin): _instrument(coin) for coin in coins},
        clock,
    )
    async with AsyncExitStack() as stack:
        stand_in = AiStandIn(latency_s=(0.0, 0.0))
        await stand_in.start()
        stack.push_async_callback(stand_in.stop)
        database = InlineDatabase(folder / "cache.sqlite")
        stack.push_async_callback(database.close)
        journal = SqlJournal(database, clock.now)
        await journal.open_account(ACCOUNT, True, D(1000), Mode.WATCH, clock.now())
        accesses = [_access(provider, stand_in) for provider in providers]
        advisers = build_advisers(accesses, Around(journal, clock, FREE, AdviserLimits()))
        for adviser in advisers:
            stack.push_async_callback(adviser.close)
        circle = Circle(market, Together(advisers), clock, inline, ACCOUNT)
        gates = await _scans(circle, market, clock, flags, hours, late_s)
        figures = await journal.ai_figures(None)
        return Day(gates, figures.calls, figures.cache_hits, stand_in.calls.total())


async def _scans(
    circle: Circle, market: DriftingMarket, clock: VirtualClock, flags: FlagLimits, hours: int, late_s: float
) -> Counter[str]:
    rules = Rules(Limits(), flags, Decider.AI)
    gates: Counter[str] = Counter()
    for number in range(int(timedelta(hours=hours) / SCAN_EVERY)):
        clock.reach(DAY + number * SCAN_EVERY + timedelta(seconds=late_s))
        for symbol in await market.symbols_by_volume(len(COINS)):
            _move(market, symbol, clock.now())
            account = an_account(1000, at=clock.now())
            look = partial(_same, account)
            screen = partial(_same, barred(symbol, account, rules.limits, clock.now()))
            decision = await decide(symbol, circle, look, rules, str(number), screen=screen)
            gate = decision.outcome.gate if isinstance(decision.outcome, StayOut) else "cleared"
            gates[gate if gate in SCREENS and decision.verdict is None else "asked"] += 1
    return gates


async def _same(value: Any) -> Any:
    return value


async def inline(work: Any) -> Any:
    return work()


def _move(market: DriftingMarket, symbol: str, now: datetime) -> None:
    """The price goes its way through the bar that is open now."""
    rows, at = market._bars[symbol], to_ms(now)
    row = rows[np.searchsorted(rows[:, 0], at, side="right") - 1]
    market.set_price(symbol, path_of(row)[int((at - row[0]) / QUARTER_MS * 3.999)])


def _bars(coin: str) -> NDArray[np.float64]:
    rows = recorded(f"{coin}USDT-15m")
    first, last = to_ms(DAY - WARM_UP), to_ms(DAY + timedelta(days=2))
    return rows[(rows[:, 0] >= first) & (rows[:, 0] < last)]


def _instrument(coin: str) -> Instrument:
    return replace(an_instrument(symbol=canonical_symbol(coin), base=coin), tick=D("0.01"), lot=D("0.001"))


def _access(provider: Provider, stand_in: AiStandIn) -> AdviserAccess:
    urls = {
        Provider.ANTHROPIC: stand_in.anthropic_url,
        Provider.OPENAI: stand_in.openai_url,
        Provider.XAI: stand_in.xai_url,
        Provider.DEEPSEEK: stand_in.deepseek_url,
    }
    return AdviserAccess(provider=provider, api_key="sk-none", base_url=urls[provider], model=None)

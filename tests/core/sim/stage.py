"""Whole simulations for tests: recorded or scripted prices, scripted advisers, the real journal in memory."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from core.advice.brief import TradeTerms
from core.advice.rules import judge
from core.analysis.flags import FlagLimits
from core.journal import Mode
from core.market import Instrument, Side, from_ms, to_ms
from core.opinion import Abstention, Brief, Opinion
from core.ports import AdviserPanel
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import Funding, HistoryMarket
from core.sim.runner import SimSettings, Simulation
from core.trade import ClosedTrade, OrderKind, OrderStatus
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import an_instrument, an_opinion

D = Decimal
NO_DATA = "PERPILOT_DATA names no folder with recorded candles"
WARM_UP = timedelta(days=68)
"""400 bars of four hours."""
GRIDS = {"BTC": ("0.1", "0.001", 100), "ETH": ("0.01", "0.001", 20), "SOL": ("0.01", "0.01", 5)} | {
    "XRP": ("0.0001", "0.1", 5),
    "DOGE": ("0.00001", "1", 5),
}
"""Base → tick, lot, smallest notional."""
NO_FLAGS = FlagLimits(
    is_rsi_on=False,
    is_volume_on=False,
    is_middle_on=False,
    is_divergence_on=False,
    is_volatile_on=False,
    is_timeframes_on=False,
    is_funding_on=False,
)

Heard = Callable[[Opinion | Abstention], Awaitable[None]]


class TwoJudges:
    """The rule-based judgement under two names: what the verdict calls agreement."""

    names = ("first", "second")

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        opinion = judge(brief.features, TradeTerms(0.002, 0.05, 0.10))
        return tuple(replace(opinion, adviser=name) for name in self.names), ()


@dataclass
class TwoBulls:
    """Always long, always sure."""

    names: tuple[str, ...] = ("first", "second")
    asked: int = 0

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        self.asked += 1
        made = (
            an_opinion(name, Side.LONG, confidence=0.9, stop_atr=1.0, target_atr=3.0) for name in self.names
        )
        return tuple(made), ()


@dataclass
class Staged:
    """A simulation with its parts and what was seen on the way."""

    simulation: Simulation
    journal: SqlJournal
    database: InlineDatabase
    bars: Mapping[str, NDArray[np.float64]]
    timeframe: str
    naked: list[str] = field(default_factory=list)
    looks_at_positions: int = 0

    async def run(self, first: datetime, last: datetime) -> None:
        await self.simulation.run(self.bars, self.timeframe, first, last, self._look)

    def _look(self, simulation: Simulation) -> None:
        """Every position has one resting stop of its whole size at the venue."""
        state = simulation.venue.state
        for symbol, held in state.holdings.items():
            self.looks_at_positions += 1
            stops = [
                order.quantity
                for order in state.orders
                if order.symbol == symbol
                and order.status is OrderStatus.OPEN
                and order.kind is OrderKind.STOP_MARKET
                and order.reduce_only
                and (order.side.value == "sell") == (held.side is Side.LONG)
            ]
            if stops != [held.quantity]:
                self.naked.append(f"{simulation.clock.now()} {symbol} {held.quantity}: {stops}")

    async def taken_up_again(self) -> Staged:
        """Another simulation over the same journal, as after a restart."""
        old = self.simulation
        simulation = Simulation(old.market, old.clock, self.journal, self.journal, TwoBulls(), old.settings)
        await simulation.open()
        return Staged(simulation, self.journal, self.database, self.bars, self.timeframe)

    async def trades(self) -> tuple[ClosedTrade, ...]:
        return await self.journal.closed_trades(self.simulation.settings.account)

    async def entries(self) -> list[datetime]:
        """When entry orders were sent, by the journal."""

        def query(connection: object) -> list[str]:
            rows = connection.execute(  # type: ignore[attr-defined]
                text("SELECT sent_at FROM intentions WHERE purpose = 'entry' ORDER BY sent_at")
            )
            return [str(row[0]) for row in rows]

        return [_moment(each) for each in await self.database.read(query)]


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def staged(
    bars: Mapping[str, NDArray[np.float64]],
    timeframe: str,
    instruments: Mapping[str, Instrument],
    start: datetime,
    panel: AdviserPanel,
    settings: SimSettings,
    funding: Mapping[str, Funding] | None = None,
) -> Staged:
    clock = VirtualClock(start)
    market = HistoryMarket(bars, timeframe, instruments, clock, funding)
    database = InlineDatabase()
    journal = SqlJournal(database, clock.now)
    simulation = Simulation(market, clock, journal, journal, panel, settings)
    await simulation.open()
    return Staged(simulation, journal, database, bars, timeframe)


# ---------------------------------------------------------------- recorded prices


async def recorded(
    bases: tuple[str, ...],
    start: datetime,
    days: float,
    limits: Limits,
    flags: FlagLimits,
    *,
    panel: AdviserPanel | None = None,
    future_factor: float = 1.0,
) -> Staged:
    """5-minute bars from `WARM_UP` before `start`; bars after the run are multiplied by `future_factor`.

    `panel` None: the rule-based judgement under two names.
    """
    end = start + timedelta(days=days)
    bars = {
        _symbol(base): _cut(recorded_candles(base), start - WARM_UP, end + timedelta(days=1))
        for base in bases
    }
    for rows in bars.values():
        rows[rows[:, 0] >= to_ms(end), 1:5] *= future_factor
    funding = {_symbol(base): recorded_funding(base) for base in bases}
    settings = SimSettings(tuple(bars), limits=limits, flags=flags, scan_every_s=1800.0, guard_every_s=900.0)
    return await staged(
        bars,
        "5m",
        {_symbol(b): _instrument(b) for b in bases},
        start,
        panel or TwoJudges(),
        settings,
        funding,
    )


@cache
def recorded_candles(base: str) -> NDArray[np.float64]:
    import pandas as pd

    return pd.read_csv(_folder() / "candles" / f"{base}USDT-5m.csv.gz").to_numpy(dtype=np.float64)


@cache
def recorded_funding(base: str) -> Funding:
    import pandas as pd

    table = pd.read_csv(_folder() / "funding" / f"{base}USDT-funding.csv.gz")
    return Funding(
        table["timestamp"].to_numpy(dtype=np.int64), table["funding_rate"].to_numpy(dtype=np.float64)
    )


def _folder() -> Path:
    folder = os.environ.get("PERPILOT_DATA", "")
    if not folder or not Path(folder, "candles").is_dir():
        pytest.skip(NO_DATA)
    return Path(folder)


def _cut(rows: NDArray[np.float64], first: datetime, last: datetime) -> NDArray[np.float64]:
    return rows[(rows[:, 0] >= to_ms(first)) & (rows[:, 0] < to_ms(last))].copy()


def _symbol(base: str) -> str:
    return f"{base}/USDT:USDT"


def _instrument(base: str) -> Instrument:
    tick, lot, notional = GRIDS[base]
    return an_instrument(
        symbol=_symbol(base),
        base=base,
        tick=D(tick),
        lot=D(lot),
        min_quantity=D(lot),
        max_quantity=D(10**7),
        min_notional=D(notional),
    )


# ---------------------------------------------------------------- scripted prices

QUARTER_MS = 900_000


def scripted_bars(
    start: datetime, days: float, gaps: Mapping[datetime, float], before_days: int = 30
) -> NDArray[np.float64]:
    """15-minute bars that idle around 100 and multiply their price by a gap's factor where a bar opens."""
    first = to_ms(start) - before_days * 86_400_000
    count = int((before_days + days) * 96)
    opened = first + np.arange(count) * QUARTER_MS
    factors = np.ones(count)
    for at, factor in gaps.items():
        factors[(to_ms(at) - first) // QUARTER_MS] = factor
    level = 100 * np.cumprod(factors)
    open_ = level * (1 + 0.001 * np.sin(np.arange(count) / 5))
    close = level * (1 + 0.001 * np.sin((np.arange(count) + 1) / 5))
    high, low = np.maximum(open_, close) * 1.0005, np.minimum(open_, close) * 0.9995
    return np.column_stack([opened, open_, high, low, close, np.full(count, 1000.0)]).astype(np.float64)


async def scripted(
    bars: Mapping[str, NDArray[np.float64]],
    start: datetime,
    limits: Limits,
    mode: Mode = Mode.AUTO,
    funding: Mapping[str, Funding] | None = None,
) -> tuple[Staged, TwoBulls]:
    panel = TwoBulls()
    instruments = {symbol: an_instrument(symbol=symbol, max_quantity=D(10**6)) for symbol in bars}
    settings = SimSettings(tuple(bars), limits=limits, flags=NO_FLAGS, scan_every_s=1800.0, mode=mode)
    return await staged(bars, "15m", instruments, start, panel, settings, funding), panel


__all__ = ["NO_FLAGS", "D", "Staged", "from_ms", "recorded", "scripted", "scripted_bars"]

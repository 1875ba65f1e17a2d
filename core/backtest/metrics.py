"""What a run earned: the results of the live bot's metrics, from the trades and the equity of a backtest.

Laws:
- No ratio is defined here: `core.performance`, `core.growth` and `core.statistics` are.
- Where symbols share no account there is no equity but the booked one, day by day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core import growth
from core.backtest.engine import DAY_MS, Run
from core.backtest.engine_past import Past
from core.backtest.engine_words import REASONS, Floats, Ints
from core.journal import EquityPoint
from core.market import Side, from_ms
from core.money import ZERO, exact
from core.performance import Group, Performance, performance
from core.performance_groups import MIN_TRADES_FOR_INTERVAL
from core.statistics import mean_interval
from core.trade import ClosedTrade, ExitReason

GROUPINGS = ("symbol", "side", "month", "exit_reason")
IN_ORDER = ("month",)
BACKTEST = "backtest"


@dataclass(frozen=True)
class Measured:
    """Fractions are fractions, money USDT."""

    performance: Performance
    groups: Mapping[str, tuple[Group, ...]]
    """By the names of `GROUPINGS`: months in order, others largest first."""
    months: tuple[tuple[int, int, float], ...]
    """(year, month, return of the account in it), oldest first."""
    curve: Floats
    """(m, 2): ms and USDT, from the first open to the last close."""
    returns: tuple[float, ...]
    """Of UTC days, as Sharpe's."""
    return_share: float
    """Of the opening capital."""
    exposure: float
    """Share of the time in which anything was held."""
    average_hours: float | None
    risk_taken: float | None
    """Median risk of a trade at its first stop, fraction of what was booked as it was entered; None where no
    trade tells."""
    ambiguous: int
    """Trades with a bar that met stop and target."""
    liquidations: int
    cut_off: int
    """Trades that were still open as the bars ended."""


class Book:
    """The trades of a run with what their bars tell; arrays as long as the trades."""

    def __init__(self, run: Run, past: Past) -> None:
        self.run, self.past, self.trades = run, past, run.trades

    @cached_property
    def entry_ms(self) -> Floats:
        found = np.zeros(len(self.trades))
        for place, part in enumerate(self.past.parts):
            own = self.trades["symbol"] == place
            found[own] = part.bars[self.trades["entry_bar"][own], 0]
        return found

    @cached_property
    def quantity(self) -> Floats:
        """Base coin."""
        lot = np.array([float(part.instrument.lot) for part in self.past.parts])
        found: Floats = self.trades["lots"] * lot[self.trades["symbol"]]
        return found

    @cached_property
    def risk(self) -> Floats:
        """USDT lost at the first stop; NaN where the result was exactly nothing and tells none."""
        net, r = self.trades["net"], self.trades["r"]
        found: Floats = np.divide(net, r, out=np.full(len(net), np.nan), where=r != 0.0)
        return found

    @cached_property
    def by_exit(self) -> Ints:
        """Places of the trades in the order of their exits."""
        return np.argsort(self.trades["exit_ms"], kind="stable")

    def booked_before(self, capital: float) -> Floats:
        """USDT that were booked as each trade was entered."""
        exits = self.trades["exit_ms"][self.by_exit]
        booked = np.concatenate(([capital], capital + np.cumsum(self.trades["net"][self.by_exit])))
        found: Floats = booked[np.searchsorted(exits, self.entry_ms, side="right")]
        return found


def measured(run: Run, past: Past, capital: float) -> Measured:
    """`capital`: what the account began with, USDT."""
    book = Book(run, past)
    curve = curve_of(book, capital)
    points = _equity_points(curve)
    opening = exact(capital)
    closed = list(_closed(book))
    grown = growth.grown(points, opening)
    return Measured(
        performance=performance(closed, points, opening),
        groups={name: _groups(book, name) for name in GROUPINGS},
        months=_months(grown),
        curve=curve,
        returns=tuple(growth.daily_returns(grown)),
        return_share=run.final / capital - 1.0,
        exposure=_exposure(book),
        average_hours=_average_hours(book),
        risk_taken=_risk_taken(book, capital),
        ambiguous=int(np.count_nonzero(run.trades["ambiguous"])),
        liquidations=_ended_by(run, "liquidation"),
        cut_off=_ended_by(run, "end"),
    )


def curve_of(book: Book, capital: float) -> Floats:
    """(m, 2): ms and USDT, with the opening and the end; booked at each midnight where nobody measured."""
    start, end = span_ms(book.past)
    inner = book.run.equity
    if len(inner) == 0:
        exits = book.trades["exit_ms"][book.by_exit]
        booked = np.concatenate(([capital], capital + np.cumsum(book.trades["net"][book.by_exit])))
        days = np.arange((start // DAY_MS + 1) * DAY_MS, end, DAY_MS)
        inner = np.column_stack([days, booked[np.searchsorted(exits, days, side="right")]])
    inner = inner[(inner[:, 0] > start) & (inner[:, 0] < end)]
    return np.vstack([[start, capital], inner, [end, book.run.final]])


def span_ms(past: Past) -> tuple[float, float]:
    """First open and last close of all symbols."""
    start = min(float(part.bars[0, 0]) for part in past.parts)
    return start, max(float(part.bars[-1, 0]) for part in past.parts) + past.bar_ms


def moment(milliseconds: float) -> datetime:
    return from_ms(int(milliseconds))


def names_of(book: Book, grouping: str) -> NDArray[np.str_]:
    """The group that each trade belongs to; of months the one of the exit."""
    trades, found = book.trades, np.zeros(0, dtype=np.str_)
    match grouping:
        case "symbol":
            found = np.array([part.symbol for part in book.past.parts])[trades["symbol"]]
        case "side":
            found = np.where(trades["side"] > 0, Side.LONG.value, Side.SHORT.value)
        case "month":
            found = trades["exit_ms"].astype("datetime64[ms]").astype("datetime64[M]").astype(np.str_)
        case "exit_reason":
            found = np.array(REASONS)[trades["reason"]]
    return found


def _groups(book: Book, grouping: str) -> tuple[Group, ...]:
    names = names_of(book, grouping)
    found = [_group(str(name), book.trades[names == name]) for name in np.unique(names)]
    is_in_order = grouping in IN_ORDER
    return tuple(sorted(found, key=lambda group: (0 if is_in_order else -group.trades, group.name)))


def _group(name: str, trades: NDArray[np.void]) -> Group:
    multiples = trades["r"].tolist()
    return Group(
        name=name,
        trades=len(trades),
        wins=int(np.count_nonzero(trades["net"] > 0)),
        net_pnl=exact(math.fsum(trades["net"])),
        expectancy_r=math.fsum(multiples) / len(multiples),
        interval_r=mean_interval(multiples) if len(multiples) >= MIN_TRADES_FOR_INTERVAL else None,
    )


def _closed(book: Book) -> Iterator[ClosedTrade]:
    """As history books them, by their exits. `ExitReason` knows no strategy that turned: nothing reads it.

    Whole columns become plain numbers first: of ten thousand trades, reading cell by cell is the slow part.
    """
    order, trades = book.by_exit, book.trades[book.by_exit]
    names = (
        "symbol", "side", "leverage", "entry_price", "exit_price", "net", "fees", "funding", "r", "exit_ms",
    )  # fmt: skip
    quantities, entries = book.quantity[order], trades["entry_price"]
    mfes, maes = trades["mfe"] * entries * quantities, -trades["mae"] * entries * quantities
    own = (order, quantities, book.risk[order], book.entry_ms[order], mfes, maes)
    symbols = [part.symbol for part in book.past.parts]
    rows = zip(*(trades[name].tolist() for name in names), *(each.tolist() for each in own), strict=True)
    for row in rows:
        at, side, leverage, entry, left, net_usdt, fees_usdt, funding_usdt, r, exit_ms, *also = row
        place, quantity, risk, entry_ms, mfe, mae = also
        net, fees, funding = exact(net_usdt), exact(fees_usdt), exact(funding_usdt)
        yield ClosedTrade(
            id=str(place),
            account=BACKTEST,
            symbol=symbols[at],
            side=Side.LONG if side > 0 else Side.SHORT,
            leverage=leverage,
            quantity=exact(quantity),
            entry_price=exact(entry),
            exit_price=exact(left),
            gross_pnl=net + fees - funding,
            fees=fees,
            funding=funding,
            net_pnl=net,
            risk_usd=exact(risk) if math.isfinite(risk) else ZERO,
            r_multiple=exact(r),
            exit_reason=ExitReason.OUTSIDE,
            opened_at=moment(entry_ms),
            closed_at=moment(exit_ms),
            origin=BACKTEST,
            mfe=exact(mfe),
            mae=exact(mae),
        )


def _equity_points(curve: Floats) -> list[EquityPoint]:
    return [EquityPoint(moment(at), exact(float(equity)), Decimal(0)) for at, equity in curve.tolist()]


def _months(points: Sequence[growth.CurvePoint]) -> tuple[tuple[int, int, float], ...]:
    """A point at a month's first midnight is the end of the month before."""
    ends: dict[tuple[int, int], float] = {}
    for point in points:
        last = from_ms(int(point.at.timestamp() * 1000) - 1)
        ends[last.year, last.month] = point.growth
    opening = (points[0].at.year, points[0].at.month)
    found, before = [], 1.0
    for (year, month), end in ends.items():
        if (year, month) < opening:
            continue
        found.append((year, month, end / before - 1.0 if before > 0 else 0.0))
        before = end
    return tuple(found)


def _exposure(book: Book) -> float:
    if len(book.trades) == 0:
        return 0.0
    order = np.argsort(book.entry_ms, kind="stable")
    entries, exits = book.entry_ms[order], book.trades["exit_ms"][order].astype(np.float64)
    reached = np.maximum.accumulate(exits)
    before = np.concatenate(([-np.inf], reached[:-1]))
    held = np.maximum(reached - np.maximum(entries, before), 0.0).sum()
    start, end = span_ms(book.past)
    return float(held / (end - start))


def _average_hours(book: Book) -> float | None:
    if len(book.trades) == 0:
        return None
    return float((book.trades["exit_ms"] - book.entry_ms).mean() / 3_600_000.0)


def _risk_taken(book: Book, capital: float) -> float | None:
    booked = book.booked_before(capital)
    shares = book.risk[booked > 0] / booked[booked > 0]
    shares = shares[np.isfinite(shares)]
    return float(np.median(shares)) if len(shares) else None


def _ended_by(run: Run, reason: str) -> int:
    return int(np.count_nonzero(run.trades["reason"] == REASONS.index(reason)))

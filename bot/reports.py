"""Read models of the desk: metrics, periods, history, export, charts of one symbol."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from core.desk import ChartView, GateRecord, MetricsView, Period, PeriodView
from core.journal import DeskJournal, HouseJournal, ShadowJournal
from core.market import coin
from core.money import ZERO
from core.performance import Performance, by_key, performance
from core.performance_groups import groups
from core.plan import Plan
from core.ports import Clock, Market
from core.trade import ClosedTrade, Position, Trade
from core.trading.shadow import gate_records

CHART_BARS = 170
"""The picture shows 110; the older ones warm its averages up."""


class ReportJournal(DeskJournal, HouseJournal, ShadowJournal, Protocol):
    """The parts of the journal that reports read."""


class Reports:
    def __init__(self, journal: ReportJournal, market: Market, clock: Clock, account: str) -> None:
        self._journal = journal
        self._market = market
        self._clock = clock
        self._account = account

    async def metrics(self) -> MetricsView:
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        trades = await self._journal.closed_trades(self._account)
        curve = await self._journal.equity_curve(self._account)
        ai = await self._journal.ai_figures(None)
        initial = state.initial_capital
        return MetricsView(
            all_time=performance(trades, curve, initial, ai_cost=ai.cost_usd, flows_before=ZERO),
            last_7d=await self._since(now - timedelta(days=7), initial),
            last_30d=await self._since(now - timedelta(days=30), initial),
            ai=ai,
            initial=initial,
            current=state.current_capital,
            curve=curve,
            cards=dict(await self._journal.approval_counts(self._account)),
            at=now,
            groups=groups(trades),
            gates=await self.gates(),
        )

    async def gates(self) -> tuple[GateRecord, ...]:
        """What the ideas that were not taken would have made."""
        ended = await self._journal.ended_shadows(self._account)
        return gate_records(ended, await self._journal.open_shadows(self._account))

    async def period(self, period: Period) -> PeriodView:
        """The UTC day, week (from Monday) or month that holds now."""
        now = self._clock.now()
        since = period_start(period, now)
        state = await self._journal.account_state(self._account)
        trades = await self._journal.closed_trades(self._account, since)
        return PeriodView(
            period=period,
            performance=await self._since(since, state.initial_capital),
            trades=trades,
            by_symbol=by_key(trades, "symbol"),
            since=since,
            at=now,
        )

    async def history(self, limit: int) -> tuple[ClosedTrade, ...]:
        trades = await self._journal.closed_trades(self._account, limit=limit)
        return tuple(reversed(trades))

    async def export_csv(self) -> tuple[str, bytes]:
        trades = await self._journal.closed_trades(self._account)
        text = io.StringIO()
        writer = csv.writer(text)
        names = [field.name for field in fields(ClosedTrade)]
        writer.writerow(names)
        for trade in trades:
            writer.writerow([_cell(getattr(trade, name)) for name in names])
        day = self._clock.now().date().isoformat()
        return f"perpilot-{_file_word(self._account)}-{day}.csv", text.getvalue().encode()

    async def chart(
        self, symbol: str, timeframe: str, trade: Trade | None, position: Position | None
    ) -> ChartView:
        candles = await self._market.candles(symbol, timeframe, self._clock.now(), CHART_BARS)
        lines: list[tuple[str, Decimal, str]] = []
        if trade is not None:
            entry = position.entry if position is not None else trade.entry_reference
            lines = [("Entry", entry, "entry"), ("Stop", trade.stop, "stop")]
            lines += [("Target", target.price, "target") for target in trade.targets]
        if position is not None:
            lines.append(("Liquidation", position.liquidation, "liquidation"))
        return ChartView(candles, tuple(lines), f"{coin(symbol)} {timeframe}")

    async def plan_chart(self, plan: Plan) -> ChartView:
        candles = await self._market.candles(plan.symbol, "1h", self._clock.now(), CHART_BARS)
        lines = [("Entry", plan.entry, "entry"), ("Stop", plan.stop, "stop")]
        lines += [("Target", target.price, "target") for target in plan.targets]
        lines.append(("Liquidation", plan.liquidation, "liquidation"))
        return ChartView(candles, tuple(lines), f"{coin(plan.symbol)} 1h · {plan.side} {plan.leverage}x")

    async def _since(self, since: datetime, initial: Decimal) -> Performance:
        """Of the part of the account's life that began then; `initial` is for a life without a curve."""
        trades = await self._journal.closed_trades(self._account, since)
        curve = await self._journal.equity_curve(self._account, since)
        ai = await self._journal.ai_figures(since)
        opening = curve[0].equity if curve else initial
        return performance(trades, curve, opening, ai_cost=ai.cost_usd)


def period_start(period: Period, now: datetime) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.DAY:
            return midnight
        case Period.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        case Period.MONTH:
            return midnight.replace(day=1)


def _cell(value: object) -> str:
    """Text that a spreadsheet takes as text or number, never as a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return " | ".join(_cell(part) for part in value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _file_word(account: str) -> str:
    return "".join(mark if mark.isalnum() else "-" for mark in account)

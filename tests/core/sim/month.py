"""Thirty days of recorded 5-minute prices in auto mode with the four stand-in advisers, and what to print."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.analysis.flags import FlagLimits
from core.market import coin
from core.money import ZERO
from core.risk.limits import Limits
from core.trade import ClosedTrade
from tests.core.sim.stage import D, Staged, recorded
from tests.core.sim.standins import StandIns

START = datetime(2025, 10, 1, tzinfo=UTC)
"""Holds the night of 2025-10-10, in which most coins fell by a third within minutes."""
DAYS = 30
BASES = ("BTC", "ETH", "SOL")
LIMITS = Limits(max_open_positions=3)


@dataclass(frozen=True, slots=True)
class Month:
    stage: Staged
    trades: tuple[ClosedTrade, ...]
    seconds: float
    """Processor time of the run."""

    def table(self) -> str:
        head = (
            f"{'symbol':6} {'side':5} {'opened':16} {'held h':>6} {'exit':16} {'R':>6} {'net':>9} {'fees':>7}"
        )
        rows = [_line(trade) for trade in self.trades]
        return "\n".join([head, *rows, self._sum()])

    def _sum(self) -> str:
        net = sum((trade.net_pnl for trade in self.trades), ZERO)
        ends = Counter(trade.exit_reason.value for trade in self.trades)
        return (
            f"{len(self.trades)} trades, net {net:.2f} of {self.stage.simulation.venue.state.deposited}; "
            f"{dict(ends)}; {self.seconds:.0f} s of processor time for {DAYS} days"
        )


async def month(bases: Sequence[str] = BASES, limits: Limits = LIMITS) -> Month:
    stage = await recorded(tuple(bases), START, DAYS, limits, FlagLimits(), panel=StandIns())
    begun = time.process_time()
    await stage.run(START, START + timedelta(days=DAYS))
    return Month(stage, await stage.trades(), time.process_time() - begun)


def unbooked(stage: Staged) -> D:
    """What open positions have paid and earned already: in the venue's wallet, not yet in the history."""
    venue, sum_ = stage.simulation.venue.state, ZERO
    for symbol, held in venue.holdings.items():
        fills = [f for f in venue.fills if f.symbol == symbol and f.at >= held.opened_at]
        entered = [f for f in fills if (f.side.value == "buy") == (held.side.sign > 0)]
        left = [f for f in fills if f not in entered]
        sum_ -= sum((f.fee for f in fills), ZERO)
        sum_ += sum((p.amount for p in venue.payments if p.symbol == symbol and p.at >= held.opened_at), ZERO)
        if left:
            cost = sum((f.price * f.quantity for f in entered), ZERO)
            price = cost / sum((f.quantity for f in entered), ZERO)
            sum_ += sum(((f.price - price) * f.quantity for f in left), ZERO) * held.side.sign
    return sum_


def _line(trade: ClosedTrade) -> str:
    held_h = (trade.closed_at - trade.opened_at).total_seconds() / 3600
    return (
        f"{coin(trade.symbol):6} {trade.side.value:5} {trade.opened_at:%Y-%m-%d %H:%M} {held_h:6.1f} "
        f"{trade.exit_reason.value:16} {trade.r_multiple:6.2f} {trade.net_pnl:9.2f} {trade.fees:7.2f}"
    )

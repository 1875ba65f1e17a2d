"""The exit opinion in a whole simulation: the advisers turn, the stop is tightened, the trade is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.market import Side
from core.opinion import Abstention, Brief, Opinion
from core.risk.limits import Limits
from core.sim.runner import SimSettings
from core.trade import ExitReason
from tests.core.builders import SOL, D, an_instrument, an_opinion
from tests.core.sim.stage import NO_FLAGS, Staged, scripted_bars, staged

DAY = datetime(2026, 3, 2, tzinfo=UTC)
Answers = tuple[tuple[Opinion, ...], tuple[Abstention, ...]]
TURN = DAY + timedelta(hours=2)
EASY = Limits(
    min_confidence=0.5, min_score=0.0, allow_volatile=True, max_consecutive_losses=99, cooldown_s=86_400.0
)


@dataclass
class Turncoats:
    """Two that are for a long until `TURN`, and for a short from then on; they count what they were asked."""

    names: tuple[str, ...] = ("first", "second")
    asked: int = 0

    async def ask(self, brief: Brief, heard: Any = None) -> Answers:
        self.asked += 1
        side = Side.LONG if brief.features.bar_closed_at < TURN else Side.SHORT
        made = (an_opinion(name, side, confidence=0.9, horizon_bars=40) for name in self.names)
        return tuple(made), ()


async def run(limits: Limits) -> tuple[Staged, Turncoats]:
    panel: Any = Turncoats()
    bars = {SOL: scripted_bars(DAY, 1, {})}
    instruments = {SOL: an_instrument(max_quantity=D(10**6))}
    settings = SimSettings((SOL,), limits=limits, flags=NO_FLAGS, scan_every_s=900.0)
    stage = await staged(bars, "15m", instruments, DAY, panel, settings)
    await stage.run(DAY, DAY + timedelta(hours=4))
    return stage, panel


async def test_a_trade_is_left_at_the_second_close_after_the_advisers_turned() -> None:
    stage, _ = await run(EASY)

    (closed,) = await stage.trades()
    assert closed.exit_reason is ExitReason.ADVISER
    assert TURN + timedelta(minutes=15) <= closed.closed_at < TURN + timedelta(minutes=30)
    assert stage.naked == []


async def test_switched_off_the_trade_goes_on() -> None:
    stage, panel = await run(replace(EASY, is_exit_opinion_on=False))

    assert await stage.trades() == () and SOL in stage.simulation.venue.state.holdings
    assert panel.asked <= 2

"""Days of recorded prices through the real engine, executor, guard and journal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.journal import Mode
from core.money import ZERO
from core.risk.limits import Limits
from core.trade import ExitReason
from tests.core.builders import BTC, SOL, an_instrument
from tests.core.sim.stage import NO_FLAGS, D, Staged, recorded, scripted, scripted_bars

WIDE = Limits(
    min_confidence=0.5,
    min_score=0.0,
    max_open_positions=3,
    allow_volatile=True,
    same_direction_share=D(5),
    max_consecutive_losses=99,
    daily_loss=D("0.5"),
    max_drawdown=D("0.5"),
)
"""So that the prices, not the gates, decide how much happens."""
CRASH = datetime(2025, 2, 1, tzinfo=UTC)
"""Two days of falling prices, up to the night in which ETH fell from 2,500 to 2,080."""
DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def two_days() -> Staged:
    async def run() -> Staged:
        stage = await recorded(("ETH", "SOL"), CRASH, 2, WIDE, NO_FLAGS)
        await stage.run(CRASH, CRASH + timedelta(days=2))
        return stage

    return asyncio.run(run())


async def test_every_position_is_covered_by_one_whole_stop_at_every_look(two_days: Staged) -> None:
    assert two_days.naked == []
    assert two_days.looks_at_positions > 1000


async def test_the_journal_says_to_the_last_digit_what_the_venue_did_to_the_wallet(
    two_days: Staged,
) -> None:
    venue = two_days.simulation.venue.state
    trades = await two_days.trades()
    booked = sum((trade.net_pnl for trade in trades), ZERO)
    unbooked = ZERO
    for symbol, held in venue.holdings.items():
        unbooked -= sum(f.fee for f in venue.fills if f.symbol == symbol and f.at >= held.opened_at)
        unbooked += sum(p.amount for p in venue.payments if p.symbol == symbol and p.at >= held.opened_at)

    assert abs(venue.wallet - venue.deposited - booked - unbooked) < D("1e-8")
    state = await two_days.journal.account_state(two_days.simulation.settings.account)
    assert abs(state.current_capital - venue.deposited - booked) < D("1e-8")
    assert {trade.exit_reason for trade in trades} >= {ExitReason.TRAILING, ExitReason.TARGET}
    assert any(trade.funding for trade in trades)


async def test_a_trade_makes_about_what_was_planned_where_the_price_did_not_jump(two_days: Staged) -> None:
    """Nothing loses much more than R; what ends at its last target made half of 1.5 R and half of 3 R."""
    for trade in await two_days.trades():
        assert trade.r_multiple > D("-1.1")
        if trade.exit_reason is ExitReason.TARGET:
            assert D("1.4") < trade.r_multiple < D("3.1")


async def test_the_same_prices_make_the_same_trades_whatever_comes_later() -> None:
    """Run twice; the second time every bar after the end is another: nobody may have looked ahead."""
    days = 0.5
    start = CRASH + timedelta(days=2)
    found = []
    for factor in (1.0, 3.0):
        stage = await recorded(("ETH", "SOL"), start, days, WIDE, NO_FLAGS, future_factor=factor)
        await stage.run(start, start + timedelta(days=days))
        found.append((await stage.trades(), stage.simulation.venue.state))

    assert found[0] == found[1]
    assert found[0][1].fills


async def test_symbols_are_matched_by_time_whatever_their_history_begins_with() -> None:
    late = scripted_bars(DAY, 1, {})[40:]
    bars = {SOL: scripted_bars(DAY, 1, {DAY + timedelta(hours=2): 0.5}), BTC: late}
    stage, _ = await scripted(bars, DAY, WIDE)
    seen: list[tuple[datetime, float]] = []

    def look(simulation: object) -> None:
        prices = stage.simulation.market._prices
        seen.append((stage.simulation.clock.now(), prices[SOL] / prices[BTC]))

    await stage.simulation.run(bars, "15m", DAY, DAY + timedelta(hours=4), look)

    falls = [at for at, ratio in seen if ratio < 0.75]
    assert timedelta(0) <= falls[0] - (DAY + timedelta(hours=2)) < timedelta(minutes=1)
    assert all(abs(ratio - (0.5 if at >= falls[0] else 1)) < 0.01 for at, ratio in seen if at != falls[0])


async def test_a_symbol_whose_history_has_not_begun_takes_no_part() -> None:
    bars = {
        SOL: scripted_bars(DAY, 1, {}),
        BTC: scripted_bars(DAY + timedelta(hours=2), 1, {}, before_days=0),
    }
    stage, _ = await scripted(bars, DAY, WIDE)

    await stage.run(DAY, DAY + timedelta(hours=1))

    assert list(stage.simulation.venue.state.holdings) == [SOL]


async def test_a_simulation_goes_on_where_it_was_stopped_with_everything_it_had() -> None:
    bars = {SOL: scripted_bars(DAY, 1, {DAY + timedelta(hours=3): 0.93})}
    stage, _ = await scripted(bars, DAY, WIDE)
    await stage.run(DAY, DAY + timedelta(hours=2))
    before = stage.simulation.venue.state
    assert before.holdings

    again = await stage.taken_up_again()
    assert again.simulation.venue.state.holdings == before.holdings
    await again.run(DAY + timedelta(hours=2), DAY + timedelta(hours=4))

    assert [trade.exit_reason for trade in await again.trades()] == [ExitReason.STOP]
    assert again.naked == []


async def test_watch_mode_trades_nothing() -> None:
    bars = {SOL: scripted_bars(DAY, 1, {})}
    stage, panel = await scripted(bars, DAY, WIDE, mode=Mode.WATCH)

    await stage.run(DAY, DAY + timedelta(hours=3))

    assert panel.asked
    assert stage.simulation.venue.state.orders == ()


def test_scripted_bars_are_what_candles_promise() -> None:
    from core.analysis.validation import validate
    from core.market import Candles

    rows = scripted_bars(DAY, 1, {DAY + timedelta(hours=3): 0.8})

    validate(Candles(SOL, "15m", rows))
    assert np.isclose(rows[:, 4].min() / rows[0, 1], 0.8, atol=0.01)
    assert an_instrument().tick == D("0.01")

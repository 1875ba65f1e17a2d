"""Losses driven through the real loop: a breaker trips, no entry follows, guarding goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.journal import BreakerEvent
from core.market import to_ms
from core.risk import breakers
from core.risk.limits import BreakerLimits, Limits, Policy
from core.sim.history import Funding
from core.trade import ExitReason
from tests.core.builders import BTC, SOL
from tests.core.sim.stage import D, Staged, scripted, scripted_bars

DAY = datetime(2026, 3, 2, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)

WIDE = BreakerLimits(rolling_loss=D("0.90"), price_shock_atr=1e9, policies=())
"""Only what a test sets can trip."""
BASE = Limits(
    min_score=0.0,
    max_open_positions=2,
    daily_loss=D("0.90"),
    max_consecutive_losses=99,
    max_drawdown=D("0.90"),
    allow_volatile=True,
    same_direction_share=D(1),
    yellow_drawdown=D("0.80"),
    orange_drawdown=D("0.85"),
    breakers=WIDE,
    is_exit_opinion_on=False,
)


def limits(**fields: object) -> Limits:
    return replace(BASE, **fields)  # type: ignore[arg-type]


def hour(count: float) -> datetime:
    return DAY + timedelta(hours=count)


def open_names(stage: Staged) -> set[str]:
    return {event.name for event in stage.simulation.kernel.keeper.open_events}


async def tripped_at(stage: Staged, name: str) -> datetime:
    """The first breaker of that name in the journal, open or resolved."""
    account = stage.simulation.settings.account
    resolved = await stage.journal.last_resolved(account, name)
    events = [event for event in await stage.journal.open_breakers(account) if event.name == name]
    found = [*events, *([resolved] if resolved else [])]
    assert found, f"{name} never tripped"
    return min(event.created_at for event in found)


async def events(stage: Staged) -> tuple[BreakerEvent, ...]:
    """Newest first."""
    return await stage.journal.breaker_events(stage.simulation.settings.account, 20)


async def last_event(stage: Staged) -> BreakerEvent:
    (event, *_) = await events(stage)
    return event


async def test_the_daily_loss_breaker_stops_entries_for_the_day_while_guarding_goes_on() -> None:
    bars = {
        SOL: scripted_bars(DAY, 2, {hour(3): 0.83, hour(6): 0.83}),
        BTC: scripted_bars(DAY, 2, {hour(12): 0.93}),
    }
    stage, panel = await scripted(bars, DAY, limits(daily_loss=D("0.12")))

    await stage.run(DAY, hour(10))
    asked = panel.asked
    assert open_names(stage) == {breakers.DAILY_LOSS}
    assert list(stage.simulation.venue.state.holdings) == [BTC]

    await stage.run(hour(10), NEXT_DAY)
    trades = await stage.trades()
    assert [(trade.symbol, trade.exit_reason) for trade in trades] == [
        (SOL, ExitReason.STOP),
        (SOL, ExitReason.STOP),
        (BTC, ExitReason.STOP),
    ]
    tripped = await tripped_at(stage, breakers.DAILY_LOSS)
    assert hour(6) <= tripped < hour(6.5)
    assert [at for at in await stage.entries() if tripped <= at < NEXT_DAY] == []
    assert panel.asked == asked  # nobody is asked about what cannot trade

    await stage.run(NEXT_DAY, NEXT_DAY + timedelta(hours=3))
    assert open_names(stage) == set()
    assert [at for at in await stage.entries() if at >= NEXT_DAY]
    assert stage.naked == []
    assert stage.looks_at_positions > 50


@pytest.mark.parametrize(
    ("name", "rules", "gaps"),
    [
        (
            breakers.CONSECUTIVE_LOSSES,
            {"max_consecutive_losses": 3},
            {hour(2): 0.94, hour(5): 0.94, hour(8): 0.94},
        ),
        (breakers.DRAWDOWN, {"max_drawdown": D("0.12")}, {hour(2): 0.83, hour(5): 0.83}),
    ],
)
async def test_a_breaker_that_a_person_must_clear_outlives_the_day(
    name: str, rules: dict[str, object], gaps: dict[datetime, float]
) -> None:
    stage, _ = await scripted({SOL: scripted_bars(DAY, 2, gaps)}, DAY, limits(**rules))

    await stage.run(DAY, NEXT_DAY + timedelta(hours=6))
    assert open_names(stage) == {name}
    tripped = await tripped_at(stage, name)
    assert len(await stage.trades()) == len(gaps)
    assert max(gaps) <= tripped < max(gaps) + timedelta(hours=1)
    assert max(await stage.entries()) < tripped

    await stage.simulation.kernel.keeper.acknowledge(name, "owner", "the test says so")
    await stage.run(NEXT_DAY + timedelta(hours=6), NEXT_DAY + timedelta(hours=9))

    assert open_names(stage) == set()
    assert max(await stage.entries()) > tripped
    assert stage.naked == []


async def test_losses_on_both_sides_of_midnight_trip_the_last_24_hours_and_reopen_as_they_pass() -> None:
    gaps = {hour(21): 0.83, hour(25): 0.83}
    rules = limits(breakers=replace(WIDE, rolling_loss=D("0.12")), daily_loss=D("0.12"))
    stage, _ = await scripted({SOL: scripted_bars(DAY, 3, gaps)}, DAY, rules)

    await stage.run(DAY, hour(30))
    assert open_names(stage) == {breakers.ROLLING_LOSS}
    tripped = await tripped_at(stage, breakers.ROLLING_LOSS)
    assert hour(25) <= tripped < hour(25.5)

    await stage.run(hour(30), hour(48))
    assert open_names(stage) == set()
    cleared = (await last_event(stage)).resolved_at
    assert cleared is not None and hour(45) <= cleared < hour(46)
    entries = await stage.entries()
    assert [at for at in entries if tripped <= at < cleared] == []
    assert [at for at in entries if at >= cleared]
    assert stage.naked == []


async def test_a_losing_streak_reopens_after_a_day_at_half_size_until_a_trade_wins() -> None:
    gaps = {hour(2): 0.94, hour(5): 0.94, hour(8): 0.94, hour(36): 1.20}
    rules = limits(max_consecutive_losses=3, volatile_size=D(1))
    stage, _ = await scripted({SOL: scripted_bars(DAY, 3, gaps)}, DAY, rules)

    await stage.run(DAY, hour(44))

    event = await last_event(stage)
    assert event.name == breakers.CONSECUTIVE_LOSSES and event.resolved_by == breakers.RULE
    assert event.resolved_at is not None
    assert timedelta(hours=24) <= event.resolved_at - event.created_at < timedelta(hours=24.6)
    account = stage.simulation.kernel.keeper.last_account
    assert account is not None and not account.is_probing
    trades = await stage.trades()
    probe = next(trade for trade in trades if trade.opened_at >= event.resolved_at)
    full = [trade.risk_usd for trade in trades if trade.opened_at < event.created_at]
    assert probe.net_pnl > 0 and probe.risk_usd < min(full) * D("0.6")


async def test_a_jump_of_bitcoin_stops_entries_elsewhere_until_it_has_cooled_down() -> None:
    bars = {
        SOL: scripted_bars(DAY, 1, {hour(4): 0.94}),
        BTC: scripted_bars(DAY, 1, {hour(4): 1.04}),
    }
    rules = limits(breakers=replace(WIDE, price_shock_atr=5.0), max_open_positions=1)
    stage, _ = await scripted(bars, DAY, rules)

    await stage.run(DAY, hour(8))

    (event,) = await events(stage)
    assert event.name == breakers.PRICE_SHOCK and event.resolved_by == breakers.RULE
    assert hour(4) <= event.created_at < hour(4.25)
    assert event.resolved_at is not None and event.resolved_at >= hour(4.5)
    assert [at for at in await stage.entries() if event.created_at <= at < event.resolved_at] == []
    account = stage.simulation.kernel.keeper.last_account
    assert account is not None and not account.is_probing
    assert stage.naked == []


async def test_extreme_funding_stops_entries_while_it_lasts() -> None:
    times = [to_ms(hour(each)) for each in range(-48, 25, 8)]
    rates = [0.005 if to_ms(hour(8)) <= each < to_ms(hour(16)) else 0.0001 for each in times]
    funding = {SOL: Funding(np.array(times), np.array(rates)), BTC: Funding(np.array(times), np.array(rates))}
    bars = {SOL: scripted_bars(DAY, 1, {hour(7): 0.94}), BTC: scripted_bars(DAY, 1, {})}
    stage, _ = await scripted(bars, DAY, limits(), funding=funding)

    await stage.run(DAY, hour(20))

    (event,) = await events(stage)
    assert event.name == breakers.FUNDING_EXTREME and event.resolved_at is not None
    assert hour(8) <= event.created_at < hour(8.6)
    assert hour(16.25) <= event.resolved_at < hour(17)
    assert [at for at in await stage.entries() if event.created_at <= at < event.resolved_at] == []


@pytest.mark.parametrize("amount", [-400, 4000])
async def test_money_paid_in_or_out_trips_nothing_and_changes_no_result(amount: int) -> None:
    rules = limits(daily_loss=D("0.10"), max_drawdown=D("0.20"), breakers=BreakerLimits(price_shock_atr=1e9))
    stage, _ = await scripted({SOL: scripted_bars(DAY, 2, {})}, DAY, rules)
    await stage.run(DAY, hour(3))
    keeper = stage.simulation.kernel.keeper
    before = keeper.last_account
    await stage.simulation.venue.transfer(D(amount))

    await stage.run(hour(3), hour(30))

    after = keeper.last_account
    assert before is not None and before.equity is not None and before.peak is not None
    assert after is not None and after.equity is not None and after.peak is not None
    assert await events(stage) == ()
    assert abs(after.equity - before.equity - amount) < 20
    assert abs(after.peak / after.equity - before.peak / before.equity) < D("0.02")
    points = await stage.journal.equity_curve(stage.simulation.settings.account)
    assert max(abs(point.unit_price - 1000) for point in points) < 20


async def test_a_deposit_does_not_hide_what_is_lost() -> None:
    rules = limits(daily_loss=D("0.015"), breakers=WIDE)
    stage, _ = await scripted({SOL: scripted_bars(DAY, 1, {hour(6): 0.90})}, DAY, rules)
    await stage.run(DAY, hour(5))
    await stage.simulation.venue.transfer(D(300))

    await stage.run(hour(5), hour(8))

    assert open_names(stage) == {breakers.DAILY_LOSS}


async def test_a_breaker_is_open_in_the_next_process_before_it_enters_anything() -> None:
    stage, _ = await scripted(
        {SOL: scripted_bars(DAY, 1, {hour(6): 0.83})}, DAY, limits(daily_loss=D("0.015"))
    )
    await stage.run(DAY, hour(8))
    tripped = await tripped_at(stage, breakers.DAILY_LOSS)

    again = await stage.taken_up_again()
    await again.run(hour(8), hour(20))

    assert open_names(again) == {breakers.DAILY_LOSS}
    assert [at for at in await again.entries() if at >= tripped] == []


async def test_a_flattening_breaker_closes_what_is_open_through_the_loop() -> None:
    bars = {SOL: scripted_bars(DAY, 1, {hour(6): 0.75}), BTC: scripted_bars(DAY, 1, {})}
    flat = replace(WIDE, policies=((breakers.DAILY_LOSS, Policy.FLATTEN),))
    stage, _ = await scripted(bars, DAY, limits(daily_loss=D("0.05"), breakers=flat))

    await stage.run(DAY, hour(8))

    assert open_names(stage) == {breakers.DAILY_LOSS}
    assert {trade.symbol: trade.exit_reason for trade in await stage.trades()} == {
        SOL: ExitReason.STOP,
        BTC: ExitReason.BREAKER,
    }
    assert stage.simulation.venue.state.holdings == {}
    assert stage.naked == []

"""The account as checks and breakers need it: unknown stays unknown, baselines are fixed, trips told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import JournalError
from core.journal import EquityPoint
from core.market import Side
from core.notice import NoticeKind
from core.risk import breakers
from core.risk.limits import BreakerLimits, Limits
from core.trade import OrderSide
from tests.core.builders import PAPER, SOL, D, a_closed_trade
from tests.core.trading.fakes import seconds
from tests.core.trading.world import World


async def opened(**limits: Any) -> World:
    return await World(**limits).open()


@pytest.mark.parametrize("read", ["balance", "positions"])
async def test_an_unreadable_account_is_unknown_in_every_figure(read: str) -> None:
    world = await opened()
    await world.kernel.keeper.look()
    world.venue.failing = {read}

    account = await world.kernel.keeper.look()

    assert (account.equity, account.wallet, account.available) == (None, None, None)
    assert (account.day_opening, account.peak) == (None, None)
    assert account.open_breakers == () and await world.told(NoticeKind.BREAKER_TRIPPED) == []


async def test_an_equity_of_long_ago_is_not_recorded_as_todays() -> None:
    world = await opened()
    await world.kernel.guard.watch()
    world.venue.failing = {"balance"}
    world.clock.advance(600)

    await world.kernel.guard.watch()

    assert len(await world.journal.equity_curve(PAPER)) == 1


async def test_the_days_opening_is_fixed_once_and_anew_each_utc_day() -> None:
    world = await opened()
    keeper, openings = world.kernel.keeper, []
    for wallet, hours in ((1000, 1), (1100, 1), (1050, 12), (990, 1)):
        world.venue.wallet = D(wallet)
        openings.append((await keeper.look()).day_opening)
        world.clock.advance(hours * 3600)

    assert openings == [1000, 1000, 1000, 990]


async def test_the_days_opening_outlives_a_restart() -> None:
    world = await opened()
    await world.kernel.keeper.look()
    world.venue.wallet = D(950)
    world.boot()

    assert (await world.kernel.keeper.look()).day_opening == 1000


async def test_a_loss_booked_right_after_midnight_counts_against_midnights_equity() -> None:
    world = await opened()
    await world.hold()
    world.venue.move(99)
    world.clock.set(world.clock.now().replace(hour=23, minute=59))
    await world.kernel.guard.watch()
    midnight = (await world.kernel.keeper.look()).equity
    world.clock.advance(90)
    world.venue.move(90)

    await world.kernel.guard.watch()

    account = await world.kernel.keeper.look()
    assert len(await world.history()) == 1
    assert account.day_opening == midnight != account.equity


async def test_the_newest_equity_before_midnight_opens_the_day_however_old_it_is() -> None:
    world = await opened()
    await world.kernel.guard.watch()
    world.venue.wallet = D(900)
    world.clock.advance(40 * 86_400)
    world.boot()

    assert (await world.kernel.keeper.look()).day_opening == 1000


async def test_the_peak_is_the_highest_of_capital_record_and_now() -> None:
    world = await opened()
    keeper = world.kernel.keeper
    world.venue.wallet = D(900)
    first = (await keeper.look()).peak
    world.venue.wallet = D(1200)
    await keeper.look()
    await keeper.record_equity()
    world.venue.wallet = D(900)
    second = (await keeper.look()).peak

    assert (first, second) == (1000, 1200)


async def test_an_acknowledged_drawdown_starts_a_new_peak_and_does_not_trip_again() -> None:
    world = await opened(daily_loss=D("0.9"))
    keeper = world.kernel.keeper
    await world.journal.record_equity(PAPER, EquityPoint(world.clock.now(), D(1500), D(0)))
    world.clock.advance(120)
    world.limits = replace(world.limits, breakers=BreakerLimits(rolling_loss=D("0.9")))
    tripped = (await keeper.look()).open_breakers
    await keeper.acknowledge(breakers.DRAWDOWN, "owner")

    account = await keeper.look()

    assert tripped == (breakers.DRAWDOWN,)
    assert account.open_breakers == () and account.peak == 1000
    assert len(await world.told(NoticeKind.BREAKER_CLEARED)) == 1


async def test_a_trip_is_written_once_with_its_notice_and_survives_a_restart() -> None:
    world = await opened()
    await world.kernel.keeper.look()
    world.venue.wallet = D(899)
    for _ in range(3):
        await world.kernel.keeper.look()
        world.clock.advance(10)
    world.venue.wallet = D(1000)
    world.boot()

    account = await world.kernel.keeper.look()

    assert account.open_breakers == (breakers.DAILY_LOSS,)
    assert len(await world.told(NoticeKind.BREAKER_TRIPPED)) == 1


async def test_an_unrealised_loss_trips_the_days_breaker_too() -> None:
    world = await opened()
    await world.hold()
    world.limits = Limits(daily_loss=D("0.015"))
    world.venue.move("95.5")

    account = await world.kernel.keeper.look()

    assert account.open_breakers == (breakers.DAILY_LOSS,)


async def test_the_days_breaker_clears_at_midnight_and_is_told() -> None:
    world = await opened()
    await world.kernel.keeper.look()
    world.venue.wallet = D(899)
    await world.kernel.keeper.look()
    world.clock.advance(12 * 3600)

    account = await world.kernel.keeper.look()

    assert account.open_breakers == () and account.day_opening == 899
    assert len(await world.told(NoticeKind.BREAKER_CLEARED)) == 1


async def test_a_days_loss_cleared_by_a_person_does_not_trip_again_that_day() -> None:
    world = await opened()
    keeper = world.kernel.keeper
    await keeper.look()
    world.venue.wallet = D(899)
    await keeper.look()
    await keeper.acknowledge(breakers.DAILY_LOSS, "owner")

    same_day = (await keeper.look()).open_breakers
    world.clock.advance(12 * 3600)
    await keeper.look()
    world.venue.wallet = D(700)
    next_day = (await keeper.look()).open_breakers

    assert same_day == ()
    assert breakers.DAILY_LOSS in next_day


async def test_a_streak_of_losses_trips_and_counts_anew_after_the_acknowledgement() -> None:
    world = await opened()
    keeper = world.kernel.keeper
    for number in range(3):
        closed_at = world.clock.now() - seconds(60 - number)
        await world.journal.book(
            a_closed_trade(-1, id=f"t{number}", closed_at=closed_at), [], [], D(1000), []
        )
    tripped = (await keeper.look()).open_breakers
    await keeper.acknowledge(breakers.CONSECUTIVE_LOSSES, "owner")

    assert tripped == (breakers.CONSECUTIVE_LOSSES,)
    assert (await keeper.look()).open_breakers == ()


async def test_an_orange_drawdown_ends_when_a_person_acknowledges_it_and_begins_with_a_probe() -> None:
    """Nothing is opened in it, so that a flat account would stay in it for ever."""
    world = await opened()
    keeper = world.kernel.keeper
    for wallet in (D(960), D(920), D(880)):
        world.venue.wallet = wallet
        world.clock.advance(25 * 3600)
        await world.kernel.guard.watch()
    before = await keeper.look()
    done = await keeper.acknowledge(breakers.DRAWDOWN, "owner", "I accept it")

    account = await keeper.look()
    world.boot()
    after = await world.kernel.keeper.look()

    assert (before.drawdown, before.open_breakers, done) == (D("0.12"), (), True)
    assert account.drawdown == after.drawdown == 0 and account.is_probing and after.is_probing
    assert account.open_breakers == after.open_breakers == ()
    (event,) = await world.journal.breaker_events(PAPER, 5)
    assert (event.value, event.threshold, event.resolved_by) == ("12.00 %", "10.00 %", "owner")
    assert event.reason == "I accept it" and event.action == "entries stopped"


async def test_a_yellow_drawdown_is_nothing_to_acknowledge() -> None:
    world = await opened()
    world.venue.wallet = D(910)
    await world.kernel.guard.watch()

    assert not await world.kernel.keeper.acknowledge(breakers.DRAWDOWN, "owner")
    assert not world.kernel.keeper.is_orange


async def test_acknowledging_what_is_not_tripped_changes_nothing() -> None:
    world = await opened()

    assert not await world.kernel.keeper.acknowledge(breakers.DRAWDOWN, "owner")
    assert await world.told() == []


@pytest.mark.parametrize("side", list(Side))
async def test_open_risk_is_what_the_stop_would_still_cost(side: Side) -> None:
    world = await opened()
    trade = await world.hold(side)
    world.venue.move(100 + 2 * side.sign)

    (risk,) = (await world.kernel.keeper.look()).open_risks

    way = (world.market.prices[SOL] - trade.stop) * side.sign
    leaving = trade.cost / 2 * trade.stop
    assert leaving > 0
    assert way > D("4.9") and risk.loss_at_stop == (way + leaving) * trade.quantity and risk.side is side


async def test_open_risk_is_the_whole_r_while_the_position_is_not_seen() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.failing = {"positions"}

    (risk,) = (await world.kernel.keeper.look()).open_risks

    assert risk.loss_at_stop == trade.risk_usd


async def test_a_position_of_somebody_else_is_exposure_of_its_margin() -> None:
    world = await opened()
    world.venue.by_hand(OrderSide.BUY, 3)

    account = await world.kernel.keeper.look()

    assert account.foreign_symbols == {SOL}
    assert account.open_risk == D(100)  # 300 of notional at 3x


async def test_a_journal_that_fails_is_an_error_not_an_account() -> None:
    world = await opened()

    def failing(point: str) -> None:
        if point == "journal.open_trades:before":
            raise JournalError("locked")

    world.boot(failing)

    with pytest.raises(JournalError):
        await world.kernel.keeper.look()


async def test_the_newest_close_of_a_symbol_is_what_cools_it_down() -> None:
    world = await opened()
    now = world.clock.now()
    for number, age in enumerate((7200, 60)):
        closed = a_closed_trade(1, id=f"t{number}", closed_at=now - timedelta(seconds=age))
        await world.journal.book(closed, [], [], D(1000), [])

    account = await world.kernel.keeper.look()

    assert account.last_closed[SOL] == now - timedelta(seconds=60)


async def test_a_loss_while_nobody_was_looking_is_the_new_days_loss() -> None:
    world = await opened()
    await world.hold()
    world.clock.set(world.clock.now().replace(hour=23, minute=40))
    await world.kernel.guard.watch()
    evening = (await world.kernel.keeper.look()).equity
    world.clock.advance(3 * 3600)
    world.venue.move(94)
    world.clock.advance(3 * 3600)
    await world.restart()
    await world.settle()

    account = await world.kernel.keeper.look()

    assert len(await world.history()) == 1
    assert account.day_opening == evening != account.equity
    assert next(r for r in world.kernel.keeper.last_readings if r.name == breakers.DAILY_LOSS).value > 0


async def test_a_record_of_today_is_no_yesterday() -> None:
    world = await opened()
    await world.journal.record_equity(PAPER, EquityPoint(world.clock.now(), D(1500), D(0)))
    world.clock.advance(3600)

    assert (await world.kernel.keeper.look()).day_opening == 1000


async def test_an_account_is_as_old_as_the_balance_it_stands_on() -> None:
    world = await opened()
    real, seen_at = world.venue.balance, world.clock.now()

    async def balance() -> Any:
        return replace(await real(), at=seen_at)

    world.venue.balance = balance  # type: ignore[method-assign]
    world.clock.advance(3600)

    assert (await world.kernel.keeper.look()).at == seen_at


async def test_a_balance_dated_ahead_of_our_clock_does_not_make_the_account_younger() -> None:
    world = await opened()
    real = world.venue.balance

    async def balance() -> Any:
        return replace(await real(), at=world.clock.now() + timedelta(minutes=5))

    world.venue.balance = balance  # type: ignore[method-assign]

    assert (await world.kernel.keeper.look()).at == world.clock.now()

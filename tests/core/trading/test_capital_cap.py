"""The cap in the running core: asked at every look, it bounds the breakers and what is entered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.errors import NotAllowed
from core.journal import Mode
from core.market import Side
from core.risk.breakers import DAILY_LOSS, DRAWDOWN, ROLLING_LOSS
from core.risk.ceilings import left_down, left_today
from core.risk.limits import BreakerLimits
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.world import World

CALM = BreakerLimits(rolling_loss=D("0.95"))


async def a_world(cap: Decimal | None, wallet: Any = 10_000, **limits: Any) -> World:
    """A wallet as large as the peak: its opening deposit of 1,000 was never more."""
    world = World(**limits)
    world.venue.wallet = D(wallet)
    world.cap = cap
    await world.open()
    await world.kernel.keeper.look()
    await world.kernel.keeper.record_equity()
    return world


async def in_auto(cap: Decimal) -> World:
    """Everybody is for a long."""
    world = World(mode=Mode.AUTO)
    world.cap = cap
    world.panel.sides = {SOL: Side.LONG}
    return await world.open()


async def with_equity(world: World, amount: Any) -> set[str]:
    world.clock.advance(60)
    world.venue.wallet = D(str(amount))
    account = await world.kernel.keeper.look()
    return set(account.open_breakers)


# ---------------------------------------------------------------- entries


async def test_a_disarmed_account_enters_nothing_whatever_was_cleared() -> None:
    world = await a_world(D(100))
    world.kernel.gate.close("disarmed", "live trading is not armed: /golive")

    with pytest.raises(NotAllowed, match="not armed"):
        await world.kernel.executor.enter(await world.cleared(), None, "test")

    assert await world.trades() == () and world.venue.held == {}


async def test_a_disarmed_account_refuses_every_idea_of_a_scan() -> None:
    world = await in_auto(D(1000))
    world.kernel.gate.close("disarmed", "live trading is not armed: /golive")
    scan = await world.kernel.engine.scan()

    assert scan.cleared == () and await world.trades() == ()


@pytest.mark.parametrize(("cap", "entered"), [(D(0), 0), (D(1), 0), (D(1000), 1)])
async def test_auto_enters_only_what_the_cap_carries(cap: Decimal, entered: int) -> None:
    world = await in_auto(cap)
    await world.kernel.engine.scan()

    assert len(await world.trades()) == entered


async def test_a_scan_asks_nobody_about_what_the_cap_is_too_small_for_and_names_the_cap() -> None:
    world = await in_auto(D(2))
    scan = await world.kernel.engine.scan()

    assert [name for name, _ in scan.unsizeable] == [SOL]
    assert scan.unsizeable[0][1].startswith("a capital cap of ")
    assert scan.record.funnel.get("cleared") is None


async def test_auto_under_a_cap_risks_a_share_of_the_cap() -> None:
    world = await in_auto(D(500))
    world.venue.wallet = D(10_000)
    await world.kernel.engine.scan()

    trade = await world.trade()
    assert 0 < trade.risk_usd <= 500 * world.limits.risk_per_trade
    assert trade.opening_equity == 10_000, "the day's figures stay the whole account's"


async def test_a_cap_that_is_lowered_bounds_the_next_look_at_once() -> None:
    world = await a_world(D(1000))
    before = (await world.kernel.keeper.look()).sizing_equity
    world.cap = D(40)
    after = (await world.kernel.keeper.look()).sizing_equity

    assert (before, after) == (1000, 40)


async def test_a_card_shown_under_a_higher_cap_is_refused_at_the_tap() -> None:
    world = await a_world(D(1000))
    card = await world.card()
    world.cap = D(50)
    tap = await world.tap(card)

    assert not tap.is_done and any("capital cap 50.00" in reason for reason in tap.reasons)
    assert await world.trades() == ()


# ---------------------------------------------------------------- what the breakers measure


async def test_a_tenth_of_the_cap_lost_trips_the_day_in_a_wallet_a_hundred_times_as_large() -> None:
    world = await a_world(D(100))

    assert await with_equity(world, "9990.01") == set()
    assert await with_equity(world, 9990) == {DAILY_LOSS, ROLLING_LOSS}
    account = world.kernel.keeper.last_account
    assert account is not None and left_today(account, world.limits) == 0
    readings = {one.name: one.shown() for one in world.kernel.keeper.last_readings}
    assert readings[DAILY_LOSS] == ("10.00 %", "10.00 %")


async def test_without_a_cap_the_same_loss_is_a_thousandth() -> None:
    world = await a_world(None)

    assert await with_equity(world, 9990) == set()
    account = world.kernel.keeper.last_account
    assert account is not None and account.drawdown == D("0.001")


async def test_an_orange_drawdown_of_the_cap_is_acknowledged_and_measured_afresh() -> None:
    world = await a_world(D(100), daily_loss=D("0.9"), breakers=CALM)
    await with_equity(world, 9989)
    orange = world.kernel.keeper.is_orange
    await world.kernel.keeper.acknowledge("drawdown", "owner")

    assert orange and not world.kernel.keeper.is_orange


async def test_the_margin_of_open_trades_is_held_of_the_cap() -> None:
    world = await a_world(D(1000))
    trade = await world.hold()
    account = await world.kernel.keeper.look()

    assert account.margin_held > 0
    assert account.sizing_available == 1000 - account.margin_held
    assert account.available is not None and account.available > 9000
    assert trade.symbol in {risk.symbol for risk in account.open_risks}


# ---------------------------------------------------------------- what is paid in and out under a cap


async def paid(world: World, amount: Any) -> set[str]:
    """Breakers that are open once the transfer was seen."""
    world.clock.advance(60)
    await world.kernel.keeper.record_equity()
    world.venue.pay(amount)
    world.clock.advance(120)
    account = await world.kernel.keeper.look()
    return set(account.open_breakers)


def lost(world: World) -> list[Decimal]:
    """Today, in 24 hours, from the peak: fractions, to eight places."""
    values = {one.name: one.value for one in world.kernel.keeper.last_readings}
    shares = [values[name] for name in (DAILY_LOSS, ROLLING_LOSS, DRAWDOWN)]
    assert None not in shares
    return [round(share, 8) for share in shares if share is not None]


async def test_a_deposit_under_a_cap_makes_no_loss() -> None:
    world = await a_world(D(100), wallet=1000)
    await with_equity(world, 995)

    assert await paid(world, 9000) == set()
    assert lost(world) == [D("0.05")] * 3


async def test_a_withdrawal_under_a_cap_hides_no_loss() -> None:
    world = await a_world(D(100))
    await with_equity(world, 9991)
    assert await paid(world, -9000) == set()
    assert lost(world) == [D("0.09")] * 3

    assert await with_equity(world, 986) == {DAILY_LOSS, ROLLING_LOSS}
    assert lost(world) == [D("0.14")] * 3


async def test_what_may_still_be_lost_under_a_cap_is_the_same_after_any_transfer() -> None:
    for amount in (9000, -9000):
        world = await a_world(D(100))
        await with_equity(world, 9994)
        await paid(world, amount)
        account = world.kernel.keeper.last_account

        assert account is not None
        assert (left_today(account, world.limits), left_down(account, world.limits)) == (4, 14)


async def test_a_deposit_moves_no_stop() -> None:
    world = await a_world(D(300), wallet=1000)
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.wallet -= D(9)
    await world.kernel.guard.watch()
    world.clock.advance(60)
    world.venue.pay(9000)
    for seconds in (120, 12):
        world.clock.advance(seconds)
        await world.kernel.guard.watch()

    assert (await world.trade()).stop == trade.stop
    assert world.kernel.keeper.open_events == ()


async def test_a_withdrawal_below_the_cap_magnifies_no_loss() -> None:
    world = await a_world(D(500), wallet=1000)
    await with_equity(world, 960)

    assert await paid(world, -800) == set()
    assert lost(world) == [D("0.08")] * 3


async def test_after_a_withdrawal_below_the_cap_a_loss_is_of_the_money_that_is_left() -> None:
    world = await a_world(D(1000), wallet=1000)
    assert await paid(world, -900) == set()
    account = world.kernel.keeper.last_account
    assert account is not None and left_today(account, world.limits) == 10
    assert left_down(account, world.limits) == 20

    assert await with_equity(world, 90) == {DAILY_LOSS, ROLLING_LOSS}
    assert lost(world) == [D("0.1")] * 3


@pytest.mark.parametrize("first", ["0", "0.01"])
async def test_an_account_that_is_filled_from_nothing_is_measured_by_its_cap(first: str) -> None:
    world = World()
    world.venue.wallet, world.cap = D(first), D(100)
    await world.journal.open_account(PAPER, False, D(first), Mode.AUTO, world.clock.now())
    await world.kernel.keeper.look()
    assert await paid(world, 1000) == set()

    await with_equity(world, D(first) + 995)

    assert lost(world) == [D("0.05")] * 3


async def test_the_peak_under_a_cap_is_the_highest_in_money_also_after_a_restart() -> None:
    """By the unit it is the first: a gain of 2 % of 10,010 does not make good a loss of 8 % of 1,100."""
    world = await a_world(D(100), wallet=1100, daily_loss=D("0.99"), max_drawdown=D("0.99"), breakers=CALM)
    await with_equity(world, 1010)
    await paid(world, 9000)
    await with_equity(world, 10_210)
    await world.kernel.keeper.record_equity()
    await with_equity(world, 10_200)
    before = lost(world)[2]

    world.boot()
    await world.kernel.keeper.look()

    assert before == lost(world)[2] == D("0.1")


async def test_without_a_cap_a_transfer_scales_the_loss_as_ever() -> None:
    world = await a_world(None, wallet=1000, daily_loss=D("0.1"))
    await with_equity(world, 960)
    await paid(world, -800)

    assert lost(world) == [D("0.04")] * 3

"""The fraction lost is the same before and after any transfer, whichever breaker measures it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.risk.breakers import DAILY_LOSS, DRAWDOWN, ROLLING_LOSS
from core.risk.ceilings import left_down, left_today
from core.risk.exposure import drawdown_tier
from core.risk.limits import BreakerLimits
from tests.core.builders import PAPER, D
from tests.core.trading.world import World

LOSSES = (DAILY_LOSS, ROLLING_LOSS, DRAWDOWN)
WIDE: dict[str, Any] = {
    "daily_loss": D("0.99"),
    "max_drawdown": D("0.99"),
    "breakers": BreakerLimits(rolling_loss=D("0.99")),
}
NEAR = D("1e-9")


async def opened(**limits: Any) -> World:
    """1000 USDT, with a first point on its curve."""
    world = await World(**limits).open()
    await world.kernel.guard.watch()
    return world


async def watched(world: World) -> None:
    world.clock.advance(61)
    await world.kernel.guard.watch()


async def with_wallet(world: World, amount: Any) -> None:
    world.venue.wallet = D(str(amount))
    await watched(world)


async def pay(world: World, amount: Any) -> None:
    """Seen by the guard a minute later."""
    world.clock.advance(1)
    world.venue.pay(amount)
    await watched(world)


def lost(world: World) -> tuple[Any, ...]:
    """Today, in 24 hours, from the peak: fractions."""
    values = {reading.name: reading.value for reading in world.kernel.keeper.last_readings}
    return tuple(values[name] for name in LOSSES)


def are_near(values: tuple[Any, ...], due: tuple[Any, ...]) -> bool:
    return all(abs(one - other) < NEAR for one, other in zip(values, due, strict=True))


def tripped(world: World) -> set[str]:
    return {event.name for event in world.kernel.keeper.open_events}


async def test_a_withdrawal_after_a_loss_magnifies_nothing_and_trips_nothing() -> None:
    world = await opened()
    await with_wallet(world, 960)
    await pay(world, -800)
    account = world.kernel.keeper.last_account

    assert are_near(lost(world), (D("0.04"),) * 3) and tripped(world) == set()
    assert account is not None and account.earned_today == -40
    assert account.equity == 160 and abs(account.peak - D(1000) / 6) < NEAR


async def test_a_deposit_after_a_loss_dilutes_nothing() -> None:
    world = await opened(daily_loss=D("0.1"))
    await with_wallet(world, 901)
    await pay(world, 9000)
    account = world.kernel.keeper.last_account
    assert account is not None and account.equity == 9901 and account.earned_today == -99
    assert are_near(lost(world), (D("0.099"),) * 3)
    assert tripped(world) == set()

    await with_wallet(world, 9889)  # 0.12 % of what is there now

    assert tripped(world) == {DAILY_LOSS, ROLLING_LOSS}


async def test_a_breaker_trips_at_exactly_its_threshold_after_a_transfer() -> None:
    world = await opened(daily_loss=D("0.1"))
    await pay(world, D("-333.33"))
    opening = D("666.67")

    await with_wallet(world, opening * D("0.9") + D("1e-10"))
    assert DAILY_LOSS not in tripped(world)

    await with_wallet(world, opening * D("0.9"))
    assert DAILY_LOSS in tripped(world)


@pytest.mark.parametrize("amount", [-700, 4000])
async def test_a_transfer_in_a_drawdown_keeps_it_and_its_tier(amount: int) -> None:
    world = await opened(**WIDE | {"max_drawdown": D("0.2")})
    await with_wallet(world, 880)
    before = world.kernel.keeper.last_account
    await pay(world, amount)
    after = world.kernel.keeper.last_account

    assert before is not None and before.drawdown is not None
    assert after is not None and after.drawdown is not None
    assert abs(after.drawdown - before.drawdown) < NEAR
    limits = world.limits
    tiers = [drawdown_tier(account.drawdown, limits) for account in (before, after)]
    assert tiers == ["orange", "orange"] and world.kernel.keeper.is_orange


async def test_what_may_still_be_lost_is_of_the_present_size() -> None:
    world = await opened(daily_loss=D("0.1"), max_drawdown=D("0.2"))
    await with_wallet(world, 960)
    await pay(world, 960)
    account = world.kernel.keeper.last_account

    assert account is not None
    assert left_today(account, world.limits) == 2 * (100 - 40)
    assert left_down(account, world.limits) == 2 * (200 - 40)


async def test_a_row_of_transfers_one_of_which_empties_almost_everything_changes_no_fraction() -> None:
    world = await opened(**WIDE)
    await with_wallet(world, 950)
    for amount in ("-949.99", "5000", "-4000.01", "0.02", "123456.789"):
        await pay(world, amount)
        assert are_near(lost(world), (D("0.05"),) * 3)
    figures = world.kernel.keeper.last_account

    world.boot()
    await world.kernel.keeper.look()

    again = world.kernel.keeper.last_account
    assert figures is not None and again is not None
    assert (again.day_opening, again.peak, again.earned_today) == (
        figures.day_opening,
        figures.peak,
        figures.earned_today,
    )
    assert figures.earned_today == -50 and tripped(world) == set()


async def test_an_emptied_account_trips_nothing_and_has_its_drawdown_back_when_it_is_filled() -> None:
    world = await opened(**WIDE)
    await with_wallet(world, 900)
    await pay(world, -900)
    emptied = world.kernel.keeper.last_account
    assert emptied is not None
    assert (emptied.equity, emptied.day_opening, emptied.peak, emptied.drawdown) == (0, 0, 0, None)
    assert tripped(world) == set() and lost(world) == (None, None, None)

    world.boot()
    await pay(world, 300)

    assert are_near(lost(world), (D("0.1"),) * 3)


async def test_an_account_that_lost_everything_is_not_healed_by_a_deposit() -> None:
    world = await opened()
    await with_wallet(world, 0)
    await pay(world, 9000)

    assert tripped(world) == set(LOSSES)
    assert all(value > D("0.999999") for value in lost(world))


async def test_a_loss_right_after_a_withdrawal_is_of_the_money_that_was_left() -> None:
    """Within the minute of which only the newest point is kept."""
    world = await opened(daily_loss=D("0.1"))
    world.clock.advance(60)
    world.venue.pay(-900)
    await world.kernel.keeper.look()
    world.clock.advance(1)
    world.venue.wallet -= 10
    await world.kernel.guard.watch()

    assert lost(world) == (D("0.1"),) * 3 and DAILY_LOSS in tripped(world)
    world.boot()
    await world.kernel.keeper.look()
    assert lost(world) == (D("0.1"),) * 3


async def test_a_withdrawal_that_is_listed_late_leaves_the_fraction_that_was_lost_before() -> None:
    world = await opened(**WIDE)
    await with_wallet(world, 960)
    listed, world.venue.paid = world.venue.paid, []
    world.venue.pay(-800)
    late, world.venue.paid = world.venue.paid, listed
    for _ in range(3):
        await watched(world)
    assert lost(world) == (D("0.84"),) * 3
    world.venue.paid = late

    await watched(world)

    assert are_near(lost(world), (D("0.04"),) * 3)
    points = await world.journal.equity_curve(PAPER)
    assert all(abs(point.unit_price - 960) < NEAR for point in points[2:])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.decimals("-0.3", "0.4", places=4)),
        st.tuples(st.just("take"), st.decimals("0.001", "0.999", places=3)),
        st.tuples(st.just("pay"), st.decimals("0.01", "50000", places=2)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(steps)
async def test_the_fraction_lost_is_that_of_the_same_returns_without_transfers(
    given_steps: list[tuple[str, Any]],
) -> None:
    """`take` is a share of what is there."""
    world, price, highest = await opened(**WIDE), D(1000), D(1000)
    for kind, amount in given_steps:
        if kind == "grow":
            price *= 1 + amount
            await with_wallet(world, world.venue.wallet * (1 + amount))
        else:
            await pay(world, -world.venue.wallet * amount if kind == "take" else amount)
        highest = max(highest, price)

        fall = max(1 - price / 1000, D(0))
        assert are_near(lost(world), (fall, fall, 1 - price / highest))

"""The guard: nobody is skipped, everything is told once, nothing grows."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import JournalError, Unknown
from core.market import Side
from core.notice import NoticeKind
from core.trade import ExitReason, OrderKind, OrderSide
from core.trading.guard import RESTLESS_S
from core.trading.ids import client_id
from tests.core.builders import BTC, PAPER, SOL, D, an_order, an_order_request
from tests.core.trading.world import World

ETH = "ETH/USDT:USDT"
STOP = OrderKind.STOP_MARKET


async def opened(**limits: Any) -> World:
    return await World(**limits).open()


async def three() -> World:
    """Open positions in SOL, BTC and ETH, in that order."""
    world = await opened(max_open_positions=3)
    for number, symbol in enumerate((SOL, BTC, ETH), start=1):
        await world.hold(name=f"plan-{number}", symbol=symbol)
    world.clock.advance(60)
    return world


def break_symbol(world: World, symbol: str, error: BaseException) -> None:
    """Every look at this symbol's orders fails, and its stop is gone."""
    real = world.venue.open_orders

    async def broken(asked: str | None = None) -> Any:
        if asked == symbol:
            raise error
        return await real(asked)

    world.venue.open_orders = broken  # type: ignore[method-assign]


def strip(world: World, *symbols: str) -> None:
    for order in world.venue.resting(STOP):
        if order.symbol in symbols:
            world.venue.cancel_by_hand(order)


@pytest.mark.parametrize("broken", [SOL, BTC, ETH])
async def test_a_position_that_cannot_be_looked_at_never_skips_the_others(broken: str) -> None:
    world = await three()
    strip(world, SOL, BTC, ETH)
    break_symbol(world, broken, Unknown("no answer"))

    await world.kernel.guard.watch()

    assert {s for s in (SOL, BTC, ETH) if world.is_covered(s)} == {SOL, BTC, ETH} - {broken}
    assert list(world.kernel.guard.faults.values()) == ["no answer"]


@pytest.mark.parametrize("broken", [SOL, ETH])
async def test_an_error_nobody_foresaw_skips_nobody_and_is_raised_at_the_end(broken: str) -> None:
    world = await three()
    strip(world, SOL, BTC, ETH)
    break_symbol(world, broken, ZeroDivisionError("a bug"))

    with pytest.raises(ZeroDivisionError):
        await world.kernel.guard.watch()

    assert {s for s in (SOL, BTC, ETH) if world.is_covered(s)} == {SOL, BTC, ETH} - {broken}


async def test_closing_everything_goes_on_when_one_fails_and_says_which() -> None:
    world = await three()
    trades = await world.trades()
    break_symbol(world, BTC, Unknown("no answer"))

    unfinished = await world.kernel.guard.close(trades, ExitReason.PANIC, D(1), "owner")

    assert unfinished == [f"{BTC}: no answer"]
    assert set(world.venue.held) == {BTC}


async def test_guarding_goes_on_while_paused_with_a_breaker_open_and_the_balance_unknown() -> None:
    world = await opened()
    await world.hold()
    world.clock.advance(60)
    world.kernel.gate.close("pause", "paused")
    world.venue.failing = {"balance"}
    strip(world, SOL)

    await world.kernel.guard.watch()

    assert world.is_covered()


@pytest.mark.parametrize("side", list(Side))
async def test_an_opening_is_told_once_also_across_restarts(side: Side) -> None:
    world = await opened()
    await world.hold(side)

    for _ in range(2):
        await world.restart()
        await world.kernel.guard.watch()

    (facts,) = await world.facts(NoticeKind.OPENED)
    assert facts["stop_resting"] is True and facts["position"]["side"] == side.value


@pytest.mark.parametrize("side", list(Side))
async def test_nearness_to_the_stop_is_told_once_at_three_quarters_of_the_way(side: Side) -> None:
    world = await opened()
    await world.hold(side)
    tales = []
    for away in ("3.7", "3.9", "1", "4", "-5"):
        world.venue.move(D(100) - D(away) * side.sign)
        await world.kernel.guard.watch()
        tales.append(len(await world.told(NoticeKind.NEAR_STOP)))
    await world.restart()
    world.venue.move(D(100) - D("3.9") * side.sign)
    await world.kernel.guard.watch()

    assert tales == [0, 1, 1, 1, 1]
    assert len(await world.told(NoticeKind.NEAR_STOP)) == 1


@pytest.mark.parametrize("side", list(Side))
async def test_each_rung_of_the_liquidation_ladder_is_told_once_and_only_downwards(side: Side) -> None:
    world = await opened()
    await world.hold(side)
    world.venue.liquidation_distance = D("0.20")
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"] * 500  # it cannot be closed: it is still told
    strip(world, SOL)
    world.venue.next_answers[STOP] = ["refuse"] * 500
    told = []
    for left in ("11", "9.9", "4", "15", "9", "1.9"):
        world.market.prices[SOL] = D(100) - (D(20) - D(left)) * side.sign
        await world.kernel.guard.watch()
        told.append([key.rsplit(":", 1)[1] for key in await world.told(NoticeKind.LIQUIDATION_LADDER)])

    assert told == [[], ["50"], ["50", "25"], ["50", "25"], ["50", "25"], ["50", "25", "10"]]


async def test_a_fall_past_several_rungs_tells_the_deepest_only() -> None:
    world = await opened()
    await world.hold()
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"] * 99
    world.market.prices[SOL] = D(81)
    await world.kernel.guard.watch()
    world.market.prices[SOL] = D(88)

    await world.kernel.guard.watch()

    assert await world.told(NoticeKind.LIQUIDATION_LADDER) == ["plan-1:liquidation:10"]


async def test_a_notice_the_journal_refused_is_told_by_the_next_pass() -> None:
    world = await opened()
    await world.hold()
    world.venue.move("96.1")
    broken = [True]

    def failing(point: str) -> None:
        if point == "journal.update_trade:before" and broken[0]:
            raise JournalError("locked")

    world.boot(failing)
    with pytest.raises(JournalError):
        await world.kernel.guard.watch()
    broken[0] = False

    await world.kernel.guard.watch()

    assert await world.told(NoticeKind.NEAR_STOP) == ["plan-1:near_stop"]


@pytest.mark.parametrize("side", list(Side))
async def test_the_extremes_of_the_price_outlive_restarts_and_reach_history(side: Side) -> None:
    world = await opened()
    await world.hold(side)
    for move in (4, -3, 1):
        world.venue.move(100 + move * side.sign)
        await world.kernel.guard.watch()
        await world.restart()

    trade = await world.trade()
    world.venue.move(100 - 6 * side.sign)
    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert (trade.best_mark, trade.worst_mark) == (100 + 4 * side.sign, 100 - 3 * side.sign)
    assert closed.mfe == 4 * closed.quantity
    assert closed.mae == -6 * closed.quantity  # at least what the exit itself lost


async def test_a_stop_missing_in_two_passes_is_told_as_naked_once() -> None:
    world = await opened()
    await world.hold()
    world.clock.advance(60)
    strip(world, SOL)
    break_symbol(world, SOL, Unknown("no answer"))
    told = []
    for _ in range(3):
        await world.kernel.guard.watch()
        told.append(len(await world.told(NoticeKind.NAKED)))

    assert told == [0, 1, 1]


async def test_a_stop_still_missing_in_the_next_hour_is_told_again() -> None:
    world = await opened()
    await world.hold()
    strip(world, SOL)
    break_symbol(world, SOL, Unknown("no answer"))
    told = []
    for _ in range(4):
        await world.kernel.guard.watch()
        told.append(len(await world.told(NoticeKind.NAKED)))
        world.clock.advance(3600)

    assert told == [0, 1, 2, 3]


async def test_a_restless_trade_is_looked_at_again_in_seconds() -> None:
    world = await opened()
    guard = world.kernel.guard
    calm = guard.pause_s(60)
    await world.hold()
    still_calm = guard.pause_s(60)
    world.venue.failing = {"positions"}
    await guard.watch()
    restless = guard.pause_s(60)
    world.venue.failing = set()
    await guard.watch()

    assert (calm, still_calm, restless, guard.pause_s(60)) == (60, 60, RESTLESS_S, 60)


async def test_a_position_that_is_not_ours_is_left_alone_told_once_and_counted() -> None:
    world = await opened()
    world.venue.by_hand(OrderSide.SELL, 2, ETH)
    for _ in range(3):
        await world.kernel.guard.watch()
        world.clock.advance(60)
    account = await world.kernel.keeper.look()

    (facts,) = await world.facts(NoticeKind.FOREIGN)
    assert (facts["foreign"]["symbol"], facts["foreign"]["side"]) == (ETH, "short")
    assert account.foreign_symbols == {ETH} and account.open_risk > 0
    assert world.venue.submitted == [] and set(world.venue.held) == {ETH}


async def test_a_position_seen_by_one_pass_only_is_no_alarm() -> None:
    world = await opened()
    world.venue.by_hand(OrderSide.SELL, 2, ETH)
    await world.kernel.guard.watch()
    world.venue.by_hand(OrderSide.BUY, 2, ETH)

    await world.kernel.guard.watch()

    assert await world.told(NoticeKind.FOREIGN) == []


async def test_an_order_of_ours_without_a_trade_is_cancelled_by_the_second_pass() -> None:
    world = await opened()
    ours = an_order_request(client_id=client_id(PAPER, "gone", _stop(), 0), symbol=ETH, kind=STOP)
    theirs = an_order_request(client_id="by-hand", symbol=ETH, kind=STOP)
    for request in (ours, theirs):
        world.venue.orders[request.client_id] = an_order(request)
    await world.kernel.guard.watch()
    after_one = list(world.venue.cancelled)

    await world.kernel.guard.watch()

    assert after_one == [] and world.venue.cancelled == [ours.client_id]


def _stop() -> Any:
    from core.trade import Purpose

    return Purpose.STOP


async def test_what_is_open_is_shown_with_its_stop() -> None:
    world = await opened()
    trade = await world.hold()

    ((shown, position, stop),) = await world.kernel.guard.watch()

    assert shown.id == trade.id and position is not None and stop is not None
    assert stop.trigger == trade.stop


async def test_unknown_positions_are_shown_as_unknown_not_as_flat() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.failing = {"positions"}

    rows = await world.kernel.guard.watch()

    assert [(row[0].id, row[1], row[2]) for row in rows] == [(trade.id, None, None)]
    assert len(await world.trades()) == 1


async def test_nothing_is_remembered_of_trades_that_are_over() -> None:
    world = await opened()
    for number in range(3):
        await world.hold(name=f"plan-{number}")
        world.venue.move(94)
        await world.kernel.guard.watch()
        world.venue.move(100)
        world.clock.advance(100)
    await world.kernel.guard.watch()

    guard = world.kernel.guard
    assert guard._told == set() and guard.faults == {} and guard._bare == set()


async def test_the_survey_of_a_start_waits_no_second_time_for_what_protecting_could_not_finish() -> None:
    world = await three()
    strip(world, SOL)

    rows = await world.kernel.guard.watch(is_protected=True)
    left_to_the_next_pass = world.venue.resting(STOP)
    await world.kernel.guard.watch()

    assert {trade.symbol for trade, _, _ in rows} == {SOL, BTC, ETH}
    assert {order.symbol for order in left_to_the_next_pass} == {BTC, ETH}
    assert {order.symbol for order in world.venue.resting(STOP)} == {SOL, BTC, ETH}

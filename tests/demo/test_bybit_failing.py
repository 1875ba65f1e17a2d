"""The demo's Bybit behaving badly, and what `CcxtVenue` and the real trading core make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.market import CcxtMarket
from core.errors import Unknown
from core.ports import Result
from core.trade import ExitReason, OrderKind, OrderSide, OrderStatus
from tests.adapters.exchange.test_venue_trading import LiveWorld
from tests.adapters.exchange.venue_stage import SOL
from tests.core.builders import NOW
from tests.demo.bybit_stage import CANCEL, CREATE, BybitStage, on_bybit

D = Decimal


@pytest.fixture
async def stage() -> AsyncIterator[BybitStage]:
    async with on_bybit() as opened:
        yield opened


@pytest.mark.parametrize(
    "failure", [Failure.LOST, Failure.SWALLOWED, Failure.UNKNOWN_DONE, Failure.TIMED_OUT_DONE]
)
async def test_an_order_whose_answer_is_lost_is_unknown_and_found_by_its_id(
    stage: BybitStage, failure: Failure
) -> None:
    stage.exchange.faults.fail_next(1, failure, path=CREATE)

    outcome = await stage.venue.submit(stage.entry())
    order = await stage.venue.order(SOL, "ppentry1")

    assert outcome.result is Result.UNKNOWN
    assert order is not None and order.status is OrderStatus.FILLED


@pytest.mark.parametrize(
    "failure", [Failure.UNKNOWN, Failure.TIMED_OUT, Failure.UNAVAILABLE, Failure.RESET, Failure.HTML]
)
async def test_an_order_that_was_not_taken_is_unknown_and_not_sent_again(
    stage: BybitStage, failure: Failure
) -> None:
    stage.exchange.faults.fail_next(1, failure, path=CREATE)

    outcome = await stage.venue.submit(stage.entry())

    assert outcome.result is Result.UNKNOWN
    assert await stage.venue.order(SOL, "ppentry1") is None
    assert f"POST {CREATE}" not in stage.exchange.requests


async def test_an_order_that_is_accepted_late_shows_later(stage: BybitStage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN_DONE, path=CREATE, late_s=0.05)

    outcome = await stage.venue.submit(stage.entry())
    at_once = await stage.venue.order(SOL, "ppentry1")
    for _ in range(100):
        if await stage.venue.order(SOL, "ppentry1") is not None:
            break
        await asyncio.sleep(0.01)

    assert outcome.result is Result.UNKNOWN and at_once is None
    assert await stage.venue.order(SOL, "ppentry1") is not None


@pytest.mark.parametrize("failure", [Failure.THROTTLED, Failure.OVERLOADED])
async def test_a_rate_limit_is_certainly_not_executed(stage: BybitStage, failure: Failure) -> None:
    stage.exchange.faults.fail_next(1, failure, path=CREATE)

    outcome = await stage.venue.submit(stage.entry())
    stage.clock.pass_time(seconds=3)  # the silence that it asks for

    assert outcome.result is Result.THROTTLED
    assert await stage.venue.order(SOL, "ppentry1") is None


async def test_an_id_that_was_used_is_a_duplicate_even_after_its_order_is_over(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())

    again = await stage.venue.submit(stage.entry())
    (position,) = await stage.venue.positions()

    assert (again.result, again.code) == (Result.UNKNOWN, "110072")
    assert position.quantity == D(10)


async def test_refusals_come_with_the_venue_s_own_codes(stage: BybitStage) -> None:
    bare = await stage.venue.submit(stage.stop("ppbare"))
    closing = stage.entry("ppclosing", side=OrderSide.SELL, reduce_only=True)
    nothing = await stage.venue.submit(closing)
    small = await stage.venue.submit(stage.entry("ppsmall", quantity=D("0.01")))
    large = await stage.venue.submit(stage.entry("pplarge", quantity=D(5_000)))
    late_stop = await stage.venue.submit(stage.stop("pplate", "1.02"))
    late_target = await stage.venue.submit(stage.target("pplate2", "0.98"))
    wrong = await stage.venue.submit(stage.entry("ppwrong", attached_stop=stage.near("1.05")))

    refused = (nothing, small, large, late_stop, late_target, wrong)
    assert bare.result is Result.DONE  # before the trigger nobody looks at the position
    assert [each.result for each in refused] == [Result.REFUSED] * 6
    assert [each.code for each in refused] == ["110017", "110094", "110007", "110093", "110092", "10001"]
    assert await stage.venue.positions() == ()


async def test_a_wrong_clock_is_refused_measured_and_right_the_next_time(stage: BybitStage) -> None:
    stage.exchange.faults.clock_skew_ms = 30_000

    refused = await stage.venue.submit(stage.entry())
    taken = await stage.venue.submit(stage.entry())

    assert (refused.result, refused.code) == (Result.REFUSED, "10002")
    assert stage.venue.clock_offset_s == pytest.approx(30, abs=0.1)
    assert taken.result is Result.DONE


async def test_a_ban_of_the_address_is_obeyed_by_entries_and_not_by_exits(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    stage.exchange.faults.fail_next(1, Failure.BANNED, path=CREATE)

    banned = await stage.venue.submit(stage.entry("ppentry2"))
    kept_back = await stage.venue.submit(stage.entry("ppentry3"))
    protected = await stage.venue.submit(stage.stop())

    assert (banned.result, banned.code) == (Result.THROTTLED, "403")
    assert stage.venue.silent_until is not None and stage.venue.silent_until > stage.clock.now()
    assert (kept_back.result, kept_back.code) == (Result.THROTTLED, "budget")
    assert protected.result is Result.DONE


async def test_a_code_that_nobody_listed_proves_nothing(stage: BybitStage) -> None:
    stage.exchange.faults.refuse_next(1, 99999, "never heard of", path=CREATE)

    outcome = await stage.venue.submit(stage.entry())

    assert (outcome.result, outcome.code) == (Result.UNKNOWN, "99999")


async def test_a_read_that_fails_is_not_an_empty_answer(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    stage.exchange.faults.fail_next(9, Failure.UNKNOWN, path="/v5/position/list")

    with pytest.raises(Unknown):
        await stage.venue.positions()


async def test_a_cancel_whose_answer_is_lost_is_unknown_and_done(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    await stage.venue.submit(stage.stop())
    stage.exchange.faults.fail_next(1, Failure.LOST, path=CANCEL)

    outcome = await stage.venue.cancel(SOL, "ppstop1")

    assert outcome.result is Result.UNKNOWN
    assert await stage.venue.open_orders() == ()


# ---------------------------------------------------------------- the trading core


@asynccontextmanager
async def a_world() -> AsyncIterator[LiveWorld]:
    async with on_bybit(NOW) as stage:
        stage.exchange.set_price("SOLUSDT", D(100))
        stage.pass_time(2)
        market = CcxtMarket("bybit", clock=stage.clock, url=stage.exchange.url)
        try:
            await market.open()
            world = LiveWorld(stage, market)  # type: ignore[arg-type]
            await world.open()
            yield world
        finally:
            await market.close()


async def test_the_trading_core_enters_protects_and_books_a_stopped_trade() -> None:
    async with a_world() as world:
        before = await world.venue.balance()
        entered = await world.enter()
        (position,) = await world.venue.positions()
        (stop,) = [row for row in await world.venue.open_orders(SOL) if row.kind is OrderKind.STOP_MARKET]

        world.stage.gap_to("0.9")
        await world.watch()
        (closed,) = await world.history()
        after = await world.venue.balance()

        assert not entered.fault and position.quantity == entered.trade.quantity == stop.quantity
        assert stop.trigger == entered.trade.stop and stop.reduce_only
        assert closed.exit_reason is ExitReason.STOP
        assert await world.trades() == () and await world.venue.open_orders(SOL) == ()
        assert abs(closed.net_pnl - (after.wallet - before.wallet)) < D("0.00001")


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN_DONE, Failure.UNKNOWN])
@pytest.mark.parametrize("earlier", [0, 1])
async def test_the_trading_core_neither_doubles_an_entry_nor_leaves_it_bare_when_an_answer_is_lost(
    failure: Failure, earlier: int
) -> None:
    """`earlier` requests pass before the one whose answer is lost: it is the entry, or its stop."""
    async with a_world() as world:
        world.stage.exchange.faults.fail_next(1, failure, path=CREATE, skip=earlier)

        await world.enter()
        await world.watch()

        positions = await world.venue.positions()
        stops = [row for row in await world.venue.open_orders(SOL) if row.kind is OrderKind.STOP_MARKET]
        entries = [row for row in world.stage.exchange.account.orders.values() if not row.reduce_only]
        assert len(entries) <= 1
        assert [stop.quantity for stop in stops] == [position.quantity for position in positions]
        assert len(positions) == (0 if (failure, earlier) == (Failure.UNKNOWN, 0) else 1)

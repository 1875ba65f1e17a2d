"""`CcxtVenue` against the demo's Binance over real sockets: what is wanted happens, and is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from core.errors import NotAllowed
from core.market import Side
from core.ports import Result
from core.trade import OrderKind, OrderSide, OrderStatus
from tests.adapters.exchange.venue_stage import BTC, SOL, Stage, on_same_exchange, on_stage

D = Decimal


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as opened:
        yield opened


async def test_leverage_and_isolated_margin_are_set_and_read_back(stage: Stage) -> None:
    applied = await stage.venue.prepare(SOL, 5)

    assert applied == 5
    assert stage.exchange.account.margin_types["SOLUSDT"] == "ISOLATED"
    assert stage.exchange.account.leverage("SOLUSDT") == 5


async def test_preparing_twice_changes_nothing_the_second_time(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    stage.exchange.requests.clear()

    assert await stage.venue.prepare(SOL, 5) == 5
    assert not any(name.startswith("POST") for name in stage.exchange.requests)


async def test_hedge_mode_is_refused_and_never_flipped(stage: Stage) -> None:
    stage.exchange.account.is_hedged = True

    with pytest.raises(NotAllowed, match="one-way mode"):
        await stage.venue.prepare(SOL, 5)
    assert stage.exchange.account.is_hedged


async def test_multi_assets_mode_is_refused_with_what_to_do(stage: Stage) -> None:
    stage.exchange.account.is_multi_assets = True

    with pytest.raises(NotAllowed, match="Single-Asset"):
        await stage.venue.prepare(SOL, 5)


async def test_leverage_of_an_open_position_is_not_touched(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    with pytest.raises(NotAllowed, match="close it"):
        await stage.venue.prepare(SOL, 7)
    assert stage.exchange.account.leverage("SOLUSDT") == 5


async def test_cross_margin_with_open_orders_is_not_changed(stage: Stage) -> None:
    limit = stage.request("pplimit1", kind=OrderKind.LIMIT, price=round(stage.mark() * D("0.9"), 2))
    await stage.venue.submit(limit)

    with pytest.raises(NotAllowed, match="cancel them"):
        await stage.venue.prepare(SOL, 5)


async def test_an_entry_is_seen_as_order_position_fill_and_balance(stage: Stage) -> None:
    before = await stage.venue.balance()
    await stage.venue.prepare(SOL, 5)

    outcome = await stage.venue.submit(stage.request("ppentry1"))
    order = await stage.venue.order(SOL, "ppentry1")
    (position,) = await stage.venue.positions()
    fills = await stage.venue.fills(SOL, stage.start)
    after = await stage.venue.balance()

    assert outcome.result is Result.DONE
    assert outcome.order is not None and outcome.order.client_id == "ppentry1"
    assert order is not None and order.status is OrderStatus.FILLED and order.filled == D(10)
    assert (position.symbol, position.side, position.quantity) == (SOL, Side.LONG, D(10))
    assert position.leverage == 5 and 0 < position.liquidation < position.mark and position.margin > 0
    assert {fill.client_id for fill in fills} == {"ppentry1"}
    assert sum(fill.quantity for fill in fills) == D(10)
    assert after.wallet == before.wallet - sum(fill.fee for fill in fills)
    assert after.available < before.available


async def test_a_stop_is_shown_among_open_orders_with_all_its_marks(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    asked = stage.stop("ppstop1")

    outcome = await stage.venue.submit(asked)
    (order,) = await stage.venue.open_orders(SOL)
    everywhere = await stage.venue.open_orders()

    assert outcome.result is Result.DONE
    assert (order.client_id, order.kind, order.side) == ("ppstop1", OrderKind.STOP_MARKET, OrderSide.SELL)
    assert order.reduce_only and order.trigger == asked.trigger and order.quantity == D(10)
    assert order.status is OrderStatus.OPEN
    assert everywhere == (order,)
    assert await stage.venue.open_orders(BTC) == ()
    (record,) = stage.exchange.account.open_algos("SOLUSDT")
    assert record.working_type == "MARK_PRICE"


async def test_a_stop_that_fired_shows_filled_with_its_own_id_on_its_fills(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    await stage.venue.submit(stage.stop("ppstop1"))

    stage.gap_to("0.95")
    order = await stage.venue.order(SOL, "ppstop1")
    fills = await stage.venue.fills(SOL, stage.start)

    assert order is not None and order.status is OrderStatus.FILLED
    assert order.filled == D(10) and order.average is not None
    assert order.kind is OrderKind.STOP_MARKET
    assert [fill.client_id for fill in fills] == ["ppentry1", "ppstop1"]
    assert await stage.venue.positions() == ()


async def test_a_restart_finds_whose_fills_they_were(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    await stage.venue.submit(stage.stop("ppstop1"))
    stage.gap_to("0.95")

    async with on_same_exchange(stage) as fresh:
        fills = await fresh.fills(SOL, stage.start)
        stop = await fresh.order(SOL, "ppstop1")

    assert [fill.client_id for fill in fills] == ["ppentry1", "ppstop1"]
    assert stop is not None and stop.status is OrderStatus.FILLED


async def test_a_target_fills_by_itself(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    target = stage.request(
        "pptarget1",
        side=OrderSide.SELL,
        kind=OrderKind.TAKE_PROFIT_MARKET,
        quantity=D(4),
        reduce_only=True,
        trigger=round(stage.mark() * D("1.02"), 2),
    )
    outcome = await stage.venue.submit(target)

    stage.gap_to("1.03")
    order = await stage.venue.order(SOL, "pptarget1")
    (position,) = await stage.venue.positions()

    assert outcome.result is Result.DONE
    assert order is not None and order.status is OrderStatus.FILLED and order.filled == D(4)
    assert position.quantity == D(6)


@pytest.mark.parametrize("kind", ["limit", "stop"])
async def test_an_order_of_either_kind_is_cancelled_by_our_id(stage: Stage, kind: str) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))
    low = round(stage.mark() * D("0.9"), 2)
    order = (
        stage.stop("ppwaiting")
        if kind == "stop"
        else stage.request("ppwaiting", kind=OrderKind.LIMIT, price=low)
    )
    await stage.venue.submit(order)

    async with on_same_exchange(stage) as fresh:
        outcome = await fresh.cancel(SOL, "ppwaiting")
        seen = await fresh.order(SOL, "ppwaiting")

    assert outcome.result is Result.DONE
    assert seen is not None and seen.status is OrderStatus.CANCELLED
    assert await stage.venue.open_orders(SOL) == ()


async def test_cancelling_what_is_not_there_is_refused(stage: Stage) -> None:
    outcome = await stage.venue.cancel(SOL, "ppnothing")

    assert (outcome.result, outcome.code) == (Result.REFUSED, "-2011")


async def test_an_id_that_neither_endpoint_knows_is_no_order(stage: Stage) -> None:
    assert await stage.venue.order(SOL, "ppnothing") is None


async def test_a_partly_filled_limit_order_tells_how_far_it_came(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    stage.exchange.faults.fill_partly(D("0.3"))

    await stage.venue.submit(stage.request("ppentry1"))
    order = await stage.venue.order(SOL, "ppentry1")
    (position,) = await stage.venue.positions()

    assert order is not None and order.status is OrderStatus.OPEN
    assert order.filled == D(3) == position.quantity


async def test_a_short_has_its_side_and_its_liquidation_above(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1", side=OrderSide.SELL))

    (position,) = await stage.venue.positions()

    assert position.side is Side.SHORT
    assert position.quantity == D(10)
    assert position.liquidation > position.mark


async def test_a_liquidation_is_told_by_its_fills(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    stage.exchange.hands.liquidate("SOLUSDT")
    fills = await stage.venue.fills(SOL, stage.start)

    assert [fill.is_liquidation for fill in fills] == [False, True]


async def test_deleveraging_is_a_stranger_s_fill_and_no_liquidation(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    stage.exchange.hands.deleverage("SOLUSDT", D("0.5"))
    fills = await stage.venue.fills(SOL, stage.start)
    (position,) = await stage.venue.positions()

    assert not any(fill.is_liquidation for fill in fills)
    assert fills[-1].client_id != "ppentry1"
    assert position.quantity == D(5)


async def test_a_close_by_hand_is_seen_with_the_hand_s_own_id(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    stage.exchange.hands.close("SOLUSDT")
    fills = await stage.venue.fills(SOL, stage.start)

    assert await stage.venue.positions() == ()
    assert fills[-1].client_id.startswith("web_")


async def test_the_deposit_is_a_transfer_and_trading_is_none(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    transfers = await stage.venue.transfers(stage.start - stage.start.resolution * 10**9)

    assert [transfer.amount for transfer in transfers] == [D(10_000)]


async def test_funding_is_read_with_its_sign_and_once(stage: Stage) -> None:
    await stage.venue.prepare(SOL, 5)
    await stage.venue.submit(stage.request("ppentry1"))

    stage.pass_time(2 * 3600)
    payments = await stage.venue.funding(SOL, stage.start)
    fills = await stage.venue.fills(SOL, stage.start)
    balance = await stage.venue.balance()

    assert len(payments) == 1
    assert payments[0].symbol == SOL
    costs = sum((fill.fee for fill in fills), D(0))
    assert abs(balance.wallet - (D(10_000) - costs + payments[0].amount)) < D("0.00000002")


async def test_the_clock_is_measured_and_corrects_what_is_signed(stage: Stage) -> None:
    stage.exchange.faults.clock_skew_ms = -7_000

    await stage.venue.measure_clock()
    outcome = await stage.venue.submit(stage.request("ppentry1"))

    assert stage.venue.clock_offset_s == pytest.approx(-7.0, abs=0.1)
    assert outcome.result is Result.DONE


async def test_a_request_refused_for_its_time_has_the_clock_measured(stage: Stage) -> None:
    stage.exchange.faults.clock_skew_ms = -7_000

    first = await stage.venue.submit(stage.request("ppentry1"))
    second = await stage.venue.submit(stage.request("ppentry2"))

    assert (first.result, first.code) == (Result.REFUSED, "-1021")
    assert second.result is Result.DONE

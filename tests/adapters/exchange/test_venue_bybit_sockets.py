"""`CcxtVenue` against the demo's Bybit over real sockets: what is wanted happens, and is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.accounts import look_at_account, mend
from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.permissions import KeyVerdict, look_at_key
from core.errors import NotAllowed
from core.market import Side
from core.ports import Result
from core.trade import OrderKind, OrderSide, OrderStatus
from tests.adapters.exchange.venue_stage import KEY, SECRET, SOL, live
from tests.demo.bybit_stage import BybitStage, on_bybit

D = Decimal


@pytest.fixture
async def stage() -> AsyncIterator[BybitStage]:
    async with on_bybit() as opened:
        yield opened


# ---------------------------------------------------------------- the account


async def test_a_fresh_account_on_cross_margin_is_named_and_mended_while_flat() -> None:
    async with on_bybit(is_mended=False) as stage:
        before = await look_at_account(stage.venue)
        with pytest.raises(NotAllowed, match="cross margin"):
            await stage.venue.prepare(SOL, 5)

        after = await mend(stage.venue)

        assert before.modes.is_isolated is False and before.modes.is_hedge is False
        assert after.obstacles == ()


async def test_hedge_mode_is_seen_refused_and_mended(stage: BybitStage) -> None:
    stage.exchange.account.is_hedged = True

    with pytest.raises(NotAllowed, match="one-way mode"):
        await stage.venue.prepare(SOL, 5)
    await mend(stage.venue)

    assert not stage.exchange.account.is_hedged
    assert await stage.venue.prepare(SOL, 5) == 5


async def test_leverage_is_set_and_read_back_and_the_same_one_is_no_error(stage: BybitStage) -> None:
    applied = await stage.venue.prepare(SOL, 5)
    stage.exchange.requests.clear()
    again = await stage.venue.prepare(SOL, 5)
    same = await stage.venue.line.send(stage.venue.dialect.leveraging(SOL, 5))

    assert (applied, again) == (5, 5)
    assert stage.exchange.account.leverage("SOLUSDT") == 5
    assert same.code == "110043" and same.code in stage.venue.line.book.as_wanted


async def test_leverage_beyond_the_venue_s_is_refused(stage: BybitStage) -> None:
    with pytest.raises(NotAllowed, match="110013"):
        await stage.venue.prepare(SOL, 500)


async def test_a_lost_answer_to_leverage_is_read_back(stage: BybitStage) -> None:
    stage.exchange.faults.fail_next(1, Failure.LOST, path="/v5/position/set-leverage")

    assert await stage.venue.prepare(SOL, 5) == 5


async def test_a_key_that_withdraws_is_refused_and_a_narrow_one_is_fine(stage: BybitStage) -> None:
    fine = await look_at_key(stage.venue)
    stage.exchange.unified.key["permissions"]["Wallet"] = ["Withdraw"]
    bad = await look_at_key(stage.venue)

    assert fine.verdict is KeyVerdict.FINE
    assert bad.verdict is KeyVerdict.REFUSE


# ---------------------------------------------------------------- entering and leaving


async def test_an_entry_brings_its_stop_along_which_covers_the_position(stage: BybitStage) -> None:
    await stage.venue.prepare(SOL, 5)
    wanted = stage.entry(attached_stop=stage.near("0.97"))

    outcome = await stage.venue.submit(wanted)
    (position,) = await stage.venue.positions()
    (stop,) = await stage.venue.open_orders(SOL)
    found = await stage.venue.order(SOL, stop.client_id)

    assert outcome.result is Result.DONE and outcome.order is None
    assert (position.side, position.quantity, position.leverage) == (Side.LONG, D(10), 5)
    assert 0 < position.liquidation < position.mark and position.margin > 0
    assert stop.client_id.startswith("@") and stop.kind is OrderKind.STOP_MARKET and stop.reduce_only
    assert (stop.trigger, stop.quantity) == (wanted.attached_stop, D(10))
    assert found == stop


async def test_an_attached_stop_that_fires_closes_and_goes(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry(attached_stop=stage.near("0.97")))
    (stop,) = await stage.venue.open_orders(SOL)

    stage.gap_to("0.96")
    fills = await stage.venue.fills(SOL, stage.start)

    assert await stage.venue.positions() == ()
    assert await stage.venue.open_orders() == ()
    assert [fill.client_id for fill in fills] == ["ppentry1", stop.client_id]


async def test_an_attached_stop_of_a_limit_entry_appears_with_its_fill(stage: BybitStage) -> None:
    price = stage.near("0.99")
    entry = stage.entry(kind=OrderKind.LIMIT, price=price, attached_stop=stage.near("0.9"))
    await stage.venue.submit(entry)
    before = await stage.venue.open_orders(SOL)

    stage.gap_to("0.985")
    after = await stage.venue.open_orders(SOL)

    assert [order.kind for order in before] == [OrderKind.LIMIT]
    assert [order.kind for order in after] == [OrderKind.STOP_MARKET]


async def test_an_attached_stop_goes_when_the_position_is_closed(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry(attached_stop=stage.near("0.97")))

    await stage.venue.submit(stage.entry("ppexit1", side=OrderSide.SELL, reduce_only=True))

    assert await stage.venue.open_orders() == ()


async def test_stop_and_target_of_our_own_stand_among_the_open_orders(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    stop, target = stage.stop(), stage.target()

    outcomes = [(await stage.venue.submit(each)).result for each in (stop, target)]
    shown = {order.client_id: order for order in await stage.venue.open_orders()}

    assert outcomes == [Result.DONE, Result.DONE]
    assert {name: (order.kind, order.trigger, order.quantity) for name, order in shown.items()} == {
        "ppstop1": (OrderKind.STOP_MARKET, stop.trigger, D(10)),
        "pptarget1": (OrderKind.TAKE_PROFIT_MARKET, target.trigger, D(10)),
    }
    assert all(order.reduce_only and order.status is OrderStatus.OPEN for order in shown.values())
    (record, _other) = stage.exchange.account.open_algos("SOLUSDT")
    assert record.working_type == "MARK_PRICE"


@pytest.mark.parametrize(("name", "share"), [("ppstop1", "0.96"), ("pptarget1", "1.04")])
async def test_what_triggers_keeps_our_id_in_order_and_fills(
    stage: BybitStage, name: str, share: str
) -> None:
    await stage.venue.submit(stage.entry())
    await stage.venue.submit(stage.stop())
    await stage.venue.submit(stage.target())
    resting = await stage.venue.order(SOL, name)

    stage.gap_to(share)
    order = await stage.venue.order(SOL, name)
    fills = await stage.venue.fills(SOL, stage.start)

    assert await stage.venue.positions() == ()
    assert resting is not None and order is not None
    assert order.status is OrderStatus.FILLED and order.filled == D(10)
    assert order.venue_id == resting.venue_id
    assert [fill.client_id for fill in fills] == ["ppentry1", name]


@pytest.mark.parametrize("kind", [OrderKind.LIMIT, OrderKind.STOP_MARKET])
async def test_both_kinds_are_found_and_cancelled_by_our_id(stage: BybitStage, kind: OrderKind) -> None:
    await stage.venue.submit(stage.entry())
    resting = stage.entry("ppresting", kind=kind, price=stage.near("0.99"))
    await stage.venue.submit(stage.stop("ppresting") if kind.is_conditional else resting)
    before = await stage.venue.order(SOL, "ppresting")

    cancelled = await stage.venue.cancel(SOL, "ppresting")
    again = await stage.venue.cancel(SOL, "ppresting")
    after = await stage.venue.order(SOL, "ppresting")

    assert before is not None and before.status is OrderStatus.OPEN and before.kind is kind
    assert cancelled.result is Result.DONE
    assert (again.result, again.code) == (Result.REFUSED, "110001")
    assert after is not None and after.status is OrderStatus.CANCELLED


async def test_an_order_that_left_the_realtime_list_is_found_in_the_history(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    stage.exchange.unified.has_forgotten_closed = True

    order = await stage.venue.order(SOL, "ppentry1")

    assert order is not None and order.status is OrderStatus.FILLED
    assert await stage.venue.order(SOL, "ppnever") is None


async def test_a_part_that_fills_is_seen_and_the_rest_can_be_cancelled(stage: BybitStage) -> None:
    stage.exchange.faults.fill_partly(D("0.3"))

    await stage.venue.submit(stage.entry())
    partly = await stage.venue.order(SOL, "ppentry1")
    await stage.venue.cancel(SOL, "ppentry1")
    ended = await stage.venue.order(SOL, "ppentry1")
    (position,) = await stage.venue.positions()

    assert partly is not None and (partly.status, partly.filled) == (OrderStatus.OPEN, D(3))
    assert ended is not None and (ended.status, ended.filled) == (OrderStatus.CANCELLED, D(3))
    assert position.quantity == D(3)


async def test_an_acknowledged_order_may_still_be_rejected(stage: BybitStage) -> None:
    stage.exchange.unified.later_rejections.append("EC_InvalidSymbolStatus")

    outcome = await stage.venue.submit(stage.entry())
    order = await stage.venue.order(SOL, "ppentry1")

    assert outcome.result is Result.DONE
    assert order is not None and order.status is OrderStatus.REJECTED
    assert order.reject_reason == "EC_InvalidSymbolStatus"
    assert await stage.venue.positions() == ()


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(("side", "back"), [(OrderSide.BUY, OrderSide.SELL), (OrderSide.SELL, OrderSide.BUY)])
async def test_fills_funding_and_transfers_explain_the_wallet(
    stage: BybitStage, side: OrderSide, back: OrderSide
) -> None:
    """One of the two pays the funding, the other one gets it."""
    await stage.venue.prepare(SOL, 5)
    before = await stage.venue.balance()
    await stage.venue.submit(stage.entry(side=side))
    stage.pass_time(3 * 3_600)
    stage.exchange.account.transfer(D(250))
    await stage.venue.submit(stage.entry("ppexit1", side=back, reduce_only=True))

    after = await stage.venue.balance()
    fills = await stage.venue.fills(SOL, stage.start)
    funding = await stage.venue.funding(SOL, stage.start)
    (moved,) = [row for row in await stage.venue.transfers(stage.start) if row.amount == D(250)]

    traded = sum(fill.price * fill.quantity * (1 if fill.side is OrderSide.SELL else -1) for fill in fills)
    costs = sum(fill.fee for fill in fills)
    assert len(funding) == 1 and funding[0].amount
    change = traded - costs + funding[0].amount + moved.amount
    assert abs(before.wallet + change - after.wallet) <= D("3e-8")  # each row is rounded to eight decimals


async def test_a_long_list_of_fills_is_read_over_all_its_pages(stage: BybitStage) -> None:
    for number in range(130):
        side = OrderSide.SELL if number % 2 else OrderSide.BUY
        await stage.venue.submit(stage.entry(f"pp{number}", side=side, quantity=D(1)))

    fills = await stage.venue.fills(SOL, stage.start)

    assert len({fill.id for fill in fills}) == 130


# ---------------------------------------------------------------- reading the market, and starting again


async def test_the_market_is_read_from_the_second_face_too(stage: BybitStage) -> None:
    market = CcxtMarket("bybit", clock=stage.clock, url=stage.exchange.url)
    try:
        await market.open()
        names = await market.symbols_by_volume(3)
        candles = await market.candles(SOL, "1h", stage.clock.now(), 30)
        quote, instrument = await market.quote(SOL), await market.instrument(SOL)
        background = await market.background(SOL)
    finally:
        await market.close()

    assert len(names) == 3 and names[0] == "BTC/USDT:USDT"
    assert len(candles) == 30 and candles.closed_at <= stage.clock.now()
    assert quote.bid < quote.ask and quote.mark == stage.mark()
    assert (instrument.tick, instrument.lot, instrument.tiers_assumed) == (D("0.01"), D("0.01"), False)
    assert instrument.tiers == stage.exchange.account.rules("SOLUSDT").tiers
    assert background.next_funding_at is not None and background.open_interest
    assert background.quote_volume_24h


async def test_a_restarted_venue_of_ours_finds_what_it_left(stage: BybitStage) -> None:
    await stage.venue.submit(stage.entry())
    await stage.venue.submit(stage.stop())

    async with live("bybit", stage.exchange.url, stage.clock) as (fresh, _client, _budget):
        found = await fresh.open_orders()

    assert [order.client_id for order in found] == ["ppstop1"]
    assert KEY not in repr(stage.venue.line.heard()) and SECRET not in repr(stage.venue.line.heard())

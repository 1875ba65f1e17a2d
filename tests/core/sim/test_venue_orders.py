"""Orders at the simulated venue: what they pay, when they trigger, what is refused."""

from __future__ import annotations

import pytest

from core.errors import Unknown, UnknownSymbol
from core.ports import Outcome, Result
from core.trade import OrderKind, OrderSide, OrderStatus
from tests.core.builders import BTC, SOL, an_instrument
from tests.core.sim.stand import D, Stand

LIMIT, STOP, TAKE = OrderKind.LIMIT, OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET


async def a_long(quantity: float = 5, **more: object) -> Stand:
    stand = Stand(**more)  # type: ignore[arg-type]
    await stand.venue.prepare(SOL, 5)
    assert (await stand.buy(quantity)).result is Result.DONE
    return stand


async def a_short(quantity: float = 5, **more: object) -> Stand:
    stand = Stand(**more)  # type: ignore[arg-type]
    await stand.venue.prepare(SOL, 5)
    assert (await stand.sell(quantity)).result is Result.DONE
    return stand


def code(outcome: Outcome) -> tuple[Result, str]:
    return outcome.result, outcome.code


# ---------------------------------------------------------------- what is paid


async def test_a_market_order_pays_the_other_side_of_the_book_plus_slippage_and_the_takers_fee() -> None:
    stand = Stand(spread="0.2", slippage="0.001")

    bought = await stand.buy(2)

    assert bought.order is not None
    assert bought.order.average == D("100.21")  # 100.1 × 1.001 = 100.2001, up to the tick
    assert stand.venue.state.fees == 2 * D("100.21") * D("0.0005")


async def test_a_market_sale_gets_the_bid_less_slippage_down_to_the_tick() -> None:
    stand = Stand(spread="0.2", slippage="0.001")

    sold = await stand.sell(2)

    assert sold.order is not None
    assert sold.order.average == D("99.80")  # 99.9 × 0.999 = 99.8001


async def test_a_resting_limit_order_fills_at_its_price_with_the_makers_fee() -> None:
    stand = Stand()
    resting = await stand.buy(2, kind=LIMIT, price=99)

    await stand.price(98)

    order = await stand.venue.order(SOL, "pp1")
    assert resting.order is not None and resting.order.status is OrderStatus.OPEN
    assert order is not None and (order.status, order.average) == (OrderStatus.FILLED, D(99))
    assert stand.venue.state.fees == 2 * D(99) * D("0.0002")


async def test_a_limit_order_that_meets_the_book_is_filled_at_once_as_a_taker() -> None:
    stand = Stand(spread="0.2")

    bought = await stand.buy(2, kind=LIMIT, price=101)

    assert bought.order is not None
    assert (bought.order.status, bought.order.average) == (OrderStatus.FILLED, D("100.1"))
    assert stand.venue.state.fees == 2 * D("100.1") * D("0.0005")


# ---------------------------------------------------------------- triggers


async def test_a_stop_triggers_on_the_mark_and_fills_in_the_gap() -> None:
    stand = await a_long()
    await stand.stop(5, 95)

    assert not await stand.price("95.01")
    assert await stand.price(90)

    order = await stand.venue.order(SOL, "pp2")
    assert order is not None and order.average == D(90)
    assert stand.venue.state.realised == D(-50)


async def test_a_stop_of_a_short_triggers_above_and_pays_the_gap() -> None:
    stand = await a_short()
    await stand.stop(5, 105, OrderSide.BUY)

    assert not await stand.price("104.99")
    assert await stand.price(108)

    assert stand.venue.state.realised == D(-40)


async def test_the_last_price_triggers_nothing_only_the_mark_does() -> None:
    stand = await a_long()
    await stand.stop(5, 95)
    quote = stand.quote()

    executed = await stand.venue.on_quote(type(quote)(SOL, D(94), D(94), D(94), D("95.5"), quote.at))

    assert not executed
    assert await stand.position() is not None


@pytest.mark.parametrize("side", [OrderSide.SELL, OrderSide.BUY])
async def test_a_target_is_taken_when_the_mark_reaches_it(side: OrderSide) -> None:
    stand = await (a_long() if side is OrderSide.SELL else a_short())
    sign = 1 if side is OrderSide.SELL else -1
    await stand.target(5, 100 + 10 * sign, side)

    assert not await stand.price(D(100) + D("9.99") * sign)
    assert await stand.price(100 + 10 * sign)

    assert stand.venue.state.realised == D(50)


async def test_where_stop_and_limit_target_are_due_on_one_price_the_stop_is_what_happened() -> None:
    stand = await a_long()
    await stand.sell(5, kind=LIMIT, price=110, reduce_only=True, client_id="target")
    await stand.stop(5, 95, client_id="stop")
    quote = stand.quote()

    await stand.venue.on_quote(type(quote)(SOL, D(110), D(111), D(110), D(94), quote.at))

    stop, target = await stand.venue.order(SOL, "stop"), await stand.venue.order(SOL, "target")
    assert stop is not None and stop.status is OrderStatus.FILLED
    assert target is not None and target.status is OrderStatus.CANCELLED
    assert await stand.position() is None


async def test_a_reduce_only_order_left_after_the_close_opens_nothing_and_is_cancelled_when_due() -> None:
    stand = await a_long()
    await stand.stop(5, 95)
    await stand.target(5, 110)
    await stand.price(94)

    assert await stand.position() is None
    assert [order.kind for order in await stand.venue.open_orders(SOL)] == [TAKE]
    await stand.price(111)

    assert await stand.position() is None
    assert await stand.venue.open_orders() == ()


async def test_a_reduce_only_limit_larger_than_the_position_takes_it_and_turns_nothing() -> None:
    stand = await a_long()
    await stand.sell(5, kind=LIMIT, price=110, reduce_only=True, client_id="target")
    await stand.sell(3, reduce_only=True)

    await stand.price(112)

    order = await stand.venue.order(SOL, "target")
    assert await stand.position() is None
    assert order is not None
    assert (order.filled, order.status) == (D(2), OrderStatus.CANCELLED)  # what it could not take is gone


async def test_a_reduce_only_stop_never_touches_a_position_of_the_other_side() -> None:
    stand = await a_long()
    await stand.stop(5, 95)
    await stand.sell(10)

    await stand.price(94)

    position = await stand.position()
    assert position is not None and (position.side.value, position.quantity) == ("short", D(5))


async def test_a_plain_order_larger_than_the_position_closes_it_and_opens_the_rest() -> None:
    stand = await a_long()
    await stand.price(104)

    sold = await stand.sell(8)

    position = await stand.position()
    assert position is not None and (position.side.value, position.quantity) == ("short", D(3))
    assert sold.order is not None and sold.order.filled == D(8)
    assert stand.venue.state.realised == D(20)
    assert [fill.quantity for fill in await stand.venue.fills(SOL, stand.now)] == [D(5), D(3)]


async def test_a_submit_at_a_price_that_hits_the_stop_meets_the_stop_first() -> None:
    stand = await a_long()
    await stand.stop(5, 95)
    stand.prices[SOL] = D(94)

    late = await stand.sell(5, reduce_only=True)

    assert code(late) == (Result.REFUSED, "-2022")
    assert [fill.client_id for fill in stand.venue.state.fills] == ["pp1", "pp2"]


# ---------------------------------------------------------------- liquidation


async def test_a_long_is_liquidated_on_the_mark_and_loses_exactly_its_margin() -> None:
    stand = await a_long()
    position = await stand.position()
    assert position is not None
    before = stand.venue.state.wallet

    await stand.price(position.liquidation.quantize(D("0.01")) + D("0.02"))
    assert await stand.position() is not None
    assert await stand.price(60)

    fill = stand.venue.state.fills[-1]
    assert fill.is_liquidation and fill.client_id.startswith("autoclose-")
    assert stand.venue.state.wallet == before - position.margin
    assert await stand.position() is None


async def test_a_short_that_gaps_far_beyond_its_margin_loses_no_more_than_it() -> None:
    stand = await a_short()
    before = stand.venue.state.wallet
    await stand.stop(5, 105, OrderSide.BUY)

    await stand.price(500)

    assert stand.venue.state.wallet == before - D(100)
    assert stand.venue.state.equity == stand.venue.state.wallet


async def test_a_liquidation_comes_before_a_stop_on_the_same_price() -> None:
    stand = await a_long()
    await stand.stop(5, 95)

    await stand.price(70)

    assert [fill.is_liquidation for fill in stand.venue.state.fills] == [False, True]


async def test_a_market_close_into_an_empty_book_costs_at_most_the_margin_fee_included() -> None:
    stand = await a_long()
    before = stand.venue.state.wallet
    stand.spread = D(100)  # bid 50 while the mark is 100

    closed = await stand.sell(5, reduce_only=True)

    assert closed.result is Result.DONE
    assert stand.venue.state.wallet == before - D(100)


async def test_a_position_without_leverage_cannot_be_liquidated_downwards() -> None:
    stand = Stand()
    await stand.venue.prepare(SOL, 1)
    await stand.buy(5)

    await stand.price("0.01")

    position = await stand.position()
    assert position is not None and position.liquidation == 0


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"quantity": 0}, "-4003"),
        ({"quantity": -1}, "-4003"),
        ({"quantity": "0.015"}, "-1111"),
        ({"quantity": "0.05"}, "-4004"),
        ({"quantity": "1000.01"}, "-4005"),
        ({"quantity": "NaN"}, "-1100"),
        ({"quantity": "Infinity"}, "-1100"),
        ({"quantity": "0.1"}, "-4164"),
        ({"quantity": 1, "kind": LIMIT, "price": "99.005"}, "-4014"),
        ({"quantity": 1, "kind": LIMIT, "price": -5}, "-4001"),
        ({"quantity": 1, "kind": LIMIT}, "-1102"),
        ({"quantity": 1, "kind": STOP, "trigger": "101.005"}, "-4014"),
        ({"quantity": 1, "kind": STOP}, "-1102"),
        ({"quantity": 1, "kind": STOP, "trigger": 99}, "-2021"),
        ({"quantity": 1, "kind": TAKE, "trigger": 101}, "-2021"),
        ({"quantity": 1, "reduce_only": True}, "-2022"),
        ({"quantity": 20}, "-2019"),
    ],
)
async def test_a_bad_order_is_refused_with_the_exchanges_code(
    order: dict[str, object], expected: str
) -> None:
    stand = Stand(an_instrument(min_quantity=D("0.1"), max_quantity=D(1000), min_notional=D(50)))
    before = stand.venue.state

    refused = await stand.buy(order.pop("quantity"), **order)

    assert code(refused) == (Result.REFUSED, expected)
    assert refused.detail
    assert stand.venue.state.orders == before.orders
    assert stand.venue.state.wallet == before.wallet


async def test_a_reduce_only_order_may_be_smaller_than_the_smallest_notional() -> None:
    stand = await a_long()

    closed = await stand.sell("0.01", reduce_only=True)

    assert closed.result is Result.DONE


async def test_a_reduce_only_order_of_the_positions_own_side_is_refused() -> None:
    stand = await a_long()

    assert code(await stand.buy(1, reduce_only=True)) == (Result.REFUSED, "-2022")


async def test_the_margin_must_cover_the_fee_too() -> None:
    stand = Stand(deposit=100)

    assert code(await stand.buy(1)) == (Result.REFUSED, "-2019")
    assert (await stand.buy("0.99")).result is Result.DONE
    assert stand.venue.state.available >= 0


async def test_leverage_frees_margin_but_not_beyond_the_bracket() -> None:
    stand = Stand(deposit=10_000)
    applied = await stand.venue.prepare(SOL, 200)

    assert applied == 75
    assert code(await stand.buy(101)) == (Result.REFUSED, "-2027")
    assert (await stand.buy(99)).result is Result.DONE


async def test_a_reducing_order_needs_no_margin() -> None:
    stand = Stand(deposit=100)
    await stand.venue.prepare(SOL, 5)
    await stand.buy("4.9")
    assert stand.venue.state.available < 2

    assert (await stand.sell("4.9")).result is Result.DONE


async def test_a_limit_order_whose_margin_is_gone_when_it_is_reached_is_cancelled() -> None:
    stand = Stand(deposit=100)
    await stand.buy("0.6", kind=LIMIT, price=90, client_id="one")
    await stand.buy("0.6", kind=LIMIT, price=90, client_id="two")

    await stand.price(90)

    two = await stand.venue.order(SOL, "two")
    assert two is not None and two.status is OrderStatus.CANCELLED
    assert "margin" in two.reject_reason
    assert stand.venue.state.available >= 0


async def test_an_unknown_symbol_is_refused() -> None:
    stand = Stand()
    stand.failure = UnknownSymbol("BTC is not listed")

    assert code(await stand.buy(1)) == (Result.REFUSED, "-1121")


async def test_without_a_price_nothing_is_filled() -> None:
    stand = Stand()
    stand.failure = Unknown("no answer")

    assert code(await stand.buy(1)) == (Result.REFUSED, "no_price")
    assert stand.venue.state.orders == ()


async def test_a_delisted_instrument_can_be_closed_but_not_opened() -> None:
    stand = await a_long()
    stand.rules[SOL] = an_instrument(is_active=False)
    stand = await stand.restarted()

    assert code(await stand.buy(1)) == (Result.REFUSED, "-4140")
    assert (await stand.sell(5, reduce_only=True)).result is Result.DONE


async def test_the_same_client_id_is_never_executed_twice() -> None:
    stand = Stand()
    await stand.buy(1, client_id="same")

    again = await stand.buy(1, client_id="same")

    assert code(again) == (Result.UNKNOWN, "-4116")
    position = await stand.position()
    assert position is not None and position.quantity == D(1)


async def test_a_cancelled_order_is_gone_and_cannot_trigger_or_be_cancelled_again() -> None:
    stand = await a_long()
    await stand.stop(5, 95)

    cancelled = await stand.venue.cancel(SOL, "pp2")
    again = await stand.venue.cancel(SOL, "pp2")
    await stand.price(94)

    assert cancelled.order is not None and cancelled.order.status is OrderStatus.CANCELLED
    assert code(again) == (Result.REFUSED, "-2011")
    assert await stand.venue.open_orders() == ()
    assert await stand.position() is not None


async def test_an_order_is_found_only_under_its_own_symbol() -> None:
    stand = Stand(an_instrument(), an_instrument(symbol=BTC, base="BTC"))
    await stand.buy(1)

    assert await stand.venue.order(BTC, "pp1") is None
    assert code(await stand.venue.cancel(BTC, "pp1")) == (Result.REFUSED, "-2011")
    assert await stand.venue.fills(BTC, stand.now) == ()

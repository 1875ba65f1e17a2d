"""Whose a position is, where its stop belongs, and the trade that it becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.trade import (
    ADOPTED,
    ExitReason,
    Fill,
    Opening,
    Order,
    OrderKind,
    OrderSide,
    OrderStatus,
    Purpose,
    Want,
)
from core.trading.foreign import Terms, adopted_trade, opening_of, our_ids, stop_of, view_of
from core.trading.ids import client_id
from tests.core.builders import (
    BTC,
    NOW,
    PAPER,
    D,
    a_fill,
    a_position,
    an_instrument,
    an_order,
    an_order_request,
    later,
    some_limits,
)

OURS = client_id(PAPER, "lost", Purpose.STOP, 0)
TERMS = Terms(an_instrument(), some_limits())
BUY, SELL = OrderSide.BUY, OrderSide.SELL
SIDES = pytest.mark.parametrize("side", list(Side))


def held(side: Side = Side.LONG, mark: Any = 100, **fields: Any) -> Any:
    plain: dict[str, Any] = {"side": side, "entry": D(100), "quantity": D(2), "liquidation": D(0)}
    return replace(a_position(mark=mark), **(plain | fields))


def stop_at(trigger: Any, side: Side = Side.LONG, **fields: Any) -> Order:
    request = an_order_request(
        client_id=OURS,
        side=SELL if side is Side.LONG else BUY,
        kind=OrderKind.STOP_MARKET,
        quantity=D(2),
        reduce_only=True,
        trigger=D(str(trigger)),
    )
    return replace(an_order(request), **fields)


def fills(*rows: tuple[OrderSide, Any, str]) -> tuple[Fill, ...]:
    """(side, quantity, client id), a minute apart, oldest first."""
    return tuple(
        a_fill(id=f"f{at}", client_id=name, side=side, quantity=D(str(quantity)), at=later(minutes=at))
        for at, (side, quantity, name) in enumerate(rows)
    )


# ---------------------------------------------------------------- whose it is


def test_an_order_of_ours_at_rest_makes_it_ours() -> None:
    assert our_ids(held(), [stop_at(95)], ()) == {OURS}


@pytest.mark.parametrize(
    "order",
    [stop_at(95, client_id="web_1"), stop_at(95, symbol=BTC), stop_at(95, status=OrderStatus.CANCELLED)],
)
def test_an_order_that_is_not_ours_or_elsewhere_or_over_proves_nothing(order: Order) -> None:
    assert our_ids(held(), [order], ()) == frozenset()


@pytest.mark.parametrize(
    ("rows", "ours"),
    [
        ([(BUY, 2, OURS)], True),
        ([(BUY, 1, OURS), (BUY, 1, "web_1")], True),
        ([(BUY, 3, "web_1"), (SELL, 1, OURS)], True),
        ([(BUY, 2, "web_1")], False),
        ([(BUY, 2, OURS), (SELL, 2, OURS), (BUY, 2, "web_1")], False),
        ([(SELL, 1, OURS), (BUY, 3, "web_1")], False),
        ([], False),
    ],
)
def test_only_the_fills_since_nothing_was_held_say_whose_it_is(rows: list[Any], ours: bool) -> None:
    assert bool(our_ids(held(), [], fills(*rows))) is ours


@SIDES
def test_a_short_is_sorted_like_a_long(side: Side) -> None:
    entering, leaving = (BUY, SELL) if side is Side.LONG else (SELL, BUY)

    mine = our_ids(held(side), [], fills((leaving, 1, "web_0"), (entering, 1, "web_1"), (entering, 2, OURS)))
    theirs = our_ids(held(side), [], fills((entering, 2, OURS), (leaving, 2, OURS), (entering, 2, "web_1")))

    assert mine == {OURS} and theirs == frozenset()


# ---------------------------------------------------------------- its stop


@SIDES
def test_without_a_stop_of_ours_it_is_the_least_distance_from_the_entry(side: Side) -> None:
    assert stop_of(held(side), [], TERMS) == D(100) - 5 * side.sign


@SIDES
def test_from_the_mark_price_where_that_is_passed_already(side: Side) -> None:
    mark = D(100) - 10 * side.sign

    assert stop_of(held(side, mark), [], TERMS) == mark - mark * D("0.05") * side.sign


@SIDES
@pytest.mark.parametrize("away", [8, -3])
def test_our_resting_stop_stays_where_it_is_also_in_profit(side: Side, away: int) -> None:
    mark, trigger = D(100) + 10 * side.sign, D(100) - away * side.sign

    assert stop_of(held(side, mark), [stop_at(trigger, side)], TERMS) == trigger


@SIDES
def test_a_stop_on_the_wrong_side_of_the_price_is_no_stop(side: Side) -> None:
    order = stop_at(D(100) + 8 * side.sign, side)

    assert stop_of(held(side), [order], TERMS) == D(100) - 5 * side.sign


@pytest.mark.parametrize(
    "order",
    [
        stop_at(97, client_id="web_1"),
        stop_at(97, side=BUY),
        stop_at(97, kind=OrderKind.TAKE_PROFIT_MARKET),
    ],
)
def test_neither_is_somebody_elses_or_another_kind(order: Order) -> None:
    assert stop_of(held(), [order], TERMS) == 95


@SIDES
@pytest.mark.parametrize("rested", [True, False])
def test_it_is_never_beyond_half_of_the_way_to_the_liquidation(side: Side, rested: bool) -> None:
    position = held(side, liquidation=D(100) - 6 * side.sign)
    orders = [stop_at(D(100) - 5 * side.sign, side)] if rested else []

    assert stop_of(position, orders, TERMS) == D(100) - 3 * side.sign


@given(
    side=st.sampled_from(list(Side)),
    mark=st.decimals("0.02", "1000", places=2),
    entry=st.decimals("0.02", "1000", places=2),
    liquidation=st.decimals("0", "1000", places=2),
    trigger=st.none() | st.decimals("0.02", "1000", places=2),
    tick=st.sampled_from([D("0.01"), D("0.5"), D(1)]),
)
def test_whatever_is_found_the_stop_is_on_the_losing_side_of_the_price(
    side: Side, mark: Any, entry: Any, liquidation: Any, trigger: Any, tick: Any
) -> None:
    position = held(side, mark, entry=entry, liquidation=liquidation)
    orders = [stop_at(trigger, side)] if trigger is not None else []
    terms = replace(TERMS, instrument=an_instrument(tick=tick))
    stop = stop_of(position, orders, terms)
    trade = adopted_trade(position, stop, Opening(D(2), entry, NOW), terms, PAPER, D(1000), NOW)

    assert (mark - stop) * side.sign > 0 or mark <= tick
    assert trade.risk_usd > 0


# ---------------------------------------------------------------- the trade


def test_what_was_filled_up_to_the_adoption_is_in_its_opening() -> None:
    rows = fills((BUY, 1, "a"), (BUY, 1, "b"))

    opening = opening_of(held(opened_at=NOW - timedelta(days=9)), rows, later(seconds=-60))

    assert (opening.quantity, opening.entry, opening.at) == (2, 100, rows[-1].at)


def test_a_fill_that_is_listed_late_is_known_by_the_positions_own_time() -> None:
    assert opening_of(held(opened_at=later(seconds=3)), (), later(seconds=-60)).at == later(seconds=3)


def test_r_is_measured_by_a_losing_stop_though_the_stop_is_in_profit() -> None:
    position = held(mark=120)

    trade = adopted_trade(position, D(110), Opening(D(2), D(100), NOW), TERMS, PAPER, D(1000), NOW)

    assert (trade.stop, trade.first_stop) == (110, 95)
    assert trade.risk_usd > 10 and trade.origin == ADOPTED and trade.targets == ()


def test_one_that_is_to_be_closed_is_wanted_closed_by_the_owner_from_the_beginning() -> None:
    opening = Opening(D(2), D(100), NOW)

    trade = adopted_trade(held(), D(95), opening, TERMS, PAPER, D(1000), NOW, closes=True)

    assert (trade.want, trade.exit_reason, trade.close_requests) == (Want.CLOSED, ExitReason.OWNER, 1)


# ---------------------------------------------------------------- what is shown


def test_the_view_names_the_stop_that_it_would_get_and_what_is_lost_at_it() -> None:
    view = view_of(held(), [], TERMS, "")

    assert view.stop == 95 and view.loss_at_stop is not None and view.loss_at_stop > 10
    assert view.exit_fee == 2 * 100 * an_instrument().taker_fee and view.warning == ""


def test_without_the_symbols_rules_no_stop_is_made_up() -> None:
    view = view_of(held(), [], None, "")

    assert (view.stop, view.loss_at_stop, view.exit_fee) == (None, None, None)


def test_it_warns_of_a_liquidation_that_would_end_it_at_once() -> None:
    assert "closed at once" in view_of(held(liquidation=D(97)), [], TERMS, "").warning


def test_it_warns_of_a_size_that_may_take_no_stop() -> None:
    view = view_of(held(quantity=D("0.001")), [], TERMS, "")

    assert "smallest order" in view.warning

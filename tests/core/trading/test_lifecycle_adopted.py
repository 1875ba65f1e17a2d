"""An adopted trade: guarded like any other, and never entered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.trade import ADOPTED, ExitReason, IntentState, Opening, OrderKind, OrderSide, Purpose, Want
from core.trading.booking import closed_trade, opening_fills
from core.trading.ids import client_id
from core.trading.steps import Book, CancelOrder, Rest, Send, Wait
from tests.core.builders import NOW, PAPER, D, a_fill, an_order, an_order_request, later
from tests.core.trading.stage import Stage

OPENING = Opening(D(2), D(100), NOW)


def adopted(side: Side = Side.LONG, **fields: Any) -> Stage:
    stage = Stage(side, targets=(), origin=ADOPTED, opening=OPENING, created_at=NOW, **fields)
    stage.fills = list(opening_fills(stage.trade))
    return stage


def left(stage: Stage, quantity: Any = 2, **fields: Any) -> None:
    row = a_fill(
        id="out", client_id="by-hand", side=stage.trade.exit_side, quantity=D(quantity), at=later(seconds=9)
    )
    stage.fills.append(replace(row, **fields))


@pytest.mark.parametrize("want", list(Want))
@pytest.mark.parametrize("agreeing", [1, 2])
@pytest.mark.parametrize("after_s", [0.0, 1.0, 1000.0])
@pytest.mark.parametrize("side", list(Side))
def test_an_adopted_trade_whose_position_is_not_shown_never_sends_an_entry(
    want: Want, agreeing: int, after_s: float, side: Side
) -> None:
    stage = adopted(side, want=want)
    stage.agreeing, stage.now_s = agreeing, after_s

    step = stage.step()

    assert isinstance(step, Wait), step


@pytest.mark.parametrize("gone", ["turned", "closed"])
def test_neither_does_one_whose_position_turned_or_was_closed(gone: str) -> None:
    stage = adopted()
    left(stage, 5 if gone == "turned" else 2)
    stage.held, stage.held_side = (D(3), Side.SHORT) if gone == "turned" else (D(0), Side.LONG)

    assert isinstance(stage.step(), Book)


def test_one_look_does_not_book_an_adopted_trade() -> None:
    stage = adopted()
    left(stage)
    stage.agreeing = 1

    assert isinstance(stage.step(), Wait)


def test_its_first_step_is_a_stop_for_the_whole_position() -> None:
    stage = adopted()
    stage.held = D(2)

    step = stage.step()

    assert isinstance(step, Send) and step.intention.purpose is Purpose.STOP
    assert step.intention.request.quantity == 2 and step.intention.request.trigger == stage.trade.stop


def test_an_old_order_of_ours_goes_only_once_the_new_stop_rests() -> None:
    stage = adopted()
    stage.held = D(2)
    old = an_order(
        an_order_request(
            client_id=client_id(PAPER, "lost", Purpose.STOP, 0),
            symbol=stage.trade.symbol,
            side=OrderSide.SELL,
            kind=OrderKind.STOP_MARKET,
            quantity=D(2),
            reduce_only=True,
        ),
        trigger=D(95),
    )
    stage.orders.append(old)
    first = stage.step()
    assert isinstance(first, Send)
    stage.intents.append(replace(first.intention, state=IntentState.DONE))
    stage.orders.append(an_order(first.intention.request))

    then = stage.step()
    stage.orders.remove(old)

    assert then == CancelOrder(old)
    assert stage.step() == Rest()


def test_profit_counts_from_the_venues_entry_and_what_was_paid_before_is_not_booked() -> None:
    stage = adopted()
    left(stage, price=D(110), fee=D("0.11"))

    closed = closed_trade(stage.trade, stage.fills, (), ())

    assert (closed.quantity, closed.entry_price, closed.gross_pnl, closed.fees) == (2, 100, 20, D("0.11"))
    assert (closed.origin, closed.opened_at) == (ADOPTED, NOW)


@pytest.mark.parametrize(("price", "reason"), [(95, ExitReason.STOP), (111, ExitReason.TARGET)])
def test_an_order_from_before_the_adoption_ends_it_by_name(price: int, reason: ExitReason) -> None:
    stage = adopted()
    left(stage, client_id=client_id(PAPER, "lost", Purpose.STOP, 0), price=D(price))

    assert closed_trade(stage.trade, stage.fills, (), ()).exit_reason is reason

"""Entries against everything the venue may show: sent once, given up late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.trade import (
    IntentState,
    OrderKind,
    OrderSide,
    OrderStatus,
    Purpose,
    Want,
)
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    Send,
    Settle,
    Step,
    Wait,
)
from tests.core.builders import D, a_fill
from tests.core.trading.stage import DEAD, DONE, REFUSED, RULES, SENT, Stage, sent_by

# ---------------------------------------------------------------- entering


@pytest.mark.parametrize("side", list(Side))
def test_a_recorded_trade_sends_its_entry_once_for_its_whole_size(side: Side) -> None:
    stage = Stage(side)
    stage.now_s = 1

    request = sent_by(stage.step())

    assert (request.side, request.quantity) == (stage.trade.entry_side, D(2))
    assert request.kind is OrderKind.MARKET and not request.reduce_only


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: setattr(s, "trade", replace(s.trade, want=Want.CLOSED)), "closed before"),
        (lambda s: setattr(s, "rules", replace(RULES, entries_closed="paused by owner")), "paused by owner"),
        (lambda s: setattr(s, "now_s", 61), "not sent within 60 s"),
        (lambda s: (setattr(s, "held", D(1)), setattr(s, "held_side", Side.SHORT)), "already has a position"),
        (lambda s: setattr(s, "mark", D("100.6")), "moved 0.60 %"),
        (lambda s: setattr(s, "mark", D("99.4")), "moved 0.60 %"),
        (
            lambda s: (
                setattr(s, "mark", D("99.6")),
                setattr(s, "trade", replace(s.trade, stop=D("99.7"))),
            ),
            "passed the stop",
        ),
    ],
)
def test_an_entry_that_no_longer_holds_is_given_up_unsent(change: Any, word: str) -> None:
    stage = Stage()
    stage.now_s = 1
    change(stage)

    step = stage.step()

    assert isinstance(step, Abandon) and word in step.reason


@pytest.mark.parametrize("state", list(IntentState))
@pytest.mark.parametrize("shown", [None, *OrderStatus])
@pytest.mark.parametrize("held", [0, 1, 2])
@pytest.mark.parametrize("ago_s", [0.1, 10, 16, 200])
def test_an_entry_that_was_ever_intended_is_never_sent_again(
    state: IntentState, shown: OrderStatus | None, held: int, ago_s: float
) -> None:
    stage = Stage()
    stage.now_s = ago_s
    stage.sent(Purpose.ENTRY, state, shown=shown, ago_s=ago_s)
    stage.held = D(held)

    step = stage.step()

    assert not (isinstance(step, Send) and not step.intention.request.reduce_only)


def test_an_unanswered_entry_is_dead_only_after_the_window_and_two_agreeing_looks() -> None:
    young, lone, proven = Stage(), Stage(), Stage()
    young.sent(Purpose.ENTRY, SENT, ago_s=14.9)
    lone.sent(Purpose.ENTRY, SENT, ago_s=15.1)
    lone.agreeing = 1
    proven.sent(Purpose.ENTRY, SENT, ago_s=15.1)

    dead = proven.step()

    assert isinstance(young.step(), Wait)
    assert isinstance(lone.step(), Wait)
    assert isinstance(dead, Settle) and dead.state is DEAD


def test_an_unanswered_entry_that_is_shown_is_written_down_as_taken() -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, SENT, shown=OrderStatus.FILLED, ago_s=0.5)

    step = stage.step()

    assert isinstance(step, Settle) and step.state is DONE


def test_an_unanswered_entry_whose_fills_are_shown_is_never_dead() -> None:
    stage = Stage()
    stage.filled(stage.sent(Purpose.ENTRY, SENT, ago_s=60))

    step = stage.step()

    assert isinstance(step, Settle) and step.state is DONE


@pytest.mark.parametrize("state", [REFUSED, DEAD])
def test_a_refused_or_dead_entry_is_abandoned_after_agreeing_looks(state: IntentState) -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, state, ago_s=1)

    settled = stage.step()
    stage.agreeing = 1
    early = stage.step()

    assert isinstance(settled, Abandon)
    assert isinstance(early, Wait)


@pytest.mark.parametrize(
    ("shown", "ago_s", "expected"),
    [
        (None, 1, Wait),  # accepted, but neither order nor position nor fill is visible yet
        (None, 100, Wait),
        (None, 121, Abandon),
        (OrderStatus.FILLED, 1, Wait),
        (OrderStatus.FILLED, 1000, Wait),  # a filled entry has fills, however late they are shown
        (OrderStatus.CANCELLED, 1, Wait),
        (OrderStatus.CANCELLED, 16, Abandon),
        (OrderStatus.REJECTED, 16, Abandon),
    ],
)
def test_an_accepted_entry_is_not_abandoned_while_a_lagging_venue_may_still_show_it(
    shown: OrderStatus | None, ago_s: float, expected: type[Step]
) -> None:
    stage = Stage()
    stage.now_s = ago_s + 1
    stage.sent(Purpose.ENTRY, DONE, shown=shown, ago_s=ago_s)

    assert isinstance(stage.step(), expected)


def test_the_rest_of_an_entry_is_cancelled_once_a_part_came_and_went() -> None:
    stage = Stage()
    entry = stage.sent(Purpose.ENTRY, DONE, shown=OrderStatus.OPEN, filled=D(1))
    stage.filled(entry, 1)
    stage.filled(stage.sent(Purpose.STOP, DONE, quantity=1, shown=OrderStatus.FILLED), 1)

    step = stage.step()

    assert isinstance(step, CancelOrder) and step.order.client_id == entry.request.client_id


# ---------------------------------------------------------------- flat again


def test_a_closed_position_is_booked_after_its_leftover_orders_are_gone() -> None:
    stage = Stage().complete().gone()

    first = stage.step()
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.TAKE_PROFIT_MARKET]

    assert isinstance(first, CancelOrder) and first.order.kind is OrderKind.TAKE_PROFIT_MARKET
    assert stage.step() == Book()


def test_one_flat_look_is_never_believed() -> None:
    stage = Stage().complete().gone()
    stage.agreeing = 1

    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize("agreeing", [1, 2, 50])
def test_a_position_that_vanishes_without_fills_keeps_its_stop_and_stays_open(agreeing: int) -> None:
    stage = Stage().complete()
    stage.held = D(0)
    stage.agreeing = agreeing

    assert isinstance(stage.step(), Wait)


def test_a_flat_trade_with_an_unanswered_order_is_not_booked_before_its_fate_is_known() -> None:
    stage = Stage().covered().gone()
    stage.sent(Purpose.STOP, SENT, 1, ago_s=3)

    early = stage.step()
    stage.now_s += 13
    late = stage.step()

    assert isinstance(early, Wait)
    assert isinstance(late, Settle) and late.state is DEAD


def test_a_position_turned_round_by_hand_ends_the_trade() -> None:
    stage = Stage().covered()
    stage.fills.append(a_fill(id="hand", client_id="by-hand", side=OrderSide.SELL, quantity=D(5)))
    stage.held, stage.held_side = D(3), Side.SHORT

    first = stage.step()
    stage.orders = []

    assert isinstance(first, CancelOrder)
    assert stage.step() == Book()


def test_the_owners_own_trading_on_the_symbol_does_not_turn_a_refused_entry_into_a_trade() -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, REFUSED)
    stage.fills.append(a_fill(id="h1", client_id="by-hand", quantity=D(2)))
    stage.fills.append(a_fill(id="h2", client_id="by-hand", side=OrderSide.SELL, quantity=D(2)))

    assert isinstance(stage.step(), Abandon)

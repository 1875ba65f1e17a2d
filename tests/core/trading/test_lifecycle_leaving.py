"""Leaving: at once where it must be, exact where a part was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.trade import (
    ExitReason,
    IntentState,
    OrderKind,
    OrderStatus,
    Purpose,
    Want,
)
from core.trading.steps import (
    CancelOrder,
    EndPartial,
    Rest,
    Send,
    Settle,
    Wait,
    WantClosed,
)
from tests.core.builders import D
from tests.core.trading.stage import DEAD, DONE, REFUSED, RULES, SENT, Stage, sent_by

# ---------------------------------------------------------------- leaving


@pytest.mark.parametrize("side", list(Side))
def test_a_price_at_or_past_the_stop_closes_at_market(side: Side) -> None:
    stage = Stage(side).complete()
    stage.mark = stage.trade.stop
    before = stage.trade.stop + D("0.01") * side.sign

    assert stage.step() == WantClosed(ExitReason.SOFTWARE_STOP)
    stage.mark = before
    assert stage.step() == Rest()


@pytest.mark.parametrize("side", list(Side))
def test_a_liquidation_nearer_than_five_percent_closes_at_once(side: Side) -> None:
    stage = Stage(side).complete()
    stage.liquidation = D(100) - D("4.99") * side.sign

    assert stage.step() == WantClosed(ExitReason.LIQUIDATION_GUARD)
    stage.liquidation = D(100) - D("5.01") * side.sign
    assert stage.step() == Rest()


@pytest.mark.parametrize("side", list(Side))
def test_a_liquidation_price_of_zero_means_that_there_is_none(side: Side) -> None:
    stage = Stage(side).complete()
    stage.liquidation = D(0)

    assert stage.step() == Rest()


def closing(side: Side = Side.LONG, **fields: Any) -> Stage:
    stage = Stage(side, want=Want.CLOSED, exit_reason=ExitReason.OWNER, close_requests=1, **fields)
    return stage.complete()


@pytest.mark.parametrize("side", list(Side))
def test_a_close_sends_the_whole_position_reduce_only_at_market(side: Side) -> None:
    stage = closing(side)
    stage.held = D("1.3")

    request = sent_by(stage.step())

    assert (request.kind, request.quantity, request.reduce_only) == (OrderKind.MARKET, D("1.3"), True)
    assert request.side is stage.trade.exit_side


@pytest.mark.parametrize(("state", "pause"), [(SENT, 2.0), (DONE, 2.0), (REFUSED, 1.0)])
def test_an_exit_is_repeated_while_the_position_is_there_but_not_in_a_hurry(
    state: IntentState, pause: float
) -> None:
    stage = closing()
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.TAKE_PROFIT_MARKET]
    stage.sent(Purpose.EXIT, state, 100, ago_s=pause - 0.1)

    early = stage.step()
    stage.now_s += 0.2
    late = stage.step()

    assert isinstance(early, Wait)
    assert isinstance(late, Send) and late.intention.attempt == 101 and late.intention.request.reduce_only


def test_targets_that_may_bind_the_quantity_are_cancelled_when_an_exit_is_refused() -> None:
    stage = closing()
    stage.sent(Purpose.EXIT, REFUSED, 100, ago_s=0.1)

    step = stage.step()

    assert isinstance(step, CancelOrder) and step.order.kind is OrderKind.TAKE_PROFIT_MARKET


def test_a_position_that_cannot_be_closed_is_not_left_without_a_stop_meanwhile() -> None:
    stage = Stage(want=Want.CLOSED, exit_reason=ExitReason.OWNER, close_requests=1).entered()
    stage.sent(Purpose.EXIT, REFUSED, 100, ago_s=0.1)

    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


# ---------------------------------------------------------------- a part


def parting(share: str = "0.5", quantity: Any = 2) -> Stage:
    stage = Stage(close_share=D(share), close_requests=1, quantity=D(str(quantity))).complete()
    stage.held = D(str(quantity))
    return stage


def halving() -> Stage:
    """A half of two is to be closed, and the stop for the other half rests beside the full one."""
    stage = parting()
    stage.sent(Purpose.STOP, DONE, 1, quantity=1, shown=OrderStatus.OPEN)
    return stage


@pytest.mark.parametrize(("share", "rest"), [("0.25", "1.5"), ("0.5", "1"), ("0.333", "1.34")])
def test_a_stop_for_what_will_be_left_rests_before_a_part_is_closed(share: str, rest: str) -> None:
    request = sent_by(parting(share).step())

    assert (request.kind, request.trigger) == (OrderKind.STOP_MARKET, D(95))
    assert (request.quantity, request.reduce_only) == (D(rest), True)


@pytest.mark.parametrize(("share", "closed"), [("0.25", "0.5"), ("0.5", "1"), ("0.333", "0.66")])
def test_a_partial_close_is_exact_to_the_lot_and_rounded_down(share: str, closed: str) -> None:
    stage = parting(share)
    stage.sent(Purpose.STOP, DONE, 1, quantity=2 - D(closed), shown=OrderStatus.OPEN)

    request = sent_by(stage.step())

    assert (request.kind, request.quantity, request.reduce_only) == (OrderKind.MARKET, D(closed), True)


def test_a_part_is_not_closed_while_the_stop_for_the_rest_is_only_asked_for() -> None:
    stage = parting()
    stage.sent(Purpose.STOP, SENT, 1, quantity=1, ago_s=0.5)

    assert isinstance(stage.step(), Wait)


def test_a_part_whose_rest_gets_no_stop_is_not_closed() -> None:
    stage = parting()
    for attempt in (1, 2, 3):
        stage.sent(Purpose.STOP, REFUSED, attempt, quantity=1, ago_s=9 - attempt)

    step = stage.step()

    assert isinstance(step, EndPartial) and "no stop could be placed for the 1" in step.undone


def test_what_failed_for_an_earlier_part_does_not_count_for_a_later_one() -> None:
    stage = parting()
    for attempt in (1, 2, 3):
        stage.sent(Purpose.STOP, REFUSED, attempt, quantity=1, ago_s=90 - attempt)

    assert sent_by(stage.step()).quantity == 1


@pytest.mark.parametrize("agreeing", [1, 2, 9])
def test_both_stops_stay_while_the_part_is_on_its_way(agreeing: int) -> None:
    stage = halving()
    stage.sent(Purpose.EXIT, SENT, 100, quantity=1, ago_s=1)
    stage.agreeing = agreeing

    assert isinstance(stage.step(), Wait)


def test_the_full_stop_goes_only_after_two_looks_at_the_smaller_position() -> None:
    stage = halving()
    stage.filled(stage.sent(Purpose.EXIT, DONE, 100, quantity=1, shown=OrderStatus.FILLED), 1)
    stage.held = D(1)
    stage.agreeing = 1

    doubting = stage.step()
    stage.agreeing = 2
    sure = stage.step()

    assert isinstance(doubting, Wait)
    assert isinstance(sure, CancelOrder) and (sure.order.kind, sure.order.quantity) == (
        OrderKind.STOP_MARKET,
        D(2),
    )


def test_a_part_given_up_takes_its_stop_with_it_and_leaves_the_full_one() -> None:
    stage = halving()
    for attempt in range(3):
        stage.sent(Purpose.EXIT, REFUSED, 100 + attempt, quantity=1, ago_s=9 - attempt)

    ended = stage.step()
    stage.trade = replace(stage.trade, close_share=None)
    tidied = stage.step()

    assert isinstance(ended, EndPartial) and "refused 3 times" in ended.undone
    assert isinstance(tidied, CancelOrder)
    assert (tidied.order.kind, tidied.order.quantity) == (OrderKind.STOP_MARKET, D(1))


@pytest.mark.parametrize("ago_s", [0.1, 5, 14])
def test_an_unanswered_partial_close_is_never_repeated_blindly(ago_s: float) -> None:
    stage = halving()
    stage.sent(Purpose.EXIT, SENT, 100, quantity=1, ago_s=ago_s)

    assert isinstance(stage.step(), Wait)


def test_a_partial_close_proven_dead_is_sent_again() -> None:
    stage = halving()
    lost = stage.sent(Purpose.EXIT, SENT, 100, quantity=1, ago_s=16)

    proof = stage.step()
    stage.intents[stage.intents.index(lost)] = replace(lost, state=DEAD)
    again = stage.step()

    assert isinstance(proof, Settle) and proof.state is DEAD
    assert isinstance(again, Send) and again.intention.attempt == 101


def test_a_taken_partial_close_is_over_once_the_position_shows_it() -> None:
    stage = halving()
    exit_ = stage.sent(Purpose.EXIT, DONE, 100, quantity=1, shown=OrderStatus.FILLED, ago_s=0.1)

    unseen = stage.step()
    stage.filled(exit_, 1)
    only_filled = stage.step()
    stage.held = D(1)
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.STOP_MARKET or o.quantity == 1]
    shown = stage.step()

    assert isinstance(unseen, Wait) and isinstance(only_filled, Wait)
    assert shown == EndPartial()


def test_a_taken_partial_close_that_is_never_shown_ends_with_the_receive_window() -> None:
    stage = halving()
    stage.sent(Purpose.EXIT, DONE, 100, quantity=1, shown=OrderStatus.FILLED, ago_s=16)

    assert stage.step() == EndPartial()


def test_a_part_too_small_for_the_venue_ends_with_its_reason() -> None:
    stage = parting("0.25")
    stage.rules = replace(RULES, min_quantity=D(1))

    step = stage.step()

    assert isinstance(step, EndPartial) and "smallest order" in step.undone


def test_a_part_never_leaves_a_rest_too_small_to_protect() -> None:
    stage = parting("0.75")
    stage.sent(Purpose.STOP, DONE, 1, quantity=1, shown=OrderStatus.OPEN)
    stage.rules = replace(RULES, min_quantity=D(1))

    assert sent_by(stage.step()).quantity == D(1)


def test_a_part_refused_three_times_ends_with_the_venues_reason() -> None:
    stage = parting()
    for attempt in range(3):
        stage.sent(Purpose.EXIT, REFUSED, 100 + attempt, quantity=1, ago_s=9 - attempt)

    step = stage.step()

    assert isinstance(step, EndPartial) and "refused 3 times" in step.undone

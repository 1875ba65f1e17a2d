"""A position's stop and targets: first, whole, replaced without a gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.plan import Target
from core.trade import (
    ExitReason,
    IntentState,
    OrderKind,
    OrderSide,
    OrderStatus,
    Purpose,
    Want,
)
from core.trading.ids import client_id
from core.trading.steps import (
    CancelOrder,
    MoveStop,
    Rest,
    Send,
    Wait,
    WantClosed,
)
from tests.core.builders import D, an_order, later
from tests.core.trading.stage import DEAD, DONE, REFUSED, RULES, SENT, Stage, sent_by

# ---------------------------------------------------------------- cover


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("held", ["2", "0.7", "3.5"])
def test_a_bare_position_gets_a_stop_of_its_own_size_before_anything_else(side: Side, held: str) -> None:
    stage = Stage(side).entered()
    stage.held = D(held)

    request = sent_by(stage.step())

    assert (request.kind, request.quantity) == (OrderKind.STOP_MARKET, D(held))
    assert (request.side, request.trigger) == (stage.trade.exit_side, stage.trade.stop)
    assert request.reduce_only


def test_the_target_follows_the_stop_and_then_the_trade_rests() -> None:
    covered, complete = Stage().covered(), Stage().complete()

    request = sent_by(covered.step())

    assert (request.kind, request.trigger, request.reduce_only) == (
        OrderKind.TAKE_PROFIT_MARKET,
        D(111),
        True,
    )
    assert complete.step() == Rest()


@pytest.mark.parametrize("state", [SENT, DONE])
def test_a_stop_on_its_way_is_waited_for_and_then_repeated(state: IntentState) -> None:
    stage = Stage().entered()
    stage.sent(Purpose.STOP, state, ago_s=1.5)

    early = stage.step()
    stage.now_s += 0.6
    late = stage.step()

    assert isinstance(early, Wait) and early.again_s == pytest.approx(0.5)
    assert isinstance(late, Send) and late.intention.attempt == 1


def test_a_refused_stop_is_tried_again_after_a_breath_not_at_once() -> None:
    stage = Stage().entered()
    stage.sent(Purpose.STOP, REFUSED, ago_s=0.2)

    early = stage.step()
    stage.now_s += 0.9
    late = stage.step()

    assert isinstance(early, Wait) and early.again_s == pytest.approx(0.8)
    assert sent_by(late).kind is OrderKind.STOP_MARKET


@pytest.mark.parametrize("first", [REFUSED, DEAD, SENT, DONE])
def test_after_two_failures_of_which_the_newest_is_a_plain_no_the_position_is_closed(
    first: IntentState,
) -> None:
    stage = Stage().entered()
    stage.sent(Purpose.STOP, first, 0, ago_s=6)
    one = stage.step()
    stage.sent(Purpose.STOP, REFUSED, 1, ago_s=3)

    assert isinstance(one, Send)
    assert stage.step() == WantClosed(ExitReason.UNPROTECTED)


@pytest.mark.parametrize("state", [DEAD, SENT, DONE])
def test_after_three_stops_that_are_not_shown_the_position_is_closed(state: IntentState) -> None:
    stage = Stage().entered()
    stage.sent(Purpose.STOP, state, 0, ago_s=9)
    stage.sent(Purpose.STOP, state, 1, ago_s=6)
    two = stage.step()
    stage.sent(Purpose.STOP, state, 2, ago_s=3)

    assert isinstance(two, Send)
    assert stage.step() == WantClosed(ExitReason.UNPROTECTED)


def test_three_stops_that_the_venue_drops_at_once_close_the_position() -> None:
    stage = Stage().entered()
    for attempt in range(3):
        stage.sent(Purpose.STOP, DONE, attempt, shown=OrderStatus.CANCELLED, ago_s=9 - 3 * attempt)

    assert stage.step() == WantClosed(ExitReason.UNPROTECTED)


def test_stops_that_lived_and_were_replaced_are_no_failures() -> None:
    stage = Stage().entered()
    for attempt in range(4):
        stage.sent(Purpose.STOP, DONE, attempt, shown=OrderStatus.CANCELLED, updated_at=later(seconds=90))

    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


def test_a_changed_size_places_the_new_stop_first_and_only_then_cancels_the_old_one() -> None:
    stage = Stage().complete()
    stage.held = D(1)

    first = stage.step()
    new = stage.sent(Purpose.STOP, DONE, 1, quantity=1, shown=OrderStatus.OPEN, ago_s=1)
    second = stage.step()

    assert sent_by(first).quantity == D(1)
    assert isinstance(second, CancelOrder) and second.order.client_id != new.request.client_id
    assert second.order.kind is OrderKind.STOP_MARKET


def test_one_odd_look_at_the_size_never_cancels_a_stop() -> None:
    stage = Stage().complete()
    stage.held = D(1)
    stage.sent(Purpose.STOP, DONE, 1, quantity=1, shown=OrderStatus.OPEN, ago_s=1)
    stage.agreeing = 1

    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trigger": D(94)},
        {"quantity": D(1)},
        {"filled": D("0.5")},
        {"reduce_only": False},
        {"side": OrderSide.BUY},
    ],
)
def test_a_stop_that_does_not_cover_the_position_is_replaced(wrong: dict[str, Any]) -> None:
    stage = Stage().entered()
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN, **wrong)

    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


def test_stops_that_never_rest_as_wanted_do_not_pile_up() -> None:
    stage = Stage().entered()
    for attempt in range(3):
        stage.sent(Purpose.STOP, DONE, attempt, shown=OrderStatus.OPEN, trigger=D("95.001"))

    step = stage.step()

    assert isinstance(step, CancelOrder)


def test_a_position_larger_than_planned_is_covered_whole() -> None:
    stage = Stage().complete()
    stage.held = D(5)

    assert sent_by(stage.step()).quantity == D(5)


# ---------------------------------------------------------------- targets


def laddered(**fields: Any) -> Stage:
    targets = (Target(D(105), D("0.5")), Target(D(111), D("0.5")))
    return Stage(targets=targets, **fields).covered()


def test_every_target_gets_its_share_and_the_last_one_the_rest() -> None:
    stage = laddered(quantity=D("2.01"))
    stage.held = D("2.01")
    stage.orders[-1] = replace(stage.orders[-1], quantity=D("2.01"))
    first = sent_by(stage.step())
    stage.sent(Purpose.TARGET, DONE, 0, quantity="1", shown=OrderStatus.OPEN, trigger=D(105))
    second = sent_by(stage.step())

    assert (first.quantity, first.trigger) == (D("1"), D(105))
    assert (second.quantity, second.trigger) == (D("1.01"), D(111))


def test_a_share_too_small_for_an_order_goes_to_the_last_target() -> None:
    stage = laddered()
    stage.rules = replace(RULES, min_quantity=D("1.5"))

    request = sent_by(stage.step())

    assert (request.quantity, request.trigger) == (D(2), D(111))


@pytest.mark.parametrize(("state", "ago_s"), [(SENT, 1), (SENT, 14), (DONE, 1), (DONE, 14)])
def test_a_target_not_shown_yet_is_waited_for(state: IntentState, ago_s: float) -> None:
    stage = Stage().covered()
    stage.sent(Purpose.TARGET, state, ago_s=ago_s)

    assert isinstance(stage.step(), Wait)


def test_a_target_twice_at_the_venue_is_cancelled_once() -> None:
    stage = Stage().covered()
    stage.sent(Purpose.TARGET, DEAD, 0, shown=OrderStatus.OPEN)
    stage.sent(Purpose.TARGET, DONE, 1, shown=OrderStatus.OPEN)

    step = stage.step()

    assert isinstance(step, CancelOrder) and step.order.kind is OrderKind.TAKE_PROFIT_MARKET


def test_a_reached_target_is_not_placed_again() -> None:
    stage = laddered()
    stage.sent(Purpose.TARGET, DONE, 0, quantity=1, shown=OrderStatus.FILLED, trigger=D(105))
    stage.sent(Purpose.TARGET, DONE, 100, quantity=1, shown=OrderStatus.OPEN)
    stage.held = D(1)
    stage.sent(Purpose.STOP, DONE, 1, quantity=1, shown=OrderStatus.OPEN)
    stage.orders = [o for o in stage.orders if o.quantity != 2 or o.kind is not OrderKind.STOP_MARKET]

    assert stage.step() == Rest()


def test_a_target_half_filled_and_cancelled_is_placed_for_what_is_missing() -> None:
    stage = Stage().covered("1.5")
    stage.sent(Purpose.TARGET, DONE, shown=OrderStatus.CANCELLED, filled=D("0.5"))

    assert sent_by(stage.step()).quantity == D("1.5")


@pytest.mark.parametrize("side", list(Side))
def test_a_target_the_venue_refuses_is_kept_by_us(side: Side) -> None:
    stage = Stage(side).covered()
    for attempt in range(3):
        stage.sent(Purpose.TARGET, REFUSED, attempt)

    before = stage.step()
    stage.mark = stage.trade.targets[0].price

    assert before == Rest()
    assert stage.step() == WantClosed(ExitReason.TARGET)


def test_a_stray_order_of_ours_on_the_symbol_is_cancelled_after_cover_and_targets() -> None:
    stage = Stage().complete()
    stray = an_order(
        replace(stage.intents[1].request, client_id=client_id("paper", "old trade", Purpose.STOP, 0))
    )
    foreign = replace(stray, client_id="someone-elses")
    stage.orders += [foreign, stray]

    assert stage.step() == CancelOrder(stray)


def a_lost_stop(stage: Stage, distance: str, **fields: Any) -> None:
    """A stop of ours rests so far beyond the recorded one, and the intention of it was lost."""
    lost = stage.sent(Purpose.STOP, DONE, 7, shown=OrderStatus.OPEN)
    stage.intents.remove(lost)
    trigger = stage.trade.stop + D(distance) * stage.trade.side.sign
    stage.show(lost.request.client_id, trigger=trigger, **fields)


@pytest.mark.parametrize("side", list(Side))
def test_an_old_journal_takes_over_a_tighter_stop_instead_of_loosening_it(side: Side) -> None:
    stage = Stage(side).entered()
    a_lost_stop(stage, "1")

    assert stage.step() == MoveStop(stage.trade.stop + 1 * side.sign, stage.trade.stop_by)


@pytest.mark.parametrize(("distance", "fields"), [("-1", {}), ("1", {"quantity": D(1)}), ("30", {})])
def test_a_lost_stop_that_is_looser_smaller_or_passed_is_not_taken_over(
    distance: str, fields: dict[str, Any]
) -> None:
    stage = Stage().entered()
    a_lost_stop(stage, distance, **fields)

    assert sent_by(stage.step()).trigger == stage.trade.stop


def test_a_bare_position_whose_stop_is_refused_for_ever_floods_nobody() -> None:
    stage = Stage(want=Want.CLOSED, exit_reason=ExitReason.OWNER, close_requests=1).entered()
    for attempt in range(16):
        stage.sent(Purpose.STOP, REFUSED, attempt, ago_s=14)
    exit_attempt = stage.trade.close_requests * 100
    stage.sent(Purpose.EXIT, REFUSED, exit_attempt, ago_s=0.5)

    early = stage.step()
    stage.now_s += 1.2
    stage.sent(Purpose.EXIT, REFUSED, exit_attempt + 1, ago_s=0.1)
    late = stage.step()

    assert isinstance(early, Wait) and isinstance(late, Send)
    assert late.intention.purpose is Purpose.STOP

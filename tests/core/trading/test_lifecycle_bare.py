"""A position that no stop covers: how long it may stay so, what counts as cover, and whose stops go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.trade import ExitReason, IntentState, Order, OrderKind, OrderSide, OrderStatus, Purpose, Want
from core.trading.steps import CancelOrder, Rest, Send, Wait, WantClosed
from tests.core.builders import D, an_order, later
from tests.core.trading.stage import DONE, REFUSED, RULES, SENT, THROTTLED, Stage, sent_by

CLOSE = WantClosed(ExitReason.UNPROTECTED)
DEADLINE_S = RULES.flatten_after_s


def bare(side: Side = Side.LONG, for_s: float = DEADLINE_S + 0.1) -> Stage:
    stage = Stage(side).entered()
    stage.bare_s = for_s
    return stage


def other_stop(stage: Stage, name: str = "@77", **fields: Any) -> Order:
    """A stop that no intention of ours names, for all of the position."""
    pattern = Stage(stage.trade.side).sent(Purpose.STOP, shown=OrderStatus.OPEN).request
    order = replace(an_order(pattern), client_id=name, quantity=stage.held, status=OrderStatus.OPEN)
    stage.orders.append(replace(order, **fields))
    return stage.orders[-1]


def brought(side: Side = Side.LONG) -> tuple[Stage, Order]:
    """A position whose entry brought its stop along, as such a venue shows it."""
    stage = Stage(side).entered()
    entry = stage.intents[0]
    stage.intents[0] = replace(entry, request=replace(entry.request, attached_stop=stage.trade.stop))
    return stage, other_stop(stage, created_at=stage.fills[0].at)


# ---------------------------------------------------------------- the deadline


@pytest.mark.parametrize("side", list(Side))
def test_a_position_that_was_never_given_a_stop_in_time_is_closed(side: Side) -> None:
    assert bare(side).step() == CLOSE


@pytest.mark.parametrize("state", [SENT, THROTTLED, REFUSED])
def test_whatever_became_of_its_stop_a_position_bare_for_too_long_is_closed(state: IntentState) -> None:
    stage = bare()
    stage.sent(Purpose.STOP, state, ago_s=1.5)

    assert stage.step() == CLOSE


def test_until_the_deadline_a_stop_is_placed_and_nothing_closed() -> None:
    stage = bare(for_s=DEADLINE_S - 0.1)

    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


def test_a_stop_that_the_venue_said_it_has_is_given_its_time_to_be_shown() -> None:
    stage = bare()
    stage.sent(Purpose.STOP, DONE, ago_s=1.0)
    young = stage.step()
    stage.now_s += RULES.retry_exit_s

    assert isinstance(young, Wait)
    assert stage.step() == CLOSE


@pytest.mark.parametrize("fields", [{"quantity": 1}, {"shown": OrderStatus.CANCELLED}])
def test_no_time_is_given_to_a_stop_that_is_too_small_or_shown_to_have_ended(fields: dict[str, Any]) -> None:
    stage = bare()
    stage.sent(Purpose.STOP, DONE, ago_s=0.5, **fields)

    assert stage.step() == CLOSE


def test_a_bare_position_waits_less_for_an_unanswered_stop_than_a_covered_one_for_its_next() -> None:
    stage = bare(for_s=1.5)
    stage.sent(Purpose.STOP, SENT, ago_s=RULES.retry_bare_s + 0.1)
    hurried = stage.step()
    other_stop(stage)
    stage.bare_s = 0.0

    assert sent_by(hurried).kind is OrderKind.STOP_MARKET
    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize("state", [SENT, DONE])
def test_no_wait_for_a_stop_sleeps_through_the_deadline(state: IntentState) -> None:
    stage = bare(for_s=DEADLINE_S - 0.3)
    stage.sent(Purpose.STOP, state, ago_s=0.5)

    step = stage.step()

    assert isinstance(step, Wait) and 0.3 < step.again_s < 0.4


def test_a_position_under_a_resting_stop_is_not_closed_however_it_is_measured() -> None:
    stage = Stage().complete()
    stage.bare_s = DEADLINE_S + 5

    assert stage.step() == Rest()


# ---------------------------------------------------------------- throttled


@pytest.mark.parametrize("count", [3, 4, 9])
def test_throttled_stops_close_nothing_before_the_deadline(count: int) -> None:
    stage = bare(for_s=DEADLINE_S - 1)
    for attempt in range(count):
        stage.sent(Purpose.STOP, THROTTLED, attempt, ago_s=9 - attempt / 2)

    step = stage.step()

    assert isinstance(step, Send) and step.intention.purpose is Purpose.STOP
    assert step.intention.attempt == count


def test_a_throttled_stop_is_tried_again_after_a_breath_not_at_once() -> None:
    stage = bare(for_s=0.5)
    stage.sent(Purpose.STOP, THROTTLED, ago_s=0.2)

    early = stage.step()
    stage.now_s += 0.9

    assert isinstance(early, Wait) and early.again_s == pytest.approx(0.8)
    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


def test_a_throttled_stop_neither_hides_nor_counts_among_refused_ones() -> None:
    stage = bare(for_s=1.0)
    for attempt, state in enumerate([REFUSED, THROTTLED, THROTTLED]):
        stage.sent(Purpose.STOP, state, attempt, ago_s=8 - attempt)
    one = stage.step()
    stage.sent(Purpose.STOP, REFUSED, 3, ago_s=2)

    assert isinstance(one, Send)
    assert stage.step() == CLOSE


def test_a_throttled_exit_is_repeated_after_a_breath_and_a_stop_is_tried_meanwhile() -> None:
    stage = Stage(want=Want.CLOSED, exit_reason=ExitReason.UNPROTECTED).entered()
    stage.sent(Purpose.EXIT, THROTTLED, ago_s=0.3)

    early = stage.step()
    stage.now_s += 0.8
    late = stage.step()

    assert sent_by(early).kind is OrderKind.STOP_MARKET
    assert isinstance(late, Send) and (late.intention.purpose, late.intention.attempt) == (Purpose.EXIT, 1)


def test_a_throttled_entry_is_given_up_and_never_sent_again() -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, THROTTLED)

    assert type(stage.step()).__name__ == "Abandon"


# ---------------------------------------------------------------- stops of others


def test_a_stop_by_hand_covers_so_nothing_is_closed_and_ours_is_placed_beside_it() -> None:
    stage = bare()
    other_stop(stage)

    assert sent_by(stage.step()).kind is OrderKind.STOP_MARKET


def test_three_refused_stops_close_nothing_while_another_one_covers() -> None:
    stage = Stage().entered()
    other_stop(stage)
    for attempt in range(3):
        stage.sent(Purpose.STOP, REFUSED, attempt, ago_s=9 - attempt)

    assert isinstance(stage.step(), Send)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": D(1)},
        {"filled": D("0.5")},
        {"reduce_only": False},
        {"side": OrderSide.BUY},
        {"kind": OrderKind.TAKE_PROFIT_MARKET},
        {"status": OrderStatus.CANCELLED},
        {"trigger": D(79)},
    ],
)
def test_what_would_not_take_the_whole_position_in_time_covers_nothing(wrong: dict[str, Any]) -> None:
    stage = bare()
    stage.liquidation = D(80)
    other_stop(stage, **wrong)

    assert stage.step() == CLOSE


@pytest.mark.parametrize("trigger", [D(95), D(94)])
def test_a_stop_by_hand_is_never_cancelled_even_where_it_lies_on_ours(trigger: Any) -> None:
    stage = Stage().complete()
    other_stop(stage, trigger=trigger)

    assert stage.step() == Rest()


# ---------------------------------------------------------------- the stop that came with the entry


def test_the_entry_carries_its_stop_where_the_venue_takes_both() -> None:
    plain, attaching = Stage(), Stage()
    attaching.rules = replace(RULES, attaches_stops=True)
    plain.now_s = attaching.now_s = 1.0

    assert sent_by(plain.step()).attached_stop is None
    assert sent_by(attaching.step()).attached_stop == attaching.trade.stop


@pytest.mark.parametrize("side", list(Side))
def test_ours_is_placed_beside_the_one_that_came_with_the_entry_which_then_goes(side: Side) -> None:
    stage, attached = brought(side)

    first = stage.step()
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN, ago_s=1)
    second = stage.step()
    stage.orders.remove(attached)
    stage.sent(Purpose.TARGET, shown=OrderStatus.OPEN)

    assert sent_by(first).kind is OrderKind.STOP_MARKET
    assert second == CancelOrder(attached)
    assert stage.step() == Rest()


def test_one_look_does_not_make_the_stop_that_came_with_the_entry_superfluous() -> None:
    stage, _ = brought()
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN, ago_s=1)
    stage.agreeing = 1

    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize(
    "by_hand",
    [{"trigger": D("94.5")}, {"created_at": later(seconds=60)}, {"created_at": later(seconds=-30)}],
)
def test_a_stop_of_another_price_or_time_did_not_come_with_the_entry_and_stays(
    by_hand: dict[str, Any],
) -> None:
    stage, attached = brought()
    stage.orders.remove(attached)
    other_stop(stage, "@78", **({"created_at": stage.fills[0].at} | by_hand))
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN, ago_s=1)
    stage.sent(Purpose.TARGET, shown=OrderStatus.OPEN)

    assert stage.step() == Rest()


def test_nothing_is_taken_for_it_while_the_entrys_fills_are_not_shown() -> None:
    stage, _ = brought()
    stage.fills.clear()
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN, ago_s=1)
    stage.sent(Purpose.TARGET, shown=OrderStatus.OPEN)

    assert stage.step() == Rest()


def test_it_does_not_outlive_the_position() -> None:
    stage, attached = brought()
    stage.sent(Purpose.STOP, DONE, shown=OrderStatus.OPEN)
    stage.gone()

    assert stage.step() == CancelOrder(attached)

"""Targets at the venue: sized by what is left, re-sized without touching the cover."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.plan import Target
from core.trade import ExitReason, OrderKind, OrderStatus, Purpose
from core.trading.exits import ExitRules
from core.trading.laddering import targets_filled
from core.trading.steps import CancelOrder, Rest, Send, Wait, WantClosed
from tests.core.builders import D, later
from tests.core.trading.stage import DONE, REFUSED, RULES, SENT, Stage, sent_by
from tests.core.trading.test_moving import scene_of


def rung(price: Any, share: Any) -> Target:
    return Target(D(price), D(share))


HALVES = (rung(108, "0.5"), rung(116, "0.5"))
THIRDS = (rung(106, "0.4"), rung(108, "0.3"), rung(116, "0.3"))


def placed(stage: Stage, limit: int = 12) -> list[tuple[Decimal, Decimal | None]]:
    """Lets every target rest; (quantity, trigger) of those that were sent."""
    rows = []
    for _ in range(limit):
        step = stage.step()
        if not isinstance(step, Send):
            break
        request = step.intention.request
        rows.append((request.quantity, request.trigger))
        stage.sent(
            Purpose.TARGET,
            DONE,
            step.intention.attempt,
            request.quantity,
            shown=OrderStatus.OPEN,
            trigger=request.trigger,
        )
    return rows


def after_the_first() -> Stage:
    """Two, of which 0.8 left at the first of three targets; the stop is at break-even."""
    stage = Stage(targets=THIRDS, stop=D("100.5"), first_stop=D(95)).rungs("0.8", "0.6", "0.6").reached(0)
    stage.mark = D(106)
    return stage


def test_each_target_gets_its_share_and_the_last_one_the_rest() -> None:
    stage = Stage(targets=THIRDS).covered("1.27")

    assert placed(stage) == [(D("0.50"), D(106)), (D("0.38"), D(108)), (D("0.39"), D(116))]
    assert stage.step() == Rest()


def test_an_entry_filled_in_part_has_targets_of_its_own_size() -> None:
    assert placed(Stage(targets=HALVES).covered("0.5")) == [(D("0.25"), D(108)), (D("0.25"), D(116))]


def test_a_slice_under_the_smallest_order_joins_the_next_target() -> None:
    stage = Stage(targets=(rung(106, "0.1"), rung(108, "0.45"), rung(116, "0.45"))).covered()
    stage.rules = replace(RULES, min_quantity=D("0.5"))

    assert placed(stage) == [(D("1.10"), D(108)), (D("0.90"), D(116))]


def test_a_last_slice_under_the_smallest_order_joins_the_one_before() -> None:
    stage = Stage(targets=(rung(108, "0.8"), rung(116, "0.2"))).covered()
    stage.rules = replace(RULES, min_quantity=D("0.5"))

    assert placed(stage) == [(D("2.00"), D(108))]


def test_a_position_too_small_to_share_has_one_target() -> None:
    stage = Stage(targets=HALVES).covered("0.01")

    assert placed(stage) == [(D("0.01"), D(116))]


def test_a_reached_target_leaves_the_others_as_they_are() -> None:
    stage = after_the_first()

    assert stage.step() == Rest()
    assert targets_filled(scene_of(stage)) == 1


def test_a_part_closed_by_us_shrinks_every_open_target_alike() -> None:
    stage = Stage(targets=HALVES).rungs(1, 1)
    stage.held = D(1)
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.STOP_MARKET]
    stage.sent(Purpose.STOP, DONE, 1, 1, shown=OrderStatus.OPEN)

    first = stage.step()
    assert isinstance(first, CancelOrder)
    stage.show(first.order.client_id, status=OrderStatus.CANCELLED, updated_at=later(seconds=99))
    replaced = sent_by(stage.step())

    assert (first.order.kind, first.order.trigger) == (OrderKind.TAKE_PROFIT_MARKET, D(108))
    assert (replaced.quantity, replaced.trigger) == (D("0.50"), D(108))


def test_one_look_at_a_smaller_position_does_not_change_a_target() -> None:
    stage = Stage(targets=HALVES).rungs(1, 1)
    stage.held, stage.agreeing = D(1), 1
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.STOP_MARKET]
    stage.sent(Purpose.STOP, DONE, 1, 1, shown=OrderStatus.OPEN)

    assert isinstance(stage.step(), Wait)


def test_after_the_first_target_a_part_shrinks_only_the_later_ones() -> None:
    stage = after_the_first()
    stage.held = D("0.6")
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.STOP_MARKET]
    for order in [o for o in stage.orders if o.status is OrderStatus.OPEN]:
        stage.show(order.client_id, status=OrderStatus.CANCELLED)
    stage.sent(Purpose.STOP, DONE, 7, "0.6", shown=OrderStatus.OPEN)

    assert placed(stage) == [(D("0.30"), D(108)), (D("0.30"), D(116))]


def test_a_target_filled_in_part_is_not_replaced_for_that() -> None:
    stage = Stage(targets=HALVES).rungs(1, 1)
    name = next(o.client_id for o in stage.orders if o.trigger == D(108))
    stage.show(name, filled=D("0.3"))
    stage.held = D("1.7")
    stage.orders = [o for o in stage.orders if o.kind is not OrderKind.STOP_MARKET]
    stage.sent(Purpose.STOP, DONE, 1, "1.7", shown=OrderStatus.OPEN)

    assert stage.step() == Rest()
    assert targets_filled(scene_of(stage)) == 0


def test_a_target_that_cannot_rest_gives_its_share_to_the_others() -> None:
    stage = Stage(targets=HALVES).covered()
    for attempt in range(3):
        stage.sent(Purpose.TARGET, REFUSED, attempt, 1, trigger=D(108))

    assert placed(stage) == [(D("2.00"), D(116))]


def test_a_target_that_was_resized_three_times_is_not_given_up() -> None:
    stage = Stage(targets=(rung(116, 1),)).covered()
    for attempt, size in enumerate((8, 4, 3)):
        stage.sent(Purpose.TARGET, DONE, attempt, size, shown=OrderStatus.CANCELLED)

    assert sent_by(stage.step()).quantity == D(2)


def test_a_position_that_outlived_its_last_target_is_closed_there_after_two_looks() -> None:
    stage = Stage(targets=(rung(116, 1),)).covered()
    target = stage.sent(Purpose.TARGET, DONE, 0, 1, shown=OrderStatus.FILLED)
    stage.filled(target, 1)
    stage.mark, stage.agreeing = D(116), 1
    stage.rules = replace(RULES, exits=ExitRules(break_even_after=0))

    doubting = stage.step()
    stage.agreeing = 2

    assert isinstance(doubting, Wait)
    assert stage.step() == WantClosed(ExitReason.TARGET)


def test_an_unanswered_target_is_neither_repeated_nor_passed_over() -> None:
    stage = Stage(targets=HALVES).covered()
    stage.sent(Purpose.TARGET, SENT, 0, 1, trigger=D(108), ago_s=3)

    assert isinstance(stage.step(), Wait)


@given(
    lots=st.integers(1, 5_000),
    least=st.integers(1, 60),
    shares=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_whatever_the_shares_the_targets_together_are_the_position(
    lots: int, least: int, shares: list[int]
) -> None:
    whole = sum(shares)
    ladder = tuple(Target(D(105 + n), D(share) / whole) for n, share in enumerate(shares))
    stage = Stage(targets=ladder).covered(D(lots) / 100)
    stage.rules = replace(RULES, min_quantity=D(least) / 100)

    rows = placed(stage)

    if lots >= least:
        assert sum(quantity for quantity, _ in rows) == D(lots) / 100
        assert all(quantity >= D(least) / 100 for quantity, _ in rows)
        assert stage.step() == Rest()
    else:
        assert rows == []

"""Where the rule book moves a stop, what it does not, and what others may ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.market import Side
from core.plan import Target
from core.trade import ExitReason, OrderKind, OrderStatus, Purpose, Seen, StopBy, Want
from core.trading.exits import ExitRules
from core.trading.moving import asked_stop, net_if_left, ruled_stop, with_sight, with_stop
from core.trading.steps import CancelOrder, MoveStop, Rest, Scene, Wait, WantClosed
from tests.core.builders import NOW, D, a_fill, a_position, a_trade, later
from tests.core.trading.stage import DONE, Stage, sent_by


def ladder(side: Side = Side.LONG, **fields: Any) -> Stage:
    """Two of entry 100, stop 95 away, targets at 108 and 116 (mirrored for a short), half each; ATR 1."""
    sign = side.sign
    targets = (Target(D(100 + 8 * sign), D("0.5")), Target(D(100 + 16 * sign), D("0.5")))
    plain: dict[str, Any] = {"targets": targets, "atr": D(1), "cost": D("0.001")}
    return Stage(side, **(plain | fields)).rungs(1, 1)


def scene_of(stage: Stage, trade: Any = None) -> Scene:
    now = later(seconds=stage.now_s)
    orders, fills = tuple(stage.orders), tuple(stage.fills)
    seen = Seen(stage.trade.symbol, stage.position, orders, fills, stage.mark, now, stage.agreeing)
    return Scene(trade or stage.trade, tuple(stage.intents), seen, stage.rules, now)


# ---------------------------------------------------------------- by the rule book


@pytest.mark.parametrize("side", list(Side))
def test_before_the_first_target_and_one_r_the_stop_stays(side: Side) -> None:
    stage = ladder(side)
    stage.mark = D(100 + 4 * side.sign)

    assert stage.step() == Rest()


@pytest.mark.parametrize(("side", "even"), [(Side.LONG, "100.1"), (Side.SHORT, "99.9")])
def test_the_first_target_moves_the_stop_to_break_even_with_costs(side: Side, even: str) -> None:
    stage = ladder(side).reached(0)
    stage.mark = D(100 + 8 * side.sign)

    assert stage.step() == MoveStop(D(even), StopBy.BREAK_EVEN)


def test_break_even_is_measured_from_the_average_entry_not_from_the_plan() -> None:
    stage = ladder().reached(0)
    stage.mark = D(108)
    scene = scene_of(stage)
    position = a_position(stage.trade, quantity=D(1), entry=D("100.37"), mark=D(108))

    move = ruled_stop(replace(scene, seen=replace(scene.seen, position=position)))

    assert move == MoveStop(D("100.47"), StopBy.BREAK_EVEN)  # 100.47037 rounded away from the market


def test_a_row_that_never_named_its_costs_breaks_even_with_those_of_now() -> None:
    stage = ladder(cost=D(0)).reached(0)
    stage.mark = D(108)
    scene = scene_of(stage)

    move = ruled_stop(replace(scene, rules=replace(scene.rules, exit_cost=D("0.001"))))

    assert move == MoveStop(D("100.2"), StopBy.BREAK_EVEN)


@pytest.mark.parametrize("stop", ["95.3", "95.2"])
def test_a_tick_that_grew_since_the_entry_moves_no_stop(stop: str) -> None:
    stage = ladder(stop=D(stop), first_stop=D(stop))
    scene = scene_of(stage)

    assert ruled_stop(replace(scene, rules=replace(scene.rules, tick=D("0.5")))) is None


def test_a_recorded_move_is_not_named_again() -> None:
    stage = ladder(stop=D("100.1"), first_stop=D(95), stop_by=StopBy.BREAK_EVEN).reached(0)
    stage.mark = D(108)

    assert stage.step() == Rest()


@pytest.mark.parametrize(("side", "trailed"), [(Side.LONG, "104.5"), (Side.SHORT, "95.5")])
def test_an_armed_stop_trails_the_best_mark(side: Side, trailed: str) -> None:
    stage = ladder(side, is_trailing=True, best_mark=D(100 + 7 * side.sign))
    stage.mark = D(100 + 6 * side.sign)

    assert stage.step() == MoveStop(D(trailed), StopBy.TRAILING)


def test_without_being_armed_in_the_journal_nothing_trails() -> None:
    stage = ladder(best_mark=D(107))
    stage.mark = D(106)

    assert stage.step() == Rest()


def test_a_step_smaller_than_a_tenth_of_r_is_not_worth_an_order() -> None:
    stage = ladder(
        is_trailing=True, best_mark=D("107.4"), stop=D("104.5"), first_stop=D(95), stop_by=StopBy.TRAILING
    )
    stage.mark = D(106)

    assert stage.step() == Rest()


def test_a_trade_whose_atr_is_unknown_does_not_trail() -> None:
    stage = ladder(is_trailing=True, best_mark=D(107), atr=None)
    stage.mark = D(106)

    assert stage.step() == Rest()


def test_the_moved_stop_is_placed_then_seen_and_only_then_the_old_one_goes() -> None:
    stage = ladder(is_trailing=True, best_mark=D(107))
    stage.mark = D(106)
    move = stage.step()
    assert isinstance(move, MoveStop)
    stage.trade = with_stop(stage.trade, move.stop, move.by)

    request = sent_by(stage.step())
    stage.sent(Purpose.STOP, DONE, 1, shown=OrderStatus.OPEN)
    stage.agreeing = 1
    doubting = stage.step()
    stage.agreeing = 2
    sure = stage.step()

    assert (request.kind, request.trigger, request.quantity) == (OrderKind.STOP_MARKET, D("104.5"), D(2))
    assert isinstance(doubting, Wait)
    assert isinstance(sure, CancelOrder) and sure.order.trigger == D(95)


def test_a_stop_moved_past_the_mark_closes_at_market() -> None:
    stage = ladder(is_trailing=True, best_mark=D(107))
    stage.mark = D(104)
    move = stage.step()
    assert isinstance(move, MoveStop)
    stage.trade = with_stop(stage.trade, move.stop, move.by)

    assert stage.step() == WantClosed(ExitReason.SOFTWARE_STOP)


def test_the_stop_is_not_moved_while_a_part_is_being_closed() -> None:
    stage = ladder(is_trailing=True, best_mark=D(107), close_share=D("0.5"), close_requests=1)
    stage.mark = D(106)

    assert sent_by(stage.step()).trigger == D(95)


def test_r_stays_measured_by_the_first_stop_in_rows_that_never_named_it() -> None:
    old = a_trade(stop=D(95))

    moved = with_stop(old, D("100.1"), StopBy.BREAK_EVEN)

    assert old.first_stop is None
    assert (moved.stop, moved.planned_stop) == (D("100.1"), D(95))


# ---------------------------------------------------------------- peak and armed state


@pytest.mark.parametrize("side", list(Side))
def test_one_r_net_arms_the_trailing_stop_and_it_stays_armed(side: Side) -> None:
    sign = side.sign
    trade = ladder(side).trade
    at_one_r = D(100) + sign * D("5.2")  # 5 of distance and 0.1 % of costs, twice

    below = with_sight(trade, a_position(trade, mark=at_one_r - sign * D("0.01")), ExitRules())
    armed = with_sight(trade, a_position(trade, mark=at_one_r + sign * D("0.01")), ExitRules())
    fallen = with_sight(armed, a_position(trade, mark=D(100 - 4 * sign)), ExitRules())

    assert not below.is_trailing and armed.is_trailing
    assert fallen.is_trailing and fallen.best_mark == armed.best_mark
    assert fallen.worst_mark == D(100 - 4 * sign)


def test_rules_without_trailing_arm_nothing() -> None:
    trade = ladder().trade

    seen = with_sight(trade, a_position(trade, mark=D(120)), ExitRules(trail_atr=0.0))

    assert not seen.is_trailing and seen.best_mark == D(120)


# ---------------------------------------------------------------- time


def aged(hours: float, mark: Any = 99, **fields: Any) -> Stage:
    stage = ladder(created_at=NOW - timedelta(hours=hours), **fields)
    stage.mark = D(str(mark))
    return stage


def test_a_losing_trade_leaves_when_its_time_is_up() -> None:
    assert aged(71.9).step() == Rest()
    assert aged(72).step() == WantClosed(ExitReason.TIME)


def test_a_winner_waits_for_the_least_profit_and_then_leaves() -> None:
    """Fills of 2 at 100 with a fee of 0.05 in all, no exit costs in these rules: net = 2 × move - 0.05."""
    assert aged(72, 101).step() == Rest()
    assert aged(72, "101.28").step() == WantClosed(ExitReason.TIME)


def test_what_a_filled_target_made_counts_for_the_least_profit() -> None:
    """The first half made 8; without it the open half at 100.5 would wait."""
    stage = ladder(
        created_at=NOW - timedelta(hours=72), stop=D("100.1"), first_stop=D(95), stop_by=StopBy.BREAK_EVEN
    ).reached(0)
    stage.fills[-1] = replace(stage.fills[-1], price=D(108))
    stage.mark = D("100.5")

    assert stage.step() == WantClosed(ExitReason.TIME)


def test_no_time_stop_means_never() -> None:
    stage = aged(9999)
    stage.rules = replace(stage.rules, exits=ExitRules(time_stop_h=0.0))

    assert stage.step() == Rest()


def test_a_protective_exit_never_waits_for_profit() -> None:
    stage = aged(72, 101)
    stage.liquidation = D(97)

    assert stage.step() == WantClosed(ExitReason.LIQUIDATION_GUARD)


def test_the_net_of_leaving_is_all_fills_and_the_open_part_less_every_cost() -> None:
    stage = ladder(Side.SHORT)
    stage.rules = replace(stage.rules, exit_cost=D("0.001"))
    stage.fills = [
        a_fill(id="in", side=stage.trade.entry_side, quantity=D(2), price=D(100), fee=D("0.10")),
        a_fill(id="out", side=stage.trade.exit_side, quantity=D("0.5"), price=D(92), fee=D("0.02")),
    ]
    stage.held = D("1.5")

    # 0.5 × 8 + 1.5 × 5 - 0.12 - 1.5 × 95 × 0.001
    assert net_if_left(scene_of(stage), D(95)) == D("11.2375")


def test_fills_that_do_not_add_up_leave_the_open_part_alone_to_count() -> None:
    stage = ladder()
    stage.fills = []

    assert net_if_left(scene_of(stage), D(101)) == D(2)


# ---------------------------------------------------------------- somebody's wish


def ask(stage: Stage, price: Any, *, may_loosen: bool = False) -> MoveStop | str:
    return asked_stop(scene_of(stage), D(str(price)), StopBy.OWNER, may_loosen=may_loosen)


def test_a_tighter_stop_is_taken_on_the_tick_away_from_the_market() -> None:
    assert ask(ladder(), "97.019") == MoveStop(D("97.01"), StopBy.OWNER)
    assert ask(ladder(Side.SHORT), "102.981") == MoveStop(D("102.99"), StopBy.OWNER)


@pytest.mark.parametrize(
    ("price", "why"),
    [
        ("95.004", "is at 95 already"),
        ("100", "must be below the mark price 100"),
        ("104", "must be below the mark price 100"),
        ("94.99", "looser than the present 95"),
        ("0", "is no price"),
        ("-3", "is no price"),
        ("0.001", "under one tick"),
        ("NaN", "is no price"),
        ("Infinity", "is no price"),
    ],
)
def test_a_stop_that_cannot_be_is_refused_with_its_reason(price: str, why: str) -> None:
    refusal = ask(ladder(), price)

    assert isinstance(refusal, str) and why in refusal


@pytest.mark.parametrize(
    ("price", "why"), [("80", "at or beyond the liquidation"), ("82", "never be reached")]
)
def test_no_permission_loosens_a_stop_to_where_the_position_is_taken_first(price: str, why: str) -> None:
    refusal = ask(ladder(), price, may_loosen=True)

    assert isinstance(refusal, str) and why in refusal


def test_with_permission_a_stop_is_loosened() -> None:
    assert ask(ladder(), "94", may_loosen=True) == MoveStop(D(94), StopBy.OWNER)


def test_a_stop_that_the_rule_book_would_move_back_at_once_is_not_loosened() -> None:
    stage = ladder(stop=D("104.5"), first_stop=D(95), is_trailing=True, best_mark=D(107))
    stage.mark = D(106)

    refusal = ask(stage, "100", may_loosen=True)

    assert isinstance(refusal, str) and "move it back to 104.5" in refusal


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"want": Want.CLOSED, "exit_reason": ExitReason.OWNER}, "being closed"),
        ({"close_share": D("0.5"), "close_requests": 1}, "a part of it is being closed"),
    ],
)
def test_a_trade_that_is_leaving_keeps_its_stop(fields: Any, why: str) -> None:
    refusal = ask(ladder(**fields), "97")

    assert isinstance(refusal, str) and why in refusal


def test_a_position_that_is_not_seen_keeps_its_stop() -> None:
    stage = ladder()
    stage.held = D(0)

    assert ask(stage, "97") == "its position is not shown on the venue"

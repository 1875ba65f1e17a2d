"""Every state against everything the venue may show: what is wanted next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.market import Side
from core.plan import Target
from core.trade import (
    ExitReason,
    Fill,
    Intention,
    IntentState,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Position,
    Purpose,
    Seen,
    Trade,
    Want,
)
from core.trading.ids import client_id
from core.trading.lifecycle import next_step
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    Rest,
    Rules,
    Send,
    Settle,
    Step,
    Wait,
    WantClosed,
)
from tests.core.builders import D, a_fill, a_position, a_trade, an_order, later

RULES = Rules(D("0.01"), D("0.01"), D("0.05"), D("0.005"))
SENT, DONE, REFUSED, DEAD = IntentState.SENT, IntentState.DONE, IntentState.REFUSED, IntentState.DEAD


class Stage:
    """A trade with what was sent and what is shown; `step()` asks the lifecycle."""

    def __init__(self, side: Side = Side.LONG, **fields: Any) -> None:
        sign = side.sign
        plain: dict[str, Any] = {
            "side": side,
            "quantity": D(2),
            "stop": D(100 - 5 * sign),
            "entry_reference": D(100),
            "targets": (Target(D(100 + 11 * sign), D(1)),),
        }
        self.trade: Trade = replace(a_trade(), **(plain | fields))
        self.intents: list[Intention] = []
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.held: Decimal = D(0)
        self.held_side = side
        self.mark = D(100)
        self.liquidation: Decimal | None = None
        self.agreeing = 2
        self.now_s = 100.0
        self.rules = RULES

    def sent(
        self,
        purpose: Purpose,
        state: IntentState = DONE,
        attempt: int = 0,
        quantity: Any = 2,
        shown: OrderStatus | None = None,
        ago_s: float = 60,
        **order: Any,
    ) -> Intention:
        """An intention, and the order of it that the venue shows (`shown` None: it shows none)."""
        kind = {
            Purpose.STOP: OrderKind.STOP_MARKET,
            Purpose.TARGET: OrderKind.TAKE_PROFIT_MARKET,
        }.get(purpose, OrderKind.MARKET)
        prices = {Purpose.STOP: self.trade.stop, Purpose.TARGET: self.trade.targets[-1].price}
        request = OrderRequest(
            client_id=client_id(self.trade.account, self.trade.id, purpose, attempt),
            symbol=self.trade.symbol,
            side=self.trade.entry_side if purpose is Purpose.ENTRY else self.trade.exit_side,
            kind=kind,
            quantity=D(str(quantity)),
            reduce_only=purpose is not Purpose.ENTRY,
            trigger=order.pop("trigger", prices.get(purpose)),
        )
        at = later(seconds=self.now_s - ago_s)
        intention = Intention(request, self.trade.id, purpose, attempt, state, at)
        self.intents.append(intention)
        if shown is not None:
            filled = request.quantity if shown is OrderStatus.FILLED else D(0)
            row = an_order(request, status=shown, filled=filled, created_at=at, updated_at=at)
            self.orders.append(replace(row, **order))
        return intention

    def filled(self, intention: Intention, quantity: Any = 2, **fields: Any) -> None:
        request = intention.request
        row = a_fill(
            id=f"f{len(self.fills)}",
            client_id=request.client_id,
            side=request.side,
            quantity=D(str(quantity)),
        )
        self.fills.append(replace(row, **fields))

    def entered(self, quantity: Any = 2) -> Stage:
        entry = self.sent(Purpose.ENTRY, quantity=quantity, shown=OrderStatus.FILLED)
        self.filled(entry, quantity)
        self.held = D(str(quantity))
        return self

    def covered(self) -> Stage:
        self.entered()
        self.sent(Purpose.STOP, shown=OrderStatus.OPEN)
        return self

    def complete(self) -> Stage:
        self.covered()
        self.sent(Purpose.TARGET, shown=OrderStatus.OPEN)
        return self

    def gone(self, by: Purpose = Purpose.STOP) -> Stage:
        """The position is closed by one of our orders, and the fills say so."""
        self.held = D(0)
        intention = next(i for i in self.intents if i.purpose is by)
        self.filled(intention)
        name = intention.request.client_id
        self.orders = [
            replace(o, status=OrderStatus.FILLED, filled=o.quantity) if o.client_id == name else o
            for o in self.orders
        ]
        return self

    @property
    def position(self) -> Position | None:
        if not self.held:
            return None
        fields: dict[str, Any] = {"side": self.held_side, "quantity": self.held}
        if self.liquidation is not None:
            fields["liquidation"] = self.liquidation
        return a_position(self.trade, mark=self.mark, **fields)

    def step(self) -> Step:
        now = later(seconds=self.now_s)
        orders, fills = tuple(self.orders), tuple(self.fills)
        seen = Seen(self.trade.symbol, self.position, orders, fills, self.mark, now, self.agreeing)
        return next_step(self.trade, self.intents, seen, self.rules, now)


def sent_by(step: Step) -> OrderRequest:
    assert isinstance(step, Send), step
    return step.intention.request


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


@pytest.mark.parametrize("state", [REFUSED, DEAD, SENT, DONE])
def test_after_three_lost_or_refused_stops_the_position_is_closed(state: IntentState) -> None:
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


@pytest.mark.parametrize(("share", "closed"), [("0.25", "0.5"), ("0.5", "1"), ("0.333", "0.66")])
def test_a_partial_close_is_exact_to_the_lot_and_rounded_down(share: str, closed: str) -> None:
    request = sent_by(parting(share).step())

    assert (request.quantity, request.reduce_only) == (D(closed), True)


@pytest.mark.parametrize("ago_s", [0.1, 5, 14])
def test_an_unanswered_partial_close_is_never_repeated_blindly(ago_s: float) -> None:
    stage = parting()
    stage.sent(Purpose.EXIT, SENT, 100, quantity=1, ago_s=ago_s)

    assert isinstance(stage.step(), Wait)


def test_a_partial_close_proven_dead_is_sent_again() -> None:
    stage = parting()
    lost = stage.sent(Purpose.EXIT, SENT, 100, quantity=1, ago_s=16)

    proof = stage.step()
    stage.intents[stage.intents.index(lost)] = replace(lost, state=DEAD)
    again = stage.step()

    assert isinstance(proof, Settle) and proof.state is DEAD
    assert isinstance(again, Send) and again.intention.attempt == 101


def test_a_taken_partial_close_is_over_whatever_the_position_still_shows() -> None:
    stage = parting()
    stage.sent(Purpose.EXIT, DONE, 100, quantity=1, shown=OrderStatus.FILLED, ago_s=0.1)

    assert stage.step() == EndPartial()


def test_a_part_too_small_for_the_venue_ends_with_its_reason() -> None:
    stage = parting("0.25")
    stage.rules = replace(RULES, min_quantity=D(1))

    step = stage.step()

    assert isinstance(step, EndPartial) and "smallest order" in step.undone


def test_a_part_never_leaves_a_rest_too_small_to_protect() -> None:
    stage = parting("0.75")
    stage.rules = replace(RULES, min_quantity=D(1))

    assert sent_by(stage.step()).quantity == D(1)


def test_a_part_refused_three_times_ends_with_the_venues_reason() -> None:
    stage = parting()
    for attempt in range(3):
        stage.sent(Purpose.EXIT, REFUSED, 100 + attempt, quantity=1, ago_s=9 - attempt)

    step = stage.step()

    assert isinstance(step, EndPartial) and "refused 3 times" in step.undone


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
    stage = Stage().covered()
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

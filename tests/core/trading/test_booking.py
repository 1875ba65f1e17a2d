"""From fills to one row of history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.trade import (
    ExitReason,
    Fill,
    FundingPayment,
    Intention,
    IntentState,
    OrderSide,
    Purpose,
    StopBy,
)
from core.trading.booking import closed_trade, funding_of
from core.trading.ids import client_id, is_ours
from tests.core.builders import NOW, SOL, D, a_fill, a_trade, an_order_request, later

TRADE = a_trade(id="t", risk_usd=D(10))


def fill(side: OrderSide, quantity: Any, price: Any, minute: int, name: str = "hand", **fields: Any) -> Fill:
    return a_fill(
        id=f"{minute:04}",
        client_id=name,
        side=side,
        quantity=D(str(quantity)),
        price=D(str(price)),
        fee=fields.pop("fee", D("0.1")),
        at=later(minutes=minute),
        **fields,
    )


def intention(purpose: Purpose) -> Intention:
    request = an_order_request(client_id=purpose.value)
    return Intention(request, "t", purpose, 0, IntentState.DONE, NOW)


INTENTS = [intention(purpose) for purpose in Purpose]
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def test_prices_are_weighted_and_costs_are_taken_off() -> None:
    fills = [fill(BUY, 1, 100, 0), fill(BUY, 3, 104, 1), fill(SELL, 4, 110, 5)]
    paid = [FundingPayment("p", SOL, D("-0.5"), later(minutes=2))]

    closed = closed_trade(TRADE, fills, paid, [])

    assert (closed.entry_price, closed.exit_price, closed.quantity) == (D(103), D(110), D(4))
    assert (closed.gross_pnl, closed.fees, closed.funding) == (D(28), D("0.3"), D("-0.5"))
    assert closed.net_pnl == D("27.2") and closed.r_multiple == D("2.72")
    assert (closed.opened_at, closed.closed_at) == (later(minutes=0), later(minutes=5))


@pytest.mark.parametrize(
    ("name", "is_liquidation", "reason"),
    [
        ("stop", False, ExitReason.STOP),
        ("target", False, ExitReason.TARGET),
        ("exit", False, ExitReason.PANIC),
        ("hand", False, ExitReason.OUTSIDE),
        ("autoclose-1", True, ExitReason.LIQUIDATED),
    ],
)
def test_the_reason_is_what_the_last_exit_belongs_to(
    name: str, is_liquidation: bool, reason: ExitReason
) -> None:
    trade = a_trade(id="t", exit_reason=ExitReason.PANIC)
    fills = [
        fill(BUY, 2, 100, 0, "entry"),
        fill(SELL, 1, 101, 1, "exit"),
        fill(SELL, 1, 102, 2, name, is_liquidation=is_liquidation),
    ]

    assert closed_trade(trade, fills, [], INTENTS).exit_reason is reason


@pytest.mark.parametrize(
    "missing", [[], [fill(BUY, 1, 100, 0)], [fill(BUY, 2, 100, 0), fill(SELL, 1, 101, 1)]]
)
def test_fills_that_do_not_close_the_position_are_no_history(missing: list[Fill]) -> None:
    with pytest.raises(ValueError, match="entered"):
        closed_trade(TRADE, missing, [], [])


def test_what_left_beyond_the_position_is_not_counted() -> None:
    fills = [fill(BUY, 2, 100, 0), fill(SELL, 1, 101, 1), fill(SELL, 4, 102, 2, fee=D("0.4"))]

    closed = closed_trade(TRADE, fills, [], [])

    assert closed.quantity == 2 and closed.gross_pnl == 3
    assert closed.fees == D("0.1") * 2 + D("0.4") / 4


def test_funding_counts_only_while_the_position_was_held() -> None:
    rows = [FundingPayment(str(n), SOL, D(1), later(hours=n)) for n in range(-2, 3)]

    assert [row.id for row in funding_of(rows, NOW, NOW + timedelta(hours=1))] == ["0", "1"]


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (StopBy.BREAK_EVEN, ExitReason.BREAK_EVEN),
        (StopBy.TRAILING, ExitReason.TRAILING),
        (StopBy.OWNER, ExitReason.STOP),
        (StopBy.ADVISER, ExitReason.STOP),
        (StopBy.BREAKER, ExitReason.STOP),
    ],
)
def test_a_filled_stop_is_called_by_who_moved_it(by: StopBy, reason: ExitReason) -> None:
    moved = replace(TRADE, first_stop=D(95), stop=D(101), stop_by=by)
    stop = intention(Purpose.STOP)
    moved_stop = replace(stop, request=replace(stop.request, trigger=D(101)))
    old_stop = replace(stop, request=replace(stop.request, trigger=D(95)))
    fills = [fill(BUY, 1, 100, 0), fill(SELL, 1, 101, 5, "stop")]

    assert closed_trade(moved, fills, [], [moved_stop]).exit_reason is reason
    assert closed_trade(moved, fills, [], [old_stop]).exit_reason is ExitReason.STOP


def test_a_software_stop_keeps_its_name_wherever_the_stop_was() -> None:
    trailing = replace(
        TRADE, first_stop=D(95), stop=D(101), stop_by=StopBy.TRAILING, exit_reason=ExitReason.SOFTWARE_STOP
    )
    fills = [fill(BUY, 1, 100, 0), fill(SELL, 1, 101, 5, "exit")]

    assert closed_trade(trailing, fills, [], INTENTS).exit_reason is ExitReason.SOFTWARE_STOP


def test_who_agreed_goes_into_history() -> None:
    fills = [fill(BUY, 1, 100, 0), fill(SELL, 1, 101, 5)]

    closed = closed_trade(replace(TRADE, advisers=("claude", "gpt")), fills, [], [])

    assert closed.advisers == ("claude", "gpt")


@given(
    side=st.sampled_from(Side),
    legs=st.lists(
        st.tuples(
            st.decimals("0.01", 50, places=2), st.decimals(1, 5000, places=2), st.decimals(1, 5000, places=2)
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_the_result_is_what_the_cash_flows_say_to_the_last_digit(side: Side, legs: list[Any]) -> None:
    trade = a_trade(id="t", side=side)
    fills, cash = [], D(0)
    for number, (quantity, bought, sold) in enumerate(legs):
        fills += [
            fill(trade.entry_side, quantity, bought, number),
            fill(trade.exit_side, quantity, sold, 100 + number),
        ]
        cash += (sold - bought) * quantity * side.sign - D("0.2")

    assert closed_trade(trade, fills, [], []).net_pnl == cash


def test_ids_are_stable_distinct_and_fit_every_venue() -> None:
    names = {
        client_id(account, trade, purpose, attempt)
        for account in ("paper", "live")
        for trade in ("a", "b")
        for purpose in Purpose
        for attempt in range(50)
    }

    assert len(names) == 2 * 2 * 4 * 50
    assert all(len(name) <= 32 and name.isalnum() and name.isascii() for name in names)
    assert all(is_ours(name) for name in names)
    assert client_id("paper", "a", Purpose.STOP, 7) == client_id("paper", "a", Purpose.STOP, 7)
    assert not is_ours("web_abc") and not is_ours("pp") and not is_ours("ppshort")

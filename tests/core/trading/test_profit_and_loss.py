"""Profit and loss of a trade is what its fills, fees and funding say, whatever the leverage."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.trade import Fill, FundingPayment, OrderSide
from core.trading.booking import closed_trade
from tests.core.builders import SOL, D, a_fill, a_trade, later

PRICES = st.decimals(D("0.0001"), D(100_000), places=4, allow_nan=False)
FEES = st.decimals(D("-0.05"), D(5), places=4)
"""A rebate is a negative fee."""
LOTS = st.integers(1, 500)


class Story(NamedTuple):
    """Lots in and out as (lots, price, fee); the lots add up."""

    side: Side
    entries: list[tuple[int, Decimal, Decimal]]
    exits: list[tuple[int, Decimal, Decimal]]
    funding: list[Decimal]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    entries = draw(st.lists(st.tuples(LOTS, PRICES, FEES), min_size=1, max_size=4))
    left, exits = sum(lots for lots, _, _ in entries), []
    while left:
        lots = draw(st.integers(1, left)) if len(exits) < 4 else left
        exits.append((lots, draw(PRICES), draw(FEES)))
        left -= lots
    funding = draw(st.lists(st.decimals(D(-3), D(3), places=6), max_size=4))
    return Story(draw(st.sampled_from(Side)), entries, exits, funding)


def fills_of(story: Story) -> list[Fill]:
    trade = a_trade(side=story.side)
    rows = [(trade.entry_side, one) for one in story.entries]
    rows += [(trade.exit_side, one) for one in story.exits]
    return [
        a_fill(id=f"{at:03}", side=side, quantity=D(lots) / 100, price=price, fee=fee, at=later(minutes=at))
        for at, (side, (lots, price, fee)) in enumerate(rows)
    ]


def payments_of(story: Story) -> list[FundingPayment]:
    return [
        FundingPayment(f"p{at}", SOL, amount, later(minutes=1)) for at, amount in enumerate(story.funding)
    ]


@given(stories(), st.integers(1, 10))
def test_profit_is_fills_minus_fees_plus_funding(story: Story, leverage: int) -> None:
    fills, payments = fills_of(story), payments_of(story)
    cash = sum(
        (
            fill.quantity * fill.price * (1 if fill.side is OrderSide.SELL else -1) - fill.fee
            for fill in fills
        ),
        D(0),
    )

    closed = closed_trade(a_trade(side=story.side, leverage=leverage), fills, payments, [])

    assert closed.net_pnl == cash + sum(story.funding, D(0))
    assert closed.net_pnl == closed.gross_pnl - closed.fees + closed.funding


@given(stories(), st.integers(1, 10), st.integers(1, 10))
def test_profit_does_not_know_the_leverage(story: Story, leverage: int, other: int) -> None:
    fills, payments = fills_of(story), payments_of(story)

    one, another = (
        closed_trade(a_trade(side=story.side, leverage=each), fills, payments, [])
        for each in (leverage, other)
    )

    assert (one.net_pnl, one.r_multiple) == (another.net_pnl, another.r_multiple)


def test_a_short_with_funding_and_fees_by_hand() -> None:
    # sold 2 at 50 and 2 at 54, bought 4 back at 47: 208 - 188 = 20; fees 0.40; funding +0.30 - 0.05
    trade = a_trade(side=Side.SHORT, risk_usd=D(8), leverage=3)
    fills = [
        a_fill(id="1", side=OrderSide.SELL, quantity=D(2), price=D(50), fee=D("0.10"), at=later(minutes=0)),
        a_fill(id="2", side=OrderSide.SELL, quantity=D(2), price=D(54), fee=D("0.11"), at=later(minutes=1)),
        a_fill(id="3", side=OrderSide.BUY, quantity=D(4), price=D(47), fee=D("0.19"), at=later(minutes=9)),
    ]
    payments = [
        FundingPayment("p1", SOL, D("0.30"), later(minutes=2)),
        FundingPayment("p2", SOL, D("-0.05"), later(minutes=3)),
    ]

    closed = closed_trade(trade, fills, payments, [])

    assert (closed.gross_pnl, closed.fees, closed.funding) == (20, D("0.40"), D("0.25"))
    assert closed.net_pnl == D("19.85")
    assert closed.r_multiple == D("19.85") / 8

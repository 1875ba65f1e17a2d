"""Sizes of the backtest are those of the live plan, to the lot."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.backtest.engine import Setup, terms_of
from core.backtest.engine_past import venues_of
from core.backtest.engine_words import Floats
from core.backtest.sizing import fitted, liquidation_price, loss_per_coin, smallest, staked
from core.market import Instrument, Side
from core.plan import Plan
from core.risk import margin as live_margin
from core.risk import sizing as live
from core.risk.idea import funding_cost
from core.risk.limits import Limits
from core.risk.planning import draw
from tests.core.builders import NOW, TIERS, D, a_quote, an_account, an_idea, an_instrument, some_limits

PRICES = st.decimals("0.05", "90000", places=4)
LOTS = st.sampled_from([D("0.001"), D("0.01"), D("1"), D("10")])
SIDES = st.sampled_from([Side.LONG, Side.SHORT])


def of(instrument: Instrument) -> tuple[Floats, Floats]:
    """Its row of rules and its tiers."""
    venues = venues_of([instrument], target_is_maker=False)
    return venues.rules[0], venues.tiers[0]


def fields_of(price: Decimal, lot: Decimal) -> dict[str, Any]:
    return {"lot": lot, "tick": D("0.0001"), "min_quantity": lot, "max_quantity": lot * 10**6}


@settings(max_examples=600, deadline=None)
@given(
    side=SIDES,
    price=PRICES,
    lot=LOTS,
    distance=st.decimals("0.05", "0.10", places=3),
    equity=st.decimals("20", "500000", places=2),
    share=st.decimals("0.01", "1", places=2),
    leverage=st.integers(1, 10),
)
def test_a_size_by_risk_is_that_of_the_plan_that_is_drawn(
    side: Side,
    price: Decimal,
    lot: Decimal,
    distance: Decimal,
    equity: Decimal,
    share: Decimal,
    leverage: int,
) -> None:
    instrument = an_instrument(**fields_of(price, lot))
    limits = replace(some_limits(), max_leverage=5)
    available = (equity * share).quantize(D("0.01"))
    account = replace(an_account(), equity=equity, available=available, day_opening=equity, peak=equity)
    stop = (price * (1 - distance * side.sign)).quantize(D("0.0001"))
    assume(abs(price - stop) > price / 100)
    idea = replace(an_idea(side), stop_named=stop, leverage_wanted=leverage, risk=limits.risk_per_trade)
    quote = a_quote(price, bid=price, mark=price)

    plan = draw(idea, quote, instrument, account, limits, NOW)

    assert isinstance(plan, Plan)
    terms = terms_of(Setup(limits=limits, leverage=leverage), 1)
    most = float(equity * limits.risk_per_trade * plan.size_share)
    prices = (float(price), float(plan.stop), float(price))
    lots, used = fitted(
        terms,
        *of(instrument),
        side.sign,
        prices,
        most,
        float(equity),
        float(available),
        leverage,
        float(funding_cost(idea, limits)),
    )
    if plan.quantity >= live.smallest_quantity(instrument, price):
        assert (lots * lot, used) == (plan.quantity, plan.leverage)
    else:
        assert lots == 0


@settings(max_examples=300, deadline=None)
@given(side=SIDES, price=PRICES, quantity=st.integers(1, 10**6), leverage=st.integers(1, 50))
def test_liquidation_is_where_the_live_formula_has_it(
    side: Side, price: Decimal, quantity: int, leverage: int
) -> None:
    held = quantity * D("0.01")
    paid = held * price / leverage
    _, tiers = of(an_instrument())

    found = liquidation_price(tiers, side.sign, float(held), float(price), float(paid))

    expected = live_margin.liquidation_price(side, held, price, paid, an_instrument())
    assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@given(side=SIDES, price=PRICES, distance=st.decimals("0.01", "0.2", places=4))
def test_the_loss_at_the_stop_is_the_plans(side: Side, price: Decimal, distance: Decimal) -> None:
    limits, stop = Limits(), price * (1 - distance * side.sign)

    found = loss_per_coin(terms_of(Setup(), 1), 0.0005, side.sign, float(price), float(stop), 0.001)

    expected = live.loss_at(side, D(1), price, stop, an_instrument(), limits, D("0.001"))
    assert found == pytest.approx(float(expected), rel=1e-9)


@given(price=PRICES, lot=LOTS, least=st.decimals("0", "50", places=2))
def test_the_smallest_order_is_the_live_one(price: Decimal, lot: Decimal, least: Decimal) -> None:
    instrument = an_instrument(**fields_of(price, lot) | {"min_notional": least})

    found = smallest(of(instrument)[0], float(price))

    assert found * lot == live.smallest_quantity(instrument, price)


@pytest.mark.parametrize(
    ("stake", "price", "lots"),
    [(100.0, 100.0, 300), (100.0, 7.0, 4285), (1.0, 100.0, 0), (1e9, 100.0, 8_000_000)],
)
def test_a_stake_is_that_much_margin_in_whole_lots_the_venue_takes(
    stake: float, price: float, lots: int
) -> None:
    terms = terms_of(Setup(stake=stake, leverage=3), 1)

    assert staked(terms, *of(an_instrument(tiers=TIERS)), price) == lots


@pytest.mark.parametrize("most", [0.0, -5.0, float("nan")])
def test_nothing_to_lose_is_no_size(most: float) -> None:
    lots, _ = fitted(
        terms_of(Setup(), 1), *of(an_instrument()), 1, (100.0, 95.0, 100.0), most, 1000.0, 1000.0, 3
    )

    assert lots == 0

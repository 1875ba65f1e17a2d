"""What a stop costs or locks in, where a move brings it, and what forbids moving it away."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.risk.margin import round_trip_result
from core.risk.stop_moves import (
    Held,
    against_loosening,
    break_even,
    loosened,
    loss_at,
    loss_of,
    parts_of,
    tightened,
    towards_price,
)
from tests.core.builders import (
    BTC,
    D,
    a_position,
    a_trade,
    an_account,
    an_instrument,
    an_open_risk,
    some_limits,
)


def held(side: Side = Side.LONG, mark: Any = 100, stop: Any = None, **position: Any) -> Held:
    """Two coins from 100, stop five away, ATR 1, liquidation 20 % away."""
    sign = side.sign
    planned = D(100 - 5 * sign)
    trade = replace(
        a_trade(),
        side=side,
        quantity=D(2),
        entry_reference=D(100),
        stop=planned if stop is None else D(str(stop)),
        first_stop=planned,
        atr=D(1),
        cost=D("0.002"),
    )
    return Held(trade, a_position(trade, mark, **position), D(str(mark)), an_instrument(), some_limits())


# ---------------------------------------------------------------- money


def test_the_loss_at_a_stop_is_worked_out_by_hand() -> None:
    """Two coins, 100 → 95 less 0.05 % slippage: 94.9525. By the price 10.095, in fees of 0.05 % 0.1949525."""
    found = loss_at(held().position, D(95), D("0.0005"), D("0.0005"))

    assert found == D("10.2899525")


def test_a_stop_in_profit_is_a_negative_loss() -> None:
    assert loss_at(held().position, D(103), D("0.0005"), D("0.0005")) < -5


@pytest.mark.parametrize("side", list(Side))
def test_the_entrys_slippage_is_in_its_price_already(side: Side) -> None:
    """So the loss is smaller than a plan's, which expects to slip on entry too."""
    stop = D(100 - 5 * side.sign)
    planned = -round_trip_result(side, D(2), D(100), stop, D("0.0005"), D("0.0005"))

    assert D("0.05") < planned - loss_at(held(side).position, stop, D("0.0005"), D("0.0005")) < D("0.15")


# ---------------------------------------------------------------- where moves bring it


@pytest.mark.parametrize("side", list(Side))
def test_break_even_pays_every_cost(side: Side) -> None:
    position = held(side, mark=100 + 3 * side.sign)

    assert D("-0.2") < loss_of(position, break_even(position)) <= 0


@pytest.mark.parametrize("side", list(Side))
def test_an_older_trade_that_names_no_cost_breaks_even_all_the_same(side: Side) -> None:
    plain = held(side)
    older = replace(plain, trade=replace(plain.trade, cost=D(0)))

    assert loss_of(older, break_even(older)) <= 0


def test_tightening_goes_half_of_the_way() -> None:
    assert tightened(held(mark=104)) == D("99.5")
    assert tightened(held(Side.SHORT, mark=96)) == D("100.5")


def test_tightening_stays_one_atr_from_the_price() -> None:
    assert tightened(held(mark=104, stop="102.5")) == D(103)


def test_a_stop_that_is_nearer_already_stays() -> None:
    assert tightened(held(mark=104, stop="103.4")) == D("103.4")


def test_loosening_goes_one_atr_away() -> None:
    assert loosened(held()) == D(94) and loosened(held(Side.SHORT)) == D(106)


def test_an_unknown_atr_is_what_the_planned_stop_says_it_was() -> None:
    """The stop is `stop_atr` = 2 ATR away where nobody named another."""
    plain = held()

    assert loosened(replace(plain, trade=replace(plain.trade, atr=None))) == D("92.5")


@given(
    st.sampled_from(list(Side)),
    st.decimals(D(60), D(140), places=3),
    st.decimals(D(60), D(140), places=2),
    st.decimals(D("0.01"), D(9), places=2),
)
def test_tightening_never_loosens_and_never_passes_the_price(
    side: Side, mark: Decimal, stop: Decimal, atr: Decimal
) -> None:
    plain = held(side, mark, stop)
    position = replace(plain, trade=replace(plain.trade, atr=atr))
    new = tightened(position)

    assert not position.loosens(new)
    assert new == stop or (mark - new) * side.sign >= atr


def test_a_typed_price_goes_to_the_tick_that_risks_less() -> None:
    assert towards_price(D("94.123"), held()) == D("94.13")
    assert towards_price(D("105.127"), held(Side.SHORT)) == D("105.12")


def test_parts_are_those_that_the_venue_takes() -> None:
    plenty, scarce = held(), held(quantity=D("0.03"))

    assert parts_of(plenty) == (D("0.25"), D("0.5"))
    assert parts_of(scarce) == (D("0.5"),)
    assert parts_of(held(quantity=D("0.01"))) == ()


# ---------------------------------------------------------------- what forbids it


def refusals(position: Held, stop: Any, **account: Any) -> set[str]:
    return {reason.check for reason in against_loosening(position, D(str(stop)), an_account(**account))}


def test_a_modest_loosening_on_a_calm_account_is_allowed() -> None:
    assert refusals(held(), 94) == set()


@pytest.mark.parametrize(
    ("stop", "account", "check"),
    [
        ("89.9", {}, "stop_distance"),
        (94, {"equity": 120}, "loss_at_stop"),
        (94, {"equity": None}, "equity"),
        (94, {"equity": 905, "day_opening": D(1000)}, "daily_budget"),
        (94, {"day_opening": None}, "daily_budget"),
        (94, {"equity": 1000, "peak": D(1245)}, "drawdown_budget"),
        (94, {"open_risks": (an_open_risk(BTC, loss=95),)}, "daily_budget"),
    ],
)
def test_a_loosening_that_breaks_a_rule_is_refused(stop: Any, account: dict[str, Any], check: str) -> None:
    assert check in refusals(held(), stop, **account)


def test_the_stop_must_be_hit_long_before_the_liquidation() -> None:
    near = held(liquidation=D(89))

    assert refusals(near, 94) == {"liquidation"}
    assert refusals(held(liquidation=D("91.5")), 94) == {"liquidation"}
    assert refusals(held(liquidation=D(0)), 94) == set()


def test_a_liquidation_that_is_near_forbids_even_a_small_step() -> None:
    """Nine percent away: more than twice the stop's four, less than the ten that are always asked for."""
    assert refusals(held(stop=97, liquidation=D(91)), 96) == {"liquidation"}


def test_a_refusal_names_both_numbers() -> None:
    (reason,) = against_loosening(held(liquidation=D(70)), D("89.9"), an_account(100_000))

    assert reason.text == "stop distance 0.1010 is over MAX_STOP_LOSS_PERCENT 0.10"


def test_the_positions_own_present_risk_is_not_counted_twice() -> None:
    own = an_open_risk(held().trade.symbol, loss=95)

    assert refusals(held(), 94, open_risks=(own,)) == set()

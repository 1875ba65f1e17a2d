"""What a position can cost, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market import Side
from core.risk.exposure import (
    GAP,
    at_stake,
    beta_notional,
    drawdown_tier,
    exposures,
    loss_at_gap,
    loss_at_stop,
    net_notional,
    of_card,
    of_foreign,
    of_trade,
    total_at_gap,
)
from core.trade import Position
from tests.core.builders import BTC, SOL, D, a_position, a_trade, an_open_risk, some_limits

COST = D("0.001")


def held(side: Side = Side.LONG, mark: Any = 102, **fields: Any) -> Position:
    """Ten from 100 on 3x: 1000 / 3 of margin, liquidation a third away."""
    trade = a_trade(side=side, quantity=D(10), entry_reference=D(100), leverage=3)
    fields.setdefault("liquidation", D(67) if side is Side.LONG else D(133))
    return a_position(trade, mark, **fields)


def test_the_loss_at_the_stop_counts_from_the_price_and_pays_for_leaving() -> None:
    # long: (102 - 95) · 10 + 95 · 10 · 0.001; short from 98 to 105: 7 · 10 + 105 · 10 · 0.001
    assert loss_at_stop(held(), D(95), COST) == D("70.95")
    assert loss_at_stop(held(Side.SHORT, 98), D(105), COST) == D("71.05")


def test_a_stop_in_profit_still_costs_equity() -> None:
    # what was gained above 101 is in the equity already: 10 + 101 · 10 · 0.001
    assert loss_at_stop(held(), D(101), COST) == D("11.01")


def test_a_passed_stop_leaves_at_the_price_as_it_is() -> None:
    assert loss_at_stop(held(mark=94), D(95), COST) == D("0.94")


def test_a_gap_goes_past_the_stop() -> None:
    # 102 · 0.9 = 91.8: (102 - 91.8) · 10 + 91.8 · 10 · 0.001
    assert loss_at_gap(held(), D(95), GAP, COST) == D("102.918")
    # 98 · 1.1 = 107.8: 98 + 107.8 · 10 · 0.001
    assert loss_at_gap(held(Side.SHORT, 98), D(105), GAP, COST) == D("99.078")


def test_a_gap_that_does_not_reach_the_stop_pays_nothing_for_leaving() -> None:
    assert loss_at_gap(held(), D(90), GAP, COST) == D("102")
    assert loss_at_gap(held(), None, GAP, COST) == D("102")


def test_a_gap_past_the_liquidation_takes_margin_and_gain_and_no_more() -> None:
    # 50 of margin and 20 gained
    tight = held(margin=D(50))
    long, short = held(margin=D(50), liquidation=D(96)), held(Side.SHORT, 98, margin=D(50))

    assert loss_at_gap(long, D(97), GAP, COST) == 70
    assert loss_at_gap(tight, D(95), GAP, COST) == 70
    assert loss_at_gap(short, D(105), GAP, COST) == 70


def test_what_is_lost_already_cannot_be_lost_again() -> None:
    # entered at 100, now 94: 60 of 80 are gone
    sunk = held(mark=94, margin=D(80))

    assert at_stake(sunk) == 20
    assert loss_at_gap(sunk, D(93), GAP, COST) == 20
    assert at_stake(held(mark=90, margin=D(80))) == 0


def test_a_stop_beyond_the_liquidation_comes_too_late() -> None:
    late = held(margin=D(100), liquidation=D(95))

    assert loss_at_stop(late, D(94), COST) == at_stake(late) == 120


def test_a_trade_of_ours_is_shown_with_its_own_costs() -> None:
    # a round trip of 0.004: 0.002 to leave; the stop of `a_trade` is moved to 95
    trade = a_trade(quantity=D(10), entry_reference=D(100), stop=D(95), cost=D("0.004"), beta=D("1.2"))

    shown = of_trade(trade, held(), GAP)

    assert (shown.kind, shown.notional, shown.beta) == ("position", 1020, D("1.2"))
    assert shown.loss_at_stop == D("71.9")
    assert shown.loss_at_gap == D("102") + D("91.8") * 10 * D("0.002")
    assert shown.liquidation_distance == (D(102) - 67) / 102


def test_a_trade_without_known_costs_counts_dear_ones() -> None:
    trade = a_trade(quantity=D(10), stop=D(95), cost=D(0))

    assert of_trade(trade, held(), GAP).loss_at_stop == D("70") + D(950) * D("0.0015")


def test_a_position_that_is_not_seen_counts_as_its_full_r_and_the_rest_is_unknown() -> None:
    trade = a_trade(risk_usd=D("19.5"))

    shown = of_trade(trade, None, GAP)

    assert (shown.kind, shown.loss_at_stop) == ("unseen", D("19.5"))
    assert (shown.notional, shown.margin, shown.loss_at_gap, shown.liquidation_distance) == (None,) * 4


def test_a_foreign_position_has_no_stop_of_ours_so_all_of_it_is_at_risk() -> None:
    shown = of_foreign(held(margin=D(50)), GAP)

    assert (shown.kind, shown.loss_at_stop, shown.loss_at_gap) == ("foreign", 70, 70)


def test_an_open_card_counts_with_what_it_would_lose() -> None:
    shown = of_card(an_open_risk(SOL, Side.SHORT, 12, is_card=True, beta=D("0.8")))

    assert (shown.kind, shown.loss_at_stop, shown.loss_at_gap, shown.notional) == ("card", 12, 12, None)


def test_everything_open_is_listed_once() -> None:
    ours, theirs = a_trade(stop=D(95)), held(symbol=BTC)
    risks = [an_open_risk(SOL, loss=7), an_open_risk(BTC, loss=9), an_open_risk("ETH", is_card=True)]

    shown = exposures([ours], [held(), theirs], risks, GAP)

    assert [(one.kind, one.symbol) for one in shown] == [("position", SOL), ("foreign", BTC), ("card", "ETH")]


def test_a_position_on_the_other_side_of_our_trade_is_not_ours() -> None:
    shown = exposures([a_trade()], [held(Side.SHORT, 98)], [], GAP)

    assert [one.kind for one in shown] == ["unseen", "foreign"]


def test_when_nothing_can_be_seen_every_trade_is_unseen() -> None:
    shown = exposures([a_trade()], None, [], GAP)

    assert [one.kind for one in shown] == ["unseen"]


def test_net_and_beta_weighted_notional_by_hand() -> None:
    long = of_trade(a_trade(stop=D(95), beta=D("1.5")), held(), GAP)  # 1020
    short = of_foreign(held(Side.SHORT, 98, symbol=BTC), GAP)  # 980, beta unknown
    card = of_card(an_open_risk(is_card=True))

    assert net_notional([long, short, card]) == 40
    assert beta_notional([long, short, card]) == D(1020) * D("1.5") - 980


def test_at_a_gap_what_is_unknown_counts_at_least_with_its_r() -> None:
    seen, unseen = of_trade(a_trade(stop=D(95), cost=D("0.002")), held(), GAP), of_trade(a_trade(), None, GAP)

    assert total_at_gap([seen, unseen]) == D("102.918") + unseen.loss_at_stop


@pytest.mark.parametrize(
    ("drawdown", "tier"),
    [
        (None, "unknown"),
        ("0", "green"),
        ("0.0499", "green"),
        ("0.05", "yellow"),
        ("0.10", "orange"),
        ("0.1999", "orange"),
        ("0.20", "red"),
        ("0.9", "red"),
    ],
)
def test_a_tier_begins_at_its_figure(drawdown: str | None, tier: str) -> None:
    fall = None if drawdown is None else D(drawdown)

    assert drawdown_tier(fall, some_limits()) == tier


MONEY = st.decimals(D("0.01"), D(5000), places=2)


@given(
    st.sampled_from(Side),
    MONEY,
    MONEY,
    st.decimals(D(0), D(3000), places=2),
    st.decimals(D(0), D(500), places=2),
    st.decimals(D(0), D("0.5"), places=3),
)
def test_no_position_ever_costs_more_than_is_in_it(
    side: Side, mark: Decimal, stop: Decimal, liquidation: Decimal, margin: Decimal, gap: Decimal
) -> None:
    position = replace(held(side, mark, margin=margin), liquidation=liquidation)

    for loss in (loss_at_stop(position, stop, COST), loss_at_gap(position, stop, gap, COST)):
        assert 0 <= loss <= at_stake(position)

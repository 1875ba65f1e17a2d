"""The view of /risk from what the loops know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.risk_report import RiskFacts, risk_of, used_share
from core.desk import BreakerView
from core.market import Side
from core.risk.breakers import DRAWDOWN, LIQUIDATION_RISK, UNKNOWN, Gauge, Reading, quiet
from tests.core.builders import (
    BTC,
    NOW,
    D,
    a_position,
    a_trade,
    an_account,
    an_open_risk,
    some_limits,
)

TRADE = a_trade(
    quantity=D(10), entry_reference=D(100), stop=D(95), leverage=4, cost=D("0.002"), beta=D("1.5")
)
POSITION = a_position(TRADE, 102)
"""Ten at 102 with 250 of margin and 20 gained."""
FOREIGN = a_position(a_trade(symbol=BTC, side=Side.SHORT, quantity=D(1), leverage=2), 100)
"""One at 100 with 50 of margin and nothing gained."""


def facts(**fields: Any) -> RiskFacts:
    made = RiskFacts(
        trades=(TRADE,),
        account=an_account(1000),
        positions=(POSITION,),
        limits=some_limits(),
        breakers=(),
        readings=(),
        now=NOW,
    )
    return replace(made, **fields)


def test_one_position_by_hand() -> None:
    view = risk_of(facts())

    # (102 - 95) · 10 + 950 · 0.001; (102 - 91.8) · 10 + 918 · 0.001
    assert (view.loss_at_stops, view.loss_at_gap) == (D("70.95"), D("102.918"))
    assert (view.gross_notional, view.net_notional, view.beta_notional) == (1020, 1020, 1530)
    assert (view.margin_used, view.margin_share) == (250, D("0.25"))
    # 10 % of the day's 1000, 20 % of the peak's 1000
    assert (view.daily_left, view.drawdown_left) == (100, 200)
    assert (view.tier, view.size_share, view.gap) == ("green", 1, D("0.10"))


def test_a_foreign_position_and_an_open_card_count_too() -> None:
    card = an_open_risk("ETH/USDT:USDT", loss=12, is_card=True)
    account = an_account(1000, open_risks=(card, an_open_risk(loss=99)))

    view = risk_of(facts(account=account, positions=(POSITION, FOREIGN)))

    assert [one.kind for one in view.exposures] == ["position", "foreign", "card"]
    assert view.loss_at_stops == D("70.95") + 50 + 12
    # the foreign short at a gap: 10 of its 50
    assert view.loss_at_gap == D("102.918") + 10 + 12
    assert (view.gross_notional, view.net_notional) == (1120, 920)
    assert view.margin_used == 300


def test_an_account_that_cannot_be_seen_is_unknown_and_its_trades_count_fully() -> None:
    unseen = an_account(None, wallet=None, available=None, day_opening=None, peak=None)

    for account in (unseen, None):
        view = risk_of(facts(account=account, positions=None))

        known = (view.equity, view.gross_notional, view.net_notional, view.beta_notional)
        assert known == (None,) * 4
        assert (view.margin_used, view.margin_share, view.daily_left, view.drawdown_left) == (None,) * 4
        assert (view.tier, view.size_share) == ("unknown", 0)
        assert [one.kind for one in view.exposures] == ["unseen"]
        assert view.loss_at_stops == view.loss_at_gap == TRADE.risk_usd


@pytest.mark.parametrize(
    ("equity", "tier", "share"),
    [(950, "yellow", "0.5"), (900, "orange", "0"), (800, "red", "0")],
)
def test_a_new_trade_has_what_the_drawdown_leaves(equity: int, tier: str, share: str) -> None:
    view = risk_of(facts(account=an_account(equity, peak=D(1000))))

    assert (view.tier, view.size_share) == (tier, D(share))


def test_a_probe_halves_the_size_in_green_too() -> None:
    view = risk_of(facts(account=an_account(1000, is_probing=True)))

    assert (view.tier, view.size_share) == ("green", D("0.5"))


def test_room_that_is_used_up_is_nothing_and_not_less() -> None:
    view = risk_of(facts(account=an_account(700, day_opening=D(1000), peak=D(1000))))

    assert (view.daily_left, view.drawdown_left) == (0, 0)


def test_breakers_carry_how_much_of_each_is_used() -> None:
    views = tuple(BreakerView(name, "", "", False, None, "") for name in (DRAWDOWN, "other"))
    reading = Reading(DRAWDOWN, Gauge(D("0.05")), D("0.20"))

    view = risk_of(facts(breakers=views, readings=(reading,)))

    assert [one.used for one in view.breakers] == [0.25, None]


@pytest.mark.parametrize(
    ("name", "gauge", "threshold", "used"),
    [
        (DRAWDOWN, Gauge(D("0.3")), "0.2", 1.5),
        (DRAWDOWN, UNKNOWN, "0.2", None),
        (LIQUIDATION_RISK, Gauge(D("0.15")), "0.075", 0.5),
        (LIQUIDATION_RISK, Gauge(D("0.05")), "0.075", 1.5),
        (LIQUIDATION_RISK, Gauge(D(0)), "0.075", 1.0),
        (LIQUIDATION_RISK, quiet("nothing is open"), "0.075", 0.0),
        (LIQUIDATION_RISK, UNKNOWN, "0.075", None),
    ],
)
def test_the_used_share_of_a_limit(name: str, gauge: Gauge, threshold: str, used: float | None) -> None:
    found = used_share(Reading(name, gauge, D(threshold)))

    assert found == (None if used is None else pytest.approx(used))


def test_the_view_is_of_the_moment_of_its_look() -> None:
    earlier = an_account(1000, at=NOW.replace(minute=0))

    assert risk_of(facts(account=earlier)).at == earlier.at
    assert risk_of(facts(account=None)).at == NOW


def test_under_a_capital_cap_what_may_still_be_lost_is_a_share_of_the_cap() -> None:
    account = an_account(9_994, wallet=D(9_994), day_opening=D(10_000), peak=D(10_000), cap=D(100))

    view = risk_of(facts(account=account))

    assert (view.cap, view.drawdown, view.tier) == (100, D("0.06"), "yellow")
    assert (view.daily_left, view.drawdown_left) == (4, 14)
    assert view.equity == 9_994

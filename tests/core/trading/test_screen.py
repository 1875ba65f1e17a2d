from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.plan import Cleared, Reason
from core.risk.checks import examine
from core.risk.limits import Limits
from core.trading.screen import barred, unsizeable
from tests.core.builders import (
    BTC,
    NOW,
    SOL,
    D,
    a_case,
    a_frame,
    a_plan,
    a_quote,
    an_account,
    an_idea,
    an_instrument,
    an_open_risk,
    later,
    some_features,
    some_limits,
)


def names(limits: Limits | None = None, **account: Any) -> list[str]:
    return [reason.check for reason in barred(SOL, an_account(**account), limits or some_limits(), NOW)]


def test_a_free_account_bars_nothing() -> None:
    assert names() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"closed_to_entries": "paused"}, ["entries"]),
        ({"open_breakers": ("drawdown", "daily_loss")}, ["breakers", "breakers"]),
        ({"equity": None}, ["equity"]),
        ({"peak": D(1120)}, ["drawdown"]),
        ({"peak": D(1110)}, []),
        ({"open_risks": (an_open_risk(SOL),)}, ["positions"]),
        ({"open_risks": (an_open_risk(BTC, is_card=True),)}, ["positions"]),
        ({"foreign_symbols": frozenset({SOL})}, ["positions"]),
        ({"last_closed": {SOL: later(minutes=-29)}}, ["cooldown"]),
        ({"last_closed": {SOL: later(minutes=-30)}}, []),
        ({"last_closed": {BTC: NOW}}, []),
        ({"foreign_symbols": frozenset({BTC})}, []),
    ],
)
def test_what_would_stop_any_entry_bars_the_symbol_before_anybody_is_asked(
    fields: dict[str, Any], expected: list[str]
) -> None:
    assert names(**fields) == expected


def test_every_reason_is_told() -> None:
    found = names(closed_to_entries="paused", equity=None, last_closed={SOL: NOW})

    assert found == ["entries", "equity", "cooldown"]


def test_a_second_place_is_free_where_there_are_two() -> None:
    assert names(some_limits(max_open_positions=2), open_risks=(an_open_risk(BTC),)) == []


def small(equity: Any, price: Any = 100, limits: Limits | None = None, **rules: Any) -> Reason | None:
    return unsizeable(an_instrument(**rules), a_quote(price), D(str(equity)), limits or some_limits())


def test_what_can_be_sized_is_not_named() -> None:
    assert small(1000) is None


def test_what_drawdown_or_probe_leave_of_a_size_decides_what_can_be_sized() -> None:
    rules = an_instrument(lot=D(1), min_quantity=D(1))

    whole = unsizeable(rules, a_quote(), D(300), some_limits())
    half = unsizeable(rules, a_quote(), D(300), some_limits(), D("0.5"))

    assert whole is None
    assert half is not None
    assert half.text.endswith("more than 3.00 (RISK_PER_TRADE at 0.5 of the size)")
    assert half.mend == "RISK_PER_TRADE=0.0349"


def test_an_inactive_symbol_is_named() -> None:
    found = small(1000, is_active=False)

    assert found is not None
    assert found.check == "symbol"


@pytest.mark.parametrize("equity", ["0", "-5", "0.001"])
def test_an_empty_account_can_size_nothing_and_is_told_the_equity(equity: str) -> None:
    found = small(equity)

    assert found is not None
    assert found.mend.startswith("equity of ")


@pytest.mark.parametrize("price", ["NaN", "0", "-1", "Infinity"])
def test_a_price_that_is_none_is_bad_data_not_a_crash(price: str) -> None:
    found = unsizeable(an_instrument(), a_quote(mark=D(price)), D(1000), some_limits())

    assert found is not None
    assert found.check == "data"


def test_a_lot_that_risks_too_much_names_the_risk_that_would_do() -> None:
    # One lot of 1 at 100 loses 5.195 as a long and 5.205 as a short: 2.6 % of 200, and headroom.
    found = small(200, lot=D(1), min_quantity=D(1))

    assert found is not None
    assert found.text == "the smallest order risks 5.20 USDT, more than 4.00 (RISK_PER_TRADE)"
    assert found.mend == "RISK_PER_TRADE=0.0262"


def test_a_lot_that_binds_too_much_margin_names_its_share() -> None:
    # 100 at 5x binds 20 of 300, more than 5 %.
    found = small(300, lot=D(1), min_quantity=D(1), limits=some_limits(position_size=D("0.05")))

    assert found is not None
    assert found.text.startswith("the smallest order binds 20.00 USDT, more than 15.00 (POSITION_SIZE")
    assert found.mend == "POSITION_SIZE_PERCENT=0.067"


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("lot", ["1", "0.37", "0.05"])
@pytest.mark.parametrize("equity", ["0.5", "3", "20", "60", "150"])
@pytest.mark.parametrize("size", ["0.05", "0.8"])
def test_the_mend_really_makes_the_symbol_tradable(side: Side, lot: str, equity: str, size: str) -> None:
    steps = {"lot": D(lot), "min_quantity": D(lot)}
    limits, money = some_limits(position_size=D(size), min_profit_usd=D(0)), D(equity)
    found = small(money, 103, limits=limits, **steps)
    if found is None:  # it can be sized on one side at least; a plan for the other names its own mend
        return
    for part in found.mend.split(" and "):
        if part.startswith("equity"):
            money = D(part.split()[2])
        elif part.startswith("RISK"):
            limits = replace(limits, risk_per_trade=D(part.partition("=")[2]))
        else:
            limits = replace(limits, position_size=D(part.partition("=")[2]))

    # No swing and no funding: the stop is at the least distance, which is what the screen judges by.
    known = some_features(side, a_frame("1h", side, swing_low=None, swing_high=None), funding_per_8h=0.0)
    fields = {"risk": limits.risk_per_trade, "leverage_wanted": limits.max_leverage, "features": known}
    rules, quote = an_instrument(**steps), a_quote(103)
    plan = a_plan(
        side, idea=an_idea(side, **fields), quote=quote, instrument=rules, equity=money, limits=limits
    )
    plan = replace(plan, bar_close=D(103))
    case = a_case(plan, quote=quote, instrument=rules, account=an_account(money), limits=limits)

    assert unsizeable(rules, quote, money, limits) is None
    assert isinstance(examine(case), Cleared)

"""A live account under its capital cap: what it may size and lose is a share of the cap. Refusals first."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market import Side
from core.plan import Cleared, Plan, Refused
from core.risk.account import Account
from core.risk.breakers import DAILY_LOSS, DRAWDOWN, ROLLING_LOSS, Health, readings
from core.risk.ceilings import left_down, left_today, loss_caps, side_risk
from core.risk.checks import examine
from core.risk.mends import account_mends, size_mend, smallest_order
from core.risk.sizing import Ticket
from core.risk.stop_moves import Held, against_loosening
from core.trading.screen import barred, unsizeable
from tests.core.builders import (
    BTC,
    NOW,
    SOL,
    D,
    a_case,
    a_plan,
    a_position,
    a_quote,
    a_trade,
    an_account,
    an_instrument,
    an_open_risk,
    some_limits,
)
from tests.core.risk.test_sizing import NEAR, World, drawn, judged, risk_by_hand, worlds

WALLET, CAP = D(10_000), D(100)


def capped(cap: Any = CAP, equity: Any = WALLET, **fields: Any) -> Account:
    """Ten thousand in the wallet, of which trading may count on a hundred."""
    return an_account(equity, cap=None if cap is None else D(str(cap)), **fields)


def reasons_of(outcome: Cleared[Plan] | Refused) -> dict[str, str]:
    assert isinstance(outcome, Refused)
    checks = {reason.check for reason in outcome.reasons}
    return {name: "; ".join(r.text for r in outcome.reasons if r.check == name) for name in checks}


# ---------------------------------------------------------------- refused


def test_a_plan_sized_on_the_whole_wallet_is_refused_under_the_cap() -> None:
    plan = a_plan(equity=10_000)

    found = reasons_of(examine(a_case(plan, account=capped())))

    assert "RISK_PER_TRADE 0.02 of the capital cap 100.00" in found["loss_at_stop"]
    assert "POSITION_SIZE_PERCENT 0.80 of the capital cap 100.00" in found["margin"]
    assert "left of the daily limit" in found["daily_budget"]


@pytest.mark.parametrize("cap", [0, -5])
def test_an_unknown_cap_refuses_every_plan_and_says_so(cap: int) -> None:
    account = capped(cap)
    tiny = a_plan(equity=100)

    found = reasons_of(examine(a_case(tiny, account=account)))

    assert found["equity"] == "the capital cap of live trading is unknown"
    assert a_plan(account=account).quantity == 0
    assert [one.text for one in barred(SOL, account, some_limits(), NOW)] == [found["equity"]]


@pytest.mark.parametrize("cap", ["NaN", "Infinity"])
def test_a_cap_that_is_no_number_refuses(cap: str) -> None:
    outcome = examine(a_case(a_plan(equity=100), account=capped(cap)))

    assert reasons_of(outcome)["finite"].startswith("cap is")


def test_an_unknown_wallet_under_a_cap_is_an_unknown_equity_to_size_on() -> None:
    account = capped(wallet=None)

    assert account.sizing_equity is None
    assert isinstance(examine(a_case(a_plan(equity=100), account=account)), Refused)


def test_margin_that_is_bound_already_counts_against_the_cap() -> None:
    plan = a_plan(equity=100, account=capped())
    account = capped(margin_held=CAP - plan.margin / 2)

    found = reasons_of(examine(a_case(plan, account=account)))

    assert "under the capital cap 100.00" in found["margin"]


def test_a_stop_is_not_loosened_beyond_what_the_cap_may_lose() -> None:
    trade = a_trade(a_plan(equity=10_000))  # as it was entered under another cap
    held = Held(trade, a_position(trade), D(100), an_instrument(), some_limits())

    wide = {one.check for one in against_loosening(held, trade.stop - 1, capped(None))}
    tight = {one.check for one in against_loosening(held, trade.stop - 1, capped())}

    assert wide == set()
    assert {"loss_at_stop", "daily_budget", "drawdown_budget"} <= tight


def test_a_full_size_plan_under_the_cap_is_refused_while_a_probe_halves_it() -> None:
    plan = a_plan(account=capped())

    found = reasons_of(examine(a_case(plan, account=capped(is_probing=True))))

    assert "0.5 of the full size: a probe" in found["size"]


# ---------------------------------------------------------------- what sizing counts on


@pytest.mark.parametrize(
    ("equity", "wallet", "cap", "expected"),
    [
        (10_000, 10_000, 100, 100),
        (80, 90, 100, 80),  # an open loss shrinks it
        (95, 90, 100, 90),  # an open gain does not raise it over the wallet
        (80, 90, 50, 50),
        (95, 90, None, 95),  # paper: equity, as ever
        (80, 90, None, 80),
    ],
)
def test_sizes_count_on_the_least_of_equity_wallet_and_cap(
    equity: int, wallet: int, cap: int | None, expected: int
) -> None:
    assert capped(cap, equity, wallet=D(wallet)).sizing_equity == expected


def test_under_the_cap_a_plan_is_the_one_of_an_account_that_holds_no_more() -> None:
    under, small = a_plan(account=capped()), a_plan(equity=100)

    assert replace(under, equity=small.equity, notes=small.notes) == small
    assert under.equity == WALLET
    assert "capital cap of 100.00 USDT" in under.notes[0]
    assert isinstance(examine(a_case(under, account=capped())), Cleared)


def test_the_side_and_the_caps_of_one_more_loss_are_the_small_accounts() -> None:
    taken = (an_open_risk(BTC, loss=1),)
    limits = some_limits(max_open_positions=3)
    under, small = capped(open_risks=taken), an_account(100, open_risks=taken)

    assert side_risk(Side.LONG, None, under, limits) == side_risk(Side.LONG, None, small, limits)
    assert [c.most for c in loss_caps(Side.LONG, None, under, limits)] == [
        c.most for c in loss_caps(Side.LONG, None, small, limits)
    ]


@settings(max_examples=50)
@given(worlds(is_wild=False) | worlds(), st.sampled_from(("0.001", "0.05", "0.5", "0.97", "1", "3")))
def test_no_plan_drawn_under_a_cap_passes_a_share_of_the_cap(world: World, share: str) -> None:
    idea, quote, rules, account, limits = world
    assert account.equity is not None and account.day_opening is not None and account.peak is not None
    cap = account.equity * D(share)
    account = replace(account, cap=cap)
    plan = drawn((idea, quote, rules, account, limits))
    if plan is None or not plan.quantity > 0:
        return

    base = min(cap, account.equity)
    lost_today, fallen = account.day_opening - account.equity, account.peak - account.equity
    at_stake = account.open_risk + plan.loss_at_stop

    assert plan.loss_at_stop <= base * risk_by_hand(idea, limits) * plan.size_share
    assert plan.margin <= base * limits.position_size
    assert (plan.margin + plan.notional * rules.taker_fee) * NEAR <= cap
    assert at_stake * NEAR <= limits.daily_loss * min(cap, account.day_opening) - lost_today
    assert at_stake * NEAR <= limits.max_drawdown * min(cap, account.peak) - fallen


@settings(max_examples=30)
@given(worlds(is_wild=False) | worlds(), st.sampled_from((1, 7)))
def test_a_cap_that_binds_nothing_changes_no_digit(world: World, times: int) -> None:
    idea, quote, rules, account, limits = world
    assert account.equity is not None and account.peak is not None and account.day_opening is not None
    loose = replace(account, cap=max(account.peak, account.day_opening, account.equity) * times)
    plan, same = drawn(world), drawn((idea, quote, rules, loose, limits))

    assert plan == same
    if plan is not None:
        found = examine(judged(world, plan)), examine(judged((idea, quote, rules, loose, limits), plan))
        plain, under = (one.reasons if isinstance(one, Refused) else () for one in found)
        assert plain == under


# ---------------------------------------------------------------- what may be lost


def gauges(equity: Any, cap: Any, start: Any = WALLET) -> dict[str, Decimal | None]:
    health = Health(D(str(equity)), D(start), D(start), D(start), 0, cap=None if cap is None else D(cap))
    return {one.name: one.value for one in readings(health, some_limits())}


def test_a_loss_of_ten_trips_the_day_of_a_cap_of_a_hundred_in_a_wallet_of_ten_thousand() -> None:
    health = Health(D(9_990), WALLET, WALLET, WALLET, 0, cap=CAP)
    found = {one.name: one for one in readings(health, some_limits())}

    assert found[DAILY_LOSS].value == D("0.1") and found[DAILY_LOSS].is_tripped
    assert found[ROLLING_LOSS].is_tripped
    assert found[DRAWDOWN].value == D("0.1") and not found[DRAWDOWN].is_tripped


def test_without_a_cap_or_with_one_above_the_account_the_gauge_is_the_accounts() -> None:
    assert gauges(9_990, None)[DAILY_LOSS] == gauges(9_990, 20_000)[DAILY_LOSS] == D("0.001")


def test_an_unknown_cap_measures_nothing_rather_than_too_little() -> None:
    assert gauges(9_000, 0)[DAILY_LOSS] is None
    assert gauges(9_000, 0)[DRAWDOWN] is None


@pytest.mark.parametrize("lost", ["0", "3.7", "9.99", "10", "10.01", "25"])
def test_the_budget_is_used_up_exactly_where_the_breaker_trips(lost: str) -> None:
    account, limits = capped(equity=WALLET - D(lost), day_opening=WALLET, peak=WALLET), some_limits()
    health = Health(account.equity, WALLET, WALLET, WALLET, 0, cap=CAP)
    tripped = {one.name for one in readings(health, limits) if one.is_tripped}
    today, down = left_today(account, limits), left_down(account, limits)
    assert today is not None and down is not None

    assert today == 10 - D(lost) and down == 20 - D(lost)
    assert (today <= 0) == (DAILY_LOSS in tripped)
    assert (down <= 0) == (DRAWDOWN in tripped)


def test_the_drawdown_tiers_are_of_the_cap() -> None:
    yellow = capped(equity=WALLET - 6, day_opening=WALLET, peak=WALLET)
    orange = capped(equity=WALLET - 11, day_opening=WALLET - 11, peak=WALLET)

    assert yellow.drawdown == D("0.06")
    assert a_plan(account=yellow).size_share == D("0.5")
    assert "drawdown" in reasons_of(examine(a_case(a_plan(equity=100), account=orange)))


# ---------------------------------------------------------------- mends name the cap


def test_what_only_the_cap_keeps_too_small_names_the_cap_and_its_value() -> None:
    rules = an_instrument(lot=D(1), min_quantity=D(1))  # one lot at 100 loses 5.2
    limits = some_limits(max_trade_loss=D("0.02"))
    found = unsizeable(rules, a_quote(), CAP, limits, uncapped=WALLET)

    assert found is not None
    assert found.mend == "a capital cap of 262 USDT (LIVE_CAPITAL_CAP=262, once armed: /golive with CAP)"
    assert unsizeable(rules, a_quote(), D(262), limits, uncapped=WALLET) is None


def test_where_the_account_is_too_small_as_well_both_are_named() -> None:
    rules = an_instrument(lot=D(1), min_quantity=D(1))
    small = smallest_order(Ticket(Side.LONG, D(100), D(95), D(100)), 5, rules, some_limits())
    mended = size_mend(small, D(10), some_limits(), uncapped=D(20))

    assert mended.startswith("a capital cap of ") and " and equity of " in mended


def test_a_refusal_for_size_under_the_cap_names_the_cap() -> None:
    rules = an_instrument(lot=D(1), min_quantity=D(1))
    account = capped(40)
    plan = a_plan(account=account, instrument=rules)
    outcome = examine(a_case(plan, account=account, instrument=rules))

    assert isinstance(outcome, Refused)
    (mend,) = [one.mend for one in outcome.reasons if one.check == "minimums"]
    assert mend.startswith("a capital cap of ")


def test_margin_that_is_bound_under_the_cap_is_mended_by_the_cap() -> None:
    rules = an_instrument()
    small = smallest_order(Ticket(Side.LONG, D(100), D(95), D(100)), 5, rules, some_limits())
    mends = list(account_mends(small, Side.LONG, None, capped(margin_held=D("99.9")), some_limits()))

    assert mends == ["a capital cap of 101 USDT (LIVE_CAPITAL_CAP=101, once armed: /golive with CAP)"]


def test_a_daily_limit_that_is_named_would_really_do() -> None:
    account = capped(equity=WALLET - 9, day_opening=WALLET, peak=WALLET - 9)
    small = smallest_order(Ticket(Side.LONG, D(100), D(95), D(100)), 5, an_instrument(), some_limits())
    costly = replace(small, loss=D(2))
    (mend,) = account_mends(costly, Side.LONG, None, account, some_limits())
    name, _, value = mend.partition("=")
    left = left_today(account, some_limits(daily_loss=D(value)))

    assert name == "DAILY_LOSS_LIMIT_PERCENT"
    assert left is not None and left >= costly.loss


def test_a_plan_drawn_before_the_cap_was_lowered_is_refused_by_the_lower_one() -> None:
    plan = a_plan(account=capped(200))

    assert isinstance(examine(a_case(plan, account=capped(200))), Cleared)
    assert "loss_at_stop" in reasons_of(examine(a_case(plan, account=capped(100))))

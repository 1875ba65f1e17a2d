"""Between drawing a plan and acting on it equity breathes; the plan is cut to it, never grown or forced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plan import Cleared, Origin, Refused
from core.risk.checks import examine
from core.risk.limits import Limits
from core.risk.refitting import MOST_CUT, cut_to_equity
from tests.core.builders import D, a_case, a_plan, an_account, an_instrument

LIMITS = Limits()


@pytest.mark.parametrize("equity", [None, 0, -5, "NaN", 940, 500])
def test_an_equity_that_is_unknown_or_fell_far_leaves_the_plan_to_be_refused(equity: Any) -> None:
    plan = a_plan()
    account = an_account() if equity is None else an_account(equity)
    account = replace(account, equity=None) if equity is None else account

    assert cut_to_equity(plan, account, an_instrument(), LIMITS) == plan


@pytest.mark.parametrize("equity", [1000, 1000.01, 5000])
def test_a_plan_that_fits_stays_as_it_is(equity: float) -> None:
    plan = a_plan()

    assert cut_to_equity(plan, an_account(equity), an_instrument(), LIMITS) == plan


def test_a_cent_less_of_equity_refuses_the_plan_as_it_was_and_clears_the_cut_one() -> None:
    plan, account = a_plan(instrument=an_instrument(lot=D("0.0001"))), an_account("999.5")
    instrument = an_instrument(lot=D("0.0001"))
    case = a_case(plan, account=account, instrument=instrument)

    cut = cut_to_equity(plan, account, instrument, LIMITS)

    assert isinstance(examine(case), Refused)
    assert isinstance(examine(replace(case, plan=cut)), Cleared)
    assert "equity is 999.50 USDT now" in cut.notes[-1]


def test_a_plan_of_a_smaller_share_is_held_to_that_share() -> None:
    instrument = an_instrument(lot=D("0.0001"))
    probing = replace(an_account(), is_probing=True)
    plan = a_plan(instrument=instrument, account=probing)
    case = a_case(plan, account=replace(probing, equity=D("999.5")), instrument=instrument)

    cut = cut_to_equity(plan, case.account, instrument, LIMITS)

    assert plan.size_share < 1
    assert isinstance(examine(case), Refused)
    assert isinstance(examine(replace(case, plan=cut)), Cleared)


def test_a_persons_own_risk_is_not_cut_to_that_of_a_scan() -> None:
    plan = replace(a_plan(), origin=Origin.MANUAL)

    cut = cut_to_equity(plan, an_account("999"), an_instrument(), LIMITS)

    assert cut == plan


@given(equity=st.decimals(900, 1100, places=2), margin=st.sampled_from(["0.05", "0.2", "1"]))
def test_a_cut_plan_is_smaller_by_little_and_within_both_fractions(equity: Any, margin: str) -> None:
    limits = replace(LIMITS, position_size=D(margin))
    plan = a_plan(limits=limits)

    cut = cut_to_equity(plan, an_account(equity), an_instrument(), limits)

    assert cut.quantity <= plan.quantity
    if cut != plan:
        assert cut.loss_at_stop <= equity * limits.risk_per_trade
        assert cut.margin <= equity * limits.position_size
        assert cut.quantity >= plan.quantity * (1 - MOST_CUT) - an_instrument().lot

"""The second gate: refused below break-even, and where it does not speak, silent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.brief import break_even_probability
from core.plan import Plan, Refused
from core.risk.checks import break_even, examine
from tests.core.builders import D, a_case, a_plan


def refusal(plan: Plan) -> str:
    outcome = examine(a_case(plan))
    reasons = outcome.reasons if isinstance(outcome, Refused) else ()
    return next((reason.text for reason in reasons if reason.check == "chance"), "")


@pytest.mark.parametrize("chance", [0.0, 0.2, float("nan"), 1.0001, float("inf"), -0.1])
def test_a_plan_whose_chance_is_not_surely_enough_is_refused(chance: float) -> None:
    assert refusal(replace(a_plan(), chance=chance))


def test_a_refusal_names_both_numbers_and_the_ratio_that_asks_for_it() -> None:
    plan = a_plan()
    needed = 1 / (1 + float(plan.reward_risk))

    text = refusal(replace(plan, chance=needed - 0.01))

    assert f"{needed - 0.01:.3f}" in text
    assert f"{needed:.3f}" in text
    assert f"{plan.reward_risk:.2f}" in text


def test_just_enough_chance_passes_and_no_record_passes() -> None:
    plan = a_plan()

    assert refusal(replace(plan, chance=break_even(plan))) == ""
    assert refusal(replace(plan, chance=None)) == ""


@pytest.mark.parametrize("ratio", ["0", "-1", "-3"])
def test_where_nothing_can_be_won_only_certainty_would_do(ratio: str) -> None:
    assert break_even(replace(a_plan(), reward_risk=D(ratio))) == 1.0


@given(st.floats(0.0, 0.5), st.floats(1.0, 6.0))
def test_the_break_even_of_net_figures_is_the_one_the_question_tells(cost_r: float, ratio: float) -> None:
    """Of one target: gain after costs is RR - c, loss after costs 1 + c, in R of the bare stop distance."""
    net = D(str(ratio - cost_r)) / D(str(1 + cost_r))

    needed = break_even(replace(a_plan(), reward_risk=net))

    assert needed == pytest.approx(break_even_probability(cost_r, ratio))

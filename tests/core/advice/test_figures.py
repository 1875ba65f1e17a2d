"""The record in figures: what is not counted first, then each figure, then what is suggested."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.advice.figures import SUGGEST_SIDES, Record, by_model, record_of, suggestions
from core.advice.outcomes import horizon_end
from core.adviser_record import AdviserFigures, End, Judgement, Rate
from core.opinion import Role, Silence, Stance
from tests.core.advice.witnesses import BEGIN, Witness, a_judgement, a_world, judgements_of

AS_OF = BEGIN + timedelta(days=90)


def figures_of(*judgements: Judgement) -> AdviserFigures:
    (only,) = record_of(judgements, 1, AS_OF).figures
    return only


def at(number: int, **fields: Any) -> Judgement:
    """One every six hours."""
    return a_judgement(**{"id": f"j{number:04d}", "bar": BEGIN + timedelta(hours=6 * number)} | fields)


def failed(number: int, why: Silence, **fields: Any) -> Judgement:
    blank = {"stance": None, "p": None, "long_end": None, "ended_at": None, "place": None, "model": ""}
    return at(number, failure=why, **blank | fields)


# ---------------------------------------------------------------- what is not counted


def test_no_judgements_make_an_empty_record() -> None:
    assert record_of([], 1, AS_OF) == Record((), (), AS_OF)


def test_what_is_open_or_unknown_is_in_no_rate() -> None:
    found = figures_of(at(0, long_end=None, ended_at=None), at(1, long_end=End.UNKNOWN))

    assert (found.opinions, found.waiting, found.unknown, found.sides) == (2, 1, 1, 0)
    assert (found.met, found.brier, found.skill, found.bins) == (None, None, None, ())


def test_what_ended_before_its_horizon_is_over_waits_for_the_others_of_its_time() -> None:
    early = at(0, bar=AS_OF - timedelta(hours=2), ended_at=AS_OF - timedelta(hours=1), long_end=End.STOP)
    lost = replace(early, long_end=End.UNKNOWN)

    assert (figures_of(early).sides, figures_of(early).waiting) == (0, 1)
    assert (figures_of(lost).unknown, figures_of(lost).waiting) == (1, 0)
    (due,) = record_of([early], 1, horizon_end(early)).figures
    assert (due.sides, due.waiting) == (1, 0)


def test_a_bar_that_held_both_barriers_counts_against_the_answer_and_is_named() -> None:
    found = figures_of(at(0, long_end=End.BOTH), at(1))

    assert found.met is not None
    assert (found.met.value, found.met.n, found.ambiguous) == (0.5, 2, 1)


def test_an_answer_without_a_stated_probability_is_in_no_calibration() -> None:
    assert figures_of(at(0, p=None), at(1)).sides == 1


# ---------------------------------------------------------------- figures


def test_a_hold_was_right_when_neither_sides_target_came_first() -> None:
    def hold(number: int, long: End, short: End) -> Judgement:
        return at(number, stance=Stance.HOLD, p=None, long_end=long, short_end=short)

    found = figures_of(
        hold(0, End.STOP, End.TARGET), hold(1, End.TIME, End.TIME), hold(2, End.BOTH, End.STOP), at(3)
    )

    assert found.holds is not None
    assert (found.holds.value, found.holds.n) == (pytest.approx(2 / 3), 3)
    assert found.sides == 1


def test_failures_and_made_up_figures_are_counted_apart() -> None:
    silent = [failed(1, Silence.TIMEOUT), failed(2, Silence.FABRICATED)]

    found = figures_of(at(0), at(3), *silent)

    assert found.failed is not None and found.fabricated is not None
    assert (found.failed.value, found.failed.n) == (0.5, 4)
    assert (found.fabricated.value, found.fabricated.n) == (0.25, 4)
    assert found.opinions == 2


def test_cost_counts_failures_too_and_latency_leaves_reused_answers_out() -> None:
    found = figures_of(
        at(0, cost_usd=Decimal("0.002"), latency_s=3.0),
        at(1, cost_usd=Decimal(0), latency_s=0.0, is_cached=True),
        failed(2, Silence.MALFORMED, cost_usd=Decimal("0.001"), latency_s=5.0),
    )

    assert (found.cost_usd, found.cost_per_100) == (Decimal("0.003"), Decimal("0.15"))
    assert found.latency_s == 4.0


def test_a_failure_that_names_no_model_belongs_to_the_one_that_answered_before() -> None:
    groups = by_model(
        [
            failed(0, Silence.TIMEOUT),
            at(1, model="old"),
            failed(2, Silence.TIMEOUT),
            at(3, model="new"),
            failed(4, Silence.TIMEOUT),
        ]
    )

    assert {model: [one.id for one in own] for model, own in groups["claude"].items()} == {
        "old": ["j0000", "j0001", "j0002"],
        "new": ["j0003", "j0004"],
    }


def test_an_adviser_that_never_answered_is_shown_all_the_same() -> None:
    found = figures_of(failed(0, Silence.NOT_ALLOWED))

    assert (found.adviser, found.model, found.opinions) == ("claude", "", 0)
    assert found.failed is not None and found.failed.value == 1.0


def test_another_served_model_starts_at_nothing_and_the_former_one_decides_nothing() -> None:
    old = [at(number, model="old") for number in range(40)]
    new = [at(40, model="new")]

    record = record_of([*old, *new], 1, AS_OF)

    assert [(one.model, one.sides, one.is_current) for one in record.figures] == [
        ("new", 1, True),
        ("old", 40, False),
    ]
    assert [(track.model, track.sides) for track in record.tracks] == [("new", 1)]


def test_the_same_judgements_and_seed_give_the_same_figures_in_any_order() -> None:
    judged = judgements_of(a_world([Witness("claude", 0.5)], 30, 20, seed=1), "claude")

    assert record_of(judged, 5, AS_OF) == record_of(judged[::-1], 5, AS_OF)


def test_a_perfect_tone_has_its_curve_on_the_diagonal_and_an_exaggerated_one_does_not() -> None:
    world = a_world([Witness("honest", 1.0), Witness("loud", 1.0, tone=3.0)], 120, 40, seed=7)
    record = record_of([*judgements_of(world, "honest"), *judgements_of(world, "loud")], 1, AS_OF)
    honest, loud = record.figures

    assert all(_holds(one.met, one.stated) for one in honest.bins if one.met.n > 200)
    assert not all(_holds(one.met, one.stated) for one in loud.bins if one.met.n > 200)
    assert honest.skill is not None and honest.skill.value > 0.01
    assert loud.skill is not None and loud.skill.value < 0
    assert loud.calibrated_skill is not None and loud.calibrated_skill.value > 0.01


def _holds(rate: Rate, truth: float) -> bool:
    assert rate.interval is not None
    reach = rate.interval[1] - rate.interval[0]
    return rate.interval[0] - reach / 2 <= truth <= rate.interval[1] + reach / 2


@pytest.mark.parametrize(("share", "is_steady"), [(1 / 3, True), (0.5, False)])
def test_being_drawn_to_what_is_named_first_is_seen(share: float, is_steady: bool) -> None:
    world = a_world([Witness("claude", 0.5)], 60, 40, seed=2)

    (found,) = record_of(judgements_of(world, "claude", share), 1, AS_OF).figures

    assert found.first_named is not None and found.first_named.interval is not None
    low, high = found.first_named.interval
    assert (low <= 0 <= high) is is_steady
    assert low <= share - 1 / 3 <= high


# ---------------------------------------------------------------- suggestions


def weighed(adviser: str, low: float, high: float, **fields: Any) -> AdviserFigures:
    skill = Rate((low + high) / 2, 900, (low, high))
    made = replace(figures_of(at(0, adviser=adviser)), sides=SUGGEST_SIDES, calibrated_skill=skill)
    return replace(made, **fields)


ROLES = {"claude": Role.VOTER, "gpt": Role.VOTER, "grok": Role.SHADOW}


@pytest.mark.parametrize(
    "shadow",
    [
        weighed("grok", 0.01, 0.03, sides=SUGGEST_SIDES - 1),
        weighed("grok", 0.01, 0.03, is_current=False),
        weighed("grok", 0.01, 0.03, calibrated_skill=Rate(0.02, 900, None)),
        weighed("grok", 0.001, 0.03),
    ],
    ids=["few", "former", "few days", "not surely better"],
)
def test_nothing_is_suggested_without_evidence(shadow: AdviserFigures) -> None:
    voters = (weighed("claude", 0.0, 0.02), weighed("gpt", 0.0, 0.01))

    assert suggestions((*voters, shadow), ROLES) == ()


def test_a_shadow_that_surely_beats_the_worst_voter_is_suggested_with_both_numbers() -> None:
    voters = (weighed("claude", 0.01, 0.03), weighed("gpt", 0.0, 0.002))

    (words,) = suggestions((*voters, weighed("grok", 0.01, 0.03)), ROLES)

    assert "grok" in words and "+1.0%" in words and "gpt" in words and "n=900" in words


def test_a_voter_that_is_surely_worse_than_the_base_rate_is_suggested_for_the_shadow() -> None:
    (words,) = suggestions((weighed("claude", -0.03, -0.01), weighed("gpt", -0.01, 0.01)), ROLES)

    assert "claude" in words and "shadow" in words and "-1.0%" in words


def test_a_veto_is_neither_promoted_nor_put_in_the_shadow() -> None:
    roles = {**ROLES, "grok": Role.VETO}

    assert suggestions((weighed("claude", 0.0, 0.01), weighed("grok", 0.05, 0.06)), roles) == ()
    assert suggestions((weighed("grok", -0.06, -0.05),), roles) == ()

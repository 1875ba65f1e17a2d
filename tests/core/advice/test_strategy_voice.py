"""Strategies beside models are one voice that makes no trade easier; alone they decide, by their shares."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.strategy_voice import capital_share, decided_by_strategies
from core.advice.verdict import RULES_NAME, agree
from core.opinion import (
    Abstention,
    Decider,
    Flags,
    Opinion,
    Panel,
    Purpose,
    Role,
    Silence,
    Stance,
    Verdict,
)
from core.strategy_use import NO_STRATEGIES, Strategies, StrategyPart, StrategyRole
from tests.core.advice.pictures import opinion

D = Decimal
HALVES = (D("0.5"), D("0.5"))
NAMES = ("strategy-trend@1h", "strategy-breakout@1h", "strategy-random@15m")


def use(*shares: Decimal, role: StrategyRole = StrategyRole.ADVISER) -> Strategies:
    names = zip(NAMES, shares, strict=False)
    return Strategies(role, tuple(StrategyPart(name, "trend", (), "1h", share) for name, share in names))


def said(*stances: str) -> list[Opinion]:
    return [opinion(name, stance) for name, stance in zip(NAMES, stances, strict=False)]


def models(*stances: str) -> list[Opinion]:
    return [opinion(name, stance) for name, stance in zip("abcd", stances, strict=False)]


def judged(
    opinions: list[Opinion],
    strategies: Strategies,
    decider: Decider = Decider.AI,
    silent: tuple[Abstention, ...] = (),
    purpose: Purpose = Purpose.ENTRY,
) -> Verdict:
    return agree(Panel(tuple(opinions), silent), Flags(), decider, {}, purpose, strategies)


# ---------------------------------------------------------------- what they cannot do beside models


def test_strategies_without_a_model_that_answers_decide_nothing() -> None:
    verdict = judged(said("long", "long"), use(*HALVES))

    assert verdict.stance is Stance.HOLD
    assert "a model has to agree" in verdict.reasons[0]


def test_two_copies_of_one_judgement_are_no_majority() -> None:
    assert (
        judged([*models("hold"), *said("long", "long", "long")], use(*[D("0.3")] * 3)).stance is Stance.HOLD
    )
    assert judged([*models("short", "hold"), *said("long", "long")], use(*HALVES)).stance is Stance.HOLD


def test_a_model_that_failed_is_not_outvoted_by_strategies() -> None:
    broken = (Abstention("b", Silence.MALFORMED, ""), Abstention("c", Silence.INVALID, ""))

    assert judged([*models("long"), *said("long", "long")], use(*HALVES), silent=broken).stance is Stance.HOLD


def test_one_model_with_the_strategies_is_a_single_opinion_that_auto_never_trades() -> None:
    verdict = judged([*models("long", "hold"), *said("long")], use(D("0.4")))

    assert (verdict.stance, verdict.is_single, verdict.is_unanimous) == (Stance.LONG, True, False)
    assert "Without the strategies' it would be none" in verdict.reasons[0]
    assert capital_share(verdict, use(D("0.4"))) == D("0.4")


def test_two_models_and_the_strategies_against_two_models_is_nothing_for_auto() -> None:
    verdict = judged([*models("long", "long", "hold", "hold"), *said("long")], use(D(1)))

    assert (verdict.stance, verdict.is_single) == (Stance.LONG, True)


def test_strategies_raise_no_confidence_and_make_nothing_unanimous() -> None:
    weak = [replace(one, confidence=0.6) for one in models("long", "long")]
    sure = [replace(one, confidence=1.0) for one in said("long")]

    verdict = judged([*weak, *sure], use(D(1)))

    assert verdict.confidence == 0.6
    assert verdict.is_unanimous  # by the two models alone
    assert not judged([*weak[:1], *sure], use(D(1))).is_unanimous


def test_a_strategy_without_much_confidence_lowers_it() -> None:
    unsure = [replace(one, confidence=0.1) for one in said("long")]

    assert judged([*models("long", "long"), *unsure], use(D(1))).confidence < 0.8


def test_a_strategy_that_the_rules_do_not_name_has_no_say() -> None:
    verdict = judged([*models("long"), *said("long")], NO_STRATEGIES)

    assert verdict.is_single
    assert verdict.opinions[1].role is Role.SHADOW


@pytest.mark.parametrize(
    ("role", "decider"),
    [
        (StrategyRole.ADVISER, Decider.RULES),
        (StrategyRole.ALONE, Decider.AI),
        (StrategyRole.SHADOW, Decider.AI),
        (StrategyRole.SHADOW, Decider.RULES),
    ],
)
def test_in_a_role_without_a_say_they_are_recorded_without_effect(
    role: StrategyRole, decider: Decider
) -> None:
    others = [opinion(RULES_NAME, "hold"), *models("hold", "hold")]

    verdict = judged([*others, *said("long")], use(D(1), role=role), decider)

    assert verdict.stance is Stance.HOLD
    assert verdict.opinions[-1].role is Role.SHADOW


STANCES = st.sampled_from(["long", "short", "hold"])


@given(st.lists(STANCES, max_size=4), st.lists(STANCES, max_size=3), st.lists(STANCES, max_size=2))
def test_no_strategies_make_a_trade_for_auto_that_the_models_alone_would_not_make(
    model_says: list[str], strategies_say: list[str], failed: list[str]
) -> None:
    silent = tuple(Abstention(f"failed{n}", Silence.FAILED, "") for n in range(len(failed)))
    strategies = use(*[D("0.3")] * len(strategies_say))
    alone = judged(models(*model_says), NO_STRATEGIES, silent=silent)

    verdict = judged([*models(*model_says), *said(*strategies_say)], strategies, silent=silent)

    is_traded_in_auto = verdict.stance.side is not None and not verdict.is_single
    if is_traded_in_auto:
        assert (alone.stance, alone.is_single) == (verdict.stance, False)
        assert verdict.confidence <= alone.confidence
    if verdict.is_unanimous:
        assert alone.is_unanimous
    if verdict.stance.side is not None:
        assert verdict.stance.value in model_says


# ---------------------------------------------------------------- about an open trade


def test_that_nothing_was_signalled_holds_no_exit_up() -> None:
    heard = [*models("short", "short", "hold"), *said("hold")]

    assert judged(heard, use(D(1)), purpose=Purpose.EXIT).stance is Stance.SHORT
    assert judged(heard, use(D(1))).stance is Stance.HOLD


def test_one_model_and_the_strategies_may_end_a_trade() -> None:
    verdict = judged([*models("short"), *said("short")], use(D(1)), purpose=Purpose.EXIT)

    assert (verdict.stance, verdict.is_single) == (Stance.SHORT, False)


# ---------------------------------------------------------------- alone

ALONE = StrategyRole.ALONE


def test_alone_and_silent_they_hold() -> None:
    silent = (Abstention(NAMES[0], Silence.FAILED, "it broke"),)

    verdict = judged([opinion(RULES_NAME, "long"), *models("long", "long")], use(D(1), role=ALONE),
                     Decider.RULES, silent)  # fmt: skip

    assert verdict.stance is Stance.HOLD
    assert verdict.reasons[0] == "The strategies decide, and there is no answer: hold."
    assert decided_by_strategies(verdict)


@pytest.mark.parametrize(
    ("stances", "stance", "share"),
    [
        (("long", "long", "long"), Stance.LONG, D("1.0")),
        (("long", "hold", "long"), Stance.LONG, D("0.7")),
        (("long", "short", "hold"), Stance.LONG, D("0.2")),
        (("short", "short", "hold"), Stance.SHORT, D("0.8")),
        (("hold", "hold", "hold"), Stance.HOLD, D(1)),
    ],
)
def test_alone_they_decide_with_the_share_that_is_left_of_them(
    stances: tuple[str, ...], stance: Stance, share: Decimal
) -> None:
    strategies = use(D("0.5"), D("0.3"), D("0.2"), role=ALONE)

    verdict = judged(said(*stances), strategies, Decider.RULES)

    assert (verdict.stance, capital_share(verdict, strategies)) == (stance, share)
    assert not verdict.is_unanimous


def test_shares_that_cancel_out_exactly_are_a_hold() -> None:
    strategies = use(D("0.3"), D("0.1"), D("0.2"), role=ALONE)

    verdict = judged(said("long", "short", "short"), strategies, Decider.RULES)

    assert verdict.stance is Stance.HOLD


def test_where_they_are_not_leant_on_the_whole_risk_is_asked_for() -> None:
    verdict = judged([*models("long", "long"), *said("long")], use(D("0.1")))

    assert capital_share(verdict, use(D("0.1"))) == D(1)
    assert not decided_by_strategies(verdict)

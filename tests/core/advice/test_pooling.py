"""When there is a pooled chance at all, who moves it, and how far."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.pooling import (
    LEAST_DAYS,
    LEAST_SIDES,
    Track,
    chance_of,
    likeness,
    standing_of,
    track_of,
    weights_of,
)
from core.advice.tracks import learned, sides_of
from core.adviser_record import NO_STANDING, Standing, Voice
from core.codec import from_text, to_text
from core.market import Side
from core.opinion import Decider, Opinion, Role, Stance, Verdict
from tests.core.advice.witnesses import BEGIN, Witness, a_judgement, a_world, judgements_of
from tests.core.builders import an_opinion

AS_OF = BEGIN + timedelta(days=90)
RISING = tuple(np.linspace(0.2, 0.65, 10).tolist())


def a_voice(adviser: str = "claude", **fields: Any) -> Voice:
    made = Voice(adviser, f"{adviser}-1", 900, 0.4, RISING, 0.5)
    return replace(made, **fields)


def a_standing(*voices: Voice) -> Standing:
    return Standing(True, voices or (a_voice("claude"), a_voice("gpt")), (), AS_OF)


def says(adviser: str, p: float | None, side: Side | None = Side.LONG, **fields: Any) -> Opinion:
    return an_opinion(adviser, side, **{"model": f"{adviser}-1", "p_target_first": p} | fields)


def a_verdict_of(*opinions: Opinion, stance: Stance = Stance.LONG, decider: Decider = Decider.AI) -> Verdict:
    return Verdict(stance, 0.8, decider, False, False, opinions, (), ())


BOTH = (says("claude", 0.6), says("gpt", 0.7))


def a_track(adviser: str = "claude", **fields: Any) -> Track:
    made = Track(adviser, f"{adviser}-1", LEAST_SIDES, LEAST_DAYS, 0.4, RISING, 0.0, {})
    return replace(made, **fields)


# ---------------------------------------------------------------- no chance


@pytest.mark.parametrize(
    ("verdict", "standing"),
    [
        (a_verdict_of(*BOTH), NO_STANDING),
        (a_verdict_of(*BOTH), replace(a_standing(), is_enough=False)),
        (a_verdict_of(*BOTH, stance=Stance.HOLD), a_standing()),
        (a_verdict_of(*BOTH, decider=Decider.RULES), a_standing()),
        (a_verdict_of(says("claude", None), says("gpt", None)), a_standing()),
        (a_verdict_of(*(replace(one, role=Role.SHADOW) for one in BOTH)), a_standing()),
    ],
    ids=["no record", "too little", "hold", "rules decide", "nothing stated", "only shadows"],
)
def test_without_a_record_that_supports_one_there_is_no_chance(verdict: Verdict, standing: Standing) -> None:
    assert chance_of(verdict, standing) is None


@pytest.mark.parametrize("role", [Role.SHADOW, Role.VETO])
def test_who_has_no_vote_moves_no_chance(role: Role) -> None:
    standing = a_standing(a_voice("claude"), a_voice("gpt"), a_voice("grok"))
    loud = says("grok", 0.99, role=role)

    assert chance_of(a_verdict_of(*BOTH, loud), standing) == chance_of(a_verdict_of(*BOTH), standing)


# ---------------------------------------------------------------- the chance


def test_two_equal_voices_pool_their_calibrated_log_odds() -> None:
    low, high = np.interp([0.6, 0.7], (np.arange(10) + 0.5) / 10, RISING)
    odds = (np.log(low / (1 - low)) + np.log(high / (1 - high))) / 2

    assert chance_of(a_verdict_of(*BOTH), a_standing()) == pytest.approx(1 / (1 + np.exp(-odds)))


def test_a_loud_statement_is_taken_for_no_more_than_its_record_bears_out() -> None:
    loud = a_verdict_of(says("claude", 1.0), says("gpt", 1.0))

    assert chance_of(loud, a_standing()) == pytest.approx(0.65)


def test_a_dissenter_who_states_much_takes_chance_away() -> None:
    standing = a_standing(a_voice("claude"), a_voice("gpt"), a_voice("grok"))
    agreed = chance_of(a_verdict_of(*BOTH), standing)

    dissent = chance_of(a_verdict_of(*BOTH, says("grok", 0.95, Side.SHORT)), standing)

    assert agreed is not None and dissent is not None
    assert dissent < agreed - 0.05


def test_another_served_model_starts_without_any_effect_but_dilution() -> None:
    fresh = (says("claude", 0.9, model="claude-2"), says("gpt", 0.9, model="gpt-2"))
    at_walk = 5.0 / (5.0 + 11.0)

    assert chance_of(a_verdict_of(*fresh), a_standing()) == pytest.approx(at_walk)


def test_a_lone_voice_has_one_half_and_its_base_the_rest() -> None:
    alone = chance_of(a_verdict_of(says("claude", 1.0)), a_standing())

    full = np.log(0.65 / 0.35) - np.log(0.4 / 0.6)
    assert alone == pytest.approx(1 / (1 + np.exp(-(np.log(0.4 / 0.6) + full / 2))))


def test_nobody_has_more_than_one_half_whatever_the_record_says() -> None:
    voices = (a_voice("claude", weight=0.98), a_voice("gpt", weight=0.01), a_voice("grok", weight=0.01))
    quiet = (says("gpt", 0.2), says("grok", 0.2))

    heard = chance_of(a_verdict_of(says("claude", 1.0), *quiet), a_standing(*voices))
    equal = chance_of(a_verdict_of(says("claude", 1.0), quiet[0]), a_standing(voices[0], voices[1]))

    assert heard == pytest.approx(equal)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from(list(Side)))
def test_a_chance_is_a_probability_and_rises_with_what_agreeing_voices_state(
    low: float, high: float, third: float, side: Side
) -> None:
    low, high = sorted((low, high))
    standing = a_standing(a_voice("claude"), a_voice("gpt"), a_voice("grok", weight=0.1))
    dissent = says("grok", third, side.opposite)

    chances = [
        chance_of(
            a_verdict_of(says("claude", p, side), says("gpt", p, side), dissent, stance=Stance(side)),
            standing,
        )
        for p in (low, high)
    ]

    assert chances[0] is not None and chances[1] is not None
    assert 0 < chances[0] <= chances[1] < 1


def test_a_standing_survives_being_recorded() -> None:
    standing = a_standing()

    assert from_text(Standing, to_text(standing)) == standing


# ---------------------------------------------------------------- enough


@pytest.mark.parametrize(
    "tracks",
    [
        [],
        [a_track("claude")],
        [a_track("claude"), a_track("gpt", sides=LEAST_SIDES - 1)],
        [a_track("claude"), a_track("gpt", days=LEAST_DAYS - 1)],
    ],
)
def test_less_than_two_long_records_leave_the_plain_rule_and_say_what_is_missing(tracks: list[Track]) -> None:
    standing = standing_of(tracks, lambda name: True, AS_OF)

    assert not standing.is_enough
    assert standing.missing


def test_two_long_records_of_voters_are_enough_and_shadows_count_for_nothing() -> None:
    tracks = [a_track("claude"), a_track("gpt"), a_track("grok")]

    assert standing_of(tracks, lambda name: True, AS_OF).is_enough
    one_votes = standing_of(tracks, lambda name: name == "claude", AS_OF)
    assert not one_votes.is_enough
    assert [voice.adviser for voice in one_votes.voices] == ["claude"]


# ---------------------------------------------------------------- weights


def test_without_a_record_everybody_weighs_the_same() -> None:
    tracks = [a_track(name, sides=0, gain=0.0) for name in ("claude", "gpt", "grok")]

    assert weights_of(tracks) == pytest.approx([1 / 3] * 3)


def test_a_short_lucky_record_hardly_weighs_more_and_a_long_good_one_does() -> None:
    def first(sides: int) -> float:
        tracks = [a_track("claude", sides=sides, gain=9.0), *(a_track(n, sides=sides) for n in ("gpt", "x"))]
        return weights_of(tracks)[0]

    assert first(20) < 0.35
    assert 0.45 < first(5_000) <= 0.5


def test_two_who_say_the_same_share_a_weight() -> None:
    rng = np.random.default_rng(2)
    moments = [("BTC/USDT:USDT", BEGIN + timedelta(minutes=15 * at)) for at in range(2_000)]
    said = rng.normal(0, 1, (2, 2_000))
    tracks = [
        a_track("claude", sides=5_000, edges=dict(zip(moments, said[0].tolist(), strict=True))),
        a_track("parrot", sides=5_000, edges=dict(zip(moments, said[0].tolist(), strict=True))),
        a_track("grok", sides=5_000, edges=dict(zip(moments, said[1].tolist(), strict=True))),
    ]

    claude, parrot, grok = weights_of(tracks)

    assert claude == parrot
    assert grok > 1.6 * claude


def test_likeness_of_strangers_and_of_silent_ones_is_none() -> None:
    here = {("A", BEGIN + timedelta(hours=at)): float(at) for at in range(50)}
    there = {("B", BEGIN + timedelta(hours=at)): float(at) for at in range(50)}
    flat = dict.fromkeys(here, 1.0)

    assert likeness(here, there) == likeness(here, flat) == likeness({}, {}) == 0.0


@given(st.lists(st.tuples(st.integers(0, 9_000), st.floats(-900, 900)), min_size=2, max_size=6))
def test_weights_add_up_to_one_and_nobody_has_more_than_half(rows: list[tuple[int, float]]) -> None:
    tracks = [a_track(str(at), sides=sides, gain=gain) for at, (sides, gain) in enumerate(rows)]

    weights = weights_of(tracks)

    assert sum(weights) == pytest.approx(1)
    assert all(0 < weight <= 0.5 + 1e-9 for weight in weights)


# ---------------------------------------------------------------- what is learned


def test_no_figure_of_the_past_knows_its_own_future() -> None:
    world = a_world([Witness("claude", 0.8)], days=20, a_day=30, seed=4)
    judged = judgements_of(world, "claude")
    turned = [
        replace(one, long_end=one.long_end if at < 300 else None, ended_at=one.ended_at)
        for at, one in enumerate(judged)
    ]

    whole, half = learned(sides_of(judged)), learned(sides_of(turned))

    assert half.calibrated == pytest.approx(whole.calibrated[:300])


def test_an_outcome_that_came_a_week_later_teaches_nothing_before() -> None:
    early = [
        a_judgement(
            id=f"j{at}",
            bar=BEGIN + timedelta(days=at // 40),
            symbol=str(at),
            ended_at=BEGIN + timedelta(days=7),
        )
        for at in range(240)
    ]

    past = learned(sides_of(early))

    assert past.base == pytest.approx(0.4), "everything met its target, and nobody knew yet"
    assert track_of("claude", "claude-1", sides_of(early)).base > 0.7

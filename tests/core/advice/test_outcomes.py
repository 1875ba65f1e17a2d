"""What the market did after an answer: refusals to judge first, then every end, over scripted bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.brief import write_brief
from core.advice.outcomes import (
    BAR,
    HOLD_BARS,
    barriers_of,
    given_up,
    horizon_end,
    judgements_of,
    resolved,
)
from core.adviser_record import UNASKED, End, Judgement
from core.market import Candles, Side, to_ms
from core.opinion import Abstention, Brief, Decider, Opinion, Purpose, Role, Silence, Stance, Verdict
from core.trading.decide import trade_terms
from tests.core.advice.witnesses import BEGIN, a_judgement
from tests.core.builders import a_frame, an_opinion, later, some_features, some_limits

CALM = (100.0, 100.2, 99.8)


def after(*bars: tuple[float, float, float], since: Any = BEGIN) -> Candles:
    """(open, high, low) of each bar from `since` on."""
    rows = [
        (to_ms(since) + at * 900_000, open_, high, low, open_, 1.0)
        for at, (open_, high, low) in enumerate(bars)
    ]
    return Candles("BTC/USDT:USDT", "15m", np.array(rows))


def a_long(**fields: Any) -> Judgement:
    """From 100 with an ATR of 1: stop 98, target 103, four bars of time."""
    return a_judgement(**{"long_end": None, "ended_at": None, "horizon_bars": 4} | fields)


def end_of(judgement: Judgement, *bars: tuple[float, float, float]) -> End | None:
    found = resolved(judgement, after(*bars))
    return None if found is None else found.long_end or found.short_end


def a_brief(**fields: Any) -> Brief:
    made = write_brief(some_features(), {}, trade_terms(some_limits()))
    return replace(made, **fields)


def a_verdict_of(*answers: Opinion | Abstention) -> Verdict:
    opinions = tuple(one for one in answers if isinstance(one, Opinion))
    silent = tuple(one for one in answers if isinstance(one, Abstention))
    return Verdict(Stance.HOLD, 0.0, Decider.AI, False, False, opinions, silent, ())


# ---------------------------------------------------------------- what is not judged


def test_an_answer_is_open_while_neither_barrier_is_met_and_time_is_left() -> None:
    assert end_of(a_long(), CALM, CALM, CALM) is None


def test_nothing_is_judged_without_the_bar_that_opens_at_its_close() -> None:
    later_bars = after((100.0, 110.0, 99.9), since=BEGIN + BAR)

    assert resolved(a_long(), later_bars) is None


def test_nothing_is_judged_from_no_bars_at_all() -> None:
    assert resolved(a_long(), Candles("BTC/USDT:USDT", "15m", np.empty((0, 6)))) is None


@pytest.mark.parametrize("field", ["atr", "stop_atr", "target_atr", "horizon_bars"])
def test_an_answer_without_its_distances_is_never_judged(field: str) -> None:
    assert barriers_of(a_long(**{field: None})) == ()
    assert resolved(a_long(**{field: None}), after((100.0, 200.0, 1.0))) is None


def test_an_answer_that_nothing_can_judge_is_recorded_as_unknown_at_once() -> None:
    hourless = some_features(hour=a_frame("1h", atr=None))
    brief = replace(a_brief(), features=hourless)

    side, hold = judgements_of(
        a_verdict_of(an_opinion(), an_opinion("gpt", None)), brief, "paper", "d1", later()
    )

    assert (side.long_end, side.short_end, side.ended_at) == (End.UNKNOWN, None, later())
    assert (hold.long_end, hold.short_end) == (End.UNKNOWN, End.UNKNOWN)


@pytest.mark.parametrize("why", sorted(UNASKED))
def test_who_was_not_asked_has_nothing_to_answer_for(why: Silence) -> None:
    assert judgements_of(a_verdict_of(Abstention("gpt", why, "")), a_brief(), "paper", "d1", later()) == ()


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("bar", "end"),
    [
        ((100.0, 103.0, 99.0), End.TARGET),
        ((100.0, 102.99, 98.0), End.STOP),
        ((100.0, 103.0, 98.0), End.BOTH),
        ((104.0, 104.5, 97.0), End.TARGET),
        ((97.0, 105.0, 96.0), End.STOP),
    ],
    ids=["target", "stop", "both", "opens over the target", "opens under the stop"],
)
def test_the_first_barrier_that_is_met_ends_a_long(bar: tuple[float, float, float], end: End) -> None:
    assert end_of(a_long(), CALM, bar, CALM) is end


@pytest.mark.parametrize(
    ("bar", "end"),
    [
        ((100.0, 101.9, 97.0), End.TARGET),
        ((100.0, 102.0, 97.1), End.STOP),
        ((100.0, 102.0, 97.0), End.BOTH),
    ],
)
def test_a_short_is_judged_the_other_way_round(bar: tuple[float, float, float], end: End) -> None:
    assert end_of(a_long(stance=Stance.SHORT), CALM, bar) is end


def test_a_target_after_the_horizon_is_too_late() -> None:
    too_late = (100.0, 110.0, 99.9)

    found = resolved(a_long(), after(CALM, CALM, CALM, CALM, too_late))

    assert found is not None
    assert (found.long_end, found.ended_at) == (End.TIME, BEGIN + 4 * BAR)


def test_an_end_is_dated_at_the_close_of_its_bar() -> None:
    found = resolved(a_long(), after(CALM, (100.0, 104.0, 99.9)))

    assert found is not None
    assert found.ended_at == BEGIN + 2 * BAR


def test_a_hold_is_judged_on_both_sides_within_a_day() -> None:
    hold = a_long(stance=Stance.HOLD, stop_atr=None, target_atr=None, horizon_bars=None, p=None)
    rises = [CALM] * 10 + [(100.0, 103.1, 99.9)]

    assert horizon_end(hold) == BEGIN + timedelta(days=1)
    found = resolved(hold, after(*rises))

    assert found is not None
    assert (found.long_end, found.short_end) == (End.TARGET, End.STOP)


def test_a_hold_through_a_quiet_day_ends_by_time_on_both_sides() -> None:
    hold = a_long(stance=Stance.HOLD, stop_atr=None, target_atr=None, horizon_bars=None, p=None)

    assert resolved(hold, after(*[CALM] * (HOLD_BARS - 1))) is None
    found = resolved(hold, after(*[CALM] * HOLD_BARS))

    assert found is not None
    assert (found.long_end, found.short_end) == (End.TIME, End.TIME)


def test_what_is_given_up_is_unknown_on_its_own_side_only() -> None:
    side, hold = given_up(a_long(), later()), given_up(a_long(stance=Stance.HOLD), later())

    assert (side.long_end, side.short_end, side.ended_at) == (End.UNKNOWN, None, later())
    assert (hold.long_end, hold.short_end) == (End.UNKNOWN, End.UNKNOWN)


@given(st.lists(st.floats(-1.4, 1.4), min_size=4, max_size=30), st.sampled_from(list(Side)))
def test_more_bars_never_change_an_end_that_is_known(steps: list[float], side: Side) -> None:
    prices = 100 + np.cumsum(steps)
    bars = [(p, p + 0.7, p - 0.7) for p in prices.tolist()]
    judgement = a_long(stance=Stance(side.value), horizon_bars=20)

    ends = [resolved(judgement, after(*bars[:count])) for count in range(1, len(bars) + 1)]

    known = [end for end in ends if end is not None]
    assert all(end == known[0] for end in known)
    assert ends[len(ends) - len(known) :] == known, "once known, known with every later bar"


# ---------------------------------------------------------------- what is recorded


def test_every_answer_is_recorded_with_where_its_stance_was_named() -> None:
    order = (Stance.HOLD, Stance.SHORT, Stance.LONG)
    brief = a_brief(order=order, purpose=Purpose.LOOK, version="9")
    verdict = a_verdict_of(
        an_opinion("claude", role=Role.SHADOW, call_id="c7"),
        an_opinion("gpt", None),
        Abstention("grok", Silence.FABRICATED, "secret words", "c9", Role.VETO),
    )

    long, hold, failed = judgements_of(verdict, brief, "paper", "d1", later())

    assert (long.stance, long.place, long.role, long.call_id) == (Stance.LONG, 2, Role.SHADOW, "c7")
    assert (long.p, long.close, long.atr, long.version) == (0.55, 100.0, 1.0, "9")
    assert (hold.stance, hold.place, hold.p, hold.purpose) == (Stance.HOLD, 0, None, Purpose.LOOK)
    assert (failed.stance, failed.failure, failed.role) == (None, Silence.FABRICATED, Role.VETO)
    assert failed.place is None
    assert "secret" not in repr(failed)


def test_the_same_model_bar_and_symbol_has_one_id_and_anything_else_another() -> None:
    def name(opinion: Opinion, brief: Brief, account: str = "paper", decision: str = "d1") -> str:
        return judgements_of(a_verdict_of(opinion), brief, account, decision, later())[0].id

    first = name(an_opinion(), a_brief())
    next_bar = replace(some_features(), bar_closed_at=later(minutes=10))

    assert name(an_opinion(side=None, is_cached=True), a_brief(), decision="d2") == first
    others = {
        name(an_opinion("gpt"), a_brief()),
        name(an_opinion(model="another"), a_brief()),
        name(an_opinion(), a_brief(symbol="ETH/USDT:USDT")),
        name(an_opinion(), replace(a_brief(), features=next_bar)),
        name(an_opinion(), a_brief(), account="live"),
    }
    assert len(others | {first}) == 6


def test_a_failure_does_not_take_the_place_of_a_later_answer_about_the_same_bar() -> None:
    failed, said = judgements_of(
        a_verdict_of(Abstention("claude", Silence.TIMEOUT, ""), an_opinion("claude", model="")),
        a_brief(),
        "paper",
        "d1",
        later(),
    )

    assert failed.id != said.id

"""What live would have planned at a signal is what the real decision plans there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from core.analysis.flags import FlagLimits
from core.backtest.as_live import PLANNED, LiveJudge, LiveRules
from core.backtest.engine import Signals, run
from core.backtest.engine_past import past_of
from core.backtest.features import Features
from core.backtest.shipped import Random, Trend
from core.backtest.strategies import Strategy
from core.errors import BadMarketFacts
from tests.core.backtest.fast_side import past_from
from tests.core.backtest.full_simulation import plans
from tests.core.backtest.side_by_side import World, in_time
from tests.core.backtest.worlds import HOUR_MS, a_history, bars_of, said
from tests.core.backtest.worlds_both import a_real_world, a_world
from tests.core.builders import an_instrument

QUARTER_MS = HOUR_MS // 4


class Named(Random):
    """Dice that name a stop, a target and a confidence, and how long they hold."""

    name = "named"
    hold_bars = 96

    def entries(self, features: Features) -> Signals:
        found = super().entries(features)
        part = (features.time_ms / QUARTER_MS) % 7
        return replace(found, stop=0.05 + part / 200, target=0.06 + part / 50, confidence=0.72 + part / 25)

    def of(self, symbol: str) -> Named:
        return Named(self.seed, self.every, super().of(symbol).symbol_mark)


def judged_of(world: World, judge: LiveJudge | None = None) -> tuple[Signals, ...]:
    """The strategy's signals in time, as live would plan them."""
    past = past_from(world)
    own = [replace(_said(world, name), side=in_time(world, name).side) for name in world.bars]
    own = [_cut(one, len(part.bars)) for one, part in zip(own, past.parts, strict=True)]
    rules = LiveRules(world.limits, world.flags)
    return (judge or LiveJudge(past)).judged(own, rules, world.strategy.hold_bars).signals


def _said(world: World, name: str) -> Signals:
    return world.strategy.of(name).entries(Features(world.bars[name], is_plain=True))


def _cut(signals: Signals, count: int) -> Signals:
    arrays = {name: getattr(signals, name) for name in ("stop", "target", "confidence")}
    cut = {name: None if array is None else array[:count] for name, array in arrays.items()}
    return Signals(signals.side[:count], **cut)


def require_as_live(world: World) -> int:
    """How many plans were compared."""
    drawn = asyncio.run(plans(world))
    found = dict(zip(world.bars, judged_of(world), strict=True))
    entered = {
        (name, int(place)) for name, one in found.items() for place in np.flatnonzero(np.abs(one.side) == 1)
    }
    assert entered == set(drawn)
    for (name, place), plan in drawn.items():
        one = found[name]
        assert one.stop[place] == float(abs(plan.entry - plan.stop) / plan.entry)
        assert one.atr[place] == pytest.approx(float(plan.atr), rel=1e-9)
        assert one.leverage[place] == plan.leverage_wanted
        assert one.share[place] == float(plan.size_share)
        assert one.funding[place] == float(plan.funding_cost)
        assert one.score[place] == pytest.approx(plan.score.total - plan.score.reward_risk, abs=1e-9)
        beta = np.nan if plan.beta is None else float(plan.beta)
        assert one.beta[place] == pytest.approx(beta, nan_ok=True)
        ladder = [float(target.price) for target in plan.targets]
        assert len(ladder) <= len(world.limits.targets)
    return len(drawn)


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_plans_over_random_paths_are_those_of_the_real_decision(seed: int) -> None:
    assert require_as_live(a_world(seed, strategy=Named(seed, 12.0))) > 0


@pytest.mark.parametrize("strategy", [Trend(), Named(3, 60.0)])
def test_plans_over_real_candles_are_those_of_the_real_decision(strategy: Strategy) -> None:
    world = a_real_world(datetime(2025, 10, 6, tzinfo=UTC), 10, strategy, flags=FlagLimits())

    assert require_as_live(world) > 3


def test_bars_longer_than_fifteen_minutes_are_refused_in_one_sentence() -> None:
    past = past_of([a_history(bars_of(np.random.default_rng(1), 50))], [an_instrument()])

    with pytest.raises(BadMarketFacts, match="can't be made from bars of 60 min"):
        LiveJudge(past)


def quarters(count: int, hole: int | None = None) -> np.ndarray:
    bars = bars_of(np.random.default_rng(2), count, 0.002, QUARTER_MS)
    return bars if hole is None else np.delete(bars, hole, axis=0)


def past_with(bars: np.ndarray):  # type: ignore[no-untyped-def]
    history = replace(a_history(bars), timeframe="15m")
    return past_of([history], [an_instrument()])


def test_what_is_struck_is_counted_by_flag_and_still_closes_what_is_held_against_it() -> None:
    count = 700
    strict = FlagLimits(min_volume_ratio=1e9)

    found = LiveJudge(past_with(quarters(count))).judged(
        [said(count, b650=1, b660=-1)], LiveRules(a_world(0).limits, strict)
    )

    assert found.funnel.ended == {"data": 0, "flags": 2, "structure": 0}
    assert found.funnel.struck["volume"] == 2
    assert found.funnel.planned == 0
    assert found.signals[0].side[[650, 660]].tolist() == [2, -2]
    assert "2 entries signalled, 0 planned" in found.funnel.lines()[0]


def test_what_missing_bars_hide_is_refused_and_none_of_it_is_made_up() -> None:
    found = LiveJudge(past_with(quarters(700, hole=640))).judged(
        [said(699, b641=1)], LiveRules(a_world(0).limits, FlagLimits(is_volume_on=False))
    )

    assert found.funnel.planned == 0


def test_a_bar_is_studied_once_whatever_is_asked_about_it() -> None:
    past, rules = past_with(quarters(700)), LiveRules(a_world(0).limits)
    judge = LiveJudge(past)
    first = judge.judged([said(700, b650=1)], rules)
    frames = judge._frames["SOL/USDT:USDT"]
    known = dict(frames._known)

    again = judge.judged([said(700, b650=1)], rules)

    assert list(known) == [650]
    assert frames._known[650] is known[650]
    assert again.funnel == first.funnel


def test_later_candles_change_no_plan() -> None:
    bars, rules = quarters(800), LiveRules(a_world(0).limits, FlagLimits(is_volume_on=False))
    bent = bars.copy()
    bent[652:, 1:5] *= 1.5
    whole, other = (LiveJudge(past_with(one)).judged([said(800, b650=1)], rules) for one in (bars, bent))

    for name in PLANNED:
        assert getattr(whole.signals[0], name)[650] == pytest.approx(
            getattr(other.signals[0], name)[650], nan_ok=True
        )


def test_a_strategys_reward_brings_the_last_target_in_but_not_before_the_first() -> None:
    world = a_world(1, strategy=Named(1, 12.0))
    ladder = [float(r) for r, _ in world.limits.targets]
    found = judged_of(world)

    rewards = np.concatenate([one.last_r[~np.isnan(one.last_r)] for one in found])

    assert len(rewards)
    assert ladder[:-1][-1:] <= [rewards.min()]
    assert rewards.max() <= ladder[-1]


def test_planned_signals_run() -> None:
    world = a_world(2, strategy=Named(2, 12.0))
    past = past_from(world)

    found = run(past, judged_of(world), replace(world.setup, is_plain=True))

    assert len(found.trades)

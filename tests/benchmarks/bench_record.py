"""Whether the advisers' record finds what is known of synthetic advisers, and whether its pool is worth it.

The witnesses see the true log odds (spread 0.35 around a base of 0.40) through noise that they share by 0.6.
An 80 % interval should hold the truth in 80 of 100 worlds; the truth is taken from a world of half a million
answers of the same witness.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from core.advice.calibration import Floats, bin_of
from core.advice.figures import record_of
from core.advice.pooling import LEAST_SIDES, log_odds_of, track_of, weights_of
from core.advice.tracks import Sides, learned, sides_of
from core.adviser_record import Rate
from tests.benchmarks.rig import show, verdict
from tests.core.advice.witnesses import BEGIN, Witness, World, a_world, chance, judgements_of

WORLDS, DAYS, A_DAY = 30, 60, 20
LEAST_IN_BIN = 50
LEAST_COVERAGE = 0.8 - 2 * (0.8 * 0.2 / WORLDS) ** 0.5
"""Two standard errors under what is claimed: the witnesses of one world share its outcomes."""
WITNESSES = (
    Witness("honest", 1.0),
    Witness("loud", 0.7, tone=3.0),
    Witness("biased", 0.5, tone=2.0, lean=0.6),
    Witness("blind", 0.0, tone=2.5),
)
SEEN_FIRST = 0.45

POOL_WORLDS, POOL_DAYS, POOL_A_DAY = 8, 75, 40
WORST_BEFORE = 1.005
MIXED = (Witness("a", 0.9, 2.5), Witness("b", 0.5, 3.0), Witness("c", 0.2, 3.5), Witness("d", 0.0, 3.0))
EQUAL = tuple(Witness(name, 0.5, tone) for name, tone in (("a", 2.5), ("b", 3.0), ("c", 3.5), ("d", 3.0)))
NONE = tuple(Witness(name, 0.0, 3.0) for name in "abcd")


def bench_intervals_of_the_record_hold_what_is_known() -> None:
    for drift, kind in ((0.0, "days alike"), (0.2, "days with moods of their own")):
        truths = {one.name: _truth(one, drift) for one in WITNESSES}
        hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for seed in range(WORLDS):
            world = a_world(WITNESSES, DAYS, A_DAY, seed, drift)
            for one in WITNESSES:
                _look(one.name, world, truths[one.name], seed, hits)
        print(f"\n80 % intervals that hold the truth, {WORLDS} worlds of {DAYS * A_DAY} answers, {kind}:")
        names = ("bins", "met", "skill", "to first")
        for one in WITNESSES:
            shares = (f"{name} {np.mean(hits[one.name, name]):.0%}" for name in names)
            print(f"  {one.name:8} {', '.join(shares)}")
        means = {name: float(np.mean([np.mean(hits[one.name, name]) for one in WITNESSES])) for name in names}
        passed = all(mean >= LEAST_COVERAGE for mean in means.values())
        words = ", ".join(f"{name} {mean:.0%}" for name, mean in means.items())
        show(f"all of them, {kind}: {words} (at least {LEAST_COVERAGE:.0%}), {verdict(passed)}")
        assert passed


Truth = tuple[float, float, Floats]
"""Share met, skill, share met by tenth of what is stated."""


def _truth(witness: Witness, drift: float) -> Truth:
    world = a_world([witness], 20_000, 25, 999, drift)
    stated, truth = world.stated[witness.name], world.truth
    base = float(truth.mean())
    brier = float(((stated - truth) ** 2 + truth * (1 - truth)).mean())
    bins = bin_of(stated)
    count = np.bincount(bins, minlength=10)
    return base, 1 - brier / (base * (1 - base)), np.bincount(bins, truth, 10) / np.maximum(count, 1)


def _look(name: str, world: World, truth: Truth, seed: int, hits: dict[tuple[str, str], list[bool]]) -> None:
    judged = judgements_of(world, name, SEEN_FIRST, seed)
    (found,) = record_of(judged, seed, BEGIN + timedelta(days=DAYS + 1)).figures
    base, skill, by_tenth = truth
    hits[name, "met"].append(_holds(found.met, base))
    hits[name, "skill"].append(_holds(found.skill, skill))
    hits[name, "to first"].append(_holds(found.first_named, SEEN_FIRST - 1 / 3))
    for each in found.bins:
        if each.met.n >= LEAST_IN_BIN:
            tenth = int(bin_of(np.array([each.stated]))[0])
            hits[name, "bins"].append(_holds(each.met, float(by_tenth[tenth])))


def _holds(rate: Rate | None, truth: float) -> bool:
    assert rate is not None
    assert rate.interval is not None
    return rate.interval[0] <= truth <= rate.interval[1]


# ---------------------------------------------------------------- the pool


def bench_pool_against_equal_weights() -> None:
    print(f"\nBrier of the pool, {POOL_WORLDS} worlds of {POOL_DAYS * POOL_A_DAY} answers by four advisers:")
    print("  world   from        base rate  stated mean  equal    weighted  weighted ÷ equal")
    ratios: dict[tuple[str, str], float] = {}
    for name, witnesses in (("mixed", MIXED), ("equal", EQUAL), ("blind", NONE)):
        worlds = [_pooled(witnesses, seed) for seed in range(POOL_WORLDS)]
        for when, part in (("before", slice(0, LEAST_SIDES)), ("after", slice(LEAST_SIDES, None))):
            base, raw, equal, weighted = (np.mean([w[at][part].mean() for w in worlds]) for at in range(4))
            ratios[name, when] = float(weighted / equal)
            columns = f"{base:.5f}    {raw:.5f}      {equal:.5f}  {weighted:.5f}   {weighted / equal:.4f}"
            print(f"  {name:7} {when:6} {LEAST_SIDES}  {columns}")
    before = max(ratio for (_, when), ratio in ratios.items() if when == "before")
    after, worst = ratios["mixed", "after"], max(ratios.values())
    show(
        f"before {LEAST_SIDES}: at most {before:.4f} of equal weights' (at most {WORST_BEFORE}), "
        f"{verdict(before <= WORST_BEFORE)}",
        f"after, with mixed skill: {after:.4f} (below 1), {verdict(after < 1)}; "
        f"the worst of all worlds and times {worst:.4f}",
    )
    assert before <= WORST_BEFORE
    assert after < 1


def _pooled(witnesses: Sequence[Witness], seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Squared loss of the base rate, the stated mean, the equal and the weighted pool; each day with what was
    known before it."""
    world = a_world(witnesses, POOL_DAYS, POOL_A_DAY, seed)
    sides = {one.name: sides_of(judgements_of(world, one.name)) for one in witnesses}
    past = {name: learned(own) for name, own in sides.items()}
    first = next(iter(sides.values()))
    met, count = first.met, len(witnesses)
    odds = np.array([log_odds_of(past[one.name].calibrated) for one in witnesses])
    weights = np.full((count, len(met)), 1 / count)
    for begin in range(10 * POOL_A_DAY, len(met), 10 * POOL_A_DAY):  # counted again every ten days
        tracks = [track_of(name, name, _first(own, begin)) for name, own in sides.items()]
        weights[:, begin:] = np.array(weights_of(tracks))[:, None]
    equal, weighted = chance(odds.mean(axis=0)), chance((weights * odds).sum(axis=0))
    stated = np.mean([own.stated for own in sides.values()], axis=0)
    base = next(iter(past.values())).base
    return (base - met) ** 2, (stated - met) ** 2, (equal - met) ** 2, (weighted - met) ** 2


def _first(sides: Sides, count: int) -> Sides:
    return Sides(
        *(
            getattr(sides, name)[:count]
            for name in ("stated", "met", "chance", "sign", "bars", "day", "known")
        ),
        moments=sides.moments[:count],
    )


# ---------------------------------------------------------------- its price


def bench_time_of_counting_a_long_record() -> None:
    world = a_world(WITNESSES, 180, 80, 1)
    judged = [each for one in WITNESSES for each in judgements_of(world, one.name)]
    begin = time.perf_counter()
    record_of(judged, 1, BEGIN + timedelta(days=181))
    show(
        f"{len(judged):,} judgements of 180 days counted in {time.perf_counter() - begin:.1f} s, in a thread"
    )

"""The record in figures: one row for each model that ever answered under an adviser's name.

Laws:
- A rate is never made without its count and its interval.
- Another served model is another row: nothing of the former one's record is lent to it.
- Figures suggest; what an adviser may do is changed by the owner alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import ceil

import numpy as np

from core.advice.calibration import Floats, Resampled, bin_of, calibrated
from core.advice.outcomes import horizon_end
from core.advice.pooling import LEAST_SIDES, Track, track_of
from core.advice.tracks import Learned, Sides, base_and_curve, day_of, is_scored, learned, sides_of
from core.adviser_record import BINS, AdviserFigures, End, Judgement, Rate, ReliabilityBin
from core.opinion import Role, Silence, Stance

STANCES = len(Stance)
BARS_A_DAY = 96
SUGGEST_SIDES = LEAST_SIDES // 2
"""Judged sides below which nothing is suggested about anybody."""

# Columns of what a day adds.
(SIDES, MET, LOSS, TAKEN_LOSS, BASE_LOSS, HOLDS, RIGHT, PLACED, FIRST, ASKED, FAILED, FABRICATED) = range(12)
BIN_COUNT, BIN_MET = 12, 12 + BINS
COLUMNS = 12 + 2 * BINS


@dataclass(frozen=True, slots=True)
class Record:
    """All that the judgements of one account say."""

    figures: tuple[AdviserFigures, ...] = ()
    """By adviser; its present model first."""
    tracks: tuple[Track, ...] = ()
    """Of present models only."""
    as_of: datetime | None = None


def record_of(judgements: Sequence[Judgement], seed: int, as_of: datetime) -> Record:
    """`seed` draws the days of the intervals: the same judgements and seed give the same figures."""
    groups = by_model([_as_due(one, as_of) for one in judgements])
    newest = {adviser: max(models, key=lambda one: models[one][-1].bar) for adviser, models in groups.items()}
    figures, tracks = [], []
    for adviser, models in sorted(groups.items()):
        for model, own in sorted(models.items(), key=lambda item: item[1][-1].bar, reverse=True):
            sides, is_current = sides_of(own), model == newest[adviser]
            figures.append(_figures(own, sides, is_current, seed))
            if is_current:
                tracks.append(track_of(adviser, model, sides))
    return Record(tuple(figures), tuple(tracks), as_of)


def _as_due(one: Judgement, as_of: datetime) -> Judgement:
    """Open until its whole horizon is over: what ends early ends badly more often (a stop is nearer than a
    target, a right hold takes all its time), so a young record would otherwise speak of bad ends alone."""
    if one.ended_at is None or _is_unknown(one) or horizon_end(one) <= as_of:
        return one
    return replace(one, long_end=None, short_end=None, ended_at=None)


def by_model(judgements: Sequence[Judgement]) -> dict[str, dict[str, list[Judgement]]]:
    """Adviser → model → its judgements, oldest first. A failure that names no model is the one's that
    answered before it, else the next one's."""
    groups: dict[str, dict[str, list[Judgement]]] = defaultdict(lambda: defaultdict(list))
    nameless: dict[str, list[Judgement]] = defaultdict(list)
    last: dict[str, str] = {}
    for one in sorted(judgements, key=lambda one: (one.bar, one.id)):
        if one.model:
            last[one.adviser] = one.model
        if one.adviser not in last:
            nameless[one.adviser].append(one)
            continue
        groups[one.adviser][last[one.adviser]][:0] = nameless.pop(one.adviser, [])
        groups[one.adviser][last[one.adviser]].append(one)
    for adviser, own in nameless.items():
        groups[adviser][""] = own
    return groups


def _figures(own: Sequence[Judgement], sides: Sides, is_current: bool, seed: int) -> AdviserFigures:
    past = learned(sides)
    drawn = Resampled(_day_sums(own, sides, past), seed, _block_days(sides))
    said = [one for one in own if one.stance is not None]
    cost = sum((one.cost_usd for one in own), Decimal(0))
    waits = [one.latency_s for one in own if not one.is_cached and one.latency_s > 0]
    brier, base_brier = _briers(drawn)
    return AdviserFigures(
        adviser=own[-1].adviser,
        model=own[-1].model or next((one.model for one in own if one.model), ""),
        role=own[-1].role,
        is_current=is_current,
        first_at=own[0].bar,
        last_at=own[-1].bar,
        opinions=len(said),
        sides=len(sides),
        days=len(np.unique(sides.day)),
        waiting=sum(one.ended_at is None for one in said),
        unknown=sum(_is_unknown(one) for one in said),
        ambiguous=sum(End.BOTH in (one.long_end, one.short_end) for one in said),
        met=drawn.rate(MET, SIDES),
        holds=drawn.rate(RIGHT, HOLDS),
        brier=brier,
        base_brier=base_brier,
        skill=_skill(drawn, _stated_skill, len(sides)),
        calibrated_skill=_skill(drawn, _calibrated_skill, len(sides)),
        bins=_bins(sides, drawn),
        first_named=_drawn_to_first(drawn),
        fabricated=drawn.rate(FABRICATED, ASKED),
        failed=drawn.rate(FAILED, ASKED),
        latency_s=sum(waits) / len(waits) if waits else None,
        cost_usd=cost,
        cost_per_100=cost * 100 / len(said) if said else None,
    )


def _is_unknown(one: Judgement) -> bool:
    return End.UNKNOWN in (one.long_end, one.short_end)


def _block_days(sides: Sides) -> int:
    """A day and those that its usual horizon reaches into."""
    return 1 + ceil(float(np.median(sides.bars)) / BARS_A_DAY) if len(sides) else 2


def _day_sums(own: Sequence[Judgement], sides: Sides, past: Learned) -> Floats:
    """`(days, COLUMNS)`, oldest day first; days without any answer are not there."""
    days = sorted({day_of(one.bar) for one in own})
    row = {day: at for at, day in enumerate(days)}
    sums = np.zeros((len(days), COLUMNS))
    for one in own:
        _add(sums[row[day_of(one.bar)]], one)
    at = np.array([row[day] for day in sides.day.tolist()], dtype=np.int64)
    bins = bin_of(sides.stated)
    alone = np.zeros(len(sides), dtype=np.int64)
    for column, values in (
        (LOSS, (sides.stated - sides.met) ** 2),
        (TAKEN_LOSS, (past.calibrated - sides.met) ** 2),
        (BASE_LOSS, (past.base - sides.met) ** 2),
        (BIN_COUNT + bins, np.ones(len(sides))),
        (BIN_MET + bins, sides.met),
    ):
        np.add.at(sums, (at, alone + column), values)
    return sums


def _add(sums: Floats, one: Judgement) -> None:
    sums[ASKED] += 1
    sums[FAILED] += one.failure is not None
    sums[FABRICATED] += one.failure is Silence.FABRICATED
    sums[PLACED] += one.place is not None
    sums[FIRST] += one.place == 0
    if is_scored(one):
        sums[SIDES] += 1
        sums[MET] += one.end is End.TARGET
    elif one.stance is Stance.HOLD and one.ended_at is not None and not _is_unknown(one):
        sums[HOLDS] += 1
        sums[RIGHT] += End.TARGET not in (one.long_end, one.short_end)


def _briers(drawn: Resampled) -> tuple[float | None, float | None]:
    count = drawn.total[SIDES]
    if not count:
        return None, None
    met = drawn.total[MET] / count
    return float(drawn.total[LOSS] / count), float(met * (1 - met))


def _stated_skill(sums: Floats) -> Floats:
    """Against always stating the share that was met (Brier skill score; Murphy 1973)."""
    count, met = sums[:, SIDES], sums[:, MET]
    return 1 - sums[:, LOSS] / (met * (1 - met / count))


def _calibrated_skill(sums: Floats) -> Floats:
    return 1 - sums[:, TAKEN_LOSS] / sums[:, BASE_LOSS]


def _skill(drawn: Resampled, figure: Callable[[Floats], Floats], count: int) -> Rate | None:
    if not count:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(drawn.total[None, :])[0])
    return Rate(value, count, drawn.interval(figure)) if np.isfinite(value) else None


def _drawn_to_first(drawn: Resampled) -> Rate | None:
    """The order is drawn anew for every question, so each stance is named first equally often."""
    first = drawn.rate(FIRST, PLACED)
    if first is None:
        return None
    chance = 1 / STANCES
    low_high = first.interval
    moved = None if low_high is None else (low_high[0] - chance, low_high[1] - chance)
    return Rate(first.value - chance, first.n, moved)


def _bins(sides: Sides, drawn: Resampled) -> tuple[ReliabilityBin, ...]:
    """Those that hold an answer, lowest first."""
    if not len(sides):
        return ()
    _, curve = base_and_curve(sides)
    bins, found = bin_of(sides.stated), []
    for tenth in range(BINS):
        met = drawn.rate(BIN_MET + tenth, BIN_COUNT + tenth)
        if met is not None:
            stated = float(sides.stated[bins == tenth].mean())
            taken = float(calibrated(np.array([stated]), curve)[0])
            found.append(ReliabilityBin(stated, met, taken))
    return tuple(found)


# ---------------------------------------------------------------- suggestions


def suggestions(figures: Sequence[AdviserFigures], roles: Mapping[str, Role]) -> tuple[str, ...]:
    """What the evidence speaks for, in words for the owner; who is not named in `roles` votes."""
    ripe = [one for one in figures if one.is_current and one.sides >= SUGGEST_SIDES]
    known = [(one, skill) for one in ripe if (skill := one.calibrated_skill) and skill.interval]
    voters = [pair for pair in known if roles.get(pair[0].adviser, Role.VOTER) is Role.VOTER]
    shadows = [pair for pair in known if roles.get(pair[0].adviser, Role.VOTER) is Role.SHADOW]
    found = [_demotion(one, skill) for one, skill in voters if skill.interval and skill.interval[1] < 0]
    if voters:
        worst, least = min(voters, key=lambda pair: pair[1].value)
        found += [
            _promotion(one, skill, worst, least)
            for one, skill in shadows
            if skill.interval and skill.interval[0] > least.value
        ]
    return tuple(found)


def _promotion(one: AdviserFigures, skill: Rate, worst: AdviserFigures, least: Rate) -> str:
    assert skill.interval is not None
    return (
        f"{one.adviser} ({one.model}) has earned a vote: its skill is at least {skill.interval[0]:+.1%} "
        f"(n={skill.n}, 80 %), that of {worst.adviser} {least.value:+.1%} (n={least.n})."
    )


def _demotion(one: AdviserFigures, skill: Rate) -> str:
    assert skill.interval is not None
    return (
        f"{one.adviser} ({one.model}) belongs in the shadow: its skill is at most {skill.interval[1]:+.1%} "
        f"(n={skill.n}, 80 %), less than the base rate's."
    )

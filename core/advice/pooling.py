"""Stated probabilities → one calibrated probability, by the record of those who state them.

Laws:
- Who has no record says nothing: its answer dilutes, and moves the pool in no direction.
- Nobody has more than one half; what a lone voice leaves over stands at its base rate.
- A dissenter counts against the side by what it adds over its own base rate, a vote in the shadow or with a
  veto not at all.
- Where the rules decide, what models state has no effect.
- Below `LEAST_SIDES` of `LEAST_VOICES` voting advisers there is no pooled probability.

The pool is a weighted mean of log odds (Genest & Zidek, "Combining Probability Distributions", 1986). Weights
follow exp(gain x learning rate) of the calibrated squared loss against the base rate's (exponential weights:
Vovk 1990), are shared by those who say the same, and are drawn to equal by n / (n + 500).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.advice.calibration import MIDDLES, Floats
from core.advice.tracks import Moment, Sides, base_and_curve, learned
from core.adviser_record import NO_STANDING, Standing, Voice
from core.opinion import Decider, Opinion, Role, Stance, Verdict

LEAST_SIDES, LEAST_DAYS, LEAST_VOICES = 600, 30, 2
"""Judged sides and the UTC days they were given on. A spread of true probabilities of 0.08 around the base
shows at two standard errors after 608 answers; a month holds more than one mood of the market."""
LEARNING_RATE = 1.5
SHRINK_SIDES = 500.0
MOST = 0.5
COMMON_SIDES = 100.0
"""Common answers at which a correlation is believed by half."""
FARTHEST = 1e-6
"""No probability is nearer to 0 or 1 in log odds."""


@dataclass(frozen=True, slots=True)
class Track:
    """What is learned of one served model."""

    adviser: str
    model: str
    sides: int
    days: int
    base: float
    curve: tuple[float, ...]
    gain: float
    """Squared loss that it spared against its base rate, summed."""
    edges: Mapping[Moment, float]
    """What it added over its base in log odds for a long, by what it was asked about."""


def track_of(adviser: str, model: str, sides: Sides) -> Track:
    base, curve = base_and_curve(sides)
    past = learned(sides)
    spared = (past.base - sides.met) ** 2 - (past.calibrated - sides.met) ** 2
    edges = (log_odds_of(sides.stated) - log_odds_of(sides.chance)) * sides.sign
    return Track(
        adviser=adviser,
        model=model,
        sides=len(sides),
        days=len(np.unique(sides.day)),
        base=base,
        curve=tuple(curve.tolist()),
        gain=float(spared.sum()),
        edges=dict(zip(sides.moments, edges.tolist(), strict=True)),
    )


def standing_of(tracks: Sequence[Track], is_voter: Callable[[str], bool], as_of: datetime) -> Standing:
    """`tracks`: of the models that advisers answer with now."""
    voting = [track for track in tracks if is_voter(track.adviser)]
    weights = weights_of(voting)
    voices = tuple(
        Voice(track.adviser, track.model, track.sides, track.base, track.curve, weight)
        for track, weight in zip(voting, weights, strict=True)
    )
    enough = sum(map(_is_enough, voting)) >= LEAST_VOICES
    return Standing(enough, voices, () if enough else _missing(voting), as_of)


def _is_enough(track: Track) -> bool:
    return track.sides >= LEAST_SIDES and track.days >= LEAST_DAYS


def _missing(tracks: Sequence[Track]) -> tuple[str, ...]:
    lacking = [
        f"{track.adviser} ({track.model}): {track.sides} of {LEAST_SIDES} judged sides, "
        f"{track.days} of {LEAST_DAYS} days"
        for track in tracks
        if not _is_enough(track)
    ]
    if len(tracks) < LEAST_VOICES:
        lacking.append(f"{len(tracks)} of {LEAST_VOICES} voting advisers have a record")
    return tuple(lacking)


# ---------------------------------------------------------------- weights


def weights_of(tracks: Sequence[Track]) -> tuple[float, ...]:
    """They add up to 1; in the order of `tracks`."""
    if not tracks:
        return ()
    gains = np.array([track.gain for track in tracks])
    earned = np.exp(np.clip(LEARNING_RATE * (gains - gains.max()), -700.0, 0.0))
    earned = _capped(_shares(earned) / _company(tracks))
    trust = np.array([track.sides / (track.sides + SHRINK_SIDES) for track in tracks])
    return tuple(_capped(trust * earned + (1 - trust) / len(tracks)).tolist())


def _company(tracks: Sequence[Track]) -> Floats:
    """With how many it speaks as one, itself included: 1 for an independent voice."""
    count = len(tracks)
    alike = np.eye(count)
    for one in range(count):
        for other in range(one + 1, count):
            alike[one, other] = alike[other, one] = likeness(tracks[one].edges, tracks[other].edges)
    totals: Floats = alike.sum(axis=1)
    return totals


def likeness(one: Mapping[Moment, float], other: Mapping[Moment, float]) -> float:
    """0 to 1. What happened is the same for both, so they err together as far as they say the same."""
    common = sorted(one.keys() & other.keys())
    if len(common) < 3:
        return 0.0
    said = np.array([[one[moment], other[moment]] for moment in common])
    if not (said.std(axis=0) > 0).all():
        return 0.0
    found = float(np.corrcoef(said.T)[0, 1])
    return max(found, 0.0) * len(common) / (len(common) + COMMON_SIDES)


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares


def _capped(weights: Floats) -> Floats:
    """Nobody over one half of the whole; the others share what is over as they stand."""
    shares = _shares(weights)
    top = int(shares.argmax())
    if len(shares) < 2 or shares[top] <= MOST:
        return shares
    rest = 1 - shares[top]
    others = shares / rest * (1 - MOST) if rest > 0 else np.full(len(shares), (1 - MOST) / (len(shares) - 1))
    others[top] = MOST
    return others


# ---------------------------------------------------------------- pooling


def chance_of(verdict: Verdict, standing: Standing = NO_STANDING) -> float | None:
    """Of the target before the stop, for the verdict's side; None where the record supports none."""
    if not standing.is_enough or verdict.stance is Stance.HOLD or verdict.decider is not Decider.AI:
        return None
    voters = [one for one in verdict.opinions if one.role is Role.VOTER and _speaks(one)]
    agreeing = [one for one in voters if one.stance is verdict.stance]
    if not agreeing:
        return None
    weights = _weights_among(voters, standing)
    base = _mean([(weights[one.adviser], _log_odds(_base(one, standing))) for one in agreeing])
    moved = sum(
        weights[one.adviser] * _edge(one, standing) * (1 if one.stance is verdict.stance else -1)
        for one in voters
    )
    return 1 / (1 + math.exp(-(base + moved)))


def _speaks(opinion: Opinion) -> bool:
    is_side = opinion.stance.side is not None and bool(opinion.stop_atr and opinion.target_atr)
    return is_side and opinion.p_target_first is not None


def _weights_among(voters: Sequence[Opinion], standing: Standing) -> dict[str, float]:
    """Those of an unknown model have an equal share; a lone voice has one half."""
    equal = 1 / max(len(standing.voices), 1)
    voices = [standing.voice(one.adviser, one.model) for one in voters]
    weights = _capped(np.array([equal if voice is None else voice.weight for voice in voices]))
    return {one.adviser: min(float(w), MOST) for one, w in zip(voters, weights, strict=True)}


def _mean(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)


def _base(opinion: Opinion, standing: Standing) -> float:
    """Of a model without a record: what its own barriers give without any skill."""
    voice = standing.voice(opinion.adviser, opinion.model)
    if voice is not None and voice.sides:
        return voice.base
    assert opinion.stop_atr is not None
    assert opinion.target_atr is not None
    return opinion.stop_atr / (opinion.stop_atr + opinion.target_atr)


def _edge(opinion: Opinion, standing: Standing) -> float:
    """What it adds over its base, log odds."""
    voice = standing.voice(opinion.adviser, opinion.model)
    if voice is None or not voice.sides:
        return 0.0
    assert opinion.p_target_first is not None
    taken = float(np.interp(opinion.p_target_first, MIDDLES, voice.curve))
    return _log_odds(taken) - _log_odds(voice.base)


def _log_odds(probability: float) -> float:
    kept = min(max(probability, FARTHEST), 1 - FARTHEST)
    return math.log(kept / (1 - kept))


def log_odds_of(probabilities: Floats) -> Floats:
    kept = np.clip(probabilities, FARTHEST, 1 - FARTHEST)
    odds: Floats = np.log(kept / (1 - kept))
    return odds

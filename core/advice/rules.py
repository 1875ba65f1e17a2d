"""The rule-based adviser: a checklist over features, alone where no model is asked, and never called AI.

Laws:
- It looks at features only, so the same features always give the same opinion.
- Its confidence is the share of its checks that hold; a figure that is n/a is a check that does not hold.
- It states no probability of the target: no record supports a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.advice.brief import TradeTerms, stop_bounds_atr
from core.advice.facts import hourly_atr, shown_figures
from core.advice.verdict import RULES_NAME
from core.market import Regime, Side
from core.opinion import Abstention, Brief, Features, FrameFeatures, Opinion, Stance

RULES_MODEL = "rules-1"
"""Changes with every change of a rule, as a model's id would."""

LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.40, 0.86
"""With no check and with every check holding: a checklist knows no certainty."""
SHARE_TO_ACT = 0.70
SWING_MARGIN_ATR = 0.5
LEAST_STOP_ATR = 1.5
REWARD_RISK = 2.1
"""Target over stop, so that 2 is left after costs."""
STRONG_ADX, CALM_ADX = 25.0, 22.0
EDGE = 0.30
"""Nearer to a level than this fraction of the range counts as being at it."""
CROWDED_FUNDING = 0.0003
"""Fraction per 8 h paid by the side."""
HORIZON_TREND_BARS, HORIZON_RANGE_BARS = 192, 96


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and whether it holds; `figure` names what it stands on, as the question does."""

    name: str
    holds: bool
    figure: str


class RulesAdviser:
    """Answers at once and never abstains."""

    name = RULES_NAME

    def __init__(self, terms: Callable[[], TradeTerms]) -> None:
        """`terms`: those of the limits that hold at the moment, as the plan is checked by them."""
        self._terms = terms

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        return judge(brief.features, self._terms())


def judge(features: Features, terms: TradeTerms) -> Opinion:
    """The better-founded side if enough checks hold, else hold."""
    if features.regime is Regime.VOLATILE:
        return _hold("The market is volatile: these rules stay out.", 0.8)
    if hourly_atr(features) is None or any(frame not in features.frames for frame in ("15m", "1h", "4h")):
        return _hold("Too little history: the 1h ATR or a timeframe is n/a.", 0.9)
    checks = {side: list(_checks(features, side)) for side in Side}
    side = max(Side, key=lambda each: _share(checks[each]))
    share = _share(checks[side])
    if share < SHARE_TO_ACT:
        held = sum(check.holds for check in checks[side])
        return _hold(
            f"Only {held} of {len(checks[side])} checks hold for {side.value}.", round(1 - share / 2, 2)
        )
    return _idea(features, side, checks[side], terms)


def _checks(features: Features, side: Side) -> Iterator[Check]:
    if features.regime is Regime.TRENDING:
        yield from _trend_checks(features, side)
    else:
        yield from _range_checks(features, side)
    yield from _common_checks(features, side)


def _trend_checks(features: Features, side: Side) -> Iterator[Check]:
    hour, four = features.frames["1h"], features.frames["4h"]
    yield _leans(four, side)
    yield _leans(hour, side)
    yield _signed("1h.macd_hist_atr", hour.macd_histogram, side)
    yield _signed("4h.macd_hist_atr", four.macd_histogram, side)
    yield _above("1h.adx14", hour.adx, STRONG_ADX)
    yield _signed("1h.ema50_atr", _difference(hour.close, hour.ema_slow), side)
    rsi = None if hour.rsi is None else (hour.rsi - 50) * side.sign
    yield Check("momentum without excess", rsi is not None and 0 < rsi < 22, "1h.rsi14")


def _range_checks(features: Features, side: Side) -> Iterator[Check]:
    quarter, hour = features.frames["15m"], features.frames["1h"]
    place = _place_for(features, side)
    yield Check("at the edge", place is not None and 0 <= place <= EDGE, "place_between")
    rsi = None if hour.rsi is None else (50 - hour.rsi) * side.sign
    yield Check("stretched", rsi is not None and 5 < rsi < 28, "1h.rsi14")
    band = _band_place(hour)
    depth = band if side is Side.LONG or band is None else 1 - band
    yield Check("outer band", depth is not None and depth <= 0.25, "1h.bollinger_place")
    yield Check("no trend", hour.adx is not None and hour.adx <= CALM_ADX, "1h.adx14")
    yield _leans(quarter, side)
    yield _signed("15m.macd_hist_atr", quarter.macd_histogram, side)


def _common_checks(features: Features, side: Side) -> Iterator[Check]:
    hour = features.frames["1h"]
    yield _above("1h.volume_ratio", hour.volume_ratio, 1.0)
    yield _signed("1h.obv_slope", hour.obv_slope, side)
    against = [frame.timeframe for frame in features.frames.values() if frame.divergence is side.opposite]
    yield Check("no divergence against it", not against, f"{(*against, '1h')[0]}.divergence")
    place = _place_for(features, side)
    yield Check("room to the next level", place is None or place <= 0.5, "place_between")
    paid = None if features.funding_per_8h is None else features.funding_per_8h * side.sign
    yield Check("not crowded", paid is not None and paid <= CROWDED_FUNDING, "funding_bps_8h")


def _leans(frame: FrameFeatures, side: Side) -> Check:
    return Check(
        f"{frame.timeframe} leans",
        frame.lean.value == side.value,
        f"{frame.timeframe}.lean",
    )


def _signed(name: str, value: float | None, side: Side) -> Check:
    return Check(name, value is not None and value * side.sign > 0, name)


def _above(name: str, value: float | None, least: float) -> Check:
    return Check(name, value is not None and value >= least, name)


def _difference(left: float, right: float | None) -> float | None:
    return None if right is None else left - right


def _place_for(features: Features, side: Side) -> float | None:
    """0 at the level behind the side, 1 at the level ahead of it; None where a level is n/a."""
    low, high = features.support, features.resistance
    if low is None or high is None or high <= low:
        return None
    place = (features.close - low) / (high - low)
    return place if side is Side.LONG else 1 - place


def _band_place(frame: FrameFeatures) -> float | None:
    """0 at the lower Bollinger band, 1 at the upper."""
    low, high = frame.bollinger_low, frame.bollinger_high
    return None if low is None or high is None or high <= low else (frame.close - low) / (high - low)


def _share(checks: list[Check]) -> float:
    return sum(check.holds for check in checks) / len(checks)


def _idea(features: Features, side: Side, checks: list[Check], terms: TradeTerms) -> Opinion:
    stop, farthest = _stop_atr(features, side, terms)
    if stop > farthest:
        return _hold(f"The stop beyond the swing would be {stop:.1f} ATR away, over {farthest:.1f}.", 0.7)
    shown = shown_figures(features)
    held = [check for check in checks if check.holds]
    failed = [check.name for check in checks if not check.holds]
    is_trend = features.regime is Regime.TRENDING
    kind = "trend" if is_trend else "range"
    share = len(held) / len(checks)
    return _opinion(
        Stance(side.value),
        confidence=round(LEAST_CONFIDENCE + (MOST_CONFIDENCE - LEAST_CONFIDENCE) * share, 3),
        distances=(round(stop, 2), round(stop * REWARD_RISK, 2)),
        horizon=HORIZON_TREND_BARS if is_trend else HORIZON_RANGE_BARS,
        reasons=(
            f"Rules, not AI: {kind} {side.value}, {len(held)} of {len(checks)} checks hold.",
            f"Against it: {', '.join(failed) or 'nothing on the list'}."[:120],
        ),
        evidence=tuple(f"{check.figure}={shown[check.figure]}" for check in held[:6]),
        invalidation=f"Price passes the last 1h swing {'low' if side is Side.LONG else 'high'}.",
    )


def _stop_atr(features: Features, side: Side, terms: TradeTerms) -> tuple[float, float]:
    """Stop distance beyond the last 1h swing, at least what the terms allow; and the farthest allowed."""
    hour = features.frames["1h"]
    swing = hour.swing_low if side is Side.LONG else hour.swing_high
    atr = hourly_atr(features)
    nearest, farthest = stop_bounds_atr(features, terms)
    if atr is None or nearest is None or farthest is None:
        raise ValueError("a stop distance needs the 1h ATR")
    beyond = 0.0 if swing is None else (features.close - swing) * side.sign / atr + SWING_MARGIN_ATR
    return max(beyond, nearest, LEAST_STOP_ATR), farthest


def _hold(reason: str, confidence: float) -> Opinion:
    return _opinion(Stance.HOLD, confidence, None, None, (f"Rules, not AI: {reason}"[:120],), (), "")


def _opinion(
    stance: Stance,
    confidence: float,
    distances: tuple[float, float] | None,
    horizon: int | None,
    reasons: tuple[str, ...],
    evidence: tuple[str, ...],
    invalidation: str,
) -> Opinion:
    return Opinion(
        adviser=RULES_NAME,
        stance=stance,
        confidence=confidence,
        p_target_first=None,
        stop_atr=distances[0] if distances else None,
        target_atr=distances[1] if distances else None,
        horizon_bars=horizon,
        reasons=reasons,
        evidence=evidence,
        invalidation=invalidation,
        model=RULES_MODEL,
        call_id="",
    )

"""How the AI stand-ins judge: four temperaments over the facts they were sent.

Laws:
- Nothing but the text of the question is looked at: other facts give another answer, no facts give none.
- The same text gives the same answer. Nothing is learned, and no figure is a claim about real models.
- Every reason is marked, so that nobody takes a stand-in for a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK = "stand-in"
FRAME_WEIGHTS = {"15m": 0.2, "1h": 0.4, "4h": 0.4}
LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.76, 0.91
"""Of a side: 0.8 is reached well above the threshold, 0.9 hardly ever."""
SWING_MARGIN_ATR = 0.5
HORIZON_BARS = {"trending": 192, "ranging": 96}


@dataclass(frozen=True)
class Facts:
    """A question's figures; None is n/a. Distances in 1h ATR."""

    regime: str
    funding_bps: float | None
    figures: Mapping[str, Mapping[str, str]]
    """By name, then by timeframe, as written."""
    place: float | None
    """0 at support, 1 at resistance."""
    nearest_stop: float | None
    farthest_stop: float | None

    def number(self, name: str, frame: str) -> float | None:
        return _float(self.figures.get(name, {}).get(frame, ""))

    def lean(self, frame: str) -> int:
        return {"long": 1, "short": -1}.get(self.figures.get("lean", {}).get(frame, ""), 0)


@dataclass(frozen=True)
class Temperament:
    """Weights of the signals by regime; what is not named weighs nothing."""

    name: str
    model: str
    trending: Mapping[str, float]
    ranging: Mapping[str, float]
    threshold: float
    """Least weighted signal, 0..1, for a side."""
    boldness: float
    """Confidence per unit of signal above the threshold."""
    reward_risk: float
    least_volume: float = 0.0
    """Below this 1h volume ratio it holds."""


CLAUDE = Temperament(
    name="sceptic",
    model="stand-in-claude",
    trending={"trend": 0.45, "momentum": 0.2, "volume": 0.2, "location": 0.1, "funding": 0.05},
    ranging={"location": 0.45, "trend": 0.25, "stretch": 0.15, "momentum": 0.15},
    threshold=0.42,
    boldness=0.38,
    reward_risk=2.2,
    least_volume=0.7,
)
GPT = Temperament(
    name="balanced",
    model="stand-in-gpt",
    trending={"trend": 0.4, "momentum": 0.25, "volume": 0.15, "location": 0.15, "funding": 0.05},
    ranging={"location": 0.4, "trend": 0.3, "momentum": 0.2, "stretch": 0.1},
    threshold=0.34,
    boldness=0.34,
    reward_risk=2.4,
)
GROK = Temperament(
    name="trend follower",
    model="stand-in-grok",
    trending={"trend": 0.55, "momentum": 0.35, "volume": 0.1},
    ranging={"trend": 0.55, "momentum": 0.25, "location": 0.2},
    threshold=0.32,
    boldness=0.26,
    reward_risk=3.0,
)
DEEPSEEK = Temperament(
    name="contrarian",
    model="stand-in-deepseek",
    trending={"trend": 0.45, "stretch": 0.2, "location": 0.2, "momentum": 0.1, "funding": 0.05},
    ranging={"location": 0.5, "stretch": 0.25, "trend": 0.2, "funding": 0.05},
    threshold=0.24,
    boldness=0.34,
    reward_risk=2.1,
)


def judge(question: str, temperament: Temperament) -> dict[str, Any]:
    """The answer's fields, as the rubric asks for them."""
    facts = read_facts(question)
    if facts is None:
        return _hold(temperament, "No facts were found in the question.", 0.5)
    if facts.regime not in HORIZON_BARS:
        return _hold(temperament, f"The regime is {facts.regime}: standing aside.", 0.8)
    if facts.nearest_stop is None or facts.farthest_stop is None:
        return _hold(temperament, "The 1h ATR is n/a, so no stop can be placed.", 0.9)
    volume = facts.number("volume_ratio", "1h")
    if volume is None or volume < temperament.least_volume:
        return _hold(temperament, f"1h volume ratio {_shown(volume)} confirms nothing.", 0.7)
    score = _weighed(_signals(facts), _weights(facts, temperament))
    if abs(score) < temperament.threshold:
        return _hold(
            temperament, f"The signals sum to {score:+.2f}: too little.", round(0.85 - abs(score) / 2, 2)
        )
    return _side(facts, temperament, score)


def read_facts(question: str) -> Facts | None:
    """None where the text holds no table of figures."""
    rows = _table(question)
    regime = re.search(r"^regime=(\w+)$", question, re.MULTILINE)
    if not rows or regime is None:
        return None
    return Facts(
        regime=regime.group(1),
        funding_bps=_after(question, r"^funding_bps_8h=(\S+)$"),
        figures=rows,
        place=_after(question, r"^place_between=(\S+)$"),
        nearest_stop=_after(question, r"^stop_least_atr=(\S+)$"),
        farthest_stop=_after(question, r"^stop_most_atr=(\S+)$"),
    )


def _table(question: str) -> dict[str, dict[str, str]]:
    block = re.search(r"^FIGURES\nfigure,(.+)\n((?:.+\n)+)", question, re.MULTILINE)
    if block is None:
        return {}
    frames = block.group(1).split(",")
    lines = [line.split(",") for line in block.group(2).splitlines()]
    return {line[0]: dict(zip(frames, line[1:], strict=False)) for line in lines}


def _after(question: str, pattern: str) -> float | None:
    found = re.search(pattern, question, re.MULTILINE)
    return _float(found.group(1)) if found else None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _signals(facts: Facts) -> dict[str, float | None]:
    """Each -1..1, positive for long."""
    rsi = facts.number("rsi14", "1h")
    funding = facts.funding_bps
    return {
        "trend": sum(weight * facts.lean(frame) for frame, weight in FRAME_WEIGHTS.items()),
        "momentum": _mean(_bounded(facts.number("macd_hist_atr", "1h"), 0.12), _bounded(_minus(rsi, 50), 16)),
        "volume": _bounded(facts.number("obv_slope", "1h"), 0.3),
        "location": None if facts.place is None else _bounded(0.5 - facts.place, 0.5),
        "stretch": _bounded(facts.number("ema20_atr", "1h"), 2.5),
        "funding": None if funding is None else _bounded(-funding, 5),
    }


def _weights(facts: Facts, temperament: Temperament) -> Mapping[str, float]:
    return temperament.trending if facts.regime == "trending" else temperament.ranging


def _weighed(signals: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """What is n/a counts as nothing, and lowers the whole."""
    return sum(weight * (signals[name] or 0.0) for name, weight in weights.items())


def _side(facts: Facts, temperament: Temperament, score: float) -> dict[str, Any]:
    side, sign = ("long", 1) if score > 0 else ("short", -1)
    stop = _stop(facts, sign)
    if stop > (facts.farthest_stop or 0):
        return _hold(temperament, f"The stop would be {stop:.1f} ATR away, too far.", 0.7)
    excess = abs(score) - temperament.threshold
    lean = " ".join(frame for frame in FRAME_WEIGHTS if facts.lean(frame) == sign) or "no timeframe"
    return {
        "stance": side,
        "confidence": round(min(MOST_CONFIDENCE, LEAST_CONFIDENCE + temperament.boldness * excess), 2),
        "p_target_first": round(min(0.9, 1.05 / (1 + temperament.reward_risk) + 0.3 * excess + 0.03), 2),
        "stop_atr": round(stop, 2),
        "target_atr": round(stop * temperament.reward_risk, 2),
        "horizon_bars": HORIZON_BARS[facts.regime],
        "reasons": [
            f"[{MARK}, {temperament.name}] {facts.regime}: {lean} lean {side}.",
            f"[{MARK}] Weighted signals sum to {score:+.2f}, threshold {temperament.threshold:.2f}.",
        ],
        "evidence": _evidence(facts),
        "invalidation": f"1h closes beyond the last swing {'low' if sign > 0 else 'high'}.",
    }


def _stop(facts: Facts, sign: int) -> float:
    swing = facts.number("swing_low_atr" if sign > 0 else "swing_high_atr", "1h")
    beyond = 0.0 if swing is None else -swing * sign + SWING_MARGIN_ATR
    return max(beyond, facts.nearest_stop or 0.0)


def _evidence(facts: Facts) -> list[str]:
    named = [("lean", "1h"), ("lean", "4h"), ("rsi14", "1h"), ("macd_hist_atr", "1h"), ("adx14", "1h")]
    return [f"{frame}.{name}={facts.figures[name][frame]}" for name, frame in named if name in facts.figures]


def _hold(temperament: Temperament, reason: str, confidence: float) -> dict[str, Any]:
    return {
        "stance": "hold",
        "confidence": confidence,
        "p_target_first": None,
        "stop_atr": None,
        "target_atr": None,
        "horizon_bars": None,
        "reasons": [f"[{MARK}, {temperament.name}] {reason}"],
        "evidence": [],
        "invalidation": "",
    }


def _bounded(value: float | None, full: float) -> float | None:
    return None if value is None else max(-1.0, min(1.0, value / full))


def _minus(value: float | None, base: float) -> float | None:
    return None if value is None else value - base


def _mean(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"

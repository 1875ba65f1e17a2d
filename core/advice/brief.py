"""The question put to every adviser, written from closed bars.

Laws:
- Closed bars and per-bar quantities only: no live price, spread or account. The same bar gives the same text,
  byte for byte, so that scans inside one bar meet the cache.
- No symbol, date or price level: distances in basis points of the last 15m close, or in multiples of ATR.
  An adviser judges the picture, not what it remembers of a coin, and no outside text can enter.
- What is missing is "n/a" and counted, never zero.
- Candles are short tables, oldest first: about a sixth of the tokens of keyed JSON. What words the tables
  need stand in the rubric, once, where a provider's cache holds them.
- What never changes stands first (the rubric), what changes most last; the candidates' order is drawn from
  the hash of the facts, so that no stance gains by always being named first.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.advice.facts import (
    NOT_AVAILABLE,
    context,
    frame_table,
    hourly_atr,
    levels,
    number,
)
from core.advice.rubric import RUBRIC, RUBRIC_VERSION
from core.market import Candles
from core.mood import NO_MOOD, Mood
from core.opinion import Brief, Features, Stance

FACTS_VERSION = "2"
BRIEF_VERSION = f"{RUBRIC_VERSION}.{FACTS_VERSION}"

BARS_SHOWN = {"15m": 48, "1h": 36, "4h": 24}
"""Half a day, a day and a half, four days: about 1,100 tokens in all."""

REWARD_RISKS = (1.5, 2.0, 3.0)
ORDERS = tuple(itertools.permutations(Stance))
MOST_SEVERE = 3


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """What every trade costs and what the risk rules allow; fractions of price or notional."""

    round_trip_cost: float
    """Fees and slippage of entry and exit together."""
    min_stop: float
    max_stop: float
    min_reward_risk: float = 1.5


def write_brief(
    features: Features, candles: Mapping[str, Candles], terms: TradeTerms, mood: Mood = NO_MOOD
) -> Brief:
    """The same arguments always give the same texts."""
    facts = _facts(features, candles, terms, mood)
    order = order_of(facts)
    return Brief(
        symbol=features.symbol,
        features=features,
        candles=dict(candles),
        system=RUBRIC,
        question=f"{facts}\n\n{_candidates(order)}\n\nAnswer with the JSON object.\n",
        version=BRIEF_VERSION,
        order=order,
    )


def without_candles(question: str) -> str:
    """A question's text, short enough for a person."""
    return "\n\n".join(part for part in question.strip().split("\n\n") if not part.startswith("CANDLES "))


def order_of(facts: str) -> tuple[Stance, ...]:
    """One of the six orders, even over different facts; SHA-256, so that it is the same in every process."""
    drawn = int.from_bytes(hashlib.sha256(facts.encode()).digest()[:8], "big")
    return ORDERS[drawn % len(ORDERS)]


def break_even_probability(cost_r: float, reward_risk: float) -> float:
    """Chance of the target at which nothing is won or lost.

    `cost_r` is the round trip's cost and `reward_risk` the target's distance, both as multiples of the
    stop's distance: p(RR - c) = (1 - p)(1 + c).
    """
    return (1 + cost_r) / (1 + reward_risk)


def _facts(features: Features, candles: Mapping[str, Candles], terms: TradeTerms, mood: Mood) -> str:
    figures = list(frame_table(features))
    parts = [
        "FACTS",
        _state(features, figures),
        _figure_table(features, figures),
        _listed("LEVELS", levels(features)),
        _costs(features, terms),
        _mood(mood),
        *(_candle_table(name, candles.get(name), features.close) for name in BARS_SHOWN),
    ]
    return "\n\n".join(parts)


def _candidates(order: tuple[Stance, ...]) -> str:
    return "CANDIDATES\n" + "\n".join(f'"{stance.value}"' for stance in order)


def _listed(title: str, figures: Iterator[tuple[str, str]]) -> str:
    return "\n".join([title, *(f"{name}={text}" for name, text in figures)])


def _state(features: Features, figures: list[tuple[str, dict[str, str]]]) -> str:
    around = dict(context(features))
    shown = {f"{frame}.{name}": text for name, row in figures for frame, text in row.items()} | around
    missing = [name for name, text in shown.items() if text == NOT_AVAILABLE]
    lines = [
        "STATE",
        f"regime={features.regime.value}",
        *(f"{name}={text}" for name, text in around.items()),
        f"complete={len(shown) - len(missing)} of {len(shown)} figures",
        f"missing={' '.join(missing) or 'none'}",
    ]
    return "\n".join(lines)


def _figure_table(features: Features, figures: list[tuple[str, dict[str, str]]]) -> str:
    frames = list(features.frames)
    rows = [",".join([name, *(row[frame] for frame in frames)]) for name, row in figures]
    return "\n".join(["FIGURES", ",".join(["figure", *frames]), *rows])


def _costs(features: Features, terms: TradeTerms) -> str:
    near, far = stop_bounds_atr(features, terms)
    lines = [
        "COSTS",
        f"round_trip_cost_bps={terms.round_trip_cost * 1e4:.1f}",
        f"stop_least_atr={number(near, 2)}",
        f"stop_most_atr={number(far, 2)}",
        f"reward_risk_least={terms.min_reward_risk:g}",
        ",".join(["stop_bps", "cost_r", *(f"p_at_{reward:g}r" for reward in REWARD_RISKS)]),
    ]
    for stop in (terms.min_stop, terms.max_stop):
        cost_r = terms.round_trip_cost / stop
        chances = [f"{break_even_probability(cost_r, reward):.3f}" for reward in REWARD_RISKS]
        lines.append(",".join([f"{stop * 1e4:.0f}", f"{cost_r:.3f}", *chances]))
    return "\n".join(lines)


def _mood(mood: Mood) -> str:
    """Words of our own lists only; one line where nothing is known."""
    severity = mood.severity
    told = {
        "news_event": mood.event and mood.event.value,
        "news_direction": mood.direction and mood.direction.value,
        "news_severity": str(severity) if severity in range(MOST_SEVERE + 1) else None,
        "fear_greed": mood.fear_greed and mood.fear_greed.value,
        "chatter": mood.chatter and mood.chatter.value,
        "chatter_direction": mood.chatter_direction and mood.chatter_direction.value,
    }
    if not any(told.values()):
        return f"MOOD\nmood={NOT_AVAILABLE}"
    return _listed("MOOD", ((name, word or NOT_AVAILABLE) for name, word in told.items()))


def _candle_table(timeframe: str, candles: Candles | None, reference: float) -> str:
    wanted = BARS_SHOWN[timeframe]
    rows = candles.rows[-wanted:].tolist() if candles is not None else []
    mean_volume = sum(row[5] for row in rows) / len(rows) if rows else 0.0
    lines = [
        f"CANDLES {timeframe}, {len(rows)} of {wanted} bars",
        "c,up,dn,v",
    ]
    for _, _, high, low, close, volume in rows:
        figures = (
            (close - reference) / reference * 1e4,
            (high - close) / reference * 1e4,
            (close - low) / reference * 1e4,
            volume / mean_volume * 100 if mean_volume else None,
        )
        lines.append(",".join(number(figure, 0) for figure in figures))
    return "\n".join(lines)


def stop_bounds_atr(features: Features, terms: TradeTerms) -> tuple[float | None, float | None]:
    """The allowed stop distances as multiples of the 1h ATR."""
    atr = hourly_atr(features)
    if atr is None:
        return None, None
    return terms.min_stop * features.close / atr, terms.max_stop * features.close / atr

"""Reads an adviser's answer.

Laws:
- Strict and never repaired: no fence is peeled, no number clamped, no word searched for. A cut answer that is
  "completed" becomes a plausible order; a 62 that is clamped becomes certainty.
- What is not exactly one JSON object is MALFORMED; one that breaks the form or contradicts itself is INVALID.
- A figure that is cited and does not stand in the question, or says something else there, is FABRICATED.
- The distances of a hold are not read. Refusing the vote for them would strengthen the others by its absence.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from core.advice.citations import Shown, fabricated, number_shown, shown_in
from core.advice.coherence import Stated, contradiction
from core.errors import PerpilotError
from core.opinion import Opinion, Silence, Stance

MAX_ANSWER_CHARS = 8_000
"""A full answer is under 1,500; the rest is slack for white space."""
MAX_STOP_ATR = 50.0
MAX_TARGET_ATR = 100.0
"""1h ATRs: a 10 % stop in a market whose hourly ATR is 0.2 % is 50 away."""
MAX_HORIZON_BARS = 672
"""Seven days of 15-minute bars."""
MAX_REASONS, MAX_REASON_CHARS = 3, 120
MAX_EVIDENCE, MAX_EVIDENCE_CHARS = 6, 80
MAX_INVALIDATION_CHARS = 120


def _nullable(kind: str, description: str) -> dict[str, Any]:
    return {"anyOf": [{"type": kind}, {"type": "null"}], "description": description}


def _texts_schema(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


VOTE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "reasons": _texts_schema("1 to 3, each under 100 characters"),
        "evidence": _texts_schema("up to 6, each name=value as in the facts"),
        "invalidation": {"type": "string", "description": "under 100 characters"},
        "stance": {"type": "string", "enum": ["long", "short", "hold"]},
        "p_target_first": _nullable("number", "0 to 1; null for hold"),
        "stop_atr": _nullable("number", "multiples of the 1h ATR, above 0; null for hold"),
        "target_atr": _nullable("number", "multiples of the 1h ATR, above 0; null for hold"),
        "horizon_bars": _nullable("integer", "15-minute bars, 1 to 672; null for hold"),
        "confidence": {"type": "number", "description": "0 to 1"},
    },
    "required": [
        "reasons",
        "evidence",
        "invalidation",
        "stance",
        "p_target_first",
        "stop_atr",
        "target_atr",
        "horizon_bars",
        "confidence",
    ],
}
"""Grounds before figures: models write keys in this order, so that the figures follow from the grounds.
Bounds stand in descriptions only: not every provider takes `minimum` or `maxItems`; we check them."""


class BadAnswer(PerpilotError):
    """An answer that counts as none; `why` is the abstention it becomes."""

    def __init__(self, why: Silence, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Vote:
    """A valid answer, before it is anybody's. Units as in `Opinion`."""

    stance: Stance
    confidence: float
    p_target_first: float | None
    stop_atr: float | None
    target_atr: float | None
    horizon_bars: int | None
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]
    invalidation: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a vote came from; fields as in `Opinion`."""

    adviser: str
    model: str
    call_id: str
    is_cached: bool = False
    cost_usd: Decimal = Decimal(0)
    latency_s: float = 0.0


def read_vote(text: str, question: str) -> Vote:
    """`question`: the facts that were sent, in which cited figures must stand. Raises `BadAnswer`."""
    fields = _read_object(text)
    stance = _stance(fields)
    side = _side_fields(fields) if stance is not Stance.HOLD else _hold_fields(fields)
    vote = Vote(
        stance=stance,
        confidence=_fraction(fields, "confidence"),
        p_target_first=side[0],
        stop_atr=side[1],
        target_atr=side[2],
        horizon_bars=side[3],
        reasons=_texts(fields, "reasons", MAX_REASONS, MAX_REASON_CHARS),
        evidence=_texts(fields, "evidence", MAX_EVIDENCE, MAX_EVIDENCE_CHARS),
        invalidation=_text(fields["invalidation"], "invalidation", MAX_INVALIDATION_CHARS),
    )
    _check_grounds(vote)
    shown = shown_in(question)
    _check_coherence(vote, shown)
    if wrong := fabricated(vote.evidence, shown):
        raise BadAnswer(Silence.FABRICATED, wrong)
    return vote


def opinion_of(vote: Vote, source: Source) -> Opinion:
    return Opinion(
        adviser=source.adviser,
        stance=vote.stance,
        confidence=vote.confidence,
        p_target_first=vote.p_target_first,
        stop_atr=vote.stop_atr,
        target_atr=vote.target_atr,
        horizon_bars=vote.horizon_bars,
        reasons=vote.reasons,
        evidence=vote.evidence,
        invalidation=vote.invalidation,
        model=source.model,
        call_id=source.call_id,
        is_cached=source.is_cached,
        cost_usd=source.cost_usd,
        latency_s=source.latency_s,
    )


def _read_object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise BadAnswer(Silence.MALFORMED, "the answer is empty")
    if len(text) > MAX_ANSWER_CHARS:
        raise BadAnswer(Silence.MALFORMED, f"the answer has {len(text)} characters, over {MAX_ANSWER_CHARS}")
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(Silence.MALFORMED, "the answer is not one JSON object") from error
    if not isinstance(value, dict):
        raise BadAnswer(Silence.MALFORMED, "the answer is JSON, but no object")
    _check_keys(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        _invalid("a key stands twice")
    return fields


def _check_keys(fields: dict[str, Any]) -> None:
    wanted = set(VOTE_SCHEMA["required"])
    if absent := sorted(wanted - set(fields)):
        _invalid(f"missing: {', '.join(absent)}")
    if extra := len(set(fields) - wanted):
        _invalid(f"{extra} unknown key(s)")


def _stance(fields: dict[str, Any]) -> Stance:
    value = fields["stance"]
    if not isinstance(value, str) or value not in {stance.value for stance in Stance}:
        _invalid("stance is not long, short or hold")
    return Stance(value)


def _side_fields(fields: dict[str, Any]) -> tuple[float, float, float, int]:
    return (
        _fraction(fields, "p_target_first"),
        _distance(fields, "stop_atr", MAX_STOP_ATR),
        _distance(fields, "target_atr", MAX_TARGET_ATR),
        _horizon(fields),
    )


def _hold_fields(fields: dict[str, Any]) -> tuple[None, None, None, None]:
    for name in ("p_target_first", "stop_atr", "target_atr", "horizon_bars"):
        if fields[name] is not None:
            _number(fields, name)
    return None, None, None, None


def _number(fields: dict[str, Any], name: str) -> float:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        _invalid(f"{name} is not a number")
    if isinstance(value, int) and abs(value) > 10**6:
        _invalid(f"{name} is out of all range")
    if not math.isfinite(value):
        _invalid(f"{name} is not finite")
    return float(value)


def _fraction(fields: dict[str, Any], name: str) -> float:
    value = _number(fields, name)
    if not 0 <= value <= 1:
        _invalid(f"{name} {value:g} must lie between 0 and 1")
    return value


def _distance(fields: dict[str, Any], name: str, most: float) -> float:
    value = _number(fields, name)
    if not 0 < value <= most:
        _invalid(f"{name} {value:g} must be above 0 and at most {most:g}")
    return value


def _horizon(fields: dict[str, Any]) -> int:
    value = fields["horizon_bars"]
    if isinstance(value, bool) or not isinstance(value, int):
        _invalid("horizon_bars is not a whole number")
    if not 1 <= value <= MAX_HORIZON_BARS:
        _invalid(f"horizon_bars must lie between 1 and {MAX_HORIZON_BARS}")
    return value


def _texts(fields: dict[str, Any], name: str, most: int, most_chars: int) -> tuple[str, ...]:
    value = fields[name]
    if not isinstance(value, list):
        _invalid(f"{name} is not a list")
    if len(value) > most:
        _invalid(f"{name} has {len(value)} entries, over {most}")
    texts = tuple(_text(entry, name, most_chars) for entry in value)
    if not all(text.strip() for text in texts):
        _invalid(f"{name} has an empty entry")
    return texts


def _text(value: Any, name: str, most_chars: int) -> str:
    if not isinstance(value, str):
        _invalid(f"{name} is not text")
    if len(value) > most_chars:
        _invalid(f"{name} has {len(value)} characters, over {most_chars}")
    if any(unicodedata.category(character).startswith("C") for character in value):
        _invalid(f"{name} has a control character")
    return value


def _check_grounds(vote: Vote) -> None:
    """A side that names no evidence or nothing that would prove it wrong contradicts itself."""
    if not vote.reasons:
        _invalid("no reason is given")
    if any("=" not in entry for entry in vote.evidence):
        _invalid("evidence is not name=value")
    if vote.stance is Stance.HOLD:
        return
    if not vote.evidence:
        _invalid(f"{vote.stance.value} without evidence")
    if not vote.invalidation.strip():
        _invalid(f"{vote.stance.value} without an invalidation")


def _check_coherence(vote: Vote, shown: Shown) -> None:
    if vote.p_target_first is None or vote.stop_atr is None or vote.target_atr is None:
        return
    stated = Stated(vote.confidence, vote.p_target_first, vote.stop_atr, vote.target_atr)
    if wrong := contradiction(stated, _round_trip_atr(shown)):
        _invalid(wrong)


def _round_trip_atr(shown: Shown) -> float:
    """Costs as the question told them, in 1h ATR."""
    cost, atr = number_shown(shown, "round_trip_cost_bps"), number_shown(shown, "1h.atr14_bps")
    return cost / atr if cost is not None and atr else 0.0


def _invalid(detail: str) -> NoReturn:
    raise BadAnswer(Silence.INVALID, detail)
